"""What agents have set for themselves: named questions and changes."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import UserId
from bridge.store.packing import clean
from bridge.store.schema import people


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One agent's own settings. `signature` is plain text that stands below their mails, or empty; `reminders`: they
    want to be reminded of what is theirs and waits.
    """

    user: UserId
    signature: str = ""
    reminders: bool = True


async def get(conn: AsyncConnection, user: UserId) -> Person:
    """What that agent has set; who has set nothing has the defaults."""
    row = (await conn.execute(select(people).where(people.c.user == user))).mappings().first()
    return Person(user=user, signature=row["signature"], reminders=row["reminders"]) if row else Person(user=user)


async def put(conn: AsyncConnection, person: Person) -> None:
    """Keep an agent's settings, in place of what they were."""
    values = {"signature": clean(person.signature), "reminders": person.reminders}
    changed = await conn.execute(update(people).where(people.c.user == person.user).values(**values))
    if not changed.rowcount:
        await conn.execute(insert(people).values(user=person.user, **values))
