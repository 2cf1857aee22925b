"""What the bridge sends by itself is bounded: by whom it goes to, by its kind, by the hour; and people have the last word."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from mailroom import LocalRoom, until
from onstage import DANA, Desk, actions, ask, nodes, received, said

from bridge.automation import byitself
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, Stage
from bridge.model import CLOCK, Act, Address, ChannelId, Conversation, MailboxName, Number, Status, now
from bridge.store import acts, automatics, conversations, jobs
from bridge.store.database import Store

Staged = Callable[..., Awaitable[tuple[Stage, Desk]]]
DAY = timedelta(days=1)
SUPPORT = MailboxName("support")
VICTIM = Address(email="victim@example.net")


@pytest.fixture
async def staged(tmp_path: Path) -> AsyncIterator[Staged]:
    """A stage with these lines in its mailbox's table, and those tables beside it."""
    made = Stage(tmp_path / "stage", hold=0)

    async def start(source: str = "", *, others: str = "", hold: float = 0) -> tuple[Stage, Desk]:
        made.source += f"\n{source}"
        made.others, made.hold = others, hold
        await made.start()
        return made, Desk(made)

    yield start
    await made.stop()


def mail(sender: str, subject: str, *headers: str) -> bytes:
    """A mail whose headers the demo's people do not write."""
    head = [f"From: {sender}", f"Subject: {subject}", f"To: {SHOP.email}", *headers]
    head.append(f"Message-ID: <{os.urandom(6).hex()}@example.com>")
    return "\r\n".join([*head, "", "Words.", ""]).encode()


def deliver(stage: Stage, *mails: bytes) -> None:
    LocalRoom(stage.data / "mail" / "support").deliver(*mails)


async def shown(stage: Stage, desk: Desk, *subjects: str) -> None:
    """These mails have cards, and all that they were to have sent has left: a mail that came after them is answered."""
    for subject in subjects:
        await desk.sees_card(subject)
    reader = f"{os.urandom(4).hex()}@example.net"
    await ask(stage, from_=f"Last <{reader}>", subject="The last one")
    await received(stage, reader)


async def log(stage: Stage, number: int) -> list[Act]:
    store = await Store.open(f"sqlite:///{stage.database}")
    try:
        async with store.read() as conn:
            return list(reversed(await acts.of_conversation(conn, Number(number), limit=50)))
    finally:
        await store.close()


def passed_over(stage: Stage) -> int:
    """How many conversations were not acknowledged since too many were."""
    with contextlib.closing(sqlite3.connect(stage.database)) as db:
        return int(db.execute("SELECT count(*) FROM acts WHERE verb = 'not acknowledged'").fetchone()[0])


def asked(desk: Desk) -> list[str]:
    return [said(one) for one in desk.cards() if "no more are sent there" in said(one)]


# --- whom it goes to --------------------------------------------------------------------------------------------------


async def test_forged_senders_bring_nobody_more_mail_than_one_sender_gets(staged: Staged) -> None:
    """Whoever the sender says to be: what counts is whom the mail goes to."""
    stage, mina = await staged("auto_ack = true\nack = { per_sender = 2 }")
    offers = [
        mail(f"no-reply@attacker{turn}.example", f"Offer {turn}", "Reply-To: victim@example.net") for turn in range(4)
    ]
    deals = [mail(f"a{turn}@attacker.example", f"Deal {turn}", "Reply-To: other@example.net") for turn in range(4)]
    deliver(stage, *offers, *deals)
    await shown(stage, mina, *(f"{one} {turn}" for turn in range(4) for one in ("Offer", "Deal")))
    assert len(stage.world.inbox["victim@example.net"]) == 2
    assert len(stage.world.inbox["other@example.net"]) == 0
    assert len(asked(mina)) == 1


async def test_one_reader_is_one_sender_however_the_address_is_spelt(staged: Staged) -> None:
    stage, mina = await staged("auto_ack = true\nack = { per_sender = 2 }")
    spelt = [f"victim+{turn}@example.net" for turn in range(4)] + ["VICTIM@example.net", '"victim"@example.net']
    deliver(stage, *(mail(f"<{email}>", f"Offer {turn}") for turn, email in enumerate(spelt)))
    await shown(stage, mina, *(f"Offer {turn}" for turn in range(len(spelt))))
    assert sum(len(got) for email, got in stage.world.inbox.items() if "victim" in email.lower()) == 2


async def test_a_form_acknowledges_who_filled_it_in(staged: Staged) -> None:
    stage, _ = await staged("auto_ack = true")
    deliver(stage, mail("The form <no-reply@shop.example>", "Two bags", "Reply-To: Dana Reyes <dana@example.com>"))
    got = await received(stage, "dana@example.com")
    assert "Hello Dana Reyes" in got.get_content()


async def test_a_name_that_leads_somewhere_is_left_out(staged: Staged) -> None:
    stage, _ = await staged("auto_ack = true")
    deliver(stage, mail('"Win at http://evil.example" <dana@example.com>', "Two bags"))
    got = await received(stage, "dana@example.com")
    assert "evil.example" not in got.as_string()
    assert "Hello," in got.get_content()


async def test_senders_that_are_new_each_time_are_bounded_by_the_hour(staged: Staged) -> None:
    stage, mina = await staged("auto_ack = true\nack = { per_hour = 2 }")
    stage.later(timedelta(minutes=61 - now().minute))  # the hour does not end within this test
    deliver(stage, *(mail(f"a{turn}@example{turn}.net", f"Offer {turn}") for turn in range(5)))
    await until(lambda: passed_over(stage) == 3)
    await mina.sees_card("gets none until")
    assert len([one for one in mina.cards() if "gets none until" in said(one)]) == 1
    stage.later(timedelta(hours=1))
    await shown(stage, mina)
    assert sum(len(stage.world.inbox[f"a{turn}@example{turn}.net"]) for turn in range(5)) == 2


# --- what people decide -----------------------------------------------------------------------------------------------


async def loops(stage: Stage, mina: Desk, sender: str, *, mails: int, subject: str) -> None:
    for turn in range(mails):
        await ask(stage, from_=sender, subject=f"{subject} {turn}")
        await mina.sees_card(f"{subject} {turn}")


async def test_a_second_loop_is_told_of_as_the_first_was(staged: Staged) -> None:
    """A database may give the second sender the number that the first one had."""
    stage, mina = await staged("auto_ack = true\nack = { per_sender = 2 }")
    await loops(stage, mina, DANA, mails=3, subject="Ticket")
    first = await mina.sees_card("no more are sent there")
    await mina.person.click(CHANNEL, first["ts"], "resume_sender")
    await mina.sees_card("acknowledged again")
    await loops(stage, mina, "Ben <ben@example.org>", mails=3, subject="Case")
    second = await mina.sees(
        lambda: next((one for one in mina.cards() if "ben@example.org has had" in said(one)), None)
    )
    assert second
    assert "mute_sender" in actions(second)


async def test_a_mute_is_in_the_log_and_can_be_taken_back(staged: Staged) -> None:
    stage, mina = await staged("auto_ack = true\nack = { per_sender = 2 }")
    await loops(stage, mina, DANA, mails=3, subject="Ticket")
    told = await mina.sees_card("no more are sent there")
    await mina.person.click(CHANNEL, told["ts"], "mute_sender")
    muted = await mina.sees_card("muted this sender")
    assert actions(muted) == ["resume_sender"]
    await mina.person.click(CHANNEL, told["ts"], "resume_sender")
    again = await mina.sees_card("acknowledged again")
    assert not [one for one in nodes(again) if one.get("type") == "button"]
    await loops(stage, mina, DANA, mails=1, subject="Once more")
    await received(stage, "dana@example.com", count=3)
    done = [(one.verb, one.actor) for one in await log(stage, 2) if one.verb in ("mute", "resume")]
    assert done == [("mute", mina.person.id), ("resume", mina.person.id)]


async def test_a_muted_sender_is_found_and_resumed_where_the_message_is_gone(staged: Staged) -> None:
    stage, mina = await staged("auto_ack = true\nack = { per_sender = 2 }")
    await loops(stage, mina, DANA, mails=3, subject="Ticket")
    await mina.sees_card("no more are sent there")
    await mina.person.command(CHANNEL, "/mail", "status")
    listed = await mina.sees(
        lambda: next((o for o in mina.person.ephemerals(CHANNEL) if "resume_sender" in actions(o)), None)
    )
    assert listed
    assert "dana@example.com" in said(listed)
    await mina.person.click(CHANNEL, listed["ts"], "resume_sender")
    assert await mina.sees(lambda: "acknowledged again" in str(mina.person.ephemerals(CHANNEL)))
    await loops(stage, mina, DANA, mails=1, subject="Once more")
    await received(stage, "dana@example.com", count=3)


async def test_a_button_means_nobody_else_once_its_row_is_gone(store: Store) -> None:
    async with store.write() as conn:
        first = await automatics.make_quiet(conn, SUPPORT, "dana@example.com", at=now())
        await automatics.resume(conn, first)
        second = await automatics.make_quiet(conn, SUPPORT, "ben@example.org", at=now())
        assert await automatics.quieted(conn, first.token) is None
        assert await automatics.quieted(conn, second.token) == second


# --- by its kind ------------------------------------------------------------------------------------------------------

BOOKS = '[[rule]]\nname = "Invoices"\nwhen = { subject = "invoice" }\nthen = { forward = "books@example.org" }\n'


async def test_who_is_passed_mail_on_is_acknowledged_and_goes_on_being_passed_mail(staged: Staged) -> None:
    stage, mina = await staged("auto_ack = true\nack = { per_sender = 2 }", others=BOOKS)
    for turn in range(3):
        await ask(stage, from_=f"C{turn} <c{turn}@example.com>", subject=f"invoice {turn}")
    await received(stage, "books@example.org", count=3)
    await ask(stage, from_="Books <books@example.org>", subject="Question of mine")
    await received(stage, "books@example.org", count=4)
    await ask(stage, from_="C9 <c9@example.com>", subject="invoice 9")
    await received(stage, "books@example.org", count=5)
    assert not asked(mina)


# --- counting ---------------------------------------------------------------------------------------------------------


async def begun(store: Store, *, how_many: int = 1) -> list[Conversation]:
    async with store.write() as conn:
        made = await conversations.create_all(
            conn, mailbox=SUPPORT, channel=ChannelId("C1"), subjects=["Bags"] * how_many, status=Status.OPEN, at=now()
        )
        found = [await conversations.get(conn, one) for one in made]
    return [one for one in found if one]


async def test_mails_that_come_together_pass_no_bound(store: Store) -> None:
    """Several replicas, and several hands of one, sort at once."""

    async def answer(one: Conversation) -> bool:
        async with store.write() as conn:
            await automatics.hold(conn, SUPPORT)
            await asyncio.sleep(0)
            return await byitself.allowed(conn, one, VICTIM, most=3, per_hour=60)

    may = await asyncio.gather(*(answer(one) for one in await begun(store, how_many=12)))
    assert sum(may) == 3


async def test_what_is_passed_on_goes_on_the_next_day(store: Store) -> None:
    one = (await begun(store))[0]

    async def passes() -> bool:
        async with store.write() as conn:
            return await byitself.may_pass_on(conn, one, VICTIM, most=2, zone=UTC)

    assert [await passes() for _ in range(4)] == [True, True, False, False]
    async with store.read() as conn:
        assert await jobs.unfinished(conn, "loop") == 1
    CLOCK.ahead += DAY
    try:
        assert await passes()
    finally:
        CLOCK.ahead -= DAY
