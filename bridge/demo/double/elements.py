"""What Slack accepts inside blocks: text, options, confirmations and every interactive element.

The limits are those of Slack's reference of Block Kit. Which element may stand in which block is `blockkit`'s matter.
"""

import re
from typing import Any

from bridge.demo.double.richtext import action_id, rich_text, url
from bridge.demo.double.shape import (
    Rule,
    both,
    complain,
    flag,
    items,
    listed,
    matching,
    number,
    one_of,
    record,
    records,
    string,
    variant,
)

TEXT_MOST = 3000  # characters of any text object
OPTION_MOST = 75  # characters of an option's text or description
VALUE_MOST = 150  # characters of an option's value
SELECT_OPTIONS, GROUPS, CHECK_OPTIONS, OVERFLOW_OPTIONS, INPUT_FILES = 100, 100, 10, 5, 10


def plain(most: int) -> Rule:
    """A plain_text object of 1 to `most` characters."""
    return variant({"plain_text": record(required={"text": string(most=most)}, optional={"emoji": flag})})


def text(most: int) -> Rule:
    """A plain_text or mrkdwn object of 1 to `most` characters."""
    return variant(
        {
            "plain_text": record(required={"text": string(most=most)}, optional={"emoji": flag}),
            "mrkdwn": record(required={"text": string(most=most)}, optional={"verbatim": flag}),
        }
    )


def _option(words: Rule) -> Rule:
    return record(
        required={"text": words, "value": string(most=VALUE_MOST)}, optional={"description": text(OPTION_MOST)}
    )


_plain_option = _option(plain(OPTION_MOST))
_any_option = _option(text(OPTION_MOST))
_overflow_option = record(
    required={"text": plain(OPTION_MOST), "value": string(most=VALUE_MOST)},
    optional={"description": plain(OPTION_MOST), "url": url},
)
_group = record(required={"label": plain(OPTION_MOST), "options": items(_plain_option, most=SELECT_OPTIONS)})
_confirm = record(
    required={"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    optional={"style": one_of("primary", "danger")},
)
_act = {"action_id": action_id, "confirm": _confirm}
_ask = {"action_id": action_id, "placeholder": plain(150), "focus_on_load": flag}
_pick = {**_act, **_ask}
_many = {**_pick, "max_selected_items": number(least=1, most=100)}
_ids = items(string(most=255), least=0, most=100)
_filter = record(
    optional={
        "include": items(one_of("im", "mpim", "private", "public"), most=4),
        "exclude_external_shared_channels": flag,
        "exclude_bot_users": flag,
    }
)
_dispatch = record(optional={"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), most=2)})
_typing = {**_ask, "dispatch_action_config": _dispatch}


def options_of(element: dict[str, Any]) -> list[dict[str, Any]]:
    """Every option that the element offers, those in groups included."""
    grouped = [option for group in records(element.get("option_groups")) for option in records(group.get("options"))]
    return [*records(element.get("options")), *grouped]


def _consistent(value: Any, at: str, found: list[str]) -> None:
    """Options once, values distinct, and what is chosen first is among them."""
    if ("options" in value) == ("option_groups" in value):
        complain(found, at, "exactly one of options and option_groups is required")
        return
    _first_choice(value, at, found)


def _first_choice(value: Any, at: str, found: list[str]) -> None:
    options = options_of(value)
    chosen = [*listed(value.get("initial_options")), *([value["initial_option"]] if "initial_option" in value else [])]
    for option in chosen:
        if option not in options:
            complain(found, at, "initial option must exactly match one of the options")


def _lengths(value: Any, at: str, found: list[str]) -> None:
    shortest, longest = value.get("min_length"), value.get("max_length")
    if isinstance(shortest, int) and isinstance(longest, int) and shortest > longest:
        complain(found, at, "min_length must not exceed max_length")
    first = value.get("initial_value")
    if isinstance(first, str) and isinstance(longest, int) and len(first) > longest:
        complain(found, f"{at}/initial_value", f"must be less than {longest + 1} characters")


def _image_source(value: Any, at: str, found: list[str]) -> None:
    if ("image_url" in value) == ("slack_file" in value):
        complain(found, at, "exactly one of image_url and slack_file is required")


image_fields: dict[str, Rule] = {
    "image_url": url,
    "slack_file": record(optional={"id": string(most=255), "url": url}),
}
image = both(record(required={"alt_text": string(most=2000)}, optional=image_fields), _image_source)
image_source = _image_source

_select = {"options": items(_plain_option, most=SELECT_OPTIONS), "option_groups": items(_group, most=GROUPS)}
_query = {"min_query_length": number(least=0, most=3000)}
_conversation = {"default_to_current_conversation": flag, "filter": _filter}
_first_options = items(_any_option, most=SELECT_OPTIONS)
_date = matching(re.compile(r"\d{4}-\d\d-\d\d\Z").match, most=10, sentence="must be a date as YYYY-MM-DD")
_clock = matching(re.compile(r"[0-2]\d:[0-5]\d\Z").match, most=5, sentence="must be a time as HH:mm")
_decimal = matching(re.compile(r"-?\d+(\.\d+)?\Z").match, most=255, sentence="must be a number, as a string")

buttons: dict[str, Rule] = {
    "button": record(
        required={"text": plain(OPTION_MOST)},
        optional={
            **_act,
            "url": url,
            "value": string(most=2000),
            "style": one_of("primary", "danger"),
            "accessibility_label": string(most=OPTION_MOST),
        },
    ),
    "overflow": record(required={"options": items(_overflow_option, most=OVERFLOW_OPTIONS)}, optional=_act),
}
"""What only acts and holds no state."""

choices: dict[str, Rule] = {
    "static_select": both(record(optional={**_pick, **_select, "initial_option": _plain_option}), _consistent),
    "multi_static_select": both(record(optional={**_many, **_select, "initial_options": _first_options}), _consistent),
    "external_select": record(optional={**_pick, **_query, "initial_option": _plain_option}),
    "multi_external_select": record(optional={**_many, **_query, "initial_options": _first_options}),
    "users_select": record(optional={**_pick, "initial_user": string(most=255)}),
    "multi_users_select": record(optional={**_many, "initial_users": _ids}),
    "conversations_select": record(
        optional={**_pick, **_conversation, "response_url_enabled": flag, "initial_conversation": string(most=255)}
    ),
    "multi_conversations_select": record(optional={**_many, **_conversation, "initial_conversations": _ids}),
    "channels_select": record(optional={**_pick, "response_url_enabled": flag, "initial_channel": string(most=255)}),
    "multi_channels_select": record(optional={**_many, "initial_channels": _ids}),
    "checkboxes": both(
        record(
            required={"options": items(_any_option, most=CHECK_OPTIONS)},
            optional={**_act, "focus_on_load": flag, "initial_options": items(_any_option, most=CHECK_OPTIONS)},
        ),
        _first_choice,
    ),
    "radio_buttons": both(
        record(
            required={"options": items(_any_option, most=CHECK_OPTIONS)},
            optional={**_act, "focus_on_load": flag, "initial_option": _any_option},
        ),
        _first_choice,
    ),
    "datepicker": record(optional={**_pick, "initial_date": _date}),
    "timepicker": record(optional={**_pick, "initial_time": _clock, "timezone": string(most=255)}),
    "datetimepicker": record(
        optional={**_act, "focus_on_load": flag, "initial_date_time": number(least=0, most=9_999_999_999)}
    ),
}
"""What holds a choice: in an input block, an actions block or beside a section."""

entries: dict[str, Rule] = {
    "plain_text_input": both(
        record(
            optional={
                **_typing,
                "multiline": flag,
                "initial_value": string(most=3000, least=0),
                "min_length": number(least=0, most=3000),
                "max_length": number(least=1, most=3000),
            }
        ),
        _lengths,
    ),
    "rich_text_input": record(
        optional={
            **_typing,
            "initial_value": variant({"rich_text": rich_text}),
            "min_lines": number(least=1, most=100),
            "max_lines": number(least=1, most=100),
        }
    ),
    "email_text_input": record(optional={**_typing, "initial_value": string(most=3000, least=0)}),
    "url_text_input": record(optional={**_typing, "initial_value": string(most=3000, least=0)}),
    "number_input": record(
        required={"is_decimal_allowed": flag},
        optional={**_typing, "initial_value": _decimal, "min_value": _decimal, "max_value": _decimal},
    ),
    "file_input": record(
        optional={
            "action_id": action_id,
            "filetypes": items(string(most=255), most=100),
            "max_files": number(least=1, most=INPUT_FILES),
        }
    ),
}
"""What a person types or uploads: in an input block only."""
