"""The settings that are about time: when a mailbox's people are there, how soon they answer, who is nudged where they
do not, and what becomes of a conversation whose customer is silent.

They are read as the others are (`bridge.settings.models`), and give what the desk works with.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from bridge import templates
from bridge.automation import hours
from bridge.automation.hours import ALWAYS, Hours
from bridge.errors import Refused
from bridge.settings.values import Table

_PIECE = re.compile(r"(\d{1,5}) ?([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

# --- what a value may look like -------------------------------------------------------------------------------------


def template(value: str) -> str:
    """A template as `bridge.templates` reads it. Raises ValueError with what is wrong."""
    return _checked(value, templates.check)


def html_template(value: str) -> str:
    """As `template`, of HTML."""
    return _checked(value, templates.check_html)


def _checked(value: str, check: Callable[[str], None]) -> str:
    try:
        check(value)
    except Refused as error:
        raise ValueError(f"is no template: {str(error).rstrip('.')}") from None
    return value


def _length(value: object, *, units: str, example: str) -> object:
    """A length of time from "1h 30m", in these units; what is no text is no length either."""
    if isinstance(value, timedelta):
        return value
    written = value.strip().lower() if isinstance(value, str) else ""
    pieces = _PIECE.findall(written)
    if not pieces or _PIECE.sub("", written).strip() or any(unit not in units for _, unit in pieces):
        raise ValueError(f"must be a length of time such as {example}")
    return sum((int(count) * _UNITS[unit] for count, unit in pieces), timedelta())


def _within(value: object) -> object:
    """Open time is in hours: nobody agrees on how long a day of it is."""
    return _length(value, units="mh", example='"30m" or "4h"')


def _offset(value: object) -> object:
    if value == "off":
        return None
    if isinstance(value, str) and value.strip().startswith("-"):
        before = _length(value.strip()[1:], units="mh", example='"30m", "-1h" (before it is due) or "off"')
        return -before if isinstance(before, timedelta) else before
    return _length(value, units="mh", example='"30m", "-1h" (before it is due) or "off"')


def _after(value: object) -> object:
    return None if value == "off" else _length(value, units="mhd", example='"14d" or "off"')


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it names a folder of zones
        raise ValueError('must be a time zone by its IANA name, such as "Europe/Berlin"') from None
    return value


def _lines(value: tuple[str, ...]) -> tuple[str, ...]:
    hours.read(value)
    return value


Within = Annotated[timedelta, BeforeValidator(_within), Field(gt=timedelta())]
"""How much open time something may take."""


# --- the settings ---------------------------------------------------------------------------------------------------


class HoursSettings(Table):
    """When a mailbox's people are there; no `open` lines are round the clock, but for the holidays."""

    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    open: Annotated[tuple[str, ...], AfterValidator(_lines)] = ()
    holidays: tuple[date, ...] = ()

    @property
    def hours(self) -> Hours:
        """The same, to count with."""
        zone = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        spans = hours.read(self.open) or ALWAYS.spans
        return Hours(spans=spans, zone=zone, holidays=frozenset(self.holidays), written=self.open)


class NudgeSettings(Table):
    """Who is told, how much open time after an answer was due, or before it (negative); None is nobody."""

    channel: Annotated[timedelta | None, BeforeValidator(_offset)] = timedelta()
    owner: Annotated[timedelta | None, BeforeValidator(_offset)] = timedelta(hours=1)
    admins: Annotated[timedelta | None, BeforeValidator(_offset)] = timedelta(hours=4)


class SilenceSettings(Table):
    """After how long without a word from the customer a conversation that waits for one is closed, never if None; and
    with what last mail, if with any. Subject, text and HTML are templates; `html` may stand beside `text`.
    """

    close_after: Annotated[timedelta | None, BeforeValidator(_after), Field(ge=timedelta(hours=1))] = None
    last_mail: bool = False
    subject: Annotated[str, AfterValidator(template)] = "Re: {{ subject }} [#{{ number }}]"
    text: Annotated[str, AfterValidator(template)] = (
        "Hello{% if sender.name %} {{ sender.name }}{% endif %},\n\n"
        "we have not heard from you since our last mail, so we take it that nothing is left to do.\n"
        "If there is, just answer this mail: it opens your conversation #{{ number }} again.\n\n"
        "{{ mailbox.name }}"
    )
    html: Annotated[str, AfterValidator(html_template)] = ""
