"""Times as people type them, in their own zone."""

from datetime import UTC, datetime

import pytest

from bridge.errors import Refused
from bridge.slack.when import when

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tomorrow 9am", "2026-11-24 09:00"),
        ("tomorrow", "2026-11-24 09:00"),
        ("in 3 hours", "2026-11-23 15:00"),
        ("3h", "2026-11-23 15:00"),
        ("in 10 minutes", "2026-11-23 12:10"),
        ("next Monday", "2026-11-30 09:00"),
        ("friday 14:30", "2026-11-27 14:30"),
        ("2 days", "2026-11-25 09:00"),
        ("5pm", "2026-11-23 17:00"),
        ("9:00", "2026-11-24 09:00"),
        ("2026-12-01", "2026-12-01 09:00"),
        ("2026-12-01 08:00", "2026-12-01 08:00"),
        ("내일", "2026-11-24 09:00"),
        ("내일 오전 9시", "2026-11-24 09:00"),
        ("오후 3시 반", "2026-11-23 15:30"),
        ("모레 10시", "2026-11-25 10:00"),
        ("3시간 후", "2026-11-23 15:00"),
        ("다음주 월요일", "2026-11-30 09:00"),
    ],
)
def test_a_time_as_people_type_it(typed: str, meant: str) -> None:
    assert f"{when(typed, at=MONDAY_NOON, zone='UTC'):%Y-%m-%d %H:%M}" == meant


def test_it_is_meant_in_the_zone_of_whoever_types_it() -> None:
    assert when("tomorrow 9am", at=MONDAY_NOON, zone="Asia/Seoul") == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    assert when("tomorrow 9am", at=MONDAY_NOON, zone="no/where") == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["", "soon", "yesterday", "2020-01-01", "in 3 years", "x" * 5000])
def test_what_is_no_time_to_come_is_told(typed: str) -> None:
    with pytest.raises(Refused):
        when(typed, at=MONDAY_NOON, zone="UTC")
