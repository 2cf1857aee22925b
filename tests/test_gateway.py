"""What the bridge does in Slack: each thing once, found again by its key, and what is wrong told in a sentence."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from workplace import BLOCKS, VIEW, Clock, Workplace, workplace

from bridge.errors import Misconfigured, Permanent, Refused, Temporary, Uncertain
from bridge.model import ChannelId, FileId, Number, Ts, UserId, now
from bridge.slack.directory import KEEP_SECONDS
from bridge.slack.faults import Gone
from bridge.slack.gateway import PAGE, Gateway

NUMBER = Number(1042)


@pytest.fixture
async def place() -> AsyncIterator[Workplace]:
    async with workplace() as made:
        yield made


async def post(place: Workplace, text: str = "A mail", *, key: str = "k", thread_ts: Ts | None = None) -> Ts:
    return await place.gateway.post(
        place.support, text=text, blocks=BLOCKS, key=key, number=NUMBER, thread_ts=thread_ts
    )


# --- who we are -----------------------------------------------------------------------------------------------------


async def test_it_knows_itself_and_its_scopes_and_asks_once(place: Workplace) -> None:
    me = await place.gateway.me()
    assert (me.team_id, me.bot_id) == (place.double.workspace.team_id, place.double.workspace.bot_id)
    assert me.bot_user_id == place.double.workspace.bot_user_id
    assert {"chat:write", "files:read"} <= me.scopes
    await place.gateway.me()
    assert place.double.faults.calls["auth.test"] == 1


async def test_a_wrong_bot_token_is_told_with_its_setting(place: Workplace) -> None:
    async with Gateway.open(token="xoxb-old", api_url=place.double.url) as stranger:
        with pytest.raises(Permanent, match="SLACK_BOT_TOKEN"):
            await stranger.me()


# --- messages -------------------------------------------------------------------------------------------------------


async def test_a_post_carries_its_key_and_number_and_nothing_of_the_mail(place: Workplace) -> None:
    ts = await post(place, key="show:7")
    message = place.double.workspace.message(place.support, ts)
    assert message is not None
    assert message["metadata"] == {
        "event_type": "mail_bridge",
        "event_payload": {"conversation": 1042, "key": "show:7"},
    }


async def test_an_answer_lost_after_the_post_is_uncertain_and_the_one_message_is_found(place: Workplace) -> None:
    """Posting is never repeated blindly: a lost answer leaves one message, which the key finds."""
    since = now()
    place.double.faults.drop_after_commit("chat.postMessage")
    with pytest.raises(Uncertain):
        await post(place, key="card:1")
    history = place.double.workspace.history(place.support)
    assert len(history) == 1
    assert await place.gateway.find(place.support, key="card:1", since=since) == history[0]["ts"]


async def test_a_post_that_never_arrived_is_not_found(place: Workplace) -> None:
    since = now()
    place.double.faults.drop_before("chat.postMessage")
    with pytest.raises(Uncertain):
        await post(place, key="card:2")
    assert place.texts() == []
    assert await place.gateway.find(place.support, key="card:2", since=since) is None


async def test_a_reply_is_found_in_its_thread_and_not_in_the_channel(place: Workplace) -> None:
    since = now()
    card = await post(place, key="card")
    reply = await post(place, key="mail:1", thread_ts=card)
    assert await place.gateway.find(place.support, key="mail:1", since=since, thread_ts=card) == reply
    assert await place.gateway.find(place.support, key="mail:1", since=since) is None


async def test_a_broadcast_reply_shows_in_the_channel_too(place: Workplace) -> None:
    card = await post(place)
    await place.gateway.post(
        place.support, text="Reopened", blocks=BLOCKS, key="note", number=NUMBER, thread_ts=card, broadcast=True
    )
    assert place.texts() == ["A mail", "Reopened"]


async def test_find_reads_on_past_the_first_page(place: Workplace) -> None:
    """Two hundred messages of other people after ours do not hide it."""
    since = now()
    ours = await post(place, key="old")
    for number in range(PAGE + 20):
        place.double.workspace.post(place.support, {"user": place.dana, "text": str(number)})
    assert await place.gateway.find(place.support, key="old", since=since) == ours
    assert place.double.faults.calls["conversations.history"] == 2


async def test_find_looks_only_from_a_minute_before_the_time_given(place: Workplace) -> None:
    ours = await post(place, key="old")
    assert await place.gateway.find(place.support, key="old", since=now() + timedelta(seconds=30)) == ours
    assert await place.gateway.find(place.support, key="old", since=now() + timedelta(seconds=90)) is None


async def test_find_takes_nobody_elses_message_for_ours(place: Workplace) -> None:
    """Any app in the workspace can copy metadata."""
    metadata = {"event_type": "mail_bridge", "event_payload": {"conversation": 1, "key": "k"}}
    place.double.workspace.post(place.support, {"bot_id": "B0OTHER001", "text": "Us too", "metadata": metadata})
    assert await place.gateway.find(place.support, key="k", since=now()) is None


async def test_an_update_replaces_what_a_message_shows_and_keeps_its_key(place: Workplace) -> None:
    since = now()
    ts = await post(place, key="card")
    changed = [{"type": "section", "text": {"type": "mrkdwn", "text": "Closed"}}]
    await place.gateway.update(place.support, ts, text="Closed", blocks=changed, key="card", number=NUMBER)
    message = place.double.workspace.message(place.support, ts)
    assert message is not None
    assert message["blocks"][0]["text"]["text"] == "Closed"
    assert await place.gateway.find(place.support, key="card", since=since) == ts


async def test_an_update_whose_answer_is_lost_may_simply_be_tried_again(place: Workplace) -> None:
    ts = await post(place)
    place.double.faults.drop_after_commit("chat.update")
    with pytest.raises(Temporary):
        await place.gateway.update(place.support, ts, text="Closed", blocks=BLOCKS, key="k", number=NUMBER)
    assert place.texts() == ["Closed"]


async def test_an_update_of_a_deleted_message_says_that_it_is_gone(place: Workplace) -> None:
    ts = await post(place)
    place.double.workspace.delete(place.support, ts)
    with pytest.raises(Gone):
        await place.gateway.update(place.support, ts, text="Closed", blocks=BLOCKS, key="k", number=NUMBER)


async def test_deleting_twice_is_as_good_as_once(place: Workplace) -> None:
    ts = await post(place)
    await place.gateway.delete(place.support, ts)
    await place.gateway.delete(place.support, ts)
    assert place.texts() == []


async def test_an_ephemeral_message_reaches_one_person(place: Workplace) -> None:
    await place.gateway.ephemeral(place.support, place.dana, text="Only you")
    assert [seen["text"] for seen in place.double.person(place.dana).ephemerals(place.support)] == ["Only you"]


async def test_a_lost_answer_to_an_ephemeral_message_is_uncertain(place: Workplace) -> None:
    place.double.faults.drop_after_commit("chat.postEphemeral")
    with pytest.raises(Uncertain):
        await place.gateway.ephemeral(place.support, place.dana, text="Only you")


async def test_a_permalink_leads_to_the_message(place: Workplace) -> None:
    ts = await post(place)
    assert ts.replace(".", "") in await place.gateway.permalink(place.support, ts)


async def test_a_channel_that_the_bot_left_is_told_with_the_cure(place: Workplace) -> None:
    place.double.workspace.leave(place.support, place.double.workspace.bot_user_id)
    with pytest.raises(Permanent, match="/invite @Bridge"):
        await post(place)


async def test_an_archived_channel_is_told_as_such(place: Workplace) -> None:
    place.double.workspace.change_channel(place.support, is_archived=True)
    with pytest.raises(Permanent, match="archived"):
        await post(place)


async def test_a_message_that_is_built_wrongly_is_told_to_the_log_by_its_place(place: Workplace) -> None:
    secret = "Dear customer, " * 300
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": secret}}]
    with pytest.raises(Permanent) as caught:
        await place.gateway.post(place.support, text="x", blocks=blocks, key="k", number=NUMBER)
    assert "Dear customer" not in str(caught.value) + caught.value.detail
    assert "chat.postMessage: invalid_blocks" in caught.value.detail


# --- pace -----------------------------------------------------------------------------------------------------------


async def test_posts_to_one_channel_arrive_in_the_order_of_asking(place: Workplace) -> None:
    """Even where Slack is slow with an earlier one."""
    place.double.faults.slow("chat.postMessage", seconds=0.05)
    await asyncio.gather(*(post(place, str(number), key=str(number)) for number in range(8)))
    assert place.texts() == [str(number) for number in range(8)]


async def test_a_429_is_told_with_its_wait_and_other_channels_go_on(place: Workplace) -> None:
    sales = ChannelId(place.double.workspace.add_channel("sales", members=[place.double.workspace.bot_user_id])["id"])
    place.double.faults.rate_limited("chat.postMessage", retry_after=30)
    with pytest.raises(Temporary) as caught:
        await post(place)
    assert caught.value.retry_after == 30
    await place.gateway.post(sales, text="Elsewhere", blocks=BLOCKS, key="k", number=NUMBER)
    assert [message["text"] for message in place.double.workspace.history(sales)] == ["Elsewhere"]


async def test_while_retry_after_runs_slack_is_not_asked_again(place: Workplace) -> None:
    place.double.faults.rate_limited("chat.postMessage", retry_after=30)
    for _ in range(3):
        with pytest.raises(Temporary) as caught:
            await post(place)
        assert 29 < (caught.value.retry_after or 0) <= 30
    assert place.double.faults.calls["chat.postMessage"] == 1


async def test_a_short_retry_after_is_waited_for(place: Workplace) -> None:
    place.double.faults.rate_limited("chat.postMessage", retry_after=1)
    with pytest.raises(Temporary):
        await post(place)
    began = asyncio.get_running_loop().time()
    await post(place, "Second try")
    assert asyncio.get_running_loop().time() - began > 0.9
    assert place.texts() == ["Second try"]


async def test_a_burst_that_slack_ends_arrives_whole_at_slacks_pace(place: Workplace) -> None:
    """What meets a 429 is tried again after the wait that it was told, and nothing is posted twice."""
    place.double.faults.pace(per_second=2, burst=2)

    async def until_posted(text: str) -> None:
        while True:
            try:
                await post(place, text, key=text)
            except Temporary as error:
                await asyncio.sleep(error.retry_after or 0)
            else:
                return

    await asyncio.gather(*(until_posted(str(number)) for number in range(4)))
    assert sorted(place.texts()) == ["0", "1", "2", "3"]
    assert place.double.faults.calls["chat.postMessage"] <= 6


async def test_what_an_agent_clicks_does_not_wait_behind_posts(place: Workplace) -> None:
    place.double.faults.slow("chat.postMessage", seconds=5)
    changes = place.double.workspace.subscribe()
    posting = asyncio.create_task(post(place))
    await changes.get()
    await place.gateway.ephemeral(place.support, place.dana, text="At once")
    await place.gateway.publish_home(place.dana, {"type": "home", "blocks": BLOCKS})
    assert not posting.done()
    posting.cancel()


# --- windows --------------------------------------------------------------------------------------------------------


async def test_a_click_that_is_too_old_is_refused_with_a_sentence(place: Workplace) -> None:
    place.double.faults.refuse("views.open", error="expired_trigger_id")
    with pytest.raises(Refused, match="try again"):
        await place.gateway.open_view("1.2.abc", VIEW)


@pytest.mark.parametrize(("code", "kind"), [("not_found", Gone), ("hash_conflict", Refused)])
async def test_a_window_that_was_closed_or_changed_says_so(place: Workplace, code: str, kind: type[Exception]) -> None:
    place.double.faults.refuse("views.update", error=code)
    with pytest.raises(kind):
        await place.gateway.update_view("V1", VIEW, hash="1.a")


async def test_home_is_published_to_one_person(place: Workplace) -> None:
    changes = place.double.workspace.subscribe()
    await place.gateway.publish_home(place.dana, {"type": "home", "blocks": BLOCKS})
    seen = [changes.get_nowait() for _ in range(changes.qsize())]
    assert [change["user"] for change in seen if change["type"] == "home"] == [place.dana]


# --- files ----------------------------------------------------------------------------------------------------------


async def test_a_file_goes_up_unseen_and_then_shows_in_the_thread(place: Workplace) -> None:
    card = await post(place)
    file_id = await place.gateway.put_file(filename="offer.pdf", content=b"%PDF-1.7 offer")
    assert not await place.gateway.shared(file_id, place.support)
    await place.gateway.share_files(place.support, thread_ts=card, files=[(file_id, "The offer")], comment="Attached")
    assert await place.gateway.wait_shared(file_id, place.support)
    [reply] = place.double.workspace.replies(place.support, card)
    assert (reply["text"], [file["title"] for file in reply["files"]]) == ("Attached", ["The offer"])
    file = await place.gateway.file(file_id)
    assert (file.name, file.mimetype, file.size) == ("offer.pdf", "application/pdf", 14)
    assert await place.gateway.download(file, max_bytes=1000) == b"%PDF-1.7 offer"


async def test_a_share_whose_answer_is_lost_is_uncertain_and_seen_to_stand(place: Workplace) -> None:
    card = await post(place)
    file_id = await place.gateway.put_file(filename="a.txt", content=b"a")
    place.double.faults.drop_after_commit("files.completeUploadExternal")
    with pytest.raises(Uncertain):
        await place.gateway.share_files(place.support, thread_ts=card, files=[(file_id, "a")])
    assert await place.gateway.wait_shared(file_id, place.support)
    assert len(place.double.workspace.replies(place.support, card)) == 1


async def test_a_large_file_goes_up_whole(place: Workplace) -> None:
    content = bytes(range(256)) * 2**13  # 2 MiB
    file_id = await place.gateway.put_file(filename="scan.tiff", content=content)
    assert place.double.workspace.files[file_id].content == content


async def test_an_upload_that_broke_off_may_be_tried_again(place: Workplace) -> None:
    place.double.faults.drop_before("upload")
    with pytest.raises(Temporary):
        await place.gateway.put_file(filename="a.txt", content=b"a")
    place.double.faults.error("upload", status=500)
    with pytest.raises(Temporary):
        await place.gateway.put_file(filename="a.txt", content=b"a")


async def test_a_file_that_slack_does_not_know_yet_may_be_shared_a_little_later(place: Workplace) -> None:
    card = await post(place)
    place.double.faults.refuse("files.completeUploadExternal", error="file_not_found")
    with pytest.raises(Temporary):
        await place.gateway.share_files(place.support, thread_ts=card, files=[(FileId("F1"), "a")])


async def test_an_empty_file_is_told_and_not_sent(place: Workplace) -> None:
    with pytest.raises(Permanent, match="empty"):
        await place.gateway.put_file(filename="empty.txt", content=b"")


async def test_a_file_that_an_agent_deleted_is_gone(place: Workplace) -> None:
    with pytest.raises(Gone):
        await place.gateway.file(FileId("F0000000"))


# --- people and channels --------------------------------------------------------------------------------------------


async def test_a_member_is_read_with_what_decides_whether_they_may_act(place: Workplace) -> None:
    people = place.double.workspace
    guest = UserId(people.add_user("gil", real_name="Gil Guest", is_ultra_restricted=True, tz="Europe/Berlin")["id"])
    dana = await place.gateway.user(place.dana)
    assert (dana.name, dana.email, dana.is_guest, dana.is_bot) == ("dana", "dana@example.com", False, False)
    assert dana.team_id == people.team_id
    assert (await place.gateway.user(guest)).is_guest
    assert (await place.gateway.user(guest)).tz == "Europe/Berlin"
    assert (await place.gateway.user(UserId(people.bot_user_id))).is_bot


@pytest.mark.parametrize("flag", ["is_ext_shared", "is_org_shared", "is_pending_ext_shared"])
async def test_a_channel_shared_outside_is_known_as_shared(place: Workplace, flag: str) -> None:
    assert not (await place.gateway.channel(place.support)).is_shared
    place.double.workspace.change_channel(place.support, **{flag: True})
    place.gateway.forget_channel(place.support)
    assert (await place.gateway.channel(place.support)).is_shared


async def test_members_are_read_to_the_last_page_and_kept_for_a_minute(place: Workplace) -> None:
    people = {str(place.double.workspace.add_user(f"p{number}")["id"]) for number in range(PAGE + 5)}
    for user in people:
        place.double.workspace.join(place.support, user)
    members = await place.gateway.members(place.support)
    assert members == people | {place.dana, place.double.workspace.bot_user_id}
    asked = place.double.faults.calls["conversations.members"]
    assert await place.gateway.members(place.support) is members
    assert place.double.faults.calls["conversations.members"] == asked


async def test_who_left_is_seen_to_have_left_when_slack_said_so(place: Workplace) -> None:
    assert place.dana in await place.gateway.members(place.support)
    place.double.workspace.leave(place.support, place.dana)
    place.gateway.forget_channel(place.support)
    assert place.dana not in await place.gateway.members(place.support)


async def test_a_person_is_asked_for_again_after_a_minute_or_when_they_changed(place: Workplace) -> None:
    clock, asked = Clock(), place.double.faults.calls
    async with Gateway.open(token=place.double.bot_token, api_url=place.double.url, clock=clock) as gateway:
        await gateway.user(place.dana)
        clock.time += KEEP_SECONDS - 1
        await gateway.user(place.dana)
        assert asked["users.info"] == 1
        clock.time += 1
        await gateway.user(place.dana)
        assert asked["users.info"] == 2
        gateway.forget_member(place.dana)
        await gateway.user(place.dana)
        assert asked["users.info"] == 3


async def test_a_channel_is_found_by_name_whatever_its_place_in_the_list(place: Workplace) -> None:
    for number in range(PAGE):
        place.double.workspace.add_channel(f"c{number}", members=[])
    last = place.double.workspace.add_channel("mail", members=[place.double.workspace.bot_user_id], is_private=True)
    assert await place.gateway.resolve_channel("#mail") == last["id"]
    assert await place.gateway.resolve_channel("#Support") == place.support


async def test_a_channel_given_by_id_is_taken_as_it_is(place: Workplace) -> None:
    assert await place.gateway.resolve_channel("C0123456789") == "C0123456789"
    assert not place.double.faults.calls


async def test_a_channel_that_does_not_exist_names_the_setting(place: Workplace) -> None:
    with pytest.raises(Misconfigured, match="MAIL_CHANNEL"):
        await place.gateway.resolve_channel("#nowhere")
