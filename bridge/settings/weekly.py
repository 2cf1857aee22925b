"""The settings of the weekly summary: `[summary]` of bridge.toml."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from bridge.settings.values import Table


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it names a folder of zones
        raise ValueError('must be a time zone by its IANA name, such as "Europe/Berlin"') from None
    return value


class SummarySettings(Table):
    """Whether each mailbox's channel is told its numbers on Monday at nine, by the clock of `zone`; its days count."""

    weekly: bool = False
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
