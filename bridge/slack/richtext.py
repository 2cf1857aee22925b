"""Slack's rich text, as the agent wrote it, to lines of text (pure).

Reads the `rich_text` block of Slack's Block Kit: sections, lists (bullet and ordered, with `indent`, `offset` and
`border`), quotes and preformatted text, and their elements. What Slack may add later is read by its text where it
has one. Whatever the block holds, nothing is raised: a block is data from outside.

It must not ask Slack for names: the caller hands in what it knows (`names`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.model import Line, Span

_DEEPEST = 16  # containers inside containers; Slack itself nests two
_LINKS = ("http://", "https://", "ftp://", "mailto:", "tel:")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S", re.IGNORECASE)

# Slack sends the characters of nearly every emoji in `unicode`; these names are met without, in text made by programs.
_EMOJI = {
    "+1": "👍",
    "-1": "👎",
    "bulb": "💡",
    "clap": "👏",
    "cry": "😢",
    "eyes": "👀",
    "fire": "🔥",
    "grin": "😁",
    "heart": "❤️",
    "hourglass": "⌛",
    "joy": "😂",
    "laughing": "😆",
    "ok_hand": "👌",
    "partying_face": "🥳",
    "point_down": "👇",
    "point_right": "👉",
    "pray": "🙏",
    "raised_hands": "🙌",
    "rocket": "🚀",
    "simple_smile": "🙂",
    "slightly_smiling_face": "🙂",
    "smile": "😄",
    "smiley": "😃",
    "sparkles": "✨",
    "star": "⭐",
    "sunglasses": "😎",
    "tada": "🎉",
    "thinking_face": "🤔",
    "thumbsdown": "👎",
    "thumbsup": "👍",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "wink": "😉",
    "x": "❌",
}


def _id_itself(name: str) -> str:
    return name


def lines(block: Mapping[str, Any], *, names: Callable[[str], str] = _id_itself) -> tuple[Line, ...]:
    """The block's lines, in its order.

    `names` gives the plain name of a user, user group or channel by its id. A line break that only ends a section
    before the next container is no empty line, as Slack shows it.
    """
    containers = _children(block)
    out: list[Line] = []
    for position, container in enumerate(containers):
        found = _container(container, names=names)
        followed = position + 1 < len(containers)
        if followed and len(found) > 1 and not found[-1].spans and not found[-1].marker:
            found.pop()
        out += found
    return tuple(out)


def is_blank(block: Mapping[str, Any]) -> bool:
    """Whether the block holds no word, sign or emoji: nothing that could be sent."""
    invisible = "\u200b\u200c\u200d\u2060\ufeff"
    return not any(line.text.translate(dict.fromkeys(map(ord, invisible))).strip() for line in lines(block))


def mentioned(block: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the users and channels that the block mentions."""
    return frozenset(one for node in _all(block) for key in ("user_id", "channel_id") if (one := _string(node, key)))


def mentions_group(block: Mapping[str, Any]) -> bool:
    """Whether it mentions a user group, whose name the app may not ask for."""
    return any(_string(node, "usergroup_id") for node in _all(block))


def _all(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything within the block."""
    stack = _children(block)
    while stack:
        node = stack.pop()
        yield node
        stack += _children(node)


def spelled_out(block: Mapping[str, Any], *, names: Mapping[str, str]) -> dict[str, Any]:
    """The block with its mentions as plain words: outside Slack an id says nothing, and inside it would ping."""
    known = next((names[one] for key in ("user_id", "channel_id") if (one := _string(block, key)) in names), None)
    if known is not None:
        return {"type": "text", "text": known} | ({"style": block["style"]} if "style" in block else {})
    if not _children(block):
        return dict(block)
    return {**block, "elements": [spelled_out(one, names=names) for one in _children(block)]}


def from_text(text: str) -> dict[str, Any]:
    """Plain text as a `rich_text` block, for an input that is filled in beforehand; every character is kept."""
    elements = [{"type": "text", "text": text}] if text else []
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def below(above: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    """Two blocks as one, an empty line between them."""
    return {**block, "elements": [*_children(above), *from_text("\n")["elements"], *_children(block)]}


def of_message(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was said in a Slack message, as it was written; None where only a program spoke."""
    blocks = message.get("blocks") or ()
    written = next((dict(one) for one in blocks if isinstance(one, Mapping) and one.get("type") == "rich_text"), None)
    return written or (None if message.get("bot_id") else from_text(_string(message, "text")))


def _container(container: Mapping[str, Any], *, names: Callable[[str], str]) -> list[Line]:
    quote = 1 if _number(container, "border") else 0
    match container.get("type"):
        case "rich_text_list":
            return _list(container, quote=quote, names=names)
        case "rich_text_quote":
            return _split(_spans(container, names=names), Line(quote=1))
        case "rich_text_preformatted":
            return _split(_spans(container, names=names), Line(quote=quote, pre=True))
        case _:
            return _split(_spans(container, names=names), Line(quote=quote))


def _list(container: Mapping[str, Any], *, quote: int, names: Callable[[str], str]) -> list[Line]:
    """A list's items; an item's further lines stand one level deeper, without a marker."""
    indent = min(_number(container, "indent"), _DEEPEST)
    first = _number(container, "offset") + 1
    ordered = container.get("style") == "ordered"
    out: list[Line] = []
    for position, item in enumerate(_children(container)):
        marker = f"{first + position}." if ordered else "•"
        head, *rest = _split(_spans(item, names=names), Line(quote=quote, indent=indent)) or [
            Line(quote=quote, indent=indent)
        ]
        while rest and not rest[-1].spans:
            rest.pop()
        out.append(replace(head, marker=marker))
        out += [replace(line, indent=indent + 1) for line in rest]
    return out


def _split(spans: Iterator[Span], like: Line) -> list[Line]:
    """The spans parted at their line breaks; without any span, no line."""
    rows: list[list[Span]] = []
    for span in spans:
        first, *more = span.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if not rows:
            rows.append([])
        if first:
            rows[-1].append(replace(span, text=first))
        rows += [[replace(span, text=text)] if text else [] for text in more]
    return [replace(like, spans=tuple(row)) for row in rows]


def _spans(container: Mapping[str, Any], *, names: Callable[[str], str]) -> Iterator[Span]:
    """The container's elements as spans, in their order; containers inside it are read through."""
    stack = [iter(_children(container))]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif _children(element) and len(stack) < _DEEPEST:
            stack.append(iter(_children(element)))
        elif text := _text(element, names=names):
            style = element.get("style")
            yield Span(text=text, href=_href(element), **_style(style if isinstance(style, Mapping) else {}))


def _text(element: Mapping[str, Any], *, names: Callable[[str], str]) -> str:
    match element.get("type"):
        case "link":
            words, url = _string(element, "text"), _string(element, "url")
            # No link outside, and without its address nobody could tell any more where it led.
            lost = words and words != url and _ADDRESS.match(url) and not _href(element)
            return f"{words} ({url})" if lost else words or url
        case "emoji":
            return _emoji(element)
        case "user" | "usergroup" | "channel" as kind:
            known = _string(element, f"{kind}_id")
            return names(known) if known else ""
        case "broadcast":
            return f"@{_string(element, 'range') or 'here'}"
        case "date":
            return _string(element, "fallback") or _date(element)
        case _:
            return next(
                filter(None, (_string(element, key) for key in ("text", "fallback", "name", "value", "url"))), ""
            )


def _style(style: Mapping[str, Any]) -> dict[str, bool]:
    """The styles that mail has too; underlining has none, where links are underlined."""
    return {name: style.get(name) is True for name in ("bold", "italic", "strike", "code")}


def _href(element: Mapping[str, Any]) -> str:
    url = _string(element, "url").strip()
    return url if url.lower().startswith(_LINKS) else ""


def _emoji(element: Mapping[str, Any]) -> str:
    name = _string(element, "name")
    try:
        return "".join(map(_character, _string(element, "unicode").split("-")))
    except (ValueError, OverflowError):
        return _EMOJI.get(name, f":{name}:" if name else "")


def _character(code: str) -> str:
    point = int(code, 16)
    if 0xD800 <= point <= 0xDFFF:
        raise ValueError(code)  # half of a pair is no character
    return chr(point)


def _date(element: Mapping[str, Any]) -> str:
    try:
        return f"{datetime.fromtimestamp(_number(element, 'timestamp'), UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return ""


def _children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    elements = node.get("elements") if isinstance(node, Mapping) else None
    return [element for element in elements if isinstance(element, Mapping)] if isinstance(elements, list) else []


def _string(node: Mapping[str, Any], key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""


def _number(node: Mapping[str, Any], key: str) -> int:
    """A whole number from 0 to a hundred thousand million (a timestamp of the year 5138), else 0."""
    value = node.get(key)
    return value if isinstance(value, int) and 0 < value < 10**11 else 0
