"""One window for the verbs that have no button of their own: whose a conversation is, its tags and priority, which
other it is a part of; with what was done to it beneath. Pure.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bridge.model import Act, Conversation, Number
from bridge.sentences import say
from bridge.slack import deeds
from bridge.slack.blocks import Block, field, plain, section
from bridge.slack.commands import Command
from bridge.slack.ruling import PRIORITIES
from bridge.slack.unreadable import expected

SHOWN = 10  # acts of the log, the newest first
LIMIT = 2_900  # characters of a section
TAGS_LIMIT = 1_000  # characters of tags that can be changed here; more stay as they are

NORMAL = "normal"
"""How the priority that is none is typed after `/mail priority`; the others are typed as they are kept."""


def window(conversation: Conversation, done: Sequence[Act]) -> Block:
    """`done`: its log, the newest first."""
    owner: Block = {"type": "users_select", "action_id": "value"}
    owner |= {"initial_user": conversation.owner} if conversation.owner else {}
    room, shown = TAGS_LIMIT, []
    for one in conversation.tags:
        room -= len(one) + 1
        shown += [one] if room >= 0 else []
    tags: Block = {"type": "plain_text_input", "action_id": "value", "max_length": TAGS_LIMIT}
    tags |= {"initial_value": " ".join(shown)} if shown else {}
    offered = [{"text": plain(say(words)), "value": str(priority) or NORMAL} for priority, words in PRIORITIES.items()]
    stands = str(conversation.priority) or NORMAL
    chosen = next(one for one in offered if one["value"] == stands)
    into = {"type": "plain_text_input", "action_id": "value", "max_length": 20, "placeholder": plain("#1042")}
    menu = {"type": "static_select", "action_id": "value", "options": offered, "initial_option": chosen}
    log = _whole_lines(deeds.line(one) for one in done[:SHOWN])
    carried = {"number": conversation.number, "owner": conversation.owner or ""}
    return {
        "type": "modal",
        "callback_id": "labels",
        "title": plain(say("Sort #{number}", number=conversation.number)[:24]),
        "submit": plain(say("Save")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps(carried | {"tags": shown, "priority": stands}),
        "blocks": [
            field("owner", say("Owner"), owner, optional=True),
            field("tags", say("Tags"), tags, optional=True),
            field("priority", say("Priority"), menu),
            field("merge", say("It is a part of"), into, optional=True),
            *([section(say("*What was done to #{number}*", number=conversation.number)), section(log)] if log else []),
        ],
    }


def _whole_lines(lines: Iterable[str]) -> str:
    """As many as a section takes: a link that is cut is none."""
    text = ""
    for one in lines:
        if len(text) + len(one) + 1 > LIMIT:
            break
        text += f"{one}\n"
    return text


def changes(view: Mapping[str, Any]) -> Iterator[Command]:
    """What was changed in the window, each as it would be typed after `/mail`. Raises Unreadable."""
    with expected("window"):
        made_of, values = json.loads(view["private_metadata"]), view["state"]["values"]
        number = Number(int(made_of["number"]))
        owner = values["owner"]["value"].get("selected_user") or ""
        tags = (values["tags"]["value"].get("value") or "").replace(",", " ").split()
        priority = values["priority"]["value"]["selected_option"]["value"]
        merge = (values["merge"]["value"].get("value") or "").strip()
    tags = [one.lstrip("#") for one in tags]
    if owner and owner != made_of["owner"]:
        yield Command(verb="assign", number=number, rest=f"<@{owner}>")
    gone = [f"-{one}" for one in made_of["tags"] if one not in tags]
    if told := [*(one for one in tags if one not in made_of["tags"]), *gone]:
        yield Command(verb="tag", number=number, rest=" ".join(told))
    if priority != made_of["priority"]:
        yield Command(verb="priority", number=number, rest=priority)
    if merge:
        yield Command(verb="merge", number=number, rest=merge)
