"""A calendar's event, as a mail brings it (RFC 5545, RFC 5546), summed up: who, when, where, and what is asked.

`invitation` is pure, never raises, and takes linear time. It reads the first event of a calendar and no more of it than
a reader needs to decide: no alarms, no rules of repetition beyond that there are some. Times are made UTC by the time
zone's IANA name, by Windows' name for it (Outlook), or by the rules that the calendar itself gives for it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.mail.decode import clean
from bridge.model import Address, Invitation

_LONGEST = 500_000  # characters of a calendar that are read
_MOST_ATTENDEES = 500
_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r'([A-Za-z0-9-]{1,40})((?:;[^:;"]*(?:"[^"]*"[^:;"]*)*)*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,40})=(?:"([^"]*)"|([^;"]*))')
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?", re.ASCII)
_DURATION = re.compile(
    r"\+?P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?", re.ASCII
)
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?", re.ASCII)
_BY_DAY = re.compile(r"BYDAY=([+-]?\d)(MO|TU|WE|TH|FR|SA|SU)")
_BY_MONTH = re.compile(r"BYMONTH=(\d{1,2})")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# What Windows calls the zones that most mail comes from.
_WINDOWS = {
    "utc": "UTC", "gmt standard time": "Europe/London", "greenwich standard time": "Atlantic/Reykjavik",
    "w. europe standard time": "Europe/Berlin", "central europe standard time": "Europe/Budapest",
    "romance standard time": "Europe/Paris", "central european standard time": "Europe/Warsaw",
    "e. europe standard time": "Europe/Chisinau", "fle standard time": "Europe/Kiev",
    "gtb standard time": "Europe/Bucharest", "turkey standard time": "Europe/Istanbul",
    "israel standard time": "Asia/Jerusalem", "russian standard time": "Europe/Moscow",
    "south africa standard time": "Africa/Johannesburg", "arab standard time": "Asia/Riyadh",
    "arabian standard time": "Asia/Dubai", "pakistan standard time": "Asia/Karachi",
    "india standard time": "Asia/Kolkata", "se asia standard time": "Asia/Bangkok",
    "singapore standard time": "Asia/Singapore", "china standard time": "Asia/Shanghai",
    "taipei standard time": "Asia/Taipei", "korea standard time": "Asia/Seoul", "tokyo standard time": "Asia/Tokyo",
    "w. australia standard time": "Australia/Perth", "aus eastern standard time": "Australia/Sydney",
    "e. australia standard time": "Australia/Brisbane", "new zealand standard time": "Pacific/Auckland",
    "e. south america standard time": "America/Sao_Paulo", "argentina standard time": "America/Buenos_Aires",
    "atlantic standard time": "America/Halifax", "eastern standard time": "America/New_York",
    "central standard time": "America/Chicago", "mountain standard time": "America/Denver",
    "us mountain standard time": "America/Phoenix", "pacific standard time": "America/Los_Angeles",
    "alaskan standard time": "America/Anchorage", "hawaiian standard time": "Pacific/Honolulu",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Property:
    """One content line: its parameters (names in upper case) and its value, still escaped."""

    value: str
    parameters: Mapping[str, str]


@dataclass(slots=True)
class _Component:
    """What stands between BEGIN and END."""

    name: str
    properties: list[tuple[str, _Property]] = field(default_factory=list)
    children: "list[_Component]" = field(default_factory=list)

    def first(self, name: str) -> _Property:
        """The first property of that name, or an empty one."""
        return next((found for key, found in self.properties if key == name), _NOTHING)

    def text(self, name: str) -> str:
        """The first property's words, in one line."""
        return _words(self.first(name).value)


_NOTHING = _Property(value="", parameters={})


def invitation(text: str) -> Invitation | None:
    """The first event of a calendar, or None where there is none."""
    components = _components(text[:_LONGEST])
    event = next((one for one in components if one.name == "VEVENT"), None)
    if event is None:
        return None
    calendar = next((one for one in components if one.name == "VCALENDAR"), _Component("VCALENDAR"))
    zones = {one.text("TZID"): one for one in components if one.name == "VTIMEZONE"}
    start, zone = _moment(event.first("DTSTART"), zones)
    end, _ = _moment(event.first("DTEND"), zones)
    if end is None and start is not None:
        end = _later(start, event.first("DURATION").value)
    people = [found for name, found in event.properties if name == "ATTENDEE"][:_MOST_ATTENDEES]
    method = calendar.text("METHOD").upper()
    answer = people[0].parameters.get("PARTSTAT", "").upper() if method == "REPLY" and people else ""
    return Invitation(
        method=method,
        uid=event.text("UID"),
        summary=event.text("SUMMARY"),
        location=event.text("LOCATION"),
        start=start,
        end=end,
        zone=zone,
        whole_days=len(event.first("DTSTART").value.strip()) == len("20250203"),
        repeats=bool(event.first("RRULE").value or event.first("RDATE").value),
        organizer=_person(event.first("ORGANIZER")),
        attendees=tuple(found for one in people if (found := _person(one))),
        answer=answer,
    )


# --- lines and components ---------------------------------------------------------------------------------------------


def _components(text: str) -> list[_Component]:
    """Every component of a calendar, in the order they begin; one that never ends reaches to the end."""
    found: list[_Component] = []
    open_ones: list[_Component] = []
    for name, value in _lines(text):
        if name == "BEGIN":
            one = _Component(value.value.strip().upper())
            if open_ones:
                open_ones[-1].children.append(one)
            found.append(one)
            open_ones.append(one)
        elif name == "END" and open_ones:
            open_ones.pop()
        elif open_ones:
            open_ones[-1].properties.append((name, value))
    return found


def _lines(text: str) -> Iterator[tuple[str, _Property]]:
    """The content lines (RFC 5545 section 3.1), unfolded."""
    for line in _FOLD.sub("", text).splitlines():
        if found := _LINE.fullmatch(line):
            parameters = {name.upper(): quoted or bare for name, quoted, bare in _PARAMETER.findall(found[2])}
            yield found[1].upper(), _Property(value=found[3], parameters=parameters)


def _words(value: str) -> str:
    """A text value (RFC 5545 section 3.3.11) in one line, fit to be shown."""
    return clean(" ".join(_ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value).split()))


def _person(found: _Property) -> Address | None:
    scheme, colon, address = found.value.strip().partition(":")
    email = clean(address if colon and scheme.lower() == "mailto" else found.parameters.get("EMAIL", ""))
    name = _words(found.parameters.get("CN", ""))
    return Address(name="" if name == email else name, email=email) if email or name else None


# --- times ------------------------------------------------------------------------------------------------------------


def _moment(found: _Property, zones: Mapping[str, _Component]) -> tuple[datetime | None, str]:
    """A time in UTC, and the name of the zone that it was written in."""
    parts = _TIME.match(found.value.strip())
    if parts is None:
        return None, ""
    year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        zone = clean(found.parameters.get("TZID", "")).strip('"')
        if parts[4] is None or parts[7] or not zone:
            return local, ""
        name, rules = _zone(zone, local, zones)
        return local.replace(tzinfo=rules).astimezone(UTC), name
    except (ValueError, OverflowError):
        return None, ""


def _zone(name: str, local: datetime, zones: Mapping[str, _Component]) -> tuple[str, tzinfo]:
    """The zone's best name, and its distance from UTC at that time; where nothing explains it, it is read as UTC."""
    path = name.split("/")
    for candidate in (_WINDOWS.get(name.lower(), name), "/".join(path[-2:]), "/".join(path[-3:])):
        try:
            return candidate, ZoneInfo(candidate)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    described = zones.get(name)
    return name, (_described(described, local) if described else UTC)


def _described(zone: _Component, local: datetime) -> tzinfo:
    """The distance from UTC that a VTIMEZONE gives for that time: of the change that came last before it."""
    last: tuple[datetime, str] | None = None
    for one in zone.children:
        for year in (local.year - 1, local.year):
            change = _change(one, year)
            if change and change <= local and (last is None or change > last[0]):
                last = (change, one.text("TZOFFSETTO"))
    offset = last[1] if last else next((one.text("TZOFFSETTO") for one in zone.children), "")
    found = _OFFSET.fullmatch(offset)
    if found is None:
        return UTC
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-distance if found[1] == "-" else distance)


def _change(one: _Component, year: int) -> datetime | None:
    """When a STANDARD or DAYLIGHT begins in that year, in local time; None where it is not in force."""
    begun, _ = _moment(one.first("DTSTART"), {})
    if begun is None:
        return None
    rule = one.text("RRULE").upper()
    day, month = _BY_DAY.search(rule), _BY_MONTH.search(rule)
    if day is None or month is None or not 1 <= int(month[1]) <= 12:
        return begun
    if year < begun.year:
        return None
    which, weekday = int(day[1]), _DAYS.index(day[2])
    if which > 0:
        first = date(year, int(month[1]), 1)
        found = first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))
    else:
        last = date(year + int(month[1]) // 12, int(month[1]) % 12 + 1, 1) - timedelta(days=1)
        found = last - timedelta(days=(last.weekday() - weekday) % 7 + 7 * (-which - 1))
    return begun.replace(year=found.year, month=found.month, day=found.day)


def _later(start: datetime, duration: str) -> datetime | None:
    found = _DURATION.fullmatch(duration.strip())
    if found is None or not any(found.groups()):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    try:
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None
