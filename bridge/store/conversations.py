"""Conversations: named questions and changes. Each takes the connection of the transaction it belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChannelId, Conversation, MailboxName, Number, Status, Ts, UserId
from bridge.store.schema import conversations, drafts, effects, messages


async def create(
    conn: AsyncConnection, *, mailbox: MailboxName, channel: ChannelId, subject: str, status: Status, at: datetime
) -> Number:
    """Begin a conversation; its number is never given twice."""
    row = await conn.execute(
        insert(conversations)
        .values(
            mailbox=mailbox,
            channel=channel,
            subject=subject,
            status=status,
            version=1,
            shown=0,
            created=at,
            updated=at,
        )
        .returning(conversations.c.number)
    )
    return Number(row.scalar_one())


async def get(conn: AsyncConnection, number: Number) -> Conversation | None:
    """The conversation of that number, or None."""
    row = (await conn.execute(select(conversations).where(conversations.c.number == number))).mappings().first()
    return _conversation(row) if row else None


async def change(conn: AsyncConnection, number: Number, *, at: datetime, **values: Any) -> int:
    """Set columns (status, owner, trouble and so on) and return the new version, which its card has yet to show."""
    row = await conn.execute(
        update(conversations)
        .where(conversations.c.number == number)
        .values(version=conversations.c.version + 1, updated=at, **values)
        .returning(conversations.c.version)
    )
    return int(row.scalar_one())


async def card_posted(conn: AsyncConnection, number: Number, *, ts: Ts) -> None:
    """Remember the Slack message that is the conversation's card."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(card_ts=ts, surfaced=ts))


async def mark_shown(conn: AsyncConnection, number: Number, *, version: int) -> None:
    """The card shows that version now."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(shown=version))


async def shown(conn: AsyncConnection, number: Number) -> int:
    """The version that the card shows; 0 before there is a card."""
    return int((await conn.execute(select(conversations.c.shown).where(conversations.c.number == number))).scalar_one())


async def forget_slack(conn: AsyncConnection, number: Number) -> None:
    """What Slack showed of a conversation is gone: card, thread, lines and files are posted anew."""
    mine = messages.c.number == number
    mail_ids = (await conn.execute(select(messages.c.id).where(mine))).scalars().all()
    draft_ids = (await conn.execute(select(drafts.c.id).where(drafts.c.number == number))).scalars().all()
    unseen = {"card_ts": None, "shown": 0, "surfaced": None, "former_ts": None}
    await conn.execute(update(conversations).where(conversations.c.number == number).values(**unseen))
    await conn.execute(update(messages).where(mine).values(thread_ts=None, shared=False))
    await conn.execute(update(drafts).where(drafts.c.number == number).values(line_ts=None, shown=0))
    keys = [f"card:{number}", *(f"mail:{one}" for one in mail_ids), *(f"draft:{one}" for one in draft_ids)]
    files = [effects.c.key.like(f"{kind}:{one}:%") for one in mail_ids for kind in ("file", "files")]
    anew = effects.c.key.like(f"card:{number}:%")
    await conn.execute(delete(effects).where(or_(effects.c.key.in_(keys), anew, *files)))


async def by_card(conn: AsyncConnection, *, channel: ChannelId, ts: Ts) -> Conversation | None:
    """The conversation whose card, and so whose thread, that Slack message is."""
    question = select(conversations).where(conversations.c.channel == channel, conversations.c.card_ts == ts)
    row = (await conn.execute(question)).mappings().first()
    return _conversation(row) if row else None


async def unfinished(conn: AsyncConnection, *, channels: Sequence[ChannelId], limit: int) -> list[Conversation]:
    """What is not closed in those channels, the longest untouched first."""
    question = (
        select(conversations)
        .where(conversations.c.channel.in_(channels), conversations.c.status != Status.CLOSED)
        .order_by(conversations.c.updated)
        .limit(limit)
    )
    return [_conversation(row) for row in (await conn.execute(question)).mappings()]


async def listed(conn: AsyncConnection, *, mailbox: MailboxName | None, closed: bool, limit: int) -> list[Conversation]:
    """What there is, in one mailbox or in all, the longest untouched first; what is closed only where asked for."""
    which = [conversations.c.mailbox == mailbox] if mailbox else []
    which += [] if closed else [conversations.c.status != Status.CLOSED]
    question = select(conversations).where(*which).order_by(conversations.c.updated).limit(limit)
    return [_conversation(row) for row in (await conn.execute(question)).mappings()]


async def channel_of(conn: AsyncConnection, mailbox: MailboxName) -> ChannelId | None:
    """Where that mailbox's newest conversation shows, or None before it has one."""
    newest = select(conversations.c.channel).where(conversations.c.mailbox == mailbox)
    found = (await conn.execute(newest.order_by(conversations.c.number.desc()).limit(1))).scalar()
    return ChannelId(found) if found else None


async def shows_in(conn: AsyncConnection, channel: ChannelId) -> bool:
    """Whether any conversation shows in that channel."""
    found = select(conversations.c.number).where(conversations.c.channel == channel).limit(1)
    return (await conn.execute(found)).first() is not None


async def search(
    conn: AsyncConnection, words: Sequence[str], *, channels: Sequence[ChannelId] | None, limit: int
) -> list[Conversation]:
    """Conversations that hold every word, in a subject, an address or a text; the newest first.

    `channels`: only those that show there.
    """
    question = select(conversations).where(*map(_holds, words))
    if channels is not None:
        question = question.where(conversations.c.channel.in_(channels))
    question = question.order_by(conversations.c.updated.desc()).limit(limit)
    return [_conversation(row) for row in (await conn.execute(question)).mappings()]


def _holds(word: str) -> ColumnElement[bool]:
    wanted = word.lower()
    in_messages = select(messages.c.number).where(
        or_(
            func.lower(messages.c.subject).contains(wanted, autoescape=True),
            func.lower(messages.c.people).contains(wanted, autoescape=True),
            func.lower(messages.c.text).contains(wanted, autoescape=True),
        )
    )
    return conversations.c.number.in_(in_messages)


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
    )
