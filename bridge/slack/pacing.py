"""When the next write to a channel may go. Pure: no waiting here, and the clock is handed in.

Slack lets short bursts through, so nothing is held back until it answers 429. Then its Retry-After holds for that
method in that channel alone, and the channel gets one write a second until no 429 has come for a minute. Source:
Slack's guide to rate limits ("one message per second per channel", with bursts).
"""

import time
from collections.abc import Callable

SPACING = 1.0
"""Seconds between two writes to a channel that met a 429: Slack's own figure for posting."""

CALM = 60.0
"""Seconds without a 429 until a channel may burst again: the window of Slack's limits is a minute."""


class Pacing:
    """What Slack's 429s have said, by channel and method. An empty channel stands for the whole workspace.

    `clock` gives seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed_until: dict[tuple[str, str], float] = {}
        self._slow_until: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def limited(self, channel: str, method: str, *, seconds: float) -> None:
        """Take note of a 429 that asked for so many seconds."""
        now = self._clock()
        self._closed_until[channel, method] = now + seconds
        self._slow_until[channel] = now + CALM
        self._written[channel] = now

    def wrote(self, channel: str) -> None:
        """Take note of a write that was answered. Only a slow channel needs to remember it."""
        if channel in self._slow_until:
            self._written[channel] = self._clock()

    def closed(self, channel: str, method: str) -> float:
        """Seconds that Slack's Retry-After still forbids this method there; 0 where it does not."""
        until = self._closed_until.get((channel, method))
        if until is None:
            return 0.0
        left = until - self._clock()
        if left <= 0:
            del self._closed_until[channel, method]
            return 0.0
        return left

    def hold(self, channel: str, method: str) -> float:
        """Seconds until the next write with this method may go to this channel; 0 means now."""
        return max(self.closed(channel, method), self._spacing(channel))

    def _spacing(self, channel: str) -> float:
        until = self._slow_until.get(channel)
        if until is None:
            return 0.0
        now = self._clock()
        if now >= until:
            del self._slow_until[channel]
            self._written.pop(channel, None)
            return 0.0
        return max(0.0, self._written[channel] + SPACING - now)
