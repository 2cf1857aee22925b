"""An answer is due in office hours: the card says so, and who should know is told once, unless it is answered."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from onstage import Desk, actions, ask, cards_alone, received, rich, said

from bridge.automation.due import Pace, Step, runs
from bridge.automation.hours import Hours, read
from bridge.demo.stage import CHANNEL, JONAS, MINA, Stage
from bridge.model import Act, Address, ChannelId, Direction, MailboxName, Message, Number, Reading, Status
from bridge.store import acts, conversations, jobs, mails
from bridge.store.database import Store

BOX = MailboxName("support")
HOUR = timedelta(hours=1)
PACE = '\nfirst_response = "4h"\nnext_response = "2h"'


async def staged(folder: Path, *, more: str = "") -> Stage:
    stage = Stage(folder / "stage", hold=0)
    stage.source += PACE + more
    stage.others = f'[agents]\nadmins = ["{JONAS}"]'
    await stage.start()
    return stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await staged(tmp_path)
    yield made
    await made.stop()


@pytest.fixture
def mina(stage: Stage) -> Desk:
    return Desk(stage)


def nudges(desk: Desk) -> list[dict[str, object]]:
    """Every message of the card's thread that says an answer is due."""
    return [one for one in desk.thread(cards_alone(desk.stage)[0]) if "an answer" in said(one)]


async def log_of(stage: Stage) -> list[Act]:
    store = await Store.open(f"sqlite:///{stage.database}")
    async with store.read() as conn:
        done = await acts.of_conversation(conn, Number(1), limit=30)
    await store.close()
    return done


async def answers(desk: Desk, words: str = "Here they are", **more: object) -> None:
    await desk.opens(cards_alone(desk.stage)[0])
    await desk.person.submit({"body": rich(words), **more})


# --- who is told ------------------------------------------------------------------------------------------------------


async def test_first_the_channel_then_the_owner_then_the_admins_are_told_each_once(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("an answer is due")
    await mina.person.click(CHANNEL, cards_alone(stage)[0]["ts"], "claim")
    await mina.sees(lambda: f"<@{MINA}>" in said(cards_alone(stage)[0]))

    stage.later(4 * HOUR)
    await mina.sees(lambda: len(nudges(mina)) == 1)
    assert nudges(mina)[0]["subtype"] == "thread_broadcast"
    assert {"reply", "snooze"} <= set(actions(nudges(mina)[0]))
    await mina.sees(lambda: "an answer was due" in said(cards_alone(stage)[0]))

    stage.later(HOUR)
    await mina.sees(lambda: len(nudges(mina)) == 2)
    assert said(nudges(mina)[1]).startswith(f"<@{MINA}>: ")

    stage.later(3 * HOUR)
    await mina.sees(lambda: len(nudges(mina)) == 3)
    assert said(nudges(mina)[2]).startswith(f"<@{JONAS}>: ")
    assert f"with <@{MINA}>" in said(nudges(mina)[2])
    assert [one.detail for one in await log_of(stage) if one.verb == "nudge"] == [
        f"admins: {JONAS}",
        f"owner: {MINA}",
        "channel",
    ]


async def test_a_mail_that_comes_after_the_clock_was_set_ahead_came_then(stage: Stage, mina: Desk) -> None:
    stage.later(4 * HOUR)
    await ask(stage)
    assert "an answer is due" in said(await mina.sees_card("Two bags"))
    await mina.person.command(CHANNEL, "/mail", "search is:overdue")
    await mina.sees(lambda: "Nothing found" in said(mina.person.ephemerals(CHANNEL)[-1]))


async def test_whoever_answered_is_left_alone_and_the_next_answer_has_its_own_time(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("an answer is due")
    await answers(mina)
    mail = await received(stage, "dana@example.com")
    await mina.sees_card("Waiting for the customer")
    assert "an answer" not in said(cards_alone(stage)[0])
    await ask(stage, subject="Re: bags", text="And the other?", in_reply_to=mail["Message-ID"])
    await mina.sees_card("an answer is due")
    stage.later(2 * HOUR)  # as for every answer but the first
    await mina.sees(lambda: len(nudges(mina)) == 1)
    stage.later(2 * HOUR)  # the first one's time: nobody owns it, so nobody is told again
    await ask(stage, from_="Ben <ben@example.org>", subject="Another")
    await mina.sees_card("Another")
    assert len(nudges(mina)) == 1


async def test_what_is_put_aside_is_due_from_when_it_is_back(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("an answer is due")
    await mina.person.command(CHANNEL, "/mail", "snooze 1 in 6 hours")
    await mina.sees_card("Snoozed")
    stage.later(6 * HOUR)
    await mina.sees_card("an answer is due")
    assert nudges(mina) == []
    stage.later(4 * HOUR)
    await mina.sees(lambda: len(nudges(mina)) == 1)


async def test_a_nudge_puts_aside_what_it_speaks_of(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("an answer is due")
    stage.later(4 * HOUR)
    await mina.sees(lambda: len(nudges(mina)) == 1)
    await mina.person.click(CHANNEL, str(nudges(mina)[0]["ts"]), "snooze")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "snooze")
    await mina.person.submit({"until": "tomorrow 9am"})
    await mina.sees_card("Snoozed until")


async def test_who_wants_no_reminders_is_told_nothing_by_name(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("an answer is due")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.person.open_home()
    await mina.sees(lambda: "my_settings" in str(stage.slack.workspace.screens.home(MINA)))
    await mina.person.click_view("my_settings", value="change")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "my_settings")
    await mina.person.submit({"reminders": []})
    stage.later(8 * HOUR)
    await mina.sees(lambda: len(nudges(mina)) == 2)
    assert [said(one).startswith(f"<@{MINA}>") for one in nudges(mina)] == [False, False]


async def test_an_answer_that_leaves_later_puts_the_nudge_off(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("an answer is due")
    await answers(mina, later="in 6 hours")
    await mina.sees_card("answer leaves")
    stage.later(4 * HOUR)
    stage.later(HOUR)
    await ask(stage, from_="Ben <ben@example.org>", subject="Another")
    await mina.sees_card("Another")
    assert nudges(mina) == []
    stage.later(HOUR)
    await received(stage, "dana@example.com")


async def test_nobody_is_nudged_where_no_times_are_set(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage", hold=0)
    await stage.start()
    try:
        mina = Desk(stage)
        await ask(stage)
        await mina.sees_card("waits since")
        assert "an answer is due" not in said(cards_alone(stage)[0])
        stage.later(timedelta(days=30))
        await ask(stage, from_="Ben <ben@example.org>", subject="Another")
        await mina.sees_card("Another")
        assert nudges(mina) == []
    finally:
        await stage.stop()


# --- when it is due ---------------------------------------------------------------------------------------------------

SATURDAY = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
OFFICE = Hours(spans=read(["mon-fri 9:00-17:00"]), holidays=frozenset({date(2026, 11, 30)}))
STEPS = {Step.CHANNEL: -HOUR, Step.OWNER: HOUR}


async def asked(store: Store) -> Number:
    """A conversation of one mail that nobody has answered."""
    mail = Message(from_=(Address(email="dana@example.com"),), subject="Bags", text="Where?", message_id="<1@x>")
    async with store.write() as conn:
        number = await conversations.create(
            conn, mailbox=BOX, channel=ChannelId(CHANNEL), subject="Bags", status=Status.OPEN, at=SATURDAY
        )
        await mails.add(
            conn,
            mail,
            reading=Reading(),
            mailbox=BOX,
            number=number,
            direction=Direction.IN,
            digest="d",
            raw_id=None,
            at=SATURDAY,
        )
    return number


async def test_a_mail_of_the_weekend_is_due_when_the_office_has_been_open_so_long(store: Store) -> None:
    number = await asked(store)
    pace = Pace(hours=OFFICE, first_response=4 * HOUR, nudges=STEPS)
    async with store.write() as conn:
        await runs(conn, pace, number, at=SATURDAY, seen=SATURDAY)
        await runs(
            conn, pace, number, at=SATURDAY + HOUR, seen=SATURDAY + HOUR
        )  # they write once more: it is due as it was
        found = await conversations.get(conn, number)
        waiting = await jobs.claim(conn, limit=9, owner="test", lease=HOUR, now=SATURDAY + timedelta(days=30))
    tuesday = datetime(2026, 12, 1, tzinfo=UTC)
    assert found
    assert found.due == tuesday + 13 * HOUR
    assert [(one.payload["step"], one.due - tuesday) for one in waiting] == [
        (Step.CHANNEL, 12 * HOUR),
        (Step.CARD, 13 * HOUR),
        (Step.OWNER, 14 * HOUR),
    ]


async def test_what_came_while_the_bridge_was_down_is_overdue_and_not_all_told_of_at_once(store: Store) -> None:
    number, started = await asked(store), SATURDAY + 20 * HOUR
    async with store.write() as conn:
        pace = Pace(first_response=4 * HOUR, nudges={Step.CHANNEL: timedelta()})
        await runs(conn, pace, number, at=SATURDAY, seen=started)
        found = await conversations.get(conn, number)
        waiting = await jobs.claim(conn, limit=9, owner="test", lease=HOUR, now=SATURDAY + timedelta(days=30))
    assert found
    assert found.due == SATURDAY + 4 * HOUR
    assert {one.due for one in waiting} == {started + 4 * HOUR}


@pytest.mark.parametrize("status", [Status.WAITING, Status.SNOOZED, Status.CLOSED])
async def test_nothing_is_due_of_what_is_not_open(store: Store, status: Status) -> None:
    number = await asked(store)
    pace = Pace(first_response=4 * HOUR)
    async with store.write() as conn:
        await runs(conn, pace, number, at=SATURDAY, seen=SATURDAY)
        await conversations.change(conn, number, at=SATURDAY, status=status)
        await runs(conn, pace, number, at=SATURDAY, seen=SATURDAY)
        found = await conversations.get(conn, number)
    assert found
    assert found.due is None


# --- in lists ---------------------------------------------------------------------------------------------------------


async def test_home_and_the_inbox_say_what_is_due_and_the_overdue_comes_first(stage: Stage, mina: Desk) -> None:
    await ask(stage, subject="Two bags")
    await ask(stage, from_="Ben <ben@example.org>", subject="Another matter")
    await mina.sees_card("Two bags")
    await mina.sees_card("Another matter")
    stage.later(3 * HOUR)
    await mina.person.command(CHANNEL, "/mail", "close 1")
    await mina.person.command(CHANNEL, "/mail", "reopen 1")  # due anew, though its customer waits longer
    stage.later(HOUR)
    await mina.sees(lambda: "an answer was due" in said(mina.card("Another matter") or {}))
    await mina.person.open_home()
    await mina.sees(lambda: "Mailboxes" in said(mina.person.home() or {}))
    shown = said(mina.person.home() or {})
    assert "*1* overdue" in shown
    nobodys, waiting = shown.index("Nobody's yet (2)"), shown.index("Overdue, and waiting longest")
    for words in (shown[nobodys:waiting], shown[waiting:]):
        assert words.index("an answer was due") < words.index("Two bags") < words.index("an answer is due")
    await mina.person.command(CHANNEL, "/mail", "inbox")
    await mina.sees(lambda: "Open conversations" in said(mina.person.ephemerals(CHANNEL)[-1]))
    _, first, second = said(mina.person.ephemerals(CHANNEL)[-1]).splitlines()
    assert "Another matter" in first
    assert ":rotating_light: *an answer was due" in first
    assert "an answer is due" in second
    await mina.person.command(CHANNEL, "/mail", "search is:overdue")
    await mina.sees(lambda: "1 conversation for" in said(mina.person.ephemerals(CHANNEL)[-1]))
