"""What the engine promises of jobs: on both databases unless a test says otherwise."""

import asyncio
import contextlib
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

import bridge
from bridge.errors import BridgeError, Misconfigured, Permanent, Refused, Temporary, Uncertain
from bridge.jobs import FIRST_WAIT, LONGEST_WAIT, TRIES, Engine
from bridge.model import Job, now
from bridge.store import effects, jobs
from bridge.store import schema as tables
from bridge.store.database import Store
from bridge.store.jobs import State

HERE = str(Path(bridge.__file__).parents[1])
LEASE = timedelta(seconds=30)
AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


class Seen:
    """Runs jobs by writing their keys down; `failures` are raised first, in their order."""

    def __init__(self, *failures: BaseException) -> None:
        self.keys: list[str] = []
        self.failures = list(failures)
        self.attempts: list[int] = []
        self._news = asyncio.Event()

    async def __call__(self, job: Job) -> None:
        self.keys.append(job.key)
        self.attempts.append(job.attempts)
        self._news.set()
        if self.failures:
            raise self.failures.pop(0)

    async def until(self, count: int) -> list[str]:
        """The keys, once there are so many."""
        async with asyncio.timeout(20):
            while len(self.keys) < count:
                self._news.clear()
                await self._news.wait()
        return self.keys


async def add(store: Store, *keys: str, kind: str = "note", **more: Any) -> None:
    async with store.write() as conn:
        for key in keys:
            await jobs.add(conn, key=key, kind=kind, **more)


async def state(store: Store, key: str) -> tuple[Job, State, str]:
    async with store.read() as conn:
        found = await jobs.find(conn, key)
    assert found
    return found


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that only the database knows."""
    async with asyncio.timeout(20):
        while not await question():  # noqa: ASYNC110 - no event of this process says so
            await asyncio.sleep(0.002)


async def reaches(store: Store, key: str, wanted: State, *, attempts: int = 0) -> Job:
    async def there() -> bool:
        job, found, _ = await state(store, key)
        return found is wanted and job.attempts >= attempts

    await until(there)
    return (await state(store, key))[0]


@pytest.fixture
async def engines() -> AsyncIterator[Callable[..., Awaitable[Engine]]]:
    """Starts engines that are stopped at the end."""
    started: list[Engine] = []

    async def start(store: Store, **options: Any) -> Engine:
        engine = Engine(store, **options)
        await engine.start()
        started.append(engine)
        return engine

    yield start
    for engine in started:
        await engine.stop(5)


Engines = Callable[..., Awaitable[Engine]]


# --- what the store says of jobs --------------------------------------------------------------------------------------


async def claim(store: Store, *, at: datetime, limit: int = 100) -> list[Job]:
    async with store.write() as conn:
        return await jobs.claim(conn, limit=limit, owner="me", lease=LEASE, now=at)


async def test_the_same_promise_made_twice_is_one_job(store: Store) -> None:
    async with store.write() as conn:
        assert await jobs.add(conn, key="a", kind="note", due=AT)
        assert not await jobs.add(conn, key="a", kind="other", due=AT)
    [job] = await claim(store, at=AT)
    async with store.write() as conn:
        assert await jobs.finish(conn, job)
        assert not await jobs.add(conn, key="a", kind="note", due=AT)
    assert (job.kind, await claim(store, at=AT)) == ("note", [])


async def test_a_job_comes_back_as_it_was_given(store: Store) -> None:
    payload = {"draft": "d1", "numbers": [1, 2.5, None], "한국어": True}
    await add(store, "a", lane="conversation:7", payload=payload, due=AT)
    [job] = await claim(store, at=AT)
    assert job == Job(
        id=job.id, key="a", kind="note", lane="conversation:7", payload=payload, attempts=0, due=AT, fence=1
    )


async def test_a_lane_runs_one_job_at_a_time_in_the_order_of_adding(store: Store) -> None:
    await add(store, "a1", "a2", "a3", lane="a", due=AT)
    await add(store, "b1", lane="b", due=AT)
    order = []
    while batch := await claim(store, at=AT):
        order.append([job.key for job in batch])
        async with store.write() as conn:
            for job in batch:
                await jobs.finish(conn, job)
    assert order == [["a1", "b1"], ["a2"], ["a3"]]


async def test_jobs_without_a_lane_wait_for_none(store: Store) -> None:
    await add(store, "a", "b", "c", due=AT)
    assert len(await claim(store, at=AT)) == 3


async def test_a_job_due_later_holds_up_nothing_and_is_not_held_up_by_what_came_after(store: Store) -> None:
    """A snooze does not stop its conversation; when its time comes it waits only for what runs."""
    await add(store, "snooze", lane="a", due=AT + timedelta(hours=1))
    await add(store, "first", "second", lane="a", due=AT)
    [first] = await claim(store, at=AT)
    later = AT + timedelta(hours=1)
    assert (first.key, await claim(store, at=later)) == ("first", [])
    async with store.write() as conn:
        await jobs.finish(conn, first)
    assert [job.key for job in await claim(store, at=later)] == ["snooze"]


async def test_a_failed_job_keeps_its_place_in_its_lane(store: Store) -> None:
    await add(store, "first", "second", lane="a", due=AT)
    [first] = await claim(store, at=AT)
    async with store.write() as conn:
        await jobs.retry_later(conn, first, due=AT + timedelta(minutes=1), error="away")
    assert await claim(store, at=AT + timedelta(seconds=59)) == []
    [again] = await claim(store, at=AT + timedelta(minutes=1))
    assert (again.key, again.attempts) == ("first", 1)


async def test_a_parked_job_lets_its_lane_go_on_and_resumes_its_place(store: Store) -> None:
    await add(store, "first", "second", "third", lane="a", due=AT)
    [first] = await claim(store, at=AT)
    async with store.write() as conn:
        await jobs.park(conn, first, error="no such channel")
    [second] = await claim(store, at=AT)
    async with store.write() as conn:
        assert [(job.key, why) for job, why in await jobs.parked(conn)] == [("first", "no such channel")]
        assert await jobs.unpark(conn, "first")
        assert not await jobs.unpark(conn, "third")
        await jobs.finish(conn, second)
    [first] = await claim(store, at=now())
    assert (first.key, first.attempts) == ("first", 0)


async def test_the_longest_due_are_taken_first_and_no_more_than_asked(store: Store) -> None:
    for age in (3, 9, 1, 7):
        await add(store, str(age), due=AT - timedelta(minutes=age))
    assert [job.key for job in await claim(store, at=AT, limit=3)] == ["9", "7", "3"]
    assert [job.key for job in await claim(store, at=AT, limit=3)] == ["1"]


async def test_what_a_person_waits_for_is_taken_first_and_so_is_what_stands_before_it(store: Store) -> None:
    """A lane's order holds: what was promised before in the same lane goes with it."""
    await add(store, "old", due=now() - timedelta(hours=1))
    await add(store, "before", lane="conversation:7")
    await add(store, "click", lane="conversation:7", urgent=True)
    async with store.write() as conn:
        assert await jobs.urgent_waits(conn)
        first = await jobs.claim(conn, limit=1, owner="us", lease=LEASE)
        assert [job.key for job in first] == ["before"]
        assert await jobs.finish(conn, first[0])
        assert [job.key for job in await jobs.claim(conn, limit=9, owner="us", lease=LEASE)] == ["click", "old"]
        assert not await jobs.urgent_waits(conn)


async def test_a_click_finds_a_free_hand_while_all_others_are_at_work(store: Store, engines: Engines) -> None:
    free = asyncio.Event()
    seen = Seen()

    async def slow(job: Job) -> None:
        await free.wait()

    await add(store, "a", "b", kind="slow")
    await engines(store, kinds={"slow": slow, "note": seen}, parallel=2)
    await reaches(store, "b", State.RUNNING)
    await add(store, "waits")
    await add(store, "click", urgent=True)
    assert await seen.until(1) == ["click"]
    free.set()
    assert await seen.until(2) == ["click", "waits"]


async def test_a_waiting_job_can_be_moved_and_taken_back_but_not_once_it_runs(store: Store) -> None:
    await add(store, "held", "undone", due=AT + timedelta(seconds=10))
    async with store.write() as conn:
        assert await jobs.reschedule(conn, "held", due=AT)
        assert await jobs.cancel(conn, "undone")
        assert not await jobs.cancel(conn, "undone")
    [held] = await claim(store, at=AT + timedelta(hours=1))
    assert (held.key, held.due) == ("held", AT)
    async with store.write() as conn:
        assert not await jobs.reschedule(conn, "held", due=AT)
        assert not await jobs.cancel(conn, "held")
        assert not await jobs.cancel(conn, "never heard of")
        assert not await jobs.add(conn, key="undone", kind="note"), (
            "what was taken back is not promised again by itself"
        )


async def test_whoever_lost_a_job_changes_nothing(store: Store) -> None:
    await add(store, "a", due=AT)
    [old] = await claim(store, at=AT)
    async with store.write() as conn:
        assert await jobs.release(conn, owner="me") == 1
    [new] = await claim(store, at=AT)
    async with store.write() as conn:
        assert not await jobs.finish(conn, old)
        assert not await jobs.retry_later(conn, old, due=AT, error="late")
        assert not await jobs.park(conn, old, error="late")
        assert await jobs.finish(conn, new)
        assert not await jobs.finish(conn, new)


async def test_questions_about_all_jobs(store: Store) -> None:
    async with store.read() as conn:
        assert await jobs.counts(conn) == dict.fromkeys(State, 0)
        assert (await jobs.lag(conn, now=AT), await jobs.next_due(conn, after=AT)) == (timedelta(), None)
    await add(store, "late", due=AT - timedelta(seconds=90))
    await add(store, "soon", due=AT + timedelta(seconds=1))
    await add(store, "later", due=AT + timedelta(seconds=2))
    async with store.read() as conn:
        assert (await jobs.counts(conn))[State.READY] == 3
        assert await jobs.lag(conn, now=AT) == timedelta(seconds=90)
        assert await jobs.next_due(conn, after=AT) == AT + timedelta(seconds=1)
    await claim(store, at=AT)
    async with store.read() as conn:
        assert await jobs.lag(conn, now=AT) == timedelta()


async def test_what_is_done_can_be_forgotten_and_nothing_else(store: Store) -> None:
    await add(store, "done", "running", "ready", due=AT)
    done, _running = await claim(store, at=AT, limit=2)
    async with store.write() as conn:
        await jobs.finish(conn, done)
        await effects.begin(conn, "half")
        await effects.begin(conn, "whole")
        await effects.finish(conn, "whole", {})
        assert await jobs.forget_finished(conn, before=now() - timedelta(hours=1)) == 0
        assert await jobs.forget_finished(conn, before=now() + timedelta(hours=1)) == 1
        assert await effects.forget_finished(conn, before=now() + timedelta(hours=1)) == 1
        assert (await conn.execute(select(tables.effects.c.key))).scalars().all() == ["half"]
        assert await jobs.add(conn, key="done", kind="note")


async def test_a_claim_stays_cheap_beside_what_is_done_and_parked(store: Store) -> None:
    """Ten times what a busy year leaves in the table may not make a claim noticeable."""
    old = {"kind": "note", "payload": {}, "since": AT, "due": AT, "attempts": 0, "fence": 1}
    rows = [
        {**old, "key": f"{name}{n}", "lane": f"lane {n % 50}", "state": name}
        for name, count in (("done", 30_000), ("parked", 3_000))
        for n in range(count)
    ]
    async with store.write() as conn:
        await conn.execute(insert(tables.jobs), rows)
        if store.shared:
            await conn.execute(text("ANALYZE jobs"))
    await add(store, *(f"new{n}" for n in range(40)), lane="lane 7", due=AT)
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        [job] = await claim(store, at=AT, limit=16)
        times.append(time.perf_counter() - begun)
        async with store.write() as conn:
            await jobs.finish(conn, job)
    assert statistics.median(times) < 0.05


# --- running ----------------------------------------------------------------------------------------------------------


async def test_a_committed_job_runs_and_a_rolled_back_one_does_not(store: Store, engines: Engines) -> None:
    seen = Seen()
    engine = await engines(store, kinds={"note": seen})
    with contextlib.suppress(KeyError):
        await _add_and_fail(store)
    await add(store, "kept")
    await seen.until(1)
    await engine.stop()
    assert seen.keys == ["kept"]
    assert (await state(store, "kept"))[1] is State.DONE


async def _add_and_fail(store: Store) -> None:
    async with store.write() as conn:
        await jobs.add(conn, key="taken back", kind="note")
        raise KeyError


async def test_a_commit_wakes_the_engine_at_once(store: Store, engines: Engines) -> None:
    """The median from the commit to the job's first line: 20 ms, or on a busy machine what a few writes take."""
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def note(job: Job) -> None:
        arrived.put_nowait(time.perf_counter())

    await engines(store, kinds={"note": note})
    writes, latencies = [], []
    for number in range(41):
        begun = time.perf_counter()
        await add(store, f"n{number}")
        committed = time.perf_counter()
        writes.append(committed - begun)
        async with asyncio.timeout(5):
            latencies.append(await arrived.get() - committed)
    assert statistics.median(latencies) < max(0.020, 6 * statistics.median(writes))


async def test_another_process_wakes_the_engine(database_url: str, engines: Engines) -> None:
    """As the command line does beside the service. Within 5 s, where the poll would take 30."""
    store, seen = await Store.open(database_url), Seen()
    engine = await engines(store, kinds={"note": seen})
    program = (
        "import asyncio, sys\nfrom bridge.store import jobs\nfrom bridge.store.database import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1])\n"
        "    async with store.write() as conn:\n        await jobs.add(conn, key='from outside', kind='note')\n"
        "    await store.close()\n"
        "asyncio.run(main())"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, database_url, cwd=HERE)
    assert await child.wait() == 0
    async with asyncio.timeout(5):
        assert await seen.until(1) == ["from outside"]
    await engine.stop()
    await store.close()


async def test_a_listener_that_lost_its_connection_listens_again(postgresql_url: str, engines: Engines) -> None:
    """Within 10 s, where the lease's sign of life comes after 20."""
    store, seen = await Store.open(postgresql_url), Seen()
    engine = await engines(store, kinds={"note": seen}, lease=timedelta(seconds=60))
    await add(store, "before")
    await seen.until(1)
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    async with store.read() as conn:
        assert (await conn.execute(text(cut))).scalar_one() >= 1
    await add(store, "after")
    async with asyncio.timeout(10):
        await seen.until(2)
    await engine.stop()
    await store.close()


async def test_a_job_due_later_runs_when_it_is_due(store: Store, engines: Engines) -> None:
    """Not before, and not at the next poll."""
    seen = Seen()
    await engines(store, kinds={"note": seen})
    due = now() + timedelta(milliseconds=150)
    await add(store, "later", due=due + timedelta(hours=1))
    await add(store, "soon", due=due)
    async with asyncio.timeout(5):
        assert await seen.until(1) == ["soon"]
    assert now() >= due


async def test_a_held_job_is_run_at_once_when_it_is_moved(store: Store, engines: Engines) -> None:
    seen = Seen()
    await engines(store, kinds={"note": seen})
    await add(store, "held", due=now() + timedelta(hours=1))
    async with store.write() as conn:
        await jobs.reschedule(conn, "held", due=now())
    async with asyncio.timeout(5):
        assert await seen.until(1) == ["held"]


async def test_lanes_keep_their_order_while_many_run_at_once(store: Store, engines: Engines) -> None:
    running: dict[str, int] = {}
    order: dict[str, list[int]] = {}
    most, all_done = 0, asyncio.Event()

    async def note(job: Job) -> None:
        nonlocal most
        running[job.lane] = running.get(job.lane, 0) + 1
        assert running[job.lane] == 1, "two jobs of one lane at once"
        most = max(most, sum(running.values()))
        for _ in range(job.id % 7):
            await asyncio.sleep(0)
        order.setdefault(job.lane, []).append(job.payload["number"])
        running[job.lane] -= 1
        if sum(map(len, order.values())) == 120:
            all_done.set()

    for number in range(120):
        await add(store, f"n{number}", lane=f"lane {number % 6}", payload={"number": number})
    await engines(store, kinds={"note": note}, parallel=4)
    async with asyncio.timeout(20):
        await all_done.wait()
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert 1 < most <= 4


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Temporary("away"), Uncertain("no answer"), KeyError("unforeseen")])
async def test_what_may_pass_is_tried_again(store: Store, engines: Engines, failure: BaseException) -> None:
    clock, seen = Clock(), Seen(failure)
    engine = await engines(store, kinds={"note": seen}, clock=clock)
    await add(store, "a", due=AT)
    job = await reaches(store, "a", State.READY, attempts=1)
    assert 0.8 <= (job.due - AT).total_seconds() <= 1.2
    clock.at = job.due
    engine.wake()
    await reaches(store, "a", State.DONE)
    assert seen.attempts == [0, 1]


async def test_waits_double_up_to_a_limit(store: Store, engines: Engines) -> None:
    async def note(job: Job) -> None:
        raise Temporary("Slack is away.")

    clock = Clock()
    engine = await engines(store, kinds={"note": note}, clock=clock)
    await add(store, "a", due=AT)
    for failed in range(12):
        job = await reaches(store, "a", State.READY, attempts=failed + 1)
        exact = min(LONGEST_WAIT, FIRST_WAIT * 2**failed)
        assert 0.8 * exact <= (job.due - clock.at).total_seconds() <= 1.2 * exact
        clock.at = job.due
        engine.wake()


async def test_a_job_is_tried_for_about_a_day_and_then_parked(store: Store, engines: Engines) -> None:
    trying = sum(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failed, 16)) for failed in range(TRIES - 1))
    assert timedelta(hours=23) < timedelta(seconds=trying) < timedelta(hours=25)
    seen = Seen(*(Temporary("Slack is away.") for _ in range(2)))
    await add(store, "a", due=AT)
    async with store.write() as conn:
        await conn.execute(update(tables.jobs).values(attempts=TRIES - 2))
    clock = Clock()
    engine = await engines(store, kinds={"note": seen}, clock=clock)
    clock.at = (await reaches(store, "a", State.READY, attempts=TRIES - 1)).due
    engine.wake()
    await reaches(store, "a", State.PARKED)
    assert seen.attempts == [TRIES - 2, TRIES - 1]


async def test_the_other_side_may_ask_for_a_longer_wait(store: Store, engines: Engines) -> None:
    await engines(store, kinds={"note": Seen(Temporary("limit", retry_after=1000))}, clock=Clock())
    await add(store, "a", due=AT)
    job = await reaches(store, "a", State.READY, attempts=1)
    assert job.due - AT == timedelta(seconds=1000)


@pytest.mark.parametrize("failure", [Permanent("gone"), Refused("gone"), Misconfigured("gone")])
async def test_what_cannot_pass_is_told_and_parked_at_once(
    store: Store, engines: Engines, failure: BridgeError
) -> None:
    told: list[tuple[str, BridgeError]] = []

    async def parked(job: Job, error: BridgeError) -> None:
        told.append((job.key, error))

    seen = Seen(failure)
    engine = await engines(store, kinds={"note": seen}, parked=parked)
    await add(store, "a", lane="x")
    await add(store, "b", lane="x")
    await seen.until(2)
    await engine.stop()
    assert ((await state(store, "a"))[1:], (await state(store, "b"))[1]) == ((State.PARKED, "gone"), State.DONE)
    assert told == [("a", failure)]


async def test_a_parked_job_is_told_even_when_that_fails_at_first(store: Store, engines: Engines) -> None:
    told = []

    async def parked(job: Job, error: BridgeError) -> None:
        told.append(job.key)
        if len(told) == 1:
            raise Temporary("The database is full.")
        raise KeyError("and then a mistake of ours")

    await engines(store, kinds={"note": Seen(Permanent("gone"))}, parked=parked)
    await add(store, "a")
    await reaches(store, "a", State.PARKED)
    assert told == ["a", "a"]


async def test_a_thousand_jobs_of_an_unknown_kind_are_parked_and_starve_nobody(store: Store, engines: Engines) -> None:
    """They are older, so they come first: the known one must not wait for each in turn."""
    await add(store, *(f"old{number}" for number in range(1000)), kind="gone", due=AT)
    told, seen = [], Seen()

    async def parked(job: Job, error: BridgeError) -> None:
        told.append((job.key, str(error)))

    await engines(store, kinds={"note": seen}, parked=parked)
    await add(store, "new")
    async with asyncio.timeout(10):
        await seen.until(1)
    await until(lambda: _counted(store, State.PARKED, 1000))
    assert {why for _, why in told} == {"This version of the bridge does not know jobs of the kind gone."}
    assert len({key for key, _ in told}) == 1000


async def _counted(store: Store, wanted: State, count: int) -> bool:
    async with store.read() as conn:
        return (await jobs.counts(conn))[wanted] == count


async def test_failing_jobs_do_not_starve_others(store: Store, engines: Engines) -> None:
    async def note(job: Job) -> None:
        raise Temporary("away")

    seen = Seen()
    await engines(store, kinds={"bad": note, "note": seen}, parallel=2)
    await add(store, *(f"bad{number}" for number in range(50)), kind="bad")
    await add(store, *(f"good{number}" for number in range(50)))
    async with asyncio.timeout(10):
        await seen.until(50)


async def test_work_that_cancels_itself_is_a_failure_like_others(store: Store, engines: Engines) -> None:
    seen = Seen(asyncio.CancelledError())
    await engines(store, kinds={"note": seen}, clock=Clock())
    await add(store, "a", due=AT)
    await reaches(store, "a", State.READY, attempts=1)


async def test_a_full_disk_loses_no_outcome(sqlite_url: str, engines: Engines) -> None:
    """The job has run when its outcome cannot be written down: once there is room it is done, and not run again."""
    store, seen = await Store.open(sqlite_url), Seen()
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def note(job: Job) -> None:
        inside.set()
        await go_on.wait()
        await seen(job)

    engine = await engines(store, kinds={"note": note})
    await add(store, "a")
    async with asyncio.timeout(5):
        await inside.wait()
    async with store.write() as conn:
        await conn.execute(insert(tables.effects).values(key="x" * 20_000, begun=AT))
        pages = (await conn.execute(text("PRAGMA page_count"))).scalar_one()
        await conn.execute(text(f"PRAGMA max_page_count = {pages}"))
        # Every outcome now writes more than there is room for.
        await conn.execute(
            text(
                "CREATE TEMP TRIGGER fill BEFORE UPDATE ON jobs BEGIN "
                "INSERT INTO effects (key, begun) VALUES (hex(randomblob(20000)), 'x'); END"
            )
        )
    go_on.set()
    await seen.until(1)
    with pytest.raises(Temporary, match="full"):
        await _touch(store)
    assert (await state(store, "a"))[1] is State.RUNNING
    async with store.write() as conn:
        await conn.execute(text("DROP TRIGGER fill"))
        await conn.execute(text("PRAGMA max_page_count = 1000000"))
    await reaches(store, "a", State.DONE)
    assert seen.keys == ["a"]
    await engine.stop()
    await store.close()


async def _touch(store: Store) -> None:
    async with store.write() as conn:
        await conn.execute(update(tables.jobs).values(error="x"))


# --- once -------------------------------------------------------------------------------------------------------------


class World:
    """Outside: effects stand here, whatever the database says."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.asked: list[datetime] = []

    def act(self, name: str, *, then: BaseException | None = None) -> Callable[[], Awaitable[dict[str, Any]]]:
        async def act() -> dict[str, Any]:
            self.effects.append(name)
            if then:
                raise then
            return {"ts": name}

        return act

    def find(self, name: str) -> Callable[[datetime], Awaitable[dict[str, Any] | None]]:
        async def find(begun: datetime) -> dict[str, Any] | None:
            self.asked.append(begun)
            return {"ts": name} if name in self.effects else None

        return find


async def test_an_effect_happens_once_and_its_result_is_remembered(store: Store) -> None:
    engine, world = Engine(store, kinds={}), World()
    for _ in range(2):
        assert await engine.once("k", act=world.act("a"), find=world.find("a")) == {"ts": "a"}
    assert (world.effects, world.asked) == (["a"], [])


async def test_an_answer_that_was_lost_is_looked_for_before_acting_again(store: Store) -> None:
    engine, world = Engine(store, kinds={}), World()
    begun = now()
    with pytest.raises(Uncertain):
        await engine.once("k", act=world.act("a", then=Uncertain("silence")), find=world.find("a"))
    assert await engine.once("k", act=world.act("a"), find=world.find("a")) == {"ts": "a"}
    assert world.effects == ["a"]
    assert [begun <= asked <= now() for asked in world.asked] == [True]
    assert await engine.once("k", act=world.act("a"), find=world.find("a")) == {"ts": "a"}
    assert len(world.asked) == 1, "what was found is remembered"


async def test_what_surely_did_not_happen_is_done(store: Store) -> None:
    engine, world = Engine(store, kinds={}), World()

    async def away() -> dict[str, Any]:
        raise Temporary("away")

    with pytest.raises(Temporary):
        await engine.once("k", act=away, find=world.find("a"))
    assert await engine.once("k", act=world.act("a"), find=world.find("a")) == {"ts": "a"}
    assert (world.effects, len(world.asked)) == (["a"], 1)


async def test_nothing_is_done_while_nobody_can_say_whether_it_happened(store: Store) -> None:
    engine, world = Engine(store, kinds={}), World()

    async def cannot_tell(begun: datetime) -> dict[str, Any] | None:
        raise Temporary("away")

    with pytest.raises(Uncertain):
        await engine.once("k", act=world.act("a", then=Uncertain("silence")), find=cannot_tell)
    with pytest.raises(Temporary):
        await engine.once("k", act=world.act("a"), find=cannot_tell)
    assert world.effects == ["a"]


async def test_an_effect_that_was_forgotten_is_done_anew(store: Store) -> None:
    engine, world = Engine(store, kinds={}), World()
    await engine.once("k", act=world.act("a"), find=world.find("a"))
    async with store.write() as conn:
        await effects.forget(conn, "k")
    await engine.once("k", act=world.act("a"), find=world.find("a"))
    assert (world.effects, world.asked) == (["a", "a"], [])


# --- starting, stopping, several --------------------------------------------------------------------------------------


async def test_stopping_lets_work_finish(store: Store, engines: Engines) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def note(job: Job) -> None:
        inside.set()
        await go_on.wait()

    engine = await engines(store, kinds={"note": note})
    await add(store, "a")
    await inside.wait()
    stopping = asyncio.create_task(engine.stop(20))
    await add(store, "b")
    go_on.set()
    await stopping
    assert [(await state(store, key))[1] for key in "ab"] == [State.DONE, State.READY]


async def test_stopping_hands_back_what_does_not_finish(store: Store, engines: Engines) -> None:
    inside, seen = asyncio.Event(), Seen()

    async def forever(job: Job) -> None:
        inside.set()
        await asyncio.Event().wait()

    engine = await engines(store, kinds={"note": forever})
    await add(store, "a")
    await inside.wait()
    await engine.stop(0)
    job, found, _ = await state(store, "a")
    assert (found, job.attempts) == (State.READY, 0), "a hand-back is no failed try"
    await engines(store, kinds={"note": seen})
    assert await seen.until(1) == ["a"]


async def test_work_of_a_runner_that_died_is_run_again(sqlite_url: str, engines: Engines) -> None:
    store, seen = await Store.open(sqlite_url), Seen()
    await add(store, "a")
    assert await claim(store, at=now())
    engine = await engines(store, kinds={"note": seen})
    assert await seen.until(1) == ["a"]
    await engine.stop()
    await store.close()


async def test_work_of_a_replica_that_died_is_taken_over_when_its_lease_ends(
    postgresql_url: str, engines: Engines
) -> None:
    store, seen = await Store.open(postgresql_url), Seen()
    await add(store, "a", "b", lane="x")
    async with store.write() as conn:
        [lost] = await jobs.claim(conn, limit=5, owner="dead", lease=timedelta(seconds=0.5))
    engine = await engines(store, kinds={"note": seen}, lease=timedelta(seconds=0.3))
    async with asyncio.timeout(5):
        assert await seen.until(2) == ["a", "b"]
    async with store.write() as conn:
        assert not await jobs.finish(conn, lost)
    await engine.stop()
    await store.close()


async def test_a_long_job_is_not_taken_away_from_a_replica_that_lives(postgresql_url: str, engines: Engines) -> None:
    store = await Store.open(postgresql_url)
    begun: list[int] = []
    ten_leases = asyncio.Event()

    async def note(job: Job) -> None:
        begun.append(job.fence)
        async with asyncio.timeout(3):
            await ten_leases.wait()

    first, second = [await engines(store, kinds={"note": note}, lease=timedelta(seconds=0.2)) for _ in range(2)]
    await add(store, "a")
    asyncio.get_running_loop().call_later(2, ten_leases.set)
    await reaches(store, "a", State.DONE)
    assert begun == [1]
    await first.stop()
    await second.stop()
    await store.close()


async def test_a_sign_of_life_that_was_broken_off_is_not_the_last(postgresql_url: str, engines: Engines) -> None:
    """A cancelled question (SQLSTATE 57014) once ended the leases for good: every later effect was refused."""
    store, seen = await Store.open(postgresql_url), Seen()

    async def note(job: Job) -> None:
        async def act() -> dict[str, Any]:
            return {}

        await engine.once(job.key, act=act, find=None)
        await seen(job)

    engine = await engines(store, kinds={"note": note}, lease=timedelta(seconds=1))
    await add(store, "before")
    await seen.until(1)
    cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'UPDATE jobs SET lease%'"

    async def broken_off() -> bool:
        async with store.read() as conn:
            return bool((await conn.execute(text(f"{cancel} AND wait_event_type = 'Lock'"))).scalar_one())

    async with store.write() as conn:
        await conn.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
        while not await broken_off():  # noqa: ASYNC110 - a server is asked, not a task
            await asyncio.sleep(0.05)
    await asyncio.sleep(2.0)  # twice the lease: what it covered until then is covered no more
    await add(store, "after")
    assert await seen.until(2) == ["before", "after"]
    await engine.stop()
    await store.close()


async def test_two_replicas_share_the_work_and_keep_the_lanes_in_order(postgresql_url: str, engines: Engines) -> None:
    stores = [await Store.open(postgresql_url) for _ in range(2)]
    order: dict[str, list[int]] = {}
    running: set[str] = set()
    workers: set[int] = set()
    all_done = asyncio.Event()

    def kind(worker: int) -> Callable[[Job], Awaitable[None]]:
        async def note(job: Job) -> None:
            assert job.lane not in running
            running.add(job.lane)
            workers.add(worker)
            await asyncio.sleep(0)
            order.setdefault(job.lane, []).append(job.payload["number"])
            running.discard(job.lane)
            if sum(map(len, order.values())) == 200:
                all_done.set()

        return note

    both = [await engines(one, kinds={"note": kind(number)}, parallel=3) for number, one in enumerate(stores)]
    for number in range(200):
        await add(stores[number % 2], f"n{number}", lane=f"lane {number % 8}", payload={"number": number})
    async with asyncio.timeout(30):
        await all_done.wait()
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert workers == {0, 1}
    for engine, one in zip(both, stores, strict=True):
        await engine.stop()
        await one.close()


async def test_a_second_runner_on_a_file_is_refused_and_may_come_when_the_first_has_gone(
    sqlite_url: str, engines: Engines
) -> None:
    stores = [await Store.open(sqlite_url) for _ in range(2)]
    first, second = (Engine(one, kinds={}) for one in stores)
    await first.start()
    with pytest.raises(Misconfigured, match="Another bridge already runs on this database"):
        await second.start()
    await first.stop()
    await second.start()
    await second.stop()
    for one in stores:
        await one.close()


async def test_work_committed_while_nobody_runs_waits_for_the_next_start(store: Store, engines: Engines) -> None:
    await add(store, "a")
    seen = Seen()
    await engines(store, kinds={"note": seen})
    assert await seen.until(1) == ["a"]


async def test_the_engine_outlives_a_database_that_is_locked_for_a_while(
    sqlite_url: str, tmp_path: Path, engines: Engines
) -> None:
    store, seen = await Store.open(f"{sqlite_url}?timeout=0.01"), Seen()
    engine = await engines(store, kinds={"note": seen})
    await add(store, "a")
    await seen.until(1)
    path = tmp_path / "data" / "bridge.db"
    other = sqlite3.connect(path, isolation_level=None, timeout=20, check_same_thread=False)
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    engine.wake()
    with pytest.raises(Temporary):
        await add(store, "b")
    other.close()
    await add(store, "b")
    assert await seen.until(2) == ["a", "b"]
    await engine.stop()
    await store.close()
