"""After a silence nobody knows whether a mail arrived. What the mailbox tells later settles it, and no button is left."""

import contextlib
import sqlite3
from typing import Any

import pytest
from mailroom import LocalRoom, until
from onstage import DANA, Desk, actions, ask, came_back, received, rich, said

from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, Stage
from bridge.demo.world import Silence

ELI = "Eli Ross <eli@example.org>"


def buttons(mina: Desk, card: dict[str, Any]) -> set[str]:
    return {one for line in mina.thread(card) for one in actions(line)} & {"resend", "mark_delivered"}


async def uncertain(stage: Stage, mina: Desk, *, to: str = "", silence: Silence = Silence.TAKEN) -> dict[str, Any]:
    """The card of a conversation whose answer met a silence."""
    stage.world.faults.silences = iter([silence])
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words"), **({"to": to} if to else {})})
    await mina.sees(lambda: mina.line(card, "Perhaps delivered"))
    assert buttons(mina, card) == {"resend", "mark_delivered"}
    return card


async def test_the_customers_answer_shows_that_it_arrived(stage: Stage, mina: Desk) -> None:
    card = await uncertain(stage, mina)
    ours = await received(stage, "dana@example.com")
    await ask(stage, subject="Re: Two bags are missing", text="Thank you.", in_reply_to=str(ours["Message-ID"]))
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert not buttons(mina, card)
    assert len(stage.world.envelopes) == 1


async def test_a_bounce_shows_that_it_did_not(stage: Stage, mina: Desk) -> None:
    card = await uncertain(stage, mina)
    ours = await received(stage, "dana@example.com")
    raw = came_back(ours, "dana@example.com")
    await stage.world.hand_over(raw, sender="", recipients=[SHOP.email])
    await mina.sees(lambda: mina.line(card, "It came back: 550 5.1.1 No such user"))
    assert "mark_delivered" not in buttons(mina, card)


async def test_a_bounce_of_one_of_two_shows_that_the_other_has_it(stage: Stage, mina: Desk) -> None:
    card = await uncertain(stage, mina, to=f"{DANA}, {ELI}")
    ours = await received(stage, "eli@example.org")
    raw = came_back(ours, "eli@example.org")
    await stage.world.hand_over(raw, sender="", recipients=[SHOP.email])
    line = await mina.sees(lambda: mina.line(card, "It came back: 550 5.1.1 No such user"))
    assert line
    assert "eli@example.org" in said(line)
    assert not buttons(mina, card)


async def test_a_copy_that_the_server_filed_as_sent_shows_that_it_left(
    stage: Stage, mina: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As providers do that file what leaves by themselves, some of them a while later."""
    monkeypatch.setattr("bridge.instep.SENT_SWEEP", 0.1)
    await stage.stop_bridge()
    await stage.start_bridge()
    card = await uncertain(stage, mina)
    LocalRoom(stage.data / "mail" / "support").file_sent(stage.world.envelopes[0].raw)
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert not buttons(mina, card)
    assert len(stage.world.envelopes) == 1


async def test_what_came_from_anybody_else_settles_nothing(stage: Stage, mina: Desk) -> None:
    card = await uncertain(stage, mina, silence=Silence.LOST)
    await ask(stage, subject="Another matter")
    await mina.sees_card("Another matter")
    assert buttons(mina, card) == {"resend", "mark_delivered"}


async def test_a_decision_is_about_what_its_maker_saw(stage: Stage, mina: Desk) -> None:
    """The line lags behind: whoever presses again has not seen that the mail was sent again meanwhile."""
    card = await uncertain(stage, mina, silence=Silence.LOST)
    stage.world.faults.silences = iter([Silence.TAKEN])
    stage.slack.faults.slow("chat.update", seconds=600, times=None)
    line = mina.line(card, "Perhaps delivered")
    assert line
    await mina.person.click(CHANNEL, line["ts"], "resend")
    await until(lambda: len(stage.world.envelopes) == 1 and states(stage) == ["uncertain"])
    await mina.person.click(CHANNEL, line["ts"], "resend")
    assert await mina.sees(lambda: "has changed since you looked" in said(mina.person.ephemerals(CHANNEL)[-1]))
    assert states(stage) == ["uncertain"]
    assert len(stage.world.envelopes) == 1


def states(stage: Stage) -> list[str]:
    with contextlib.closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
        return [state for (state,) in database.execute("SELECT state FROM drafts")]
