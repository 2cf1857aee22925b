"""What an invitation asks for is known without opening it, in the reader's own time."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.calendar import invitation
from bridge.model import Address, Invitation


def calendar(event: str, *, before: str = "", method: str = "REQUEST") -> str:
    return f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\n{before}BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def event(text: str, **more: str) -> Invitation:
    found = invitation(calendar(text, **more))
    assert found is not None
    return found


def utc(day: int, hour: int, minute: int = 0, *, month: int = 2) -> datetime:
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


def test_who_when_where_and_what_is_asked() -> None:
    found = event(
        "UID:1@x\r\nSUMMARY:Review\\, part 2\r\nLOCATION:Room 4\\nKiel\r\n"
        "DTSTART;TZID=Europe/Berlin:20250203T090000\r\nDTEND;TZID=Europe/Berlin:20250203T100000\r\n"
        'ORGANIZER;CN="Berg, Anna":mailto:anna@berg.example\r\n'
        "ATTENDEE;CN=Bob;PARTSTAT=NEEDS-ACTION:MAILTO:bob@acme.example\r\n"
        "ATTENDEE:mailto:eve@acme.example\r\nRRULE:FREQ=WEEKLY"
    )
    assert found == Invitation(
        method="REQUEST",
        uid="1@x",
        summary="Review, part 2",
        location="Room 4 Kiel",
        start=utc(3, 8),
        end=utc(3, 9),
        zone="Europe/Berlin",
        repeats=True,
        organizer=Address(name="Berg, Anna", email="anna@berg.example"),
        attendees=(Address(name="Bob", email="bob@acme.example"), Address(email="eve@acme.example")),
    )


CUSTOM = (
    "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\n"
    "BEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n"
    "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n"
    "BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
    "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"
)


@pytest.mark.parametrize(
    ("written", "before", "start", "zone"),
    [
        ("DTSTART:20250203T090000Z", "", utc(3, 9), ""),
        ("DTSTART:20250203T090000", "", utc(3, 9), ""),
        ("DTSTART;TZID=W. Europe Standard Time:20250703T090000", "", utc(3, 7, month=7), "Europe/Berlin"),
        ('DTSTART;TZID="Tokyo Standard Time":20250203T090000', "", utc(3, 0), "Asia/Tokyo"),
        ("DTSTART;TZID=/example.org/20250101_1/Europe/Berlin:20250203T090000", "", utc(3, 8), "Europe/Berlin"),
        ("DTSTART;TZID=Customized Time Zone:20250203T090000", CUSTOM, utc(3, 8), "Customized Time Zone"),
        ("DTSTART;TZID=Customized Time Zone:20250703T090000", CUSTOM, utc(3, 7, month=7), "Customized Time Zone"),
        ("DTSTART;TZID=Customized Time Zone:20250330T013000", CUSTOM, utc(30, 0, 30, month=3), "Customized Time Zone"),
        ("DTSTART;TZID=Nowhere:20250203T090000", "", utc(3, 9), "Nowhere"),
        ("DTSTART;TZID=../../etc/passwd:20250203T090000", "", utc(3, 9), "../../etc/passwd"),
        ("DTSTART:20259903T090000Z", "", None, ""),
        ("DTSTART:soon", "", None, ""),
    ],
)
def test_times_are_those_of_the_zone_they_were_written_in(
    written: str, before: str, start: datetime | None, zone: str
) -> None:
    found = event(written, before=before)
    assert (found.start, found.zone) == (start, zone)


def test_whole_days_are_days() -> None:
    found = event("DTSTART;VALUE=DATE:20250203\r\nDTEND;VALUE=DATE:20250205")
    assert (found.start, found.end, found.whole_days) == (utc(3, 0), utc(5, 0), True)


def test_a_length_says_the_end_too() -> None:
    assert event("DTSTART:20250203T090000Z\r\nDURATION:PT1H30M").end == utc(3, 10, 30)
    assert event("DTSTART:20250203T090000Z\r\nDURATION:P").end is None


def test_an_answer_says_yes_or_no() -> None:
    found = event("ATTENDEE;PARTSTAT=declined;CN=Bob:mailto:bob@x.example", method="REPLY")
    assert (found.method, found.answer) == ("REPLY", "DECLINED")


def test_folded_lines_are_one() -> None:
    assert event("SUMMARY:A long\r\n  summary th\r\n\tat goes on").summary == "A long summary that goes on"


def test_the_words_cannot_forge_what_is_seen() -> None:
    assert event("SUMMARY:safe\u202eexe.fdp\x07").summary == "safeexe.fdp"


@pytest.mark.parametrize("text", ["", "BEGIN:VCALENDAR\nEND:VCALENDAR", "BEGIN:VTODO\nEND:VTODO", "hello"])
def test_without_an_event_there_is_no_invitation(text: str) -> None:
    assert invitation(text) is None


_NAME = st.sampled_from(["DTSTART", "DTEND", "DURATION", "ORGANIZER", "ATTENDEE", "RRULE", "BEGIN", "END", "X"])
_VALUE = st.sampled_from(
    ["VEVENT", "VTIMEZONE", "20250203T090000", "99999999T999999Z", "P9999W", "mailto:", "00010101"]
)


@given(st.lists(st.tuples(_NAME, st.sampled_from(["", ";TZID=Z", ';CN="', ";TZID=a/b/c"]), _VALUE | st.text())))
def test_any_calendar_is_taken(lines: list[tuple[str, str, str]]) -> None:
    invitation(calendar("\n".join(f"{name}{parameter}:{value}" for name, parameter, value in lines), before=CUSTOM))
