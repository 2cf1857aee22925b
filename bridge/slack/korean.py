"""Times in Korean, brought into English words and plain dates that `when` reads on. Pure.

Only what has one meaning is read: what is left in Korean afterwards is no time.
"""

import re
from datetime import date, timedelta

_COUNTS = {
    "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열한": 11, "열두": 12,
    "열": 10,
}  # fmt: skip
_DAYS = {
    "하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "이레": 7, "여드레": 8, "아흐레": 9, "열흘": 10,
    "보름": 15,
}  # fmt: skip
_UNITS = {
    "시간": "hours", "분": "minutes", "일": "days", "주": "weeks", "주일": "weeks", "달": "months", "개월": "months",
}  # fmt: skip
_NAMED = {
    "내일모레": "in 2 days", "모레": "in 2 days", "글피": "in 3 days", "내일": "tomorrow", "오늘": "today",
    "어제": "yesterday",
    "정오": "12:00", "자정": "00:00", "점심": "12:00", "아침": "09:00", "저녁": "18:00", "밤": "20:00", "오후": "15:00",
    "다음 ": "next ",
}  # fmt: skip
_WEEKDAYS = "월화수목금토일"
_IN_ENGLISH = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_COUNT = re.compile(rf"({'|'.join(_COUNTS)})\s*(?=시간|시|분|주|달)")
_WAIT = re.compile(r"((?:\d+\s*(?:시간|분|주일|일|주|달|개월)\s*)+)(?:뒤|후|있다가|이따가?)에?")
_PIECE = re.compile(r"(\d+)\s*(시간|분|주일|일|주|달|개월)")
_CLOCK = re.compile(r"(오전|오후|아침|저녁|밤|새벽|낮)?\s*(\d{1,2})시(?!간)(?:\s*(\d{1,2})분|\s*(반))?에?")
_WEEK = re.compile(r"(이번|다음|다다음)\s*주\s*([월화수목금토일])(?:요일)?")
_MONTH = re.compile(r"(이번|다음)\s*달\s*(\d{1,2})일")
_DATE = re.compile(r"(?:(\d{4})년\s*)?(\d{1,2})월\s*(\d{1,2})일")


def in_english(text: str, *, today: date) -> str:
    """The same time in words that `when` knows. `today` is the reader's; ValueError: no month has such a day."""
    words = text.replace("일주일", "1주").replace("반시간", "30분").replace("반 시간", "30분")
    for name, count in _DAYS.items():
        words = words.replace(name, f"{count}일")
    words = _COUNT.sub(lambda found: str(_COUNTS[found[1]]), words)
    words = re.sub(r"(\d+시간)\s*반", r"\1 30분", words)
    words = _WAIT.sub(_wait, words)
    words = _WEEK.sub(lambda found: _of_week(found[1], found[2], today=today), words)
    words = _MONTH.sub(lambda found: _of_month(found[1], int(found[2]), today=today), words)
    words = _DATE.sub(lambda found: _of_year(found[1], int(found[2]), int(found[3]), today=today), words)
    words = re.sub(r"다음\s*주", "in 1 week", words)
    words = _CLOCK.sub(_clock, words)
    words = re.sub(r"(\d+)\s*(시간|분)", lambda found: f"{found[1]} {_UNITS[found[2]]} ", words)
    words = re.sub(r"([월화수목금토일])요일", lambda found: f" {_IN_ENGLISH[_WEEKDAYS.index(found[1])]} ", words)
    words = re.sub(r"(?<!\d)(\d{1,2})일", lambda found: _day(int(found[1]), today=today), words)
    for korean, english in _NAMED.items():
        words = words.replace(korean, f" {english} ")
    return " ".join(words.split())


def _wait(found: re.Match[str]) -> str:
    pieces = [f"{count} {_UNITS[unit]}" for count, unit in _PIECE.findall(found[1])]
    return f"in {' '.join(pieces)} "


def _clock(found: re.Match[str]) -> str:
    half, hour, minute = found[1], int(found[2]), int(found[3] or (30 if found[4] else 0))
    if half in ("오후", "저녁", "밤") or (half == "낮" and hour < 6):
        hour += 12 if hour < 12 else 0
    if hour == 12 and half in ("오전", "밤", "새벽"):
        hour = 0
    return f" {hour:02}:{minute:02} "


def _of_week(which: str, weekday: str, *, today: date) -> str:
    """A week begins on Monday, so this is a day and no other."""
    monday = today - timedelta(days=today.weekday())
    weeks = {"이번": 0, "다음": 1, "다다음": 2}[which]
    return f"{monday + timedelta(weeks=weeks, days=_WEEKDAYS.index(weekday))} "


def _of_month(which: str, day: int, *, today: date) -> str:
    month = today.month + (which == "다음")
    return f"{date(today.year + month // 13, (month - 1) % 12 + 1, day)} "


def _day(day: int, *, today: date) -> str:
    """The next day of that number."""
    return _of_month("이번" if day >= today.day else "다음", day, today=today)


def _of_year(year: str | None, month: int, day: int, *, today: date) -> str:
    """Without a year, the next such day."""
    if year:
        return f"{date(int(year), month, day)} "
    this = date(today.year, month, day)
    return f"{this if this >= today else this.replace(year=today.year + 1)} "
