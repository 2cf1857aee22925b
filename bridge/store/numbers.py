"""What a desk did in a time, in numbers: questions across conversations. Each takes a transaction's connection.

A conversation counts where its first inbound mail came within the time. Its first response is the first mail that a
person sent after that one, from Slack or from another mail client; what the bridge says by itself is none.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Automatic, Direction, MailboxName, Number, Status, UserId
from bridge.store.schema import conversations, drafts, messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """How one conversation went. `asked` is when its first mail came in, `answered` when a person first wrote back;
    `sent` counts mails that people sent. `customer` is the address of the first mail's author, in lower case.
    """

    number: Number
    mailbox: MailboxName
    status: Status
    owner: UserId | None
    changed: datetime
    asked: datetime
    answered: datetime | None
    came: int
    sent: int
    subject: str
    customer: str


async def handled(
    conn: AsyncConnection, mailboxes: Collection[MailboxName], *, since: datetime, until: datetime
) -> list[Handled]:
    """Every conversation of these mailboxes that began within the time, the oldest number first."""
    # Only mails since then are looked through, by the index. Where one came before, its conversation did not begin now:
    # it was made before then, or it was brought in later with all its mails (a backfill).
    lately = and_(messages.c.mailbox.in_(mailboxes), messages.c.received >= since)
    first = (
        select(messages.c.number, func.min(messages.c.received).label("asked"), func.min(messages.c.id).label("mail"))
        .where(lately, messages.c.direction == Direction.IN)
        .group_by(messages.c.number)
        .subquery()
    )
    before = messages.alias("before")
    began_before = exists().where(
        before.c.number == conversations.c.number, before.c.direction == Direction.IN, before.c.received < since
    )
    by_a_person = and_(messages.c.direction == Direction.OUT, ~_by_itself())
    response = case((and_(by_a_person, messages.c.received >= first.c.asked), messages.c.received))
    mails = (
        select(
            messages.c.number,
            func.min(response).label("answered"),
            func.sum(case((messages.c.direction == Direction.IN, 1), else_=0)).label("came"),
            func.sum(case((by_a_person, 1), else_=0)).label("sent"),
        )
        .join(first, first.c.number == messages.c.number)
        .where(lately, first.c.asked < until)
        .group_by(messages.c.number)
        .subquery()
    )
    begun = messages.alias("begun")
    question = (
        select(conversations, first.c.asked, mails.c.answered, mails.c.came, mails.c.sent, begun.c.author)
        .join(first, first.c.number == conversations.c.number)
        .join(mails, mails.c.number == conversations.c.number)
        .join(begun, begun.c.id == first.c.mail)
        .where(conversations.c.created >= since, ~began_before)
        .order_by(conversations.c.number)
    )
    return [
        Handled(
            number=Number(row["number"]),
            mailbox=MailboxName(row["mailbox"]),
            status=Status(row["status"]),
            owner=UserId(row["owner"]) if row["owner"] else None,
            changed=row["updated"],
            asked=row["asked"],
            answered=row["answered"],
            came=row["came"],
            sent=row["sent"],
            subject=row["subject"],
            customer=row["author"],
        )
        for row in (await conn.execute(question)).mappings()
    ]


async def volume(conn: AsyncConnection, mailbox: MailboxName, *, begins: Sequence[datetime]) -> list[tuple[int, int]]:
    """How many mails came in, and how many people sent, from each of these times until the next one."""
    spans = list(itertools.pairwise(begins))
    counts = [
        func.sum(case((and_(which, messages.c.received >= begin, messages.c.received < end), 1), else_=0))
        for begin, end in spans
        for which in (messages.c.direction == Direction.IN, and_(messages.c.direction == Direction.OUT, ~_by_itself()))
    ]
    question = select(*counts).where(
        messages.c.mailbox == mailbox, messages.c.received >= begins[0], messages.c.received < begins[-1]
    )
    found = [count or 0 for count in (await conn.execute(question)).one()]
    return list(zip(found[::2], found[1::2], strict=True))


async def open_by_age(conn: AsyncConnection, mailbox: MailboxName, *, edges: Sequence[datetime]) -> list[int]:
    """How many open conversations began before the first of these times, between each and the next, and after all."""
    made = conversations.c.created
    parts = [
        made < edges[0],
        *(and_(made >= begin, made < end) for begin, end in itertools.pairwise(edges)),
        made >= edges[-1],
    ]
    counts = [func.sum(case((part, 1), else_=0)) for part in parts]
    question = select(*counts).where(conversations.c.status == Status.OPEN, conversations.c.mailbox == mailbox)
    return [count or 0 for count in (await conn.execute(question)).one()]


def _by_itself() -> ColumnElement[bool]:
    """Whether a mail that left is one that the bridge wrote."""
    return exists().where(drafts.c.message_id == messages.c.message_id, drafts.c.automatic != Automatic.NO)
