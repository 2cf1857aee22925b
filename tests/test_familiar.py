"""Who only looks like somebody known is pointed out until a person has answered them; forwards never wait for Slack."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from workplace import Clock, workplace

from bridge.desk import Mailbox
from bridge.guard.familiar import KEPT, Familiar
from bridge.model import (
    Address,
    Automatic,
    ChannelId,
    Direction,
    MailboxName,
    Message,
    Number,
    Reading,
    Status,
)
from bridge.store import conversations, mails
from bridge.store.database import Store
from bridge.teammates import PAUSE, Teammates

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
BOX = Mailbox(
    name=MailboxName("support"),
    address=Address(email="help@fernhill.example"),
    channel=ChannelId("C1"),
    hold=timedelta(0),
    saves_sent=False,
    max_bytes=1 << 20,
)


async def wrote(store: Store, email: str, *, answered: Automatic | None = None) -> None:
    """A conversation with a mail from that address; where it was answered, by a person or by the bridge itself."""
    async with store.write() as conn:
        number = await conversations.create(
            conn, mailbox=BOX.name, channel=BOX.channel, subject="x", status=Status.OPEN, at=AT
        )
        mail = Message(from_=(Address(email=email),))
        await keep(conn, mail, number, Direction.IN)
        if answered is not None:
            await keep(conn, Message(from_=(BOX.address,), automatic=answered), number, Direction.OUT)


async def keep(conn: object, message: Message, number: Number, direction: Direction) -> None:
    await mails.add(
        conn,  # type: ignore[arg-type]
        message,
        reading=Reading(),
        mailbox=BOX.name,
        number=number,
        direction=direction,
        digest=f"{number}:{direction}",
        raw_id=None,
        at=AT,
    )


async def found(store: Store, familiar: Familiar, author: Address, *, mailbox: Mailbox = BOX) -> str:
    await familiar.look_around(store, mailbox)
    return familiar.lookalike(mailbox, author)


@pytest.mark.parametrize(
    ("domain", "like"),
    [
        ("fernhi11.example", "fernhill.example"),  # digits for letters
        ("fernhil.example", "fernhill.example"),  # one left out
        ("roastery-supp1y.example", "roastery-supply.example"),
        ("fernhill.example", ""),
        ("mail.fernhill.example", ""),
        ("roastery-supply.example", ""),
        ("elsewhere.example", ""),
        ("gmail.com", ""),
    ],
)
async def test_a_domain_is_compared_with_ours_and_those_we_have_answered(store: Store, domain: str, like: str) -> None:
    await wrote(store, "ben@roastery-supply.example", answered=Automatic.NO)
    assert await found(store, Familiar(), Address(email=f"x@{domain}")) == like


async def test_who_writes_often_or_is_only_acknowledged_does_not_become_known(store: Store) -> None:
    for answered in (None, None, Automatic.REPLY):
        await wrote(store, "billing@fernhi11.example", answered=answered)
    assert await found(store, Familiar(), Address(email="billing@fernhi11.example")) == "fernhill.example"


async def test_a_person_who_answers_has_made_sure_and_is_believed_within_minutes(store: Store) -> None:
    clock = Clock()
    familiar, author = Familiar(clock), Address(email="ben@fernhil.example")
    assert await found(store, familiar, author)
    await wrote(store, author.email, answered=Automatic.NO)
    clock.time += KEPT + 1
    assert not await found(store, familiar, author)
    assert await found(store, familiar, author, mailbox=replace(BOX, name=MailboxName("sales")))


async def test_of_a_public_provider_only_the_mailbox_itself_is_ours() -> None:
    async with workplace() as place:
        team = str(place.double.workspace.team_id)
        ours = Teammates(place.gateway, team_id=team, mailboxes=["fernhill@gmail.com", "help@fernhill.example"])
        assert await ours("Fernhill@gmail.com")
        assert await ours("anybody@fernhill.example")
        assert not await ours("anybody@gmail.com")
        assert await ours("dana@example.com")


async def test_slack_that_does_not_answer_is_left_alone_for_a_while() -> None:
    clock = Clock()
    async with workplace(without=frozenset({"users:read.email"})) as place:
        ours = Teammates(place.gateway, team_id="T1", mailboxes=[], clock=clock)
        for _ in range(3):
            assert not await ours("dana@example.com")
        assert place.double.faults.calls["users.lookupByEmail"] == 1
        clock.time += PAUSE + 1
        assert not await ours("dana@example.com")
        assert place.double.faults.calls["users.lookupByEmail"] == 2
