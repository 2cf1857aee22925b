"""A Message-ID of ours brings the answer home, and nobody else can make one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.mail.identifiers import chain, is_message_id, new_message_id, own_message_id

KEY = b"k" * 32
OURS = new_message_id(number=1042, draft="d-7_x", domain="example.org", key=KEY)


def test_our_own_id_says_which_conversation_and_draft() -> None:
    assert own_message_id(OURS, keys=[KEY]) == (1042, "d-7_x")


def test_a_draft_keeps_its_id_through_every_attempt() -> None:
    assert new_message_id(number=1042, draft="d-7_x", domain="example.org", key=KEY) == OURS


def test_a_replaced_key_still_knows_its_ids() -> None:
    assert own_message_id(OURS, keys=[b"new", KEY]) == (1042, "d-7_x")


@pytest.mark.parametrize(
    "forged",
    [
        OURS.replace("1042", "1043"),
        OURS.replace("d-7", "d-8"),
        OURS[:-1],
        OURS.strip("<>"),
        "",
        "<1042.d.0123456789abcdef@example.org>",
        "<" + "9" * 5000 + ".d.0123456789abcdef@example.org>",
    ],
)
def test_an_id_that_is_not_signed_is_a_strangers(forged: str) -> None:
    assert own_message_id(forged, keys=[KEY]) is None


def test_without_keys_no_id_is_ours() -> None:
    assert own_message_id(OURS, keys=[]) is None
    assert own_message_id(OURS, keys=[b"other"]) is None


def test_a_domain_in_another_script_stands_in_ascii() -> None:
    made = new_message_id(number=1, draft="d", domain="müller.example", key=KEY)
    assert made.endswith("@xn--mller-kva.example>")
    assert own_message_id(made, keys=[KEY]) == (1, "d")


@pytest.mark.parametrize("draft", ["", "a.b", "a b", "a>", "ä", "x" * 101])
def test_a_draft_id_that_would_not_read_back_is_a_mistake(draft: str) -> None:
    with pytest.raises(ValueError, match="draft"):
        new_message_id(number=1, draft=draft, domain="example.org", key=KEY)


def test_the_chain_ends_with_the_parent_and_names_each_once() -> None:
    assert chain(["<a@x>", "<p@x>", "<b@x>", "<a@x>"], parent="<p@x>") == ("<a@x>", "<b@x>", "<p@x>")


def test_a_long_chain_keeps_the_first_and_the_most_recent() -> None:
    ids = [f"<{number:040d}@example.com>" for number in range(100)]
    short = chain(ids, parent="<parent@example.com>")
    assert short[0] == ids[0]
    assert short[-1] == "<parent@example.com>"
    assert list(short[1:-1]) == ids[-(len(short) - 2) :]
    own = "<1042.0123456789abcdef.0123456789abcdef@example.com>"
    with_ours = (*chain(ids, parent="<parent@example.com>", own=own), own)
    assert 880 < len("\r\n ".join(with_ours)) <= 1_000


@settings(deadline=None)
@given(st.lists(st.text(max_size=1_200)), st.text(max_size=1_200))
def test_any_chain_is_short_and_only_of_ids(references: list[str], parent: str) -> None:
    made = chain(references, parent=parent)
    assert all(is_message_id(id_) for id_ in made)
    assert sum(map(len, made)) <= 2_000
    if is_message_id(parent):
        assert made[-1] == parent
