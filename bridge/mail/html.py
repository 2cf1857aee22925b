"""A mail's HTML as readable lines, as a person would see it: hidden things left out, whitespace collapsed.

Nothing raises, nothing is fetched, nothing runs, and the time is linear in the length: `markup` holds off what the
parser cannot take, `walk` looks at each node once.

It must not decide which lines are new and which are quoted: it only says which of its caller's labels (`labelled`)
each line stands under.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from selectolax.lexbor import LexborHTMLParser

from bridge.mail import css
from bridge.mail.layout import ITALIC, Context, Page
from bridge.mail.markup import tame
from bridge.mail.walk import Labeller, Walk
from bridge.model import Line, Span

CUT = "[The mail is longer: its end is not shown here.]"
CUT_LINE = Line(spans=(Span(text=CUT, italic=True),))
"""Stands last in what is read of a mail that is longer."""
"""The last line of HTML that is too long or too intricate to be read whole."""


def lines(html: str) -> tuple[Line, ...]:
    """What a reader of this HTML sees.

    Any text is taken, also one that is no HTML. Where it is too long or too intricate to be read whole, its end is
    cut off and the last line says so.
    """
    return tuple(line for line, _ in labelled(html, lambda _tag, _attributes: 0))


def plain(html: str) -> str:
    """What a reader of this HTML sees, as plain text: `plain_lines` of its `lines`."""
    return plain_lines(lines(html))


def plain_lines(text: Iterable[Line]) -> str:
    """Lines as plain text, without a line break at the end.

    "> " stands for each depth of quoting, links are `text <url>` where the text is not the address itself.
    """
    return "\n".join(_plain_line(line) for line in text)


def labelled(html: str, labeller: Labeller) -> list[tuple[Line, int]]:
    """Like `lines`, each with the labels of the elements that it begins in."""
    markup, cut = tame(html)
    parser = LexborHTMLParser(markup)
    sheets = parser.css("style") if "<style" in markup else []
    page = Page()
    start = parser.body or parser.root
    if start is not None:
        hidden = css.hidden_classes(sheet.text_content or sheet.text() for sheet in sheets)
        Walk(page, labeller=labeller, hidden=hidden).over(start)
    if cut:
        page.end_block()
        page.write(CUT, Context(style=ITALIC))
        page.end_line()
    return list(zip(page.lines, page.labels, strict=True))


def _plain_line(line: Line) -> str:
    if line.quote or line.indent or line.marker:
        out = ["> " * line.quote, "  " * line.indent, f"{line.marker} " if line.marker else ""]
    else:
        out = []
    if not any(span.href for span in line.spans):
        return "".join([*out, line.text]).rstrip()
    for href, spans in groupby(line.spans, key=attrgetter("href")):
        words = "".join(span.text for span in spans)
        out.append(words)
        if href and not _says(words, href):
            out.append(f" <{href}>")
    return "".join(out).rstrip()


def _says(words: str, href: str) -> bool:
    """Whether a link's words are its address already."""
    bare = href.split(":", 1)[1].lstrip("/").rstrip("/")
    words = words.strip().rstrip("/")
    if href.startswith("tel:"):
        return re.sub(r"\D", "", words) == re.sub(r"\D", "", bare)
    return words in (bare, href.rstrip("/"))
