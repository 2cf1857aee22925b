"""What people do in the Slack double, with a real slack_bolt app or a bare socket at the other end."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import aiohttp
import pytest
from office import (
    BUTTONS,
    Office,
    code_of,
    field,
    modal,
    office_fixture,  # noqa: F401 - a fixture
    open_office_fixture,  # noqa: F401 - a fixture
    plain,
)
from slack_sdk.web.async_client import AsyncWebClient

from bridge.demo.double.refusals import BadAck, NotOffered


async def test_a_person_clicks_a_button_and_submits_the_modal_that_the_app_opens(office: Office) -> None:
    submitted: list[dict[str, Any]] = []

    @office.app.action("claim")
    async def claim(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    @office.app.view("compose")
    async def compose(ack: Any, view: dict[str, Any]) -> None:
        submitted.append(view)
        await ack()

    await office.connect()
    ts = (await office.web.chat_postMessage(channel=office.support, text="A mail", blocks=BUTTONS))["ts"]
    dana = office.double.person(office.dana)
    await dana.click(office.support, ts, "claim")
    await dana.sees(dana.view)
    assert await dana.submit({"body": "Hello"}) is None
    assert dana.view() is None
    assert submitted[0]["state"]["values"] == {"body": {"value": {"type": "plain_text_input", "value": "Hello"}}}


# --- what people do ---------------------------------------------------------------------------------------------------


async def test_a_command_brings_escaped_names_and_its_answer_is_seen_by_one_person(office: Office) -> None:
    got: list[str] = []

    @office.app.command("/mail")
    async def mail(ack: Any, command: dict[str, Any], respond: Any) -> None:
        got.append(command["text"])
        await ack("Done")
        await respond("And more", response_type="in_channel")

    await office.connect()
    dana = office.double.person(office.dana)
    await dana.command(office.support, "/mail", "assign 7 @Eli #support bob@example.com a<b")
    assert got == [
        f"assign 7 <@{office.eli}|eli> <#{office.support}|support> <mailto:bob@example.com|bob@example.com> a&lt;b"
    ]
    assert [m["text"] for m in dana.ephemerals(office.support)] == ["Done"]
    await dana.sees(lambda: [m for m in office.workspace.history(office.support) if m["text"] == "And more"])


async def test_an_overflow_choice_and_a_message_shortcut_carry_what_slack_sends(office: Office) -> None:
    ts = (await office.web.chat_postMessage(channel=office.support, text="x", blocks=BUTTONS))["ts"]
    socket, dana = await office.dial(), office.double.person(office.dana)

    async def sent(act: Awaitable[None]) -> dict[str, Any]:
        waiting = asyncio.ensure_future(act)
        while True:
            envelope = await socket.next()
            await socket.ack(envelope)
            if envelope["type"] == "interactive":
                await waiting
                return dict(envelope["payload"])

    chosen = await sent(dana.choose(office.support, ts, "more", "spam:7"))
    assert chosen["actions"][0]["selected_option"]["value"] == "spam:7"
    assert chosen["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": office.support,
        "is_ephemeral": False,
    }
    assert (chosen["message"]["ts"], chosen["user"]["id"], chosen["channel"]["id"]) == (ts, office.dana, office.support)
    picked = await sent(dana.message_shortcut("send_as_email", office.support, ts))
    assert (picked["type"], picked["message_ts"], picked["callback_id"]) == ("message_action", ts, "send_as_email")
    whisper = office.web.chat_postEphemeral(channel=office.support, user=office.dana, text="x", blocks=BUTTONS)
    alone = await sent(dana.click(office.support, (await whisper)["message_ts"], "claim", value="7"))
    assert (alone["container"]["is_ephemeral"], "message" in alone) == (True, False)
    for wrong in (dana.click(office.support, ts, "close"), dana.choose(office.support, ts, "more", "delete:7")):
        with pytest.raises(NotOffered):
            await wrong


async def test_a_trigger_opens_one_view_within_three_seconds(office: Office) -> None:
    trigger = office.workspace.screens.trigger(office.dana)
    assert await code_of(office.web.views_open(trigger_id=trigger, view={"type": "modal"})) == "invalid_arguments"
    await office.web.views_open(trigger_id=trigger, view=modal())
    assert await code_of(office.web.views_open(trigger_id=trigger, view=modal())) == "exchanged_trigger_id"
    late = office.workspace.screens.trigger(office.dana)
    office.clock.time += 3.1
    assert await code_of(office.web.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"
    assert await code_of(office.web.views_open(trigger_id="1.2.x", view=modal())) == "invalid_trigger_id"


async def test_modals_stack_three_deep_and_guard_their_hash(office: Office) -> None:
    screens = office.workspace.screens
    view = (await office.web.views_open(trigger_id=screens.trigger(office.dana), view=modal()))["view"]
    for _ in range(2):
        inside = screens.trigger(office.dana, view=view["id"])
        top = (await office.web.views_push(trigger_id=inside, view=modal()))["view"]
    assert (top["root_view_id"], len(screens.stack(office.dana))) == (view["id"], 3)
    fourth = screens.trigger(office.dana, view=view["id"])
    assert await code_of(office.web.views_push(trigger_id=fourth, view=modal())) == "push_limit_reached"
    update = office.web.views_update
    changed = (await update(view_id=view["id"], hash=view["hash"], view=modal()))["view"]
    assert await code_of(update(view_id=view["id"], hash=view["hash"], view=modal())) == "hash_conflict"
    await update(view_id=view["id"], hash=changed["hash"], view=modal())
    await office.double.person(office.dana).close_view()
    assert await code_of(update(view_id=top["id"], view=modal())) == "not_found"


async def test_a_submission_carries_every_kind_of_input_in_slacks_shapes(office: Office) -> None:
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
    }
    options = [{"text": plain(word), "value": word} for word in ("one", "two")]
    view = modal(
        field("to", {"type": "email_text_input"}),
        field("subject", {"type": "plain_text_input", "initial_value": "Re: hello"}),
        field("body", {"type": "rich_text_input"}),
        field("files", {"type": "file_input", "max_files": 1}, optional=True),
        field("originals", {"type": "checkboxes", "options": options, "initial_options": options[:1]}, optional=True),
        field("mailbox", {"type": "static_select", "options": options}),
        field("owner", {"type": "users_select"}, optional=True),
        private_metadata="draft-1",
    )
    await office.web.views_open(trigger_id=office.workspace.screens.trigger(office.dana), view=view)
    socket, dana = await office.dial(), office.double.person(office.dana)
    file = await dana.upload("a.txt", b"hello")
    values = {"to": "bob@example.com", "body": rich, "files": [file], "originals": ["two"], "mailbox": "one"}
    for lacking in ({**values, "to": ""}, {**values, "to": "bob"}, {**values, "files": [file, file]}, {"nothing": "x"}):
        with pytest.raises(NotOffered):
            await dana.submit(lacking)
    submitting = asyncio.create_task(dana.submit(values))
    envelope = await socket.next()
    await socket.ack(envelope, {"response_action": "errors", "errors": {"to": "Nobody there"}})
    assert await submitting == {"response_action": "errors", "errors": {"to": "Nobody there"}}
    held = {name: entry["value"] for name, entry in envelope["payload"]["view"]["state"]["values"].items()}
    assert envelope["payload"]["view"]["private_metadata"] == "draft-1"
    assert held["to"] == {"type": "email_text_input", "value": "bob@example.com"}
    assert held["subject"] == {"type": "plain_text_input", "value": "Re: hello"}
    assert held["body"] == {"type": "rich_text_input", "rich_text_value": rich}
    assert [sent["url_private"] for sent in held["files"]["files"]] == [file["url_private"]]
    assert held["originals"] == {"type": "checkboxes", "selected_options": options[1:]}
    assert held["mailbox"] == {"type": "static_select", "selected_option": options[0]}
    assert held["owner"] == {"type": "users_select", "selected_user": None}
    assert (await office.web.files_info(file=file["id"]))["file"]["name"] == "a.txt"
    still = dana.view()
    assert still is not None
    assert still["state"]["values"]["to"]["value"]["value"] == "bob@example.com"


@pytest.mark.parametrize(
    ("answer", "open_views"),
    [
        ({"response_action": "clear"}, 0),
        ({"response_action": "push", "view": modal()}, 2),
        ({"response_action": "update", "view": modal(callback_id="sent")}, 1),
        (None, 0),
    ],
)
async def test_the_answer_to_a_submission_decides_what_is_shown(
    office: Office, answer: dict[str, Any] | None, open_views: int
) -> None:
    await office.web.views_open(trigger_id=office.workspace.screens.trigger(office.dana), view=modal())
    socket, dana = await office.dial(), office.double.person(office.dana)
    submitting = asyncio.create_task(dana.submit({"body": "x"}))
    await socket.ack(await socket.next(), answer)
    assert await submitting == answer
    assert len(office.workspace.screens.stack(office.dana)) == open_views


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "update", "view": {"type": "modal"}},
        {"response_action": "close"},
    ],
)
async def test_an_answer_that_slack_refuses_shows_as_a_failure(office: Office, answer: dict[str, Any]) -> None:
    await office.web.views_open(trigger_id=office.workspace.screens.trigger(office.dana), view=modal())
    socket, dana = await office.dial(), office.double.person(office.dana)
    submitting = asyncio.create_task(dana.submit({"body": "x"}))
    await socket.ack(await socket.next(), answer)
    with pytest.raises(BadAck):
        await submitting
    assert dana.view() is not None


async def test_a_closed_modal_is_told_when_it_asked_for_that(office: Office) -> None:
    view = modal(notify_on_close=True)
    await office.web.views_open(trigger_id=office.workspace.screens.trigger(office.dana), view=view)
    socket, dana = await office.dial(), office.double.person(office.dana)
    closing = asyncio.create_task(dana.close_view())
    envelope = await socket.next()
    await socket.ack(envelope)
    await closing
    assert (envelope["payload"]["type"], envelope["payload"]["is_cleared"]) == ("view_closed", False)
    assert dana.view() is None


async def test_the_home_tab_is_published_and_its_buttons_work(office: Office) -> None:
    pressed: list[str] = []

    @office.app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": BUTTONS})

    @office.app.action("claim")
    async def claim(ack: Any, body: dict[str, Any]) -> None:
        pressed.append(body["container"]["type"])
        await ack()

    await office.connect()
    dana = office.double.person(office.dana)
    await dana.open_home()
    await dana.sees(dana.home)
    await dana.click_view("claim")
    assert pressed == ["view"]


async def test_a_response_url_replaces_and_deletes_and_ends_after_five_uses(office: Office) -> None:
    answers: list[dict[str, Any]] = []

    @office.app.action("claim")
    async def claim(ack: Any, body: dict[str, Any]) -> None:
        answers.append(body)
        await ack()

    await office.connect()
    ts = (await office.web.chat_postMessage(channel=office.support, text="x", blocks=BUTTONS))["ts"]
    dana = office.double.person(office.dana)
    await dana.click(office.support, ts, "claim")
    url = answers[0]["response_url"]
    async with aiohttp.ClientSession() as session:

        async def post(**body: Any) -> int:
            async with session.post(url, json=body) as response:
                return response.status

        assert await post(text="alone") == 200
        assert await post(text="new", replace_original=True) == 200
        assert [m["text"] for m in office.workspace.history(office.support)] == ["new"]
        assert await post(text="all", response_type="in_channel") == 200
        assert await post(text="x", blocks=[{"type": "nothing"}]) == 400
        assert await post(delete_original=True) == 200
        assert [m["text"] for m in office.workspace.history(office.support)] == ["all"]
        assert await post(text="sixth") == 404
        assert [m["text"] for m in dana.ephemerals(office.support)] == ["alone"]
        ts = (await office.web.chat_postMessage(channel=office.support, text="x", blocks=BUTTONS))["ts"]
        await dana.click(office.support, ts, "claim")
        url = answers[1]["response_url"]
        office.clock.time += 30 * 60 + 1
        assert await post(text="too late") == 404


async def test_people_edit_and_delete_their_own_words_and_the_app_hears_it(office: Office) -> None:
    socket, dana = await office.dial(), office.double.person(office.dana)
    ts = await dana.say(office.support, "frist")
    await dana.edit(office.support, ts, "first")
    await dana.delete(office.support, ts)
    events = []
    for _ in range(3):
        envelope = await socket.next()
        await socket.ack(envelope)
        events.append(envelope["payload"]["event"])
    assert [event.get("subtype") for event in events] == [None, "message_changed", "message_deleted"]
    assert (events[1]["message"]["text"], events[1]["previous_message"]["text"]) == ("first", "frist")
    assert events[2]["deleted_ts"] == ts
    mine = (await office.web.chat_postMessage(channel=office.support, text="x"))["ts"]
    with pytest.raises(NotOffered):
        await dana.delete(office.support, mine)
