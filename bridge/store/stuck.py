"""What does not get done: jobs that have been due for minutes, and why. Questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.jobs import State
from bridge.store.schema import jobs

WATCHING = ("canary", "canary_away", "alarm")
"""Kinds that are no work of anybody's: they watch."""

OFTEN = 3  # failed tries until a job counts as one that fails again and again


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """How many jobs do not get done, and what the longest waiting one last failed of, or empty."""

    count: int
    why: str


async def stuck(conn: AsyncConnection, *, before: datetime, held: Mapping[str, int]) -> Stuck:
    """The jobs that were due before that time and are tried in vain; that are in hand as they were (`held`: the fence
    that each had, by its id); or that wait while nothing else gets done either. In a flood jobs wait, and get done.
    """
    work = jobs.c.kind.not_in(WATCHING)
    due = select(jobs.c.id, jobs.c.fence, jobs.c.state, jobs.c.attempts, jobs.c.error).where(
        work, jobs.c.state.in_([State.READY, State.RUNNING]), jobs.c.since < before
    )
    rows = (await conn.execute(due.order_by(jobs.c.since, jobs.c.id))).all()
    done = select(jobs.c.id).where(work, jobs.c.state == State.DONE, jobs.c.finished >= before).limit(1)
    idle = bool(rows) and not (await conn.execute(done)).first()
    found = [one for one in rows if _is_stuck(one, held=held, idle=idle)]
    return Stuck(count=len(found), why=next((one.error for one in found if one.error), ""))


def _is_stuck(job: Any, *, held: Mapping[str, int], idle: bool) -> bool:
    if job.state == State.RUNNING:
        return bool(held.get(str(job.id)) == job.fence)
    return bool(idle or job.attempts >= OFTEN)


async def in_hand(conn: AsyncConnection) -> dict[str, int]:
    """The jobs that run now, by their ids, with their fences: for the next look."""
    running = select(jobs.c.id, jobs.c.fence).where(jobs.c.state == State.RUNNING, jobs.c.kind.not_in(WATCHING))
    return {str(one.id): one.fence for one in await conn.execute(running)}
