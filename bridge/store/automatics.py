"""Automatic mail: how much of it a sender had, and who gets none. Named questions and changes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName, Number
from bridge.store.database import insert_new
from bridge.store.schema import automatic_answers, quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Quieted:
    """A sender who gets no automatic mail from a mailbox."""

    id: int
    mailbox: MailboxName
    email: str


async def add(conn: AsyncConnection, mailbox: MailboxName, email: str, *, number: Number, at: datetime) -> None:
    """An automatic mail is promised to that address (lower case)."""
    await conn.execute(insert(automatic_answers).values(mailbox=mailbox, email=email, number=number, at=at))


async def count(conn: AsyncConnection, mailbox: MailboxName, email: str, *, since: datetime) -> int:
    """How many that address was promised since then."""
    which = (automatic_answers.c.mailbox == mailbox) & (automatic_answers.c.email == email)
    question = select(func.count()).select_from(automatic_answers).where(which, automatic_answers.c.at >= since)
    return int((await conn.execute(question)).scalar_one())


async def is_quiet(conn: AsyncConnection, mailbox: MailboxName, email: str) -> bool:
    """Whether that address gets none."""
    question = select(quiet.c.id).where(quiet.c.mailbox == mailbox, quiet.c.email == email)
    return (await conn.execute(question)).first() is not None


async def make_quiet(conn: AsyncConnection, mailbox: MailboxName, email: str, *, at: datetime) -> int:
    """That address gets none from now on; the row's id."""
    await conn.execute(insert_new(conn, quiet), {"mailbox": mailbox, "email": email, "at": at})
    question = select(quiet.c.id).where(quiet.c.mailbox == mailbox, quiet.c.email == email)
    return int((await conn.execute(question)).scalar_one())


async def quieted(conn: AsyncConnection, quiet_id: int) -> Quieted | None:
    """Who that row is about, or None where it is gone."""
    row = (await conn.execute(select(quiet).where(quiet.c.id == quiet_id))).mappings().first()
    return Quieted(id=row["id"], mailbox=MailboxName(row["mailbox"]), email=row["email"]) if row else None


async def resume(conn: AsyncConnection, quiet_id: int) -> None:
    """That address gets automatic mail again, and is counted from nothing."""
    if sender := await quieted(conn, quiet_id):
        which = (automatic_answers.c.mailbox == sender.mailbox) & (automatic_answers.c.email == sender.email)
        await conn.execute(delete(automatic_answers).where(which))
        await conn.execute(delete(quiet).where(quiet.c.id == quiet_id))
