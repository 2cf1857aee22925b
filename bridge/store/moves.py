"""Mails that go on to another conversation, and what speaks of them. Named changes, each on a connection."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName, MailId, Number
from bridge.store.packing import kept_id
from bridge.store.schema import message_refs, messages


async def move(conn: AsyncConnection, mail_ids: Collection[MailId], *, to: Number) -> None:
    """These mails of one mailbox belong to that conversation from now on, with their Message-IDs; its thread has yet to
    show them.
    """
    mine = messages.c.id.in_(mail_ids)
    for row in (await conn.execute(select(messages.c.mailbox, messages.c.message_id).where(mine))).all():
        await redirect(conn, MailboxName(row.mailbox), [row.message_id], to=to)
    moved = {"moved": messages.c.moved + 1, "thread_ts": None, "shared": False}
    await conn.execute(update(messages).where(mine).values(number=to, **moved))


async def redirect(conn: AsyncConnection, mailbox: MailboxName, ids: Sequence[str], *, to: Number) -> None:
    """What speaks of these Message-IDs joins that conversation from now on."""
    which = (message_refs.c.mailbox == mailbox) & message_refs.c.message_id.in_([kept_id(one) for one in ids])
    await conn.execute(update(message_refs).where(which).values(number=to))


async def move_refs(conn: AsyncConnection, number: Number, *, to: Number) -> None:
    """What would have joined the one conversation joins the other from now on."""
    await conn.execute(update(message_refs).where(message_refs.c.number == number).values(number=to))
