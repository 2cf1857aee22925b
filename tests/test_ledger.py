"""The ledger: every mail that the server has since the first watch is entered, in a named state; what is missing comes in."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from hypothesis import given
from hypothesis import strategies as st
from mailroom import ImapRoom, LocalRoom, Mailroom, written
from onstage import Desk, said

from bridge.commands.check import check
from bridge.demo.stage import CHANNEL, Stage
from bridge.errors import Misconfigured, Temporary
from bridge.ledger import compare_now, next_time
from bridge.model import Cursor, MailboxName
from bridge.store import ledger, mails
from bridge.store.database import Store

SUPPORT = MailboxName("support")


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture(params=["local", "imap"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Mailroom:
    if request.param == "local":
        return LocalRoom(tmp_path / "mail" / "support")
    return ImapRoom(request.getfixturevalue("dovecot"), f"user{tmp_path.name}")


@pytest.fixture
async def stage(tmp_path: Path, room: Mailroom) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source, made.secrets, made.http = room.source, {"MAILBOX_PASSWORD": PASSWORD}, "127.0.0.1:0"
    if isinstance(room, ImapRoom):
        room.deliver(written("Before the first watch"))
    await made.start()
    yield made
    await made.stop()


async def reconciled(stage: Stage) -> str:
    [(sentence, _)] = await compare_now(stage.settings(), mailbox="support", within=20)
    return sentence


def forget(stage: Stage, subject: str) -> None:
    """As no bridge may: the mail was never heard of, though the cursor has passed it."""
    with contextlib.closing(sqlite3.connect(stage.database)) as database, database:
        [(mail_id, number)] = database.execute(
            "SELECT id, number FROM messages WHERE subject = ?", [subject]
        ).fetchall()
        for table, column, value in (
            ("arrivals", "mail_id", mail_id), ("places", "mail_id", mail_id), ("attachments", "mail_id", mail_id),
            ("message_refs", "number", number), ("messages", "id", mail_id), ("conversations", "number", number),
        ):  # fmt: skip
            database.execute(f"DELETE FROM {table} WHERE {column} = ?", [value])


async def test_a_mail_that_was_missed_is_found_told_and_taken_in(stage: Stage, room: Mailroom) -> None:
    mina = Desk(stage)
    room.deliver(*(written(f"Matter {number}") for number in range(3)))
    await mina.sees(lambda: len(mina.cards()) == 3)
    await mina.sees_card("Matter 2")
    assert "3 mails in the ledger (3 taken); of 3 on the server" in (whole := await reconciled(stage))
    assert whole.endswith("UTC none missing.")
    await stage.stop_bridge()
    forget(stage, "Matter 1")
    await stage.start_bridge()
    assert (await reconciled(stage)).endswith("UTC 1 missing, 1 of them taken in.")
    await mina.sees(lambda: len(mina.cards()) == 4)
    assert "Matter 1" in said(mina.cards()[-1])
    async with aiohttp.ClientSession() as session, session.get(stage.url("/metrics")) as answer:
        assert 'bridge_ledger_missing_total{mailbox="support"} 1.0' in await answer.text()
    assert (await reconciled(stage)).endswith("UTC none missing.")


async def test_what_is_in_the_ledger_is_told_in_slack_and_by_check(stage: Stage, room: Mailroom) -> None:
    mina = Desk(stage)
    room.deliver(written("A matter"), written("A matter"))
    await mina.sees_card("A matter")
    async with asyncio.timeout(60):
        while "(1 taken, 1 known)" not in await reconciled(stage):  # noqa: ASYNC110 - the second may still be read
            await asyncio.sleep(0.1)
    words = "2 mails in the ledger (1 taken, 1 known); of 2 on the server"
    await mina.person.command(CHANNEL, "/mail", "status")
    await mina.sees(lambda: words in json.dumps(mina.person.ephemerals(CHANNEL)))
    [found] = [one for one in await check(stage.settings()) if one.part == "ledger of support"]
    assert found.works
    assert words in found.says


async def test_without_a_service_nothing_is_compared_and_the_sentence_says_why(stage: Stage) -> None:
    await stage.stop_bridge()
    with pytest.raises(Temporary, match="is `bridge run` running"):
        await compare_now(stage.settings(), mailbox=None, within=0)
    with pytest.raises(Misconfigured, match="There is no mailbox sales: say one of support"):
        await compare_now(stage.settings(), mailbox="sales", within=0)


async def test_the_ledger_answers_for_what_came_since_the_first_watch_and_for_all_after_a_new_numbering(
    store: Store,
) -> None:
    async with store.write() as conn:
        assert await ledger.span(conn, SUPPORT) is None
        await mails.move_cursor(conn, SUPPORT, Cursor(uidvalidity=7, uidnext=40))
        await mails.move_cursor(conn, SUPPORT, Cursor(uidvalidity=7, uidnext=44))
        span = await ledger.span(conn, SUPPORT)
        assert span == ledger.Span(uidvalidity=7, first=40, uidnext=44)
        await mails.record_arrival(
            conn, mailbox=SUPPORT, place=(7, 41), state="own", mail_id=None, at=datetime.now(UTC)
        )
        assert await ledger.unentered(conn, SUPPORT, span, [39, 40, 41, 43, 44]) == [40, 43]
        await mails.move_cursor(conn, SUPPORT, Cursor(uidvalidity=8, uidnext=3))
        assert await ledger.span(conn, SUPPORT) == ledger.Span(uidvalidity=8, first=1, uidnext=3)


@given(st.text(min_size=1), st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1)))  # noqa: DTZ001 - the zone is given apart
def test_each_mailbox_is_compared_once_in_each_hour(name: str, at: datetime) -> None:
    due = next_time(MailboxName(name), after=at)
    assert timedelta() < due - at <= timedelta(hours=1)
    assert next_time(MailboxName(name), after=due) - due == timedelta(hours=1)
