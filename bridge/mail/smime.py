"""The content of an opaquely signed S/MIME mail (RFC 8551 section 3.5.2): what stands inside CMS SignedData (RFC 5652).

Only enough of BER to reach the content; signatures are not verified here. Never raises; linear in the input.
"""

from collections.abc import Iterator

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_CONSTRUCTED = 0x20
_OCTETS = 0x04
_OBJECT_ID = 0x06
# Values within values: SignedData needs six levels down to its content.
_DEEPEST = 16


def signed_content(der: bytes) -> bytes | None:
    """The MIME entity that was signed, or None where `der` is no SignedData with its content inside."""
    try:
        _, _, outer = _value(memoryview(der), 0)
        info = list(_values(outer))
        if len(info) < 2 or info[0][0] != _OBJECT_ID or info[0][1] != _SIGNED_DATA:
            return None
        signed = next(_values(info[1][1]))[1]
        encapsulated = list(_values(list(_values(signed))[2][1]))
        return _octets(*next(_values(encapsulated[1][1])), depth=0)
    except (IndexError, StopIteration, ValueError):
        return None


def _octets(tag: int, value: memoryview, *, depth: int) -> bytes:
    """An octet string, of one piece or of several."""
    if not tag & _CONSTRUCTED:
        return bytes(value)
    if depth == _DEEPEST:
        raise ValueError("nested too deep")
    return b"".join(_octets(inner, piece, depth=depth + 1) for inner, piece in _values(value))


def _values(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Tag and value of each element of a constructed value."""
    at = 0
    while at < len(data) and data[at]:
        tag, at, value = _value(data, at)
        yield tag, value


def _value(data: memoryview, at: int, depth: int = 0) -> tuple[int, int, memoryview]:
    """The tag of the element at `at`, where the next one begins, and the value; raises where it is cut off."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80:
        end = _end(data, start, depth)
        return tag, end + 2, data[start:end]
    if length > 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[start : start + count])
        start += count
    if start + length > len(data):
        raise ValueError("cut off")
    return tag, start + length, data[start : start + length]


def _end(data: memoryview, at: int, depth: int) -> int:
    """Where the two zero bytes stand that end a value of indefinite length."""
    if depth == _DEEPEST:
        raise ValueError("nested too deep")
    while data[at] or data[at + 1]:
        _, at, _ = _value(data, at, depth + 1)
    return at
