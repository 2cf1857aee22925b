"""From a mailbox's thread to the event loop: batches one at a time, changes after the mails they are about."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence

from bridge.mail.imap.reader import Reader, Taken
from bridge.mail.source import Change
from bridge.mail.view import View

_ROOM = 2  # batches of 8 MB: with one alone, the thread would go to rest while the loop is about to take it


class Watch:
    """One call of `arrivals`: what is read, and room for two batches beside the one that is being taken in.

    The thread asks `full` and calls `give`; everything else is the loop's.
    """

    def __init__(self, reader: Reader, *, wanted: Callable[[], None]) -> None:
        self.reader = reader
        self._wanted = wanted
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Taken | Exception] = asyncio.Queue()
        self._lock = threading.Lock()
        self._given = 0
        self._starved = False

    @property
    def full(self) -> bool:
        """Whether there is no room for a batch; then `wanted` is called as soon as there is."""
        with self._lock:
            self._starved = self._given >= _ROOM
            return self._starved

    def give(self, taken: Taken, *, follow: "Follow | None") -> None:
        """Hands a batch over. One without arrivals takes no room."""
        with self._lock:
            self._given += bool(taken.batch.arrivals)
        self._loop.call_soon_threadsafe(self._arrived, taken, follow)

    def fail(self, error: Exception) -> None:
        """Ends it by this error, once what was given is taken."""
        self._queue.put_nowait(error)

    async def take(self) -> Taken:
        """The next batch; the one before it is durable. Raises what it failed by."""
        taken = await self._queue.get()
        if isinstance(taken, Exception):
            raise taken
        with self._lock:
            self._given -= bool(taken.batch.arrivals)
            starved, self._starved = self._starved, False
        if starved:
            self._wanted()
        return taken

    def _arrived(self, taken: Taken, follow: "Follow | None") -> None:
        if follow is not None:
            follow.hold_back(taken)
        self._queue.put_nowait(taken)


class Follow:
    """One call of `changes`. `view_of` and `give` are the thread's; everything else is the loop's.

    A change is told only once its mail is durable: nobody could know before what it is about.
    """

    def __init__(self, known: Iterable[Change]) -> None:
        self._known: Sequence[Change] = tuple(known)
        self._view: View | None = None
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Change | Exception] = asyncio.Queue()
        self._held: dict[tuple[int, int], list[Change]] = {}

    def view_of(self, uidvalidity: int) -> View:
        """What is known under this uidvalidity; what was known under another one counts no more."""
        if self._view is None or self._view.uidvalidity != uidvalidity:
            self._view, self._known = View(uidvalidity, known=self._known), ()
        return self._view

    def give(self, changes: Iterable[Change]) -> None:
        """Hands changes over."""
        self._loop.call_soon_threadsafe(self._put, list(changes))

    def fail(self, error: Exception) -> None:
        """Ends it by this error."""
        self._queue.put_nowait(error)

    def hold_back(self, taken: Taken) -> None:
        """These mails are on their way to be taken in; the flags that they brought along are their first change."""
        for arrival in taken.batch.arrivals:
            flags = taken.flags.get(arrival.uid)
            first = Change(uidvalidity=arrival.uidvalidity, uid=arrival.uid, flags=flags)
            self._held[arrival.uidvalidity, arrival.uid] = [first] if flags else []

    def release(self, taken: Taken) -> None:
        """These mails are durable."""
        for arrival in taken.batch.arrivals:
            for change in self._held.pop((arrival.uidvalidity, arrival.uid), ()):
                self._queue.put_nowait(change)

    def drop(self) -> None:
        """What was on its way will come again."""
        self._held.clear()

    async def take(self) -> Change:
        """The next change. Raises what it failed by."""
        change = await self._queue.get()
        if isinstance(change, Exception):
            raise change
        return change

    def _put(self, changes: Iterable[Change]) -> None:
        for change in changes:
            held = self._held.get((change.uidvalidity, change.uid))
            if held is None:
                self._queue.put_nowait(change)
            else:
                held.append(change)
