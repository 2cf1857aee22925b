"""The Slack double's Web API, driven by the real slack_sdk: it refuses and forgets what Slack does."""

import asyncio
from typing import Any

import aiohttp
import pytest
from office import (
    BUTTONS,
    MANIFEST,
    SCOPES,
    Office,
    OpenOffice,
    code_of,
    office_fixture,  # noqa: F401 - a fixture
    open_office_fixture,  # noqa: F401 - a fixture
)
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.demo.double.faults import Fault
from bridge.demo.double.slack import scopes_of

# --- the Web API's manners --------------------------------------------------------------------------------------------


async def test_a_call_is_judged_by_its_token(office: Office) -> None:
    """No token, a wrong one and the wrong kind are three different refusals."""
    url = office.double.url
    assert await code_of(AsyncWebClient(base_url=url).auth_test()) == "not_authed"
    assert await code_of(AsyncWebClient("xoxb-other", base_url=url).auth_test()) == "invalid_auth"
    assert await code_of(AsyncWebClient(office.double.app_token, base_url=url).auth_test()) == "not_allowed_token_type"
    assert await code_of(office.web.apps_connections_open(app_token=office.double.bot_token)) == (
        "not_allowed_token_type"
    )
    assert await code_of(office.web.api_call("mail.read")) == "unknown_method"


async def test_a_missing_scope_is_named(open_office: OpenOffice) -> None:
    office = await open_office(scopes={"chat:write"})
    with pytest.raises(SlackApiError) as refused:
        await office.web.users_info(user=office.dana)
    assert refused.value.response["error"] == "missing_scope"
    assert (refused.value.response["needed"], refused.value.response["provided"]) == ("users:read", "chat:write")
    assert scopes_of(MANIFEST) == frozenset(SCOPES)


async def test_the_scope_depends_on_the_kind_of_channel(open_office: OpenOffice) -> None:
    office = await open_office(scopes={"channels:read", "channels:history"})
    members = [office.workspace.bot_user_id]
    private = office.workspace.add_channel("vip", members=members, is_private=True)["id"]
    assert (await office.web.conversations_info(channel=office.support))["channel"]["name"] == "support"
    assert await code_of(office.web.conversations_info(channel=private)) == "missing_scope"
    assert await code_of(office.web.conversations_list(types="public_channel,private_channel")) == "missing_scope"


async def test_every_encoding_reaches_the_same_method(office: Office) -> None:
    """JSON, a form with JSON text inside, and a query with an empty body."""
    token = {"Authorization": f"Bearer {office.double.bot_token}"}
    message = {"channel": office.support, "text": "x", "blocks": '[{"type": "divider"}]'}
    async with aiohttp.ClientSession(office.double.url, headers=token) as session:
        for how in ({"json": {**message, "blocks": [{"type": "divider"}]}}, {"data": message}, {"params": message}):
            async with session.post("chat.postMessage", **how) as response:
                assert (await response.json())["message"]["blocks"][0]["type"] == "divider"
        async with session.post("conversations.info", json={"channel": office.support}) as response:
            assert (await response.json())["error"] == "invalid_arguments"  # reading methods take no JSON
        async with session.get("apps.connections.open") as response:
            assert (await response.json())["error"] == "not_allowed_token_type"
        async with session.post(
            "chat.postMessage", data=b"{", headers={"Content-Type": "application/json"}
        ) as response:
            assert (await response.json())["error"] == "invalid_json"


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_text_is_stored_escaped_and_links_are_marked(office: Office) -> None:
    text = "a < b & <@U1> see https://x.example/?a=1&b=2, write bob@example.com"
    answer = await office.web.chat_postMessage(channel=office.support, text=text)
    assert answer["message"]["text"] == (
        "a &lt; b &amp; <@U1> see <https://x.example/?a=1&amp;b=2>, write <mailto:bob@example.com|bob@example.com>"
    )
    date = "<!date^1767225600^{date_short_pretty} {time}|2026-01-01 00:00 UTC>"
    answer = await office.web.chat_postMessage(channel=office.support, text=date)
    assert answer["message"]["text"] == date


async def test_what_slack_refuses_of_a_message_is_refused(office: Office) -> None:
    private = str(office.workspace.add_channel("secret", members=[office.dana], is_private=True)["id"])
    public = str(office.workspace.add_channel("random", members=[office.dana])["id"])
    old = str(office.workspace.add_channel("old", members=[office.workspace.bot_user_id], is_archived=True)["id"])
    post = office.web.chat_postMessage
    assert await code_of(post(channel="C404", text="x")) == "channel_not_found"
    assert await code_of(post(channel=private, text="x")) == "channel_not_found"
    assert await code_of(post(channel=public, text="x")) == "not_in_channel"
    assert await code_of(post(channel=old, text="x")) == "is_archived"
    assert await code_of(office.web.api_call("chat.postMessage", json={"channel": office.support})) == "no_text"
    assert await code_of(post(channel=office.support, text="x", thread_ts="1.000001")) == "thread_not_found"
    assert await code_of(post(channel=office.support, text="x", blocks=[{"type": "input"}])) == "invalid_blocks"
    assert await code_of(post(channel=office.support, text="x", metadata={"event_type": "x"})) == (
        "invalid_metadata_schema"
    )
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    assert await code_of(post(channel=office.support, text="x", blocks=long)) == "msg_blocks_too_long"
    whole = await post(channel=office.support, text="x" * 40_010)
    assert len(whole["message"]["text"]) == 40_000
    update = office.web.chat_update
    assert await code_of(update(channel=office.support, ts=whole["ts"], text="x" * 4_001)) == "msg_too_long"
    assert await code_of(update(channel=office.support, ts="1.000001", text="x")) == "message_not_found"
    theirs = await office.double.person(office.dana).say(office.support, "mine")
    assert await code_of(update(channel=office.support, ts=theirs, text="x")) == "cant_update_message"
    assert await code_of(office.web.chat_delete(channel=office.support, ts=theirs)) == "cant_delete_message"


async def test_an_update_with_text_alone_takes_the_blocks_away_and_keeps_the_metadata(office: Office) -> None:
    metadata = {"event_type": "mail_bridge", "event_payload": {"key": "k1"}}
    ts = (await office.web.chat_postMessage(channel=office.support, text="one", blocks=BUTTONS, metadata=metadata))[
        "ts"
    ]
    await office.web.chat_update(channel=office.support, ts=ts, text="two", blocks=BUTTONS[:1])
    (message,) = office.workspace.history(office.support)
    assert (len(message["blocks"]), "edited" in message) == (1, False)
    await office.web.chat_update(channel=office.support, ts=ts, text="three")
    (message,) = office.workspace.history(office.support)
    assert ("blocks" in message, "edited" in message, message["metadata"]) == (False, True, metadata)


async def test_metadata_is_told_only_when_it_is_asked_for(office: Office) -> None:
    metadata = {"event_type": "mail_bridge", "event_payload": {"key": "k1"}}
    ts = (await office.web.chat_postMessage(channel=office.support, text="x", metadata=metadata))["ts"]
    await office.web.chat_postMessage(channel=office.support, text="y", thread_ts=ts, metadata=metadata)
    for read in (office.web.conversations_history, office.web.conversations_replies):
        where = {"channel": office.support, "ts": ts}
        assert "metadata" not in (await read(**where))["messages"][-1]
        told = (await read(**where, include_all_metadata=True))["messages"][-1]
        assert told["metadata"] == metadata


async def test_history_is_read_newest_first_in_pages_and_without_replies(office: Office) -> None:
    sent = [(await office.web.chat_postMessage(channel=office.support, text=f"n{n}"))["ts"] for n in range(5)]
    await office.web.chat_postMessage(channel=office.support, text="reply", thread_ts=sent[0])
    await office.web.chat_postMessage(channel=office.support, text="both", thread_ts=sent[0], reply_broadcast=True)
    read = office.web.conversations_history
    first = await read(channel=office.support, limit=4)
    rest = await read(channel=office.support, limit=4, cursor=first["response_metadata"]["next_cursor"])
    assert [m["text"] for m in first["messages"] + rest["messages"]] == ["both", "n4", "n3", "n2", "n1", "n0"]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    between = await read(channel=office.support, oldest=sent[1], latest=sent[3])
    assert [m["text"] for m in between["messages"]] == ["n2"]
    ends = await read(channel=office.support, oldest=sent[1], latest=sent[3], inclusive=True)
    assert [m["text"] for m in ends["messages"]] == ["n3", "n2", "n1"]
    assert await code_of(read(channel=office.support, cursor="nonsense")) == "invalid_cursor"
    thread = (await office.web.conversations_replies(channel=office.support, ts=sent[0]))["messages"]
    assert [m["text"] for m in thread] == ["n0", "reply", "both"]
    assert (thread[0]["reply_count"], thread[0]["latest_reply"]) == (2, thread[2]["ts"])
    assert sorted(sent) == sent
    assert len(set(sent)) == 5


async def test_a_deleted_parent_leaves_a_tombstone_over_its_replies(office: Office) -> None:
    ts = (await office.web.chat_postMessage(channel=office.support, text="parent"))["ts"]
    await office.web.chat_postMessage(channel=office.support, text="reply", thread_ts=ts)
    await office.web.chat_delete(channel=office.support, ts=ts)
    (stone,) = office.workspace.history(office.support)
    assert (stone["subtype"], stone["reply_count"]) == ("tombstone", 1)
    assert await code_of(office.web.chat_postMessage(channel=office.support, text="x", thread_ts=ts)) == (
        "cannot_reply_to_message"
    )


async def test_an_ephemeral_message_is_seen_by_one_person_and_stored_nowhere(office: Office) -> None:
    whisper = office.web.chat_postEphemeral
    ts = (await whisper(channel=office.support, user=office.dana, text="psst"))["message_ts"]
    assert [m["text"] for m in office.double.person(office.dana).ephemerals(office.support)] == ["psst"]
    assert office.double.person(office.eli).ephemerals(office.support) == []
    assert office.workspace.history(office.support) == []
    assert await code_of(office.web.chat_update(channel=office.support, ts=ts, text="x")) == "message_not_found"
    assert await code_of(whisper(channel=office.support, user="U404", text="x")) == "user_not_in_channel"


async def test_people_and_marks_are_told_as_slack_tells_them(office: Office) -> None:
    found = await office.web.users_lookupByEmail(email="DANA@example.com")
    assert found["user"]["id"] == office.dana
    assert await code_of(office.web.users_lookupByEmail(email="nobody@example.com")) == "users_not_found"
    assert (await office.web.conversations_members(channel=office.support))["members"][:2] == [office.dana, office.eli]
    direct = (await office.web.conversations_open(users=office.dana))["channel"]["id"]
    assert (await office.web.chat_postMessage(channel=office.dana, text="hi"))["channel"] == direct
    ts = (await office.web.chat_postMessage(channel=office.support, text="x"))["ts"]
    await office.web.reactions_add(channel=office.support, timestamp=ts, name="eyes")
    assert await code_of(office.web.reactions_add(channel=office.support, timestamp=ts, name="eyes")) == (
        "already_reacted"
    )
    told = await office.web.reactions_get(channel=office.support, timestamp=ts)
    assert told["message"]["reactions"] == [{"name": "eyes", "users": [office.workspace.bot_user_id], "count": 1}]
    link = {"title": "Help", "type": "link", "link": "https://example.com/"}
    await office.web.bookmarks_add(channel_id=office.support, **link)
    shown = await office.web.bookmarks_list(channel_id=office.support)
    assert [bookmark["title"] for bookmark in shown["bookmarks"]] == ["Help"]
    reached = await office.web.chat_getPermalink(channel=office.support, message_ts=ts)
    assert reached["permalink"].endswith(f"/archives/{office.support}/p{ts.replace('.', '')}")


# --- files ------------------------------------------------------------------------------------------------------------


async def test_several_files_become_one_message_in_the_thread_a_little_later(office: Office) -> None:
    ts = (await office.web.chat_postMessage(channel=office.support, text="A mail"))["ts"]
    uploads: list[dict[str, Any]] = [
        {"filename": "a.txt", "content": "first"},
        {"filename": "b.pdf", "content": b"%PDF-"},
    ]
    done = await office.web.files_upload_v2(channel=office.support, thread_ts=ts, file_uploads=uploads)
    assert [file["shares"] for file in done["files"]] == [{}, {}]
    dana = office.double.person(office.dana)
    (message,) = await dana.sees(lambda: office.workspace.replies(office.support, ts))
    assert (message["subtype"], [file["name"] for file in message["files"]]) == ("file_share", ["a.txt", "b.pdf"])
    told = (await office.web.files_info(file=done["files"][1]["id"]))["file"]
    assert told["shares"]["public"][office.support][0]["ts"] == message["ts"]
    assert (told["mimetype"], told["size"]) == ("application/pdf", 5)


async def test_an_upload_that_breaks_the_three_steps_is_refused(office: Office) -> None:
    step = await office.web.files_getUploadURLExternal(filename="a.txt", length=5)
    finish = office.web.files_completeUploadExternal
    ticket = [{"id": step["file_id"], "title": "A"}]
    assert await code_of(finish(files=ticket, channel_id=office.support)) == "file_not_found"
    async with aiohttp.ClientSession() as session:
        async with session.post(step["upload_url"], data=b"too long") as response:
            assert response.status == 400
        async with session.post(step["upload_url"], data=b"right") as response:
            assert await response.text() == "OK - 5"
    assert await code_of(finish(files=ticket, channel_id="C404")) == "channel_not_found"
    await finish(files=ticket, channel_id=office.support)
    assert await code_of(finish(files=ticket, channel_id=office.support)) == "file_not_found"
    assert await code_of(office.web.files_getUploadURLExternal(filename="a.txt", length=0)) == "missing_argument"


async def test_a_private_file_is_served_for_the_token_and_else_answered_with_a_sign_in_page(office: Office) -> None:
    dana = office.double.person(office.dana)
    file = await dana.upload("note.txt", b"secret")
    await dana.say(office.support, "here", files=[file])
    token = {"Authorization": f"Bearer {office.double.bot_token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(file["url_private_download"], headers=token) as response:
            assert await response.read() == b"secret"
        async with session.get(file["url_private"]) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert b"secret" not in await response.read()
        hidden = await dana.upload("own.txt", b"not shared")
        async with session.get(hidden["url_private"], headers=token) as response:
            assert response.content_type == "text/html"
    assert await code_of(office.web.files_info(file=hidden["id"])) == "file_not_found"


async def test_the_message_of_an_upload_may_never_come(office: Office) -> None:
    office.double.faults.drop_before("file_share")
    done = await office.web.files_upload_v2(channel=office.support, filename="a.txt", content="x")
    again = await office.web.files_upload_v2(channel=office.support, filename="b.txt", content="x")
    dana = office.double.person(office.dana)
    (message,) = await dana.sees(lambda: office.workspace.history(office.support))
    assert [file["id"] for file in message["files"]] == [again["file"]["id"]]
    assert (await office.web.files_info(file=done["file"]["id"]))["file"]["shares"] == {}


# --- faults -----------------------------------------------------------------------------------------------------------


async def test_the_default_retry_posts_twice_when_the_answer_is_lost(office: Office) -> None:
    """Why the bridge must not let the client repeat its writes by itself."""
    office.double.faults.drop_after_commit("chat.postMessage")
    await office.web.chat_postMessage(channel=office.support, text="once?")
    assert [m["text"] for m in office.workspace.history(office.support)] == ["once?", "once?"]
    assert office.double.faults.calls["chat.postMessage"] == 2


async def test_without_retries_a_lost_answer_is_an_error_and_one_message(office: Office) -> None:
    office.double.faults.drop_after_commit("chat.postMessage")
    careful = AsyncWebClient(office.double.bot_token, base_url=office.double.url, retry_handlers=[])
    with pytest.raises(aiohttp.ClientError):
        await careful.chat_postMessage(channel=office.support, text="once")
    assert len(office.workspace.history(office.support)) == 1
    office.double.faults.drop_before("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await careful.chat_postMessage(channel=office.support, text="never")
    assert len(office.workspace.history(office.support)) == 1


async def test_faults_strike_the_method_they_are_for_and_then_stop(office: Office) -> None:
    faults = office.double.faults
    faults.rate_limited("auth.test", retry_after=7)
    faults.error("auth.test", status=503)
    faults.refuse("auth.test", error="fatal_error")
    assert (await office.web.team_info())["team"]["id"] == office.workspace.team_id
    with pytest.raises(SlackApiError) as limited:
        await office.web.auth_test()
    assert (limited.value.response.status_code, limited.value.response.headers["Retry-After"]) == (429, "7")
    with pytest.raises(SlackApiError) as broken:
        await office.web.auth_test()
    assert broken.value.response.status_code == 503
    assert await code_of(office.web.auth_test()) == "fatal_error"
    assert (await office.web.auth_test())["user_id"] == office.workspace.bot_user_id


async def test_a_slow_answer_comes_after_its_effect(office: Office) -> None:
    office.double.faults.slow("chat.postMessage", seconds=30)
    call = asyncio.create_task(office.web.chat_postMessage(channel=office.support, text="late"))
    await office.double.person(office.dana).sees(lambda: office.workspace.history(office.support))
    assert not call.done()
    call.cancel()


async def test_a_storm_is_the_same_for_the_same_seed(office: Office) -> None:
    faults = office.double.faults
    courses = []
    for _ in range(2):
        faults.storm(share=0.2, seed=5, faults=[Fault(kind="refuse", error="internal_error")])
        courses.append([faults.take("chat.postMessage") is not None for _ in range(200)])
    faults.clear()
    assert courses[0] == courses[1]
    assert 20 < sum(courses[0]) < 60
    assert faults.take("chat.postMessage") is None


async def test_posting_faster_than_slack_allows_is_limited_per_channel(office: Office) -> None:
    other = str(office.workspace.add_channel("other", members=[office.workspace.bot_user_id])["id"])
    office.double.faults.pace(per_second=1, burst=2)
    for _ in range(2):
        await office.web.chat_postMessage(channel=office.support, text="x")
    with pytest.raises(SlackApiError) as limited:
        await office.web.chat_postMessage(channel=office.support, text="x")
    assert limited.value.response.headers["Retry-After"] == "1"
    await office.web.chat_postMessage(channel=other, text="x")
    office.clock.time += 1
    await office.web.chat_postMessage(channel=office.support, text="x")
