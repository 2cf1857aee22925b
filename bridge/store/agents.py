"""Whom admins have named in Slack. Named questions and changes."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import UserId
from bridge.store.schema import agents


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """People by their names alone: what they may do depends on what else they are. `users` may act, and nobody else
    where there are any; `admins` look after the desk.
    """

    users: frozenset[UserId] = frozenset()
    admins: frozenset[UserId] = frozenset()

    def __or__(self, other: "Named") -> "Named":
        return Named(users=self.users | other.users, admins=self.admins | other.admins)


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
