"""`bridge mail` and `bridge backfill`: the verbs for scripts, typed beside a running service."""

import asyncio
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import ImapRoom, until, written
from onstage import Desk, ask, received, said

from bridge.demo.stage import CHANNEL, Stage

Typed = Callable[..., Awaitable[tuple[int, str, str]]]


def bridge_of(stage: Stage) -> Typed:
    """Types a command of the stage's own bridge: its exit code, and what it printed."""

    async def typed(*words: str, stdin: str = "") -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bridge", *words, "--config", str(stage.config_file())),
            env={**os.environ, **stage.environ()},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        return process.returncode or 0, out.decode(), err.decode()

    return typed


@pytest.fixture
def bridge(stage: Stage) -> Typed:
    return bridge_of(stage)


async def as_json(bridge: Typed, *words: str, **more: Any) -> Any:
    code, out, err = await bridge(*words, "--json", **more)
    assert code == 0, err
    return json.loads(out)


async def test_list_search_and_read_tell_what_the_channel_shows(stage: Stage, mina: Desk, bridge: Typed) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    [one] = await as_json(bridge, "mail", "list")
    assert (one["number"], one["subject"], one["status"], one["mailbox"]) == (
        1,
        "Two bags are missing",
        "open",
        "support",
    )
    [found] = await as_json(bridge, "mail", "search", "bags", "where")
    assert found | one == found
    assert "where are they?" in found["snippet"]
    assert await as_json(bridge, "mail", "search", "unicorn") == []
    found = await as_json(bridge, "mail", "read", "#1")
    assert [mail["new"].split() for mail in found["mails"]] == [["Hello,", "where", "are", "they?"]]
    assert found["mails"][0]["from"] == "Dana Reyes <dana@example.com>"
    assert not found["mails"][0]["seen"]
    code, out, _ = await bridge("mail", "read", "1")
    assert code == 0
    assert "where are they?" in out


async def test_an_answer_with_a_file_reaches_the_customer(
    stage: Stage, mina: Desk, bridge: Typed, tmp_path: Path
) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    label = tmp_path / "label.pdf"
    label.write_bytes(b"%PDF-1.4 a label")
    sent = await as_json(bridge, "mail", "reply", "1", "--attach", str(label), "--wait", stdin="On their way.\n")
    assert sent["state"] == "sent"
    mail = await received(stage, "dana@example.com")
    assert mail["Message-ID"] == sent["message_id"]
    body = mail.get_body(("plain",))
    assert body
    assert body.get_content().startswith("On their way.")
    assert [part.get_content() for part in mail.iter_attachments()] == [b"%PDF-1.4 a label"]
    line = await mina.sees(lambda: mina.line(card, "On their way."))
    assert f"cli:{getpass.getuser()}" in said(line or {})


async def test_a_new_mail_begins_a_conversation_and_can_be_undone_in_slack(
    stage: Stage, mina: Desk, bridge: Typed
) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    letter = ("--to", "ben@example.org", "--subject", "Your order", "--text", "It is ready")
    sent = await as_json(bridge, "mail", "send", *letter)
    assert sent["state"] == "held"
    card = await mina.sees_card("Your order")
    line = await mina.sees(lambda: mina.line(card, "It is ready"))
    assert line
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    await mina.sees(lambda: mina.line(card, "Undone"))
    assert stage.world.envelopes == []


async def test_mark_delete_and_restore_are_done_by_the_service_and_logged(
    stage: Stage, mina: Desk, bridge: Typed
) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    await as_json(bridge, "mail", "mark", "1", "flagged")
    await mina.sees(lambda: "Flagged" in said(mina.cards()[0]))
    gone = await as_json(bridge, "mail", "delete", "1")
    assert gone["status"] == "closed"
    await mina.sees(lambda: "In the trash" in said(mina.cards()[0]))
    trash = stage.data / "mail" / "support" / ".Trash" / "cur"
    assert await until(lambda: [one.name.partition(":2,")[2] for one in trash.glob("*")]) == ["F"]
    assert (await bridge("mail", "restore", "1"))[0] == 0
    await mina.sees(lambda: "Open" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "log 1")
    assert said(mina.person.ephemerals(CHANNEL)[-1]).count(f"cli:{getpass.getuser()}") == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mail", "read", "99"], (1, "no conversation #99")),
        (["mail", "read", "one"], (2, "no conversation's number")),
        (["mail", "mark", "1", "green"], (2, "green")),
        (["mail", "list", "--mailbox", "sales"], (1, "support")),
        (["mail", "send", "--to", "nobody", "--subject", "x", "--text", "y"], (1, "nobody")),
        (["mail", "reply", "1"], (1, "Write something")),
        (["backfill", "--mailbox", "sales", "--since", "2026-01-01"], (2, "no mailbox sales")),
        (["backfill", "--mailbox", "support", "--since", "2026-01-01"], (1, "embedded")),
        (["backfill", "--mailbox", "support", "--since", "yesterday"], (2, "yesterday")),
    ],
)
async def test_what_cannot_be_done_is_a_sentence_and_an_exit_code(
    stage: Stage, mina: Desk, bridge: Typed, words: list[str], told: tuple[int, str]
) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    got, out, err = await bridge(*words)
    assert (got, out) == (told[0], "")
    assert told[1] in err
    assert "Traceback" not in err


# --- backfill ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
async def office(tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[tuple[Stage, ImapRoom]]:
    """A stage over a mailbox that has 30 mails of old, the last two an exchange; the service runs."""
    room = ImapRoom(dovecot, f"user{os.urandom(4).hex()}")
    old = [written(f"Old matter {number}") for number in range(1, 30)]
    await asyncio.to_thread(room.deliver, *old, written("An answer to 29", in_reply_to="<Old-matter-29@example.com>"))
    made = Stage(tmp_path, hold=0.1)
    made.source = room.source
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    await made.start()
    yield made, room
    await made.stop()


async def test_older_mail_is_brought_in_once_and_nothing_is_marked(office: tuple[Stage, ImapRoom]) -> None:
    stage, room = office
    mina, words = Desk(stage), ("backfill", "--mailbox", "support", "--since", "2026-01-01")
    bridge: Typed = bridge_of(stage)
    assert (await bridge(*words, "--dry-run"))[1] == "30 mails would be brought in.\n"
    assert mina.cards() == []
    running = asyncio.ensure_future(bridge(*words))
    await asyncio.to_thread(room.deliver, written("Something new"))
    code, told, _ = await running
    assert code == 0
    assert told.startswith("30 mails were brought in; "), told  # whether the new one is known by then is chance
    await mina.sees(lambda: len(mina.cards()) == 30)
    assert "Closed" in said(mina.card("Old matter 7") or {})
    assert "2 mails" in said(mina.card("Old matter 29") or {})
    assert "Open" in said(mina.card("Something new") or {})
    assert (await bridge(*words))[1] == "0 mails were brought in; 31 were known already.\n"
    assert {flags for _, flags in room.stands().values()} == {frozenset()}
    assert len(mina.cards()) == 30
