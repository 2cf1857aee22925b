"""Lines from runs of text, laid out as a browser would: whitespace collapsed, blocks and their margins as line breaks.

At most one empty line stands between two others, none at the start or the end. Knows nothing of HTML's elements.
"""

import re
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from bridge.model import Line, Span

BOLD, ITALIC, STRIKE, CODE = 1, 2, 4, 8

# A single space stays as it is, and is what most of a text's whitespace is.
_SPACES = re.compile(r"[\t\n\r\f][ \t\n\r\f]*| [ \t\n\r\f]+")
# Nobody sees them and they spoil what is copied: zero-width space, soft hyphen, combining grapheme joiner, word joiner,
# byte order mark, Mongolian vowel separator, Hangul fillers. The joiners U+200C and U+200D carry meaning and stay. Bidi
# embeddings, overrides and isolates forge what is read.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u180e\u200b\u202a-\u202e\u2060\u2066-\u2069\u3164\ufeff\uffa0\x00-\x08\x0b\x0e-\x1f\x7f]+"
)
_COLLAPSING = " \t\n\r\f"
_BLANK = " \t\u00a0\u200c\u200d\u2007\u202f\u200e\u200f"


class Context(NamedTuple):
    """What a run of text inherits from where it stands. `label` is the caller's own, see `html.labelled`."""

    style: int = 0
    href: str = ""
    quote: int = 0
    indent: int = 0
    pre: bool = False
    spaced: bool = False
    heading: bool = False
    invisible: bool = False
    label: int = 0


class Page:
    """Collects runs of text into `lines`; `labels` has the label of each line's first run."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.labels: list[int] = []
        self.marker = ""
        self._runs: list[tuple[str, int, str]] = []
        self._start = Context()
        self._space = False
        self._gap = False

    def write(self, text: str, context: Context) -> None:
        """Text that flows: runs of whitespace are one space, at a line's start none."""
        if not (text.isascii() and text.isprintable()):
            if not text.strip(_COLLAPSING):  # what stands between most elements
                self._space = self._space or bool(text)
                return
            text = _SPACES.sub(" ", _INVISIBLE.sub("", text))
        elif "  " in text:
            text = _SPACES.sub(" ", text)
        if text == " " or not text:
            self._space = self._space or bool(text)
            return
        spaced = self._space or text[0] == " "
        self._space = text[-1] == " "
        text = text.strip(" ")
        if not self._runs:
            self._start = context
        elif spaced:
            last, style, href = self._runs[-1]
            if style or href:
                text = " " + text
            else:
                self._runs[-1] = (last + " ", style, href)
        self._runs.append((text, context.style, context.href))

    def write_spaced(self, text: str, context: Context) -> None:
        """Text whose spaces and line breaks count."""
        first, *others = _INVISIBLE.sub("", text.replace("\r\n", "\n").expandtabs(8)).split("\n")
        self._run(first, context)
        for line in others:
            self.line_break(context)
            self._run(line, context)

    def _run(self, text: str, context: Context) -> None:
        if not text:
            return
        if not self._runs:
            self._start = context
        self._runs.append((text, context.style, context.href))
        self._space = False

    def line_break(self, context: Context) -> None:
        """Ends the line; an empty one stays as an empty line."""
        if self._runs:
            self.end_line()
        elif context.pre and self.lines and self.lines[-1].pre:
            self._append(Line(quote=context.quote, indent=context.indent, pre=True), context.label)
        else:
            self._gap = True

    def end_line(self) -> None:
        """Ends the line that has text; without any it does nothing."""
        self._space = False
        if not self._runs:
            return
        spans = _spans(self._runs, keep_start=self._start.spaced)
        self._runs.clear()
        if not spans:
            self._gap = True
            return
        start = self._start
        line = Line(
            spans=spans,
            quote=start.quote,
            indent=start.indent,
            marker=self.marker,
            pre=start.pre,
            heading=start.heading,
        )
        self.marker = ""
        self._append(line, start.label)

    def end_block(self) -> None:
        """Ends the line and leaves a margin: an empty line before what comes next."""
        self.end_line()
        self._gap = True

    def replace_from(self, position: int, lines: list[Line]) -> None:
        """Puts other lines in the place of all from `position` on; they take over its label."""
        label = self.labels[position] if position < len(self.labels) else 0
        del self.lines[position:], self.labels[position:]
        self.lines += lines
        self.labels += [label] * len(lines)

    def _append(self, line: Line, label: int) -> None:
        if self._gap and self.lines:
            last = self.lines[-1]
            self.lines.append(Line(quote=min(last.quote, line.quote)))
            self.labels.append(self.labels[-1] & label)
        self._gap = False
        self.lines.append(line)
        self.labels.append(label)


def _spans(runs: list[tuple[str, int, str]], *, keep_start: bool) -> tuple[Span, ...]:
    """Runs of one style made one, the blank ends of the line taken off; empty if nothing can be seen."""
    if len(runs) == 1:
        text, style, href = runs[0]
        text = (text.rstrip(_BLANK) if keep_start else text.strip(_BLANK)).replace("\u00a0", " ")
        return (_span(text, style, href),) if text else ()
    merged = [
        ("".join([text for text, _, _ in same]), style, href)
        for (style, href), same in groupby(runs, key=itemgetter(1, 2))
    ]
    while merged and not merged[-1][0].rstrip(_BLANK):
        merged.pop()
    if not merged:
        return ()
    text, style, href = merged[-1]
    merged[-1] = (text.rstrip(_BLANK), style, href)
    if not keep_start:
        text, style, href = merged[0]
        merged[0] = (text.lstrip(_BLANK), style, href)
    return tuple([_span(text.replace("\u00a0", " "), style, href) for text, style, href in merged if text])


def _span(text: str, style: int, href: str) -> Span:
    if not style:
        return Span(text=text, href=href)
    return Span(
        text=text,
        bold=bool(style & BOLD),
        italic=bool(style & ITALIC),
        strike=bool(style & STRIKE),
        code=bool(style & CODE),
        href=href,
    )
