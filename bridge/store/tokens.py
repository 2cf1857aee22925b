"""The sign-ins of mailboxes, sealed: what is in them the store cannot read. Named questions and changes."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName, now
from bridge.store.database import insert_new
from bridge.store.schema import tokens


async def get(conn: AsyncConnection, mailbox: MailboxName) -> str | None:
    """The mailbox's sign-in, or None where nobody has signed in."""
    found: str | None = await conn.scalar(select(tokens.c.sealed).where(tokens.c.mailbox == mailbox))
    return found


async def put(conn: AsyncConnection, mailbox: MailboxName, sealed: str) -> None:
    """Keep a sign-in in place of whatever there was."""
    await conn.execute(delete(tokens).where(tokens.c.mailbox == mailbox))
    await conn.execute(insert_new(conn, tokens), {"mailbox": mailbox, "sealed": sealed, "at": now()})


async def renew(conn: AsyncConnection, mailbox: MailboxName, sealed: str, *, instead_of: str) -> bool:
    """Keep a renewed sign-in. False where another has taken the old one's place meanwhile: then nothing changes."""
    old = (tokens.c.mailbox == mailbox) & (tokens.c.sealed == instead_of)
    return bool((await conn.execute(update(tokens).where(old).values(sealed=sealed, at=now()))).rowcount)
