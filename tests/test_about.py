"""What an agent is told of a mail beside its words: alarming where something is wrong, quiet where nothing is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onstage import Desk, ask, received, rich, said

from bridge.demo.double.blockkit import check_message_blocks
from bridge.demo.mails import SHOP
from bridge.demo.stage import Stage
from bridge.model import (
    Address,
    Authenticity,
    Automatic,
    Direction,
    Invitation,
    Joined,
    Line,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    StoredMessage,
)
from bridge.slack import blocks
from bridge.slack.about import about, acquaintance, doubts, invited, passed_on, why_here

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DANA = Address(name="Dana", email="dana@example.com")


def mail(message: Message | None = None) -> StoredMessage:
    return StoredMessage(
        id=MailId(1),
        mailbox=MailboxName("support"),
        number=Number(1),
        direction=Direction.IN,
        message=message or Message(from_=(DANA,)),
        reading=Reading(),
        files=(),
        raw_id=1,
        received=AT,
        thread_ts=None,
        shared=False,
        quarantined=False,
        readings=1,
    )


def signed(**signs: object) -> StoredMessage:
    return mail(Message(from_=(DANA,), authenticity=Authenticity(**signs)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "signs",
    [
        {},
        {"spf": "pass", "dkim": "pass", "dmarc": "pass"},
        {"spf": "fail", "dkim": "pass"},  # passed on by a server: its own signature holds
        {"spf": "fail", "dkim": "fail", "dmarc": "pass"},
        {"spf": "pass", "dkim": "fail"},  # a mailing list's footer
        {"spf": "neutral", "dkim": "none"},
        {"spf": "none"},
    ],
)
def test_an_honest_mail_is_said_nothing_of(signs: dict[str, str]) -> None:
    assert about(signed(**signs)) == []


@pytest.mark.parametrize(
    ("signs", "words"),
    [
        ({"dmarc": "fail", "spf": "pass", "dkim": "pass"}, "not from *example.com*"),
        ({"spf": "fail"}, "SPF failed"),
        ({"spf": "softfail", "dkim": "none"}, "it is not signed"),
        ({"spf": "softfail", "dkim": "fail"}, "its signature is wrong"),
        ({"dkim": "fail"}, "DKIM failed"),
        ({"reply_to": "evil.example"}, "Answers go to another domain: *evil.example*"),
        ({"risky": ("invoice.exe", "a.js")}, "Can do harm when opened: invoice.exe, a.js"),
        ({"lookalike": "exarnple.com"}, "*example.com* only looks like *exarnple.com*"),
    ],
)
def test_what_speaks_against_a_mail_is_said_in_its_thread_and_on_the_card(signs: dict[str, object], words: str) -> None:
    (one,) = doubts(signed(**signs))
    assert words in one
    assert words in str(about(signed(**signs)))


def test_our_own_mails_and_a_newsletters_reply_to_raise_no_doubts() -> None:
    assert doubts(replace(signed(dmarc="fail"), direction=Direction.OUT)) == []
    letter = signed(reply_to="elsewhere.example")
    assert doubts(replace(letter, message=replace(letter.message, automatic=Automatic.LIST))) == []


def test_who_writes_for_the_first_time_is_told_from_who_wrote_before() -> None:
    assert "First contact" in acquaintance(mail(), 0)
    assert acquaintance(mail(), 1) == "1 earlier conversation"
    assert acquaintance(mail(), 4) == "4 earlier conversations"
    assert acquaintance(mail(), None) == ""
    assert acquaintance(mail(Message(automatic=Automatic.BOUNCE)), 0) == ""


def test_only_reasons_that_nobody_sees_are_told() -> None:
    plain = {Joined.BEGAN, Joined.SIGNED, Joined.IN_REPLY_TO, Joined.REFERENCES}
    told = {why for why in Joined if why_here(replace(mail(), joined=why))}
    assert told == set(Joined) - plain


def test_who_passed_a_mail_on_is_named_and_the_mail_is_headed_by_its_customer() -> None:
    jonas = mail(Message(from_=(Address(name="Jonas", email="jonas@shop.example"),)))
    one = replace(jonas, written_by=DANA)
    assert "Forwarded by Jonas" in passed_on(one)
    assert "*Dana*" in blocks.from_line(one)
    assert passed_on(jonas) == ""


def test_a_forward_that_nobody_verified_says_so_and_where_answers_would_go() -> None:
    jonas = Message(from_=(Address(name="Jonas", email="jonas@shop.example"),))
    unknown = passed_on(replace(mail(jonas), written_by=DANA))
    assert "Not verified" in unknown
    assert DANA.email in unknown
    for signs in (Authenticity(dmarc="pass"), Authenticity(dkim="pass", signers=("shop.example",))):
        assert "Not verified" not in passed_on(replace(mail(replace(jonas, authenticity=signs)), written_by=DANA))


MEETING = Invitation(
    method="REQUEST",
    summary="Tasting <!channel>",
    location="Roastery, Mill Lane 3",
    start=AT,
    end=AT + timedelta(hours=1),
    zone="Europe/Berlin",
    organizer=DANA,
    attendees=(Address(email="ben@example.org"),),
)


def test_an_invitation_says_what_when_where_and_who() -> None:
    said_of_it = invited(MEETING)
    for words in ("Invitation: Tasting", "2026-03-02 09:00 UTC", "10:00 UTC", "Europe/Berlin", "Mill Lane 3", "ben@"):
        assert words in said_of_it
    assert "<!channel>" not in said_of_it


def test_a_whole_day_is_that_day_for_everybody() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    days = replace(MEETING, start=start, end=start + timedelta(days=1), whole_days=True)
    assert "\n2026-03-02\n" in invited(days)
    assert "2026-03-02 to 2026-03-03, and again later" in invited(
        replace(days, end=start + timedelta(days=2), repeats=True)
    )


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [("CANCEL", "", "Cancelled: "), ("REPLY", "DECLINED", "Declined: "), ("", "", "Event: ")],
)
def test_an_event_is_called_what_it_is(method: str, answer: str, words: str) -> None:
    assert words in invited(replace(MEETING, method=method, answer=answer))


_WORDS = st.text(max_size=30) | st.sampled_from(["<!channel>", "x" * 5000, "`" * 40, "가" * 900])
_PEOPLE = st.lists(st.builds(Address, name=_WORDS, email=_WORDS), max_size=12).map(tuple)


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Authenticity,
        dmarc=st.just("fail"),
        reply_to=_WORDS,
        risky=st.lists(_WORDS, max_size=12).map(tuple),
        lookalike=_WORDS,
    ),
    st.builds(Invitation, method=_WORDS, summary=_WORDS, location=_WORDS, zone=_WORDS, attendees=_PEOPLE),
    st.none() | st.builds(Address, name=_WORDS, email=_WORDS),
    st.sampled_from(Joined),
    st.lists(_WORDS.map(Line.of), max_size=4).map(tuple),
)
def test_whatever_is_said_slack_takes_the_message(
    signs: Authenticity, event: Invitation, customer: Address | None, why: Joined, words: tuple[Line, ...]
) -> None:
    message = Message(from_=(DANA,), authenticity=signs, invitation=event, notes=("x" * 900,) * 5)
    one = replace(mail(message), written_by=customer, joined=why, reading=Reading(new=words * 8))
    shown = blocks.mail(one, about=about(one)).blocks
    assert check_message_blocks(shown) == []
    assert "<!channel" not in str(shown)


# --- told on the stage ------------------------------------------------------------------------------------------------


async def test_a_card_says_whether_its_customer_wrote_before(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert "First contact" in said(card)
    await ask(stage, subject="Something else")
    assert "1 earlier conversation" in said(await mina.sees_card("Something else"))


async def test_a_sender_whose_domain_looks_like_ours_is_pointed_out(stage: Stage, mina: Desk) -> None:
    await ask(stage, from_="Shop <hello@fernhiII.example.com>".replace("II", "1l"), subject="Our new bank account")
    card = await mina.sees_card("bank account")
    assert "only looks like *fernhill.example.com*" in said(card)
    assert await mina.sees(lambda: mina.line(card, "only looks like"))


async def test_what_the_mail_server_found_of_a_sender_is_believed_only_from_a_server_that_is_named(
    stage: Stage, mina: Desk
) -> None:
    await stage.stop_bridge()
    stage.source += '\ntrusted_servers = ["mx.fernhill.example.com"]'
    await stage.start_bridge()
    mail = (
        "Authentication-Results: {server}; dmarc=fail header.from=example.com\r\nFrom: Dana <dana@example.com>\r\n"
        "To: hello@fernhill.example.com\r\nSubject: From {server}\r\nMessage-ID: <{server}@x>\r\n\r\nhello\r\n"
    )
    for server in ("mx.fernhill.example.com", "mx.evil.example"):
        raw = mail.format(server=server).encode()
        await stage.world.hand_over(raw, sender="dana@example.com", recipients=[SHOP.email])
    assert "DMARC failed" in said(await mina.sees_card("From mx.fernhill"))
    assert "DMARC" not in said(await mina.sees_card("From mx.evil"))


async def test_a_signature_of_the_mailbox_stands_below_the_answer(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.source += '\nsignature = "{name}\\n{signature}\\nFernhill Coffee, {address}"'
    await stage.start_bridge()
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.submit({"body": rich("On their way.")})
    mail_sent = await received(stage, "dana@example.com")
    body = mail_sent.get_body(("plain",))
    assert body
    text = body.get_content().replace("\r\n", "\n")
    assert f"On their way.\n\n-- \nmina\nFernhill Coffee, {SHOP.email}\n\nOn " in text
