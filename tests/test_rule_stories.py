"""Rules at work: a mail goes where it belongs, to whom it belongs, and every act names its rule in the log."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from mailroom import LocalRoom, until
from onstage import DANA, ENOUGH, Desk, ask, received, rich, said

from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, JONAS, MINA, STRANGER, Stage
from bridge.model import Act, Attachment, Number, now
from bridge.routing.webhooks import signature
from bridge.store import acts
from bridge.store.database import Store

BILLING = "C0BILLING1"
ANSWERED = "\\Answered"
DANA_WROTE = b"From: " + DANA.encode()
Staged = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def staged(tmp_path: Path) -> AsyncIterator[Staged]:
    """A stage with those tables in its bridge.toml; beside #support stands #billing, where Mina is and Jonas is not."""
    made = Stage(tmp_path / "stage", hold=0)

    async def start(tables: str, *, hold: float = 0, source: str = "") -> Stage:
        here = made.slack.workspace
        here.add_channel("billing", channel_id=BILLING, members=[MINA, here.bot_user_id])
        made.others, made.hold = tables, hold
        made.source += source
        await made.start()
        return made

    yield start
    await made.stop()


def rule(name: str, when: str = "", then: str = "", rest: str = "") -> str:
    return f'[[rule]]\nname = "{name}"\nwhen = {{ {when} }}\nthen = {{ {then} }}\n{rest}\n'


def deliver(stage: Stage, *headers: bytes) -> None:
    """A mail with headers that the demo's people do not write."""
    head = [*headers, b"To: " + SHOP.email.encode(), b"Message-ID: <" + os.urandom(6).hex().encode() + b"@example.com>"]
    LocalRoom(stage.data / "mail" / "support").deliver(b"\r\n".join([*head, b"", b"Words.", b""]))


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def in_billing(stage: Stage, words: str) -> dict[str, Any] | None:
    found = stage.slack.workspace.history(BILLING)
    return next((one for one in found if one.get("bot_id") and words in said(one)), None)


async def log(stage: Stage, number: int) -> list[Act]:
    store = await Store.open(f"sqlite:///{stage.database}")
    try:
        async with store.read() as conn:
            return list(reversed(await acts.of_conversation(conn, Number(number), limit=50)))
    finally:
        await store.close()


async def told(stage: Stage, number: int) -> list[str]:
    """The rules' lines of the log, each as verb and detail."""
    return [f"{one.verb}: {one.detail}" for one in await log(stage, number) if "rule: " in one.detail]


HOURS = '[[template]]\nname = "Hours"\ntext = "We are open from nine."\n'
ANSWERS = HOURS + rule("Hours", "", 'template = "Hours", send = true')


async def test_of_what_a_teammate_passed_on_both_mails_are_looked_at(staged: Staged) -> None:
    stage = await staged(ANSWERS)
    passed_on = b"""fyi\r
\r
---------- Forwarded message ---------\r
From: Big Shop <no-reply@bigshop.example>\r
Date: Mon, 2 Mar 2026 at 10:00\r
Subject: Your order\r
To: <mina@x.example>\r
\r
Your order has shipped.\r
"""
    domain = SHOP.email.rpartition("@")[2].encode()
    head = b"From: Mina <mina@" + domain + b">\r\nTo: " + SHOP.email.encode() + b"\r\nSubject: Fwd: Your order\r\n"
    LocalRoom(stage.data / "mail" / "support").deliver(head + b"Message-ID: <1@example.com>\r\n\r\n" + passed_on)
    await Desk(stage).sees_card("Your order")
    assert await told(stage, 1) == ["not answered: rule: Hours, nobody reads answers there"]


async def test_a_sender_who_was_called_spam_is_not_answered(staged: Staged) -> None:
    stage = await staged(HOURS + rule("Hours", 'subject = "hours"', 'template = "Hours", send = true'))
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.choose(CHANNEL, card["ts"], "more", "spam:1")
    await mina.sees(lambda: "In junk" in said(mina.card("Two bags") or {}))
    await ask(stage, subject="Opening hours")
    await mina.sees_card("Opening hours")
    assert await told(stage, 2) == ["not answered: rule: Hours, its sender was called spam before"]


async def test_what_slack_does_not_tell_is_left_out_and_the_rest_is_done(staged: Staged) -> None:
    """A channel that nobody sees into gives no owner; the mail is passed on all the same."""
    stage = await staged(rule("All", "", 'owner = "channel", forward = "books@example.org"'))
    stage.slack.workspace.channels[CHANNEL]["is_private"] = True
    stage.slack.workspace.leave(CHANNEL, stage.slack.workspace.bot_user_id)
    await ask(stage, subject="Hello there")
    await until(lambda: stage.world.inbox["books@example.org"])
    assert "not done: rule: All, The rule “All” finds nobody who may be its owner." in await told(stage, 1)


# --- where, whose, how much -------------------------------------------------------------------------------------------


async def test_a_rule_sorts_a_new_conversation_before_it_is_shown(staged: Staged) -> None:
    tables = rule(
        "Invoices", 'subject = "invoice"', 'channel = "#billing", tag = ["Money", "vip"], priority = "urgent"'
    )
    stage = await staged(tables)
    mina = Desk(stage)
    await ask(stage, subject="Your invoice is wrong")
    await ask(stage, subject="Two bags")
    assert await mina.sees(lambda: in_billing(stage, "Your invoice"))
    await mina.sees_card("Two bags")
    card = in_billing(stage, "Your invoice") or {}
    assert ":rotating_light: Urgent" in said(card)
    assert "#money #vip" in said(card)
    assert not mina.card("Your invoice")
    assert await told(stage, 1) == [
        f"move: rule: Invoices, channel: {CHANNEL} → {BILLING}",
        "tag: rule: Invoices, tags: none → money vip",
        "priority: rule: Invoices, priority: none → urgent",
    ]
    assert {one.place for one in await log(stage, 1)} == {"rule"}
    assert await told(stage, 2) == []


async def test_what_is_in_a_channel_of_no_mailbox_is_found_read_and_answered_there(staged: Staged) -> None:
    stage = await staged(rule("Invoices", 'subject = "invoice"', 'channel = "#billing", tag = "money"'))
    mina, jonas = Desk(stage), Desk(stage, JONAS)
    await ask(stage, subject="Your invoice is wrong")
    assert await mina.sees(lambda: in_billing(stage, "Your invoice"))
    await mina.person.open_home()
    assert await mina.sees(lambda: "Your invoice" in said(mina.person.home() or {}))
    await jonas.person.open_home()
    assert await jonas.sees(jonas.person.home)
    assert "Your invoice" not in said(jonas.person.home() or {})
    await mina.person.command(CHANNEL, "/mail", "search tag:money")
    assert await mina.sees(lambda: any("Your invoice" in said(one) for one in mina.person.ephemerals(CHANNEL)))
    await jonas.person.command(CHANNEL, "/mail", "search tag:money")
    assert await jonas.sees(lambda: any("Nothing found" in said(one) for one in jonas.person.ephemerals(CHANNEL)))
    card = in_billing(stage, "Your invoice") or {}
    await mina.person.click(BILLING, card["ts"], "reply")
    await mina.sees_compose()
    await mina.person.submit({"body": rich("We will mend it.")})
    assert "We will mend it." in text_of(await received(stage, "dana@example.com"))


@pytest.mark.parametrize("trouble", ["unknown", "archived", "without the bot"])
async def test_a_channel_that_cannot_be_used_loses_no_mail(staged: Staged, trouble: str) -> None:
    name = "#nowhere" if trouble == "unknown" else "#general" if trouble == "without the bot" else "#billing"
    stage = await staged(rule("Invoices", 'subject = "invoice"', f'channel = "{name}", tag = "money"'))
    if trouble == "archived":
        stage.slack.workspace.channels[BILLING]["is_archived"] = True
    mina = Desk(stage)
    await ask(stage, subject="Your invoice is wrong")
    card = await mina.sees_card("Your invoice")
    assert "“Invoices”" in said(card)
    assert "#money" in said(card)
    assert any(line.startswith("not done: rule: Invoices") for line in await told(stage, 1))


async def test_owners_come_in_turn_and_who_may_not_act_is_left_out(staged: Staged) -> None:
    stage = await staged(rule("Share", "", f'owner = ["{STRANGER}", "{MINA}", "{JONAS}"]'))
    mina = Desk(stage)
    owners = []
    for subject in ("One", "Two", "Three"):
        await ask(stage, subject=subject)
        shown = said(await mina.sees_card(subject))
        owners.append(next(user for user in (MINA, JONAS, STRANGER) if f"<@{user}>" in shown))
    assert owners == [MINA, JONAS, MINA]
    card = await mina.sees_card("One")
    line = await mina.sees(lambda: mina.line(card, "gave this to you"))
    assert f"<@{MINA}>" in said(line or {})
    assert await told(stage, 1) == [f"assign: rule: Share, owner: none → {MINA}"]


async def test_by_load_it_goes_to_who_has_least(staged: Staged) -> None:
    stage = await staged(rule("Share", 'subject = "new"', 'owner = "channel", by = "load"'))
    mina = Desk(stage)
    for number in (1, 2):
        await ask(stage, subject=f"Old {number}")
        await mina.sees_card(f"Old {number}")
        await mina.person.command(CHANNEL, "/mail", f"claim {number}")
    await mina.sees(lambda: all(f"<@{MINA}>" in said(one) for one in mina.cards()))
    for number in (1, 2):
        await ask(stage, subject=f"New {number}")
        card = await mina.sees_card(f"New {number}")
        assert f"<@{JONAS}>" in said(card)


async def test_what_a_rule_said_is_taken_back_by_who_knows_better(staged: Staged) -> None:
    stage = await staged(rule("Bags", 'subject = "bags"', 'tag = ["bags", "shop"], priority = "urgent"'))
    mina = Desk(stage)
    await ask(stage)
    await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "tag 1 -shop #Late")
    await mina.person.command(CHANNEL, "/mail", "priority 1 normal")
    assert await mina.sees(lambda: "#bags #late" in said(mina.cards()[0]) and "Urgent" not in said(mina.cards()[0]))
    for wrong in ("tag 1", "tag 1 a+b!", "priority 1 higher"):
        before = len(mina.person.ephemerals(CHANNEL))
        await mina.person.command(CHANNEL, "/mail", wrong)
        assert await mina.sees(lambda: len(mina.person.ephemerals(CHANNEL)) > before)  # noqa: B023
    assert [f"{one.verb}: {one.detail}" for one in await log(stage, 1)][-2:] == [
        "tag: tags: bags shop → bags late",
        "priority: priority: urgent → none",
    ]


async def test_rules_go_in_order_the_first_decides_and_stop_ends_it(staged: Staged) -> None:
    tables = (
        rule("One", 'subject = "bags"', 'priority = "high", tag = "bags"')
        + rule("Two", 'from = "*@example.com"', 'priority = "urgent", tag = "shop"', "stop = true")
        + rule("Three", "", 'tag = "rest"')
    )
    stage = await staged(tables)
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert "#bags #shop" in said(card)
    assert ":arrow_up: High priority" in said(card)
    assert "#rest" not in said(card)


async def test_a_first_time_sender_is_one_only_once(staged: Staged) -> None:
    stage = await staged(rule("New here", "first_time = true", 'tag = "first"'))
    mina = Desk(stage)
    await ask(stage, subject="One")
    assert "#first" in said(await mina.sees_card("One"))
    await ask(stage, subject="Two")
    assert "#first" not in said(await mina.sees_card("Two"))
    await ask(stage, from_="Ben <ben@example.org>", subject="Three")
    assert "#first" in said(await mina.sees_card("Three"))


async def test_a_rule_looks_at_later_mails_only_where_it_says_so(staged: Staged) -> None:
    stage = await staged(
        rule("First", 'text = "urgent"', 'tag = "first"')
        + rule("Any", 'text = "urgent"', 'tag = "any"', 'on = "every"')
    )
    mina = Desk(stage)
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await ask(stage, subject="Re: Two bags are missing", text="This is urgent!", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, "This is urgent!"))
    assert await mina.sees(lambda: "#any" in said(mina.cards()[0]))
    assert "#first" not in said(mina.cards()[0])


async def test_spam_and_close(staged: Staged) -> None:
    stage = await staged(
        rule("Verdict", "spam = true", "spam = true") + rule("Thanks", 'subject = "thank you"', "close = true"),
        source="\nauto_ack = true",
    )
    mina = Desk(stage)
    deliver(stage, b"From: Eve <eve@example.net>", b"Subject: Cheap", b"X-Spam-Flag: YES")
    await ask(stage, subject="Thank you!")
    assert "Closed" in said(await mina.sees_card("Thank you!"))
    card = await mina.sees_card("Cheap")
    assert await mina.sees(lambda: "In junk" in said(mina.card("Cheap") or {}))
    assert "Closed" in said(card)


# --- answers ----------------------------------------------------------------------------------------------------------

HOURS = '[[template]]\nname = "Hours"\ntext = "Hello {{ sender.name }}, **we open at nine**."\n'


async def test_a_template_waits_as_a_draft_until_a_person_sends_it_as_theirs(staged: Staged) -> None:
    stage = await staged(HOURS + rule("Opening", 'subject = "open"', 'template = "Hours"'))
    mina = Desk(stage)
    first = await ask(stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    line = await mina.sees(lambda: mina.line(card, "Proposed"))
    assert line
    assert "“Opening”" in said(line)
    assert "we open at nine" in said(line)
    assert not stage.world.inbox["dana@example.com"]
    await mina.person.open_home()
    await mina.sees(lambda: "Proposed, and waits for a person (1)" in said(mina.person.home() or {}))
    assert "When do you open?  ·  By the rule “Opening”\n" in said(mina.person.home() or {})
    await mina.person.click(CHANNEL, line["ts"], "send_now")
    mail = await received(stage, "dana@example.com")
    assert mail["In-Reply-To"] == first
    assert mail["Auto-Submitted"] is None
    assert mail["Subject"] == "Re: When do you open?"
    assert await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    assert f"<@{MINA}>" in said(mina.line(card, ":white_check_mark: Sent") or {})
    assert await told(stage, 1) == ["propose: rule: Opening, template: Hours"]


CLOSED = """
[[template]]
name = "Closed"
text = "{% if not hours.open %}We are back on **{{ hours.opens }}**.{% else %}We are here.{% endif %}"
"""


@pytest.mark.parametrize(
    ("hours", "told"),
    [("", "We are here."), ('hours = { zone = "Asia/Seoul", open = ["mon 9:00-10:00"] }', "We are back on Monday ")],
    ids=["round the clock", "closed"],
)
async def test_a_rules_answer_knows_the_office_hours(staged: Staged, hours: str, told: str) -> None:
    answer = rule("Opening", 'subject = "open"', 'template = "Closed", send = true')
    stage = await staged(CLOSED + answer, source=f"\n{hours}")
    stage.later(timedelta(days=(1 - now().astimezone(ZoneInfo("Asia/Seoul")).weekday()) % 7))  # to a Tuesday there
    await ask(stage, subject="When do you open?")
    text = text_of(await received(stage, "dana@example.com"))
    assert text.startswith(told)
    assert text.rstrip().endswith("9:00.") == bool(hours)


async def test_a_proposed_answer_is_edited_in_the_compose_modal(staged: Staged) -> None:
    stage = await staged(HOURS + rule("Opening", 'subject = "open"', 'template = "Hours"'))
    mina = Desk(stage)
    await ask(stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    line = await mina.sees(lambda: mina.line(card, "Proposed"))
    assert line
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    view = await mina.sees_compose()
    assert "we open at nine" in json.dumps(view)
    assert await mina.sees(lambda: mina.line(card, "Undone"))


async def test_what_was_proposed_is_withdrawn_once_somebody_answers(staged: Staged) -> None:
    stage = await staged(HOURS + rule("Opening", 'subject = "open"', 'template = "Hours"'))
    mina = Desk(stage)
    await ask(stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    assert await mina.sees(lambda: mina.line(card, "Proposed"))
    await mina.opens(card)
    await mina.person.submit({"body": rich("At ten, today.")})
    assert "At ten, today." in text_of(await received(stage, "dana@example.com"))
    assert await mina.sees(lambda: mina.line(card, "Undone"))
    assert not mina.line(card, "Proposed")


OPENING = HOURS + rule("Opening", 'subject = "open"', 'template = "Hours"')
EVERY = HOURS + rule("Opening", 'subject = "open"', 'template = "Hours"', 'on = "every"')


async def test_who_sends_a_proposed_answer_is_asked_once_where_the_customer_wrote_again(staged: Staged) -> None:
    stage = await staged(OPENING)
    mina = Desk(stage)
    first = await ask(stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    line = await mina.sees(lambda: mina.line(card, "Proposed"))
    await ask(stage, subject="Re: When do you open?", text="Never mind.", in_reply_to=first)
    await mina.sees(lambda: mina.line(card, "Never mind."))
    await mina.person.click(CHANNEL, (line or {})["ts"], "send_now")
    view = await mina.sees_compose()
    assert "Never mind." in json.dumps(view)
    assert "we open at nine" in json.dumps(view)
    assert mina.line(card, "Proposed")
    assert not stage.world.inbox["dana@example.com"]
    await mina.person.submit({})
    assert "we open at nine" in text_of(await received(stage, "dana@example.com"))
    assert await mina.sees(lambda: not mina.line(card, "Proposed"))
    assert len(stage.world.inbox["dana@example.com"]) == 1


async def test_what_was_proposed_is_withdrawn_once_somebody_answers_from_another_mail_client(staged: Staged) -> None:
    stage = await staged(OPENING)
    mina = Desk(stage)
    first = await ask(stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    assert await mina.sees(lambda: mina.line(card, "Proposed"))
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = SHOP.email, "dana@example.com", "Re: When do you open?"
    answer["Message-ID"], answer["In-Reply-To"] = "<phone@fernhill.example.com>", first
    answer.set_content("At ten.")
    room = LocalRoom(stage.data / "mail" / "support")
    room.file_sent(answer.as_bytes())
    room.mark("When do you open?", add=ANSWERED)  # as mail clients do; it has the bridge look at once
    assert await mina.sees(lambda: mina.line(card, "Undone"))
    assert not mina.line(card, "Proposed")


async def test_a_newer_mails_proposal_takes_the_place_of_the_older_one(staged: Staged) -> None:
    stage = await staged(EVERY)
    mina = Desk(stage)
    first = await ask(stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    assert await mina.sees(lambda: mina.line(card, "Proposed"))
    second = await ask(stage, subject="Re: When do you open?", text="And on Sundays?", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, "Undone"))
    line = await mina.sees(lambda: mina.line(card, "Proposed"))
    await mina.person.click(CHANNEL, (line or {})["ts"], "send_now")
    assert (await received(stage, "dana@example.com"))["In-Reply-To"] == second


async def test_a_template_that_is_sent_answers_by_itself_instead_of_the_acknowledgement(staged: Staged) -> None:
    stage = await staged(HOURS + rule("Opening", 'subject = "open"', 'template = "Hours", send = true'),
                         source="\nauto_ack = true")  # fmt: skip
    mina = Desk(stage)
    await ask(stage, subject="When do you open?")
    mail = await received(stage, "dana@example.com")
    assert mail["Auto-Submitted"] == "auto-replied"
    assert "we open at nine" in text_of(mail)
    card = await mina.sees_card("When do you open?")
    assert await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    assert "Open" in said(mina.cards()[0])
    await ask(stage, from_="Ben <ben@example.org>", subject="The last one")
    await received(stage, "ben@example.org")
    assert len(stage.world.inbox["dana@example.com"]) == 1


async def test_a_machine_is_never_answered_and_nothing_of_its_is_passed_on(staged: Staged) -> None:
    everything = 'template = "Hours", send = true, forward = "books@elsewhere.example"'
    stage = await staged(HOURS + rule("All", "", everything))
    mina = Desk(stage)
    deliver(stage, DANA_WROTE, b"Subject: Out of office", b"Auto-Submitted: auto-replied")
    await mina.sees_card("Out of office")
    await ask(stage, from_="Ben <ben@example.org>", subject="A person")
    await received(stage, "ben@example.org")
    await received(stage, "books@elsewhere.example")
    assert not stage.world.inbox["dana@example.com"]
    assert len(stage.world.inbox["books@elsewhere.example"]) == 1
    lines = await told(stage, 1)
    assert [line.split(":")[0] for line in lines] == ["not answered", "not passed on"]


async def test_two_robots_that_hide_what_they_are_stop_at_the_limit(staged: Staged) -> None:
    stage = await staged(HOURS + rule("All", "", 'template = "Hours", send = true'))
    mina = Desk(stage)
    for turn in range(5):
        await ask(stage, subject=f"Your ticket {turn}")
        await mina.sees_card(f"Your ticket {turn}")
    assert await mina.sees_card("no more are sent there")
    assert len(stage.world.inbox["dana@example.com"]) == 3


async def test_a_mail_is_passed_on_with_its_files_and_marked_as_automatic(staged: Staged) -> None:
    stage = await staged(
        rule("Books", 'attachment = "*.pdf"', 'forward = ["books@elsewhere.example", "dana@example.com"]')
    )
    mina = Desk(stage)
    invoice = Attachment(filename="invoice.pdf", content_type="application/pdf", content=b"%PDF-1.4 seven")
    await ask(stage, subject="Invoice 7", text="Please pay.", files=[invoice])
    mail = await received(stage, "books@elsewhere.example")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Please pay." in text_of(mail)
    assert [one.get_filename() for one in mail.iter_attachments()] == ["invoice.pdf"]
    card = await mina.sees_card("Invoice 7")
    assert await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    lines = await told(stage, 1)
    assert lines == ["forward: rule: Books", "not passed on: rule: Books, it would go back to where it comes from"]


async def test_a_template_that_is_not_there_is_told_on_the_card(staged: Staged) -> None:
    stage = await staged(rule("Opening", "", 'template = "Hours"'))
    mina = Desk(stage)
    await ask(stage)
    assert "There is no template “Hours”" in said(await mina.sees_card("Two bags"))


# --- webhooks ---------------------------------------------------------------------------------------------------------


class Elsewhere:
    """A program on loopback that is called; it answers with the statuses it is given, then with 204."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.called: asyncio.Queue[None] = asyncio.Queue()
        self.statuses: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append((dict(request.headers), await request.read()))
        self.called.put_nowait(None)
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Location": "/other"} if status == 302 else None)


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[Elsewhere, str]]:
    program = Elsewhere()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", program.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield program, f"http://127.0.0.1:{port}/hook"
    await runner.cleanup()


async def test_a_webhook_is_told_signed_and_without_a_word_of_the_mail(
    staged: Staged, elsewhere: tuple[Elsewhere, str]
) -> None:
    program, url = elsewhere
    program.statuses = [503]
    stage = await staged(f'[webhooks]\ncrm = "{url}"\n' + rule("CRM", "", 'webhook = "crm", tag = "told"'))
    await ask(stage)
    async with asyncio.timeout(ENOUGH):
        await program.called.get()
        await program.called.get()
    headers, body = program.calls[-1]
    call = json.loads(body)
    assert (call["rule"], call["number"], call["mailbox"], call["tags"]) == ("CRM", 1, "support", ["told"])
    assert not [word for word in ("bags", "dana", "Dana", "where") if word in body.decode()]
    at = int(headers["X-Bridge-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["X-Bridge-Signature"] == signature(stage.settings().secret_keys[0], "crm", body, at=at)
    assert await told(stage, 1) == ["tag: rule: CRM, tags: none → told", "call: rule: CRM, webhook: crm"]


@pytest.mark.parametrize("status", [302, 404])
async def test_a_webhook_that_says_no_is_followed_nowhere_and_given_up(
    staged: Staged, elsewhere: tuple[Elsewhere, str], status: int
) -> None:
    program, url = elsewhere
    program.statuses = [status]
    stage = await staged(f'[webhooks]\ncrm = "{url}"\n' + rule("CRM", "", 'webhook = "crm"'))
    await ask(stage)
    async with asyncio.timeout(ENOUGH):
        await program.called.get()
        while not any(f"does not take it ({status})" in line for line in await told(stage, 1)):  # noqa: ASYNC110 - the log is asked
            await asyncio.sleep(0.05)
    assert len(program.calls) == 1


@pytest.mark.parametrize("holiday", [False, True])
async def test_what_comes_outside_office_hours_is_sorted_so(staged: Staged, holiday: bool) -> None:
    days = [f"{now() + timedelta(days=away):%Y-%m-%d}" for away in (-1, 0, 1)] if holiday else []
    rules = rule("Day", 'hours = "open"', 'tag = "day"') + rule("Night", 'hours = "closed"', 'tag = "night"')
    stage = await staged(rules, source=f"\nhours = {{ holidays = [{', '.join(days)}] }}")
    await ask(stage)
    shown = said(await Desk(stage).sees_card("Two bags"))
    assert ("#day" in shown, "#night" in shown) == (not holiday, holiday)
