"""A time as a person types it: "tomorrow 9am", "in 3 hours", "next Monday", "내일 오전 9시". Pure.

Where only a day is named, its morning is meant. What is past is no time to wait for.
"""

import re
from datetime import UTC, datetime, timedelta

import dateparser

from bridge.errors import Refused
from bridge.lookup import zone_of
from bridge.sentences import say

MORNING = 9  # o'clock
FARTHEST = timedelta(days=366)

_CLOCK = re.compile(
    r"\d\s*(?::\d\d|[ap]\.?m\b|h|min|m\b|hour|시간|분)|noon|midnight|tonight|evening|morning|now", re.IGNORECASE
)
_KOREAN_CLOCK = re.compile(r"(오전|오후)?\s*(\d{1,2})시(?!간)(?:\s*(\d{1,2})분|\s*(반))?")
_KOREAN_DAYS = {
    "다음주": "next week",
    "다음 주": "next week",
    "모레": "in 2 days",
    "내일": "tomorrow",
    "오늘": "today",
}
_KOREAN_WEEK = re.compile(r"next week\s*([월화수목금토일]요일)")


def when(text: str, *, at: datetime, zone: str) -> datetime:
    """The time that is meant, in UTC. `zone` is the person's (an IANA name), `at` the time they type it.

    Raises Refused with examples where it is no time, where it is past, or over a year away.
    """
    here = zone_of(zone)
    local = at.astimezone(here).replace(tzinfo=None)
    settings = {"PREFER_DATES_FROM": "future", "RELATIVE_BASE": local, "RETURN_AS_TIMEZONE_AWARE": False}
    words = _in_english(text)
    found = dateparser.parse(words, languages=["en", "ko"], settings=settings) if len(words) <= 100 else None
    if found is None:
        raise Refused(
            say(
                "“{words}” is no time: say “tomorrow 9am”, “in 3 hours”, “next Monday” or “2027-01-31 14:30”.",
                words=text[:60],
            )
        )
    if not _CLOCK.search(words):
        found = found.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    meant = found.replace(tzinfo=here).astimezone(UTC)
    if meant <= at:
        raise Refused(say("“{words}” is past; name a time to come.", words=text[:60]))
    if meant > at + FARTHEST:
        raise Refused(say("That is over a year away; name an earlier time."))
    return meant


def _in_english(text: str) -> str:
    """The library misreads Korean times of day, and does not know some of its days."""
    words = _KOREAN_CLOCK.sub(_clock, text.strip())
    for korean, english in _KOREAN_DAYS.items():
        words = words.replace(korean, english)
    return _KOREAN_WEEK.sub(r"\1", words)  # a weekday to come is next week's, or nearer


def _clock(match: re.Match[str]) -> str:
    half, hour, minute = match[1], int(match[2]), int(match[3] or (30 if match[4] else 0))
    if half == "오후" and hour < 12:
        hour += 12
    if half == "오전" and hour == 12:
        hour = 0
    return f" {hour:02}:{minute:02}"
