"""Jobs in the database: named questions and changes, each taking the connection of the transaction it belongs to.

A job is ready, running, parked (a person must act) or done; a done one keeps its key, so that the same promise made
twice stays one. Within a lane, jobs run one at a time and in the order they were added: a ready job waits for every
earlier unfinished one that has been due, so a job that is due later (a snooze) holds up nothing, and a parked one
neither. A job without a lane (an empty string) waits for none. Urgent jobs, which a person waits for, are claimed
before all others, and so is what stands before them in their lane.

`now` is the caller's clock; leases, and what is due at once, go by the database's own where several processes share the
work (PostgreSQL).
A claim raises the job's fence; whoever settles the job must bring the fence it was claimed with, or changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CursorResult,
    Interval,
    RowMapping,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Job
from bridge.model import now as time_now
from bridge.store.database import insert_new, one_at_a_time, ring_at_commit
from bridge.store.packing import clean
from bridge.store.schema import Utc, jobs


class State(StrEnum):
    """Where a job stands."""

    READY = "ready"
    RUNNING = "running"
    PARKED = "parked"
    DONE = "done"


URGENT, NORMAL = 0, 1
"""Ranks: the lower is claimed first."""

NEAR = timedelta(seconds=15)
"""As long as an Undo lasts, as a rule."""

CLAIM_LOCK = 0x6A6F6273
"""The number of PostgreSQL's advisory lock around a claim ("jobs" in ASCII)."""

# Statements that every job needs are made once: SQLAlchemy takes longer to make one than SQLite to run it. The columns
# to set come with the parameters.

_JOB = (
    jobs.c.id,
    jobs.c.key,
    jobs.c.kind,
    jobs.c.lane,
    jobs.c.payload,
    jobs.c.attempts,
    jobs.c.due,
    jobs.c.fence,
    jobs.c.rank,
)

_UNOWNED: dict[str, Any] = {"owner": None, "lease_until": None}


def _free(rank: int) -> CTE:
    """The jobs to claim, up to that rank. Materialized: inlined, PostgreSQL may run it twice and claim too many."""
    running, earlier, at = jobs.alias("running"), jobs.alias("earlier"), bindparam("at", type_=Utc)
    # Two questions, because each then is one look into the index on (lane, state, id).
    blocked = or_(
        exists().where(running.c.lane == jobs.c.lane, running.c.state == State.RUNNING),
        exists().where(
            earlier.c.lane == jobs.c.lane,
            earlier.c.state == State.READY,
            earlier.c.id < jobs.c.id,
            or_(earlier.c.since <= at, earlier.c.attempts > 0),
        ),
    )
    return (
        select(jobs.c.id)
        .where(jobs.c.state == State.READY, jobs.c.rank <= rank, jobs.c.due <= at, or_(jobs.c.lane == "", ~blocked))
        .order_by(jobs.c.rank, jobs.c.due, jobs.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("free")
        .prefix_with("MATERIALIZED")
    )


_CLAIM = {
    rank: update(jobs)
    .where(jobs.c.id.in_(select(_free(rank).c.id)))
    .values(state=State.RUNNING, fence=jobs.c.fence + 1, owner=bindparam("owner"), lease_until=bindparam("lease_until"))
    .returning(*_JOB)
    for rank in (URGENT, NORMAL)
}
_CLAIM_BY_SERVER_CLOCK = {
    rank: claim.values(lease_until=func.clock_timestamp() + bindparam("lease", type_=Interval))
    for rank, claim in _CLAIM.items()
}
_DUE_AT = func.coalesce(bindparam("due_at", type_=Utc), func.statement_timestamp())
_DUE_BY_SERVER_CLOCK = {"since": _DUE_AT, "due": _DUE_AT}
_SETTLE = update(jobs).where(
    jobs.c.id == bindparam("job_id"), jobs.c.state == State.RUNNING, jobs.c.fence == bindparam("job_fence")
)
_HURRY = update(jobs).where(jobs.c.lane == bindparam("in_lane"), jobs.c.state == State.READY, jobs.c.rank > URGENT)
_NEXT_DUE = select(func.min(jobs.c.due)).where(jobs.c.state == State.READY, jobs.c.due > bindparam("after"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A job to be added; without `due`, due at once. `urgent`: a person waits for it."""

    key: str
    kind: str
    lane: str = ""
    payload: dict[str, Any]
    due: datetime | None = None
    urgent: bool = False


async def add(
    conn: AsyncConnection,
    *,
    key: str,
    kind: str,
    lane: str = "",
    payload: dict[str, Any] | None = None,
    due: datetime | None = None,
    urgent: bool = False,
) -> bool:
    """Promise a job, due at once or at `due`. False where the key stands already: then nothing changes.

    The runner is woken when the transaction commits. `urgent`: a person waits for it.
    """
    promised = Promise(key=key, kind=kind, lane=lane, payload=payload or {}, due=due, urgent=urgent)
    return bool((await _add(conn, [promised])).rowcount)


async def add_all(conn: AsyncConnection, promises: Sequence[Promise]) -> None:
    """Promise several jobs, as `add` does one."""
    if promises:
        await _add(conn, promises)


async def _add(conn: AsyncConnection, promises: Sequence[Promise]) -> CursorResult[Any]:
    # A sequence's order is not the order of commits: whoever adds to a lane holds it until the commit. Always in the
    # same order, so that no two wait for each other.
    for lane in sorted({one.lane for one in promises} - {""}):
        await one_at_a_time(conn, lane)
    for lane in sorted({one.lane for one in promises if one.urgent} - {""}):
        await conn.execute(_HURRY, {"in_lane": lane, "rank": URGENT})
    adding, dues = insert_new(conn, jobs), _dues(promises)
    if conn.dialect.name == "postgresql":
        adding, dues = adding.values(_DUE_BY_SERVER_CLOCK), [{"due_at": one.due} for one in promises]
    fixed = {"attempts": 0, "state": State.READY, "fence": 0}
    rows = [
        {"key": one.key, "kind": one.kind, "lane": one.lane, "payload": one.payload, **fixed, **due}
        | {"rank": URGENT if one.urgent else NORMAL}
        for one, due in zip(promises, dues, strict=True)
    ]
    added = await conn.execute(adding, rows if len(rows) > 1 else rows[0])
    ring_at_commit(conn)
    return added


def _dues(promises: Sequence[Promise]) -> list[dict[str, Any]]:
    """When each is due, by this machine's clock where that is at once."""
    at = time_now()
    return [{"since": one.due or at, "due": one.due or at} for one in promises]


# --- running ---------------------------------------------------------------------------------------------------------


async def claim(
    conn: AsyncConnection, *, limit: int, owner: str, lease: timedelta, now: datetime | None = None, rank: int = NORMAL
) -> list[Job]:
    """Take up to `limit` jobs that are due and whose lane is free: the urgent ones, then the longest due.

    `rank`: URGENT takes none but those.
    """
    at = now or time_now()
    if conn.dialect.name == "postgresql":
        # Two claims at once could each take a job of one lane, as neither sees what the other has not committed.
        await conn.execute(select(func.pg_advisory_xact_lock(CLAIM_LOCK)))
        await recover(conn)
        taken = await conn.execute(
            _CLAIM_BY_SERVER_CLOCK[rank], {"at": at, "lease": lease, "most": limit, "owner": owner}
        )
    else:
        taken = await conn.execute(_CLAIM[rank], {"at": at, "lease_until": at + lease, "most": limit, "owner": owner})
    return sorted((_job(row) for row in taken.mappings()), key=lambda job: (not job.urgent, job.due, job.id))


async def held(conn: AsyncConnection, job: Job) -> bool:
    """Whether a job in hand is still ours, and goes on to be so until this transaction ends."""
    lasts: ColumnElement[bool] = true()
    if conn.dialect.name == "postgresql":
        lasts = jobs.c.lease_until >= func.clock_timestamp()
    which = (jobs.c.id == job.id) & (jobs.c.fence == job.fence) & (jobs.c.state == State.RUNNING) & lasts
    return (await conn.execute(select(jobs.c.id).where(which).with_for_update(read=True))).first() is not None


async def finish(conn: AsyncConnection, job: Job) -> bool:
    """The job is done. Like every way to settle a job: False where it is no longer ours."""
    return await _settle(conn, job, state=State.DONE, finished=time_now(), error=None)


async def retry_later(conn: AsyncConnection, job: Job, *, due: datetime, error: str) -> bool:
    """The job failed and is tried again at `due`; it keeps its place in the lane."""
    return await _settle(conn, job, state=State.READY, due=due, attempts=job.attempts + 1, error=clean(error))


async def park(conn: AsyncConnection, job: Job, *, error: str) -> bool:
    """The job failed for good: it stays for a person to look at, and its lane goes on."""
    return await _settle(conn, job, state=State.PARKED, attempts=job.attempts + 1, error=clean(error))


async def _settle(conn: AsyncConnection, job: Job, **values: Any) -> bool:
    which = {"job_id": job.id, "job_fence": job.fence}
    return bool((await conn.execute(_SETTLE, {**which, **_UNOWNED, **values})).rowcount)


async def release(conn: AsyncConnection, *, owner: str) -> int:
    """Hand back everything that this owner still has in hand, as if it had never been claimed; how many."""
    return await _hand_back(conn, jobs.c.owner == owner)


async def recover(conn: AsyncConnection) -> int:
    """Hand back what was in hand when its owner died; how many jobs.

    On SQLite that is everything running, and only the one runner may ask, at its start. On PostgreSQL it is what
    outlived its lease.
    """
    if conn.dialect.name == "postgresql":
        return await _hand_back(conn, jobs.c.lease_until < func.clock_timestamp())
    return await _hand_back(conn)


async def _hand_back(conn: AsyncConnection, *which: ColumnElement[bool]) -> int:
    back = update(jobs).where(jobs.c.state == State.RUNNING, *which).values(state=State.READY, **_UNOWNED)
    return (await conn.execute(back)).rowcount


async def extend(conn: AsyncConnection, *, owner: str, lease: timedelta) -> dict[int, int]:
    """Hold on to everything that this owner has in hand for another lease; the fence of each by the job's id."""
    until = func.clock_timestamp() + lease if conn.dialect.name == "postgresql" else time_now() + lease
    mine = update(jobs).where(jobs.c.owner == owner, jobs.c.state == State.RUNNING).values(lease_until=until)
    return {row.id: row.fence for row in await conn.execute(mine.returning(jobs.c.id, jobs.c.fence))}


# --- what others change ----------------------------------------------------------------------------------------------


async def reschedule(conn: AsyncConnection, key: str, *, due: datetime) -> bool:
    """Make a job due at another time. False where it is not waiting (running, parked, done, unknown)."""
    ring_at_commit(conn)
    return await _change(conn, key, State.READY, due=due, since=due)


async def follow_clock(conn: AsyncConnection, *, by: timedelta, would_be: datetime, held: Collection[str]) -> int:
    """The clock was set by so much, when it would have been that time. How many jobs were moved along: those of the
    kinds that are `held` for a span of time; and, where it was set back, all that were due once, or would wait anew.
    """
    waiting = select(jobs.c.id, jobs.c.kind, jobs.c.payload, jobs.c.since, jobs.c.due).where(
        jobs.c.state == State.READY, or_(jobs.c.kind.in_(held), jobs.c.since <= would_be)
    )
    moved = []
    for one in await conn.execute(waiting):
        for_a_span = one.kind in held and not one.payload.get("later")
        due = _followed(one.due, one.since, by=by, would_be=would_be, for_a_span=for_a_span)
        if due != one.due:
            moved.append({"moved": one.id, "due": due, "since": min(one.since, due)})
    if moved:
        await conn.execute(update(jobs).where(jobs.c.id == bindparam("moved")), moved)
    return len(moved)


def _followed(due: datetime, since: datetime, *, by: timedelta, would_be: datetime, for_a_span: bool) -> datetime:
    """When a job is due by a clock that was set. It may have been promised before that or after, and looks the same:
    what would be wrong for the other is never more than NEAR.
    """
    at = would_be + by
    if by > timedelta():
        return min(due + by, at + NEAR) if for_a_span and would_be < due <= at else due
    if for_a_span and due <= would_be:
        return min(due, at + NEAR)
    return due + by if for_a_span or since <= would_be else due


async def cancel(conn: AsyncConnection, key: str) -> bool:
    """Take a promise back: the job is done without having run. False where it runs already, is done, or is unknown."""
    ring_at_commit(conn)
    return await _change(conn, key, State.READY, State.PARKED, state=State.DONE, finished=time_now(), error="cancelled")


async def unpark(conn: AsyncConnection, key: str) -> bool:
    """Try a parked job again, now, from the start. False where it is not parked."""
    ring_at_commit(conn)
    return await _change(conn, key, State.PARKED, state=State.READY, due=time_now(), attempts=0, error=None)


async def unpark_kind(conn: AsyncConnection, kind: str) -> int:
    """Try every parked job of a kind again, now: what stopped them was mended; how many."""
    ring_at_commit(conn)
    which = update(jobs).where(jobs.c.kind == kind, jobs.c.state == State.PARKED)
    return (await conn.execute(which.values(state=State.READY, due=time_now(), attempts=0, error=None))).rowcount


async def _change(conn: AsyncConnection, key: str, *states: State, **values: Any) -> bool:
    change = update(jobs).where(jobs.c.key == key, jobs.c.state.in_(states)).values(**values)
    return bool((await conn.execute(change)).rowcount)


async def forget_finished(conn: AsyncConnection, *, before: datetime, limit: int = 1000) -> int:
    """Delete jobs done before that time, at most `limit` of them; how many. Their keys may then be used again."""
    old = select(jobs.c.id).where(jobs.c.state == State.DONE, jobs.c.finished < before).order_by(jobs.c.due)
    return (await conn.execute(delete(jobs).where(jobs.c.id.in_(old.limit(limit))))).rowcount


# --- questions -------------------------------------------------------------------------------------------------------


async def next_due(conn: AsyncConnection, *, after: datetime) -> datetime | None:
    """When the next waiting job becomes due after that time; those due already wait for their lane, not for a time."""
    found: datetime | None = (await conn.execute(_NEXT_DUE, {"after": after})).scalar()
    return found


async def urgent_waits(conn: AsyncConnection) -> bool:
    """Whether a person waits for a job that is due and that nobody has claimed."""
    waiting = select(jobs.c.id).where(
        jobs.c.state == State.READY, jobs.c.rank == URGENT, jobs.c.due <= bindparam("at", type_=Utc)
    )
    return (await conn.execute(waiting.limit(1), {"at": time_now()})).first() is not None


async def counts(conn: AsyncConnection) -> dict[State, int]:
    """How many jobs stand in each state; every state is named."""
    rows = await conn.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
    return dict.fromkeys(State, 0) | {State(state): count for state, count in rows}


async def overdue(conn: AsyncConnection, *, at: datetime) -> int:
    """How many jobs should have begun by then and are not done, those included that are tried again later."""
    which = jobs.c.state.in_([State.READY, State.RUNNING]) & (jobs.c.since <= at)
    return int((await conn.execute(select(func.count()).select_from(jobs).where(which))).scalar_one())


async def unfinished(conn: AsyncConnection, kind: str) -> int:
    """How many jobs of a kind are still to be done."""
    which = (jobs.c.kind == kind) & jobs.c.state.in_([State.READY, State.RUNNING])
    return int((await conn.execute(select(func.count()).select_from(jobs).where(which))).scalar_one())


async def lag(conn: AsyncConnection, *, now: datetime | None = None) -> timedelta:
    """How long the longest waiting job that is due has waited; zero where none waits."""
    at = now or time_now()
    oldest = (await conn.execute(select(func.min(jobs.c.due)).where(jobs.c.state == State.READY))).scalar()
    return max(at - oldest, timedelta()) if oldest else timedelta()


async def find(conn: AsyncConnection, key: str) -> tuple[Job, State, str] | None:
    """A job by its key, with its state and the sentence of its last failure (or an empty one)."""
    row = (await conn.execute(select(jobs).where(jobs.c.key == key))).mappings().first()
    return (_job(row), State(row["state"]), row["error"] or "") if row else None


async def parked(conn: AsyncConnection, *, limit: int = 100) -> Sequence[tuple[Job, str]]:
    """The parked jobs, the oldest first, each with the sentence that says why."""
    rows = await conn.execute(select(jobs).where(jobs.c.state == State.PARKED).order_by(jobs.c.due).limit(limit))
    return [(_job(row), row["error"] or "") for row in rows.mappings()]


def _job(row: RowMapping) -> Job:
    fields = {column.name: row[column.name] for column in _JOB}
    return Job(urgent=fields.pop("rank") == URGENT, **fields)
