"""What an agent types into To, Cc and Bcc is understood, or refused with the piece that is wrong."""

import contextlib
import re
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.mail.recipients import parse_recipients, valid_address, wire_address
from bridge.model import Address


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", ()),
        (" ,; \n", ()),
        ("a@example.org", (Address(email="a@example.org"),)),
        (
            "a@example.org, b@example.org;c@example.org\nd@example.org",
            tuple(Address(email=f"{x}@example.org") for x in "abcd"),
        ),
        ("Jane Doe <jane@example.org>", (Address(name="Jane Doe", email="jane@example.org"),)),
        ('"Doe, Jane" <jane@example.org>', (Address(name="Doe, Jane", email="jane@example.org"),)),
        (r'"Jane \"JD\" Doe" <jane@example.org>', (Address(name='Jane "JD" Doe', email="jane@example.org"),)),
        ("<jane@example.org>", (Address(email="jane@example.org"),)),
        ("<mailto:jane@example.org|jane@example.org>", (Address(email="jane@example.org"),)),
        ('"a b"@example.org', (Address(email='"a b"@example.org'),)),
        ("用户@例子.example", (Address(email="用户@例子.example"),)),
        ("a@Example.org, A@example.ORG", (Address(email="a@Example.org"),)),
    ],
)
def test_recipients_are_read_as_people_write_them(typed: str, read: tuple[Address, ...]) -> None:
    assert parse_recipients(typed) == read


@pytest.mark.parametrize(
    ("typed", "piece"),
    [
        ("a@example.org, jane", "jane"),
        ("Doe, Jane <jane@example.org>", "Doe"),
        ("jane@", "jane@"),
        ("@example.org", "@example.org"),
        ("a@b@example.org", "a@b@example.org"),
        ("a b@example.org", "a b@example.org"),
        ("Jane <jane@example.org", "Jane <jane@example.org"),
        ("jane@exa mple.org", "jane@exa mple.org"),
        ("jane@example..org", "jane@example..org"),
        ("jane@[127.0.0.1]", "jane@[127.0.0.1]"),
        ('"Doe, Jane <jane@example.org>, b@example.org', '"Doe, Jane <jane@example.org>, b@example.org'),
    ],
)
def test_what_is_no_address_is_named(typed: str, piece: str) -> None:
    with pytest.raises(Refused, match=re.escape(f"“{piece}” is not a mail address")):
        parse_recipients(typed)


@pytest.mark.parametrize(
    ("email", "wire"),
    [
        ("jane@faß.example", "jane@xn--fa-hia.example"),
        ("jane@MÜLLER.example", "jane@xn--mller-kva.example"),
        ("jürgen@müller.example", "jürgen@xn--mller-kva.example"),
        ("a..b.@docomo.example", '"a..b."@docomo.example'),
        ("root@localhost", "root@localhost"),
        ("a@under_score.example", "a@under_score.example"),
    ],
)
def test_domains_go_out_in_ascii_and_to_the_same_owner(email: str, wire: str) -> None:
    assert valid_address(email)
    assert wire_address(email) == wire


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a@",
        "a@x>\r\nRCPT TO:<evil@x",
        "a@x\n",
        "a\x00@x.example",
        "a\u202e@x.example",
        "a\u2028@x.example",
        "a\ud800@x.example",
        "a@x.example SIZE=1",
        "<a@x.example>",
        f"{'a' * 250}@x.example",
        f"a@{'b' * 64}.example",
        "a@-x.example",
        "a@xn--\u00e4.example",
    ],
)
def test_nothing_that_could_change_a_command_is_an_address(email: str) -> None:
    assert not valid_address(email)
    with pytest.raises(Refused):
        wire_address(email)


@settings(deadline=None)
@given(st.text())
def test_typing_anything_gives_addresses_or_a_sentence(typed: str) -> None:
    sentence = ""
    found: tuple[Address, ...] = ()
    try:
        found = parse_recipients(typed)
    except Refused as refused:
        sentence = str(refused)
    assert sentence.isprintable()
    assert all(valid_address(address.email) for address in found)


@settings(deadline=None)
@given(st.text(st.sampled_from('ab.@"\\ <>,;\rä'), max_size=30))
def test_a_valid_address_is_one_address_to_others_too(email: str) -> None:
    if valid_address(email):
        assert parseaddr(wire_address(email))[1] == wire_address(email)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("typed", ["," * 200_000, '"' * 200_000, "<" * 200_000, " " * 200_000 + "x", "a@" * 100_000])
def test_hostile_text_costs_little(typed: str) -> None:
    with contextlib.suppress(Refused):
        parse_recipients(typed)
