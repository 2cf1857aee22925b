"""Slack's two spellings of a text: what its server stores of an app's text, and what its client makes of typed text.

Source: Slack's guide to formatting message text. Only `&`, `<` and `>` are ever escaped; what stands in angle brackets
and names a user, a channel, a special mention or a link stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_CONTROL = r"<(?:(?:!date\^[^<>|]+|[@#!][^<>\s|]+)(?:\|[^<>]*)?|[A-Za-z][A-Za-z0-9+.-]*:[^<>\s|]+(?:\|[^<>]*)?)>"
_URL = r"https?://[^\s<>|]*[^\s<>|.,;:!?)\]'\"]"
_EMAIL = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_SPECIAL = re.compile(f"({_CONTROL})|({_URL})|({_EMAIL})")
_BARE = re.compile(r"&(?!(?:amp|lt|gt);)")


def escape(text: str) -> str:
    """Escape what Slack escapes; an entity that stands already stays."""
    return _BARE.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def stored(text: str) -> str:
    """What Slack keeps of `text`: links in angle brackets, the three characters escaped, nothing else changed."""
    return "".join(_written(part, kind) for part, kind in _parts(text))


def unescape(text: str) -> str:
    """Undo `escape`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def typed(text: str) -> tuple[str, dict[str, Any]]:
    """What Slack makes of text that a person typed: the message's `text` and its `rich_text` block.

    Mentions are given as tokens (`<@U123>`), as a client makes them from a picked name.
    """
    elements = [_element(part, kind) for part, kind in _parts(text)]
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}
    return stored(text), block


def command_text(text: str, *, users: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """A slash command's text under `should_escape`: `@name`, `#name` and links as tokens.

    `users` and `channels` map a lower-case name, as a person types it, to its id.
    """
    names = [(f"@{name}", f"<@{user}|{name}>") for name, user in users.items()]
    names += [(f"#{name}", f"<#{channel}|{name}>") for name, channel in channels.items()]
    tokens = dict(names)
    longest_first = "|".join(re.escape(name) for name, _ in sorted(names, key=lambda pair: -len(pair[0])))
    pattern = re.compile(rf"(?<![\w.])(?:{longest_first})(?![\w-])", re.IGNORECASE) if names else re.compile(r"(?!)")
    return stored(pattern.sub(lambda found: tokens[found.group().lower()], text))


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Cut into plain text, control sequences, URLs and addresses, in order."""
    end = 0
    for found in _SPECIAL.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], "text"
        yield found.group(), ("control", "url", "email")[(found.lastindex or 1) - 1]
        end = found.end()
    if end < len(text):
        yield text[end:], "text"


def _written(part: str, kind: str) -> str:
    if kind == "control":
        return part
    if kind == "url":
        return f"<{_BARE.sub('&amp;', part)}>"
    if kind == "email":
        return f"<mailto:{part}|{part}>"
    return escape(part)


def _element(part: str, kind: str) -> dict[str, Any]:
    """A part as an element of rich text."""
    if kind == "text":
        return {"type": "text", "text": unescape(part)}
    if kind == "url":
        return {"type": "link", "url": part}
    if kind == "email":
        return {"type": "link", "url": f"mailto:{part}", "text": part}
    target, _, label = part[1:-1].partition("|")
    mentions = {"@": ("user", "user_id"), "#": ("channel", "channel_id"), "!": ("broadcast", "range")}
    if target[0] in mentions:
        element, key = mentions[target[0]]
        return {"type": element, key: target[1:]}
    return {"type": "link", "url": target, **({"text": label} if label else {})}
