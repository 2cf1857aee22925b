"""The pieces of a letter, as a mail's parts hold them, and how they make one text (pure).

A piece has a plain form, an HTML form, or both; which parts are pieces is decided elsewhere (`bridge.mail.parse`).
"""

import html as entities
import re
from dataclasses import dataclass, replace

from bridge.mail.decode import without_bidi
from bridge.mail.html import plain

HTML_DOCUMENT = re.compile(
    r"\s{0,200}(?:<!--.{0,2000}?-->\s{0,200})?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
# A text part that only says that the letter is in the other part.
_NO_TEXT = re.compile(
    r"(?:this is a multi-?part message in mime format"
    r"|(?:your|this) (?:e-?mail (?:client|program|reader|software)|mail reader|client) (?:does not|cannot|can't)"
    r"|(?:please )?(?:to )?view this (?:e-?mail|message|newsletter) (?:in|with|using) (?:a|an) html"
    r"|to (?:view|read) (?:this|the) (?:e-?mail |message|newsletter)[^.]{0,40}html"
    r"|this (?:e-?mail|message) (?:is|was sent|contains?) (?:in )?html"
    r"|html (?:only|content|message|version)|<html>)",
    re.IGNORECASE,
)
_LONGEST_NO_TEXT = 300  # characters of a text that says no more than `_NO_TEXT` does
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of the letter: its plain form, its HTML form, or both. `position`: how many files stand before it."""

    text: str = ""
    html: str = ""
    position: int = 0


def lines(text: str) -> str:
    r"""`text` with line ends as `\n`, without NULs, and without what could forge how it reads."""
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    return without_bidi(text.replace("\0", ""))


def paired(pieces: list[Piece]) -> list[Piece]:
    """Plain text directly followed by HTML that says the same is one piece: some senders label it mixed."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        adjacent = before and not before.html and not piece.text and before.position == piece.position
        if before and adjacent and _say_the_same(before.text, plain(piece.html)):
            joined[-1] = replace(before, html=piece.html)
        else:
            joined.append(piece)
    return joined


def _say_the_same(first: str, second: str) -> bool:
    start, other = (_WORDS.findall(text[:4000])[:60] for text in (first, second))
    common = sum(a == b for a, b in zip(start, other, strict=False))
    shorter, longer = sorted((len(start), len(other)))
    return shorter > 0 and 5 * common >= 4 * shorter and longer <= 2 * shorter + 10


def plain_form(pieces: list[Piece]) -> str:
    """The pieces as one plain text, from their HTML where there is no other."""
    return "\n".join(_text(piece).strip("\n").rstrip() for piece in pieces)


def html_form(pieces: list[Piece]) -> str:
    """The pieces as one HTML text, or an empty string where none has HTML."""
    if not any(piece.html for piece in pieces):
        return ""
    return "\n".join(piece.html or _as_html(piece.text) for piece in pieces)


def _text(piece: Piece) -> str:
    if not piece.html:
        return piece.text
    stripped = piece.text.strip()
    useless = not stripped or (len(stripped) < _LONGEST_NO_TEXT and _NO_TEXT.search(stripped))
    return (plain(piece.html) or piece.text) if useless or HTML_DOCUMENT.match(piece.text) else piece.text


def _as_html(text: str) -> str:
    return "<div>" + entities.escape(text).replace("\n", "<br>\n") + "</div>"
