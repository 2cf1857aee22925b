"""What there is to do, at a glance: questions across conversations, for Home. Each takes a transaction's connection."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import (
    Automatic,
    Brief,
    ChannelId,
    Conversation,
    Direction,
    Draft,
    DraftState,
    MailboxName,
    Number,
    Status,
    UserId,
    now,
)
from bridge.store import conversations as conversations_of
from bridge.store import drafts as drafts_of
from bridge.store.packing import unpack_addresses
from bridge.store.schema import conversations, drafts, messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefs:
    """The first of what was asked for, and how many there are in all."""

    shown: tuple[Brief, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """The first of the drafts that wait for a person, each with its conversation, and how many there are in all."""

    shown: tuple[tuple[Draft, Conversation], ...]
    total: int


async def of_owner(conn: AsyncConnection, user: UserId, *, channels: Collection[ChannelId], limit: int) -> Briefs:
    """What is a person's and not closed: what is open first, of that what is overdue, then whose customer waits
    longest.
    """
    which = (conversations.c.owner == user, conversations.c.status != Status.CLOSED)
    return await _briefs(conn, which, channels=channels, limit=limit)


async def unowned(conn: AsyncConnection, *, channels: Collection[ChannelId], limit: int) -> Briefs:
    """What is open and nobody's: what is overdue first, then the customer who waits longest."""
    which = (conversations.c.owner.is_(None), conversations.c.status == Status.OPEN)
    return await _briefs(conn, which, channels=channels, limit=limit)


async def waiting(conn: AsyncConnection, *, channels: Collection[ChannelId], limit: int) -> Briefs:
    """Whose customer waits for an answer, whoever's it is: what is overdue first, then the longest."""
    return await _briefs(conn, _waits(), channels=channels, limit=limit)


async def waits_longest(conn: AsyncConnection, *, channels: Collection[ChannelId]) -> datetime | None:
    """Since when the customer waits who waits longest; None where nobody does."""
    question = select(func.min(_since())).where(conversations.c.channel.in_(channels), *_waits())
    found: datetime | None = await conn.scalar(question)
    return found


async def overdue(conn: AsyncConnection, *, channels: Collection[ChannelId]) -> int:
    """How many customers wait who should have an answer by now."""
    which = (conversations.c.channel.in_(channels), *_waits(), conversations_of.late(now()))
    return await conn.scalar(select(func.count()).select_from(conversations).where(*which)) or 0


async def proposed(conn: AsyncConnection, *, channels: Collection[ChannelId], limit: int) -> Proposals:
    """What an assistant or a rule wrote and only a person sends, the newest first; not of what is closed."""
    both = drafts.join(conversations, conversations.c.number == drafts.c.number)
    which = (
        drafts.c.state.in_([DraftState.SUGGESTED, DraftState.PROPOSED]),
        conversations.c.channel.in_(channels),
        conversations.c.status != Status.CLOSED,
    )
    total = await conn.scalar(select(func.count()).select_from(both).where(*which)) or 0
    question = select(drafts.c.id).select_from(both).where(*which).order_by(drafts.c.created.desc(), drafts.c.id)
    found = await drafts_of.of_ids(conn, (await conn.execute(question.limit(limit))).scalars().all())
    about = await conversations_of.of_numbers(conn, [one.number for one in found])
    newest = sorted(found, key=lambda one: one.created, reverse=True)
    return Proposals(shown=tuple((one, about[one.number]) for one in newest), total=total)


async def open_by_mailbox(conn: AsyncConnection, *, channels: Collection[ChannelId]) -> dict[MailboxName, int]:
    """How many conversations are open in each mailbox that has any."""
    question = select(conversations.c.mailbox, func.count()).where(
        conversations.c.status == Status.OPEN, conversations.c.channel.in_(channels)
    )
    rows = await conn.execute(question.group_by(conversations.c.mailbox))
    return {MailboxName(name): count for name, count in rows}


def _waits() -> tuple[ColumnElement[bool], ...]:
    return conversations.c.status == Status.OPEN, _since().is_not(None)


def _since() -> ScalarSelect[datetime]:
    """Since when the customer waits, as `rules.waits_since` has it: the first mail that a person wrote after the last
    answer that one of us did.
    """
    answer = messages.alias("answer")
    ours = select(func.max(answer.c.id)).where(
        answer.c.number == conversations.c.number,
        answer.c.direction == Direction.OUT,
        by_a_person(answer),
        answers_something(answer),
    )
    later = messages.c.id > func.coalesce(ours.correlate(conversations).scalar_subquery(), 0)
    asked = select(func.min(messages.c.received)).where(
        messages.c.number == conversations.c.number,
        messages.c.direction == Direction.IN,
        by_a_person(messages),
        later,
    )
    return asked.correlate(conversations).scalar_subquery()


def by_a_person(mails: FromClause) -> ColumnElement[bool]:
    """Whether a person wrote it, of the table of mails or an alias of it."""
    automatic: ColumnElement[str] = mails.c.head["automatic"].as_string()
    return automatic == Automatic.NO


def answers_something(mails: FromClause) -> ColumnElement[bool]:
    """Whether a mail of ours names one that it answers: what is passed on names none."""
    named: ColumnElement[str] = mails.c.head["in_reply_to"].as_string()
    return named != "[]"


async def _briefs(
    conn: AsyncConnection, which: Sequence[ColumnElement[bool]], *, channels: Collection[ChannelId], limit: int
) -> Briefs:
    where = (conversations.c.channel.in_(channels), *which)
    total = await conn.scalar(select(func.count()).select_from(conversations).where(*where)) or 0
    since = _since().label("since")
    question = select(conversations.c.number, since).where(*where)
    question = question.order_by(
        conversations.c.status != Status.OPEN, *conversations_of.overdue_first(now()), since.is_(None), since
    ).limit(limit)
    waits = {Number(row.number): row.since for row in await conn.execute(question)}
    found = await conversations_of.of_numbers(conn, list(waits))
    who = await _customers(conn, list(waits))
    shown = tuple(
        Brief(conversation=found[number], who=who.get(number, ""), since=since) for number, since in waits.items()
    )
    return Briefs(shown=shown, total=total)


async def _customers(conn: AsyncConnection, numbers: Collection[Number]) -> dict[Number, str]:
    """Who wrote the newest mail that came in, by its conversation."""
    newest = select(func.max(messages.c.id)).where(messages.c.number.in_(numbers), messages.c.direction == Direction.IN)
    question = select(messages.c.number, messages.c.head).where(
        messages.c.id.in_(newest.group_by(messages.c.number).scalar_subquery())
    )
    names = {}
    for row in await conn.execute(question):
        author = next(iter(unpack_addresses(row.head["from_"]) or unpack_addresses(row.head["sender"])), None)
        names[Number(row.number)] = (author.name or author.email) if author else ""
    return names
