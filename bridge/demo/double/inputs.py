"""What an input holds, in the exact shapes of `view.state.values`; and what Slack's client refuses to send.

Source: Slack's reference of view payloads and block elements. Pure.
"""

import re
from collections.abc import Iterator
from typing import Any

from bridge.demo.double.blockkit import elements_of
from bridge.demo.double.elements import INPUT_FILES, options_of
from bridge.demo.double.refusals import NotOffered
from bridge.demo.double.richtext import ELEMENTS_MOST
from bridge.demo.double.stored import Json

FILE_MOST = 10 * 1024 * 1024  # bytes of one file in a file_input
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_URL = re.compile(r"https?://\S+\Z")

_OPTION = {"static_select": "selected_option", "external_select": "selected_option", "radio_buttons": "selected_option"}
_OPTIONS = {
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
}
_PLAIN = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
_LISTS = {
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
}


def holding(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each element that holds a value, with its block."""
    for block in blocks:
        for element in elements_of(block):
            if element["type"] not in {"button", "overflow"}:
                yield block, element


def first_value(element: Json) -> Json:
    """What the element holds before anybody touches it."""
    kind = element["type"]
    if kind in _PLAIN:
        key, source = _PLAIN[kind]
        return {"type": kind, key: element.get(source)}
    if kind in _LISTS:
        key, source = _LISTS[kind]
        return {"type": kind, key: element.get(source, [])}
    if kind in _OPTION:
        return {"type": kind, _OPTION[kind]: element.get("initial_option")}
    if kind in _OPTIONS:
        return {"type": kind, _OPTIONS[kind]: element.get("initial_options", [])}
    if kind == "file_input":
        return {"type": kind, "files": []}
    held = {"type": kind}
    return {**held, "rich_text_value": element["initial_value"]} if "initial_value" in element else held


def entered(element: Json, value: Any) -> Json:
    """What the element holds after a person entered `value`: plain values, see `Person.submit`.

    Raises NotOffered for what Slack's client would not take.
    """
    kind = element["type"]
    if kind in _PLAIN:
        _check_text(element, value)
        return {"type": kind, _PLAIN[kind][0]: value or None}
    if kind in _LISTS:
        return {"type": kind, _LISTS[kind][0]: list(value)}
    if kind in _OPTION:
        return {"type": kind, _OPTION[kind]: None if value is None else option(element, value)}
    if kind in _OPTIONS:
        return {"type": kind, _OPTIONS[kind]: [option(element, one) for one in value]}
    if kind == "file_input":
        _check_files(element, value)
        return {"type": kind, "files": list(value)}
    if value and (not isinstance(value, dict) or len(value.get("elements", [])) > ELEMENTS_MOST):
        raise NotOffered("A rich text input holds a rich_text object.")
    return {"type": kind, "rich_text_value": value} if value else {"type": kind}


def option(element: Json, value: str) -> Json:
    """The option with that value, as Slack sends it back."""
    for offered in options_of(element):
        if offered["value"] == value:
            return offered
    raise NotOffered(f"No option has the value {value!r}.")


def is_empty(held: Json) -> bool:
    """Whether the element holds nothing, which a required input may not."""
    return not any(value for key, value in held.items() if key != "type")


def _check_text(element: Json, value: Any) -> None:
    kind = element["type"]
    if not value:
        return
    if kind == "plain_text_input":
        longest, shortest = element.get("max_length", 3000), element.get("min_length", 0)
        if not shortest <= len(value) <= longest:
            raise NotOffered(f"This input takes {shortest} to {longest} characters, not {len(value)}.")
        if "\n" in value and not element.get("multiline"):
            raise NotOffered("This input takes one line.")
    if kind == "email_text_input" and not _EMAIL.match(value):
        raise NotOffered("This input takes an email address.")
    if kind == "url_text_input" and not _URL.match(value):
        raise NotOffered("This input takes a URL.")


def _check_files(element: Json, files: list[Json]) -> None:
    most = element.get("max_files", INPUT_FILES)
    if len(files) > most:
        raise NotOffered(f"This input takes {most} files, not {len(files)}.")
    taken = element.get("filetypes")
    for file in files:
        if file["size"] > FILE_MOST:
            raise NotOffered("This input takes files of up to 10 MB.")
        if taken and file["filetype"] not in taken:
            raise NotOffered(f"This input takes {', '.join(taken)} files.")
