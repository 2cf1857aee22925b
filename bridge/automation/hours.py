"""Office hours: when somebody is there to answer, and how much of such time has to pass. Pure.

Hours are written in the zone where the people are, and counted in time as it really passes: a day on which the clocks
are set forward is an hour shorter. A span that begins on a holiday does not take place.

A time of day that the clocks leave out is taken as if they had not been set yet (`fold=0` of PEP 495); of one that
comes twice, a span begins at the first and ends at the second.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_A_DAY = timedelta(days=1)
_LINE = re.compile(r"(?P<first>[a-z]+)(?: *- *(?P<last>[a-z]+))? +(?P<times>[\d:,\- ]+)")
_TIMES = re.compile(r"(\d{1,2}):(\d{2}) *- *(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when to when on a weekday (0 is Monday), each counted from its midnight by the clock on the wall.

    `end` is after `begin`, and after the day's own end where the span goes on into the next morning.
    """

    weekday: int
    begin: timedelta
    end: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When a mailbox's people are there. At least one span; `holidays` are dates in `zone`; `written`: the lines
    that the spans were read from, none round the clock.
    """

    spans: tuple[Span, ...]
    zone: tzinfo = UTC
    holidays: frozenset[date] = frozenset()
    written: tuple[str, ...] = ()

    def open_at(self, moment: datetime) -> bool:
        """Whether somebody is there at that moment (aware)."""
        begin, _ = next(self._from(moment))
        return begin <= moment

    def after(self, moment: datetime, work: timedelta) -> datetime:
        """The moment, in UTC, at which that much open time has passed since another; `work` is not negative.

        Nothing to wait for is over at once, or when it opens next.
        """
        left = work
        for begin, end in self._from(moment):
            if left <= end - begin:
                return begin + left
            left -= end - begin
        raise ValueError("these hours never end")  # `_from` goes on for ever

    def _from(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The times from that moment on when it is open, in order, none over another."""
        before = moment.astimezone(UTC)
        day = moment.astimezone(self.zone).date() - _A_DAY  # a span may have begun yesterday
        while True:
            for begin, end in sorted(self._on(day)):
                if end > before:
                    yield max(begin, before), end
                    before = end
            day += _A_DAY

    def _on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        if day in self.holidays:
            return
        midnight = datetime.combine(day, time.min, self.zone)
        for span in self.spans:
            if span.weekday == day.weekday():
                begin, end = midnight + span.begin, midnight + span.end  # by the clock on the wall
                yield begin.astimezone(UTC), max(end.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


ALWAYS = Hours(spans=tuple(Span(weekday=day, begin=timedelta(), end=_A_DAY) for day in range(7)))
"""Round the clock: where a mailbox names no hours."""


def read(lines: Sequence[str]) -> tuple[Span, ...]:
    """Spans as people write them: "mon-fri 9:00-12:30, 13:30-18:00". A span whose end is not after its begin goes on
    into the next day. Raises ValueError, whose words say what a line must look like.
    """
    return tuple(span for line in lines for span in _spans(line))


def _spans(line: str) -> Iterator[Span]:
    written = _LINE.fullmatch(line.strip().lower())
    first = written and _day(written["first"])
    last = written and _day(written["last"] or written["first"])
    if not written or first is None or last is None:
        raise ValueError('must hold lines such as "mon-fri 9:00-12:30, 13:30-18:00"')
    for times in written["times"].split(","):
        begin, end = _times(times.strip())
        for day in range(first, last + 1 if first <= last else last + 8):
            yield Span(weekday=day % 7, begin=begin, end=end if end > begin else end + _A_DAY)


def _day(word: str) -> int | None:
    """A weekday by its first three letters, or more of its name."""
    full = {"mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday"}
    name = {**full, "sat": "saturday", "sun": "sunday"}.get(word[:3], "")
    return DAYS.index(word[:3]) if name.startswith(word) else None


def _times(written: str) -> tuple[timedelta, timedelta]:
    found = _TIMES.fullmatch(written)
    numbers = [int(one) for one in found.groups()] if found else []
    if numbers:
        begin, end = (timedelta(hours=numbers[at], minutes=numbers[at + 1]) for at in (0, 2))
        if max(numbers[1], numbers[3]) < 60 and begin < _A_DAY and end <= _A_DAY:
            return begin, end
    raise ValueError('must hold times such as "9:00-17:30", between 0:00 and 24:00')
