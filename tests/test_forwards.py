"""What a colleague passes on is the customer's mail: found as mail programs write it, answered to the customer."""

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onstage import Desk, ask, initial, received, rich, said

from bridge.demo.stage import Stage
from bridge.mail.forwards import passed_on
from bridge.mail.parse import parse
from bridge.model import Address, Attachment, Message

DANA = Address(name="Dana Reyes", email="dana@example.com")
NOTE = "Internal: she is our best customer, be quick.\n\n"

GMAIL = f"""{NOTE}---------- Forwarded message ---------
From: Dana Reyes <dana@example.com>
Date: Mon, 2 Feb 2026 at 10:00
Subject: Two bags are missing
To: Jonas Weber <jonas@fernhill.example.com>


Hello Jonas,

where are they?
"""
APPLE = f"""{NOTE}Begin forwarded message:

> From: Dana Reyes <dana@example.com>
> Subject: Two bags are missing
> Date: 2 February 2026 at 10:00:00 CET
> To: Jonas Weber <jonas@fernhill.example.com>
>\x20
> Hello Jonas,
>\x20
> where are they?
"""
OUTLOOK = f"""{NOTE}________________________________
From: Dana Reyes <dana@example.com>
Sent: Monday, February 2, 2026 10:00 AM
To: Jonas Weber <jonas@fernhill.example.com>
Subject: Two bags are missing

Hello Jonas,

where are they?
"""
OLD_OUTLOOK = f"""{NOTE}*Von:* Dana Reyes [mailto:dana@example.com]
*Gesendet:* Montag, 2. Februar 2026 10:00
*An:* Jonas Weber
*Betreff:* Two bags are missing

Hello Jonas,

where are they?
"""
THUNDERBIRD = f"""{NOTE}-------- Weitergeleitete Nachricht --------
Betreff: \tTwo bags are missing
Datum: \tMon, 2 Feb 2026 10:00:00 +0100
Von: \tDana Reyes <dana@example.com>
An: \tjonas@fernhill.example.com



Hello Jonas,

where are they?
"""
KOREAN = f"""{NOTE}---------- 전달된 메시지 ---------
보낸사람: Dana Reyes <dana@example.com>
날짜: 2026년 2월 2일 (월) 오전 10:00
제목: Two bags are missing
받는사람: Jonas Weber <jonas@fernhill.example.com>

Hello Jonas,

where are they?
"""
BARE_ADDRESS = GMAIL.replace("Dana Reyes <dana@example.com>", "dana@example.com <mailto:dana@example.com>", 1)


@pytest.mark.parametrize(
    ("subject", "text", "author"),
    [
        ("Fwd: Two bags are missing", GMAIL, DANA),
        ("look at this", GMAIL, DANA),
        ("Fwd: Two bags are missing", APPLE, DANA),
        ("FW: Two bags are missing", OUTLOOK, DANA),
        ("WG: Two bags are missing", OLD_OUTLOOK, DANA),
        ("Fwd: Two bags are missing", THUNDERBIRD, DANA),
        ("Fwd: Two bags are missing", KOREAN, DANA),
        ("Fwd: Two bags are missing", BARE_ADDRESS, Address(email="dana@example.com")),
        ("Fwd: Two bags are missing", GMAIL.replace("\n", "\r\n"), DANA),
    ],
)
def test_whoever_wrote_what_was_passed_on_is_found_and_nothing_of_the_note_above(
    subject: str, text: str, author: Address
) -> None:
    found = passed_on(Message(subject=subject, text=text))
    assert found
    assert found.author == author
    assert found.subject == "Two bags are missing"
    assert found.text == "Hello Jonas,\n\nwhere are they?"


def attached(*, subject: str, count: int = 1) -> Message:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = str(DANA), "Two bags", "<first@example.com>"
    mail.set_content("where are they?")
    file = Attachment(filename="mail.eml", content_type="message/rfc822", content=mail.as_bytes())
    return Message(subject=subject, text="please take this", attachments=(file,) * count)


def test_an_attached_mail_is_passed_on_with_all_that_it_says() -> None:
    found = passed_on(attached(subject="for you"))
    assert found
    assert (found.author, found.message_id, found.text.strip()) == (DANA, "<first@example.com>", "where are they?")


@pytest.mark.parametrize(
    "message",
    [
        Message(subject="Re: Two bags", text=GMAIL),  # quotes what was once passed on
        Message(subject="Two bags", text=OUTLOOK),  # an answer's history
        Message(subject="Fwd: the news", text="You asked for it."),
        Message(subject="Fwd: itinerary", text="From: Berlin\nTo: Hamburg\nDate: today\n"),
        Message(subject="Fwd: x", text="---------- Forwarded message ---------\nFrom: Dana\nSubject: x\n\nhello"),
        Message(subject="x", text=f"On Monday Ben wrote:\n> {GMAIL.replace(chr(10), chr(10) + '> ')}"),
        attached(subject="three of them", count=3),
        attached(subject="AW: Two bags"),
    ],
)
def test_what_was_not_passed_on_or_has_no_author_stays_its_senders(message: Message) -> None:
    assert passed_on(message) is None


@settings(deadline=None, max_examples=200)
@given(st.text() | st.lists(st.sampled_from(GMAIL.split("\n") + OLD_OUTLOOK.split("\n"))).map("\n".join))
def test_nothing_that_a_text_holds_makes_it_fail(text: str) -> None:
    found = passed_on(Message(subject="Fwd: x", text=text))
    assert found is None or "@" in found.author.email


@pytest.mark.timeout(10)
def test_a_hostile_text_costs_little() -> None:
    for line in ("From: a@example.com", "---------- Forwarded message ---------", "Subject: " + "x" * 5000, ">" * 5000):
        passed_on(Message(subject="Fwd: x", text=f"{line}\n" * (5_000_000 // len(line))))


# --- told on the stage ------------------------------------------------------------------------------------------------

JONAS = "Jonas Weber <jonas@fernhill.example.com>"


async def test_what_a_teammate_passes_on_is_answered_to_the_customer_and_the_note_stays_inside(
    stage: Stage, mina: Desk
) -> None:
    await ask(stage, from_=JONAS, subject="Fwd: Two bags are missing", text=GMAIL)
    card = await mina.sees_card("Two bags are missing")
    assert "Dana Reyes" in said(card)
    assert card["blocks"][0]["text"]["text"] == "Two bags are missing"
    line = await mina.sees(lambda: mina.line(card, "where are they?"))
    assert "Forwarded by Jonas Weber" in said(line or {})

    view = await mina.opens(card)
    assert initial(view, "to") == str(DANA)
    assert initial(view, "cc") == ""
    assert initial(view, "subject") == "Re: Two bags are missing"
    await mina.person.submit({"body": rich("They are on their way.")})
    assert "dana@example.com" in said(mina.person.view() or {})
    mail = await received(stage, "dana@example.com")
    body = mail.get_body(("plain",))
    assert body
    text = body.get_content()
    assert "Dana Reyes wrote:" in text
    assert "> where are they?" in text
    assert "best customer" not in text
    assert "Jonas" not in text.replace("> Hello Jonas,", "")


async def test_the_customers_next_mail_comes_to_the_conversation_that_the_forward_began(
    stage: Stage, mina: Desk
) -> None:
    first = EmailMessage()
    first["From"], first["Subject"], first["Message-ID"] = str(DANA), "Two bags", "<first@example.com>"
    first.set_content("where are they?")
    file = Attachment(filename="Two bags.eml", content_type="message/rfc822", content=first.as_bytes())
    outer = EmailMessage()
    outer["From"], outer["To"], outer["Subject"] = JONAS, "hello@fernhill.example.com", "Fwd: Two bags"
    outer["Message-ID"] = "<outer@fernhill.example.com>"
    outer.set_content("please take this")
    outer.add_attachment(email_of(file), filename=file.filename)
    await stage.world.hand_over(
        outer.as_bytes(), sender="jonas@fernhill.example.com", recipients=["hello@fernhill.example.com"]
    )
    card = await mina.sees_card("Two bags")
    await ask(stage, subject="Re: Two bags", text="One was found.", in_reply_to="<first@example.com>")
    assert await mina.sees(lambda: mina.line(card, "One was found."))
    assert len(mina.cards()) == 1


def email_of(file: Attachment) -> EmailMessage:
    made = EmailMessage()
    read = parse(file.content)
    made["From"], made["Subject"], made["Message-ID"] = str(read.author), read.subject, read.message_id
    made.set_content(read.text)
    return made


async def test_what_a_stranger_passes_on_stays_the_strangers(stage: Stage, mina: Desk) -> None:
    """Else anybody could have an answer sent to whom they like."""
    await ask(stage, from_="Eve <eve@example.net>", subject="Fwd: Two bags are missing", text=GMAIL)
    card = await mina.sees_card("Two bags")
    assert initial(await mina.opens(card), "to") == "Eve <eve@example.net>"


async def test_a_member_of_the_workspace_is_a_teammate_whatever_the_domain(stage: Stage, mina: Desk) -> None:
    stage.slack.workspace.add_user("kim", real_name="Kim", email="kim@private.example")
    await ask(stage, from_="Kim <kim@private.example>", subject="Fwd: Two bags are missing", text=GMAIL)
    card = await mina.sees_card("Two bags")
    assert initial(await mina.opens(card), "to") == str(DANA)


async def test_a_guest_is_no_teammate(stage: Stage, mina: Desk) -> None:
    await ask(stage, from_="Lee <lee@agency.example>", subject="Fwd: Two bags are missing", text=GMAIL)
    card = await mina.sees_card("Two bags")
    assert initial(await mina.opens(card), "to") == "Lee <lee@agency.example>"


async def test_a_mailbox_can_take_forwards_as_they_stand(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.source += "\nforwards = false"
    await stage.start_bridge()
    await ask(stage, from_=JONAS, subject="Fwd: Two bags are missing", text=GMAIL)
    card = await mina.sees_card("Two bags")
    assert initial(await mina.opens(card), "to") == JONAS


@pytest.mark.parametrize(
    ("results", "customer"),
    [
        ("dmarc=pass header.from=fernhill.example.com", True),
        ("spf=softfail; dkim=pass header.d=fernhill.example.com", True),
        ("dkim=none; dmarc=none", True),  # as Microsoft writes of a colleague's mail, which never left it
        ("spf=pass smtp.mailfrom=evil.example; dkim=pass header.d=evil.example; dmarc=none", False),
        ("spf=pass smtp.mailfrom=evil.example", False),
        ("dmarc=fail; dkim=pass header.d=fernhill.example.com", False),
    ],
)
async def test_where_a_trusted_server_looked_only_a_colleagues_own_mail_passes_another_on(
    stage: Stage, mina: Desk, results: str, customer: bool
) -> None:
    """Else whoever forges a colleague's address has the answer sent to whom he likes."""
    await stage.stop_bridge()
    stage.source += '\ntrusted_servers = ["mx.fernhill.example.com"]'
    await stage.start_bridge()
    mail = EmailMessage()
    mail["Authentication-Results"] = f"mx.fernhill.example.com; {results}"
    mail["From"], mail["To"], mail["Subject"] = JONAS, "hello@fernhill.example.com", "Fwd: Two bags are missing"
    mail.set_content(GMAIL)
    await stage.world.hand_over(
        mail.as_bytes(), sender="jonas@fernhill.example.com", recipients=["hello@fernhill.example.com"]
    )
    card = await mina.sees_card("Two bags")
    assert initial(await mina.opens(card), "to") == (str(DANA) if customer else JONAS)
