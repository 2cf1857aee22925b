"""Conversations: named questions and changes. Each takes the connection of the transaction it belongs to."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChannelId, Conversation, MailboxName, Number, Priority, Status, Ts, UserId, now, shown_as
from bridge.store.schema import acts, conversations, drafts, effects, messages


async def create(
    conn: AsyncConnection, *, mailbox: MailboxName, channel: ChannelId, subject: str, status: Status, at: datetime
) -> Number:
    """Begin a conversation; its number is never given twice."""
    made = await create_all(conn, mailbox=mailbox, channel=channel, subjects=[subject], status=status, at=at)
    return made[0]


async def create_all(
    conn: AsyncConnection,
    *,
    mailbox: MailboxName,
    channel: ChannelId,
    subjects: Sequence[str],
    status: Status,
    at: datetime,
) -> list[Number]:
    """Begin a conversation for each subject; their numbers, in the same order."""
    if not subjects:
        return []
    row = {"mailbox": mailbox, "channel": channel, "status": status, "version": 1, "shown": 0}
    rows = [{**row, "subject": subject, "created": at, "updated": at} for subject in subjects]
    adding = insert(conversations).returning(conversations.c.number, sort_by_parameter_order=True)
    return [Number(one) for one in (await conn.execute(adding, rows)).scalars()]


async def get(conn: AsyncConnection, number: Number) -> Conversation | None:
    """The conversation of that number, or None."""
    row = (await conn.execute(select(conversations).where(conversations.c.number == number))).mappings().first()
    return _conversation(row) if row else None


async def current(conn: AsyncConnection, number: Number) -> Conversation | None:
    """The conversation of that number, or the one that it was merged into; None where there is none."""
    found = await get(conn, number)
    while found and found.merged_into:  # never in a circle: neither of two that are merged is merged already (`hold`)
        found = await get(conn, found.merged_into)
    return found


async def hold(conn: AsyncConnection, numbers: Iterable[Number]) -> None:
    """Let nobody else change these until this transaction ends: what is read of them after it stays true."""
    which = select(conversations.c.number).where(conversations.c.number.in_(list(numbers)))
    await conn.execute(which.order_by(conversations.c.number).with_for_update())


async def splits(conn: AsyncConnection, numbers: Iterable[Number]) -> dict[Number, Number]:
    """From which conversation those were split off, and those in turn."""
    found: dict[Number, Number] = {}
    asked = set(numbers)
    while asked:
        question = select(conversations.c.number, conversations.c.split_from).where(
            conversations.c.number.in_(asked), conversations.c.split_from.is_not(None)
        )
        rows = (await conn.execute(question)).all()
        found |= {Number(row.number): Number(row.split_from) for row in rows}
        asked = {Number(row.split_from) for row in rows} - found.keys()
    return found


async def split_off(conn: AsyncConnection, number: Number, *, of: Number) -> None:
    """Remember that it was a part of that other one."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(split_from=of))


async def change(conn: AsyncConnection, number: Number, *, at: datetime, **values: Any) -> int:
    """Set columns (status, owner, trouble and so on) and return the new version, which its card has yet to show."""
    return (await change_all(conn, [number], at=at, **values))[number]


async def change_all(
    conn: AsyncConnection, numbers: Collection[Number], *, at: datetime, **values: Any
) -> dict[Number, int]:
    """Set the same columns of several conversations; the new version of each. An answer is due to open ones alone."""
    if values.get("status", Status.OPEN) is not Status.OPEN:
        values["due"] = None
    if "tags" in values:
        values["tags"] = _written(values["tags"])
    changed = await conn.execute(
        update(conversations)
        .where(conversations.c.number.in_(numbers))
        .values(version=conversations.c.version + 1, updated=at, **values)
        .returning(conversations.c.number, conversations.c.version)
    )
    return {Number(row.number): row.version for row in changed}


async def becomes_due(conn: AsyncConnection, number: Number, due: datetime) -> None:
    """The customer is to have an answer by then."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(due=due))


async def touch(conn: AsyncConnection, number: Number) -> int:
    """Its card has something else to show, though nothing has happened to it; the new version."""
    version = conversations.c.version
    which = update(conversations).where(conversations.c.number == number)
    return int((await conn.execute(which.values(version=version + 1).returning(version))).scalar_one())


async def card_posted(conn: AsyncConnection, number: Number, *, ts: Ts, bumps: int) -> None:
    """Remember the Slack message that is the conversation's card, unless it is to be posted anew since; `bumps`: how
    often it had been when this one was begun.
    """
    still = (conversations.c.number == number) & (conversations.c.bumps == bumps)
    await conn.execute(update(conversations).where(still).values(card_ts=ts, surfaced=ts))


async def mark_shown(conn: AsyncConnection, number: Number, *, version: int) -> None:
    """The card shows that version now."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(shown=version))


async def shown(conn: AsyncConnection, number: Number) -> int:
    """The version that the card shows; 0 before there is a card."""
    return int((await conn.execute(select(conversations.c.shown).where(conversations.c.number == number))).scalar_one())


async def forget_slack(conn: AsyncConnection, number: Number) -> None:
    """What Slack showed of a conversation is gone: card, thread, lines and files are posted anew."""
    mine = messages.c.number == number
    mails = await _names(conn, select(messages.c.id, messages.c.moved).where(mine))
    lines = await _names(conn, select(drafts.c.id, drafts.c.moved).where(drafts.c.number == number))
    unseen = {"card_ts": None, "shown": 0, "surfaced": None, "former_ts": None}
    await conn.execute(update(conversations).where(conversations.c.number == number).values(**unseen))
    await conn.execute(update(messages).where(mine).values(thread_ts=None, shared=False))
    await conn.execute(update(drafts).where(drafts.c.number == number).values(line_ts=None, shown=0))
    keys = [f"card:{number}", *(f"mail:{one}" for one in mails), *(f"draft:{one}" for one in lines)]
    files = [effects.c.key.like(f"{kind}:{one}:%") for one in mails for kind in ("file", "files")]
    anew = effects.c.key.like(f"card:{number}:%")
    await conn.execute(delete(effects).where(or_(effects.c.key.in_(keys), anew, *files)))


async def _names(conn: AsyncConnection, question: Select[Any]) -> list[str]:
    """What the posts of those mails or drafts go by."""
    return [shown_as(str(row.id), moved=row.moved) for row in await conn.execute(question)]


async def by_card(conn: AsyncConnection, *, channel: ChannelId, ts: Ts) -> Conversation | None:
    """The conversation whose card, and so whose thread, that Slack message is."""
    question = select(conversations).where(conversations.c.channel == channel, conversations.c.card_ts == ts)
    row = (await conn.execute(question)).mappings().first()
    return _conversation(row) if row else None


async def mailboxes(conn: AsyncConnection) -> list[MailboxName]:
    """Those that have any."""
    return [MailboxName(one) for one in (await conn.execute(select(conversations.c.mailbox).distinct())).scalars()]


async def unfinished(conn: AsyncConnection, *, channels: Sequence[ChannelId], limit: int) -> list[Conversation]:
    """What is not closed in those channels: what is overdue first, then the longest untouched."""
    question = (
        select(conversations)
        .where(conversations.c.channel.in_(channels), conversations.c.status != Status.CLOSED)
        .order_by(*overdue_first(now()), conversations.c.updated)
        .limit(limit)
    )
    return [_conversation(row) for row in (await conn.execute(question)).mappings()]


def late(at: datetime) -> ColumnElement[bool]:
    """Whether an answer should have been given by then: `Conversation.late`, as the database asks it."""
    return and_(conversations.c.due.is_not(None), conversations.c.due <= at)


def overdue_first(at: datetime) -> tuple[ColumnElement[Any], ...]:
    """An order: what is overdue by then, the longest first; all the rest as whatever follows says."""
    return not_(late(at)), case((late(at), conversations.c.due))


async def listed(conn: AsyncConnection, *, mailbox: MailboxName | None, closed: bool, limit: int) -> list[Conversation]:
    """What there is, in one mailbox or in all, the longest untouched first; what is closed only where asked for."""
    which = [conversations.c.mailbox == mailbox] if mailbox else []
    which += [] if closed else [conversations.c.status != Status.CLOSED]
    question = select(conversations).where(*which).order_by(conversations.c.updated).limit(limit)
    return [_conversation(row) for row in (await conn.execute(question)).mappings()]


async def channel_of(conn: AsyncConnection, mailbox: MailboxName) -> ChannelId | None:
    """Where that mailbox's newest conversation shows that nothing has moved, or None before it has one."""
    moved = exists().where(acts.c.number == conversations.c.number, acts.c.verb == "move")
    newest = select(conversations.c.channel).where(conversations.c.mailbox == mailbox, ~moved)
    found = (await conn.execute(newest.order_by(conversations.c.number.desc()).limit(1))).scalar()
    return ChannelId(found) if found else None


async def channels(conn: AsyncConnection) -> list[ChannelId]:
    """Every channel that a conversation shows in: a look into the index for each, however many conversations it has."""
    first = select(func.min(conversations.c.channel).label("channel")).cte("shows_in", recursive=True)
    behind = select(func.min(conversations.c.channel)).where(conversations.c.channel > first.c.channel)
    every = first.union_all(select(behind.scalar_subquery()).where(first.c.channel.is_not(None)))
    found = await conn.execute(select(every.c.channel).where(every.c.channel.is_not(None)))
    return [ChannelId(one) for one in found.scalars() if one]


async def shows_in(conn: AsyncConnection, channel: ChannelId) -> bool:
    """Whether any conversation shows in that channel."""
    found = select(conversations.c.number).where(conversations.c.channel == channel).limit(1)
    return (await conn.execute(found)).first() is not None


async def of_numbers(conn: AsyncConnection, numbers: Collection[Number]) -> dict[Number, Conversation]:
    """The conversations of those numbers, by them."""
    rows = await conn.execute(select(conversations).where(conversations.c.number.in_(numbers)))
    found = [_conversation(row) for row in rows.mappings()]
    return {one.number: one for one in found}


def _written(tags: Collection[str]) -> str:
    """Tags as their column holds them: each between two blanks, so that one is found as a whole."""
    return f" {' '.join(dict.fromkeys(tags))} " if tags else ""


def _conversation(row: RowMapping) -> Conversation:
    return Conversation(
        number=Number(row["number"]),
        mailbox=MailboxName(row["mailbox"]),
        channel=ChannelId(row["channel"]),
        subject=row["subject"],
        status=Status(row["status"]),
        owner=UserId(row["owner"]) if row["owner"] else None,
        card_ts=Ts(row["card_ts"]) if row["card_ts"] else None,
        version=row["version"],
        created=row["created"],
        updated=row["updated"],
        trouble=row["trouble"],
        wakes=row["wakes"],
        merged_into=Number(row["merged_into"]) if row["merged_into"] else None,
        priority=Priority(row["priority"]),
        tags=tuple(row["tags"].split()),
        due=row["due"],
    )
