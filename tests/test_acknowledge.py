"""A new conversation's sender is told of its number: once, never by one robot to another, and never for ever."""

import email
import email.policy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailroom import until
from onstage import Desk, actions, ask, initial, nodes, received, rich, said

from bridge import holding, rules, templates
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Refused
from bridge.mail.parse import parse
from bridge.model import Address, Automatic, Message, now

DANA = "dana@example.com"
OWN = {SHOP.email}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "stage", hold=0)
    made.source += "\nauto_ack = true\nack = { per_sender = 2 }"
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def mina(stage: Stage) -> Desk:
    return Desk(stage)


def got(stage: Stage, address: str = DANA) -> list[EmailMessage]:
    parsed = [email.message_from_bytes(raw, policy=email.policy.default) for raw in stage.world.inbox[address]]
    return [one for one in parsed if isinstance(one, EmailMessage)]


# --- the mail ---------------------------------------------------------------------------------------------------------


async def test_a_new_conversation_is_acknowledged_with_its_number(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    mail = await received(stage, DANA)
    assert mail["Subject"] == "Re: Two bags are missing [#1]"
    assert "Hello Dana Reyes" in mail.get_content()
    assert "#1" in mail.get_content()
    assert (mail["In-Reply-To"], mail["Auto-Submitted"]) == (first, "auto-replied")
    assert mail["X-Auto-Response-Suppress"] == "All"
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    assert "by itself" in said(mina.line(card, ":white_check_mark: Sent") or {})
    assert "Open" in said(mina.cards()[0])
    assert "1 unread" in said(mina.cards()[0])


async def test_who_was_acknowledged_still_waits_for_an_answer(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    await mina.sees(lambda: "2 mails" in said(mina.cards()[0]))
    assert "waits since" in said(mina.cards()[0])
    await mina.person.open_home()
    await mina.sees(lambda: "the longest waits since" in said(stage.slack.workspace.screens.home(MINA) or {}))


async def test_who_has_an_answer_already_is_not_told_that_there_will_be_one(tmp_path: Path) -> None:
    slow = Stage(tmp_path / "slow", hold=600)
    slow.source += "\nauto_ack = true"
    await slow.start()
    try:
        mina = Desk(slow)
        await ask(slow)
        card = await mina.sees_card("Two bags")
        await mina.sees(lambda: mina.line(card, "by itself"))
        await mina.opens(card)
        await mina.person.submit({"body": rich("Here they are.")})
        line = await mina.sees(lambda: mina.line(card, "Here they are."))
        assert line
        await mina.person.click(CHANNEL, line["ts"], "send_now")
        assert (await received(slow, DANA)).get("Auto-Submitted") is None
        assert await mina.sees(lambda: "Undone" in said(mina.line(card, "by itself") or {}))
    finally:
        await slow.stop()


async def test_it_is_acknowledged_once_and_its_answer_joins(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    mail = await received(stage, DANA)
    await ask(stage, subject="Re: Two bags", text="Two of them.", in_reply_to=first)
    await ask(stage, subject=mail["Subject"], text="And a third.", in_reply_to=mail["Message-ID"])
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "And a third."))
    await ask(stage, from_="Ben <ben@example.org>", subject="The last one")
    await received(stage, "ben@example.org")
    assert len(got(stage)) == 1
    assert len(mina.cards()) == 2


async def test_it_can_be_undone_while_it_is_held(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "slow", hold=600)
    stage.source += "\nauto_ack = true"
    await stage.start()
    try:
        mina = Desk(stage)
        await ask(stage)
        card = await mina.sees_card("Two bags")
        line = await mina.sees(lambda: mina.line(card, "by itself"))
        assert line
        await mina.person.click(CHANNEL, line["ts"], "cancel_send")
        assert await mina.sees(lambda: mina.line(card, "Undone"))
    finally:
        await stage.stop()
    assert not got(stage)


async def test_it_can_be_undone_for_its_whole_hold_however_late_slack_shows_it(tmp_path: Path) -> None:
    """The hold begins with the line in the thread, where the button is."""
    stage, away, hold = Stage(tmp_path / "slow"), 6, 4
    stage.hold = hold
    stage.source += "\nauto_ack = true"
    await stage.start()
    try:
        mina, faults = Desk(stage), stage.slack.faults
        faults.rate_limited("chat.postMessage", retry_after=away)
        await ask(stage)
        card = await mina.sees_card("Two bags")
        line = await mina.sees(lambda: mina.line(card, "by itself"))
        assert line
        assert "Leaves at" in said(line)
        await mina.person.click(CHANNEL, line["ts"], "cancel_send")
        assert await mina.sees(lambda: mina.line(card, "Undone"))
    finally:
        await stage.stop()
    assert not got(stage)


async def test_where_slack_shows_nothing_it_leaves_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits to be seen, but not for ever."""
    monkeypatch.setattr(holding, "UNSEEN", timedelta(seconds=1))
    stage = Stage(tmp_path / "slow", hold=0.1)
    stage.source += "\nauto_ack = true"
    await stage.start()
    try:
        stage.slack.faults.error("chat.postMessage", times=None)
        await ask(stage)
        await until(lambda: got(stage))
        assert not Desk(stage).cards()
    finally:
        await stage.stop()


# --- never to robots --------------------------------------------------------------------------------------------------

ROBOTS = {
    "an automatic answer": "Auto-Submitted: auto-replied",
    "a generated mail": "Auto-Submitted: auto-generated",
    "bulk mail": "Precedence: bulk",
    "a list": "List-Id: <news.example.com>",
    "no way back": "Return-Path: <>",
    "spam": "X-Spam-Flag: YES",
    "nobody": "From: Shop <no-reply@example.com>",
    "do not reply": "From: Shop <DoNotReply+7@example.com>",
    "a mailer": "From: MAILER-DAEMON@example.com",
    "a list's owner": "From: news-bounces@example.com",
    "ourselves": f"From: <{SHOP.email.upper()}>",
    "an answer to us": f"From: Eve <eve@example.com>\nReply-To: {SHOP.email}",
    "nobody at all": "From: ",
}


NOBODY = [
    "forms-receipts-noreply",
    "drive-shares-dm-noreply",
    "googlealerts-noreply",
    "jobs-noreply",
    "no-reply-aws",
    "noreply-de",
    "account-security-noreply",
    "noreply1",
    "bounce-123",
    "auto-confirm",
    "automated",
    "não-responda",
    "NÃO_RESPONDA",
    "please.do.not.reply",
    "bounces+dana=example.com",
    "security-alerts",
    "no.reply+7",
    "keine-antwort",
    "ne-pas-repondre",
    "ne_pas_répondre",
    "news-request",
    "root",
    "srs0=abc=de",
]
SOMEBODY = [
    "norman.reply",
    "noreen",
    "autobahn",
    "antonio.reply",
    "bouncer",
    "alertson",
    "root.canal",
    "reply",
    "dana+bags",
    "no.one",
    "kino-antwort",
    "postmasters",
    "automatedsystems",
    "never",
    "arno.replyman",
]


@pytest.mark.parametrize("local", NOBODY)
def test_nobody_reads_there_by_the_address_alone(local: str) -> None:
    assert rules.unanswerable(mail_of(f"From: Shop <{local}@example.com>"), own=OWN)
    assert "nobody reads" in rules.unanswerable(
        mail_of(f"From: Dana <dana@example.com>\nReply-To: {local}@example.com"), own=OWN
    )


@pytest.mark.parametrize("local", SOMEBODY)
def test_somebody_reads_there(local: str) -> None:
    assert rules.unanswerable(mail_of(f"From: Shop <{local}@example.com>"), own=OWN) == ""


# --- whom it goes to --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "reply_to", "goes_to"),
    [
        ("eve@attacker.example", "victim@example.net", "eve@attacker.example"),
        ("eve@gmail.com", "victim@gmail.com", "eve@gmail.com"),
        ("eve@attacker.example", "a@attacker.example, victim@example.net", "eve@attacker.example"),
        ("no-reply@shop.example", "dana@example.com", "dana@example.com"),
        ("dana@example.com", "dana.reyes@example.com", "dana.reyes@example.com"),
        (f"form@{SHOP.email.rpartition('@')[2]}", "dana@example.com", "dana@example.com"),
        ("dana@bücher.example", "office@xn--bcher-kva.example", "office@xn--bcher-kva.example"),
    ],
)
def test_a_reply_to_is_believed_where_the_author_speaks_for_it(author: str, reply_to: str, goes_to: str) -> None:
    message = mail_of(f"From: Form <{author}>\nReply-To: {reply_to}")
    assert rules.answered_by_itself(message, own=OWN).email == goes_to
    assert rules.unanswerable(message, own=OWN) == ""


@pytest.mark.parametrize(
    "email",
    [
        "victim@bücher.example",
        "Victim+1@xn--bcher-kva.example",
        '"victim"@BÜCHER.example.',
        '"vic\\tim+2"@bücher.example',
    ],
)
def test_one_reader_is_counted_once_however_the_address_is_spelt(email: str) -> None:
    assert rules.one_spelling(email) == "victim@xn--bcher-kva.example"


@given(st.text(max_size=80), st.text(max_size=80))
def test_every_address_has_a_spelling_of_its_own_kind(local: str, domain: str) -> None:
    once = rules.one_spelling(f"{local}@{domain}")
    assert rules.one_spelling(once.upper()).casefold() or not once


@pytest.mark.parametrize("name", ["Buy pills http://evil.example", "www.evil.example", "evil.example", "x" * 61])
def test_a_name_that_leads_somewhere_is_not_repeated(name: str) -> None:
    assert templates.repeatable(Address(name=name, email="a@example.com")).name == ""


@pytest.mark.parametrize("name", ["Dana Reyes", "J.Smith", "Dr. Smith", "김 민수", "Müller GmbH & Co. KG"])
def test_a_name_is_repeated(name: str) -> None:
    assert templates.repeatable(Address(name=name, email="a@example.com")).name == name


def mail_of(lines: str) -> Message:
    sender = "" if lines.startswith("From:") else "From: Dana <dana@example.com>\n"
    return parse(f"{sender}{lines}\nTo: {SHOP.email}\nSubject: Hello\nMessage-ID: <1@x>\n\nHello\n".encode())


@pytest.mark.parametrize("lines", ROBOTS.values(), ids=ROBOTS)
def test_a_robot_is_never_answered_by_ours(lines: str) -> None:
    assert rules.unanswerable(mail_of(lines), own=OWN)


@pytest.mark.parametrize(
    "lines",
    ["X-Other: 1", "Auto-Submitted: no", "X-Auto-Response-Suppress: All", "From: Noreen Reply <noreen@example.com>"],
)
def test_a_person_is(lines: str) -> None:
    """Exchange writes X-Auto-Response-Suppress into what people write."""
    assert rules.unanswerable(mail_of(lines), own=OWN) == ""


@given(
    kind=st.sampled_from([one for one in Automatic if one is not Automatic.NO]),
    email=st.emails(),
    subject=st.text(max_size=30),
)
def test_no_automatic_mail_of_any_kind_is_answered(kind: Automatic, email: str, subject: str) -> None:
    message = Message(from_=(Address(email=email),), subject=subject, automatic=kind)
    assert rules.unanswerable(message, own=())


# --- never for ever ---------------------------------------------------------------------------------------------------


async def loop(stage: Stage, mina: Desk, *, mails: int, begin: int = 0) -> None:
    """A robot that answers each of ours with a mail that says nothing of what it answers."""
    for turn in range(begin, begin + mails):
        await ask(stage, subject=f"Your ticket {turn}", text="We have received your message.")
        await mina.sees_card(f"Your ticket {turn}")


async def test_two_robots_that_answer_each_other_stop_at_the_limit_and_a_person_decides(
    stage: Stage, mina: Desk
) -> None:
    await loop(stage, mina, mails=4)
    asked = await mina.sees_card("no more are sent there")
    assert {"mute_sender", "resume_sender"} <= set(actions(asked))
    assert len([one for one in mina.cards() if "no more are sent there" in said(one)]) == 1
    assert len(got(stage)) == 2
    await mina.person.click(CHANNEL, asked["ts"], "resume_sender")
    decided = await mina.sees_card("acknowledged again")
    assert not [one for one in nodes(decided) if one.get("type") == "button"]
    await loop(stage, mina, mails=1, begin=4)
    await received(stage, DANA, count=3)


async def test_a_muted_sender_is_shown_and_never_acknowledged(stage: Stage, mina: Desk) -> None:
    await loop(stage, mina, mails=3)
    asked = await mina.sees_card("no more are sent there")
    await mina.person.click(CHANNEL, asked["ts"], "mute_sender")
    await mina.sees_card("muted this sender")
    await loop(stage, mina, mails=1, begin=3)
    await ask(stage, from_="Ben <ben@example.org>", subject="Another")
    await received(stage, "ben@example.org")
    assert len(got(stage)) == 2


# --- the template -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["{{ sender.name", "{{ password }}", "{% for x in y %}"])
def test_a_template_that_speaks_of_what_there_is_not_is_refused_when_it_is_read(template: str) -> None:
    with pytest.raises(Refused):
        templates.check(template)


# --- office hours, and HTML of its own --------------------------------------------------------------------------------

SEOUL = ZoneInfo("Asia/Seoul")
HOURS = 'hours = { zone = "Asia/Seoul", open = ["mon-fri 9:00-12:30, 13:30-18:00", "sat 9:00-11:00"] }'
ACK = """
auto_ack = true
ack = { text = '''
Hello {{ sender.name }}, your number is {{ number }}.
{% if not hours.open %}We are back on {{ hours.opens }} ({{ hours.text }}).{% else %}We are at our desks.{% endif %}
''', html = '''
<p class="hello">Hello <b title="{{ sender.name }}">{{ sender.name }}</b>, your number is {{ number }}.</p>
<p>{% if not hours.open %}We are back on {{ hours.opens }}.{% else %}We are at our desks.{% endif %}</p>
''' }
"""
KOREAN = """
auto_ack = true
ack = { text = '''
{{ sender.name }}님, 문의 {{ number }}번을 받았습니다. 상담 시간: {{ hours.text }}. {{ hours.opens }}부터 답해 드립니다.
''', html = '''
<table style="font-family:sans-serif"><tr><td><b>{{ sender.name }}</b>님, {{ hours.opens }}부터 답해 드립니다.</td></tr></table>
''' }
"""
CARE = "care@fernhill.example.com"
Opened = Callable[..., Awaitable[Stage]]


def until_weekday(weekday: int, hour: int) -> timedelta:
    """From now to the next such time in Seoul."""
    here = now().astimezone(SEOUL)
    then = here.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=(weekday - here.weekday()) % 7)
    return (then if then > here else then + timedelta(days=7)) - here


def monday() -> date:
    """The next Monday in Seoul."""
    today = now().astimezone(SEOUL).date()
    return today + timedelta(days=-today.weekday() % 7)


def in_english(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}, 9:00"


@pytest.fixture
async def on_saturday(tmp_path: Path) -> AsyncIterator[Opened]:
    """A stage on a Saturday at noon, when #support's people are away; those of `care@` are there round the clock."""
    made = Stage(tmp_path / "stage")

    async def start(*, hold: float = 0, ack: str = ACK) -> Stage:
        made.hold = hold
        made.source += f"\n{HOURS}{ack}"
        await made.slack.start()
        await made.world.start()
        server = f'{{ host = "{made.world.host}", port = {made.world.port}, security = "none" }}'
        where = f'address = "{CARE}"\nchannel = "#support"\nsource = "local"\nhold_seconds = 0\nsmtp = {server}'
        made.others = f"[[mailbox]]\n{where}{ack}"
        made.later(until_weekday(5, 12))
        await made.start_bridge()
        return made

    yield start
    await made.stop()


def part(mail: EmailMessage, kind: str) -> str:
    """What a mail says to those who read text, or HTML."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def test_who_writes_when_nobody_is_there_is_told_when_somebody_is(on_saturday: Opened) -> None:
    stage = await on_saturday()
    opens = in_english(monday())
    await ask(stage)
    mail = await received(stage, DANA)
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    assert part(mail, "plain").strip() == (
        "Hello Dana Reyes, your number is 1.\n"
        f"We are back on {opens} (mon-fri 9:00-12:30, 13:30-18:00; sat 9:00-11:00)."
    )
    assert '<p class="hello">Hello <b title="Dana Reyes">Dana Reyes</b>, your number is 1.</p>' in part(mail, "html")
    assert f"<p>We are back on {opens}.</p>" in part(mail, "html")
    assert mail["Auto-Submitted"] == "auto-replied"

    await ask(stage, to=CARE, subject="To those who never sleep")
    mail = await received(stage, DANA, count=2)
    assert "We are at our desks." in part(mail, "plain")
    assert "<p>We are at our desks.</p>" in part(mail, "html")

    stage.later(until_weekday(0, 10))
    await ask(stage, subject="On Monday morning")
    mail = await received(stage, DANA, count=3)
    assert "We are at our desks." in part(mail, "plain")
    assert "We are back" not in part(mail, "html")


async def test_a_name_that_is_markup_stays_a_name(on_saturday: Opened) -> None:
    """In the HTML, between tags and within an attribute; the text says it as it is."""
    stage = await on_saturday()
    name = """<script>alert('x')</script> & \\"onload=x"""
    await ask(stage, from_=f'"{name}" <dana@example.com>')
    mail = await received(stage, DANA)
    page = part(mail, "html")
    assert "<script" not in page
    assert "alert(&#39;x&#39;)" in page
    assert 'title="&lt;script&gt;' in page
    assert "&#34;onload=x" in page
    assert "<script>alert('x')</script> & \"onload=x" in part(mail, "plain")
    shown = parse(stage.world.inbox[DANA][-1])
    assert "<script>" in shown.text


async def test_koreans_read_korean(on_saturday: Opened) -> None:
    """The time too, though the desk speaks English: the template does not. Round the clock there is none to tell."""
    stage = await on_saturday(ack=KOREAN)
    day = monday()
    await ask(stage, from_="김민수 <dana@example.com>", subject="원두가 두 봉지 빠졌어요", text="어디에 있나요?")
    mail = await received(stage, DANA)
    opens = f"{day.month}월 {day.day}일 월요일 9:00"
    hours = "mon-fri 9:00-12:30, 13:30-18:00; sat 9:00-11:00"
    told = f"김민수님, 문의 1번을 받았습니다. 상담 시간: {hours}. {opens}부터 답해 드립니다."
    assert part(mail, "plain").strip() == told
    assert f"<b>김민수</b>님, {opens}부터 답해 드립니다." in part(mail, "html")
    assert mail["Subject"] == "Re: 원두가 두 봉지 빠졌어요 [#1]"


async def test_the_thread_shows_the_text_and_says_that_there_is_html(on_saturday: Opened) -> None:
    stage = await on_saturday()
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    assert line
    assert "Hello Dana Reyes, your number is 1." in said(line)
    assert "it has HTML of its own" in said(line)
    [shown] = [one["value"] for one in nodes(line) if str(one.get("value", "")).startswith("show_sent:")]
    await mina.person.choose(CHANNEL, line["ts"], "mail", shown)
    await mina.sees(lambda: "Content-Transfer-Encoding" in json.dumps(mina.person.view()))
    original = json.dumps(mina.person.view())
    assert "text/html" in original
    assert "class=3D" in original  # its own HTML, as quoted-printable carries it


async def test_it_leaves_after_a_restart_as_it_was_promised(on_saturday: Opened) -> None:
    """Filled in on Saturday, sent on Monday: both parts say what its line in the thread has said since."""
    stage = await on_saturday(hold=600)
    mina, opens = Desk(stage), in_english(monday())
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, f"We are back on {opens}"))
    await stage.stop_bridge()
    stage.later(until_weekday(0, 10))
    await stage.start_bridge()
    mail = await received(stage, DANA)
    assert f"We are back on {opens}" in part(mail, "plain")
    assert f"<p>We are back on {opens}.</p>" in part(mail, "html")
    assert len(got(stage)) == 1


async def test_whoever_undoes_it_gets_its_text_and_sends_no_html_that_they_never_saw(on_saturday: Opened) -> None:
    stage = await on_saturday(hold=600)
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: mina.line(card, "We are back on"))
    assert line
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    view = await mina.sees_compose()
    body: dict[str, Any] = initial(view, "body")
    assert "your number is 1" in json.dumps(body)
    await mina.person.submit({"body": rich("We are here after all.")})
    line = await mina.sees(lambda: mina.line(card, "We are here after all."))
    assert line
    assert "HTML" not in said(line)
    await mina.person.click(CHANNEL, line["ts"], "send_now")
    mail = await received(stage, DANA)
    assert mail.get_content_type() == "text/plain"
    assert len(got(stage)) == 1
