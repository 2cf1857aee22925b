"""What rules match: patterns in linear time, all conditions of a rule, in order, and never a machine's mail to answer."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Address, Automatic, MailboxName, Message, Priority, UserId
from bridge.routing import matching
from bridge.routing.matching import Facts, On, Rule, Share, Then, When

DANA = Address(name="Dana Reyes", email="dana@example.com")
ACT = Then(close=True)


def facts(**changes: Any) -> Facts:
    """A mail of Dana's, with changes: of the message by its fields, of what is known beside it by the facts' names."""
    known: dict[str, Any] = {
        "open": True,
        "begins": True,
        "first_time": False,
        "spam": False,
        "mailbox": "support",
        "files": (),
    }
    known |= {name: changes.pop(name) for name in list(changes) if name in known}
    message = Message(**{"from_": (DANA,), "subject": "Two bags", "text": "Where are\nthey?", **changes})
    return Facts(
        mailbox=MailboxName(known["mailbox"]),
        message=message,
        customer=DANA,
        files=known["files"],
        begins=known["begins"],
        headers=lambda: message.headers,
        spam=lambda: bool(known["spam"]),
        first_time=lambda: bool(known["first_time"]),
        open=lambda: bool(known["open"]),
    )


def fits(when: When, /, *, on: On = On.NEW, **changes: Any) -> bool:
    return matching.fits(Rule(name="R", when=when, then=ACT, on=on), facts(**changes))


# --- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "words", "found"),
    [
        ("refund", "My REFUND, please", True),
        ("Straße", "strasse", True),
        ("two bags", "two\n  bags", True),
        ("refund", "refunded", True),
        ("*@example.com", "dana@example.com", True),
        ("*@example.com", "dana@example.com.evil.example", False),
        ("invoice *.pdf", "invoice 2024-05.PDF", True),
        ("invoice *.pdf", "my invoice 2024-05.pdf", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("*order*late*", "the order is very late today", True),
        ("*late*order*", "the order is very late today", False),
        ("환불", "환불해 주세요", True),
    ],
)
def test_a_pattern_is_found_anywhere_or_with_a_star_fits_the_whole(pattern: str, words: str, found: bool) -> None:
    assert matching.matches(pattern, matching.folded(words)) is found


@given(words=st.text(alphabet="ab *", max_size=30), cut=st.integers(0, 30))
def test_a_star_stands_for_whatever_was_there(words: str, cut: int) -> None:
    there = matching.folded(words.replace("*", ""))
    assert matching.matches(f"{there[:cut]}*{there[cut:]}", there)


def test_no_pattern_takes_long_whatever_is_written() -> None:
    """Where regular expressions would go on for ever."""
    text, before = "a" * matching.LOOKED_AT, time.process_time()
    assert not matching.matches("*a" * (matching.LONGEST // 2) + "b", text)
    assert time.process_time() - before < 0.5


# --- conditions -------------------------------------------------------------------------------------------------------


def test_all_that_a_rule_names_must_hold_and_of_several_values_one() -> None:
    when = When(from_=("nobody@example.com", "*@example.com"), subject=("bags",))
    assert fits(when)
    assert not fits(when, subject="Shoes")
    assert fits(When())


HOLDS: list[tuple[When, dict[str, Any], dict[str, Any]]] = [
    (When(mailboxes=("SUPPORT",)), {}, {"mailbox": "sales"}),
    (When(to=("sales@",)), {"cc": (Address(email="sales@acme.example"),)}, {}),
    (When(subject=("bags",)), {}, {"subject": "Shoes"}),
    (When(text=("where are they",)), {}, {"text": "Here they are."}),
    (When(headers=(("x-priority", ("1*",)),)), {"headers": (("X-Priority", "1 (Highest)"),)}, {}),
    (When(headers=(("X-Shop", ()),)), {"headers": (("X-Shop", ""),)}, {"headers": (("X-Other", "1"),)}),
    (When(attachments=("*.pdf",)), {"files": [("Invoice.PDF", "application/pdf")]}, {}),
    (When(attachments=("image/*",)), {"files": [("a", "image/png")]}, {"files": [("a", "text/plain")]}),
    (When(first_time=True), {"first_time": True}, {}),
    (When(first_time=False), {}, {"first_time": True}),
    (When(spam=True), {"spam": True}, {}),
    (When(automatic=True), {"automatic": Automatic.LIST}, {}),
    (When(open=False), {"open": False}, {}),
    (When(automatic=False), {}, {"automatic": Automatic.REPLY}),
]


@pytest.mark.parametrize(("when", "so", "not_so"), HOLDS)
def test_each_condition_holds_or_does_not(when: When, so: dict[str, Any], not_so: dict[str, Any]) -> None:
    assert fits(when, **so)
    assert not fits(when, **not_so)


def test_a_name_counts_as_much_as_an_address() -> None:
    assert fits(When(from_=("dana reyes",)))
    assert not fits(When(from_=("ben",)))


def test_a_rule_looks_at_what_begins_a_conversation_unless_it_says_every() -> None:
    assert not fits(When(), begins=False)
    assert fits(When(), on=On.EVERY, begins=False)


def test_what_is_dear_is_asked_only_where_all_else_fits() -> None:
    asked: list[str] = []
    looked = facts()
    looked.first_time = lambda: bool([*asked, asked.append("first")])  # type: ignore[func-returns-value]
    assert not matching.fits(Rule(name="R", when=When(subject=("shoes",), first_time=True), then=ACT), looked)
    assert not asked


def test_rules_act_in_their_order_until_one_says_stop() -> None:
    rules = [
        Rule(name="one", then=ACT),
        Rule(name="two", when=When(subject=("shoes",)), then=ACT, stop=True),
        Rule(name="three", then=ACT, stop=True),
        Rule(name="four", then=ACT),
    ]
    assert [one.name for one in matching.acting(rules, facts())] == ["one", "three"]


# --- never a machine's mail -------------------------------------------------------------------------------------------


@given(kind=st.sampled_from([one for one in Automatic if one is not Automatic.NO]), subject=st.text(max_size=30))
def test_no_automatic_mail_is_passed_on(kind: Automatic, subject: str) -> None:
    assert matching.unsendable(Message(subject=subject, automatic=kind), spam=False)


def test_what_a_rule_answers_is_not_acknowledged_beside_it() -> None:
    assert matching.keeps_silent([Rule(name="R", then=Then(template="Hours", sends=True))])
    assert matching.keeps_silent([Rule(name="R", then=Then(spam=True))])
    assert not matching.keeps_silent([Rule(name="R", then=Then(template="Hours")), Rule(name="S", then=ACT)])


# --- as it is kept ----------------------------------------------------------------------------------------------------

words = st.text(min_size=1, max_size=10)
several = st.lists(words, max_size=2).map(tuple)
maybe = st.none() | st.booleans()
whens = st.builds(
    When, mailboxes=several, from_=several, to=several, subject=several, text=several, attachments=several,
    headers=st.lists(st.tuples(words, several), max_size=2).map(tuple),
    first_time=maybe, spam=maybe, automatic=maybe,
)  # fmt: skip
thens = st.builds(
    Then, channel=words, share=st.none() | st.sampled_from(Share), owners=several.map(lambda all_: tuple(map(UserId, all_))),
    tags=several, priority=st.none() | st.sampled_from([one for one in Priority if one]), template=words,
    sends=st.booleans(), close=st.booleans(), spam=st.booleans(), forward=several, webhook=words,
)  # fmt: skip


@given(st.builds(Rule, name=words, when=whens, then=thens, on=st.sampled_from(On), stop=st.booleans()))
def test_a_rule_is_kept_as_it_was_made(rule: Rule) -> None:
    assert matching.unpacked(json.loads(json.dumps(matching.packed(rule)))) == rule
