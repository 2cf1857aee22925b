"""Whose turn it is to write to a channel: one writer at a time, in the order of asking, hurried ones first."""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

_HURRIED: ContextVar[bool] = ContextVar("hurried", default=False)


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """What this task writes until the block ends goes before everything that waits already: a person waits for it."""
    token = _HURRIED.set(True)
    try:
        yield
    finally:
        _HURRIED.reset(token)


class Turns:
    """A lock whose waiters are served in order, those within `hurried` before all others."""

    def __init__(self) -> None:
        self._taken = False
        self._asked = itertools.count()
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []

    @contextlib.asynccontextmanager
    async def mine(self) -> AsyncIterator[None]:
        """Wait for the turn, and have it until the block ends."""
        if self._taken:
            await self._wait()
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self) -> None:
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not _HURRIED.get(), next(self._asked), given))
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():  # the turn was given in the moment of giving up
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next who still waits; it stays taken in between."""
        while self._waiting:
            given = heapq.heappop(self._waiting)[2]
            if not given.done():
                given.set_result(None)
                return
        self._taken = False
