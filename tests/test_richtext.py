"""What an agent writes in Slack is what the mail says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import Line, Span
from bridge.slack.richtext import from_text, is_blank, lines, mentions_group


def block(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(containers)}


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def text(words: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": words, "style": style} if style else {"type": "text", "text": words}


def one(element: dict[str, Any]) -> Span:
    """The only span of a block with one element."""
    (line,) = lines(block(section(element)))
    (span,) = line.spans
    return span


def test_styles_become_the_styles_of_mail() -> None:
    element = text("words", bold=True, italic=True, strike=True, code=True, underline=True)
    assert one(element) == Span(text="words", bold=True, italic=True, strike=True, code=True)


def test_line_breaks_part_lines_and_keep_empty_ones() -> None:
    found = lines(block(section(text("one\n\ntwo "), text("bold\nthree", bold=True))))
    assert found == (
        Line(spans=(Span(text="one"),)),
        Line(),
        Line(spans=(Span(text="two "), Span(text="bold", bold=True))),
        Line(spans=(Span(text="three", bold=True),)),
    )


def test_the_break_before_a_list_is_no_empty_line() -> None:
    item = section(text("item"))
    found = lines(block(section(text("Here:\n")), {"type": "rich_text_list", "style": "bullet", "elements": [item]}))
    assert [line.text for line in found] == ["Here:", "item"]


def test_lists_keep_their_numbers_depth_and_quote_bar() -> None:
    def numbered(words: str, **more: int) -> dict[str, Any]:
        return {"type": "rich_text_list", "style": "ordered", "elements": [section(text(words))], **more}

    bullets = {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [section(text("b1\nmore"))]}
    found = lines(block(numbered("a"), bullets, numbered("c", offset=1, border=1)))
    assert found == (
        Line(spans=(Span(text="a"),), marker="1."),
        Line(spans=(Span(text="b1"),), marker="•", indent=1),
        Line(spans=(Span(text="more"),), indent=2),
        Line(spans=(Span(text="c"),), marker="2.", quote=1),
    )


def test_an_empty_list_item_is_still_an_item() -> None:
    found = lines(block({"type": "rich_text_list", "style": "bullet", "elements": [section()]}))
    assert found == (Line(marker="•"),)


def test_quotes_and_code_blocks() -> None:
    found = lines(
        block(
            {"type": "rich_text_quote", "elements": [text("said\ntwice")]},
            {"type": "rich_text_preformatted", "elements": [text("x = 1\n  y")], "border": 0},
        )
    )
    assert found == (
        Line(spans=(Span(text="said"),), quote=1),
        Line(spans=(Span(text="twice"),), quote=1),
        Line(spans=(Span(text="x = 1"),), pre=True),
        Line(spans=(Span(text="  y"),), pre=True),
    )


@pytest.mark.parametrize(
    ("element", "words", "href"),
    [
        ({"type": "link", "url": "https://example.org/a", "text": "the page"}, "the page", "https://example.org/a"),
        ({"type": "link", "url": "https://example.org/a"}, "https://example.org/a", "https://example.org/a"),
        (
            {"type": "link", "url": "mailto:a@example.org", "text": "a@example.org"},
            "a@example.org",
            "mailto:a@example.org",
        ),
        ({"type": "link", "url": "javascript:alert(1)", "text": "click"}, "click", ""),
        ({"type": "link", "url": "slack://open?team=T1", "text": "here"}, "here (slack://open?team=T1)", ""),
        ({"type": "link", "url": "slack://open?team=T1"}, "slack://open?team=T1", ""),
        ({"type": "link", "url": "ftp://f.example/x", "text": "here"}, "here", "ftp://f.example/x"),
        ({"type": "emoji", "name": "woman-wave", "unicode": "1f44b-1f3fb-200d-2640-fe0f"}, "👋🏻‍♀️", ""),
        ({"type": "emoji", "name": "tada"}, "🎉", ""),
        ({"type": "emoji", "name": "company-logo"}, ":company-logo:", ""),
        ({"type": "emoji", "name": "odd", "unicode": "d83d"}, ":odd:", ""),
        ({"type": "emoji", "name": "odd", "unicode": "110000000000000000"}, ":odd:", ""),
        ({"type": "broadcast", "range": "here"}, "@here", ""),
        ({"type": "date", "timestamp": 1720710212, "fallback": "July 11"}, "July 11", ""),
        ({"type": "date", "timestamp": 1720710212, "format": "{date}"}, "2024-07-11 15:03 UTC", ""),
        ({"type": "color", "value": "#F405B3"}, "#F405B3", ""),
        ({"type": "hologram", "text": "what it says"}, "what it says", ""),
    ],
)
def test_every_element_says_what_slack_shows(element: dict[str, Any], words: str, href: str) -> None:
    assert one(element) == Span(text=words, href=href)


def test_people_and_channels_go_out_by_name_and_never_by_id() -> None:
    known = {"U1": "Jane Doe", "S1": "Support", "C1": "#orders"}
    mentioned = section(
        {"type": "user", "user_id": "U1"},
        text(", "),
        {"type": "usergroup", "usergroup_id": "S1"},
        text(", "),
        {"type": "channel", "channel_id": "C1"},
    )
    (line,) = lines(block(mentioned), names=known.__getitem__)
    assert line.text == "Jane Doe, Support, #orders"


def test_a_user_group_is_noticed_since_nobody_can_say_its_name() -> None:
    assert mentions_group(block(section({"type": "usergroup", "usergroup_id": "S1"})))
    assert not mentions_group(block(section(text("@team"), {"type": "user", "user_id": "U1"})))


def test_containers_slack_adds_later_are_read_through() -> None:
    inner = {"type": "rich_text_panel", "elements": [section(text("inside"))]}
    assert [line.text for line in lines(block(inner))] == ["inside"]


@pytest.mark.parametrize("blank", ["", "  \n\t", "\u200b\ufeff"])
def test_nothing_but_space_is_blank(blank: str) -> None:
    assert is_blank(from_text(blank))


def test_an_emoji_is_not_blank() -> None:
    assert not is_blank(block(section({"type": "emoji", "name": "tada"})))


def test_a_block_of_another_shape_is_blank() -> None:
    assert is_blank({})
    assert is_blank({"elements": [None, "x", {"elements": {"a": 1}}]})


@settings(deadline=None)
@given(st.text())
def test_prefilled_text_comes_back_whole(words: str) -> None:
    """Filling an input and reading it again changes nothing but the kind of line break."""
    plain = words.replace("\r\n", "\n").replace("\r", "\n")
    assert "\n".join(line.text for line in lines(from_text(words))) == plain


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "elements",
                    "text",
                    "url",
                    "style",
                    "indent",
                    "offset",
                    "border",
                    "unicode",
                    "timestamp",
                    "user_id",
                ]
            ),
            inner
            | st.sampled_from(["rich_text_list", "rich_text_section", "text", "emoji", "date", "user", "ordered"]),
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "elements"]), _JSON))
def test_no_block_raises(anything: dict[str, Any]) -> None:
    for line in lines(anything):
        assert all(span.text and "\n" not in span.text for span in line.spans)


def test_deep_nesting_is_read_without_recursion() -> None:
    nested: dict[str, Any] = text("bottom")
    for _ in range(5_000):
        nested = {"type": "rich_text_section", "elements": [nested]}
    lines(block(nested))
