"""Markdown, as an operator writes it in a file, to Slack's rich text (pure).

CommonMark (https://spec.commonmark.org) without HTML and images; a line break is a line break, as in a mail. What
Slack's rich text has no form for (a list in a quote, a heading) keeps its words.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bridge.slack.richtext import from_text, lines

Element = dict[str, Any]

MARKS_MOST = 100  # characters: what marks and addresses may take of a text's beginning
DEEPEST = 9  # lists in lists: Slack indents eight times

_MARKS = {"strong": "bold", "em": "italic", "s": "strike"}
_SIGNS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!~|&])")


def rich_text(text: str) -> dict[str, Any]:
    """The `rich_text` block that the text means."""
    containers: list[Element] = []
    lists: list[tuple[str, int]] = []  # style and offset of the lists that are open
    quote = False
    for token in _reader().parse(text):
        match token.type:
            case "bullet_list_open":
                lists.append(("bullet", 0))
            case "ordered_list_open":
                lists.append(("ordered", int(token.attrs.get("start", 1)) - 1))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "blockquote_open" | "blockquote_close":
                quote = token.type == "blockquote_open"
            case "inline":
                _add(containers, _spans(token.children or ()), lists=lists, quote=quote)
            case "fence" | "code_block":
                words = {"type": "text", "text": token.content.rstrip("\n") or " "}
                containers.append({"type": "rich_text_preformatted", "elements": [words]})
    return {"type": "rich_text", "elements": containers} if containers else from_text(text.strip())


def plain_words(text: str, *, most: int) -> str:
    """What it says, on one line, without its marks; of a long text the beginning, about so many characters."""
    said = lines(rich_text(text[: 3 * most + MARKS_MOST]))
    return " ".join(words for line in said if (words := line.text.strip()))


def literal(words: str) -> str:
    """The words as Markdown that means nothing but them, on one line."""
    return _SIGNS.sub(r"\\\1", " ".join(words.split()))


@functools.cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough").disable(["image", "html_block"])


def _add(containers: list[Element], spans: list[Element], *, lists: Sequence[tuple[str, int]], quote: bool) -> None:
    """Append a paragraph where it belongs: to the list, the quote or the section before it, where it goes on there."""
    last: Element = containers[-1] if containers else {"type": ""}
    if lists:
        style, offset = lists[-1]
        kind = {"type": "rich_text_list", "style": style, "indent": min(len(lists), DEEPEST) - 1}
        item = {"type": "rich_text_section", "elements": spans}
        if all(last.get(key) == value for key, value in kind.items()):
            last["elements"].append(item)
        else:
            containers.append({**kind, **({"offset": offset} if offset else {}), "elements": [item]})
        return
    kind = {"type": "rich_text_quote" if quote else "rich_text_section"}
    if last["type"] == kind["type"]:
        last["elements"] += [{"type": "text", "text": "\n\n"}, *spans]
        return
    if last["type"] == "rich_text_section":
        last["elements"].append({"type": "text", "text": "\n"})
    containers.append({**kind, "elements": spans})


def _spans(tokens: Sequence[Token]) -> list[Element]:
    return list(_merged(_styled(tokens))) or [{"type": "text", "text": " "}]


def _styled(tokens: Sequence[Token]) -> Iterator[Element]:
    style: dict[str, bool] = {}
    href = ""
    for token in tokens:
        kind = token.type.removesuffix("_open").removesuffix("_close")
        if kind in _MARKS:
            style = {**style, _MARKS[kind]: True}
            if token.nesting < 0:
                del style[_MARKS[kind]]
        elif kind == "link":
            href = str(token.attrs.get("href", "")) if token.nesting > 0 else ""
        elif words := "\n" if token.type in {"softbreak", "hardbreak"} else token.content:
            worn = {**style, "code": True} if token.type == "code_inline" else style
            element = {"type": "link", "url": href, "text": words} if href else {"type": "text", "text": words}
            yield {**element, "style": dict(worn)} if worn else element


def _merged(elements: Iterator[Element]) -> Iterator[Element]:
    """Neighbours that look alike, as one."""
    held: Element | None = None
    for one in elements:
        if held and {**held, "text": ""} == {**one, "text": ""}:
            held["text"] += one["text"]
            continue
        if held:
            yield held
        held = one
    if held:
        yield held
