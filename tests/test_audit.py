"""Every act is in the log: who did it, from where, from what to what. Whatever verb there is, and whoever acts."""

import json
from pathlib import Path

import pytest
from mailroom import LocalRoom, until, written
from onstage import Desk, received, rich, said

from bridge.cli import main
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.model import Act, Number, UserId, Where, now
from bridge.slack import deeds
from bridge.slack.commands import USAGE
from bridge.store import acts
from bridge.store.database import Store

READS = {"inbox", "read", "search", "show", "log", "templates", "status", "help"}
"""The verbs that change nothing."""

TYPED = {
    "mark": ["mark 1 read", "mark 1 unread", "mark 1 flagged", "mark 1 unflagged"],
    "claim": ["claim 1"],
    "release": ["release 1"],
    "assign": ["assign 1 @jonas"],
    "close": ["close 1"],
    "reopen": ["reopen 1"],
    "snooze": ["snooze 1 tomorrow 9am"],
    "tag": ["tag 1 late #shop", "tag 1 -late"],
    "priority": ["priority 1 urgent", "priority 1 normal"],
    "archive": ["archive 1"],
    "restore": ["restore 1"],
    "spam": ["spam 1"],
}
MODALS = {"reply", "reply_all", "forward", "new", "delete", "split"}
"""The verbs that open a modal, whose submission is the act."""

BETWEEN_TWO = {"merge", "move"}
"""Conversations, or channels: their lines are told by test_regroup_stories.py and test_move_stories.py."""


async def log(stage: Stage, number: int = 1) -> list[Act]:
    store = await Store.open(f"sqlite:///{stage.database}")
    try:
        async with store.read() as conn:
            return await acts.of_conversation(conn, Number(number), limit=100)
    finally:
        await store.close()


@pytest.fixture
def room(tmp_path: Path) -> LocalRoom:
    return LocalRoom(tmp_path / "mail" / "support")


def test_every_verb_either_reads_or_is_tried_here() -> None:
    assert READS | TYPED.keys() | MODALS | BETWEEN_TWO == USAGE.keys()


async def test_every_verb_that_changes_something_leaves_a_line(stage: Stage, mina: Desk, room: LocalRoom) -> None:
    room.deliver(written("Two bags"))
    await mina.sees_card("Two bags")
    for verb, commands in TYPED.items():
        for typed in commands:
            before = len(await log(stage))
            await mina.person.command(CHANNEL, "/mail", typed)
            done = await log(stage)
            mine = [one for one in done[: len(done) - before] if one.actor == MINA]
            assert [(one.place, one.verb.split()[0]) for one in mine] == [(Where.COMMAND, verb)], typed
            assert "→" in mine[0].detail, typed


async def test_an_answer_leaves_a_line_at_each_step_and_its_fate_is_the_bridges(
    stage: Stage, mina: Desk, room: LocalRoom
) -> None:
    room.deliver(written("Two bags"))
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here you are")})
    await mina.person.click_view("cancel_send")
    await mina.sees_compose()
    await mina.person.submit({"body": rich("Here you are")})
    await received(stage, "dana@example.com")
    await mina.sees(lambda: mina.line(card, "Sent"))
    told = [(one.verb, str(one.actor), one.place, one.detail) for one in reversed(await log(stage))]
    assert told == [
        ("reply", MINA, Where.MODAL, "none → held"),
        ("undo", MINA, Where.BUTTON, "held → cancelled"),
        ("reply", MINA, Where.MODAL, "none → held"),
        ("sent", "bridge", Where.BRIDGE, "handing over → sent"),
    ]


async def test_buttons_menus_and_modals_are_told_apart(stage: Stage, mina: Desk, room: LocalRoom) -> None:
    room.deliver(written("Two bags"))
    card = await mina.sees_card("Two bags")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.person.choose(CHANNEL, card["ts"], "more", "flag:1")
    await mina.person.choose(CHANNEL, card["ts"], "more", "delete:1")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "confirm_delete")
    await mina.person.submit({})
    told = [(one.verb, one.place, one.detail) for one in reversed(await log(stage))]
    assert told == [
        ("claim", Where.BUTTON, f"owner: none → {MINA}"),
        ("mark flagged", Where.MENU, "flagged: no → yes"),
        ("delete", Where.MODAL, "folder: inbox → trash, status: open → closed"),
    ]


async def test_what_others_do_and_what_happens_by_itself_is_told_too(
    stage: Stage, mina: Desk, room: LocalRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    room.deliver(written("Two bags"))
    card = await mina.sees_card("Two bags")
    await mina.person.click(CHANNEL, card["ts"], "close")
    room.deliver(written("And another", in_reply_to="<Two-bags@example.com>"))
    await mina.sees(lambda: "2 mails" in said(mina.cards()[0]))
    room.mark("Two bags", add="\\Flagged")
    await mina.sees(lambda: "Flagged" in said(mina.cards()[0]))
    told = [(one.verb, str(one.actor), one.place, one.detail) for one in reversed(await log(stage))]
    assert told == [
        ("close", MINA, Where.BUTTON, "status: open → closed"),
        ("reopen", "bridge", Where.BRIDGE, "status: closed → open"),
        ("mark flagged", "elsewhere", Where.ELSEWHERE, "flagged: no → yes"),
    ]
    await mina.person.command(CHANNEL, "/mail", "log 1")
    answer = await mina.sees(lambda: next((said(one) for one in mina.person.ephemerals(CHANNEL)), None))
    assert answer
    assert "another mail client" in answer
    assert "the bridge" in answer
    assert f"<@{MINA}> (button)" in answer


async def test_scripts_see_the_log_and_are_in_it(
    stage: Stage, mina: Desk, room: LocalRoom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    room.deliver(written("Two bags"))
    await mina.sees_card("Two bags")
    for name, value in stage.environ().items():
        monkeypatch.setenv(name, value)
    config = str(stage.config_file())

    def run(*command: str) -> str:
        main(["mail", *command, "--config", config])
        return capsys.readouterr().out

    await until(lambda: run("mark", "1", "read"))
    told = json.loads(await until(lambda: run("log", "1", "--json")))
    assert [(one["verb"], one["place"], one["detail"]) for one in told] == [("mark read", "cli", "seen: no → yes")]
    assert told[0]["actor"].startswith("cli:")
    assert "mark read" in await until(lambda: run("log", "1"))
    assert [one["number"] for one in json.loads(await until(lambda: run("search", "bags", "is:open", "--json")))] == [1]


def test_a_time_in_the_log_is_in_its_readers_zone() -> None:
    detail = "status: open → snoozed, wakes: none → 2026-11-30 09:00:00+00:00"
    line = deeds.line(Act(at=now(), actor=UserId(MINA), verb="snooze", detail=detail, place=Where.MODAL))
    assert "wakes: none → <!date^1796029200^" in line
    assert "+00:00" not in line
