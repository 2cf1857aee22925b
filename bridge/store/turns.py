"""Who may write next, where only so many may at once: what a person waits for goes before what nobody looks at."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

_PATIENT: ContextVar[bool] = ContextVar("patient", default=False)


def be_patient() -> None:
    """From here on, this task and those it starts let everybody else write first."""
    _PATIENT.set(True)


class Turns:
    """So many at once, then those who wait: the impatient before the patient, each in the order in which they came."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._impatient: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it as long as the context lasts."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(self._patient if _PATIENT.get() else self._impatient)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, waiting: "deque[asyncio.Future[None]]") -> None:
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came just as we gave up
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        for waiting in (self._impatient, self._patient):
            while waiting:
                if not (turn := waiting.popleft()).done():
                    turn.set_result(None)
                    return
        self._free += 1
