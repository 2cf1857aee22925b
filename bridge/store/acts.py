"""The audit log: who did what to a conversation, or to the desk itself.

Rows are added in the transaction of the act, and never changed.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Act, Number, UserId, Where
from bridge.store.packing import clean
from bridge.store.schema import acts, desk_acts


async def add(conn: AsyncConnection, number: Number, act: Act) -> None:
    """Write down what was done to a conversation."""
    await conn.execute(insert(acts).values(number=number, **_row(act)))


async def add_to_desk(conn: AsyncConnection, act: Act) -> None:
    """Write down what an admin did to the desk itself."""
    await conn.execute(insert(desk_acts).values(**_row(act)))


async def of_conversation(conn: AsyncConnection, number: Number, *, limit: int) -> list[Act]:
    """What was done to a conversation, the newest first."""
    question = select(acts).where(acts.c.number == number).order_by(acts.c.id.desc()).limit(limit)
    return [_act(row) for row in (await conn.execute(question)).mappings()]


async def of_verbs(conn: AsyncConnection, number: Number, verbs: Collection[str]) -> list[Act]:
    """All that was done to a conversation by these verbs, the oldest first."""
    question = select(acts).where(acts.c.number == number, acts.c.verb.in_(verbs)).order_by(acts.c.id)
    return [_act(row) for row in (await conn.execute(question)).mappings()]


async def of_desk(conn: AsyncConnection, *, limit: int) -> list[Act]:
    """What was done to the desk itself, the newest first."""
    question = select(desk_acts).order_by(desk_acts.c.id.desc()).limit(limit)
    return [_act(row) for row in (await conn.execute(question)).mappings()]


def _row(act: Act) -> Mapping[str, Any]:
    return {
        "at": act.at, "actor": act.actor, "verb": act.verb, "detail": clean(act.detail), "place": act.place or ""
    }  # fmt: skip


def _act(row: RowMapping) -> Act:
    return Act(
        at=row["at"],
        actor=UserId(row["actor"]),
        verb=row["verb"],
        detail=row["detail"],
        place=Where(row["place"]) if row["place"] else None,
    )
