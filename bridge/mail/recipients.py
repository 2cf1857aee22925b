"""Mail addresses that people type or that mails bring: which may be written to, and how they look on the wire (pure).

An addr-spec as in RFC 5322 section 3.4.1, with what RFC 6531 adds (local parts and domains in any script). More than
the grammar allows are dots anywhere in a local part, since Japanese carriers gave out such addresses (they go out
quoted, which is the same address in the grammar); less are domain literals and comments. Domains go out as IDNA 2008
(RFC 5891), never as IDNA 2003, which turns `faß.example` into the address of somebody else. A line break, a control or
an invisible character makes no address: nothing that passes here can end a header line or an SMTP command.
"""

import re
from collections.abc import Iterator

import idna

from bridge.errors import Refused
from bridge.model import Address
from bridge.sentences import say

_LONGEST = 254  # bytes; RFC 5321 section 4.5.3.1.3, less the angle brackets
_SHOWN = 80  # characters of a bad piece that are worth repeating

_ATEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\U0010ffff]+")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*",
    re.IGNORECASE,
)


def valid_address(email: str) -> bool:
    """Whether mail can be sent to it, as far as its form tells."""
    return _wire(email) is not None


def wire_address(email: str) -> str:
    """The address with its domain in ASCII; the local part may be in any script, and then asks for SMTPUTF8.

    Raises Refused where it is no address.
    """
    address = _wire(email)
    if address is None:
        raise _refusal(email)
    return address


def parse_recipients(text: str) -> tuple[Address, ...]:
    """What an agent typed into To, Cc or Bcc: addresses separated by commas, semicolons or line breaks.

    Each is `a@b`, `<a@b>`, `Name <a@b>` or `"Name, with a comma" <a@b>`; Slack's own `<mailto:a@b|a@b>` is read too.
    An address that stands twice is taken once. Raises Refused with a sentence that names the piece that is none.
    """
    found: dict[str, Address] = {}
    for piece in _pieces(text):
        address = _mailbox(piece)
        wire = _wire(address.email)
        if wire is None:
            raise _refusal(piece)
        found.setdefault(wire.casefold(), address)
    return tuple(found.values())


def _refusal(piece: str) -> Refused:
    shown = "".join(character if character.isprintable() else " " for character in piece[:_SHOWN])
    return Refused(
        say("“{typed}” is not a mail address: write it as name@example.org, several separated by commas.", typed=shown)
    )


def _wire(email: str) -> str | None:
    local, at, domain = email.rpartition("@")
    if not at or len(email) > _LONGEST or not email.isprintable():
        return None
    if not _ATEXT.fullmatch(local) and not _QUOTED.fullmatch(local):
        return None
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        local = f'"{local}"' if not _QUOTED.fullmatch(local) else local
    address = f"{local}@{ascii_domain}"
    return address if _DOMAIN.fullmatch(ascii_domain) and len(address.encode()) <= _LONGEST else None


def _pieces(text: str) -> Iterator[str]:
    """The text parted at separators that stand outside quotes; a line break always parts."""
    piece: list[str] = []
    quoted = escaped = False
    for character in f"{text}\n":
        breaks = character in "\r\n"
        if breaks or (character in ",;" and not quoted):
            if stripped := "".join(piece).strip():
                yield stripped
            piece.clear()
            quoted = escaped = False
            continue
        piece.append(character)
        if escaped:
            escaped = False
        elif character == '"':
            quoted = not quoted
        elif quoted and character == "\\":
            escaped = True


def _mailbox(piece: str) -> Address:
    """A display name, as far as there is one, and what should be an address."""
    name, bracket, email = piece.rpartition("<")
    if not bracket or not email.endswith(">"):
        return Address(email=piece)
    email = email.removesuffix(">").strip()
    if email.lower().startswith("mailto:"):
        email = email[len("mailto:") :].partition("|")[0]
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Address(name=name, email=email)
