"""Whom the desk has written to, and which canned answers it used. Named questions and changes."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.database import insert_new
from bridge.store.schema import correspondents, template_uses


async def written_to(conn: AsyncConnection, emails: Collection[str], *, at: datetime) -> None:
    """A mail has left to these addresses."""
    for email in {one.lower() for one in emails}:
        row = {"email": email, "domain": email.rpartition("@")[2], "since": at}
        await conn.execute(insert_new(conn, correspondents), row)


async def known(conn: AsyncConnection, emails: Collection[str]) -> set[str]:
    """Which of these addresses were ever written to, in lower case."""
    question = select(correspondents.c.email).where(correspondents.c.email.in_([one.lower() for one in emails]))
    return set((await conn.execute(question)).scalars())


async def domains(conn: AsyncConnection, *, limit: int) -> list[str]:
    """The domains that were ever written to."""
    question = select(correspondents.c.domain).distinct().limit(limit)
    return list((await conn.execute(question)).scalars())


async def used(conn: AsyncConnection, template: str) -> None:
    """A canned answer was sent once more."""
    row = {"name": template, "count": 1}
    if not (await conn.execute(insert_new(conn, template_uses), row)).rowcount:
        more = update(template_uses).where(template_uses.c.name == template)
        await conn.execute(more.values(count=template_uses.c.count + 1))


async def uses(conn: AsyncConnection) -> dict[str, int]:
    """How often each canned answer was sent."""
    rows = await conn.execute(select(template_uses.c.name, template_uses.c.count))
    return {row[0]: row[1] for row in rows}
