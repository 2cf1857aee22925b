"""Whom admins have named in Slack. Named questions and changes."""

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Named, UserId
from bridge.store.database import one_at_a_time
from bridge.store.schema import agents


async def named(conn: AsyncConnection) -> Named:
    """Whom they have named."""
    rows = (await conn.execute(select(agents))).mappings().all()
    return Named(
        users=frozenset(UserId(row["user"]) for row in rows if row["acts"]),
        admins=frozenset(UserId(row["user"]) for row in rows if row["admin"]),
    )


async def change(conn: AsyncConnection, *, add: Named, remove: Named) -> tuple[Named, Named]:
    """Name some, and name others no more; who was named before, and who is now."""
    await one_at_a_time(conn, "agents")
    before = await named(conn)
    after = (before | add) - remove
    await conn.execute(delete(agents))
    rows = [
        {"user": user, "acts": user in after.users, "admin": user in after.admins}
        for user in sorted(after.users | after.admins)
    ]
    if rows:
        await conn.execute(insert(agents), rows)
    return before, after
