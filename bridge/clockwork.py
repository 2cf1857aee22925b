"""What time it is for a process whose wall clock somebody may set, and which may be frozen: by a clock that only grows.

Jobs are due at times of the wall clock, since people name such times ("tomorrow at nine"). What is due after a span of
time, a retry or the seconds in which a mail can still be undone, must neither wait an hour longer nor lose its span
because the clock was set. Where several processes share the work, they go by the database's clock instead.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.errors import Temporary
from bridge.sentences import say

ON_THE_WAY = 1.0
"""Seconds that an effect may take to reach the other side: one that would begin later than that before the end of the
leases could happen after another replica has looked for it.
"""

NOTICED = timedelta(seconds=1)
"""A smaller step is none: clocks are kept right by steps of milliseconds."""


def an_owner() -> str:
    """A name for whoever takes leases here: the machine and the process, for who reads it, and like no other."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Clockwork:
    """Notices steps of a wall clock. `steady` gives seconds that only grow."""

    def __init__(self, wall: Callable[[], datetime], *, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._seen = wall(), steady()

    def step(self) -> tuple[datetime, timedelta]:
        """What time it would be now had nobody set the clock since it was last followed, and by how much it was set:
        nothing, as a rule; less than nothing, where it was set back.
        """
        (wall, steady), (now, grown) = self._seen, (self._wall(), self._steady())
        would_be = wall + timedelta(seconds=grown - steady)
        by = now - would_be
        return (would_be, by) if abs(by) >= NOTICED else (now, timedelta())

    def followed(self) -> None:
        """What hangs on the clock was moved along. To be said often, since no two clocks run quite alike."""
        self._seen = self._wall(), self._steady()


class Tenure:
    """Until when, by this process's own clock, what its leases cover is surely still its own.

    Without leases it is for ever. The lease on the database's clock ends later, never earlier.
    """

    def __init__(self) -> None:
        self._until = float("inf")

    def lasts(self, lease: timedelta, *, asked: float) -> None:
        """The leases were renewed; it was asked for at that monotonic time."""
        self._until = asked + lease.total_seconds() - min(ON_THE_WAY, lease.total_seconds() / 3)

    def check(self) -> None:
        """Called just before acting outside. A replica that was paused past its leases must not: another has its jobs
        by now. Raises Temporary.
        """
        if time.monotonic() > self._until:
            raise Temporary(
                say("This replica was paused for too long and has lost its jobs to another; they go on there.")
            )
