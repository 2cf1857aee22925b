"""What a sender is told of the recipients, before the mail leaves."""

import pytest

from bridge.addressees import difference
from bridge.model import Address, Message
from bridge.rules import Difference

SHOP = "hello@fernhill.example.com"
OWN = frozenset({SHOP})


def at(*emails: str) -> tuple[Address, ...]:
    return tuple(Address(email=one) for one in emails)


DANA, EVE, JONAS = at("dana@kestrel.example", "eve@kestrel.example", "jonas@fernhill.example.com")
MAIL = Message(from_=(DANA,), to=at(SHOP, "eve@kestrel.example"))


def told(*recipients: Address, hidden: tuple[Address, ...] = (), written_to: tuple[str, ...] = ()) -> Difference:
    return difference(recipients, hidden=hidden, answered=MAIL, own=OWN, written_to=written_to)


def test_an_answer_to_everybody_on_the_mail_is_no_news() -> None:
    assert not told(DANA, EVE)


def test_who_came_in_who_fell_off_and_who_is_new_is_told() -> None:
    found = told(DANA, Address(email="ben@alder.example"))
    assert found.added == at("ben@alder.example")
    assert found.dropped == (EVE,)
    assert found.first == at("ben@alder.example")
    assert not found.inside


def test_case_makes_no_other_person() -> None:
    assert not told(Address(email="DANA@Kestrel.Example"), EVE)


def test_who_was_written_to_before_is_not_new() -> None:
    assert told(DANA, EVE, *at("ben@alder.example"), written_to=("ben@alder.example",)).first == ()


def test_a_colleague_whom_the_customer_would_see_is_told_of() -> None:
    assert told(DANA, EVE, JONAS).inside == (JONAS,)
    assert told(DANA, EVE, hidden=(JONAS,)).inside == ()


def test_among_colleagues_nobody_is_inside() -> None:
    assert difference((JONAS,), answered=None, own=OWN, written_to=()).inside == ()


def test_at_a_providers_nobody_is_a_colleague() -> None:
    mail = Message(from_=(DANA,), to=at("shop@gmail.com"))
    people = (DANA, *at("ben@gmail.com"))
    assert difference(people, answered=mail, own={"shop@gmail.com"}, written_to=()).inside == ()


@pytest.mark.parametrize(
    ("typed", "like"),
    [
        ("dana@kestrell.example", "kestrel.example"),
        ("dana@kestre1.example", "kestrel.example"),
        ("dana@gmial.com", "gmail.com"),
        ("jonas@femhill.example.com", "fernhill.example.com"),
        ("ben@allder.example", "alder.example"),
    ],
)
def test_a_domain_that_looks_like_a_known_one_is_named(typed: str, like: str) -> None:
    found = difference(at(typed), answered=MAIL, own=OWN, written_to=(), domains=["alder.example"])
    assert found.alike == ((Address(email=typed), like),)


def test_a_known_domain_looks_like_nothing_else() -> None:
    assert difference(at("a@mail.gmail.com", "b@kestrel.example"), answered=MAIL, own=OWN, written_to=()).alike == ()


def test_whoever_is_on_the_mail_looks_like_nobody() -> None:
    """An answer to a mail from a look-alike is warned of by the mail's own card, not again at every answer."""
    mail = Message(from_=at("support@gmial.com"), to=at(SHOP))
    assert difference(at("support@gmial.com"), answered=mail, own=OWN, written_to=()) == Difference()


def test_a_new_mail_has_nobody_to_miss() -> None:
    found = difference(at("ben@alder.example"), answered=None, own=OWN, written_to=())
    assert found == Difference(first=at("ben@alder.example"))
