"""What Slack refuses of blocks and views is refused here, at the same limits and in the same words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.demo.double.blockkit import MESSAGE_SIZE, check_message_blocks, check_view, size

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: Any) -> Block:
    return {"type": "section", "text": mrkdwn(text), **more}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(text: str = "Go", **more: Any) -> Block:
    return {"type": "button", "text": plain(text), **more}


def options(count: int) -> list[Block]:
    return [{"text": plain(f"o{n}"), "value": f"v{n}"} for n in range(count)]


def overflow(count: int) -> Block:
    return {"type": "overflow", "action_id": "more", "options": options(count)}


def select(**more: Any) -> Block:
    return {"type": "static_select", "action_id": "pick", **more}


def checkboxes(count: int, **more: Any) -> Block:
    return {"type": "checkboxes", "action_id": "tick", "options": options(count), **more}


def entry(element: Block, **more: Any) -> Block:
    return {"type": "input", "label": plain("Label"), "element": {"action_id": "value", **element}, **more}


def rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}


def paragraph(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def modal(*blocks: Block, **more: Any) -> Block:
    shown = list(blocks) or [entry({"type": "plain_text_input"})]
    return {"type": "modal", "title": plain("Title"), "submit": plain("Send"), "blocks": shown, **more}


CONFIRM = {"title": plain("Sure?"), "text": plain("It goes."), "confirm": plain("Yes"), "deny": plain("No")}
WORD = {"type": "text", "text": "x"}

GOOD_BLOCKS: list[list[Block]] = [
    [section("x" * 3000)],
    [section(fields=[mrkdwn("x" * 2000)] * 2)],
    [{"type": "section", "fields": [plain("x")] * 10}],
    [section(accessory=overflow(5))],
    [section(accessory={"type": "image", "image_url": "https://e.example/a.png", "alt_text": "a"})],
    [{"type": "header", "text": plain("x" * 150)}],
    [{"type": "context", "elements": [mrkdwn("x")] * 10}],
    [actions(*[button(action_id=f"a{n}") for n in range(25)])],
    [actions(button("x" * 75, value="v" * 2000, url="https://e.example/", style="danger", confirm=CONFIRM))],
    [actions(select(options=options(100), initial_option=options(1)[0]))],
    [actions(select(option_groups=[{"label": plain("g"), "options": options(2)}]))],
    [actions(checkboxes(10, initial_options=options(2)))],
    [{"type": "divider"}] * 50,
    [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "b"}],
    [section(accessory=button(action_id="open", value=str(n))) for n in range(3)],
    [rich(paragraph(WORD, {"type": "link", "url": "mailto:bob@example.com"}, {"type": "emoji", "name": "wave"}))],
    [rich({"type": "rich_text_list", "style": "bullet", "elements": [paragraph(WORD)], "indent": 1})],
    [rich({"type": "rich_text_quote", "elements": [WORD]}, {"type": "rich_text_preformatted", "elements": [WORD]})],
    [{"type": "markdown", "text": "**x**"}],
]

BAD_BLOCKS: list[tuple[list[Block], str]] = [
    ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section"}], "missing required field: text or fields"),
    ([section(fields=[mrkdwn("x")] * 11)], "no more than 10 items"),
    ([section(fields=[mrkdwn("x" * 2001)])], "must be less than 2001 characters"),
    ([section(txet=1)], "invalid additional property: txet"),
    ([section(accessory={"type": "plain_text_input"})], "unsupported type: plain_text_input"),
    ([section(accessory=overflow(6))], "no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]"),
    ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters"),
    ([{"type": "header", "text": mrkdwn("x")}], "unsupported type: mrkdwn"),
    ([{"type": "context", "elements": [mrkdwn("x")] * 11}], "no more than 10 items"),
    ([{"type": "context", "elements": [button()]}], "unsupported type: button"),
    ([actions(*[button()] * 26)], "no more than 25 items"),
    ([actions()], "no fewer than 1 items"),
    ([actions({"type": "file_input"})], "unsupported type: file_input"),
    ([actions(button("x" * 76))], "must be less than 76 characters"),
    ([actions(button(value="x" * 2001))], "must be less than 2001 characters"),
    ([actions(button(url="example.com"))], "must be a valid URL"),
    ([actions(button(action_id="x" * 256))], "must be less than 256 characters"),
    ([actions(button(style="green"))], "must be one of primary, danger"),
    ([actions(button(confirm={**CONFIRM, "confirm": plain("x" * 31)}))], "must be less than 31 characters"),
    ([actions(button(action_id="a"), button(action_id="a"))], "action_id a already exists"),
    ([actions({"type": "button", "text": mrkdwn("x")})], "unsupported type: mrkdwn"),
    ([actions(select(options=options(101)))], "no more than 100 items"),
    ([actions(select())], "exactly one of options and option_groups"),
    ([actions(select(options=[{"text": plain("x"), "value": "v" * 151}]))], "must be less than 151 characters"),
    ([actions(select(options=[{"text": plain("x" * 76), "value": "v"}]))], "must be less than 76 characters"),
    ([actions(select(options=options(2), initial_option=options(3)[2]))], "must exactly match one of the options"),
    ([actions(checkboxes(11))], "no more than 10 items"),
    ([{"type": "divider", "block_id": "a"}] * 2, "block_id a is not unique"),
    ([{"type": "divider", "block_id": "x" * 256}], "must be less than 256 characters"),
    ([entry({"type": "plain_text_input"})], "unsupported type: input [json-pointer:/blocks/0/type]"),
    ([{"type": "card"}], "unsupported type: card"),
    ([{"text": "x"}], "missing required field: type"),
    ([rich()], "no fewer than 1 items"),
    ([rich(WORD)], "unsupported type: text"),
    ([rich(paragraph({"type": "text", "text": ""}))], "must be more than 0 characters"),
    ([rich(paragraph({"type": "link", "url": "nowhere"}))], "must be a valid URL"),
    ([rich(paragraph({"type": "text", "text": "x", "style": {"loud": True}}))], "invalid additional property: loud"),
    ([rich({"type": "rich_text_list", "style": "dash", "elements": [paragraph(WORD)]})], "must be one of bullet"),
    ([{"type": "image", "alt_text": "a"}], "exactly one of image_url and slack_file"),
    ([{"type": "markdown", "text": "x" * 7000}, {"type": "markdown", "text": "x" * 7000}], "12001 characters together"),
]

GOOD_VIEWS: list[Block] = [
    modal(title=plain("x" * 24), private_metadata="x" * 3000, callback_id="x" * 255),
    modal(*[entry({"type": "plain_text_input"}, block_id=f"b{n}") for n in range(100)]),
    modal(entry({"type": "file_input", "max_files": 10, "filetypes": ["pdf"]})),
    modal(entry({"type": "rich_text_input", "initial_value": rich(paragraph(WORD))})),
    modal(entry({"type": "plain_text_input", "multiline": True, "max_length": 3000, "initial_value": ""})),
    modal(entry({"type": "number_input", "is_decimal_allowed": False, "min_value": "1"})),
    modal(entry({"type": "datetimepicker", "initial_date_time": 1_700_000_000})),
    {"type": "modal", "title": plain("x"), "blocks": [section()]},
    {"type": "home", "blocks": []},
    {"type": "home", "blocks": [section(), actions(button())]},
]

BAD_VIEWS: list[tuple[Any, str]] = [
    (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    ({"type": "modal", "blocks": [section()]}, "missing required field: title"),
    ({"type": "modal", "title": plain("x")}, "missing required field: blocks"),
    ({"type": "modal", "title": plain("x"), "blocks": [entry({"type": "plain_text_input"})]}, "field: submit"),
    (modal(private_metadata="x" * 3001), "must be less than 3001 characters"),
    (modal(callback_id="x" * 256), "must be less than 256 characters"),
    (modal(*[section()] * 101), "no more than 100 items"),
    (modal(entry({"type": "file_input", "max_files": 11})), "must be between 1 and 10"),
    (modal(entry({"type": "file_input", "initial_files": []})), "invalid additional property: initial_files"),
    (modal(entry({"type": "plain_text_input", "max_length": 3001})), "must be between 1 and 3000"),
    (modal(entry({"type": "plain_text_input", "max_length": 2, "initial_value": "xxx"})), "less than 3 characters"),
    (modal(entry({"type": "plain_text_input", "min_length": 3, "max_length": 2})), "must not exceed max_length"),
    (modal(entry({"type": "plain_text_input", "placeholder": plain("x" * 151)})), "must be less than 151 characters"),
    (modal(entry({"type": "number_input"})), "missing required field: is_decimal_allowed"),
    (modal(entry(button())), "unsupported type: button"),
    (modal(entry({"type": "rich_text_input", "initial_value": "text"})), "must be an object"),
    (modal(entry({"type": "datepicker", "initial_date": "tomorrow"})), "YYYY-MM-DD"),
    (modal(*[entry({"type": "plain_text_input", "focus_on_load": True})] * 2), "only one element may have focus"),
    (modal({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    (modal(nothing=1), "invalid additional property: nothing"),
    ({"type": "home", "blocks": [], "submit": plain("x")}, "invalid additional property: submit"),
    ({"type": "workflow_step", "blocks": []}, "unsupported type: workflow_step"),
    ([], "must be an object"),
    (modal(*[section("x" * 3000)] * 90), "view_too_large"),
]


@pytest.mark.parametrize("blocks", GOOD_BLOCKS, ids=lambda blocks: blocks[0]["type"])
def test_blocks_at_their_limits_are_taken(blocks: list[Block]) -> None:
    assert check_message_blocks(blocks) == []


@pytest.mark.parametrize(("blocks", "sentence"), BAD_BLOCKS, ids=[sentence for _, sentence in BAD_BLOCKS])
def test_blocks_past_their_limits_are_refused_in_slacks_words(blocks: list[Block], sentence: str) -> None:
    found = check_message_blocks(blocks)
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize("view", GOOD_VIEWS)
def test_views_at_their_limits_are_taken(view: Block) -> None:
    assert check_view(view) == []


@pytest.mark.parametrize(("view", "sentence"), BAD_VIEWS, ids=[sentence for _, sentence in BAD_VIEWS])
def test_views_past_their_limits_are_refused_in_slacks_words(view: Any, sentence: str) -> None:
    found = check_view(view)
    assert any(sentence in one for one in found), found


def test_blocks_that_are_too_long_together_are_refused_though_each_is_fine() -> None:
    words = [section("x" * 2900) for _ in range(4)]
    room = MESSAGE_SIZE - size([*words, section("")])
    assert check_message_blocks([*words, section("x" * room)]) == []
    (found,) = check_message_blocks([*words, section("x" * (room + 1))])
    assert found.startswith("msg_blocks_too_long")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["section", "input", "button"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "element", "accessory", "options", "initial_options", "blocks"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(JSON, st.sampled_from(["static_select", "checkboxes", "plain_text_input", "rich_text", "overflow"]))
def test_no_json_breaks_the_check(value: Any, kind: str) -> None:
    """Whatever an app sends is told what is wrong with it; nothing is changed by looking."""
    shaped = {"type": kind, "options": value, "initial_options": value, "elements": value, "option_groups": value}
    before = json.dumps([value, shaped])
    for blocks in (value, [value], [section(accessory=shaped)], [shaped], [actions(shaped)]):
        assert all(isinstance(sentence, str) for sentence in check_message_blocks(blocks))
        assert all(isinstance(sentence, str) for sentence in check_view({"type": "modal", "blocks": blocks}))
    assert json.dumps([value, shaped]) == before
