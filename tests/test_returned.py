"""A bounce is understood by whoever reads it, and nobody writes twice to an address that is dead without knowing it."""

from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onstage import DANA, Desk, ask, came_back, initial, nodes, received, rich, said

from bridge.demo.mails import SHOP
from bridge.demo.stage import Stage
from bridge.guard import undelivered
from bridge.model import Automatic, Bounce
from bridge.sentences import speaking
from bridge.slack.blocks import bounced
from bridge.store import bounced as dead
from bridge.store.database import Store

DANAS = "dana@example.com"

REASONS = {
    ("5.1.1", "550 5.1.1 User unknown"): "there is no such address",
    ("5.2.2", "552 5.2.2 Mailbox full"): "their mailbox is full",
    ("5.0.0", "550 over quota"): "their mailbox is full",
    ("5.7.1", "550 5.7.1 Service unavailable; client host blocked"): "it is blocked by their rules",
    ("5.7.1", "554 5.7.1 Message looks like spam"): "it was taken for spam",
    ("5.7.1", "550 5.7.1 DMARC policy of the domain"): "our domain could not prove that the mail is ours",
    ("5.3.4", "552 5.3.4 Message size exceeds fixed limit"): "the mail is too large for them",
    ("4.7.1", "450 4.7.1 Greylisted, try again later"): "puts off mail of those it does not know yet",
    ("5.1.2", "Host or domain name not found"): "there is no mail server for that domain",
    ("5.99.99", ""): "the mail server there does not take it",
    ("", ""): "the mail server there does not take it",
}


@pytest.mark.parametrize(("status", "words"), REASONS)
def test_a_bounce_says_why_in_plain_words_what_to_do_and_the_servers_own_words(status: str, words: str) -> None:
    told = bounced(Bounce(status=status, recipient=DANAS, reason=words), Automatic.BOUNCE)
    assert REASONS[status, words] in told
    assert ":bulb: " in told
    assert words in told


def test_who_reads_korean_is_told_in_korean() -> None:
    with speaking("ko-KR"):
        told = bounced(Bounce(status="5.2.2", recipient=DANAS), Automatic.BOUNCE)
    assert "메일함이 가득" in told


def test_of_a_delay_it_is_said_that_nothing_is_to_be_done() -> None:
    told = bounced(Bounce(status="4.4.1", recipient=DANAS), Automatic.DELAYED)
    assert "is not reached yet" in told
    assert "Nothing to do now" in told


@pytest.mark.parametrize(
    ("status", "words", "dead"),
    [
        ("5.1.1", "", True),
        ("5.1.10", "", True),
        ("5.2.1", "", True),
        ("5.0.0", "", True),
        ("5.2.2", "", False),  # another mail may fit
        ("5.3.4", "", False),
        ("5.7.1", "", False),
        ("5.4.7", "", False),
        ("4.1.1", "", False),
        ("5.1.1", "550 5.1.1 mailbox is full", False),
        ("", "", False),
    ],
)
def test_an_address_counts_as_dead_only_where_nothing_sent_there_would_arrive(
    status: str, words: str, *, dead: bool
) -> None:
    assert undelivered.for_good(Bounce(status=status, reason=words)) is dead


@given(st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}|\w*", fullmatch=True), st.text())
def test_every_code_means_something(status: str, words: str) -> None:
    assert undelivered.meaning(Bounce(status=status, reason=words)).reason


# --- stories ----------------------------------------------------------------------------------------------------------


async def answered_in_vain(stage: Stage, mina: Desk, **report: str) -> dict[str, Any]:
    """The card of a conversation whose answer came back."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here they are")})
    ours = await received(stage, DANAS)
    await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    await stage.world.hand_over(came_back(ours, DANAS, **report), sender="", recipients=[SHOP.email])
    await mina.sees(lambda: mina.line(card, "was not reached"))
    return card


def shown(view: dict[str, Any] | None) -> str:
    return "\n".join(str(one.get("text", "")) for one in nodes(view or {}))


async def known_dead(stage: Stage) -> list[str]:
    store = await Store.open(f"sqlite:///{stage.database}")
    try:
        async with store.read() as conn:
            return [one.email for one in await dead.among(conn, [DANAS])]
    finally:
        await store.close()


async def test_a_bounce_stands_in_the_thread_of_its_mail_and_that_mails_line_says_so(stage: Stage, mina: Desk) -> None:
    card = await answered_in_vain(stage, mina)
    line = await mina.sees(lambda: mina.line(card, "It came back: there is no such address."))
    assert line
    assert "Here they are" in said(line)
    assert len([one for one in mina.cards() if "Undelivered" in said(one)]) == 0


async def test_whoever_writes_to_a_dead_address_is_told_and_asked_once(stage: Stage, mina: Desk) -> None:
    card = await answered_in_vain(stage, mina)
    view = await mina.opens(card)
    assert "The last mail to *dana@example.com* came back" in shown(view)
    await mina.person.submit({"body": rich("Once more")})
    await mina.sees(lambda: "Send anyway" in shown(mina.person.view()))
    assert "The last mail to *dana@example.com* came back" in shown(mina.person.view())
    await mina.person.submit({"body": rich("Once more")})
    await received(stage, DANAS, count=2)


async def test_an_address_that_writes_to_us_is_alive_again(stage: Stage, mina: Desk) -> None:
    card = await answered_in_vain(stage, mina)
    assert await known_dead(stage) == [DANAS]
    await ask(stage, from_=DANA, subject="Another matter")
    await mina.sees_card("Another matter")
    assert await known_dead(stage) == []
    view = await mina.opens(card)
    assert "came back" not in shown(view)
    assert initial(view, "to") == DANA


async def test_a_full_mailbox_is_not_taken_for_a_dead_address(stage: Stage, mina: Desk) -> None:
    await answered_in_vain(stage, mina, status="5.2.2", words="552 5.2.2 Mailbox full")
    assert await known_dead(stage) == []


async def test_a_bounce_about_a_mail_that_nobody_here_sent_says_nothing_of_the_address(
    stage: Stage, mina: Desk
) -> None:
    await ask(stage)
    ours = await stage.world.write(from_=DANA, to=SHOP.email, subject="Mine", text="x")
    forged = came_back_of(ours)
    await stage.world.hand_over(forged, sender="", recipients=[SHOP.email])
    await mina.sees(lambda: mina.card("was not reached"))
    assert await known_dead(stage) == []


def came_back_of(message_id: str) -> bytes:
    made = EmailMessage()
    made["Message-ID"], made["Subject"] = message_id, "Mine"
    return came_back(made, DANAS)
