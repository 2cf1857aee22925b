"""winmail.dat: Microsoft's TNEF (MS-OXTNEF), the envelope in which Outlook hides a mail's attachments.

`read` gives the files and the text that are inside, or None where the bytes are no TNEF. It never raises on damaged
input: what was read before the damage is given. Linear in the size of the input.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.mail.charset import decode

_SIGNATURE = 0x223E9F78
# Attributes (type in the upper half, MS-OXTNEF section 2.1.3.2).
_BODY = 0x0002800C
_MAPI_PROPERTIES = 0x00069003
_CODE_PAGE = 0x00069007
_ATTACH_START = 0x00069002
_ATTACH_DATA = 0x0006800F
_ATTACH_TITLE = 0x00018010
_ATTACH_PROPERTIES = 0x00069005
# Property ids (MS-OXPROPS).
_P_BODY, _P_RTF, _P_HTML = 0x1000, 0x1009, 0x1013
_P_DATA, _P_FILENAME, _P_LONG_FILENAME = 0x3701, 0x3704, 0x3707
_P_MIME_TYPE, _P_CONTENT_ID, _P_DISPLAY_NAME = 0x370E, 0x3712, 0x3001
# Property types: the size of a fixed value in bytes, padded to 4; the variable ones carry a count and sizes.
_FIXED = {0x0001: 4, 0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4}
_FIXED |= {0x0014: 8, 0x0040: 8, 0x0048: 16}
_VARIABLE = frozenset({0x000D, 0x001E, 0x001F, 0x0102})
_UNICODE = 0x001F
_OBJECT = 0x000D
_MANY = 0x1000
_RTF_PREFIX = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
# An uncompressed size beyond this is an attack: RTF bodies of letters are a few hundred KB.
_LARGEST_RTF = 20_000_000


@dataclass(slots=True, kw_only=True)
class File:
    """One attachment inside; `content_type` may be empty."""

    name: str = ""
    content_type: str = ""
    content_id: str = ""
    content: bytes = field(default=b"", repr=False)


@dataclass(slots=True, kw_only=True)
class Contents:
    """What a winmail.dat holds: `text`, `html` and `rtf` are the letter, each may be empty.

    `complete` is False where it holds more files than were asked for; then there are none in `files`.
    """

    text: str = ""
    html: str = ""
    rtf: bytes = field(default=b"", repr=False)
    files: list[File] = field(default_factory=list)
    complete: bool = True


def read(data: bytes, *, most: int) -> Contents | None:
    """The contents of a TNEF stream with its files, where they are not more than `most`, or None where it is none."""
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        return None
    contents = Contents()
    charset = "cp1252"
    for attribute, value in _attributes(data):
        if attribute == _CODE_PAGE and len(value) >= 4:
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif attribute == _BODY:
            contents.text = contents.text or _text(value, charset)
        elif attribute == _MAPI_PROPERTIES:
            _read_letter(contents, value, charset)
        elif attribute == _ATTACH_START and len(contents.files) >= most:
            contents.files.clear()
            contents.complete = False
            break
        elif attribute == _ATTACH_START:
            contents.files.append(File())
        elif contents.files:
            _read_attachment(contents.files[-1], attribute, value, charset)
    contents.files = [file for file in contents.files if file.name or file.content]
    return contents


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each attribute's tag and value, in order, until the stream ends or makes no sense."""
    at = 6
    while at + 9 <= len(data):
        tag, size = struct.unpack_from("<II", data, at + 1)
        at += 9
        if data[at - 9] not in {1, 2}:
            return
        yield tag, data[at : at + size]
        at += size + 2  # the checksum: Outlook itself gets it wrong at times


def _read_letter(contents: Contents, value: bytes, charset: str) -> None:
    for identifier, kind, raw in _properties(value):
        if identifier == _P_BODY:
            contents.text = contents.text or _string(kind, raw, charset)
        elif identifier == _P_HTML:
            contents.html = contents.html or _string(kind, raw, charset)
        elif identifier == _P_RTF:
            contents.rtf = contents.rtf or decompressed(raw)


def _read_attachment(file: File, attribute: int, value: bytes, charset: str) -> None:
    if attribute == _ATTACH_TITLE:
        file.name = file.name or _text(value, charset)
    elif attribute == _ATTACH_DATA:
        file.content = value
    elif attribute == _ATTACH_PROPERTIES:
        short = ""
        for identifier, kind, raw in _properties(value):
            if identifier == _P_LONG_FILENAME:
                file.name = _string(kind, raw, charset) or file.name
            elif identifier in {_P_FILENAME, _P_DISPLAY_NAME}:
                short = short or _string(kind, raw, charset)
            elif identifier == _P_MIME_TYPE:
                file.content_type = _string(kind, raw, charset).lower()
            elif identifier == _P_CONTENT_ID:
                file.content_id = _string(kind, raw, charset).strip("<>")
            elif identifier == _P_DATA and not file.content:
                file.content = raw[16:] if kind == _OBJECT else raw  # an object begins with its interface's id
        file.name = file.name or short


def _properties(value: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each MAPI property's id, type and first value, until the list ends or makes no sense."""
    try:
        (count,) = struct.unpack_from("<I", value)
        at = 4
        for _ in range(count):
            kind, identifier = struct.unpack_from("<HH", value, at)
            at += 4
            if identifier >= 0x8000:
                at = _after_name(value, at)
            values, at = _values(value, at, kind)
            yield identifier, kind & ~_MANY, values[0] if values else b""
    except struct.error:
        return


def _after_name(value: bytes, at: int) -> int:
    """Where a property's value begins behind its name: a GUID, then a number or a string."""
    (named,) = struct.unpack_from("<I", value, at + 16)
    if named == 0:
        return at + 24
    length: int = struct.unpack_from("<I", value, at + 20)[0]
    return at + 24 + length + -length % 4


def _values(value: bytes, at: int, kind: int) -> tuple[list[bytes], int]:
    """A property's values, and where the next property begins; raises struct.error where they are cut off."""
    base = kind & ~_MANY
    count = 1
    if kind & _MANY or base in _VARIABLE:
        (count,) = struct.unpack_from("<I", value, at)
        at += 4
    values = []
    for _ in range(count):
        if base in _VARIABLE:
            (size,) = struct.unpack_from("<I", value, at)
            at += 4
        elif base in _FIXED:
            size = _FIXED[base]
        else:
            raise struct.error("a type that is not known has no known size")
        if at + size > len(value):
            raise struct.error("cut off")
        values.append(value[at : at + size])
        at += size + -size % 4
    return values, at


def _string(kind: int, raw: bytes, charset: str) -> str:
    if kind == _UNICODE:
        return decode(raw[: len(raw) & ~1], "utf-16-le").rstrip("\0")
    return _text(raw, charset)


def _text(raw: bytes, charset: str) -> str:
    return decode(raw.rstrip(b"\0"), charset)


def decompressed(data: bytes) -> bytes:
    """RTF out of its compression (MS-OXRTFCP); what comes before the damage where it is damaged."""
    if len(data) < 16:
        return b""
    _, size, method, _ = struct.unpack_from("<IIII", data)
    if method == 0x414C454D:  # "MELA": not compressed
        return data[16 : 16 + size]
    if method != 0x75465A4C or size > _LARGEST_RTF:  # "LZFu"
        return b""
    window = bytearray(4096)
    window[: len(_RTF_PREFIX)] = _RTF_PREFIX
    write = len(_RTF_PREFIX)
    out = bytearray()
    for offset, length, literal in _runs(data):
        if offset == write and length:
            break
        for step in range(length or 1):
            byte = window[(offset + step) & 4095] if length else literal
            window[write] = byte
            write = (write + 1) & 4095
            out.append(byte)
        if len(out) >= size:
            break
    return bytes(out[:size])


def _runs(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Compressed RTF as references into the window (offset, length) and literal bytes (length 0)."""
    at = 16
    while at < len(data):
        control = data[at]
        at += 1
        for bit in range(8):
            if control >> bit & 1:
                if at + 1 >= len(data):
                    return
                reference = data[at] << 8 | data[at + 1]
                yield reference >> 4, (reference & 15) + 2, 0
                at += 2
            else:
                if at >= len(data):
                    return
                yield 0, 0, data[at]
                at += 1
