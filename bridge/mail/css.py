"""The little CSS that decides whether and how a mail's text is seen: what hides, what breaks lines, what is bold.

Inline styles, and of style sheets only the plain rules by which a class hides: selectors that depend on the screen or
on other elements are not followed.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from bridge.mail.layout import BOLD, ITALIC, STRIKE, Context

_MAX_STYLE = 2_000  # characters of one style attribute: mail programs write up to a few hundred
_AWAY = -500.0  # pixels or so to the left or above, where no window shows anything
_TINY = 1.0  # pixels or points of a font that nobody can read
_NUMBER = re.compile(r"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)")
_FONT_SIZE = re.compile(r"(\d++(?:\.\d++)?+|\.\d++)(p[tx]|r?em|%)?+")
_WEIGHTS = {"normal": False, "lighter": False, "bold": True, "bolder": True}
_WEIGHTS |= {f"{hundreds}00": hundreds >= 6 for hundreds in range(1, 10)}
_BLOCKS = ("block", "flex", "grid", "list-item", "table")
_NO_MARGIN = re.compile(r"0[a-z%]*+|0?+\.0++1pt")
_HARDLY_A_MARGIN = 0.01  # Outlook writes .0001pt for none
_WORD_LEVEL = re.compile(r"\blevel(\d)")
_PIXEL = re.compile(r"[012](?:px)?")
_LEFT_BORDERS = ("border", "border-left")
_CLASS = re.compile(r"(?:[a-z]*\.([\w-]+))")


class Style(NamedTuple):
    """What one style attribute says. `bold`, `small` (a font that nobody can read) and `spaced` are None where it says
    nothing.
    """

    hides: bool = False
    hides_in_outlook: bool = False
    block: bool = False
    bold: bool | None = None
    italic: bool = False
    struck: bool = False
    small: bool | None = None
    spaced: bool | None = None
    margin: bool = False
    tight: bool = False
    borderless: bool = False
    pixel: bool = False
    bare_list: bool = False
    word_marker: bool = False
    word_level: int = 0

    def within(self, context: Context) -> Context:
        """What text inherits that stands in this style in that context."""
        style = context.style
        if self.bold is not None:
            style = style | BOLD if self.bold else style & ~BOLD
        style |= (ITALIC if self.italic else 0) | (STRIKE if self.struck else 0)
        spaced = context.spaced if self.spaced is None else self.spaced
        invisible = context.invisible if self.small is None else self.small
        if (style, spaced, invisible) == (context.style, context.spaced, context.invisible):
            return context
        return context._replace(style=style, spaced=spaced, invisible=invisible)


_PLAIN = Style()


def read(attribute: str | None) -> Style:
    """What a style attribute says, None being one that is not there."""
    return _read(attribute[:_MAX_STYLE].lower()) if attribute else _PLAIN


@lru_cache(maxsize=512)
def _read(style: str) -> Style:
    said = _declarations(style)
    font = said.get("font", "").split()
    size = _font_size(said["font-size"].split()[:1]) if "font-size" in said else _font_size(font)
    weights = [_WEIGHTS[word] for word in (*said.get("font-weight", "").split(), *font) if word in _WEIGHTS]
    level = _WORD_LEVEL.search(said.get("mso-list", ""))
    margins = said.get("margin", "").split()
    return Style(
        hides=_hides(said),
        hides_in_outlook=said.get("mso-hide") == "all",
        block=said.get("display", "").startswith(_BLOCKS) and said["display"] != "table-cell",
        bold=weights[0] if weights else None,
        italic=not {"italic", "oblique"}.isdisjoint((*said.get("font-style", "").split(), *font)),
        struck="line-through" in said.get("text-decoration", "") + said.get("text-decoration-line", ""),
        small=size,
        spaced=said["white-space"].startswith(("pre", "break-spaces")) if "white-space" in said else None,
        margin="margin" in style,
        tight=0 < len(margins) <= 4
        and all(map(_NO_MARGIN.fullmatch, margins))
        and _number(said.get("margin-bottom"), 0) < _HARDLY_A_MARGIN,
        borderless=any(said.get(one, "").startswith("none") or _is_zero(said.get(one)) for one in _LEFT_BORDERS),
        pixel=any(_PIXEL.fullmatch(said.get(one, "")) for one in ("width", "height")),
        bare_list=any(said.get(one, "").startswith("none") for one in ("list-style", "list-style-type")),
        word_marker=said.get("mso-list") == "ignore",
        word_level=int(level[1]) if level else 0,
    )


def _declarations(style: str) -> dict[str, str]:
    """What a style says of each property: the last word counts, before it the last that is important."""
    said: dict[str, str] = {}
    important: set[str] = set()
    for declaration in style.split(";"):
        name, colon, value = declaration.partition(":")
        value, urgent, _ = value.partition("!")
        name = name.strip()
        if colon and (urgent or name not in important):
            said[name] = value.strip()
            if urgent:
                important.add(name)
    return said


def _hides(said: dict[str, str]) -> bool:
    """Whether nothing can be seen of what stands inside: it is not drawn, has no height, or lies outside the window."""
    if said.get("display") == "none" or said.get("visibility") in ("hidden", "collapse"):
        return True
    if _is_zero(said.get("max-height")) or _is_zero(said.get("opacity")):
        return True
    if _is_zero(said.get("height")) and "hidden" in (said.get("overflow"), said.get("overflow-y")):
        return True
    placed = said.get("position") in ("absolute", "fixed", "relative")
    away = (*(("left", "top", "right", "bottom") if placed else ()), "text-indent")
    return any(_number(said.get(one), 0) <= _AWAY for one in away)


def _number(value: str | None, default: float) -> float:
    """The number that a value begins with."""
    found = _NUMBER.match(value) if value else None
    return float(found[0]) if found else default


def _is_zero(value: str | None) -> bool:
    return _number(value, 1) == 0


def _font_size(words: Sequence[str]) -> bool | None:
    """Whether the size among the words of a font is one that nobody can read, None where none stands there.

    A number without a unit is a size only before a slash or at the end: 700 is how bold it is.
    """
    for place, word in enumerate(words, 1):
        size, slash, _ = word.partition("/")
        found = _FONT_SIZE.fullmatch(size)
        if found and (found[2] or slash or place == len(words)):
            return float(found[1]) <= (_TINY if found[2] in ("px", "pt") else 0)
    return None


def hidden_classes(sheets: Iterable[str]) -> frozenset[str]:
    """The classes that style sheets hide on every screen."""
    found: set[str] = set()
    for sheet in sheets:
        if "none" not in sheet:
            continue
        for selector, body in _rules(sheet.lower()):
            if "none" in body and re.search(r"display\s*:\s*none", body):
                found.update(name[1] for part in selector.split(",") if (name := _CLASS.fullmatch(part.strip())))
    return frozenset(found)


def _rules(sheet: str) -> Iterable[tuple[str, str]]:
    """Selector and body of the rules that stand in no @-rule."""
    depth = start = 0
    selector = ""
    for brace in re.finditer(r"[{}]", sheet):
        if brace[0] == "{":
            depth += 1
            if depth == 1:
                selector = sheet[start : brace.start()]
                start = brace.end()
        elif depth:
            depth -= 1
            if not depth:
                if "@" not in selector:
                    yield selector.rpartition("*/")[2].strip(), sheet[start : brace.start()]
                start = brace.end()
