"""A time as a person types it: "tomorrow 9am", "in 3 hours", "next Monday", "내일 오전 9시". Pure.

Where only a day is named, its morning is meant. What is past is no time to wait for; what could mean two times, or is
only half understood, is none either: a snooze that ends next autumn is found when it is too late.
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
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
_HOUR = re.compile(
    rf"(?:(?:on |this |next )?(?P<day>today|tomorrow|{_WEEKDAY}),? ?)?(?P<at>at )?"
    r"(?P<hour>\d{1,2})(?:(?P<apart>[:.h])(?P<minute>\d\d)|(?P<h>h))? ?(?P<half>[ap]\.?m\.?|o'?clock)?",
    re.IGNORECASE,
)
_NAMED_DAY = re.compile(rf"\b{_WEEKDAY}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?! ?(?:days?|weeks?|months?|hours?|hrs?|minutes?|mins?|[hm])\b)", re.IGNORECASE)
_TWO_WAYS = re.compile(r"\b(0?[1-9]|1[0-2])[/.](?!0?\1\b)(0?[1-9]|1[0-2])\b(?![/.]?\d{1,2}[/.])")
"""The day and the month, or the other way round."""
_WAIT = re.compile(
    r"(?:in\s+)?((?:\d{1,4}(?:\.\d{1,2})?\s*(?:hours?|hrs?|h|minutes?|mins?|m)\s*(?:and\s+)?)+)", re.IGNORECASE
)
_PIECE = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)\s*([hm])", re.IGNORECASE)
_ONE = re.compile(r"\ban?\s+(?=hour|minute|day|week|month)", re.IGNORECASE)
_NEXT_WEEK = re.compile(r"next week\s*(?:on\s+)?(\w+day)\b|\b(\w+day)\s+(?:of\s+)?next week", re.IGNORECASE)
_SHORT_WAIT = re.compile(r"(?:in )?(\d)h([0-5]\d)", re.IGNORECASE)
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
    if hour := _HOUR.fullmatch(words):
        meant = _by_hour(hour, local=local)
        if meant is None:
            raise _no_time(text)
        return _near(text, meant.replace(tzinfo=here).astimezone(UTC), at=at)
    settings = {"PREFER_DATES_FROM": "future", "RELATIVE_BASE": local, "RETURN_AS_TIMEZONE_AWARE": False}
    known = len(words) <= 100 and not _NOTHING.fullmatch(words)
    found = dateparser.parse(words, languages=["en"], settings=settings) if known else None
    if found is None or not _understood(words, found):
        raise _no_time(text)
    if not _CLOCK.search(words):
        found = found.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return _near(text, found.replace(tzinfo=here).astimezone(UTC), at=at)


def _no_time(text: str) -> Refused:
    return Refused(
        say(
            "“{words}” is no time: say “tomorrow 9am”, “in 3 hours”, “next Monday” or “2027-01-31 14:30”.",
            words=text[:60],
        )
    )


def _by_hour(found: re.Match[str], *, local: datetime) -> datetime | None:
    """A clock's hour, of a day if one is named, else the next such hour. None where it is none, or could be two: three
    o'clock is in the morning and in the afternoon.
    """
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), (found["half"] or "").lower().replace(".", "")
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif not (found["apart"] or found["h"] or hour >= MORNING - 1):
        return None
    if hour > 23 or minute > 59 or not (found["day"] or found["at"] or found["apart"] or found["h"] or half):
        return None
    then = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    day = (found["day"] or "").lower()
    if day in ("", "today", "tomorrow"):
        return then + timedelta(days=day == "tomorrow" or (not day and then <= local))
    days = (_index(day) - local.weekday()) % 7
    return then + timedelta(days=days or (7 if then <= local else 0))


def _index(weekday: str) -> int:
    return next(index for index, name in enumerate(_WEEKDAYS) if name.startswith(weekday[:3].lower()))


def _understood(words: str, found: datetime) -> bool:
    """Whether the library made something of every part: it passes over what it does not know."""
    if _TWO_WAYS.search(words):
        return False
    if any(_index(name) != found.weekday() for name in _NAMED_DAY.findall(words)):
        return False
    parts = {found.day, found.month, found.year, found.year % 100, found.hour, found.hour % 12 or 12, found.minute}
    return {int(number) for number in _NUMBER.findall(words)} <= parts | {found.second}


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
    words = " ".join(words.split())
    words = re.sub(r"(?<=\d),(?=\d{1,2} ?(?:hours?|hrs?|h)\b)", ".", words, flags=re.IGNORECASE)
    words = _SHORT_WAIT.sub(r"\1h \2m", words) if _SHORT_WAIT.fullmatch(words) else words
    words = re.sub(r"\bhalf an hour\b", "30 minutes", words, flags=re.IGNORECASE)
    return _NEXT_WEEK.sub(lambda found: _next_week(found[1] or found[2], today=today), _ONE.sub("1 ", words))


def _next_week(weekday: str, *, today: date) -> str:
    """A day of the week that begins next Monday."""
    if weekday.lower() not in _WEEKDAYS:
        return weekday
    days = 7 - today.weekday() + _WEEKDAYS.index(weekday.lower())
    return f"{today + timedelta(days=days)}"
