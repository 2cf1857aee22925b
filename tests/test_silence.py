"""A conversation whose customer is silent is closed: seen, undone, with a last mail at the most, and never to a robot."""

import contextlib
import email
import email.policy
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onstage import Desk, actions, ask, cards_alone, received, rich, said

from bridge import rules
from bridge.demo.stage import CHANNEL, JONAS, Stage
from bridge.model import (
    Address,
    Automatic,
    Direction,
    Folder,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    StoredMessage,
    Where,
)
from bridge.store import acts
from bridge.store.database import Store

DANA = "dana@example.com"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LAST = 'silence = { close_after = "14d", last_mail = true }\nack = { per_sender = 2 }'


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """With a last mail; a test's parameter stands in place of these lines of `bridge.toml`."""
    made = Stage(tmp_path / "stage", hold=0)
    made.source += f"\n{getattr(request, 'param', LAST)}"
    made.others = f'[agents]\nadmins = ["{JONAS}"]'
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def mina(stage: Stage) -> Desk:
    return Desk(stage)


def card(desk: Desk) -> dict[str, object]:
    return cards_alone(desk.stage)[0]


async def shows(desk: Desk, words: str) -> None:
    """The first card comes to say so."""
    await desk.sees(lambda: words in said(card(desk)))


def got(stage: Stage) -> list[EmailMessage]:
    parsed = [email.message_from_bytes(raw, policy=email.policy.default) for raw in stage.world.inbox[DANA]]
    return [one for one in parsed if isinstance(one, EmailMessage)]


async def answered(desk: Desk, **customer: str) -> EmailMessage:
    """The customer asked, and was answered; what they got."""
    before = len(got(desk.stage))
    if not before:
        await ask(desk.stage, **customer)
    await desk.sees(lambda: cards_alone(desk.stage))
    await desk.opens(card(desk))
    await desk.person.submit({"body": rich("Here they are")})
    mail = await received(desk.stage, DANA, before + 1)
    await shows(desk, "Waiting for the customer")
    await desk.sees(lambda: "*Sent.*" in said(desk.person.view() or {}))
    await desk.person.close_view()
    return mail


async def something_else(stage: Stage, desk: Desk) -> None:
    """All that was due by now has had its turn: a mail that came after it is shown."""
    await ask(stage, from_="Ben <ben@example.org>", subject=f"Another of {len(cards_alone(stage))}")
    await desk.sees_card(f"Another of {len(cards_alone(stage))}")


# --- without a mail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ['silence = { close_after = "14d" }'], indirect=True)
async def test_it_is_closed_and_says_so_and_can_be_opened_again(stage: Stage, mina: Desk) -> None:
    await answered(mina)
    stage.later(13 * DAY)
    await something_else(stage, mina)
    assert "Waiting for the customer" in said(card(mina))
    stage.later(DAY)
    await shows(mina, "Closed")
    line = await mina.sees(lambda: mina.line(card(mina), "Closed by itself"))
    assert line
    assert actions(line) == ["reopen"]
    assert len(got(stage)) == 1
    await mina.person.click(CHANNEL, str(line["ts"]), "reopen")
    await shows(mina, "Open")


@pytest.mark.parametrize("stage", ['silence = { close_after = "14d" }'], indirect=True)
async def test_silence_is_counted_from_our_last_mail(stage: Stage, mina: Desk) -> None:
    await answered(mina)
    stage.later(13 * DAY)
    await answered(mina)
    stage.later(2 * DAY)
    await something_else(stage, mina)
    assert "Waiting for the customer" in said(card(mina))
    stage.later(12 * DAY)
    await shows(mina, "Closed")


@pytest.mark.parametrize("stage", ['silence = { close_after = "14d" }'], indirect=True)
async def test_a_mail_that_was_passed_on_is_no_answer_to_be_silent_about(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees(lambda: cards_alone(stage))
    await mina.opens(card(mina), "forward")
    await mina.person.submit({"to": "carrier@example.org", "body": rich("Where is it?")})
    await received(stage, "carrier@example.org")
    await mina.sees(lambda: mina.line(card(mina), "Sent"))
    assert "waits since" in said(card(mina)), "the customer still waits, for us"
    stage.later(30 * DAY)
    await something_else(stage, mina)
    assert "Open" in said(card(mina))


@pytest.mark.parametrize("stage", [""], indirect=True)
async def test_nothing_is_closed_by_itself_unless_the_mailbox_wants_it(stage: Stage, mina: Desk) -> None:
    await answered(mina)
    stage.later(30 * DAY)
    await something_else(stage, mina)
    assert "Waiting for the customer" in said(card(mina))


# --- with a last mail -------------------------------------------------------------------------------------------------


async def test_a_last_mail_is_held_for_an_hour_and_closes_it_and_its_answer_opens_it(stage: Stage, mina: Desk) -> None:
    await answered(mina)
    stage.later(14 * DAY)
    line = await mina.sees(lambda: mina.line(card(mina), "we have not heard from you"))
    assert line
    assert {"cancel_send", "send_now"} <= set(actions(line))
    assert "Waiting for the customer" in said(card(mina))
    stage.later(HOUR)
    mail = await received(stage, DANA, 2)
    await shows(mina, "Closed")
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Subject"] == "Re: Two bags are missing [#1]"
    assert "Hello Dana Reyes" in mail.get_content()
    await ask(stage, subject="Re: bags", text="One moment", in_reply_to=mail["Message-ID"])
    await shows(mina, "Open")


WITH_HTML = """
hours = { zone = "Asia/Seoul", open = ["mon-fri 9:00-18:00", "sat 0:00-24:00", "sun 0:00-24:00"] }
silence = { close_after = "14d", last_mail = true, text = '''
Hello {{ sender.name }}, we take it that nothing is left to do. {{ hours.text }}
''', html = '''
<p>Hello <b>{{ sender.name }}</b>, we take it that nothing is left to do. {{ hours.text }}</p>
''' }
"""


@pytest.mark.parametrize("stage", [WITH_HTML], indirect=True)
async def test_a_last_mail_has_html_of_its_own_where_the_operator_wrote_some(stage: Stage, mina: Desk) -> None:
    await answered(mina, from_='"<script>" <dana@example.com>')
    stage.later(15 * DAY)  # and as far into the night as the clock stands now
    line = await mina.sees(lambda: mina.line(card(mina), "nothing is left to do"))
    assert line
    assert "HTML of its own" in said(line)
    stage.later(HOUR)
    mail = await received(stage, DANA, 2)
    await shows(mina, "Closed")
    told = "mon-fri 9:00-18:00; sat 0:00-24:00; sun 0:00-24:00"
    text, html = (str(part.get_content()) for part in mail.iter_parts())
    assert f"Hello <script>, we take it that nothing is left to do. {told}" in text
    assert f"<p>Hello <b>&lt;script&gt;</b>, we take it that nothing is left to do. {told}</p>" in html


async def test_the_customer_who_writes_in_that_hour_gets_no_last_mail(stage: Stage, mina: Desk) -> None:
    mail = await answered(mina)
    stage.later(14 * DAY)
    await mina.sees(lambda: mina.line(card(mina), "we have not heard from you"))
    await ask(stage, subject="Re: bags", text="I am here", in_reply_to=mail["Message-ID"])
    await shows(mina, "Open")
    await mina.sees(lambda: "Undone" in said(mina.line(card(mina), "we have not heard from you") or {}))
    stage.later(2 * HOUR)
    await something_else(stage, mina)
    assert len(got(stage)) == 1
    assert "Open" in said(card(mina))


@pytest.mark.parametrize("verb", ["close", "snooze 1 in 3 days", "archive"])
async def test_whatever_an_agent_does_in_that_hour_stops_it(stage: Stage, mina: Desk, verb: str) -> None:
    await answered(mina)
    stage.later(14 * DAY)
    await mina.sees(lambda: mina.line(card(mina), "we have not heard from you"))
    await mina.person.command(CHANNEL, "/mail", verb if " " in verb else f"{verb} 1")
    await mina.sees(lambda: "Undone" in said(mina.line(card(mina), "we have not heard from you") or {}))
    stage.later(2 * HOUR)
    await something_else(stage, mina)
    assert len(got(stage)) == 1


async def test_undoing_it_leaves_the_conversation_waiting(stage: Stage, mina: Desk) -> None:
    await answered(mina)
    stage.later(14 * DAY)
    line = await mina.sees(lambda: mina.line(card(mina), "we have not heard from you"))
    assert line
    await mina.person.click(CHANNEL, str(line["ts"]), "cancel_send")
    await mina.sees(lambda: "Undone" in said(mina.line(card(mina), "we have not heard from you") or {}))
    stage.later(30 * DAY)
    await something_else(stage, mina)
    assert "Waiting for the customer" in said(card(mina))
    assert len(got(stage)) == 1


# --- never to robots, and never for ever ------------------------------------------------------------------------------


@pytest.mark.parametrize("author", ["no-reply@example.com", "news-bounces@example.com"])
async def test_where_a_robot_asked_it_is_closed_without_a_mail(stage: Stage, mina: Desk, author: str) -> None:
    await ask(stage, from_=author)
    await mina.sees(lambda: cards_alone(stage))
    await mina.opens(card(mina))
    await mina.person.submit({"body": rich("Here they are")})
    await received(stage, author)
    await shows(mina, "Waiting for the customer")
    stage.later(14 * DAY)
    await shows(mina, "Closed")
    assert len(stage.world.inbox[author]) == 1


@pytest.mark.parametrize("stage", [LAST.replace("14d", "1h")], indirect=True)
async def test_two_bridges_that_close_on_each_other_stop_at_the_limit(stage: Stage, mina: Desk) -> None:
    """The other side answers each last mail as a person would, and an agent of ours answers that, over and over."""
    for turn in range(4):
        mail = await answered(mina)
        stage.later(HOUR)
        if turn < 2:
            await shows(mina, "answer leaves")
            stage.later(HOUR)
        await shows(mina, "Closed")
        await ask(stage, subject="Re: bags", text=f"Turn {turn}", in_reply_to=mail["Message-ID"])
        await shows(mina, "Open")
    assert len([one for one in got(stage) if one["Auto-Submitted"]]) == 2


def stored(place: int, direction: Direction, automatic: Automatic, *, passed_on: bool) -> StoredMessage:
    address = Address(email=DANA)
    return StoredMessage(
        id=MailId(place + 1),
        mailbox=MailboxName("support"),
        number=Number(1),
        direction=direction,
        message=Message(from_=(address,), automatic=automatic),
        reading=Reading(),
        files=(),
        raw_id=None,
        received=datetime(2026, 3, 2, tzinfo=UTC) + place * HOUR,
        thread_ts=None,
        shared=False,
        quarantined=False,
        readings=1,
        folder=Folder.INBOX,
        written_by=address if passed_on else None,
    )


@given(st.lists(st.tuples(st.sampled_from(Direction), st.sampled_from(Automatic), st.booleans()), max_size=8))
def test_a_last_mail_never_answers_automatic_mail(mails: list[tuple[Direction, Automatic, bool]]) -> None:
    """Whatever was written in whatever order: it answers the newest that came in, and that only if a person wrote it."""
    history = [
        stored(place, direction, automatic, passed_on=passed_on)
        for place, (direction, automatic, passed_on) in enumerate(mails)
    ]
    inbound = [one for one in history if one.direction is Direction.IN]
    answers = rules.last_word(history)
    if answers is None:
        assert not inbound or inbound[-1].message.automatic is not Automatic.NO or inbound[-1].written_by
    else:
        assert answers is inbound[-1]
        assert (answers.message.automatic, answers.written_by) == (Automatic.NO, None)


@pytest.mark.parametrize("state", ["held", "queued", "handing over", "uncertain"])
async def test_a_conversation_with_an_answer_that_may_leave_is_not_closed(stage: Stage, mina: Desk, state: str) -> None:
    """Who is told that nothing is left to do, and then gets the answer, was told wrong."""
    await answered(mina)
    await stage.stop_bridge()
    with contextlib.closing(sqlite3.connect(stage.database)) as db, db:
        kept = [one[1] for one in db.execute("PRAGMA table_info(drafts)")]
        other = {"id": "'again'", "state": f"'{state}'", "message_id": "'<again@x>'"}
        copied = ", ".join(other.get(one, one) for one in kept)
        db.execute(f"INSERT INTO drafts SELECT {copied} FROM drafts")
    await stage.start_bridge()
    stage.later(15 * DAY)
    await something_else(stage, mina)
    assert "Waiting for the customer" in said(card(mina))
    assert not mina.line(card(mina), "we have not heard from you")


async def test_a_sender_who_was_called_spam_gets_no_last_mail(stage: Stage, mina: Desk) -> None:
    await answered(mina)
    await ask(stage, subject="Something else")
    await mina.sees(lambda: mina.card("Something else"))
    await mina.person.choose(CHANNEL, mina.card("Something else")["ts"], "more", "spam:2")  # type: ignore[index]
    await mina.sees(lambda: "In junk" in said(mina.card("Something else") or {}))
    stage.later(14 * DAY)
    await shows(mina, "Closed")
    assert len(got(stage)) == 1


# --- the whole of it --------------------------------------------------------------------------------------------------

ALL = """
auto_ack = true
first_response = "4h"
silence = { close_after = "7d", last_mail = true }
"""


@pytest.mark.parametrize("stage", [ALL], indirect=True)
async def test_a_conversation_is_acknowledged_nudged_put_aside_and_closed(stage: Stage, mina: Desk) -> None:
    """What the bridge does by itself, in the order of a conversation's life, by a clock that is set ahead."""
    await ask(stage)
    assert "[#1]" in (await received(stage, DANA))["Subject"]
    await shows(mina, "an answer is due")
    stage.later(4 * HOUR)
    await mina.sees(lambda: mina.line(card(mina), "an answer was due"))
    await mina.person.command(CHANNEL, "/mail", "snooze 1 in 72 hours")
    await shows(mina, "Snoozed until")
    stage.later(3 * DAY)
    await shows(mina, "Open")
    await answered(mina)
    stage.later(7 * DAY)
    await mina.sees(lambda: mina.line(card(mina), "we have not heard from you"))
    stage.later(HOUR)
    await received(stage, DANA, 3)
    await shows(mina, "Closed")
    store = await Store.open(f"sqlite:///{stage.database}")
    async with store.read() as conn:
        done = await acts.of_conversation(conn, Number(1), limit=30)
    await store.close()
    by_itself = [one.verb for one in reversed(done) if one.place is Where.BRIDGE]
    assert by_itself == ["acknowledge", "sent", "nudge", "wake", "sent", "last mail", "close", "sent"]
