"""Times as people type them, in their own zone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ("in an hour", "2026-11-23 13:00"),
        ("in half an hour", "2026-11-23 12:30"),
        ("1h 30m", "2026-11-23 13:30"),
        ("in a week", "2026-11-30 09:00"),
        ("next week Friday", "2026-12-04 09:00"),
        ("Friday next week", "2026-12-04 09:00"),
        ("tomorrow evening", "2026-11-24 18:00"),
        ("3시간 뒤", "2026-11-23 15:00"),
        ("3시간 뒤에", "2026-11-23 15:00"),
        ("한 시간 반 뒤", "2026-11-23 13:30"),
        ("30분 후", "2026-11-23 12:30"),
        ("90분", "2026-11-23 13:30"),
        ("사흘 뒤", "2026-11-26 09:00"),
        ("일주일 뒤 오후 2시", "2026-11-30 14:00"),
        ("다음 주 월요일", "2026-11-30 09:00"),
        ("다음 주 금요일", "2026-12-04 09:00"),  # and not this week's, which is nearer
        ("다다음 주 수요일 오전 10시", "2026-12-09 10:00"),
        ("이번 주 금요일", "2026-11-27 09:00"),
        ("금요일 오후 3시", "2026-11-27 15:00"),
        ("내일 아침", "2026-11-24 09:00"),
        ("내일 저녁 7시", "2026-11-24 19:00"),
        ("오늘 밤 10시", "2026-11-23 22:00"),
        ("내일 정오", "2026-11-24 12:00"),
        ("12월 24일 오후 2시", "2026-12-24 14:00"),
        ("1월 5일", "2027-01-05 09:00"),
        ("다음 달 1일", "2026-12-01 09:00"),
        ("5일", "2026-12-05 09:00"),
        ("tuesday at 10", "2026-11-24 10:00"),
        ("monday 9", "2026-11-30 09:00"),
        ("mon at 14", "2026-11-23 14:00"),  # it is Monday, and not yet two
        ("friday 14", "2026-11-27 14:00"),
        ("Friday at 15", "2026-11-27 15:00"),
        ("thursday 10h", "2026-11-26 10:00"),
        ("next thursday 10 am", "2026-11-26 10:00"),
        ("tomorrow at 14", "2026-11-24 14:00"),
        ("tomorrow 15.30", "2026-11-24 15:30"),
        ("tomorrow at 3pm", "2026-11-24 15:00"),
        ("at 14", "2026-11-23 14:00"),
        ("at 9", "2026-11-24 09:00"),
        ("1h30", "2026-11-23 13:30"),
        ("1,5 hours", "2026-11-23 13:30"),
        ("1.5h", "2026-11-23 13:30"),
        ("Dec 24 2pm", "2026-12-24 14:00"),
        ("24 December 2026", "2026-12-24 09:00"),
        ("12/24", "2026-12-24 09:00"),
    ],
)
def test_a_time_as_people_type_it(typed: str, meant: str) -> None:
    assert f"{when(typed, at=MONDAY_NOON, zone='UTC'):%Y-%m-%d %H:%M}" == meant


def test_it_is_meant_in_the_zone_of_whoever_types_it() -> None:
    assert when("tomorrow 9am", at=MONDAY_NOON, zone="Asia/Seoul") == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    assert when("tomorrow 9am", at=MONDAY_NOON, zone="no/where") == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_hours_pass_as_they_are_though_the_clocks_are_set_meanwhile() -> None:
    """In the night before the last Sunday of October, Berlin has one hour twice; "9am" is by the clock on the wall."""
    evening = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    assert when("in 12 hours", at=evening, zone="Europe/Berlin") == evening + timedelta(hours=12)
    assert when("12시간 뒤", at=evening, zone="Europe/Berlin") == evening + timedelta(hours=12)
    assert when("tomorrow 9am", at=evening, zone="Europe/Berlin") == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)


def test_tomorrow_is_the_day_after_the_typists_own_today() -> None:
    late = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # in Seoul it is Tuesday already
    assert when("내일 오전 9시", at=late, zone="Asia/Seoul") == datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
    assert when("내일 오전 9시", at=late, zone="America/New_York") == datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


@given(
    st.text(max_size=60) | st.text(alphabet="내일모레다음이번주달월화수요시분뒤후오전반한두 0123456789:", max_size=20)
)
@settings(deadline=None, max_examples=200)
def test_whatever_is_typed_is_a_time_to_come_or_refused(typed: str) -> None:
    try:
        found = when(typed, at=MONDAY_NOON, zone="Asia/Seoul")
    except Refused:
        return
    assert MONDAY_NOON < found <= MONDAY_NOON + timedelta(days=366)


UNKNOWN = ["", "soon", "yesterday", "2020-01-01", "in 3 years", "x" * 5000]
UNKNOWN += ["9", "곧", "어제", "오늘 오전 9시", "2월 30일", "이번 주 일요일 25시", "in 99999999999 hours"]
UNKNOWN += [
    "at 5",
    "tomorrow at 3",
    "mon 3",
    "tomorrow 25",
    "friday 14:75",
    "3/4",
    "3.4.",
    "14h30 or so",
    "monday 99 bottles",
]


@pytest.mark.parametrize("typed", UNKNOWN)
def test_what_is_no_time_to_come_is_told(typed: str) -> None:
    with pytest.raises(Refused):
        when(typed, at=MONDAY_NOON, zone="UTC")
