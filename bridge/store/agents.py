"""Whom admins have named in Slack. Named questions and changes."""

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Named, UserId
from bridge.store.schema import agents


async def named(conn: AsyncConnection) -> Named:
    """Whom they have named."""
    rows = (await conn.execute(select(agents))).mappings().all()
    return Named(
        users=frozenset(UserId(row["user"]) for row in rows if row["acts"]),
        admins=frozenset(UserId(row["user"]) for row in rows if row["admin"]),
    )


async def name(conn: AsyncConnection, people: Named) -> None:
    """These from now on, in place of those before."""
    await conn.execute(delete(agents))
    rows = [
        {"user": user, "acts": user in people.users, "admin": user in people.admins}
        for user in sorted(people.users | people.admins)
    ]
    if rows:
        await conn.execute(insert(agents), rows)
