"""The mailboxes that a person must mend: one row each while it lasts, so that it is told once. Named changes."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName
from bridge.store.database import insert_new
from bridge.store.packing import clean
from bridge.store.schema import troubles


async def begin(conn: AsyncConnection, mailbox: MailboxName, *, reason: str, at: datetime) -> bool:
    """The mailbox is in trouble. False where it has been already: then nothing changes."""
    row = {"mailbox": mailbox, "since": at, "reason": clean(reason)}
    return bool((await conn.execute(insert_new(conn, troubles), row)).rowcount)


async def end(conn: AsyncConnection, mailbox: MailboxName) -> datetime | None:
    """The mailbox is in trouble no more. Since when it was, or None where it was in none."""
    since: datetime | None = await conn.scalar(select(troubles.c.since).where(troubles.c.mailbox == mailbox))
    if since is None:
        return None
    ended = await conn.execute(delete(troubles).where(troubles.c.mailbox == mailbox, troubles.c.since == since))
    return since if ended.rowcount else None


async def names(conn: AsyncConnection) -> set[str]:
    """What is in trouble now."""
    return set((await conn.execute(select(troubles.c.mailbox))).scalars())
