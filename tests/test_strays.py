"""What Slack sends that nobody listens to: it is acknowledged, changes nothing, and whoever acted is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from onstage import Desk, ask, said

from bridge.demo.double import payloads
from bridge.demo.double.delivery import Envelope
from bridge.demo.double.slack import Timing
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.slack.gateway import Gateway

UNKNOWN = "The bridge does not know this any more"
BOTH_WAYS = pytest.mark.parametrize("stage", ["socket", "http"], indirect=True)


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Its Slack gives an event up soon, for whoever leaves it without an answer."""
    made = Stage(tmp_path, hold=0.1, way=request.param, timing=replace(Timing(), retries=(0.05, 0.05, 0.05)))
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def nothing_comes_of(stage: Stage) -> AsyncIterator[Desk]:
    """What happens meanwhile is acknowledged at the first try, and shows nowhere; and all goes on afterwards."""
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they"))
    before = stage.slack.workspace.history(CHANNEL), stage.world.envelopes
    yield mina
    await stage.slack.delivery.settled()
    assert stage.slack.delivery.lost == []
    assert [one for one in stage.slack.sockets.envelopes if one.get("retry_attempt")] == []
    assert (stage.slack.workspace.history(CHANNEL), stage.world.envelopes) == before
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.card("Two bags") or {}))


def event(number: int, **event: Any) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": "T0DEMO0001", "event_id": f"Ev{number}", "event": event}


@BOTH_WAYS
async def test_events_of_every_other_kind(stage: Stage) -> None:
    async with nothing_comes_of(stage):
        envelopes = [
            event(1, type="team_join", user={"id": "U1"}),
            event(2, type="link_shared", user=MINA, channel=CHANNEL, links=[]),
            event(3, type="message", subtype="of_next_year", channel=CHANNEL, ts="1.0"),
            event(4, type="of_next_year"),
            event(5),
            {"type": "app_rate_limited", "team_id": "T0DEMO0001", "minute_rate_limited": 1, "api_app_id": "A1"},
            {"type": "event_callback", "event": {"type": "of_next_year"}},
            {"type": "of_next_year"},
            {},
        ]
        for one in envelopes:
            stage.slack.delivery.event(one)


BLOCKS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "An earlier version's"}},
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "of_last_year", "text": {"type": "plain_text", "text": "Do it"}},
            {
                "type": "overflow",
                "action_id": "menu_of_last_year",
                "options": [{"text": {"type": "plain_text", "text": "That"}, "value": "that:1"}],
            },
        ],
    },
]


@BOTH_WAYS
async def test_a_button_of_an_earlier_version_tells_whoever_presses_it(stage: Stage) -> None:
    here = stage.slack.workspace
    old = here.post(CHANNEL, {"text": "Old", "blocks": [{**one, "block_id": str(i)} for i, one in enumerate(BLOCKS)],
                              "user": here.bot_user_id, "bot_id": here.bot_id, "app_id": here.app_id})  # fmt: skip
    async with nothing_comes_of(stage) as mina:
        await mina.person.click(CHANNEL, old["ts"], "of_last_year")
        await mina.sees(lambda: UNKNOWN in str(mina.person.ephemerals(CHANNEL)))
        await mina.person.choose(CHANNEL, old["ts"], "menu_of_last_year", "that:1")
        await mina.sees(lambda: str(mina.person.ephemerals(CHANNEL)).count(UNKNOWN) == 2)


def form(**more: Any) -> dict[str, Any]:
    """A modal of an earlier version."""
    words = {"type": "plain_text_input", "action_id": "value"}
    button = {"type": "button", "action_id": "of_last_year", "text": {"type": "plain_text", "text": "Fill in"}}
    label = {"type": "plain_text", "text": "Words"}
    return {
        "type": "modal",
        "callback_id": "of_last_year",
        "title": label,
        "submit": label,
        "notify_on_close": True,
        "blocks": [
            {"type": "actions", "block_id": "buttons", "elements": [button]},
            {"type": "input", "block_id": "words", "label": label, "element": words},
        ],
        **more,
    }


async def opened(stage: Stage, view: dict[str, Any]) -> None:
    trigger = stage.slack.workspace.screens.trigger(MINA)
    async with Gateway.open(token=stage.slack.bot_token, api_url=stage.slack.url) as gateway:
        await gateway.open_view(trigger, view)


@BOTH_WAYS
async def test_a_form_of_an_earlier_version_keeps_its_words_and_says_so(stage: Stage) -> None:
    async with nothing_comes_of(stage) as mina:
        await opened(stage, form())
        await mina.person.click_view("of_last_year", values={"words": "A long letter"})
        answer = await mina.person.submit()
        assert answer
        assert UNKNOWN in answer["errors"]["words"]
        assert "A long letter" in str(mina.person.view())
        await mina.person.close_view()
        await opened(stage, form(blocks=form()["blocks"][:1]))  # it holds nothing beside which an error could stand
        await mina.person.submit()
        assert UNKNOWN in str(mina.person.view())


@BOTH_WAYS
async def test_commands_and_shortcuts_that_only_slacks_settings_know(stage: Stage) -> None:
    async with nothing_comes_of(stage) as mina:
        site, heard = stage.slack.site, stage.slack.delivery
        typed = payloads.command(site, MINA, CHANNEL, "/post", "a letter")
        assert UNKNOWN in str(await heard.interaction("slash_commands", typed, answerable=True))
        message = stage.slack.workspace.history(CHANNEL)[0]
        on_message = payloads.message_action(site, MINA, "of_last_year", CHANNEL, message)
        await heard.interaction("interactive", on_message, answerable=False)
        await mina.sees(lambda: UNKNOWN in str(mina.person.ephemerals(CHANNEL)))
        everywhere = payloads.shortcut(site, MINA, "of_last_year")
        await heard.interaction("interactive", everywhere, answerable=False)
        await mina.sees(lambda: UNKNOWN in str(mina.person.view()))


@BOTH_WAYS
async def test_interactions_of_every_other_kind(stage: Stage) -> None:
    async with nothing_comes_of(stage):
        site = stage.slack.site
        suggestion = {"action_id": "of_last_year", "block_id": "b", "value": "da", "container": {"type": "view"}}
        others: list[dict[str, Any]] = [
            {
                "actions": [{"name": "a", "type": "button", "value": "1"}],
                "callback_id": "c",
                "_": "interactive_message",
            },
            {"submission": {}, "callback_id": "c", "_": "dialog_submission"},
            {"callback_id": "c", "workflow_step": {"inputs": {}}, "_": "workflow_step_edit"},
            {"_": "of_next_year"},
        ]
        heard = stage.slack.delivery.interaction
        offered = await heard(
            "interactive", payloads.common(site, MINA, "block_suggestion") | suggestion, answerable=True
        )
        assert offered in (None, "", {"options": []})
        for one in others:
            payload = payloads.common(site, MINA, one.pop("_")) | one
            await heard("interactive", payload, answerable=False)


@pytest.mark.parametrize("stage", ["socket"], indirect=True)
async def test_envelopes_of_every_other_kind(stage: Stage) -> None:
    """And frames that are none: the sockets stay open."""
    async with nothing_comes_of(stage):
        for payload in ({}, {"type": "of_next_year", "user": {"id": MINA}}):
            envelope = Envelope(kind="of_next_year", payload=payload)  # type: ignore[arg-type]
            await stage.slack.sockets.deliver(envelope)
        await stage.slack.sockets.say("no JSON", "{", '{"type": "of_next_year"}', "[]", "")
        assert stage.slack.sockets.count == 2
