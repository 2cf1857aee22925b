"""What a desk did in a time, in numbers: questions across conversations. Each takes a transaction's connection.

A conversation counts where its first inbound mail came within the time. Its first response is the first mail that a
person sent after that one, from Slack or from another mail client; what the bridge says by itself is none.
"""

import bisect
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Automatic, Direction, MailboxName, MailId, Number, Status, UserId
from bridge.store.overview import answers_something, by_a_person
from bridge.store.schema import conversations, drafts, messages

AT_ONCE = 500  # ids in one question


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """How one conversation went. `first` is its first mail that came in, `asked` when that was, `answered` when a
    person first wrote back; `came` and `sent` count its mails since the time began, of the sent ones those of people.
    """

    number: Number
    mailbox: MailboxName
    subject: str
    status: Status
    owner: UserId | None
    changed: datetime
    first: MailId
    asked: datetime
    answered: datetime | None
    came: int
    sent: int


@dataclass(slots=True)
class _Tally:
    first: MailId | None = None
    asked: datetime | None = None
    answered: datetime | None = None
    came: int = 0
    sent: int = 0


async def handled(
    conn: AsyncConnection, mailboxes: Collection[MailboxName], *, since: datetime, until: datetime
) -> list[Handled]:
    """Every conversation of these mailboxes that began within the time, the lowest number first.

    Two plain questions, put together here: no database's planner can make a long one of them.
    """
    tallies = await _tallies(conn, mailboxes, since=since)
    # Where a mail came in before then, its conversation did not begin now: it was made before, or it was brought in
    # later with all its mails (a backfill).
    before = exists().where(
        messages.c.number == conversations.c.number, messages.c.direction == Direction.IN, messages.c.received < since
    )
    made = select(conversations).where(
        conversations.c.mailbox.in_(mailboxes), conversations.c.created >= since, ~before
    )
    found = []
    for row in (await conn.execute(made.order_by(conversations.c.number))).mappings():
        tally = tallies.get(row["number"])
        if tally is None or tally.first is None or tally.asked is None or tally.asked >= until:
            continue
        found.append(
            Handled(
                number=Number(row["number"]),
                mailbox=MailboxName(row["mailbox"]),
                subject=row["subject"],
                status=Status(row["status"]),
                owner=UserId(row["owner"]) if row["owner"] else None,
                changed=row["updated"],
                first=tally.first,
                asked=tally.asked,
                answered=tally.answered,
                came=tally.came,
                sent=tally.sent,
            )
        )
    return found


async def _tallies(conn: AsyncConnection, mailboxes: Collection[MailboxName], *, since: datetime) -> dict[int, _Tally]:
    """What came and went since then, by conversation."""
    columns = (messages.c.id, messages.c.number, messages.c.direction, messages.c.received)
    counts = case((messages.c.direction == Direction.OUT, answers_something(messages)), else_=True).label("counts")
    question = select(*columns, counts).where(
        messages.c.mailbox.in_(mailboxes), messages.c.received >= since, ~_by_itself()
    )
    tallies: dict[int, _Tally] = {}
    for mail_id, number, direction, received, answers in await conn.execute(
        question.order_by(messages.c.received, messages.c.id)
    ):
        tally = tallies.setdefault(number, _Tally())
        if direction == Direction.IN:
            tally.came += 1
            if tally.asked is None:
                tally.first, tally.asked = MailId(mail_id), received
        else:
            tally.sent += 1
            if answers and tally.asked and tally.answered is None:
                tally.answered = received
    return tallies


async def customers(conn: AsyncConnection, mail_ids: Sequence[MailId]) -> dict[MailId, str]:
    """Who wrote these mails: addresses in lower case."""
    found: dict[MailId, str] = {}
    for start in range(0, len(mail_ids), AT_ONCE):
        question = select(messages.c.id, messages.c.author).where(messages.c.id.in_(mail_ids[start : start + AT_ONCE]))
        found |= {MailId(mail_id): author for mail_id, author in await conn.execute(question)}
    return found


async def volume(conn: AsyncConnection, mailbox: MailboxName, *, begins: Sequence[datetime]) -> list[tuple[int, int]]:
    """How many mails came in, and how many people sent, from each of these times until the next one."""
    counts = [[0, 0] for _ in begins[1:]]
    question = select(messages.c.direction, messages.c.received).where(
        messages.c.mailbox == mailbox,
        messages.c.received >= begins[0],
        messages.c.received < begins[-1],
        ~_by_itself(),
    )
    for direction, received in await conn.execute(question):
        counts[bisect.bisect_right(begins, received) - 1][direction == Direction.OUT] += 1
    return [(came, sent) for came, sent in counts]


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
    """Whether a mail of ours was written by a machine: the bridge's own, or what answers by itself beside it."""
    wrote = exists().where(drafts.c.message_id == messages.c.message_id, drafts.c.automatic != Automatic.NO)
    return and_(messages.c.direction == Direction.OUT, or_(wrote, ~by_a_person(messages)))
