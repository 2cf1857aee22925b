"""The rules that admins made, and whose turn it is: named questions and changes, each on a transaction's connection."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Status, UserId
from bridge.routing.matching import Rule, packed, unpacked
from bridge.store.database import insert_all, insert_or_replace, one_at_a_time
from bridge.store.packing import clean
from bridge.store.schema import conversations, given, rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A rule that an admin made; `is_on`: it acts."""

    id: int
    rule: Rule
    is_on: bool
    changed_by: UserId
    changed: datetime


async def listed(conn: AsyncConnection) -> list[Ruling]:
    """All of them, in their order."""
    rows = await conn.execute(select(rules).order_by(rules.c.position, rules.c.id))
    return [_ruling(row) for row in rows.mappings()]


async def get(conn: AsyncConnection, rule_id: int) -> Ruling | None:
    """The one of that id, or None."""
    row = (await conn.execute(select(rules).where(rules.c.id == rule_id))).mappings().first()
    return _ruling(row) if row else None


async def hold(conn: AsyncConnection) -> None:
    """Let nobody else change rules until this transaction ends."""
    await one_at_a_time(conn, "rules")


async def add(conn: AsyncConnection, rule: Rule, *, by: UserId, at: datetime) -> int:
    """Keep a new rule, as the last, which does not act yet; its id."""
    last = await conn.scalar(select(func.max(rules.c.position)))
    values = {**_columns(rule), "position": (last or 0) + 1, "is_on": False, "changed_by": by, "changed": at}
    return (await insert_all(conn, rules, [values]))[0]


async def replace(conn: AsyncConnection, rule_id: int, rule: Rule, *, by: UserId, at: datetime) -> bool:
    """Change a rule, which does not act from then on until it is switched on; False where it is gone."""
    values = {**_columns(rule), "is_on": False, "changed_by": by, "changed": at}
    return bool((await conn.execute(update(rules).where(rules.c.id == rule_id).values(**values))).rowcount)


async def switch(conn: AsyncConnection, rule_id: int, *, is_on: bool, by: UserId, at: datetime) -> bool:
    """Have a rule act or not; False where it is gone."""
    values = {"is_on": is_on, "changed_by": by, "changed": at}
    return bool((await conn.execute(update(rules).where(rules.c.id == rule_id).values(**values))).rowcount)


async def remove(conn: AsyncConnection, rule_id: int) -> bool:
    """Forget a rule; False where it is gone already."""
    return bool((await conn.execute(delete(rules).where(rules.c.id == rule_id))).rowcount)


async def put_in_order(conn: AsyncConnection, rule_ids: Sequence[int]) -> None:
    """From now on they stand in that order."""
    for position, rule_id in enumerate(rule_ids, start=1):
        await conn.execute(update(rules).where(rules.c.id == rule_id).values(position=position))


# --- whose turn it is -------------------------------------------------------------------------------------------------


async def hold_turns(conn: AsyncConnection, rule: str) -> None:
    """Let nobody else give by that rule until this transaction ends, so that each in turn is each in turn."""
    await one_at_a_time(conn, f"given:{rule}")


async def last_given(conn: AsyncConnection, rule: str) -> dict[UserId, datetime]:
    """When that rule last gave a conversation to whom; who was never given one is not in it."""
    rows = await conn.execute(select(given.c.user, given.c.at).where(given.c.rule == rule))
    return {UserId(row.user): row.at for row in rows}


async def give(conn: AsyncConnection, rule: str, user: UserId, *, at: datetime) -> None:
    """It has given one to that person."""
    await conn.execute(insert_or_replace(conn, given), {"rule": rule, "user": user, "at": at})


async def load(conn: AsyncConnection, users: Collection[UserId]) -> dict[UserId, int]:
    """How many conversations each of them owns that are not closed."""
    question = select(conversations.c.owner, func.count()).where(
        conversations.c.owner.in_(users), conversations.c.status != Status.CLOSED
    )
    found = {UserId(owner): count for owner, count in await conn.execute(question.group_by(conversations.c.owner))}
    return {user: found.get(user, 0) for user in users}


def _columns(rule: Rule) -> dict[str, Any]:
    return {"name": clean(rule.name), "rule": packed(rule)}


def _ruling(row: RowMapping) -> Ruling:
    return Ruling(
        id=row["id"],
        rule=unpacked(row["rule"]),
        is_on=row["is_on"],
        changed_by=UserId(row["changed_by"]),
        changed=row["changed"],
    )
