"""A week of a mailbox as one picture: mails by day, first answers, what is open by age.

It holds numerals and dates alone, so that it reads alike in every language and needs no fonts of this machine; the
words stand in its message (`bridge/slack/numbers.py`), which numbers the three parts as they are numbered here.
"""

import io
from collections.abc import Sequence
from datetime import timedelta

from PIL import Image, ImageDraw, ImageFont

from bridge.numbers.figures import Figures

WIDTH, HEIGHT = 1200, 480
"""Pixels: Slack shows a picture in a channel at about half of that, and on fine screens needs all."""

WHITE, INK, GREY, LINE = "#ffffff", "#1f2937", "#6b7280", "#e5e7eb"
BLUE, ORANGE, GREEN, VIOLET = "#3b82f6", "#f59e0b", "#10b981", "#8b5cf6"
AGES = (">7 d", "3-7 d", "1-3 d", "<1 d")

_TOP, _FLOOR = 84, HEIGHT - 60
_Bars = Sequence[tuple[float, str, str]]
"""Bars that stand together: value, colour, and what is written above it."""


def draw(figures: Figures) -> bytes:
    """The picture, as PNG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), WHITE)
    pen = _Pen(image)
    volume = [
        ([(one.came, BLUE, _count(one.came)), (one.sent, ORANGE, _count(one.sent))], f"{one.date:%m-%d}")
        for one in figures.days
    ]
    pen.part("1", volume, left=40, right=650)
    waits = [
        ([(one.total_seconds(), GREEN, _clock(one)) if one is not None else (0, GREEN, "-")], label)
        for one, label in ((figures.median, "50 %"), (figures.most, "90 %"))
    ]
    pen.part("2", waits, left=710, right=880)
    ages = [([(count, VIOLET, _count(count))], label) for count, label in zip(figures.ages, AGES, strict=True)]
    pen.part("3", ages, left=940, right=1160)
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


class _Pen:
    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)
        self._head = ImageFont.load_default(28)
        self._small = ImageFont.load_default(17)

    def part(self, name: str, groups: Sequence[tuple[_Bars, str]], *, left: int, right: int) -> None:
        """Groups of bars side by side, each with its label below, on one scale."""
        self._draw.text((left, 24), name, fill=INK, font=self._head)
        self._draw.line((left, _FLOOR, right, _FLOOR), fill=LINE, width=2)
        highest = max((value for bars, _ in groups for value, _, _ in bars), default=0) or 1
        each = (right - left) / len(groups)
        for place, (bars, label) in enumerate(groups):
            middle = left + each * (place + 0.5)
            self._draw.text((middle, _FLOOR + 12), label, fill=GREY, font=self._small, anchor="ma")
            wide = min(46.0, each * 0.8 / len(bars))
            for nth, (value, colour, said) in enumerate(bars):
                begin = middle + wide * (nth - len(bars) / 2)
                top = _FLOOR - round((_FLOOR - _TOP) * value / highest)
                if top < _FLOOR:
                    self._draw.rectangle((begin + 2, top, begin + wide - 2, _FLOOR - 1), fill=colour)
                self._draw.text((begin + wide / 2, top - 4), said, fill=INK, font=self._small, anchor="md")


def _count(n: int) -> str:
    """A number that is no wider than its bar."""
    return str(n) if n < 10_000 else f"{n / 1000:.0f}k"


def _clock(took: timedelta) -> str:
    """Hours and minutes; beyond two days, days."""
    minutes = round(took.total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02}" if minutes < 2 * 1440 else f"{minutes / 1440:.1f} d"
