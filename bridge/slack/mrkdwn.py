"""A mail's lines as Slack's mrkdwn: styles, links, lists, quotes and code, in pieces that fit a block.

No text of a mail can ping anybody, hide where a link leads, change a style or break what follows it: `inert` and
`links` say how, and where a zero-width space cannot be avoided. Callers post with `verbatim: true`, so Slack finds no
links, mentions or channels of its own in the text.

Slack begins and ends a style only beside spaces and punctuation. Inside a word the style is dropped, not the word.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from bridge.model import Line, Span
from bridge.slack.inert import (
    MARKS,
    clean,
    entities,
    escape,
    escape_fenced,
    escape_line,
    is_edge,
    line_start,
    paired_marks,
)
from bridge.slack.links import link, linked

__all__ = ["escape", "render", "sections", "whole"]

_FENCE = "```"
_FENCES = len(f"{_FENCE}\n\n{_FENCE}")
_MAX_QUOTE = 5  # depth of quoting that is shown: Slack draws one bar, further signs only use up the line
_MAX_INDENT = 4  # depth of lists that is shown
_INDENT = "    "
_SMALLEST = 20  # characters of a line that is not split any more: escaped and indented it still fits any limit
_LEAST_ROOM = 60  # characters of the total that are worth splitting a line for
_NOWHERE = "about:blank"  # an address that is never linked: keeps the halves of a parted address from being linked


def render(lines: Sequence[Line]) -> str:
    """The lines as one mrkdwn text of any length."""
    out: list[str] = []
    for fenced, group in groupby(_spaced(lines), key=_is_fenced):
        if fenced:
            out += (_FENCE, *(_rendered(line) for line in group), _FENCE)
        else:
            out += (_rendered(line) for line in group)
    return "\n".join(out)


def sections(lines: Sequence[Line], *, limit: int = 2900, total: int = 8000) -> tuple[list[str], bool]:
    """The lines as mrkdwn texts of at most `limit` characters each and `total` in all; whether something was cut.

    They part between lines, or between words where one line is too long. Each stands for itself: code blocks and
    styles are closed in one and opened again in the next. `limit` is at least 200.
    """
    pieces = _Pieces(limit=limit, total=total)
    waiting = list(reversed(list(_spaced(lines))))
    while waiting:
        line = waiting.pop()
        # A line is never shorter in mrkdwn: one that is much too long need not be rendered to know it.
        if len(line.text) <= limit and pieces.add(_rendered(line), fenced=_is_fenced(line), blank=_is_blank(line)):
            continue
        halves = _halves(line) if pieces.room >= _LEAST_ROOM else ()
        if not halves:
            return pieces.finished(), True
        waiting += reversed(halves)
    return pieces.finished(), False


def whole(lines: Sequence[str], limit: int) -> str:
    """As many of the lines as fit, each as a whole: a link that is cut would show its insides. One that alone has too
    much is cut all the same: Slack takes no empty text.
    """
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(kept) + len(line) > limit:
            break
        kept.append(line)
    return "\n".join(kept or [line[:limit] for line in lines[:1]])


class _Pieces:
    """Texts being filled, one after the other. `room`: characters left of the total."""

    def __init__(self, *, limit: int, total: int) -> None:
        self.room = total
        self._limit = limit
        self._done: list[str] = []
        self._lines: list[str] = []
        self._length = 0
        self._fenced = False
        self._gap: str | None = None

    def add(self, line: str, *, fenced: bool, blank: bool) -> bool:
        """Adds a line, to the next text where this one is full; False where it does not fit at all."""
        if blank and not fenced:
            self._gap = line
            return True
        if self._fits(line, fenced=fenced):
            return True
        cost = len(line) + (_FENCES if fenced else 0)
        if cost > min(self._limit, self.room) or not self._lines:
            return False
        self._close()
        return self._fits(line, fenced=fenced)

    def finished(self) -> list[str]:
        """All the texts."""
        self._close()
        return self._done

    def _fits(self, line: str, *, fenced: bool) -> bool:
        gap = [self._gap] if self._gap is not None and self._lines else []
        opens = fenced and (not self._fenced or bool(gap))
        cost = len(line) + sum(len(text) + 1 for text in gap) + (1 if self._lines else 0) + (_FENCES if opens else 0)
        if self._length + cost > self._limit or cost > self.room:
            return False
        if self._fenced and (not fenced or gap):
            self._lines.append(_FENCE)
        self._lines += gap
        if opens:
            self._lines.append(_FENCE)
        self._lines.append(line)
        self._length += cost
        self.room -= cost
        self._fenced = fenced
        self._gap = None
        return True

    def _close(self) -> None:
        if self._fenced:
            self._lines.append(_FENCE)
        if self._lines:
            self._done.append("\n".join(self._lines))
        self._lines, self._length, self._fenced, self._gap = [], 0, False, None


def _spaced(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines without empty ones at either end, and never two of them after each other outside code."""
    gap: Line | None = None
    begun = False
    for line in lines:
        if _is_blank(line) and not _is_fenced(line):
            gap = line if begun else None
            continue
        if gap is not None:
            yield gap
        gap, begun = None, True
        yield line


def _is_fenced(line: Line) -> bool:
    """Slack draws no code block within a quote: there, code flows."""
    return line.pre and not line.quote


def _is_blank(line: Line) -> bool:
    return not clean(line.text).strip()


def _text(line: Line) -> str:
    return clean(line.text).replace("\n", " ").expandtabs(4).rstrip()


def _rendered(line: Line) -> str:
    """One line, complete in itself; of a code block's the inside."""
    if _is_fenced(line):
        return escape_fenced(_text(line))
    body = "" if _is_blank(line) else _body(line)
    if line.quote:
        return ("> " + "&gt; " * (min(line.quote, _MAX_QUOTE) - 1) + _prefix(line) + body).rstrip()
    return _prefix(line) + body if line.marker else line_start(_prefix(line) + body)


def _prefix(line: Line) -> str:
    marker = f"{escape_line(clean(line.marker), guarded='')} " if line.marker else ""
    return _INDENT * min(line.indent, _MAX_INDENT) + marker


def _body(line: Line) -> str:
    """The line's spans in their styles."""
    spans = [replace(span, text=clean(span.text).replace("\n", " ").replace("\t", " ")) for span in line.spans]
    text = "".join(span.text for span in spans)
    guarded = paired_marks(text) + "".join({mark for span in spans for mark in _marks(line, span)})
    out = []
    end = 0
    for href, group in groupby(spans, key=lambda span: span.href):
        parts = list(group)
        if href and href != _NOWHERE:
            parts = [_joined(parts)]
        for span in parts:
            start, end = end, end + len(span.text)
            before, after = text[:start][-1:], text[end : end + 1]
            out.append(_styled(span, _marks(line, span), guarded=guarded, before=before, after=after))
    return "".join(out).strip()


def _marks(line: Line, span: Span) -> str:
    """The marks of a span's style, the outermost first; code takes no other."""
    if span.code:
        return "`"
    return ("*" if span.bold or line.heading else "") + ("_" if span.italic else "") + ("~" if span.strike else "")


def _joined(spans: Sequence[Span]) -> Span:
    """A link's spans as one, in the style that all of them share."""
    return Span(
        text="".join(span.text for span in spans),
        bold=all(span.bold for span in spans),
        italic=all(span.italic for span in spans),
        strike=all(span.strike for span in spans),
        href=spans[0].href,
    )


def _styled(span: Span, marks: str, *, guarded: str, before: str, after: str) -> str:
    """A span between its neighbours; plain where Slack would not take its marks for a style."""
    core = span.text.strip()
    if not core:
        return span.text
    lead, _, trail = span.text.partition(core)
    before, after = lead[-1:] or before, trail[:1] or after
    if not (is_edge(before) and is_edge(after) and _takes(core, marks)):
        marks = ""
    if marks == "`":
        inner = entities(core)
    elif span.href == _NOWHERE:
        inner = escape_line(core, guarded=guarded, before=before, after=after)
    elif span.href:
        inner = link(span.href, core, guarded=guarded)
    else:
        inner = linked(core, guarded=guarded, before=before, after=after)
    return f"{lead}{marks}{inner}{marks[::-1]}{trail}"


def _takes(core: str, marks: str) -> bool:
    """Whether the text can stand between the marks without meddling with them."""
    if marks == "`":
        return "`" not in core
    return core[0] not in MARKS and core[-1] not in MARKS


def _halves(line: Line) -> Sequence[Line]:
    """The line in two, parted between words where there are any; none where it is too short."""
    text = line.text
    if len(text) <= _SMALLEST:
        linked_spans = any(span.href not in ("", _NOWHERE) for span in line.spans)
        return (
            (replace(line, spans=tuple(replace(span, href=_NOWHERE) for span in line.spans)),) if linked_spans else ()
        )
    middle = len(text) // 2
    cut = text.rfind(" ", len(text) // 4, middle) + 1 or text.find(" ", middle, len(text) * 3 // 4) + 1 or middle
    spans = line.spans
    if text[cut - 1] != " ":
        spans = tuple(replace(span, href=span.href or _NOWHERE) for span in spans)
    left: list[Span] = []
    right: list[Span] = []
    position = 0
    for span in spans:
        at = min(max(cut - position, 0), len(span.text))
        left.append(replace(span, text=span.text[:at]))
        right.append(replace(span, text=span.text[at:]))
        position += len(span.text)
    first, second = (tuple(span for span in half if span.text) for half in (left, right))
    return replace(line, spans=first), replace(line, spans=second, marker="")
