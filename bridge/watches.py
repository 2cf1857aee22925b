"""Watches: each mailbox is watched by one replica at a time, by a lease with a fencing number (`store/watches.py`).

Where the database is one process's own (SQLite), every mailbox is watched from the start. Else each replica renews its
leases three times in their length, and looks as often for mailboxes that nobody holds any more: a replica that died, or
is frozen, loses its mailboxes to another within five seconds. It loses them for good: what a watch brings is committed
only under the fence that it began with, so a replica that wakes up again commits nothing of what it had in hand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clockwork import an_owner
from bridge.errors import Temporary
from bridge.jobs import LEASE
from bridge.model import MailboxName
from bridge.sentences import say
from bridge.store import watches
from bridge.store.database import Store

log = structlog.get_logger()

Holds = Callable[[AsyncConnection, MailboxName], Awaitable[None]]
"""Asked first in a transaction with what a watch brought: raises Temporary where the mailbox is not ours any more."""


async def alone(_conn: AsyncConnection, _mailbox: MailboxName) -> None:
    """Nobody else could watch it."""


class Watches:
    """The mailboxes that could be watched here, and those that are."""

    def __init__(self, store: Store, *, lease: timedelta = LEASE) -> None:
        self._store = store
        self._lease = lease
        self._owner = an_owner()
        self._work: dict[MailboxName, Callable[[], Awaitable[None]]] = {}
        self._elsewhere: dict[MailboxName, Callable[[], None]] = {}
        self._fences: dict[MailboxName, int] = {}
        self._tasks: dict[MailboxName, asyncio.Task[None]] = {}
        self._keeping: asyncio.Task[None] | None = None

    def add(
        self, mailbox: MailboxName, work: Callable[[], Awaitable[None]], *, elsewhere: Callable[[], None] = lambda: None
    ) -> None:
        """Before `start`: what watches a mailbox while it is ours, for ever; `elsewhere` is called when it is not."""
        self._work[mailbox] = work
        self._elsewhere[mailbox] = elsewhere

    async def start(self) -> None:
        """Begin to watch what is nobody else's. Raises Temporary where the database is away."""
        if not self._store.shared:
            for mailbox in self._work:
                self._begin(mailbox)
            return
        async with self._store.write() as conn:
            await watches.name(conn, self._work)
        await self._look()
        for mailbox in self._work.keys() - self._fences:
            log.info("a mailbox is watched by another replica", mailbox=mailbox)
            self._elsewhere[mailbox]()
        self._keeping = asyncio.create_task(self._keep(), name="watches")

    async def stop(self) -> None:
        """End every watch, then give the mailboxes back."""
        tasks = [*self._tasks.values(), *([self._keeping] if self._keeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._keeping is not None:
            self._keeping = None
            try:
                async with self._store.write() as conn:
                    await watches.release(conn, owner=self._owner)
            except Temporary as error:
                log.warning("Mailboxes could not be given back; another replica takes them over", error=str(error))

    def elsewhere(self, mailbox: MailboxName) -> bool:
        """Whether another replica watches it, or is about to."""
        return self._store.shared and mailbox not in self._fences

    async def holds(self, conn: AsyncConnection, mailbox: MailboxName) -> None:
        """Raises Temporary where the mailbox is not ours any more; else it stays ours until the transaction ends."""
        if not self._store.shared:
            return
        fence = self._fences.get(mailbox)
        if fence is None or not await watches.held(conn, mailbox, owner=self._owner, fence=fence):
            raise Temporary(say("This replica was paused for too long: another one watches the mailbox now."))

    # --- leases -------------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await self._look()
            except Temporary as error:
                log.warning("The leases of the mailboxes cannot be renewed now", error=str(error))
            except Exception:
                log.exception("The leases of the mailboxes cannot be renewed")

    async def _look(self) -> None:
        """Renew, claim what is free, and begin or end what follows from it."""
        async with self._store.write() as conn:
            await watches.renew(conn, owner=self._owner, lease=self._lease)
        async with self._store.write() as conn:
            await watches.claim(conn, list(self._work), owner=self._owner, lease=self._lease)
            ours = await watches.fences(conn, owner=self._owner)
        for mailbox in self._work:
            before, now = self._fences.get(mailbox), ours.get(mailbox)
            if before == now:
                continue
            self._end(mailbox)
            if now is not None:
                self._begin(mailbox, fence=now)

    def _begin(self, mailbox: MailboxName, *, fence: int = 0) -> None:
        self._fences[mailbox] = fence
        before = self._tasks.get(mailbox)
        self._tasks[mailbox] = asyncio.create_task(self._watch(mailbox, before), name=f"watch {mailbox}")
        if fence > 1:
            log.info("a mailbox is taken over", mailbox=mailbox, fence=fence)

    def _end(self, mailbox: MailboxName) -> None:
        if self._fences.pop(mailbox, None) is None:
            return
        log.warning("a mailbox was lost to another replica", mailbox=mailbox)
        self._tasks[mailbox].cancel()
        self._elsewhere[mailbox]()

    async def _watch(self, mailbox: MailboxName, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._work[mailbox]()
