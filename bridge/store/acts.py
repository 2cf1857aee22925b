"""The audit log: who did what to a conversation. Rows are added in the transaction of the act, and never changed."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Act, Number, UserId, Where
from bridge.store.packing import clean
from bridge.store.schema import acts


async def add(conn: AsyncConnection, number: Number, act: Act) -> None:
    """Write an act down."""
    row = {"at": act.at, "actor": act.actor, "verb": act.verb, "detail": clean(act.detail), "place": act.place or ""}
    await conn.execute(insert(acts).values(number=number, **row))


async def of_conversation(conn: AsyncConnection, number: Number, *, limit: int) -> list[Act]:
    """What was done to a conversation, the newest first."""
    question = select(acts).where(acts.c.number == number).order_by(acts.c.id.desc()).limit(limit)
    return [
        Act(
            at=row["at"],
            actor=UserId(row["actor"]),
            verb=row["verb"],
            detail=row["detail"],
            place=Where(row["place"]) if row["place"] else None,
        )
        for row in (await conn.execute(question)).mappings()
    ]
