"""A mailbox on an IMAP server (RFC 3501): its mails as they come, what others do to them, and what agents want done.

Each source has one thread (`watch`) with one connection, which watches, and interrupts its rest at once for a
command. Reading marks nothing. A connection that is lost is made again, with what was asked for going on from where it
was; what a person must mend ends `arrivals` and `changes` by Permanent. Use on one event loop.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TypeVar

from bridge.errors import BridgeError, Temporary
from bridge.mail.imap.commands import (
    append,
    enter,
    fetch,
    find,
    move,
    remove,
    search_since,
    set_flags,
    since,
    uids_from,
)
from bridge.mail.imap.feeds import Follow, Watch
from bridge.mail.imap.folders import roles
from bridge.mail.imap.reader import Reader
from bridge.mail.imap.server import Gate, ImapServer
from bridge.mail.imap.session import Session
from bridge.mail.imap.watch import Command, Watcher
from bridge.mail.source import Change, Moved, Place, Role
from bridge.model import Arrival, Batch, Cursor, now
from bridge.sentences import say

T = TypeVar("T")

_SWEEP = 180.0  # seconds between looks at everything; IDLE is begun anew with each, well within the 29 min of RFC 2177
_RETRY = 1.0  # seconds: the least between the second try to connect and the third
_FAREWELL = 5.0  # seconds that the thread may take to end, then it is left to its own timeouts


class ImapSource:
    """One mailbox. `folders` are names by role, as far as the operator chose them; others are found.

    `gate` is shared by the sources of a process. Commands may be given whether or not the mailbox is being watched;
    each raises Temporary where there is no connection now, Permanent where the server refuses for good.
    """

    def __init__(
        self,
        server: ImapServer,
        *,
        max_bytes: int,
        folders: Mapping[str, str | None] | None = None,
        gate: Gate | None = None,
        sweep_seconds: float = _SWEEP,
        retry_seconds: float = _RETRY,
    ) -> None:
        logging.getLogger("imapclient").setLevel(logging.WARNING)  # it tells every line, as news
        self.failure: BridgeError | None = None
        self._server = server
        self._max_bytes = max_bytes
        self._chosen = {Role(role): name for role, name in (folders or {}).items() if name}
        self._inbox = self._chosen.get(Role.INBOX, "INBOX")
        self._gate = gate or Gate()
        self._sweep_seconds = sweep_seconds
        self._retry_seconds = retry_seconds
        self._roles: dict[Role, str] | None = None
        self._readers: dict[str, Reader] = {}  # of the folders that `since` reads; the thread's
        self._watcher: Watcher | None = None
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._waiting: set[Watch | Follow] = set()

    @property
    def last_heard(self) -> datetime | None:
        """When the server last said anything, on this connection or the last one."""
        heard_at = self._watcher.heard_at if self._watcher else None
        return now() - timedelta(seconds=time.monotonic() - heard_at) if heard_at else None

    async def settled(self) -> BridgeError | None:
        """Waits until the mailbox is watched (None), or has been found not to be watchable now (why)."""
        await self._settled.wait()
        return self.failure

    async def stop(self) -> None:
        """Ends everything, within 5 s whatever the server does."""
        if (watcher := self._watcher) is None:
            return
        watcher.bell.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._ended.wait()
        self._end(watcher, None)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def arrivals(self, cursor: Cursor | None) -> AsyncGenerator[Batch, None]:
        """Batches in the order of their uids, without end: at most 50 mails or 8 MB (one mail at least).

        The first comes as soon as the mailbox is watched, and has no arrivals, only the cursor that is to be committed:
        without one to go on from, mails that come after it are given; under another uidvalidity, all are given again.
        What was given counts as durable when the next batch is asked for. Mails of more than `max_bytes` come by their
        head alone, and one that the server will not hand over with nothing. Raises Permanent or Misconfigured.
        """
        watcher = self._running()
        watch = watcher.watch = Watch(self._reader(cursor), wanted=watcher.bell.ring)
        self._waiting.add(watch)
        watcher.bell.ring()
        try:
            while True:
                taken = await watch.take()
                yield taken.batch
                if watcher.follow:
                    watcher.follow.release(taken)
        finally:
            self._waiting.discard(watch)
            if watcher.watch is watch:
                watcher.watch = None
            if watcher.follow:
                watcher.follow.drop()
            watcher.bell.ring()

    async def changes(self, known: Iterable[Change] = ()) -> AsyncGenerator[Change, None]:
        """What other mail clients do to the mails of `known`, and to those that `arrivals` gives from now on.

        `known` is what the caller believes: where it is no longer so, that is told first. Up to the newest 10,000 mails
        are followed. Our own commands are no changes. Raises as `arrivals` does.
        """
        watcher = self._running()
        follow = watcher.follow = Follow(known)
        self._waiting.add(follow)
        watcher.bell.ring()
        try:
            while True:
                yield await follow.take()
        finally:
            self._waiting.discard(follow)
            if watcher.follow is follow:
                watcher.follow = None
            watcher.bell.ring()

    # --- commands ---------------------------------------------------------------------------------------------------

    async def set_flags(
        self,
        uids: Sequence[int],
        *,
        uidvalidity: int,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        folder: str | None = None,
    ) -> None:
        r"""Adds and removes flags such as `\Seen`. `folder`: the watched one unless said otherwise."""

        def act(session: Session) -> None:
            enter(session, folder or self._inbox, uidvalidity=uidvalidity)
            set_flags(session, uids, add=tuple(add), remove=tuple(remove), view=watcher.view(session))

        watcher = self._running()
        await self._ask(act)

    async def move(self, uids: Sequence[int], *, uidvalidity: int, to: str, folder: str | None = None) -> Moved:
        """Moves mails to the folder `to`. Raises Uncertain where the connection was lost over it."""

        def act(session: Session) -> Moved:
            enter(session, folder or self._inbox, uidvalidity=uidvalidity)
            return move(session, uids, to=to, view=watcher.view(session))

        watcher = self._running()
        return await self._ask(act)

    async def remove(self, uids: Sequence[int], *, uidvalidity: int, folder: str | None = None) -> bool:
        """Takes mails away for good; False where the server can only mark them as deleted."""

        def act(session: Session) -> bool:
            enter(session, folder or self._inbox, uidvalidity=uidvalidity)
            return remove(session, uids, view=watcher.view(session))

        watcher = self._running()
        return await self._ask(act)

    async def append(self, raw: bytes, *, to: str, flags: Collection[str] = ("\\Seen",)) -> Place | None:
        """Stores a mail in the folder `to`; its place where the server tells it. Raises Uncertain as `move` does."""
        return await self._ask(lambda session: append(session, raw, to=to, flags=tuple(flags)))

    async def find(self, message_id: str, *, folder: str) -> list[Place]:
        """Where a folder has mails of this Message-ID (with its angle brackets), the oldest first."""
        return await self._ask(lambda session: find(session, message_id, folder=folder))

    async def fetch(self, uid: int, *, uidvalidity: int, folder: str | None = None) -> Arrival | None:
        """A mail, as `arrivals` gives it; None where it is not there."""

        def act(session: Session) -> Arrival | None:
            enter(session, folder or self._inbox, uidvalidity=uidvalidity)
            return fetch(session, uid, max_bytes=self._max_bytes)

        return await self._ask(act)

    async def since(self, cursor: Cursor | None, *, folder: str) -> Batch:
        """The next mails of a folder from that place on, at most 50 or 8 MB; without one, or where the folder was
        numbered anew, none, and where to go on from.

        What was given counts as durable when its cursor is handed back. What the server will not hand over holds up
        nothing: the cursor stays before it until it comes, or is given up.
        """
        readers, new = self._readers, self._reader
        return await self._ask(lambda session: since(session, cursor, folder=folder, readers=readers, new=new))

    async def uids(self, first: int, *, uidvalidity: int) -> list[int]:
        """The uids of the watched folder's mails from that one on, in order."""

        def act(session: Session) -> list[int]:
            enter(session, self._inbox, uidvalidity=uidvalidity)
            return uids_from(session, first)

        return await self._ask(act)

    async def search_since(self, day: date) -> list[Place]:
        """The mails of the watched folder that the server took in on this day (its own) or later, the oldest first."""

        def act(session: Session) -> list[Place]:
            enter(session, self._inbox)
            return search_since(session, day)

        return await self._ask(act)

    async def folders(self) -> dict[Role, str]:
        """The names of the folders by role, for each role that there is one for. Asked for once."""
        if self._roles is None:
            self._roles = await self._ask(lambda session: roles(session.folders(), chosen=self._chosen))
        return self._roles

    def _reader(self, cursor: Cursor | None) -> Reader:
        return Reader(cursor, max_bytes=self._max_bytes, retry_seconds=self._sweep_seconds)

    # --- the thread -------------------------------------------------------------------------------------------------

    async def _ask(self, act: Callable[[Session], T]) -> T:
        watcher, result = self._running(), Future[T]()
        watcher.commands.append(Command(act, result))
        watcher.bell.ring()
        return await asyncio.wrap_future(result)

    def _running(self) -> Watcher:
        if self._watcher is None:
            loop = asyncio.get_running_loop()
            self._ended.clear()
            self._watcher = watcher = Watcher(
                self._server,
                inbox=self._inbox,
                gate=self._gate,
                sweep_seconds=self._sweep_seconds,
                retry_seconds=self._retry_seconds,
                told=lambda error: _call(loop, self._learn, error),
                ended=lambda error: _call(loop, self._end, watcher, error),
            )
            watcher.start()
        return self._watcher

    def _learn(self, failure: BridgeError | None) -> None:
        self.failure = failure
        self._settled.set()
        if failure is not None and not isinstance(failure, Temporary):
            self._fail(failure)

    def _end(self, watcher: Watcher, failure: Exception | None) -> None:
        """The thread has ended, or is given up: nobody waits for it any longer."""
        error = failure or Temporary(say("The mailbox is not watched any more."))
        self._ended.set()
        self._fail(error)
        while watcher.commands:
            watcher.commands.popleft().refuse(error)
        if self._watcher is watcher:
            self._watcher = None

    def _fail(self, error: Exception) -> None:
        for waiting in self._waiting:
            waiting.fail(error)


def _call(loop: asyncio.AbstractEventLoop, act: Callable[..., None], *arguments: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        loop.call_soon_threadsafe(act, *arguments)
