"""A mail's HTML as readable lines, as a person would see it: hidden things left out, whitespace collapsed.

The walk over the parsed tree is iterative and looks at each node once, so no nesting and no size makes it fail or slow;
what the parser itself cannot take is held off by `markup.tame`. Nothing raises, nothing is fetched, nothing runs.

It must not decide which lines are new and which are quoted: it only says which of its caller's labels (`labelled`)
each line stands under.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bridge.mail import css
from bridge.mail.layout import BOLD, CODE, ITALIC, STRIKE, Context, Page
from bridge.mail.markup import tame
from bridge.mail.tables import Table
from bridge.model import Line

Attributes = Mapping[str, str | None]
Labeller = Callable[[str, Attributes], int]
"""Gives an element's label, a bit mask, from its tag and attributes; 0 for none. Labels add up on the way down."""

_CUT = "[The mail is longer: its end is not shown here.]"
_MAX_QUOTE = 30  # depth of quoting that is still told apart; deeper, the quote signs would outgrow the text
_MAX_INDENT = 10  # depth of lists that is still told apart
_MAX_HREF = 4096  # characters; trackers' links stay below, only inlined documents are longer
_MAX_CID = 100  # characters of a picture's name
_TEXT_NODE = 2  # the parser's tag id of a run of text

_SKIPPED = frozenset(
    {
        "head",
        "script",
        "style",
        "template",
        "title",
        "meta",
        "link",
        "base",
        "object",
        "embed",
        "applet",
        "iframe",
        "frame",
        "frameset",
        "noframes",
        "noembed",
        "audio",
        "video",
        "canvas",
        "svg",
        "map",
        "area",
        "input",
        "select",
        "textarea",
        "datalist",
        "progress",
        "meter",
    }
)
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "details",
        "div",
        "dd",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "nav",
        "optgroup",
        "option",
        "section",
        "summary",
    }
)
_MARGINS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "listing", "xmp"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_FIXED = frozenset({"pre", "listing", "xmp"})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_STYLES = {
    "b": BOLD, "strong": BOLD, "th": BOLD,
    "i": ITALIC, "em": ITALIC, "cite": ITALIC, "dfn": ITALIC, "var": ITALIC,
    "s": STRIKE, "strike": STRIKE, "del": STRIKE,
    "code": CODE, "kbd": CODE, "samp": CODE, "tt": CODE,
}  # fmt: skip
_URL_NOISE = re.compile(r"[\x00-\x20\x7f]+")
_URL = re.compile(r"(?:https?://|mailto:|tel:)[^\s]", re.IGNORECASE)
_WORD_BULLET = re.compile(r"[^\w\s]|[oØ§]")
_WORD_NUMBER = re.compile(r"[(]?\w{1,5}[.)]?")
_Leave = Callable[[], None]


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
        _Walk(page, labeller=labeller, hidden=hidden).over(start)
    if cut:
        page.end_block()
        page.write(_CUT, Context(style=ITALIC))
        page.end_line()
    return list(zip(page.lines, page.labels, strict=True))


def _plain_line(line: Line) -> str:
    out = ["> " * line.quote, "  " * line.indent, f"{line.marker} " if line.marker else ""]
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


@dataclass(slots=True)
class _List:
    """A list being read: the number of its next item, or None where it has bullets; `bare` lists have no markers."""

    number: int | None
    bare: bool

    def marker(self, attributes: Attributes) -> str:
        if self.number is None or self.bare:
            return "" if self.bare else "•"
        number = _integer(attributes.get("value"), self.number)
        self.number = number + 1
        return f"{number}."


class _Walk:
    """One walk over a parsed document, writing to a page."""

    def __init__(self, page: Page, *, labeller: Labeller, hidden: frozenset[str]) -> None:
        self._page = page
        self._labeller = labeller
        self._hidden = hidden
        self._lists: list[_List] = []
        self._tables: list[Table] = []

    def over(self, start: LexborNode) -> None:
        """Writes all that can be seen below `start`."""
        frames: list[tuple[LexborNode, Context, _Leave | None]] = []
        context = Context()
        node = start.child
        while node is not None or frames:
            if node is None:
                element, context, leave = frames.pop()
                if leave is not None:
                    leave()
                node = element.next
                continue
            if node.tag_id == _TEXT_NODE:
                self._text(node.text_content or "", context)
            elif (entered := self._enter(node, context)) is not None:
                frames.append((node, context, entered[1]))
                context = entered[0]
                node = node.child
                continue
            node = node.next
        self._page.end_line()

    def _text(self, text: str, context: Context) -> None:
        if context.spaced and not context.invisible:
            self._page.write_spaced(text, context)
        elif not context.invisible:
            self._page.write(text, context)

    def _enter(self, node: LexborNode, context: Context) -> tuple[Context, _Leave | None] | None:
        """The context inside an element and what to do at its end; None where nothing inside is to be read."""
        tag = node.tag or ""
        if tag in _SKIPPED or not node.is_element_node:
            return None
        if tag == "br":
            self._page.line_break(context)
            return None
        attributes: Attributes = node.attributes
        leave: _Leave | None = None
        if attributes:
            style = css.read(attributes.get("style"))
            if self._hides(tag, attributes, style) or (style.word_marker and self._take_marker(node)):
                return None
            if label := self._labeller(tag, attributes):
                context = context._replace(label=context.label | label)
            context = style.within(_in_tag(tag, context))
            leave = self._page.end_line if style.block else None
        else:
            context = _in_tag(tag, context)
        return self._structure(tag, attributes, context, leave)

    def _hides(self, tag: str, attributes: Attributes, style: css.Style) -> bool:
        """Whether nobody sees the element. A button that only Outlook does not show is seen by all others."""
        if style.hides or "hidden" in attributes or (style.hides_in_outlook and tag != "a"):
            return True
        return bool(self._hidden) and not self._hidden.isdisjoint((attributes.get("class") or "").lower().split())

    def _structure(
        self, tag: str, attributes: Attributes, context: Context, leave: _Leave | None
    ) -> tuple[Context, _Leave | None] | None:
        """The same for an element that is seen: what its tag does to the text in it and around it."""
        page = self._page
        if tag == "a":
            href = _target(attributes.get("href"))
            return (context._replace(href=href) if href else context), leave
        if tag in _BLOCKS:
            page.end_line()
            return context, page.end_line
        if tag in _MARGINS:
            return self._paragraph(tag, attributes, context)
        if tag in ("table", "tr", "td", "th"):
            return context, self._table_part(tag, attributes)
        if tag in _LISTS:
            return self._list(tag, attributes, context)
        if tag == "li":
            page.end_line()
            page.marker = self._lists[-1].marker(attributes) if self._lists else "•"
            return context, self._end_item
        if tag == "blockquote":
            page.end_block()
            quoting = not css.read(attributes.get("style")).borderless or attributes.get("type") == "cite"
            return context._replace(quote=min(context.quote + quoting, _MAX_QUOTE)), page.end_block
        if tag == "img":
            self._image(attributes, context)
            return None
        if tag == "hr":
            page.end_block()
            return None
        if leave is not None:
            page.end_line()
        return context, leave

    def _paragraph(self, tag: str, attributes: Attributes, context: Context) -> tuple[Context, _Leave]:
        style = css.read(attributes.get("style"))
        if style.word_level:
            context = context._replace(indent=min(style.word_level - 1, _MAX_INDENT))
        if tag in _HEADINGS:
            context = context._replace(heading=True)
        if tag in _FIXED:
            # A whole mail in one `pre`, as some programs write plain text, is no code.
            wraps = bool(style.spaced) or "wrap" in attributes or "k9mail" in (attributes.get("class") or "")
            context = context._replace(spaced=True, pre=not wraps)
        word = (attributes.get("class") or "").startswith("Mso") and not style.margin
        leave = self._page.end_line if style.tight or word or self._lists else self._page.end_block
        leave()
        return context, leave

    def _list(self, tag: str, attributes: Attributes, context: Context) -> tuple[Context, _Leave]:
        bare = css.read(attributes.get("style")).bare_list
        number = _integer(attributes.get("start"), 1) if tag == "ol" else None
        (self._page.end_line if self._lists else self._page.end_block)()
        self._lists.append(_List(number=number, bare=bare))
        return context._replace(indent=min(len(self._lists) - 1, _MAX_INDENT)), self._end_list

    def _end_list(self) -> None:
        self._lists.pop()
        (self._page.end_line if self._lists else self._page.end_block)()

    def _end_item(self) -> None:
        self._page.end_line()
        self._page.marker = ""

    def _table_part(self, tag: str, attributes: Attributes) -> _Leave:
        page = self._page
        if tag == "table":
            page.end_block()
            if self._tables:
                self._tables[-1].nested = True
            self._tables.append(
                Table(
                    start=len(page.lines),
                    declared=(attributes.get("border") or "0") != "0" or bool(attributes.get("summary")),
                    layout=attributes.get("role") in ("presentation", "none"),
                )
            )
            return self._end_table
        page.end_line()
        table = self._tables[-1] if self._tables else None
        if table is not None and tag == "tr":
            table.rows.append([])
        elif table is not None:
            table.declared = table.declared or tag == "th"
            table.cell_start = len(page.lines)
            return self._end_cell
        return page.end_line

    def _end_cell(self) -> None:
        page = self._page
        page.end_line()
        table = self._tables[-1]
        if table.rows:
            table.rows[-1].append((table.cell_start, len(page.lines)))

    def _end_table(self) -> None:
        page = self._page
        page.end_line()
        table = self._tables.pop()
        if not table.nested and len(set(page.labels[table.start :])) == 1:
            rebuilt = table.rebuilt(page.lines)
            if rebuilt is not None:
                page.replace_from(table.start, rebuilt)
        page.end_block()

    def _image(self, attributes: Attributes, context: Context) -> None:
        """A picture by its words; one that comes with the mail is named even without any."""
        small = {attributes.get("width"), attributes.get("height")} & {"0", "1", "2", "1px", "0px", "2px"}
        if small or css.read(attributes.get("style")).pixel:
            return
        words = " ".join((attributes.get("alt") or "").split())
        source = (attributes.get("src") or "").strip()
        if source[:4].lower() == "cid:":
            words = f"[image: {words or source[4:].partition('@')[0][:_MAX_CID] or 'unnamed'}]"
        if words:
            self._text(words, context)

    def _take_marker(self, node: LexborNode) -> bool:
        """Makes the bullet or number that Word writes as text a list's marker; whether it was one."""
        words = node.text(deep=True).strip("\u00a0\r\n\t ")
        if _WORD_NUMBER.fullmatch(words) and words != "o":
            self._page.marker = words
        elif _WORD_BULLET.fullmatch(words):
            self._page.marker = "•"
        else:
            return False
        return True


def _in_tag(tag: str, context: Context) -> Context:
    """The context with the style that the tag itself has."""
    return context._replace(style=context.style | _STYLES[tag]) if tag in _STYLES else context


def _target(href: str | None) -> str:
    """A link's address where it leads out of the mail and can do no harm, else nothing."""
    if not href or len(href) > _MAX_HREF:
        return ""
    href = _URL_NOISE.sub("", href) if not href.lower().startswith("mailto:") else href.strip()
    if href.startswith("//"):
        href = f"https:{href}"
    return href if _URL.match(href) else ""


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else default
