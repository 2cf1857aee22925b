"""Dates of mail (RFC 5322 section 3.3) as senders write them: also ISO 8601, C's asctime, dates of other languages.

`date` gives an aware time in UTC or None and never raises. A missing or impossible zone counts as UTC.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen",
            "feb fev fév",
            "mar mrz maa mae",
            "apr abr avr",
            "may mai mag mei maj",
            "jun giu juin",
            "jul lug juil",
            "aug ago aou",
            "sep set",
            "oct okt out ott",
            "nov",
            "dec dez dic",
        ),
        start=1,
    )
    for name in names.split()
}
# Hours from UTC. Names with several meanings (IST, CST in China) are read as the most common in mail.
_ZONES = {
    "ut": 0.0, "utc": 0.0, "gmt": 0.0, "z": 0.0, "wet": 0.0, "cet": 1.0, "mez": 1.0, "met": 1.0, "bst": 1.0,
    "west": 1.0, "cest": 2.0, "mesz": 2.0, "mest": 2.0, "eet": 2.0, "sast": 2.0, "eest": 3.0, "msk": 3.0,
    "msd": 4.0, "ist": 5.5, "ict": 7.0, "sgt": 8.0, "hkt": 8.0, "awst": 8.0, "jst": 9.0, "kst": 9.0, "aest": 10.0,
    "aedt": 11.0, "nzst": 12.0, "nzdt": 13.0, "ast": -4.0, "adt": -3.0, "est": -5.0, "edt": -4.0, "cst": -6.0,
    "cdt": -5.0, "mst": -7.0, "mdt": -6.0, "pst": -8.0, "pdt": -7.0, "akst": -9.0, "akdt": -8.0, "hst": -10.0,
    "brt": -3.0, "art": -3.0,
}  # fmt: skip
_ISO = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})\s?[\s.,-]\s?(?:de )?([a-z]{3,12})\.?[\s.,-]\s?(?:de )?(\d{2,4})\b", re.ASCII)
_MONTH_DAY = re.compile(r"([a-z]{3,12})\.?\s{1,2}(\d{1,2})(?:st|nd|rd|th)?\b(?!:)(?:.{0,40}?\b(\d{4})\b)", re.ASCII)
_DOTTED = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})\b", re.ASCII)
_TIME = re.compile(r"\b(\d{1,2})([:.])(\d{2})(?:\2(\d{1,2}))?(?:[.,]\d{1,9})?\s?([ap]m\b)?", re.ASCII)
_OFFSET = re.compile(r"([+-])\s?(\d{1,2}):?(\d{2})\b", re.ASCII)
# A comment that is more than a zone's name.
_COMMENT = re.compile(r"\((?![a-z]{1,4}\))[^()]*\)")
_AROUND_COLON = re.compile(r"\s*:\s*")
_NAMED = re.compile(r"[a-z]{1,4}\b")
# A date is short; what comes after this many characters is something else.
_LONGEST = 200


def date(text: str) -> datetime | None:
    """The time that a Date header's value means, aware, in UTC; None where it means none."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST]).encode("ascii", "ignore").decode().lower()
    plain = _AROUND_COLON.sub(":", _COMMENT.sub(" ", plain))
    day, rest = _day(plain)
    if day is None:
        return None
    year, month, number = day
    time = _TIME.search(rest)
    hour, minute, second = (int(time[1]), int(time[3]), int(time[4] or 0)) if time else (0, 0, 0)
    if time and time[5]:
        hour = hour % 12 + (12 if time[5] == "pm" else 0)
    try:
        local = datetime(year, month, number, hour, minute, min(second, 59), tzinfo=UTC)
        return local - (_offset(rest[time.end() :]) if time else timedelta())
    except (ValueError, OverflowError):
        return None


def _day(text: str) -> tuple[tuple[int, int, int] | None, str]:
    """Year, month and day of `text`, and the text without them."""
    for pattern, order in ((_ISO, "ymd"), (_DAY_MONTH, "dmy"), (_MONTH_DAY, "mdy"), (_DOTTED, "")):
        found = pattern.search(text)
        if found is None:
            continue
        if not order:
            first, second = int(found[1]), int(found[3])
            american = second > 12 or (found[2] == "/" and first <= 12)
            number, month = (second, first) if american else (first, second)
            return (_year(found[4]), month, number), text.replace(found[0], " ", 1)
        named = dict(zip(order, found.groups(), strict=True))
        month = int(named["m"]) if order == "ymd" else _month(named["m"])
        if month:
            # The time of asctime stands between the day and the year, so only what cannot be a time is taken out.
            rest = text[: found.start()] + " " + text[found.end() :] if order != "mdy" else text[found.end(2) :]
            return (_year(named["y"]), month, int(named["d"])), rest.replace("t", " ", 1) if order == "ymd" else rest
    return None, text


def _month(name: str) -> int:
    return _MONTHS.get(name[:4]) or _MONTHS.get(name[:3]) or 0


def _year(digits: str) -> int:
    """RFC 5322 section 4.3: two digits below 50 are 20xx; other two and all three digits count from 1900."""
    year = int(digits)
    if len(digits) == 2 and year < 50:
        return year + 2000
    return year + 1900 if len(digits) < 4 else year


def _offset(text: str) -> timedelta:
    """The zone that stands behind a time, as its distance from UTC."""
    found = _OFFSET.search(text)
    if found and int(found[2]) <= 14 and int(found[3]) < 60:
        distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return -distance if found[1] == "-" else distance
    named = _NAMED.search(text)
    return timedelta(hours=_ZONES.get(named[0], 0.0)) if named else timedelta()
