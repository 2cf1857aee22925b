"""Slack over HTTP: what it signed is answered, anything else is turned away."""

import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

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
