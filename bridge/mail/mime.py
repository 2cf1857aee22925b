"""The tree of a mail's parts (RFC 2045, 2046), from raw bytes, in one pass.

`tree` never raises. It looks at each line that could be a boundary once, so its time is linear however deep the parts
nest; it copies no content, so a part costs memory only when its content is asked for. A `message/*` part is a leaf
whose content is exactly the bytes that were sent. What it cannot make sense of it keeps as text and says so.

Tolerated: an mbox "From " line, blank lines or garbage before the headers; headers that end without a blank line;
folded lines without their indent; boundaries that are missing, undeclared, untrue, prefixes of one another or used
twice; ends that never come; bare CR or doubled CR line ends.
"""

import codecs
import re
from dataclasses import dataclass, field

from bridge.mail.charset import resolve
from bridge.mail.decode import parameters, unfold, unquoted, words
from bridge.mail.transfer import base64, undo
from bridge.sentences import mark, say

# A mail with more parts or deeper nesting than this is an attack, not a letter; what is beyond stays inside the last
# part, unread.
MAX_PARTS = 1_000
MAX_DEPTH = 60
MAX_FIELDS = 2_000  # of one header block; a mail that went through fifty servers has 300
# Where the headers may begin, in bytes, when something else stands before them.
_GARBAGE = 8_192

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_WHOLE_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+\n(?:[ \t]++[^\s][^\n]*+\n)*+)")
_KNOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|sender|reply-to|received|return-path|message-id|mime-version|delivered-to"
    rb"|in-reply-to|references|content-[a-z-]+|x-[a-z0-9-]+|dkim-signature|auto-submitted|precedence|list-[a-z]+"
    rb"|thread-[a-z]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_MBOX = re.compile(rb">?From (?![ \t]*:)[^\r\n]*\r?\n")
_GUESS = re.compile(
    rb"^--([^\s-][^\r\n]{0,200}?)[ \t]*\r?\n(?:content-[a-z-]+|mime-version)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+*-]{1,127}")  # so long at most: RFC 6838 section 4.2
_BARE_TYPES = {"text": "text/plain", "plain": "text/plain", "html": "text/html", "multipart": "multipart/mixed"}


@dataclass(slots=True, kw_only=True)
class Part:
    """A part: its headers (names as written; values unfolded, encoded words still encoded), its type, its children.

    `raw` is the content as sent, still under its transfer encoding; `entity` the same with the headers before it, which
    is what a signature of RFC 1847 is made over.
    """

    headers: list[tuple[str, str]]
    type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    raw: memoryview = field(repr=False)
    entity: memoryview = field(repr=False)
    children: "list[Part]" = field(default_factory=list)

    def header(self, name: str) -> str:
        """The first header of that (lower-case) name, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def content(self) -> bytes:
        """The content with its transfer encoding undone."""
        return undo(self.raw, self.header("content-transfer-encoding"))

    @property
    def name(self) -> str:
        """The file name that the part declares, decoded, as written; may be empty."""
        placed, kind = self.disposition_parameters, self.parameters
        field = self.disposition == "form-data"  # whose name is that of a form's field
        declared = (placed.get("filename"), kind.get("name"), not field and placed.get("name"), kind.get("filename"))
        return unquoted(words(next((name for name in declared if name), "")))

    @property
    def content_id(self) -> str:
        """The Content-ID without its angle brackets."""
        return self.header("content-id").strip().strip("<>").strip()


def tree(raw: bytes) -> tuple[Part, list[str]]:
    """The root part of a mail and what was odd about its form, a sentence each."""
    if raw[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:  # saved by an editor
        raw = raw.decode("utf-16", "replace").encode()
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    scan = _Scan(raw)
    root = scan.run()
    if (
        root.type.startswith("multipart/")
        and not root.children
        and "base64" in root.header("content-transfer-encoding")
    ):
        inner = _Scan(b"Content-Type: " + root.header("content-type").encode() + b"\n\n" + base64(root.raw)).run()
        root.children = inner.children
    return root, scan.notes


@dataclass(slots=True)
class _Open:
    """A multipart whose end has not come yet."""

    part: Part
    delimiter: bytes


class _Fields:
    """The header fields of one block as they are come upon, the first `MAX_FIELDS` of them."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[bytes] = []
        self._values: list[list[bytes]] = []

    def begin(self, name: bytes, value: bytes) -> None:
        self.count += 1
        if self.count <= MAX_FIELDS:
            self._names.append(name)
            self._values.append([value])

    def go_on(self, line: bytes) -> None:
        if self.count <= MAX_FIELDS:
            self._values[-1].append(line)

    def joined(self) -> list[tuple[bytes, bytes]]:
        """Names and raw values."""
        return [(name, b"".join(lines)) for name, lines in zip(self._names, self._values, strict=True)]


def head(raw: bytes) -> list[tuple[str, str]]:
    """The headers of a mail, of which `raw` is at least the header block: values unfolded, encoded words encoded."""
    return _Scan(raw).head()


class _Scan:
    """One pass over a mail's bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.view = memoryview(raw)
        self.notes: list[str] = []
        self.open: list[_Open] = []
        # What each line that begins or ends a part means: the depth of its multipart, and whether it ends it.
        self.lines: dict[bytes, tuple[int, bool]] = {}
        self.count = 0
        self.hint = ""  # the charset that the first text declares: raw 8-bit headers often are in it
        self.guesses = 5  # each looks through the rest of the mail

    def head(self) -> list[tuple[str, str]]:
        """The headers alone."""
        return self._decoded(self._fields(self._first_header())[0])

    def run(self) -> Part:
        """The root part."""
        start = self._first_header()
        root, at = self._part(start, default="text/plain")
        self._read_parts(root, at)
        if self.hint and any(not value.isascii() for _, value in root.headers):
            root.headers = self._decoded(self._fields(start)[0])
        return root

    def _read_parts(self, root: Part, at: int) -> None:
        """Find the parts of the mail in its content, which begins at `at`."""
        leaf = self._enter(root, at)
        begun = at
        while self.open and (start := self._next_dashes(at)) >= 0:
            at = self._line_end(start)
            line = self.raw[start:at].rstrip()
            if line not in self.lines:
                continue
            level, last = self.lines[line]
            end = self._before_delimiter(start)
            if leaf is not None:
                leaf.raw = self.view[begun : max(begun, end)]
            leaf = None
            for part in self.open[level].part.children[-1:]:
                part.entity = part.entity[: max(0, end - (len(self.raw) - len(part.entity)))]
            del self.open[level if last else level + 1 :]
            self._list_lines()
            if last:
                continue
            if self.count >= MAX_PARTS:
                self.notes.append(say("The mail has more than {most} parts; the rest is not shown.", most=MAX_PARTS))
                return
            parent = self.open[level].part
            default = "message/rfc822" if parent.type == "multipart/digest" else "text/plain"
            part, begun = self._part(min(at + 1, len(self.raw)), default=default)
            parent.children.append(part)
            leaf = self._enter(part, begun)
            at = begun
        if self.open and root.children:
            self.notes.append(mark("The mail ends before its last part does."))

    def _next_dashes(self, at: int) -> int:
        """Where the next line begins that starts with two hyphens, at `at` or behind it; -1 where none does."""
        if at == 0:
            return 0 if self.raw.startswith(b"--") else self._next_dashes(1)
        return self.raw.find(b"\n--", at - 1) + 1 or -1

    def _list_lines(self) -> None:
        """Bring `lines` up to date with `open`; of two multiparts with the same boundary the inner one counts."""
        self.lines = {}
        for level, entry in enumerate(self.open):
            self.lines[entry.delimiter] = (level, False)
            self.lines[entry.delimiter + b"--"] = (level, True)

    def _enter(self, part: Part, at: int) -> Part | None:
        """Open a multipart, whose content from `at` is its children; any other part is a leaf and is returned."""
        self.count += 1
        if not part.type.startswith("multipart/"):
            if self.open or part.header("content-type") or not self._begins_with_part(at):
                return part
            part.type = "multipart/mixed"
        delimiter = self._delimiter(part, at)
        if not delimiter or len(self.open) >= MAX_DEPTH:
            return part
        self.open.append(_Open(part, delimiter))
        self._list_lines()
        return None

    def _begins_with_part(self, at: int) -> bool:
        found = _GUESS.search(self.raw, at, at + 2048)
        return found is not None and self.raw.find(b"--" + found[1], found.end()) > 0

    def _delimiter(self, part: Part, at: int) -> bytes:
        """The line that parts the children: as declared, or as found where the declared one never comes."""
        declared = part.parameters.get("boundary", "").rstrip()
        delimiter = b"--" + declared.encode("utf-8", "replace")
        if declared and self.raw.find(delimiter, at) >= 0:
            return delimiter
        if self.guesses == 0:
            return b""
        self.guesses -= 1
        guess = _GUESS.search(self.raw, at)
        if guess is None or any(entry.delimiter == b"--" + guess[1] for entry in self.open):
            return b""
        self.notes.append(mark("The mail does not name the boundary between its parts; it was guessed."))
        return b"--" + guess[1]

    def _before_delimiter(self, start: int) -> int:
        """Where the content before a delimiter at `start` ends: the line end between them is the delimiter's."""
        end = start - (self.raw[start - 1 : start] == b"\n")
        return end - (self.raw[end - 1 : end] == b"\r")

    def _line_end(self, at: int) -> int:
        """Where the line feed of the line at `at` stands, or the end of the mail."""
        end = self.raw.find(b"\n", at)
        return end if end >= 0 else len(self.raw)

    def _first_header(self) -> int:
        """Where the header block begins: after an mbox line, blank lines, or what else was put before it."""
        head = self.raw[:_GARBAGE]
        start = len(head) - len(head.lstrip(b"\r\n \t\xef\xbb\xbf"))
        if mbox := _MBOX.match(self.raw, start):
            start = mbox.end()
        if start == len(self.raw) or _FIELD.match(self.raw, start):
            return start
        for known in _KNOWN.finditer(self.raw, start, start + _GARBAGE):
            following = self._line_end(known.end()) + 1
            if _FIELD.match(self.raw, following) or self.raw[following : following + 1] in {b" ", b"\t", b"\r", b"\n"}:
                self.notes.append(mark("Something that is no header stands before the headers."))
                return known.start()
        self.notes.append(mark("The mail has no headers."))
        return start

    def _part(self, at: int, *, default: str) -> tuple[Part, int]:
        """The part whose headers begin at `at`, and where its content begins."""
        begun = at
        fields, at = self._fields(at)
        headers = self._decoded(fields)
        kind = next((value for name, value in headers if name.lower() == "content-type" and value), default)
        main, named = parameters(kind)
        if main.startswith("text/") and resolve(named.get("charset", "")) not in {"", "ascii"}:
            self.hint = self.hint or named["charset"]
        found = _TYPE.match(main)
        placed = next((value for name, value in headers if name.lower() == "content-disposition"), "")
        disposition, placed_named = parameters(placed) if placed else ("", {})
        part = Part(
            headers=headers,
            type=found[0] if found else _BARE_TYPES.get(main, default),
            parameters=named,
            disposition=disposition,
            disposition_parameters=placed_named,
            raw=self.view[at:],
            entity=self.view[begun:],
        )
        return part, at

    def _fields(self, at: int) -> tuple[list[tuple[bytes, bytes]], int]:
        """The header fields from `at` (name, raw value), and where the content behind them begins."""
        fields = _Fields()
        at = self._gather_fields(fields, at)
        if fields.count > MAX_FIELDS:
            self.notes.append(
                say("The mail has more than {most} header fields; the rest is not read.", most=MAX_FIELDS)
            )
        return fields.joined(), at

    def _gather_fields(self, fields: _Fields, at: int) -> int:
        raw = self.raw
        # Most blocks hold fields and nothing else; the first line that is odd is looked at for itself.
        while (found := _WHOLE_FIELD.match(raw, at)) and not found[1].startswith(b"--"):
            fields.begin(found[1], found[2])
            at = found.end()
        while at < len(raw):
            after = min(self._line_end(at) + 1, len(raw))
            line = raw[at:after]
            stripped = line.rstrip(b"\r\n")
            if not stripped:
                return after
            if stripped.startswith(b"--") and stripped.rstrip() in self.lines:
                break
            if found := _FIELD.match(stripped):
                fields.begin(found[1], line[found.end() :])
            elif stripped[:1] in b" \t" and fields.count:
                if stripped.isspace() and not (_FIELD.match(raw, after) or raw[after : after + 1] in {b" ", b"\t"}):
                    return after
                fields.go_on(line)
            elif fields.count and not self.open and _KNOWN.match(raw, after):
                fields.go_on(b" " + line)
            else:
                if fields.count or self.open:
                    self.notes.append(mark("The empty line between headers and content is missing."))
                break
            at = after
        return at

    def _decoded(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
        return [(name.decode("ascii"), unfold(value, hint=self.hint)) for name, value in fields]
