"""The durable engine: it runs the jobs that the store holds, and sees to it that an outside effect happens once.

A job is run at least once: a crash runs it again from its beginning. So a job does what may be done twice, and wraps
in `once` what may not. Nothing of a job's state is kept in memory: whoever commits a job with `store.jobs.add` wakes
the engine of whatever process runs the jobs, and what becomes due later is slept for exactly.

A failure's kind decides what happens (see `bridge.errors`): Temporary and Uncertain are tried again, after 1 s doubling
to a minute, for about a day; Permanent, Refused and Misconfigured park the job at once, as does a kind that nobody here
knows; anything unforeseen counts as Temporary. A parked job is told to `parked` and waits for a person; its lane goes
on.
"""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clockwork import Clockwork, Tenure, an_owner
from bridge.errors import BridgeError, Misconfigured, Permanent, Refused, Temporary, Uncertain
from bridge.model import Job
from bridge.model import now as time_now
from bridge.sentences import say
from bridge.store import effects, jobs
from bridge.store.database import Store, current_time
from bridge.store.turns import be_patient

log = structlog.get_logger()

POLL = 30.0
"""Seconds after which the engine looks for work unasked, should a wake-up have been lost."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the second try; doubled at each further one, but never longer than this."""

TRIES = 1446
"""After so many a job is parked: with the waits above, about a day of trying."""

SPARE = 4
"""Jobs that may be in hand beyond `parallel`, where a person waits for them: a click never waits for a free hand."""

INSIST = 1.0
"""Seconds before the engine tries again to claim jobs or to write down an outcome, where the database is in trouble."""

LEASE = timedelta(seconds=3)
"""How long a replica's jobs stay its own without a sign of life; three signs are given in that time."""

LANDING = 5.0
"""Seconds after which what was sent stands outside, or never will: Slack takes one or two, and its history may lag."""

APART = timedelta(seconds=30)  # that replicas' clocks may differ by
CANCEL_PATIENCE = 2.0  # seconds that a cancelled job has to clean up


class Engine:
    """Runs jobs, up to `parallel` at a time.

    `kinds` says what runs a job of each kind; it may be filled until `start`. `parked` is told of every job that is
    parked, before it is, and may be told twice after a crash. `look_first=False` makes `once` act without looking
    whether it has happened: it exists for the test that shows why looking is needed. `clock`: a test's; else it is the
    database's where several share it, and this machine's. `held`: kinds that are due after a span of time, whatever
    the clock does meanwhile, but for those whose payload says `later`.
    """

    def __init__(
        self,
        store: Store,
        *,
        kinds: Mapping[str, Callable[[Job], Awaitable[None]]],
        parallel: int = 16,
        look_first: bool = True,
        parked: Callable[[Job, BridgeError], Awaitable[None]] | None = None,
        lease: timedelta = LEASE,
        landing: float = LANDING,
        tenure: Tenure | None = None,
        clock: Callable[[], datetime] | None = None,
        held: Collection[str] = (),
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._parallel = parallel
        self._look_first = look_first
        self._parked = parked
        self._lease = lease
        self._landing = landing
        self._clock = clock
        self._clockwork = Clockwork(clock or time_now)
        self._held = held
        self._owner = an_owner()
        self._tenure = tenure or Tenure()
        self._woken = asyncio.Event()
        self._stopping = True
        self._in_hand: dict[asyncio.Task[None], Sequence[Job]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._closing = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Begin to run jobs, those first that were in hand when the last runner died.

        Raises Misconfigured where another process runs the jobs of a database that allows one, Temporary where the
        database is in trouble.
        """
        async with contextlib.AsyncExitStack() as undo:
            await undo.enter_async_context(self._store.runner(self.wake))
            async with self._store.write() as conn:
                recovered = await jobs.recover(conn)
            if recovered:
                log.info("Jobs of a runner that died are run again", jobs=recovered)
            if self._store.shared:
                await self._extend()
                undo.push_async_callback(_end, asyncio.create_task(self._keep_leases(), name="job leases"))
            self._closing = undo.pop_all()
        self._stopping = False
        self._loop = asyncio.create_task(self._run(), name="jobs")

    async def stop(self, grace: float = 5.0) -> None:
        """Take no new job, give those in hand `grace` seconds, then cancel and hand back what is left."""
        if self._loop is None:
            return
        self._stopping = True
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.wait([self._loop])
                while self._in_hand:
                    await asyncio.wait(self._in_hand)
        left = [task for task in (self._loop, *self._in_hand) if not task.done()]
        for task in left:
            task.cancel()
        stubborn = (await asyncio.wait(left, timeout=CANCEL_PATIENCE))[1] if left else set()
        try:
            if not stubborn:  # what still runs must not be handed to another; it is recovered later
                async with self._store.write() as conn:
                    await jobs.release(conn, owner=self._owner)
        except Temporary as error:
            log.warning("Jobs in hand could not be handed back; the next start recovers them", error=str(error))
        finally:
            self._loop = None
            await self._closing.aclose()

    def wake(self) -> None:
        """Look for work now. Committing a job wakes the engine by itself."""
        self._woken.set()

    async def once(
        self,
        key: str,
        *,
        act: Callable[[], Awaitable[dict[str, Any]]],
        find: Callable[[datetime], Awaitable[dict[str, Any] | None]] | None,
        kept: Callable[[AsyncConnection, dict[str, Any]], Awaitable[None]] | None = None,
    ) -> dict[str, Any]:
        """Make an outside effect happen once under that key, whatever crashes between; return what it came to.

        `act` does it and returns what to remember, as JSON. `find` is asked first wherever it may have happened
        without our knowing: it is given the time of the first attempt, looks outside, and returns what `act` would
        have returned, or None where it is not there (and raises where it cannot tell). Where an attempt may be under
        way even now, since whoever made it died, is frozen, or heard nothing, it is asked a second time once that has
        landed. Without `find` it may happen twice. A result that is remembered is returned without acting. A failure
        of either leaves the intent standing: looking again is safe. `kept` writes down what hangs on the result, in
        the transaction that remembers it, or that finds it remembered.
        """
        attempt = secrets.token_hex(8)
        async with self._store.write() as conn:
            effect = await effects.begin(conn, key, attempt=attempt)
            if effect.result is not None and kept is not None:
                await kept(conn, effect.result)
        if effect.result is not None:
            return effect.result
        result = None
        if self._look_first and not effect.fresh and find is not None:
            result = await find(effect.begun)
            if result is None and self._may_still_land(effect):
                await asyncio.sleep(self._landing)
                result = await find(effect.begun)
            if result is not None:
                log.info("An effect had happened already", key=key)
        if result is None:
            if not effect.fresh:
                async with self._store.write() as conn:
                    await effects.try_again(conn, key, attempt=attempt)
            self._tenure.check()
            result = await self._attempted(key, act, attempt=attempt)
        async with self._store.write() as conn:
            await effects.finish(conn, key, result)
            if kept is not None:
                await kept(conn, result)
        return result

    def _may_still_land(self, effect: effects.Effect) -> bool:
        """Whether an attempt began so lately that what it sent may come to stand there after one has looked."""
        return effect.tried is not None and time_now() - effect.tried < timedelta(seconds=self._landing) + APART

    async def _attempted(
        self, key: str, act: Callable[[], Awaitable[dict[str, Any]]], *, attempt: str
    ) -> dict[str, Any]:
        """What `act` returns. Where it surely did nothing, that is written down: the next attempt need not wait."""
        try:
            return await act()
        except Uncertain:
            raise
        except BridgeError:
            with contextlib.suppress(Temporary):
                async with self._store.write() as conn:
                    await effects.ended(conn, key, attempt=attempt)
            raise

    # --- taking jobs ---

    async def _run(self) -> None:
        be_patient()
        while not self._stopping:
            self._woken.clear()
            try:
                wait = await self._take()
            except Temporary as error:
                log.warning("Jobs cannot be claimed now", error=str(error), detail=error.detail)
                wait = INSIST
            except Exception:
                log.exception("Jobs cannot be claimed")
                wait = INSIST
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    async def _take(self) -> float:
        """Claim what there is room for and begin it; the seconds until there may be more without a wake-up."""
        room, rank = self._parallel - len(self._in_hand), jobs.NORMAL
        if room <= 0:
            room, rank = room + SPARE, jobs.URGENT
            if room <= 0 or not await self._urgent_waits():
                return POLL
        async with self._store.write() as conn:
            await self._follow_clock(conn)
            at = await self._now(conn)
            batch = await jobs.claim(conn, limit=room, owner=self._owner, lease=self._lease, now=at, rank=rank)
            upcoming = await jobs.next_due(conn, after=at)
        self._clockwork.followed()
        if self._stopping:
            return POLL  # `stop` hands back what was claimed meanwhile
        for job in batch:
            if job.kind in self._kinds:
                self._begin(self._do(job), job)
        if unknown := [job for job in batch if job.kind not in self._kinds]:
            self._begin(self._park_unknown(unknown), *unknown)
        if upcoming is None:
            return POLL
        return min(POLL, max(0.001, (upcoming - at).total_seconds()))

    async def _now(self, conn: AsyncConnection) -> datetime:
        return self._clock() if self._clock else await current_time(conn)

    async def _follow_clock(self, conn: AsyncConnection) -> None:
        """Where the clock was set, what waits for a span of time waits as long as it would have."""
        would_be, by = self._clockwork.step()
        if by and not self._store.shared:
            moved = await jobs.follow_clock(conn, by=by, would_be=would_be, held=self._held)
            log.warning("The clock was set", seconds=round(by.total_seconds()), jobs_moved=moved)

    async def _urgent_waits(self) -> bool:
        async with self._store.read() as conn:
            return await jobs.urgent_waits(conn)

    def _begin(self, work: Any, *batch: Job) -> None:
        task = asyncio.create_task(work, name=batch[0].key)
        self._in_hand[task] = batch
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self.wake()

    # --- running one ---

    async def _do(self, job: Job) -> None:
        failure = await self._try(job)
        if failure is None:
            await self._settle([job], jobs.finish)
            return
        if isinstance(failure, Permanent | Refused | Misconfigured) or job.attempts + 1 >= TRIES:
            await self._park([job], failure)
            return
        wait = _wait(job.attempts, failure)
        log.warning(
            "A job failed and is tried again",
            **_named(job), seconds=round(wait, 1), error=str(failure), detail=failure.detail,
        )  # fmt: skip

        async def retry(conn: AsyncConnection, job: Job) -> bool:
            due = await self._now(conn) + timedelta(seconds=wait)
            return await jobs.retry_later(conn, job, due=due, error=str(failure))

        await self._settle([job], retry)

    async def _try(self, job: Job) -> BridgeError | None:
        try:
            await self._kinds[job.kind](job)
        except BridgeError as error:
            return error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Temporary(say("The work was interrupted from within; it is tried again."))
        except Exception as error:
            log.exception("A job met something unforeseen", **_named(job))
            kind = type(error).__name__
            return Temporary(say("Something unforeseen went wrong ({kind}); the log has the details.", kind=kind))
        return None

    async def _park_unknown(self, batch: Sequence[Job]) -> None:
        kinds = ", ".join(sorted({job.kind for job in batch}))
        unknown = say("This version of the bridge does not know jobs of the kind {kinds}.", kinds=kinds)
        await self._park(batch, Permanent(unknown))

    async def _park(self, batch: Sequence[Job], failure: BridgeError) -> None:
        ids = [job.id for job in batch]
        log.error("Jobs are parked", jobs=ids, kind=batch[0].kind, error=str(failure), detail=failure.detail)
        if self._parked is not None:
            for job in batch:
                await self._tell(self._parked, job, failure)
        await self._settle(batch, lambda conn, job: jobs.park(conn, job, error=str(failure)))

    async def _tell(
        self, parked: Callable[[Job, BridgeError], Awaitable[None]], job: Job, failure: BridgeError
    ) -> None:
        while True:
            try:
                return await parked(job, failure)
            except Temporary as error:
                log.warning("Nobody can be told of a parked job now", **_named(job), error=str(error))
                await asyncio.sleep(INSIST)
            except Exception:
                log.exception("Nobody could be told of a parked job", **_named(job))
                return None

    async def _settle(self, batch: Sequence[Job], change: Callable[[AsyncConnection, Job], Awaitable[bool]]) -> None:
        """Write outcomes down, however long the database is in trouble: else the jobs would be run once more."""
        while True:
            try:
                async with self._store.write() as conn:
                    lost = [job.id for job in batch if not await change(conn, job)]
            except Temporary as error:
                log.warning("An outcome cannot be written down now", **_named(batch[0]), error=str(error))
            except Exception:
                log.exception("An outcome cannot be written down", **_named(batch[0]))
            else:
                if lost:
                    log.warning("Jobs went on elsewhere while they ran here", jobs=lost)
                return
            await asyncio.sleep(INSIST)

    # --- leases, where several processes share the work ---

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await self._extend()
            except Temporary as error:
                log.warning("The leases of the jobs in hand cannot be extended now", error=str(error))
            except Exception:  # without leases no job would run here again
                log.exception("The leases of the jobs in hand cannot be extended")
            self.wake()  # what another replica left behind is found when its lease has ended

    async def _extend(self) -> None:
        asked, in_hand = time.monotonic(), list(self._in_hand.items())
        async with self._store.write() as conn:
            ours = await jobs.extend(conn, owner=self._owner, lease=self._lease)
        self._tenure.lasts(self._lease, asked=asked)
        for task, batch in in_hand:
            if any(ours.get(job.id) != job.fence for job in batch):
                task.cancel()


def _wait(attempts: int, failure: BridgeError) -> float:
    """Seconds until the next try after so many failed ones: never less than the other side asked for.

    Spread by a fifth, so that what failed together does not come back together.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 16)) * random.uniform(0.8, 1.2)  # noqa: S311
    asked = failure.retry_after if isinstance(failure, Temporary) else None
    return max(wait, asked or 0.0)


def _named(job: Job) -> dict[str, Any]:
    return {"job": job.id, "kind": job.kind, "attempts": job.attempts}


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
