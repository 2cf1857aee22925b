"""Office hours: when somebody is there, and when so much of such time has passed, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.automation.hours import ALWAYS, Hours, Span, read

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = Hours(
    spans=read(["mon-fri 9:00-12:30, 13:30-18:00", "sat 10:00-14:00"]),
    zone=BERLIN,
    holidays=frozenset({date(2026, 12, 25)}),
)
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Seoul", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"]
).map(ZoneInfo)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    """Any hours by the quarter: several spans a day, over each other or into the next day, and holidays."""
    spans = []
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, 95))
        end = begin + draw(st.integers(8, 96))
        spans.append(Span(weekday=draw(st.integers(0, 6)), begin=begin * QUARTER, end=end * QUARTER))
    first = date(2026, 3, 1)
    holidays = draw(st.sets(st.integers(0, 60), max_size=8))
    return Hours(
        spans=tuple(spans),
        zone=draw(ZONES),
        holidays=frozenset(first + timedelta(days=one) for one in holidays),
    )


MOMENTS = st.integers(0, 50 * 96).map(lambda quarters: datetime(2026, 3, 5, tzinfo=UTC) + quarters * QUARTER)
"""Within a spring in which the clocks of several zones are set forward, and Lord Howe's back by half an hour."""


@settings(max_examples=40, deadline=None)
@given(some_hours(), MOMENTS, st.integers(0, 24))
def test_what_has_to_pass_is_what_somebody_counts_who_looks_every_quarter(
    hours: Hours, moment: datetime, quarters: int
) -> None:
    """`after` agrees with `open_at`, counted step by step, over holidays and changes of the clocks."""
    left, at = quarters, moment
    while left:
        left -= hours.open_at(at)
        at += QUARTER
    while not quarters and not hours.open_at(at):
        at += QUARTER
    assert hours.after(moment, quarters * QUARTER) == at


@settings(deadline=None)
@given(some_hours(), MOMENTS, st.integers(0, 200), st.integers(1, 200))
def test_waiting_in_two_parts_takes_as_long_as_in_one(hours: Hours, moment: datetime, one: int, two: int) -> None:
    parts = hours.after(hours.after(moment, one * QUARTER), two * QUARTER)
    assert parts == hours.after(moment, (one + two) * QUARTER)


@settings(deadline=None)
@given(MOMENTS, st.integers(0, 10_000))
def test_round_the_clock_every_minute_counts(moment: datetime, minutes: int) -> None:
    assert ALWAYS.open_at(moment)
    assert ALWAYS.after(moment, minutes * MINUTE) == moment + minutes * MINUTE


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ("2026-11-23 08:59", False),  # a Monday
        ("2026-11-23 09:00", True),
        ("2026-11-23 12:30", False),
        ("2026-11-23 17:59", True),
        ("2026-11-23 18:00", False),
        ("2026-11-28 13:00", True),
        ("2026-11-29 13:00", False),
        ("2026-12-25 11:00", False),  # a Friday, and a holiday
    ],
)
def test_somebody_is_there_within_the_hours_alone(moment: str, there: bool) -> None:
    assert SHOP.open_at(berlin(moment)) is there


@pytest.mark.parametrize(
    ("moment", "work", "due"),
    [
        ("2026-11-23 10:00", 120, "2026-11-23 12:00"),
        ("2026-11-23 12:00", 60, "2026-11-23 14:00"),  # over lunch
        ("2026-11-23 17:00", 60, "2026-11-23 18:00"),  # the last minute is still today
        ("2026-11-23 17:00", 61, "2026-11-24 09:01"),
        ("2026-11-28 13:30", 60, "2026-11-30 09:30"),  # over Sunday
        ("2026-12-24 17:00", 120, "2026-12-26 11:00"),  # over the holiday, to Saturday
        ("2026-11-29 12:00", 0, "2026-11-30 09:00"),
    ],
)
def test_what_is_due_is_due_in_office_hours(moment: str, work: int, due: str) -> None:
    assert SHOP.after(berlin(moment), work * MINUTE) == berlin(due)


def test_the_day_on_which_the_clocks_change_has_the_hours_that_it_has() -> None:
    night = Hours(spans=read(["sat 22:00-6:00"]), zone=BERLIN)
    assert night.after(berlin("2026-03-28 22:00"), timedelta(hours=7)) == berlin("2026-03-29 06:00")
    assert night.after(berlin("2026-10-24 22:00"), timedelta(hours=9)) == berlin("2026-10-25 06:00")


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    night = Hours(spans=read(["fri 22:00-6:00"]), zone=BERLIN, holidays=frozenset({date(2026, 11, 28)}))
    assert night.open_at(berlin("2026-11-28 05:59"))
    assert not night.open_at(berlin("2026-11-27 05:59"))


def test_days_may_go_round_the_week() -> None:
    assert {span.weekday for span in read(["sat-mon 8:00-9:00"])} == {5, 6, 0}
    assert {span.weekday for span in read(["Monday - Sunday 0:00-24:00"])} == set(range(7))


@pytest.mark.parametrize(
    "line",
    ["", "mon", "mo 9:00-17:00", "monkey 9:00-17:00", "mon 9-17", "mon 9:00-25:00", "mon 24:00-9:00", "mon 9:60-10:00"],
)
def test_a_line_that_names_no_hours_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="must hold"):
        read([line])
