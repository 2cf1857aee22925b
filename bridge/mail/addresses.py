"""Address lists (RFC 5322 section 3.4) as mailers really write them.

One pass over tokens, in linear time, that never raises: groups, comments, quoted strings, encoded words (also within
quotes and around whole addresses), source routes, missing or doubled brackets, commas, colons and at signs in unquoted
names, semicolons between addresses. What has no address gives an `Address` with a name and an empty `email`; who needs
an address leaves those out.

No letter is written to a thousand people, and no name fills a page: a field is read up to `LONGEST` characters, a name
up to `_LONGEST_NAME`, and an address over `_LONGEST_EMAIL` is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from bridge.mail.decode import clean, words
from bridge.model import Address

_TOKEN = re.compile(
    r"""(?P<word>=\?[^?\s]{0,60}\?[bBqQ]\?[^?]*\?=)
      |(?P<blank>\s+)
      |(?P<mark>[,;:"(<>])
      |(?P<text>(?:[^\s,;:"(<>=]|=(?!\?))+|=)""",
    re.VERBOSE,
)
_ADDRESS = re.compile(
    r"""(?<![^\s<>()\[\]",;:])[^\s<>()\[\]",;:@]{1,320}@(?:\[[^\]\s]{1,100}\]|[^\s<>()\[\]",;:@]{1,255})"""
)
_ROUTE = re.compile(r"(?:@[^:,@]*+,?+)++:")
_NAMED = re.compile(r"<\s*+([^<>\s@]++@[^<>\s]++)\s*+>")
_SCHEMES = ("mailto", "smtp")
_SCHEME = re.compile(r"(?:mailto|smtp):", re.IGNORECASE)
_COMMENT = re.compile(r"\\.|[()]")
LONGEST = 100_000
"""Characters of a field that are read; the rest, from the last comma before them on, is left out."""
_LONGEST_NAME = 500  # characters
_LONGEST_EMAIL = 320  # characters: 64, "@" and 255 (RFC 5321 section 4.5.3.1); it is looked up in indexes
_SHORT = 300  # characters of a field that is kept with its addresses
_NOBODY = re.compile(r"(?:undisclosed|unlisted|unspecified|suppressed)[- _](?:recipients?|list)", re.IGNORECASE)
_SPELT_OUT = re.compile(r"(\S{1,100}) at ([\w-]{1,63}(?:\.[\w-]{1,63})+)")  # as archives of lists write addresses
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class _Segment:
    """What stands between two separators: words of a name, addresses in brackets, comments."""

    words: list[str] = field(default_factory=list)
    angles: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)
    named: int | None = None  # how many of the words stand before the first address in brackets
    schemed: bool = False  # "mailto:" or the like stands in it: it is no group's name

    def text(self) -> str:
        return "".join(self.words)

    def ends_with_scheme(self) -> bool:
        return bool(self.words) and self.words[-1].lower().endswith(_SCHEMES)


def addresses(text: str) -> tuple[Address, ...]:
    """The addresses of an unfolded header value, encoded words not yet decoded, in their order."""
    if len(text) <= _SHORT:
        return _short(text)
    return _parsed(text if len(text) <= LONGEST else text[:LONGEST].rpartition(",")[0])


def _parsed(text: str) -> tuple[Address, ...]:
    found: list[Address] = []
    before = ""
    for segment, separator in _segments(text):
        if separator == "," and not segment.angles and not _ADDRESS.search(segment.text()) and not segment.comments:
            # "Doe, John <john@...>": the comma belongs to the name, unless no address follows.
            before += segment.text() + ","
            continue
        if before and not found and not segment.angles and not separator and not _ADDRESS.search(segment.text()):
            before += segment.text()
            continue
        if before and not segment.angles:
            found += (entry for piece in before.split(",") for entry in _read(_Segment(words=[piece])))
        elif before:
            segment.words.insert(0, before)
        before = ""
        found += _read(segment)
    if found:
        found += (entry for piece in before.split(",") for entry in _read(_Segment(words=[piece])))
    elif before.strip(", "):
        found += _named(_shown(before.rstrip(", ")))
    return tuple(found)


# The author of one mail is asked for several times, and the same people write and are written to.
_short = lru_cache(maxsize=256)(_parsed)


def _segments(text: str) -> Iterator[tuple[_Segment, str]]:
    """The parts of an address list with the separator that ends each (an empty one at the end)."""
    segment = _Segment()
    at = 0
    last_semicolon = text.rfind(";")
    closing = {mark: text.rfind(end) for mark, end in (('"', '"'), ("(", ")"), ("<", ">"))}
    while token := _TOKEN.match(text, at):
        start, at = at, token.end()
        mark = token["mark"]
        if mark is None:
            segment.words.append(token[0])
        elif mark in ",;":
            yield segment, mark
            segment = _Segment()
        elif mark == ":" and (segment.schemed or segment.ends_with_scheme()):
            segment.schemed = True
            segment.words.append(mark)
        elif mark == ":" and not segment.angles and last_semicolon > start:
            segment = _Segment()  # a group's name
        elif mark == '"':
            at = _quoted(text, start, closing, segment)
        elif mark == "(":
            at = _commented(text, start, closing, segment)
        elif mark == "<":
            if segment.named is not None:  # a forgotten comma: what follows the first address names the second
                name, segment.words = segment.words[segment.named :], segment.words[: segment.named]
                yield segment, ""
                segment = _Segment(words=name)
            at = _bracketed(text, start, closing, segment)
            if "@" in segment.angles[-1]:
                segment.named = len(segment.words)
        elif mark == ":":
            segment.words.append(mark)
    yield segment, ""


def _quoted(text: str, start: int, closing: dict[str, int], segment: _Segment) -> int:
    """Take a quoted string from `start`; where it follows is returned. A quote that is never closed is a letter."""
    at = start + 1
    while at <= closing['"']:
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            break
        at += 1
    else:
        closing['"'] = -1
        return start + 1
    content = text[start + 1 : at]
    if text[at + 1 : at + 2] == "@" and (rest := _TOKEN.match(text, at + 1)):
        segment.angles.append(f'"{content}"{rest[0]}')  # a quoted local part
        return rest.end()
    content = _ESCAPED.sub(r"\1", content)
    segment.quotes.append(content)
    segment.words.append(content)
    return at + 1


def _commented(text: str, start: int, closing: dict[str, int], segment: _Segment) -> int:
    """Take a comment, nested ones within it, from `start`; where it follows is returned."""
    depth = 0
    for found in _COMMENT.finditer(text, start, closing["("] + 1):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            end = found.end()
            segment.comments.append(_ESCAPED.sub(r"\1", text[start + 1 : end - 1]))
            return end
    closing["("] = -1
    segment.words.append("(")
    return start + 1


def _bracketed(text: str, start: int, closing: dict[str, int], segment: _Segment) -> int:
    """Take an address in angle brackets from `start`; without a closing one it ends at the next separator."""
    end = text.find(">", start) if closing["<"] > start else -1
    if end < 0:
        token = re.compile(r"[^,;\s]*").match(text, start + 1)
        end = token.end() if token else start + 1
        segment.angles.append(text[start + 1 : end])
        return end
    inner = text[start + 1 : end]
    nested = inner.rfind("<")
    segment.angles.append(inner[nested + 1 :])
    return end + 1


def _read(segment: _Segment) -> Iterator[Address]:
    """The addresses of one segment."""
    name = _shown(segment.text())
    emails = [email for angle in segment.angles if (email := _email(angle))]
    if any("@" in email for email in emails):
        emails = [email for email in emails if "@" in email]
        yield _address(name=name or _comment(segment), email=emails[0])
        return
    bare = _ADDRESS.findall(name)
    if bare:
        label = _SCHEME.sub("", _shown(" ".join((_ADDRESS.sub(" ", name), *segment.angles)))).strip(" <>[]'\"")
        found = dict.fromkeys(map(_email, bare))
        yield _address(name=label or _comment(segment), email=next(iter(found)))
        yield from (_address(email=email) for email in list(found)[1:])
        return
    if emails:
        yield _address(name=name or _comment(segment), email=emails[0])
    elif _NOBODY.fullmatch(name):
        return
    elif spelt := _SPELT_OUT.fullmatch(name):
        yield _address(name=_comment(segment), email=f"{spelt[1]}@{spelt[2]}")
    elif inside := _ADDRESS.search(" ".join(segment.comments)):
        yield _address(name=name, email=_email(inside[0]))
    elif name and not segment.quotes and len(name.split()) == 1 and "=?" not in segment.text():
        yield _address(name=_comment(segment), email=name)  # a local user's name: "root (Cron Daemon)"
    elif name or segment.comments:
        yield from _named(name or _comment(segment))


def _named(name: str) -> Iterator[Address]:
    """A name without an address beside it; an address may stand in what was quoted or encoded."""
    found = _NAMED.search(name)
    if found:
        yield _address(name=name[: found.start()].strip(" \"'"), email=_email(found[1]))
    else:
        yield _address(name=name, email="")


def _address(*, email: str, name: str = "") -> Address:
    return Address(name=name[:_LONGEST_NAME].rstrip(), email=email if len(email) <= _LONGEST_EMAIL else "")


def _comment(segment: _Segment) -> str:
    return _shown(" ".join(segment.comments))


def _shown(name: str) -> str:
    """A display name, decoded, without the quotes that some mailers encode along with it."""
    shown = " ".join(clean(words(name)).split())
    return shown[1:-1].strip() if len(shown) > 1 and shown[0] == shown[-1] == '"' else shown


def _email(text: str) -> str:
    """An addr-spec without what mailers put around it: blanks, quotes, a scheme, a source route."""
    if text.startswith('"') and "@" in text:
        return clean(text)
    email = _SCHEME.sub("", "".join(clean(words(text)).split()).strip("'\"<>() \u200b\u200e\u200f"))
    if email.startswith("["):
        email = email.strip("[]")
    if email.startswith("@"):
        route = _ROUTE.match(email)
        email = email[route.end() :] if route else email
    return email.rstrip(".,;")
