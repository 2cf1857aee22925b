"""What Slack refuses in a message's blocks and in a view, told in Slack's words.

Pure: JSON in, complaints out; an empty list means that Slack takes it. The limits are Slack's reference of Block Kit,
with one that Slack does not publish: the size of all blocks of a message (bolt-js issue 2509). Blocks that came with
2026 (card, alert, carousel, container and their like) are refused as unknown: few clients show them yet.
"""

import json
from collections import Counter
from typing import Any

from bridge.demo.double.elements import (
    TEXT_MOST,
    buttons,
    choices,
    entries,
    image,
    image_fields,
    image_source,
    plain,
    text,
)
from bridge.demo.double.richtext import rich_text
from bridge.demo.double.shape import Rule, both, complain, flag, items, listed, record, records, string, variant

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_SIZE = 13_200  # characters of JSON; above it chat.* answer msg_blocks_too_long
VIEW_SIZE = 250 * 1024  # bytes of JSON; above it views.* answer view_too_large
MARKDOWN_MOST = 12_000  # characters in all markdown blocks of one message
TITLE_MOST = 24  # characters of a modal's title, submit and close
TABLE_ROWS, TABLE_CELLS = 100, 20

_INTERACTIVE = frozenset({*buttons, *choices, *entries})
_named = {"block_id": string(most=255)}


def _worded(value: Any, at: str, found: list[str]) -> None:
    if "text" not in value and "fields" not in value:
        complain(found, at, "missing required field: text or fields")


_section = both(
    record(
        optional={
            **_named,
            "text": text(TEXT_MOST),
            "fields": items(text(2000), most=10),
            "accessory": variant({**buttons, **choices, "image": image}),
            "expand": flag,
        }
    ),
    _worded,
)
_words = {
    "plain_text": record(required={"text": string(most=TEXT_MOST)}, optional={"emoji": flag}),
    "mrkdwn": record(required={"text": string(most=TEXT_MOST)}, optional={"verbatim": flag}),
}
_input = record(
    required={"label": plain(2000), "element": variant({**choices, **entries})},
    optional={**_named, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
)
_cell = variant({"raw_text": record(required={"text": string(most=TEXT_MOST, least=0)}), "rich_text": rich_text})
_table = record(
    required={"rows": items(items(_cell, most=TABLE_CELLS), most=TABLE_ROWS)},
    optional={**_named, "column_settings": items(lambda *_: None, least=0, most=TABLE_CELLS)},
)

_everywhere: dict[str, Rule] = {
    "section": _section,
    "header": record(required={"text": plain(150)}, optional=_named),
    "divider": record(optional=_named),
    "context": record(required={"elements": items(variant({**_words, "image": image}), most=10)}, optional=_named),
    "actions": record(required={"elements": items(variant({**buttons, **choices}), most=25)}, optional=_named),
    "image": both(
        record(required={"alt_text": string(most=2000)}, optional={**_named, **image_fields, "title": plain(2000)}),
        image_source,
    ),
    "rich_text": rich_text,
}
_in_messages = variant(
    {
        **_everywhere,
        "markdown": record(required={"text": string(most=MARKDOWN_MOST)}, optional=_named),
        "table": _table,
    }
)
_in_views = variant({**_everywhere, "input": _input})

_kept = {"callback_id": string(most=255, least=0), "external_id": string(most=255, least=0)}
_modal = record(
    required={"title": plain(TITLE_MOST), "blocks": items(_in_views, most=VIEW_BLOCKS)},
    optional={
        **_kept,
        "private_metadata": string(most=3000, least=0),
        "submit": plain(TITLE_MOST),
        "close": plain(TITLE_MOST),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    },
)
_home = record(
    required={"blocks": items(_in_views, least=0, most=VIEW_BLOCKS)},
    optional={**_kept, "private_metadata": string(most=3000, least=0)},
)


def elements_of(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The interactive elements of a block, in the order in which they are shown."""
    candidates = [block.get("accessory"), block.get("element"), *listed(block.get("elements"))]
    return [element for element in records(candidates) if str(element.get("type")) in _INTERACTIVE]


def size(value: Any) -> int:
    """Characters of this JSON, written without blanks."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def check_message_blocks(blocks: Any) -> list[str]:
    """Say what Slack refuses in a message's blocks; empty when it takes them.

    Blocks that are too long together are told as one sentence that begins with `msg_blocks_too_long`, the code that
    Slack answers instead of `invalid_blocks`.
    """
    found: list[str] = []
    items(_in_messages, least=0, most=MESSAGE_BLOCKS)(blocks, "/blocks", found)
    if isinstance(blocks, list):
        _check_together(blocks, "/blocks", found)
        written = sum(len(str(block.get("text"))) for block in records(blocks) if block.get("type") == "markdown")
        if written > MARKDOWN_MOST:
            complain(found, "/blocks", f"markdown blocks must be less than {MARKDOWN_MOST + 1} characters together")
    if size(blocks) > MESSAGE_SIZE:
        found.append(f"msg_blocks_too_long: {size(blocks)} characters of JSON, Slack takes about {MESSAGE_SIZE}")
    return found


def check_view(view: Any) -> list[str]:
    """Say what Slack refuses in a modal or a home view; empty when it takes it.

    A view that is too large is told as one sentence that begins with `view_too_large`, Slack's code for it.
    """
    found: list[str] = []
    variant({"modal": _modal, "home": _home})(view, "/view", found)
    if not isinstance(view, dict):
        return found
    blocks = view.get("blocks")
    if isinstance(blocks, list):
        _check_together(blocks, "/view/blocks", found)
        inputs = any(block.get("type") == "input" for block in records(blocks))
        if view.get("type") == "modal" and inputs and "submit" not in view:
            complain(found, "/view", "missing required field: submit (a modal with input blocks needs it)")
    octets = len(json.dumps(view, ensure_ascii=False, separators=(",", ":")).encode())
    if octets > VIEW_SIZE:
        found.append(f"view_too_large: {octets} bytes of JSON, Slack takes {VIEW_SIZE}")
    return found


def _check_together(blocks: list[Any], at: str, found: list[str]) -> None:
    """Names that must be unique: a block's among its blocks, an element's within its block; and one focus at most."""
    names = Counter(block["block_id"] for block in records(blocks) if isinstance(block.get("block_id"), str))
    for name, times in names.items():
        if times > 1:
            complain(found, at, f"block_id {name} is not unique")
    focused = 0
    for position, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        elements = elements_of(block)
        focused += sum(bool(element.get("focus_on_load")) for element in elements)
        ids = Counter(element["action_id"] for element in elements if isinstance(element.get("action_id"), str))
        for name, times in ids.items():
            if times > 1:
                complain(found, f"{at}/{position}", f"action_id {name} already exists in this block")
    if focused > 1:
        complain(found, at, "only one element may have focus_on_load")
