"""Somebody sets the clock, an hour forward or back: nothing is lost, doubled or stuck, and an Undo keeps its seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bridge.clockwork import Clockwork
from bridge.errors import Temporary
from bridge.jobs import Engine
from bridge.ledger import next_time
from bridge.model import Job, MailboxName, now
from bridge.store import jobs
from bridge.store.database import Store

HOUR = timedelta(hours=1)
SPAN = timedelta(seconds=1)


class Wall:
    """A clock on the wall that can be set."""

    def __init__(self) -> None:
        self.off = timedelta()

    def __call__(self) -> datetime:
        return now() + self.off


class Work:
    """Notes when each job ran, in seconds that only grow; the first tries of those in `fails` fail."""

    def __init__(self, *fails: str) -> None:
        self.ran: dict[str, list[float]] = {}
        self._fails = set(fails)
        self._changed = asyncio.Event()

    async def __call__(self, job: Job) -> None:
        self.ran.setdefault(job.key, []).append(time.monotonic())
        self._changed.set()
        if job.key in self._fails:
            self._fails.discard(job.key)
            raise Temporary("away")

    async def times(self, key: str, count: int = 1) -> list[float]:
        async with asyncio.timeout(20):
            while len(self.ran.get(key, ())) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.ran[key]


@pytest.fixture
async def file(sqlite_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


async def promise(store: Store, key: str, *, due: datetime, kind: str = "send", later: bool = False) -> None:
    async with store.write() as conn:
        await jobs.add(conn, key=key, kind=kind, lane=key, payload={"later": later}, due=due)


async def runs(store: Store, work: Work, wall: Wall) -> Engine:
    engine = Engine(store, kinds={"send": work, "note": work}, clock=wall, held=["send"])
    await engine.start()
    return engine


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_held_mail_leaves_after_its_seconds_whatever_the_clock_does(file: Store, by: timedelta) -> None:
    wall, work = Wall(), Work()
    engine, began = await runs(file, work, wall), time.monotonic()
    await promise(file, "send:1", due=wall() + SPAN)
    wall.off = by
    await promise(file, "note:1", due=now() - HOUR, kind="note")  # something else happens, after the step
    await work.times("note:1")
    [left] = await work.times("send:1")
    assert SPAN.total_seconds() * 0.9 < left - began < 15
    await engine.stop()


async def test_a_retry_waits_no_hour_longer_because_the_clock_was_set_back(file: Store) -> None:
    wall, work = Wall(), Work("send:1")
    engine = await runs(file, work, wall)
    await promise(file, "send:1", due=wall())
    await work.times("send:1")
    wall.off = -HOUR
    first, second = await work.times("send:1", 2)
    assert second - first < 15
    await engine.stop()


async def test_what_was_due_before_the_clock_was_set_back_still_comes_before_what_came_after(file: Store) -> None:
    wall, work = Wall(), Work("a")
    async with file.write() as conn:
        await jobs.add(conn, key="a", kind="note", lane="matter", payload={}, due=wall())
    engine = await runs(file, work, wall)
    await work.times("a")
    wall.off = -HOUR
    async with file.write() as conn:
        await jobs.add(conn, key="b", kind="note", lane="matter", payload={}, due=wall())
    await work.times("b")
    assert len(work.ran["a"]) == 2
    await engine.stop()


async def test_a_time_that_a_person_named_stays_that_time(file: Store) -> None:
    wall, work = Wall(), Work()
    nine = wall() + timedelta(minutes=30)
    await promise(file, "send:1", due=nine, later=True)
    engine = await runs(file, work, wall)
    wall.off = -HOUR
    await promise(file, "note:1", due=wall(), kind="note")
    await work.times("note:1")
    async with file.read() as conn:
        found = await jobs.find(conn, "send:1")
    assert found
    assert found[0].due == nine
    wall.off = HOUR
    engine.wake()
    await work.times("send:1")
    await engine.stop()


async def test_a_replica_whose_clock_is_wrong_takes_nothing_from_the_others(postgresql_url: str) -> None:
    """Leases are the database's: an hour ahead is none."""
    store, wall, work, may_end = await Store.open(postgresql_url), Wall(), Work(), asyncio.Event()

    async def long(job: Job) -> None:
        await work(job)
        await may_end.wait()

    right = Engine(store, kinds={"send": long, "note": work})
    await promise(store, "send:1", due=now())
    await right.start()
    await work.times("send:1")
    wall.off = HOUR
    wrong = Engine(store, kinds={"send": long, "note": work}, clock=wall)
    await wrong.start()
    await promise(store, "note:1", due=now(), kind="note")
    await work.times("note:1")
    assert len(work.ran["send:1"]) == 1
    may_end.set()
    await right.stop()
    await wrong.stop()
    async with store.read() as conn:
        assert (await jobs.counts(conn))[jobs.State.DONE] == 2
    await store.close()


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_mail_that_is_held_since_the_clock_was_set_is_held_for_seconds_too(file: Store, by: timedelta) -> None:
    """Nobody has noticed yet that the clock was set: it is the mail that wakes the engine."""
    wall, work = Wall(), Work()
    engine = await runs(file, work, wall)
    wall.off, began = by, time.monotonic()
    await promise(file, "send:1", due=wall() + SPAN)
    [left] = await work.times("send:1")
    assert SPAN.total_seconds() * 0.9 < left - began < 19
    await engine.stop()


def test_steps_are_told_from_time_that_passes() -> None:
    wall, steady = [now()], [0.0]
    clock = Clockwork(lambda: wall[0], steady=lambda: steady[0])
    wall[0] += timedelta(hours=2)
    steady[0] += 7200
    assert clock.step() == (wall[0], timedelta())
    wall[0] -= HOUR
    steady[0] += 10
    would_be, by = clock.step()
    assert by == -HOUR - timedelta(seconds=10)
    assert would_be == wall[0] - by
    assert clock.step() == (would_be, by), "until it was followed"
    clock.followed()
    assert clock.step()[1] == timedelta()


def test_a_comparison_that_a_clock_comes_to_once_more_is_followed_by_the_next() -> None:
    """Its key is the hour's: one that promised itself again would be the last."""
    mailbox = MailboxName("support")
    due = next_time(mailbox, after=now())
    assert next_time(mailbox, after=max(due - timedelta(seconds=1), due)) == due + HOUR
