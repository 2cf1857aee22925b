"""Parts a mail's text into what is new and what is folded away: quoted history, signatures, legal footers.

Nothing is lost: every line is in one of the two, in its order, but for the end of what is longer than any letter, in
whose place a line says so. The rules, each for a reason:

- A quote is folded with the line that introduces it ("On Monday, Bob wrote:").
- An answer between two quotes is unreadable without them, so they stay together; a quote after the last answer is
  folded.
- An unquoted mail below a header block or a divider is history to the end of the text.
- A forwarded mail is what its sender wants read: it is content, to the end of the text.
- Where nothing would be left, everything is shown.

In HTML the marks of mail programs (`markers`) are believed first; the words (`phrases`) are read in either form. One
pass forward, looking at most a dozen lines around: linear time. Must not change a line, nor look at its style.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

from bridge.mail import footers, html, markers, phrases
from bridge.mail.markers import Mark
from bridge.mail.markup import MAX_CHARS
from bridge.model import Line, Message, Reading, Span

_MAX_LINES = 10_000  # of a letter: what stands below is a file that somebody pasted, and folded unread
_MAX_PIECES = 20_000  # lines, or runs of text where a line has several: what stands below is in the original only
_MAX_ATTRIBUTION = 4  # lines: an address and a date wrap over three, one more for long names
_MAX_HEADER = 14  # lines from a header block's first field to its last, wrapped recipients included
_MAX_DEPTH = 30  # depth of quoting that is still told apart

_LINE_END = re.compile(r"\r\n|[\n\r\f\v\x85\u2028\u2029]")
_QUOTE_SIGNS = re.compile(r" ?(?:>[ \t]?)+")
_RULE = re.compile(r"[-_=*─━—–]{3,}")
_WRAPPED = 40  # characters: at most so much of a quoted line spills over into an unquoted one
_FULL = 60  # characters of a quoted line that may have spilt over


class _Kind(Enum):
    """What a line is."""

    BLANK = auto()
    OWN = auto()
    QUOTED = auto()
    LEAD = auto()  # introduces the quote below it
    HISTORY = auto()
    FOOTER = auto()
    FORWARDED = auto()


def read(message: Message) -> Reading:
    """The message's text for a reader, from its HTML where that has any text, else from its plain text."""
    forwarded = phrases.is_forwarded_subject(message.subject)
    if message.html:
        found = html.labelled(message.html, markers.mark)
        if found:
            lines = _measured([line for line, _ in found])
            return _parted(lines, marks=[*(mark for _, mark in found), 0][: len(lines)], forwarded=forwarded)
    lines = _plain_lines(message.text)
    return _parted(lines, marks=[0] * len(lines), forwarded=forwarded)


def plain_reading(text: str) -> Reading:
    """The same for a text that has no message around it."""
    return read(Message(text=text))


def _parted(lines: list[Line], *, marks: list[int], forwarded: bool) -> Reading:
    reading = _Scan(lines[:_MAX_LINES], marks=marks[:_MAX_LINES], forwarded=forwarded).reading()
    return replace(reading, folded=(*reading.folded, *lines[_MAX_LINES:])) if len(lines) > _MAX_LINES else reading


def _measured(lines: list[Line]) -> list[Line]:
    """The lines as far as `_MAX_PIECES` go, and the line that says that they were more."""
    room = _MAX_PIECES
    for place, line in enumerate(lines):
        if len(line.spans) > room or room == 0:
            return [*lines[:place], replace(line, spans=line.spans[:room]), html.CUT_LINE]
        room -= max(1, len(line.spans))
    return lines


def _plain_lines(text: str) -> list[Line]:
    """Plain text as lines, quote signs as depth; without empty lines at either end."""
    texts = _LINE_END.split(text[:MAX_CHARS], maxsplit=_MAX_PIECES)
    cut = len(text) > MAX_CHARS or len(texts) > _MAX_PIECES
    del texts[_MAX_PIECES:]
    made = {one: _plain_line(one) for one in set(texts)}
    lines = [made[one] for one in texts]
    start, end = 0, len(lines)
    while start < end and not lines[start].spans:
        start += 1
    while end > start and not lines[end - 1].spans:
        end -= 1
    return [*lines[start:end], html.CUT_LINE] if cut else lines[start:end]


def _plain_line(text: str) -> Line:
    signs = _QUOTE_SIGNS.match(text) if ">" in text[:2] and not text.startswith(">From ") else None
    depth = signs[0].count(">") if signs else 0
    words = (text[signs.end() :] if signs else text.removeprefix(">")).rstrip()
    return Line(spans=(Span(text=words),) if words else (), quote=min(depth, _MAX_DEPTH))


class _Scan:
    """One mail's lines on the way to their kinds."""

    def __init__(self, lines: Sequence[Line], *, marks: Sequence[int], forwarded: bool) -> None:
        self._lines = lines
        self._marks = marks
        self._forwarded = forwarded
        self._texts = [phrases.normal(line.text) for line in lines]
        self._kinds = [_kind(line, mark) for line, mark in zip(lines, marks, strict=True)]
        self._next = _next_filled(lines)
        self._fields: dict[int, str] = {}

    def reading(self) -> Reading:
        """The lines parted."""
        self._resolve_boxes()
        self._resolve_forwarded_quotes()
        self._find_history()
        self._find_footers()
        self._join_spilt_lines()
        shown = self._shown()
        if not any(show and line.spans for show, line in zip(shown, self._lines, strict=True)):
            return Reading(new=tuple(self._lines))
        new = tuple(line for line, show in zip(self._lines, shown, strict=True) if show)
        return Reading(new=new, folded=tuple(line for line, show in zip(self._lines, shown, strict=True) if not show))

    def _runs(self, mark: Mark) -> list[tuple[int, int]]:
        """Where lines under a mark begin and end."""
        runs = []
        start = None
        for position, found in enumerate([*self._marks, 0]):
            if found & mark and start is None:
                start = position
            elif not found & mark and start is not None:
                runs.append((start, position))
                start = None
        return runs

    def _resolve_boxes(self) -> None:
        """In a box, what stands before its first blockquote introduces it; a box without any is all quote."""
        for start, end in self._runs(Mark.BOX):
            if phrases.is_forward(self._texts[start]):
                self._set(start, end, _Kind.FORWARDED)
                continue
            quoted = next((i for i in range(start, end) if self._lines[i].quote), None)
            if quoted is None:
                self._set(start, end, _Kind.QUOTED)
            else:
                self._set(start, quoted, _Kind.LEAD)

    def _resolve_forwarded_quotes(self) -> None:
        """A quote that begins by saying that it is a forward is one, unless an attribution stands above it."""
        before = _Kind.BLANK
        for position, kind in enumerate(self._kinds):
            if kind is _Kind.QUOTED and before not in (_Kind.QUOTED, _Kind.LEAD):
                above = next((i for i in range(position - 1, position - 4, -1) if i >= 0 and self._texts[i]), None)
                led = above is not None and phrases.is_attribution(self._texts[above], certain=False)
                if not led and phrases.is_forward(self._texts[position]):
                    self._set(position, len(self._kinds), _Kind.FORWARDED)
                    return
            if kind is not _Kind.BLANK:
                before = kind

    def _find_history(self) -> None:
        """Marks introductions, and where history or a forward begins that goes on to the end."""
        position = 0
        while position < len(self._kinds):
            kind = self._kinds[position]
            if kind is _Kind.FORWARDED or self._marks[position] & Mark.FORWARD:
                self._set(position, len(self._kinds), _Kind.FORWARDED)
                return
            if kind is not _Kind.OWN:
                position += 1
                continue
            if phrases.is_forward(self._texts[position]):
                self._set(position, len(self._kinds), _Kind.FORWARDED)
                return
            start, end, rest = self._introduction(position)
            if end and self._quoted_after(end):
                self._set(self._above_rules(start), end, _Kind.LEAD)
            elif end and rest is not None:
                self._set(self._above_rules(start), len(self._kinds), rest)
                return
            position = max(position + 1, end)

    def _introduction(self, position: int) -> tuple[int, int, _Kind | None]:
        """Where what introduces another mail begins and ends (0: there is none here), and what it says of all below.

        The last is the kind of an unquoted mail after it, None where only a quote can follow.
        """
        text = self._texts[position]
        if phrases.is_original(text):
            end = self._header_end(self._next[position + 1], needed=2) or position + 1
            return position, end, _Kind.HISTORY
        if phrases.is_reply_above(text):
            return position, position + 1, _Kind.HISTORY
        marked = bool(self._marks[position] & Mark.HEAD)
        if end := self._header_end(position, needed=2 if marked else 3):
            return position, end, _Kind.FORWARDED if self._forwarded else _Kind.HISTORY
        if end := self._notes_head(position):
            return position, end, _Kind.HISTORY
        if self._marks[position] & Mark.ATTRIBUTION:
            return position, position + 1, None
        return self._attribution(position)

    def _attribution(self, last: int) -> tuple[int, int, _Kind | None]:
        """An attribution whose last line is this one: it may have begun some lines above."""
        quoted = self._quoted_after(last + 1)
        text = self._texts[last]
        if not text or not (quoted or text[-1] in ":：->"):
            return 0, 0, None
        joined = ""
        found = None
        for start in range(last, max(last - _MAX_ATTRIBUTION, -1), -1):
            if self._kinds[start] is not _Kind.OWN or not self._texts[start]:
                break
            joined = f"{self._texts[start]} {joined}".strip()
            if len(joined) > phrases.MAX_CHARS:
                break
            if not phrases.is_attribution(joined, certain=not quoted):
                continue
            if found is None:
                found = start
            if phrases.opens_attribution(self._texts[start]):
                found = start
                break
        if found is None:
            return 0, 0, None
        if self._texts[found][0] in "<(" and found and self._kinds[found - 1] is _Kind.OWN:
            found -= 1  # the name whose address this is
        if (
            found
            and self._kinds[found - 1] is _Kind.OWN
            and phrases.goes_on(self._texts[found - 1], self._texts[found])
        ):
            found -= 1
        return found, last + 1, _Kind.HISTORY

    def _header_end(self, position: int, *, needed: int) -> int:
        """Where the header block ends that begins here, or 0.

        It has so many kinds of fields, who wrote it among them, and a subject or an address: a traveller's "From:"
        and "To:" are none.
        """
        if position >= len(self._texts) or not self._is_field(position, marked=needed < 3):
            return 0
        fields: set[str] = set()
        address = False
        end = position
        for line in range(position, min(position + _MAX_HEADER, len(self._texts))):
            if self._kinds[line] not in (_Kind.OWN, _Kind.BLANK):
                break
            text = self._texts[line]
            field = self._field(line)
            if field or (text and self._is_field(line, marked=needed < 3)):
                fields.add(field or text.partition(":")[0])
                address = address or "@" in text
                end = line + 1
            elif text and line > end + 2:
                break
        if len(fields) < needed:
            return 0
        if needed < 3 or ("from" in fields and ("subject" in fields or address)):
            return end
        return 0

    def _notes_head(self, position: int) -> int:
        """Where the head ends that Notes puts above a quoted mail, or 0: a name, a moment, the fields' names."""
        moment = self._next[position + 1]
        if moment >= len(self._texts) or not phrases.is_moment(self._texts[moment]):
            return 0
        for line in range(moment + 1, min(moment + _MAX_HEADER, len(self._texts))):
            name = self._texts[line].partition(" ")[0]
            if self._field(line) == "subject" or phrases.header_field(f"{name}:") == "subject":
                return line + 1
        return 0

    def _is_field(self, position: int, *, marked: bool) -> bool:
        """Whether a field of a header stands here; inside a program's own mark, its language need not be known."""
        return bool(self._field(position)) or (marked and phrases.looks_like_field(self._texts[position]))

    def _field(self, position: int) -> str:
        """The header field that stands in a line, or an empty string; each line is asked for many times."""
        if position not in self._fields:
            self._fields[position] = phrases.header_field(self._texts[position])
        return self._fields[position]

    def _quoted_after(self, position: int) -> bool:
        """Whether the next line with text is quoted."""
        following = self._next[position]
        return following < len(self._kinds) and self._kinds[following] is _Kind.QUOTED

    def _above_rules(self, position: int) -> int:
        """The same place, moved up over rules that part it from what is above."""
        above = position
        while above and (not self._texts[above - 1] or _RULE.fullmatch(self._texts[above - 1])):
            above -= 1
            if self._texts[above]:
                position = above
        return position

    def _find_footers(self) -> None:
        """Marks the signatures and notices at the end of each stretch of the author's own text."""
        start = None
        for position in range(len(self._kinds) + 1):
            own = position < len(self._kinds) and self._kinds[position] in (_Kind.OWN, _Kind.BLANK)
            if own and start is None:
                start = position
            elif not own and start is not None:
                self._set_footer(start, position)
                start = None

    def _set_footer(self, start: int, end: int) -> None:
        signed = [bool(mark & Mark.SIGNATURE) for mark in self._marks[start:end]]
        for position, marked in enumerate(signed, start):
            if marked:
                self._kinds[position] = _Kind.FOOTER
        self._set(start + footers.begin(self._texts[start:end], signed=signed), end, _Kind.FOOTER)

    def _join_spilt_lines(self) -> None:
        """The ends of quoted lines that a program wrapped, but did not quote, belong to the quote."""
        for position in range(1, len(self._kinds) - 1):
            text = self._texts[position]
            if (
                self._kinds[position] is _Kind.OWN
                and self._kinds[position - 1] is _Kind.QUOTED
                and self._kinds[position + 1] is _Kind.QUOTED
                and len(text) <= _WRAPPED
                and text[:1].islower()
                and len(self._lines[position - 1].text) >= _FULL
            ):
                self._kinds[position] = _Kind.QUOTED

    def _shown(self) -> list[bool]:
        """For each line whether it is shown."""
        first, last = self._inline()
        shown = [
            kind in (_Kind.OWN, _Kind.FORWARDED)
            or (first <= i <= last and kind in (_Kind.QUOTED, _Kind.LEAD, _Kind.BLANK))
            for i, kind in enumerate(self._kinds)
        ]
        # An empty line goes where both its neighbours go.
        after = False
        for position in range(len(shown) - 1, -1, -1):
            if self._kinds[position] is not _Kind.BLANK:
                after = shown[position]
            elif after:
                shown[position] = True
        before = False
        for position, kind in enumerate(self._kinds):
            if kind is _Kind.BLANK:
                shown[position] = shown[position] and before
            else:
                before = shown[position]
        return shown

    def _inline(self) -> tuple[int, int]:
        """First and last line of quotes with answers between them; an empty range where there are none."""
        order = [(i, kind) for i, kind in enumerate(self._kinds) if kind in (_Kind.OWN, _Kind.QUOTED, _Kind.LEAD)]
        parts: list[tuple[bool, int, int, bool]] = []  # quoted, first, last, introduced
        for position, kind in order:
            quoted = kind is not _Kind.OWN
            if parts and parts[-1][0] == quoted:
                parts[-1] = (quoted, parts[-1][1], position, parts[-1][3])
            else:
                parts.append((quoted, position, position, kind is _Kind.LEAD))
        quotes = [i for i, part in enumerate(parts) if part[0]]
        answered = [i for i in quotes if i + 1 < len(parts)]
        if not answered:
            return 0, -1
        alone = len(quotes) == 1 and (quotes[0] == 0 or parts[quotes[0]][3])
        if alone:
            return 0, -1
        return parts[answered[0]][1], parts[answered[-1] + 1][2]

    def _set(self, start: int, end: int, kind: _Kind) -> None:
        for position in range(start, end):
            if kind in (_Kind.HISTORY, _Kind.FORWARDED, _Kind.FOOTER) or self._kinds[position] is not _Kind.BLANK:
                self._kinds[position] = kind


def _kind(line: Line, mark: int) -> _Kind:
    if line.quote or mark & Mark.QUOTE:
        return _Kind.QUOTED
    return _Kind.OWN if line.spans else _Kind.BLANK


def _next_filled(lines: Sequence[Line]) -> list[int]:
    """For each position, also the one past the end, the next line with text, else the number of lines."""
    following = [len(lines)] * (len(lines) + 2)
    for position in range(len(lines) - 1, -1, -1):
        following[position] = position if lines[position].spans else following[position + 1]
    return following
