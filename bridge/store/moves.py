"""Mails that go on to another conversation, or with theirs to another channel, and what speaks of them. Named changes,
each on a connection.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import DraftState, MailboxName, MailId, Number
from bridge.store.packing import kept_id
from bridge.store.schema import drafts, message_refs, messages

_MOVED = {"moved": messages.c.moved + 1, "thread_ts": None, "shared": False}


async def move(conn: AsyncConnection, mail_ids: Collection[MailId], *, to: Number) -> None:
    """These mails of one mailbox belong to that conversation from now on, with their Message-IDs; its thread has yet to
    show them.
    """
    mine = messages.c.id.in_(mail_ids)
    for row in (await conn.execute(select(messages.c.mailbox, messages.c.message_id).where(mine))).all():
        await redirect(conn, MailboxName(row.mailbox), [row.message_id], to=to)
    await conn.execute(update(messages).where(mine).values(number=to, **_MOVED))


async def to_another_thread(conn: AsyncConnection, number: Number) -> None:
    """All of a conversation is to be shown in another thread: its mails, and the lines of its drafts but for those that
    were undone.
    """
    await conn.execute(update(messages).where(messages.c.number == number).values(**_MOVED))
    shown = case((drafts.c.state == DraftState.CANCELLED, drafts.c.revision), else_=0)
    moved = {"moved": drafts.c.moved + 1, "line_ts": None, "shown": shown}
    await conn.execute(update(drafts).where(drafts.c.number == number).values(**moved))


async def redirect(conn: AsyncConnection, mailbox: MailboxName, ids: Sequence[str], *, to: Number) -> None:
    """What speaks of these Message-IDs joins that conversation from now on."""
    which = (message_refs.c.mailbox == mailbox) & message_refs.c.message_id.in_([kept_id(one) for one in ids])
    await conn.execute(update(message_refs).where(which).values(number=to))


async def move_refs(conn: AsyncConnection, number: Number, *, to: Number) -> None:
    """What would have joined the one conversation joins the other from now on."""
    await conn.execute(update(message_refs).where(message_refs.c.number == number).values(number=to))
