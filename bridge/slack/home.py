"""The app's Home: what is open, mine first. Pure."""

from collections.abc import Sequence
from typing import Any

from bridge.model import Conversation, UserId
from bridge.slack.blocks import marked, plain
from bridge.slack.reading import row

View = dict[str, Any]


def home(found: Sequence[Conversation], *, user: UserId) -> View:
    """What is open in the channels of a person: theirs, then nobody's, then the others'."""
    parts = [
        ("Mine", [one for one in found if one.owner == user]),
        ("Nobody's yet", [one for one in found if one.owner is None]),
        ("Others'", [one for one in found if one.owner not in (None, user)]),
    ]
    shown: list[View] = []
    for title, conversations in parts:
        if conversations:
            shown.append({"type": "header", "text": plain(f"{title} ({len(conversations)})")})
            shown += [{"type": "section", "text": marked(row(one))} for one in conversations[:28]]
    return {"type": "home", "blocks": shown or [{"type": "section", "text": marked("Nothing is open. Well done.")}]}


def closed(sentence: str) -> View:
    """The Home of somebody who may not see the mail."""
    return {"type": "home", "blocks": [{"type": "section", "text": marked(sentence)}]}
