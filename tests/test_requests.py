"""Slack over HTTP: what it signed is answered, anything else is turned away."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from structlog.testing import capture_logs

from bridge.demo.double.refusals import NoAck
from bridge.demo.double.signed import signature
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.slack.requests import PATH

ENOUGH = 20.0  # seconds a condition may take on a slow machine
BODY = b'{"type": "url_verification", "challenge": "3eZbrw1a"}'


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, way="http")
    await made.start()
    yield made
    await made.stop()


async def post(stage: Stage, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    typed = {"Content-Type": "application/json", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.post(stage.url(PATH), data=body, headers=typed) as response,
    ):
        return response.status, await response.text()


def signed(stage: Stage, body: bytes, *, at: float | None = None) -> dict[str, str]:
    return signature(body, secret=stage.slack.signing_secret, at=int(at or time.time()))


async def test_slacks_first_question_is_answered_so_that_the_address_can_be_saved(stage: Stage) -> None:
    status, text = await post(stage, BODY, signed(stage, BODY))
    assert status == 200
    assert "3eZbrw1a" in text


@pytest.mark.parametrize(
    "change",
    [
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "v0=ü"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "1" * 5000},
    ],
)
async def test_what_slack_did_not_sign_is_turned_away(stage: Stage, change: dict[str, str]) -> None:
    status, text = await post(stage, BODY, {**signed(stage, BODY), **change})
    assert status == 401
    assert "3eZbrw1a" not in text


async def test_a_request_that_somebody_kept_and_sends_again_later_is_turned_away(stage: Stage) -> None:
    assert (await post(stage, BODY, signed(stage, BODY, at=time.time() - 600)))[0] == 401


async def test_a_changed_body_is_turned_away(stage: Stage) -> None:
    assert (await post(stage, BODY + b" ", signed(stage, BODY)))[0] == 401


async def test_a_body_that_is_no_text_is_turned_away(stage: Stage) -> None:
    body = b"\xff\xfe"
    assert (await post(stage, body, signed(stage, body)))[0] == 400


async def interact(stage: Stage, payload: str) -> int:
    """What Slack would be answered to that payload of a click, signed as its own are."""
    body = urlencode({"payload": payload}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return (await post(stage, body, {**signed(stage, body), **form}))[0]


@pytest.mark.parametrize("payload", ["no JSON", "[]", '"words"', ""])
async def test_a_signed_payload_that_is_none_is_a_bad_request(stage: Stage, payload: str) -> None:
    assert await interact(stage, payload) == 400


CANNOT = "what came from Slack cannot be read"
ACT = {"type": "button", "action_id": "claim", "block_id": "b"}
MENU = {"type": "overflow", "action_id": "more", "block_id": "b"}
MAIL = {"type": "overflow", "action_id": "mail", "block_id": "b"}


@pytest.mark.parametrize(
    "action",
    [
        ACT | {"value": "x"},
        ACT | {"value": "-1"},
        ACT | {"value": "9" * 5000},
        ACT,
        ACT | {"action_id": "send_now", "value": "0123456789abcdef:x"},
        ACT | {"action_id": "release_file", "value": "1"},
        ACT | {"action_id": "digest_page_next", "value": "1"},
        ACT | {"action_id": "mute_sender"},
        ACT | {"action_id": "search_next", "value": "x:words"},
        MENU | {"selected_option": {"value": "archive:x"}},
        MENU,
        MAIL | {"selected_option": {"value": "split:1"}},
    ],
)
async def test_a_click_that_slack_cannot_have_sent_is_acknowledged_and_one_line_of_the_log(
    stage: Stage, action: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    channel = {"id": CHANNEL, "name": "support"}
    about = {"user": {"id": MINA}, "team": {"id": "T1"}, "channel": channel, "trigger_id": "1.2.x"}
    payload = {"type": "block_actions", **about, "message": {"ts": "1.2", "blocks": []}, "actions": [action]}
    with capture_logs() as told:
        assert await interact(stage, json.dumps(payload)) == 200
        async with asyncio.timeout(ENOUGH):
            while CANNOT not in [one["event"] for one in told]:  # noqa: ASYNC110 - what is opened is acknowledged first
                await asyncio.sleep(0.01)
    assert len([one for one in told if one["event"] == CANNOT]) == 1
    assert not [one for one in caplog.records if one.exc_info]


async def test_a_window_that_carries_nothing_of_ours_is_acknowledged(stage: Stage) -> None:
    for name in ("snooze", "confirm_delete", "compose", "split"):
        view: dict[str, object] = {
            "type": "modal",
            "id": "V1",
            "callback_id": name,
            "private_metadata": "no",
            "state": {"values": {}},
        }
        payload = {"type": "view_submission", "user": {"id": MINA}, "team": {"id": "T1"}, "view": view}
        assert await interact(stage, json.dumps(payload)) == 200, name


async def test_slack_has_no_way_in_here_where_it_has_a_socket(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.http = "127.0.0.1:0"
    await stage.start()
    assert (await post(stage, BODY, signed(stage, BODY)))[0] == 404
    await stage.stop()


async def test_a_click_is_acknowledged_only_once_what_it_changes_is_committed(stage: Stage) -> None:
    """While another holds the database, Slack gets no answer and tells the agent so; then the click holds."""
    mail = f"From: dana@example.com\r\nTo: {SHOP.email}\r\nSubject: Two bags\r\n\r\nwhere?\r\n".encode()
    await stage.world.hand_over(mail, sender="dana@example.com", recipients=[SHOP.email])
    person, here = stage.slack.person(MINA), stage.slack.workspace
    (card,) = await person.sees(
        lambda: [one for one in here.history(CHANNEL) if one.get("reply_count")], timeout=ENOUGH
    )
    with contextlib.closing(sqlite3.connect(stage.data / "bridge.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        stage.slack.timing.ack = 0.5
        with pytest.raises(NoAck):
            await person.click(CHANNEL, card["ts"], "claim")
    assert await person.sees(lambda: f"<@{MINA}>" in str(here.message(CHANNEL, card["ts"])), timeout=ENOUGH)
