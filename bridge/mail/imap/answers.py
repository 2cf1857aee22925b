"""What an IMAP server says, as values (RFC 3501 section 7, RFC 4315, RFC 7162; pure).

Servers send trailing spaces, names as literals and in 8 bits, items nobody asked for, and changes in the middle of
answers. What can be understood is; what cannot is left out, never a reason to stop.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient.datetime_util import parse_to_datetime
from imapclient.exceptions import ProtocolError
from imapclient.imap_utf7 import decode as decode_utf7
from imapclient.response_parser import parse_response

from bridge.mail.view import Range
from bridge.model import now

_LEADING_NUMBERS = re.compile(rb"[\d ]*")
_NONSENSE = (ProtocolError, ValueError, TypeError, RecursionError)
_NO_SIZE = 2**63  # bytes: RFC 9051 section 9
_RANGES = re.compile(rb"(\d+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Response:
    """One untagged response, or the response code of any (`COPYUID`). `parts` are as imaplib cuts them: bytes, and a
    tuple for each literal, of the bytes before it and its own.
    """

    kind: str
    parts: tuple[bytes | tuple[bytes, bytes], ...]

    @property
    def text(self) -> bytes:
        """What stands after the kind where there are no literals; for EXISTS and the like, the number."""
        first = self.parts[0] if self.parts else b""
        return first[0] if isinstance(first, tuple) else first


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A FETCH response: the mail's number, and its items by their names in upper case."""

    number: int
    items: dict[bytes, Any]

    @property
    def uid(self) -> int | None:
        """Its uid, where it was told."""
        value = self.items.get(b"UID")
        return value if isinstance(value, int) else None

    @property
    def flags(self) -> frozenset[str] | None:
        """Its flags, where they were told."""
        value = self.items.get(b"FLAGS")
        return frozenset(_word(flag) for flag in value) if isinstance(value, tuple) else None

    @property
    def size(self) -> int:
        """Its size in bytes, as the server believes it to be; 0 where that is none."""
        value = self.items.get(b"RFC822.SIZE")
        return value if isinstance(value, int) and 0 <= value < _NO_SIZE else 0

    @property
    def received(self) -> datetime:
        """When the server took it in (INTERNALDATE); now where that is not told."""
        value = self.items.get(b"INTERNALDATE")
        try:
            time = parse_to_datetime(value, normalise=False) if isinstance(value, bytes) else now()
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # a zone of a hundred hours, a year beyond all
            return now()

    def body(self, name: bytes) -> tuple[bytes | None, bool]:
        """The bytes of an item such as `BODY[]`, None where they were not told, and whether they are a part only."""
        for key, value in self.items.items():
            if key.startswith(name):
                found = _bytes(value)
                return found, key.startswith(name + b"<")
        return None, False


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder as LIST tells it. `wire` is its name in the server's own bytes: only these are sure to find it again."""

    wire: bytes
    name: str
    delimiter: str
    attributes: frozenset[str]  # in lower case: \sent, \noselect


def fetched(response: Response) -> Fetched | None:
    """A FETCH response read, or None where it makes no sense."""
    try:
        number, items = parse_response(list(response.parts))
        pairs = zip(items[::2], items[1::2], strict=True)
        named = {key.upper(): value for key, value in pairs if isinstance(key, bytes)}
        return Fetched(number=int(number), items=named)
    except _NONSENSE:
        return None


def found(responses: Iterable[Response]) -> list[int]:
    """The numbers of all SEARCH responses, each once, in order."""
    answers = [response.text for response in responses if response.kind == "SEARCH"]
    leading = (_LEADING_NUMBERS.match(answer) for answer in answers)
    return sorted({int(number) for match in leading if match for number in match[0].split()})


def ranges(text: bytes) -> list[Range]:
    """A set of uids such as `1:3,5`, as runs; `(EARLIER)` before it is no part of it."""
    runs = ((int(match[1]), int(match[2] or match[1])) for match in _RANGES.finditer(text))
    return [(min(run), max(run)) for run in runs]


def code(responses: Iterable[Response], name: str) -> bytes | None:
    """What stands in a response code such as `[UIDNEXT 5]`, or None. A bracket in the text after it is not its end."""
    for response in responses:
        if response.kind == name:
            return response.text.partition(b"]")[0].strip()
    return None


def number(responses: Iterable[Response], name: str) -> int | None:
    """A response code's number, or None."""
    value = code(responses, name)
    return int(value) if value and value.isdigit() else None


def copied(responses: Iterable[Response], *, most: int) -> dict[int, tuple[int, int]]:
    """Where mails went, by their old uids: (uidvalidity, uid) each, from COPYUID wherever it stood.

    `most`: how many there can be; a set of more is not believed.
    """
    places: dict[int, tuple[int, int]] = {}
    for response in responses:
        words = response.text.partition(b"]")[0].split() if response.kind == "COPYUID" else []
        if len(words) != 3 or not words[0].isdigit():
            continue
        source, target = ranges(words[1]), ranges(words[2])
        if _count(source) != _count(target) or _count(source) > most:
            continue
        uidvalidity = int(words[0])
        places |= {old: (uidvalidity, new) for old, new in zip(_each(source), _each(target), strict=True)}
    return places


def folder(response: Response) -> Folder | None:
    """A LIST response read, or None where it makes no sense. Names come in modified UTF-7, in UTF-8 and as literals."""
    try:
        attributes, delimiter, name = parse_response(list(response.parts))
        wire = _bytes(name)
        if wire is None:
            return None
        return Folder(
            wire=wire,
            name=_decoded(wire),
            delimiter=_word(delimiter) if delimiter else "",
            attributes=frozenset(_word(attribute).lower() for attribute in attributes),
        )
    except _NONSENSE:
        return None


def _decoded(wire: bytes) -> str:
    if not wire.isascii():
        return wire.decode("utf-8", "replace")
    try:
        return str(decode_utf7(wire))
    except ValueError:
        return wire.decode("ascii")


def _bytes(value: object) -> bytes | None:
    """The parser makes numbers of what looks like one, quoted or not."""
    if isinstance(value, bytes):
        return value
    return str(value).encode() if isinstance(value, int) else None


def _word(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _count(runs: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in runs)


def _each(runs: Iterable[Range]) -> Iterator[int]:
    for first, last in runs:
        yield from range(first, last + 1)
