"""What can go wrong between an app and Slack, as knobs that a test turns; and how often each method was called.

A fault is named for a Web API method, or for one of the other doors: `upload` (the raw POST of a file), `download`
(`url_private`), `response_url`, and `file_share` (the message that Slack makes of an upload, in its own time). An
empty name means every one of them. Faults do nothing by themselves: the door that is called asks `take` for its own.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["drop_before", "drop_after_commit", "rate_limited", "error", "slow", "late", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail. `times` is how often it still happens; None means until `clear`."""

    kind: Kind
    method: str = ""
    times: int | None = 1
    seconds: float = 0
    status: int = 503
    error: str = ""


@dataclass(slots=True, kw_only=True)
class _Storm:
    share: float
    dice: random.Random
    faults: Sequence[Fault]


@dataclass(slots=True, kw_only=True)
class _Bucket:
    tokens: float
    filled: float


@dataclass(slots=True, kw_only=True)
class Faults:
    """The knobs of one workspace. `calls` counts every call by method, failed ones included."""

    calls: Counter[str] = field(default_factory=Counter)
    lags: float = 0.0
    outstanding: int = 0
    """Calls that are still to be done, by `late`."""
    _waiting: list[Fault] = field(default_factory=list)
    _storm: _Storm | None = None
    _pace: tuple[float, int] | None = None
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def drop_after_commit(self, method: str = "", *, times: int | None = 1) -> None:
        """Do what was asked, then cut the connection without an answer."""
        self._waiting.append(Fault(kind="drop_after_commit", method=method, times=times))

    def drop_before(self, method: str = "", *, times: int | None = 1) -> None:
        """Cut the connection and do nothing; for `file_share`: the message never comes."""
        self._waiting.append(Fault(kind="drop_before", method=method, times=times))

    def rate_limited(self, method: str = "", *, retry_after: float = 1, times: int | None = 1) -> None:
        """Answer 429 with `Retry-After` (seconds, as Slack writes them: whole)."""
        self._waiting.append(Fault(kind="rate_limited", method=method, times=times, seconds=retry_after))

    def error(self, method: str = "", *, status: int = 503, times: int | None = 1) -> None:
        """Answer this status with a page of HTML, as Slack's load balancers do."""
        self._waiting.append(Fault(kind="error", method=method, times=times, status=status))

    def slow(self, method: str = "", *, seconds: float, times: int | None = 1) -> None:
        """Do what was asked and answer so much later."""
        self._waiting.append(Fault(kind="slow", method=method, times=times, seconds=seconds))

    def late(self, method: str = "", *, seconds: float, times: int | None = 1) -> None:
        """Do what was asked only so much later, whether or not whoever asked still lives."""
        self._waiting.append(Fault(kind="late", method=method, times=times, seconds=seconds))

    def lag(self, seconds: float) -> None:
        """Show nothing in `conversations.history` and `conversations.replies` that is younger than that."""
        self.lags = seconds

    def refuse(self, method: str = "", *, error: str = "internal_error", times: int | None = 1) -> None:
        """Answer `ok: false` with this code and do nothing."""
        self._waiting.append(Fault(kind="refuse", method=method, times=times, error=error))

    def storm(self, *, share: float, seed: int, faults: Sequence[Fault] = ()) -> None:
        """Fail that share of all calls (0 to 1) in one of these ways, drawn from a generator with this seed.

        Without `faults`: cut before, cut after the effect, 429 for a second, 503.
        """
        ways = faults or [
            Fault(kind="drop_before"),
            Fault(kind="drop_after_commit"),
            Fault(kind="rate_limited", seconds=1),
            Fault(kind="error"),
        ]
        self._storm = _Storm(share=share, dice=random.Random(seed), faults=ways)  # noqa: S311 - a test's dice

    def pace(self, *, per_second: float = 1.0, burst: int = 4) -> None:
        """Hold posting to Slack's real rate, per channel, with so many at once; off until called."""
        self._pace = (per_second, burst)

    def clear(self) -> None:
        """Let everything work again; the counts stay."""
        self._waiting.clear()
        self._storm = self._pace = None
        self.lags = 0.0
        self._buckets.clear()

    def take(self, method: str) -> Fault | None:
        """Count one call and say how it fails, if it does."""
        self.calls[method] += 1
        for position, fault in enumerate(self._waiting):
            if fault.method not in {"", method}:
                continue
            if fault.times is not None:
                left = fault.times - 1
                self._waiting[position : position + 1] = [replace(fault, times=left)] if left else []
            return fault
        storm = self._storm
        if storm and storm.dice.random() < storm.share:
            fits = [fault for fault in storm.faults if fault.method in {"", method}]
            return storm.dice.choice(fits) if fits else None
        return None

    def wait_before(self, channel: str, *, at: float) -> float:
        """Seconds that a post to this channel comes too early at this time; 0 lets it through and counts it."""
        if self._pace is None:
            return 0
        per_second, burst = self._pace
        bucket = self._buckets.setdefault(channel, _Bucket(tokens=burst, filled=at))
        bucket.tokens = min(burst, bucket.tokens + (at - bucket.filled) * per_second)
        bucket.filled = at
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / per_second
        bucket.tokens -= 1
        return 0
