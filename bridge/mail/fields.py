"""Header fields as they go out (RFC 5322, RFC 2047, RFC 6532): whole and folded, line ending included (pure).

Written here and not by the standard library, which encodes ids of over 78 characters in References as if they were
words (threads break), decodes an `=?...?=` that an agent typed, encodes local parts, and with SMTPUTF8 makes lines of
over 998 bytes. Everything but the local part of an address in another script goes out in ASCII.
"""

from base64 import b64encode
from collections.abc import Iterable

from bridge.errors import Refused
from bridge.mail.recipients import wire_address
from bridge.model import Address
from bridge.sentences import say

_WIDTH = 76  # characters of a line, where it can be folded there
_FOLD = "\r\n "
_Q_ROOM = 60  # characters of an encoded word's text in "Q"; the whole word may have 75
_B_ROOM = 45  # bytes of it before Base64
_Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")  # safe in a phrase too


def text_field(name: str, value: str) -> bytes:
    """An unstructured field such as Subject. Raises Refused where the value would end the line."""
    value = one_line(value, what=name)
    words = value.split(" ")
    simple = value.isascii() and "=?" not in value and all(0 < len(word) < _WIDTH - len(name) - 2 for word in words)
    return _folded(name, words if simple or not value else encoded_words(value))


def addresses_field(name: str, addresses: Iterable[Address]) -> bytes:
    """From, To or Cc, one mailbox a line. Raises Refused for what is no address, or a name that would end the line."""
    return f"{name}: {f',{_FOLD}'.join(map(_mailbox, addresses))}\r\n".encode()


def ids_field(name: str, ids: Iterable[str]) -> bytes:
    """Message-ID, In-Reply-To or References: folded between ids, never inside one."""
    return _folded(name, list(ids))


def one_line(value: str, *, what: str) -> str:
    """The value with spaces for its control characters; raises Refused where it holds a line break."""
    if "\r" in value or "\n" in value:
        raise Refused(say("{what} holds a line break: write it in one line.", what=what))
    shown = "".join(
        " " if ord(character) < 32 or character in "\x7f\x85\u2028\u2029" else character for character in value
    )
    return shown.encode("utf-8", "replace").decode()


def _folded(name: str, words: list[str]) -> bytes:
    """The words in lines of at most _WIDTH characters, where a word is not longer by itself."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= _WIDTH or lines == [f"{name}:"]:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join([*lines, ""]).encode("ascii")


def _mailbox(address: Address) -> str:
    email = wire_address(address.email)
    name = one_line(address.name, what=say("A name")).strip()
    if not name:
        return email
    if not name.isascii() or "=?" in name or len(name) > _WIDTH:
        return f"{_FOLD.join(encoded_words(name))} <{email}>"
    if all(character.isalnum() or character in "!#$%&'*+-/=?^_`{|}~ " for character in name):
        return f"{name} <{email}>"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{email}>'


def encoded_words(value: str) -> list[str]:
    """The value as encoded words: "Q" where most of it stays readable, else "B"; never parted inside a character."""
    by_q = len(_q(value)) <= 2 * len(value.encode())
    room = _Q_ROOM if by_q else _B_ROOM
    pieces = [""]
    used = 0
    for character in value:
        size = len(_q(character)) if by_q else len(character.encode())
        if used + size > room:
            pieces.append("")
            used = 0
        pieces[-1] += character
        used += size
    if by_q:
        return [f"=?utf-8?q?{_q(piece)}?=" for piece in pieces]
    return [f"=?utf-8?b?{b64encode(piece.encode()).decode()}?=" for piece in pieces]


def _q(text: str) -> str:
    return "".join(chr(byte) if byte in _Q_PLAIN else "_" if byte == 0x20 else f"={byte:02X}" for byte in text.encode())
