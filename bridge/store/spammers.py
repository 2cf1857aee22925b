"""Senders of what an agent called spam, by mailbox. Named questions and changes. Addresses are kept in lower case."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName, UserId
from bridge.store.packing import clean
from bridge.store.schema import spammers


async def learn(
    conn: AsyncConnection, mailbox: MailboxName, emails: Collection[str], *, by: UserId, at: datetime
) -> None:
    """An agent called the mail of these addresses spam."""
    wanted = {clean(one.lower()) for one in emails if one}
    await unlearn(conn, mailbox, wanted)
    if wanted:
        rows = [{"mailbox": mailbox, "email": one, "marked_by": by, "at": at} for one in sorted(wanted)]
        await conn.execute(insert(spammers), rows)


async def unlearn(conn: AsyncConnection, mailbox: MailboxName, emails: Collection[str]) -> None:
    """Their mail is none after all."""
    wanted = [clean(one.lower()) for one in emails]
    await conn.execute(delete(spammers).where(spammers.c.mailbox == mailbox, spammers.c.email.in_(wanted)))


async def among(conn: AsyncConnection, mailbox: MailboxName, emails: Collection[str]) -> dict[str, UserId]:
    """Those of these addresses that were called so in that mailbox, each with the agent who did."""
    wanted = [clean(one.lower()) for one in emails if one]
    question = select(spammers.c.email, spammers.c.marked_by).where(
        spammers.c.mailbox == mailbox, spammers.c.email.in_(wanted)
    )
    return {row.email: UserId(row.marked_by) for row in await conn.execute(question)}
