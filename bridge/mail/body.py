"""A mail's body as it goes out: lines to plain text and to HTML, and plain text to lines (pure).

The HTML is safe whatever the lines hold: text is escaped, links are http, https, ftp, mailto or tel, there are no
scripts, classes or outside resources, and styles stand inline because mail clients drop everything else. Depth is
capped, so that no client has to draw a thousand nested quotes. What the operator wrote as HTML stands as written.
"""

import re
from collections.abc import Iterable
from html import escape
from itertools import groupby
from urllib.parse import quote

from bridge.model import Line, Span

_DEEPEST = 12  # levels of quoting or of lists that are drawn; deeper ones stand at this level
_LINKS = ("http://", "https://", "ftp://", "mailto:", "tel:")
_ENCODED = re.compile(r'[|<>\\`" ]')  # as they are shown in Slack, where a link holds none of them either
_QUOTE = '<blockquote type="cite" style="margin:0 0 0 .8ex;border-left:2px solid #ccc;padding-left:1ex">'
_HEAD = '<!doctype html><html><head><meta charset="utf-8"></head><body dir="auto">\n'
_CODE = '<code style="background:#f4f4f4;border-radius:3px;padding:0 3px">'
_PRE = '<pre style="background:#f4f4f4;border-radius:3px;padding:6px;white-space:pre-wrap">'
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_QUOTE_SIGNS = re.compile(r"(?:> ?)*")
_WHOLE = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_END = re.compile(r"</body\s*>|</html\s*>", re.IGNORECASE)


def plain(lines: Iterable[Line]) -> str:
    """The lines as plain text, each ending in a line feed: quotes `> `, lists `- ` and `1. `, links `text <url>`."""
    return "".join(f"{_plain_line(line)}\n" for line in lines)


def html(lines: Iterable[Line], *, pictures: Iterable[str] = (), above: str = "") -> str:
    """The lines as an HTML document, and below them the pictures (by Content-ID): a line has no place for one.

    `above` is HTML that somebody wrote, a piece or a document of its own: it stands as it is, and the lines end it.
    """
    below = "".join((*_drawn(lines), *(f'<div><img src="cid:{quote(one)}" alt=""></div>\n' for one in pictures)))
    above = "\n".join(map(_clean, above.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
    if _WHOLE.search(above):
        ends = next(_END.finditer(above), None)
        at = ends.start() if ends else len(above)
        return f"{above[:at]}{below}{above[at:]}".rstrip("\n") + "\n"
    above = f"{above.rstrip()}\n" if above.strip() else ""
    return f"{_HEAD}{above}{below}</body></html>\n"


def _drawn(lines: Iterable[Line]) -> list[str]:
    parts: list[str] = []
    depth = 0
    for level, quoted in groupby(lines, key=lambda line: min(line.quote, _DEEPEST)):
        parts.append(f"{_QUOTE}\n" * (level - depth) + "</blockquote>\n" * (depth - level))
        depth = level
        for pre, block in groupby(quoted, key=lambda line: line.pre):
            draw = _preformatted if pre else _flow
            parts += draw(block)
    return [*parts, "</blockquote>\n" * depth]


def is_formatted(lines: Iterable[Line]) -> bool:
    """Whether plain text alone would lose something of how the lines look."""
    return any(
        line.quote
        or line.marker
        or line.pre
        or line.heading
        or any(
            span.bold or span.italic or span.strike or span.code or _address_of(span) not in ("", span.text)
            for span in line.spans
        )
        for line in lines
    )


def from_plain(text: str) -> tuple[Line, ...]:
    """Plain text as lines; leading `>` signs become the depth of quoting."""
    lines = []
    for row in text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n"):
        signs = _QUOTE_SIGNS.match(row)
        end = signs.end() if signs else 0
        rest = row[end:]
        lines.append(Line(spans=(Span(text=rest),) if rest else (), quote=row[:end].count(">")))
    return tuple(lines)


def _clean(text: str) -> str:
    """The text without characters that no mail may carry, and without line breaks: a span is part of one line."""
    return _CONTROLS.sub(" ", text.replace("\r\n", " ")).encode("utf-8", "replace").decode()


def _href(span: Span) -> str:
    """The span's link as it may stand in a mail (RFC 3986, section 2), where it is one that may go out."""
    href = span.href
    safe = href.lower().startswith(_LINKS) and href.isprintable()
    return _ENCODED.sub(lambda sign: f"%{ord(sign[0]):02X}", href) if safe else ""


def _address_of(span: Span) -> str:
    """What a reader of plain text needs beside the link's words: the URL, or a mail address or number by itself."""
    href = _href(span)
    return href.partition(":")[2] if href.lower().startswith(("mailto:", "tel:")) else href


def _plain_line(line: Line) -> str:
    words = "".join(_plain_span(span) for span in line.spans)
    signs = ">" * line.quote + (" " if line.quote and (words or line.marker) else "")
    marker = f"{_plain_marker(line.marker)} " if line.marker else ""
    return f"{signs}{'  ' * min(line.indent, _DEEPEST)}{marker}{words}"


def _plain_marker(marker: str) -> str:
    return _clean(marker) if marker[0].isdigit() else "-"


def _plain_span(span: Span) -> str:
    text, url = _clean(span.text), _address_of(span)
    return f"{text} <{url}>" if url not in ("", span.text) else text


def _preformatted(lines: Iterable[Line]) -> list[str]:
    rows = ["".join(_html_span(span, escape(_clean(span.text))) for span in line.spans) for line in lines]
    return [_PRE, "\n".join(rows), "</pre>\n"]


def _flow(lines: Iterable[Line]) -> list[str]:
    """Paragraphs and lists. `open_` are the lists that are open, outermost first: their indent and their tag."""
    parts: list[str] = []
    open_: list[tuple[int, str]] = []
    for line in lines:
        indent = min(line.indent, _DEEPEST)
        words = _words(line)
        if line.marker:
            parts.append(_item(line.marker, words, indent=indent, open_=open_))
            continue
        parts.append(_close(open_, until=indent if words else 0))
        if open_:
            parts.append(f"<br>{words}")
            continue
        margin = f' style="margin-left:{2 * indent}em"' if indent and words else ""
        strong = f"<b>{words}</b>" if line.heading else words
        parts.append(f"<div{margin}>{strong or '<br>'}</div>\n")
    parts.append(_close(open_, until=0))
    return parts


def _item(marker: str, words: str, *, indent: int, open_: list[tuple[int, str]]) -> str:
    """One list item, left open for what belongs to it, in a list that is opened, gone on with or changed."""
    number = marker.rstrip(".)")
    tag = "ol" if number.isdecimal() else "ul"
    closing = _close(open_, until=indent + 1)
    if open_ and open_[-1] == (indent, tag):
        closing += "</li>\n"
    else:
        if open_ and open_[-1][0] == indent:
            closing += _close(open_, until=indent)
        open_.append((indent, tag))
        closing += f"<{tag}>\n"
    value = f' value="{int(number)}"' if tag == "ol" and len(number) < 10 else ""
    return f"{closing}<li{value}>{words}"


def _close(open_: list[tuple[int, str]], *, until: int) -> str:
    """Closes the lists that stand as deep as `until`, or deeper."""
    closing = ""
    while open_ and open_[-1][0] >= until:
        closing += f"</li>\n</{open_.pop()[1]}>\n"
    return closing


def _words(line: Line) -> str:
    """A line's spans as HTML in which runs of spaces survive, and one that the line begins with."""
    texts = [escape(_clean(span.text)).replace("\t", "    ").replace("  ", " &nbsp;") for span in line.spans]
    if texts and texts[0].startswith(" "):
        texts[0] = f"&nbsp;{texts[0][1:]}"
    return "".join(map(_html_span, line.spans, texts))


def _html_span(span: Span, text: str) -> str:
    for wanted, before, after in (
        (span.code, _CODE, "</code>"),
        (span.strike, "<s>", "</s>"),
        (span.italic, "<i>", "</i>"),
        (span.bold, "<b>", "</b>"),
        (bool(_href(span)), f'<a href="{escape(_href(span))}">', "</a>"),
    ):
        if wanted:
            text = f"{before}{text}{after}"
    return text
