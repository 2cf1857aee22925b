"""The wall clock, which somebody may set at any time, against the one that only grows.

Jobs are due at times of the wall clock, since people name such times ("tomorrow at nine"). What is due after a span of
time, a retry or the seconds in which a mail can still be undone, must neither wait an hour longer nor lose its span
because the clock was set. Where several processes share the work, they go by the database's clock instead.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

NOTICED = timedelta(seconds=1)
"""A smaller step is none: clocks are kept right by steps of milliseconds."""


class Clockwork:
    """Notices steps of a wall clock. `steady` gives seconds that only grow."""

    def __init__(self, wall: Callable[[], datetime], *, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._seen = wall(), steady()

    def step(self) -> tuple[datetime, timedelta]:
        """What time it would be now had nobody set the clock since it was last asked, and by how much it was set:
        nothing, as a rule; less than nothing, where it was set back.
        """
        (wall, steady), (now, grown) = self._seen, (self._wall(), self._steady())
        self._seen = now, grown
        would_be = wall + timedelta(seconds=grown - steady)
        by = now - would_be
        return (would_be, by) if abs(by) >= NOTICED else (now, timedelta())
