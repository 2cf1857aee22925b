"""The walk over a parsed mail: what each element does to the text in it and around it.

Iterative, and each node is looked at once: no nesting makes it fail or slow.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from selectolax.lexbor import LexborNode

from bridge.mail import css
from bridge.mail.decode import without_bidi
from bridge.mail.layout import BOLD, CODE, ITALIC, STRIKE, Context, Page
from bridge.mail.markup import tags
from bridge.mail.tables import Table

Attributes = Mapping[str, str | None]
Labeller = Callable[[str, Attributes], int]
"""Gives an element's label, a bit mask, from its tag and attributes; 0 for none. Labels add up on the way down."""

_Leave = Callable[[], None]
_Entered = tuple[Context, _Leave | None]
"""The context inside an element, and what is to be done at its end."""

_MAX_QUOTE = 30  # depth of quoting that is still told apart; deeper, the quote signs would outgrow the text
_MAX_INDENT = 10  # depth of lists that is still told apart
_MAX_HREF = 4096  # characters; trackers' links stay below, only inlined documents are longer
_MAX_CID = 100  # characters of a picture's name
_TEXT_NODE = 2  # the parser's tag id of a run of text

_STYLES = {
    "b": BOLD, "strong": BOLD, "th": BOLD,
    "i": ITALIC, "em": ITALIC, "cite": ITALIC, "dfn": ITALIC, "var": ITALIC,
    "s": STRIKE, "strike": STRIKE, "del": STRIKE,
    "code": CODE, "kbd": CODE, "samp": CODE, "tt": CODE,
}  # fmt: skip
# Nobody reads what they hold in a mail: what they show is not text, or is not the author's.
_SKIPPED = tags(
    "head script style template title meta link base object embed applet iframe frame frameset noframes noembed audio "
    "video canvas svg map area input select textarea datalist progress meter"
)
_BLOCKS = tags(
    "address article aside body caption center details div dd dl dt fieldset figcaption figure footer form header "
    "hgroup html legend main nav optgroup option section summary"
)
_URL_NOISE = re.compile(r"[\x00-\x20\x7f\u202a-\u202e\u2066-\u2069]+")
_URL = re.compile(r"(?:https?://|mailto:|tel:)[^\s]", re.IGNORECASE)
_WORD_BULLET = re.compile(r"[^\w\s]|[oØ§]")
_WORD_NUMBER = re.compile(r"[(]?\w{1,5}[.)]?")


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


class Walk:
    """One walk over a parsed document, writing to a page.

    `hidden` are the classes that a style sheet hides.
    """

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

    def _enter(self, node: LexborNode, context: Context) -> _Entered | None:
        """What an element does; None where nothing inside it is to be read."""
        tag = node.tag or ""
        if tag in _SKIPPED or not node.is_element_node:
            return None
        attributes: Attributes = node.attributes
        style = css.read(attributes.get("style"))
        if attributes:
            if self._hides(tag, attributes, style) or (style.word_marker and self._take_marker(node)):
                return None
            if label := self._labeller(tag, attributes):
                context = context._replace(label=context.label | label)
        if tag in _STYLES:
            context = context._replace(style=context.style | _STYLES[tag])
        if attributes:
            context = style.within(context)
        act = self._ACTS.get(tag)
        if act is not None:
            return act(self, tag, attributes, context)
        return self._block(tag, attributes, context) if style.block else (context, None)

    def _hides(self, tag: str, attributes: Attributes, style: css.Style) -> bool:
        """Whether nobody sees the element. A button that only Outlook does not show is seen by all others."""
        if style.hides or "hidden" in attributes or (style.hides_in_outlook and tag != "a"):
            return True
        return bool(self._hidden) and not self._hidden.isdisjoint((attributes.get("class") or "").lower().split())

    def _block(self, _tag: str, _attributes: Attributes, context: Context) -> _Entered:
        self._page.end_line()
        return context, self._page.end_line

    def _break(self, _tag: str, _attributes: Attributes, context: Context) -> None:
        self._page.line_break(context)

    def _rule(self, _tag: str, _attributes: Attributes, _context: Context) -> None:
        self._page.end_block()

    def _link(self, _tag: str, attributes: Attributes, context: Context) -> _Entered:
        if href := _target(attributes.get("href")):
            context = context._replace(href=href)
        if css.read(attributes.get("style")).block:
            return self._block("a", attributes, context)
        return context, None

    def _heading(self, tag: str, attributes: Attributes, context: Context) -> _Entered:
        return self._paragraph(tag, attributes, context._replace(heading=True))

    def _fixed(self, tag: str, attributes: Attributes, context: Context) -> _Entered:
        """A text whose spaces count. A whole mail in one `pre`, as some programs write plain text, is no code."""
        wraps = css.read(attributes.get("style")).spaced or "wrap" in attributes
        wraps = wraps or "k9mail" in (attributes.get("class") or "")
        return self._paragraph(tag, attributes, context._replace(spaced=True, pre=not wraps))

    def _paragraph(self, _tag: str, attributes: Attributes, context: Context) -> _Entered:
        style = css.read(attributes.get("style"))
        if style.word_level:
            context = context._replace(indent=min(style.word_level - 1, _MAX_INDENT))
        word = (attributes.get("class") or "").startswith("Mso") and not style.margin
        leave = self._page.end_line if style.tight or word or self._lists else self._page.end_block
        leave()
        return context, leave

    def _quote(self, _tag: str, attributes: Attributes, context: Context) -> _Entered:
        """A quote; one without any border is how Gmail and Apple Mail indent."""
        quotes = not css.read(attributes.get("style")).borderless or attributes.get("type") == "cite"
        self._page.end_block()
        return context._replace(quote=min(context.quote + quotes, _MAX_QUOTE)), self._page.end_block

    def _list(self, tag: str, attributes: Attributes, context: Context) -> _Entered:
        bare = css.read(attributes.get("style")).bare_list
        number = _integer(attributes.get("start"), 1) if tag == "ol" else None
        (self._page.end_line if self._lists else self._page.end_block)()
        self._lists.append(_List(number=number, bare=bare))
        return context._replace(indent=min(len(self._lists) - 1, _MAX_INDENT)), self._end_list

    def _item(self, _tag: str, attributes: Attributes, context: Context) -> _Entered:
        self._page.end_line()
        self._page.marker = self._lists[-1].marker(attributes) if self._lists else "•"
        return context, self._end_item

    def _end_list(self) -> None:
        self._lists.pop()
        (self._page.end_line if self._lists else self._page.end_block)()

    def _end_item(self) -> None:
        self._page.end_line()
        self._page.marker = ""

    def _table(self, _tag: str, attributes: Attributes, context: Context) -> _Entered:
        self._page.end_block()
        if self._tables:
            self._tables[-1].nested = True
        self._tables.append(
            Table(
                start=len(self._page.lines),
                declared=(attributes.get("border") or "0") != "0" or bool(attributes.get("summary")),
                layout=attributes.get("role") in ("presentation", "none"),
            )
        )
        return context, self._end_table

    def _row(self, _tag: str, _attributes: Attributes, context: Context) -> _Entered:
        self._page.end_line()
        if self._tables:
            self._tables[-1].rows.append([])
        return context, self._page.end_line

    def _cell(self, tag: str, _attributes: Attributes, context: Context) -> _Entered:
        self._page.end_line()
        if not self._tables:
            return context, self._page.end_line
        table = self._tables[-1]
        table.declared = table.declared or tag == "th"
        table.cell_start = len(self._page.lines)
        return context, self._end_cell

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

    def _image(self, _tag: str, attributes: Attributes, context: Context) -> None:
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

    _ACTS: ClassVar[Mapping[str, Callable[..., _Entered | None]]] = {
        "a": _link,
        "br": _break,
        "hr": _rule,
        "img": _image,
        "p": _paragraph,
        "blockquote": _quote,
        "li": _item,
        "table": _table,
        "tr": _row,
        "td": _cell,
        "th": _cell,
        **dict.fromkeys(tags("h1 h2 h3 h4 h5 h6"), _heading),
        **dict.fromkeys(tags("pre listing xmp"), _fixed),
        **dict.fromkeys(tags("ul ol menu dir"), _list),
        **dict.fromkeys(_BLOCKS, _block),
    }


def _target(href: str | None) -> str:
    """A link's address where it leads out of the mail and can do no harm, else nothing."""
    if not href or len(href) > _MAX_HREF:
        return ""
    href = _URL_NOISE.sub("", href) if not href.lower().startswith("mailto:") else without_bidi(href.strip())
    if href.startswith("//"):
        href = f"https:{href}"
    return href if _URL.match(href) else ""


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else default
