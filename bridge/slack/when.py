"""A time as a person types it: "tomorrow 9am", "in 3 hours", "next Monday", "내일 오전 9시". Pure.

Where only a day is named, its morning is meant. What is past is no time to wait for.
"""

import re
from datetime import UTC, date, datetime, timedelta

import dateparser

from bridge.errors import Refused
from bridge.lookup import zone_of
from bridge.sentences import say
from bridge.slack.korean import in_english

MORNING = 9  # o'clock
FARTHEST = timedelta(days=366)

_CLOCK = re.compile(
    r"\d\s*(?::\d\d|[ap]\.?m\b|h|min|m\b|hour)|noon|midnight|tonight|afternoon|evening|morning|now", re.IGNORECASE
)
_WAIT = re.compile(
    r"(?:in\s+)?((?:\d{1,4}(?:\.\d{1,2})?\s*(?:hours?|hrs?|h|minutes?|mins?|m)\s*(?:and\s+)?)+)", re.IGNORECASE
)
_PIECE = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)\s*([hm])", re.IGNORECASE)
_ONE = re.compile(r"\ban?\s+(?=hour|minute|day|week|month)", re.IGNORECASE)
_NEXT_WEEK = re.compile(r"next week\s*(?:on\s+)?(\w+day)\b|\b(\w+day)\s+(?:of\s+)?next week", re.IGNORECASE)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NOTHING = re.compile(r"\d*")
"""A bare number: of what, nobody knows."""


def when(text: str, *, at: datetime, zone: str) -> datetime:
    """The time that is meant, in UTC. `zone` is the person's (an IANA name), `at` the time they type it.

    Raises Refused with examples where it is no time, where it is past, or over a year away.
    """
    here = zone_of(zone)
    local = at.astimezone(here).replace(tzinfo=None)
    words = _words(text, today=local.date())
    if waits := _WAIT.fullmatch(words):
        return _near(text, at + _length(waits[1]), at=at)
    settings = {"PREFER_DATES_FROM": "future", "RELATIVE_BASE": local, "RETURN_AS_TIMEZONE_AWARE": False}
    known = len(words) <= 100 and not _NOTHING.fullmatch(words)
    found = dateparser.parse(words, languages=["en"], settings=settings) if known else None
    if found is None:
        raise Refused(
            say(
                "“{words}” is no time: say “tomorrow 9am”, “in 3 hours”, “next Monday” or “2027-01-31 14:30”.",
                words=text[:60],
            )
        )
    if not _CLOCK.search(words):
        found = found.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return _near(text, found.replace(tzinfo=here).astimezone(UTC), at=at)


def _near(text: str, meant: datetime, *, at: datetime) -> datetime:
    """That time, in UTC, where it is one to wait for."""
    if meant <= at:
        raise Refused(say("“{words}” is past; name a time to come.", words=text[:60]))
    if meant > at + FARTHEST:
        raise Refused(say("That is over a year away; name an earlier time."))
    return meant.astimezone(UTC)


def _length(pieces: str) -> timedelta:
    """Hours and minutes are counted as they pass, whatever the clocks do meanwhile."""
    of = {"h": timedelta(hours=1), "m": timedelta(minutes=1)}
    return sum((float(count) * of[unit.lower()] for count, unit in _PIECE.findall(pieces[:60])), timedelta())


def _words(text: str, *, today: date) -> str:
    """What was typed, in English, where the library knows a thing or two less than people."""
    try:
        words = in_english(text.strip()[:200], today=today)
    except ValueError:  # the 31st of a month that has none
        return ""
    words = re.sub(r"\bhalf an hour\b", "30 minutes", words, flags=re.IGNORECASE)
    return _NEXT_WEEK.sub(lambda found: _next_week(found[1] or found[2], today=today), _ONE.sub("1 ", words))


def _next_week(weekday: str, *, today: date) -> str:
    """A day of the week that begins next Monday."""
    if weekday.lower() not in _WEEKDAYS:
        return weekday
    days = 7 - today.weekday() + _WEEKDAYS.index(weekday.lower())
    return f"{today + timedelta(days=days)}"
