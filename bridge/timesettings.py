"""The settings that are about time, a mailbox's table each: when its people are there.

They are read as the others are (`bridge.settings`), and give what the desk works with.
"""

from datetime import UTC, date
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict

from bridge import hours
from bridge.hours import ALWAYS, Hours


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it names a folder of zones
        raise ValueError('must be a time zone by its IANA name, such as "Europe/Berlin"') from None
    return value


def _lines(value: tuple[str, ...]) -> tuple[str, ...]:
    hours.read(value)
    return value


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HoursSettings(_Model):
    """When a mailbox's people are there; no `open` lines are round the clock, but for the holidays."""

    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    open: Annotated[tuple[str, ...], AfterValidator(_lines)] = ()
    holidays: tuple[date, ...] = ()

    @property
    def hours(self) -> Hours:
        """The same, to count with."""
        zone = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        spans = hours.read(self.open) or ALWAYS.spans
        return Hours(spans=spans, zone=zone, holidays=frozenset(self.holidays))
