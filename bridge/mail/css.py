"""The little CSS that decides whether and how a mail's text is seen: what hides, what breaks lines, what is bold.

Inline styles, and of style sheets only the plain rules by which a class hides: selectors that depend on the screen or
on other elements are not followed.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from bridge.mail.layout import BOLD, ITALIC, STRIKE, Context

_MAX_STYLE = 2_000  # characters of one style attribute: mail programs write up to a few hundred
_ZERO = r"\s*:\s*0*\.?0+(?![.\d]*[1-9])"
_HIDES = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    rf"|max-height{_ZERO}|(?<![\w-])opacity{_ZERO}"
    rf"|(?<![\w-])height{_ZERO}[^;]*;.*overflow\s*:\s*hidden|overflow\s*:\s*hidden.*?(?<![\w-])height{_ZERO}"
)
_HIDES_IN_OUTLOOK = re.compile(r"mso-hide\s*:\s*all")
_FONT_SIZE = re.compile(
    r"(?<![\w-])font(?:-size\s*:\s*|\s*:[^;:]*?(?<![\w.]))(\d*\.?\d+)(?=p[tx]|r?em|%|/|\s*(?:;|!|\Z))"
)
_WEIGHT = re.compile(r"(?<![\w-])font(?:-weight)?\s*:[^;:]*?(?<!\w)(bold|bolder|normal|lighter|[1-9]00)\b")
_ITALIC = re.compile(r"(?<![\w-])font(?:-style)?\s*:[^;:]*?(?<!\w)(?:italic|oblique)\b")
_STRUCK = re.compile(r"text-decoration[\w-]*\s*:[^;:]*line-through")
_WHITE_SPACE = re.compile(r"white-space\s*:\s*([\w-]+)")
_BLOCK = re.compile(r"(?<![\w-])display\s*:\s*(?:block|flex|grid|list-item|table(?!-cell))")
_NO_MARGIN = re.compile(
    r"(?<![\w-])margin\s*:\s*0[a-z%]*(?:\s+0[a-z%]*){0,3}(?:\s+0?\.0+1pt)?(?:\s+0[a-z%]*)?\s*(?:;|!|\Z)"
)
_BOTTOM_MARGIN = re.compile(r"margin-bottom\s*:\s*0*\.?0*[1-9](?!pt)")
_WORD_LEVEL = re.compile(r"mso-list\s*:[^;]*?\blevel(\d)")
_PIXEL = re.compile(r"(?<![\w-])(?:width|height)\s*:\s*[012](?:px)?\s*(?:;|!|\Z)")
_CLASS = re.compile(r"(?:[a-z]*\.([\w-]+))")


class Style(NamedTuple):
    """What one style attribute says. `bold`, `small` (a font of size 0) and `spaced` are None where it says nothing."""

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
    font = "font" in style
    size = _FONT_SIZE.search(style) if font else None
    weight = _WEIGHT.search(style) if font else None
    space = _WHITE_SPACE.search(style)
    level = _WORD_LEVEL.search(style)
    return Style(
        hides=_HIDES.search(style) is not None,
        hides_in_outlook=_HIDES_IN_OUTLOOK.search(style) is not None,
        block=_BLOCK.search(style) is not None,
        bold=weight[1] in ("bold", "bolder", "600", "700", "800", "900") if weight else None,
        italic=font and _ITALIC.search(style) is not None,
        struck=_STRUCK.search(style) is not None,
        small=float(size[1]) == 0 if size else None,
        spaced=space[1] in ("pre", "pre-wrap", "pre-line", "break-spaces") if space else None,
        margin="margin" in style,
        tight=_NO_MARGIN.search(style) is not None and _BOTTOM_MARGIN.search(style) is None,
        borderless=re.search(r"border(?:-left)?\s*:\s*(?:none|0)", style) is not None,
        pixel=_PIXEL.search(style) is not None,
        bare_list=re.search(r"list-style[\w-]*\s*:\s*none", style) is not None,
        word_marker="mso-list:ignore" in style,
        word_level=int(level[1]) if level else 0,
    )


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
