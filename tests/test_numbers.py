"""A mailbox in numbers: mails by day, first answers, what is open by age; in `/mail status`, weekly, and exported."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from onstage import Desk, ask, said
from PIL import Image
from sqlalchemy import select, update
from test_mail_commands import bridge_of

from bridge.config import load
from bridge.demo.stage import CHANNEL, Stage
from bridge.errors import Misconfigured
from bridge.model import (
    Address,
    Automatic,
    ChannelId,
    Direction,
    Draft,
    DraftId,
    DraftKind,
    DraftState,
    MailboxName,
    Message,
    Number,
    Reading,
    Status,
    UserId,
    now,
)
from bridge.numbers import picture
from bridge.numbers.figures import Day, Figures
from bridge.numbers.gathering import as_csv, figures, rows, week
from bridge.numbers.summary import next_monday
from bridge.slack.numbers import duration, told
from bridge.store import conversations, drafts, jobs, mails, numbers, schema
from bridge.store.bench import fill
from bridge.store.database import Store

SUPPORT, SALES = MailboxName("support"), MailboxName("sales")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Book:
    """Conversations as they would stand in the store, each mail at a time of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.count = 0

    async def matter(
        self, *mails_of: tuple[str, datetime], mailbox: MailboxName = SUPPORT, status: Status = Status.OPEN
    ) -> Number:
        """`mails_of`: "in", "out", "forward" or "ack" (the bridge's own), and when."""
        begun = mails_of[0][1]
        async with self.store.write() as conn:
            number = await conversations.create(
                conn, mailbox=mailbox, channel=ChannelId(CHANNEL), subject="=Two bags", status=status, at=begun
            )
            for kind, at in mails_of:
                self.count += 1
                message_id = f"<{self.count}@example.com>"
                await mails.add(
                    conn,
                    Message(
                        message_id=message_id,
                        from_=(Address(email="Dana@example.com"),),
                        subject="Two bags",
                        in_reply_to=("<0@example.com>",) if kind == "out" else (),
                    ),
                    reading=Reading(),
                    mailbox=mailbox,
                    number=number,
                    direction=Direction.IN if kind == "in" else Direction.OUT,
                    digest=str(self.count),
                    raw_id=None,
                    at=at,
                )
                if kind != "in":
                    await drafts.add(conn, self._draft(number, mailbox, message_id, kind, at), view_id="")
        return number

    def _draft(self, number: Number, mailbox: MailboxName, message_id: str, kind: str, at: datetime) -> Draft:
        return Draft(
            id=DraftId(str(self.count)),
            kind=DraftKind.REPLY,
            state=DraftState.SENT,
            mailbox=mailbox,
            number=number,
            answers=None,
            author=UserId("U0MINA0001"),
            author_name="Mina",
            to=(Address(email="dana@example.com"),),
            subject="Re: Two bags",
            rich_text={},
            message_id=message_id,
            due=at,
            created=at,
            automatic=Automatic.REPLY if kind == "ack" else Automatic.NO,
        )

    async def figures(self, *, at: datetime = NOON + 6 * DAY, zone: Any = UTC) -> Figures:
        days = week(MONDAY + 6 * DAY)
        return await figures(self.store, SUPPORT, days=days, until=MONDAY + 7 * DAY, zone=zone, at=at)


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


# --- what counts ------------------------------------------------------------------------------------------------------


async def test_a_first_response_is_a_persons_first_mail_after_the_first_that_came_in(book: Book) -> None:
    await book.matter(("in", NOON), ("ack", NOON), ("out", NOON + HOUR), ("out", NOON + 9 * HOUR))
    await book.matter(("out", NOON - HOUR), ("in", NOON), ("in", NOON + HOUR), ("out", NOON + 3 * HOUR))
    await book.matter(("in", NOON), ("ack", NOON), ("forward", NOON + HOUR))  # nobody answered yet
    await book.matter(("out", NOON))  # we wrote, and nobody wrote to us
    await book.matter(("in", NOON), ("out", NOON + HOUR), mailbox=SALES)
    found = await book.figures()
    assert (found.begun, found.answered) == (3, 2)
    assert (found.median, found.most) == (2 * HOUR, 3 * HOUR)
    assert (found.came, found.sent) == (4, 6)


async def test_nine_in_ten_were_no_slower(book: Book) -> None:
    for hours in range(1, 21):
        await book.matter(("in", NOON), ("out", NOON + hours * HOUR))
    found = await book.figures()
    assert (found.median, found.most) == (10.5 * HOUR, 18 * HOUR)


async def test_what_began_outside_the_time_counts_neither_do_older_mails_brought_in(book: Book) -> None:
    await book.matter(("in", NOON - 3 * DAY), ("out", NOON))
    await book.matter(("in", NOON + 7 * DAY), ("out", NOON + 8 * DAY))
    number = await book.matter(("in", NOON - 300 * DAY), ("out", NOON - 299 * DAY), ("in", NOON))
    async with book.store.write() as conn:  # a backfill makes it now, of mails that came then
        which = schema.conversations.c.number == number
        await conn.execute(update(schema.conversations).where(which).values(created=NOON))
    found = await book.figures()
    assert (found.begun, found.answered, found.median, found.most) == (0, 0, None, None)
    assert (found.came, found.sent) == (1, 1)


async def test_days_begin_where_the_house_is(book: Book) -> None:
    """A mail of Monday 23:30 in UTC came on Tuesday in Berlin; also on the day on which the clocks change."""
    await book.matter(("in", datetime(2026, 3, 2, 23, 30, tzinfo=UTC)))
    in_utc, in_berlin = await book.figures(), await book.figures(zone=BERLIN)
    assert [one.came for one in in_utc.days] == [1, 0, 0, 0, 0, 0, 0]
    assert [one.came for one in in_berlin.days] == [0, 1, 0, 0, 0, 0, 0]
    await book.matter(("in", datetime(2026, 3, 29, 21, 59, tzinfo=UTC)), ("out", datetime(2026, 3, 29, 22, tzinfo=UTC)))
    days, until = week(date(2026, 3, 29)), date(2026, 3, 30)
    found = await figures(book.store, SUPPORT, days=days, until=until, zone=BERLIN, at=NOON)
    assert (found.days[-1].came, found.days[-1].sent) == (1, 0)


async def test_what_is_open_is_parted_by_age(book: Book) -> None:
    at = NOON + 30 * DAY
    for age in (8 * DAY, 7 * DAY, 2 * DAY, HOUR, HOUR):
        await book.matter(("in", at - age))
    for status in (Status.WAITING, Status.SNOOZED, Status.CLOSED):
        await book.matter(("in", at - HOUR), status=status)
    assert (await book.figures(at=at)).ages == (1, 1, 1, 2)


async def test_an_empty_desk_has_numbers_too(book: Book) -> None:
    found = await book.figures()
    assert (found.begun, found.came, found.ages) == (0, 0, (0, 0, 0, 0))
    assert told(found) == [
        "Mails: 0 came in, 0 sent",
        "First answer: none yet, to 0 new conversations",
        "Open: nothing",
    ]


@pytest.mark.parametrize(
    ("took", "words"),
    [(0.4, "24 min"), (1.2, "1 h 12 min"), (47.99, "47 h 59 min"), (49, "2 d 1 h"), (0, "0 min")],
)
def test_how_long_it_took_is_told_in_two_units(took: float, words: str) -> None:
    assert duration(timedelta(hours=took)) == words


# --- exported ---------------------------------------------------------------------------------------------------------


async def test_the_export_holds_nothing_personal_unless_asked(book: Book) -> None:
    await book.matter(("in", NOON), ("ack", NOON), ("out", NOON + HOUR), status=Status.CLOSED)
    await book.matter(("in", NOON))
    async with book.store.read() as conn:
        handled = await numbers.handled(conn, [SUPPORT], since=NOON - DAY, until=NOON + DAY)
        customers = await numbers.customers(conn, [one.first for one in handled])
    text = as_csv(rows(handled), details=False)
    assert "dana" not in text.lower()
    assert "bags" not in text
    first, second = csv.DictReader(io.StringIO(text))
    assert first["first_response_seconds"] == "3600"
    assert (first["mails_in"], first["mails_out"], first["status"]) == ("1", "1", "closed")
    assert (second["answered"], second["first_response_seconds"], second["closed"]) == ("", "", "")
    detailed = next(csv.DictReader(io.StringIO(as_csv(rows(handled, customers=customers), details=True))))
    assert (detailed["subject"], detailed["customer"]) == ("'=Two bags", "dana@example.com")


async def test_the_command_exports_beside_a_running_service(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    bridge = bridge_of(stage)
    code, out, err = await bridge("numbers", "--csv")
    assert (code, err) == (0, "")
    assert [row["number"] for row in csv.DictReader(io.StringIO(out))] == ["1"]
    [row] = json.loads((await bridge("numbers", "--json", "--details"))[1])
    assert (row["subject"], row["customer"], row["mails_in"]) == ("Two bags are missing", "dana@example.com", 1)
    code, out, _ = await bridge("numbers", "--since", "2020-01-01")
    assert "Mails: 1 came in, 0 sent" in out
    for words in (("--mailbox", "hr"), ("--since", "2026-01-02", "--until", "2026-01-01")):
        code, out, err = await bridge("numbers", *words)
        assert (code, out) == (2, "")
        assert "Traceback" not in err


@pytest.mark.storm
async def test_a_hundred_thousand_mails_are_counted_quickly(store: Store) -> None:
    await fill(store, 100_000)
    begun = now()
    await figures(store, SUPPORT, days=week(begun.date()), until=begun.date() + DAY, zone=UTC, at=begun)
    assert now() - begun < timedelta(seconds=2)


# --- in Slack ---------------------------------------------------------------------------------------------------------


async def test_status_tells_the_last_seven_days(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "status")
    answer = said(mina.person.ephemerals(CHANNEL)[-1])
    assert "*support*, the last 7 days" in answer
    assert "Mails: 1 came in, 0 sent  (0/0 0/0 0/0 0/0 0/0 0/0 1/0)" in answer
    assert "Open: 1, by age 1 for less than a day" in answer


@pytest.mark.parametrize(
    ("at", "monday"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), date(2026, 3, 2)),
        (datetime(2026, 3, 2, 7, 59, tzinfo=UTC), date(2026, 3, 2)),
        (datetime(2026, 3, 2, 8, tzinfo=UTC), date(2026, 3, 9)),  # nine in Berlin
        (datetime(2026, 3, 29, 12, tzinfo=UTC), date(2026, 3, 30)),  # an hour earlier in UTC from here on
        (datetime(2026, 3, 30, 7, tzinfo=UTC), date(2026, 4, 6)),
    ],
)
def test_the_next_monday_is_one_whose_nine_is_still_to_come(at: datetime, monday: date) -> None:
    assert next_monday(at, zone=BERLIN) == monday


WEEKLY = '[summary]\nweekly = true\nzone = "UTC"\n'


@pytest.fixture
async def told_weekly(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose bridge tells the week."""
    made = Stage(tmp_path, hold=0.1)
    made.others = WEEKLY
    await made.start()
    yield made
    await made.stop()


async def fall_due(stage: Stage) -> None:
    """It is Monday, nine o'clock, for every summary that is promised; the clock of whoever tells it may be behind."""
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.write() as conn:
        which = schema.jobs.c.kind == "summary"
        await conn.execute(update(schema.jobs).where(which).values(due=now(), since=now()))
        await jobs.add(conn, key=f"wake up {now()}", kind="lapse", payload={"form": "", "number": None})
    await store.close()


def pictures(stage: Stage, channel: str = CHANNEL) -> list[dict[str, Any]]:
    """The messages with a picture in a channel."""
    return [one for one in stage.slack.workspace.history(channel) if one.get("files")]


async def promised(stage: Stage) -> list[str]:
    """The summaries that are still to come, as "mailbox day"."""
    store = await Store.open(stage.settings().database_url.get_secret_value())
    which = schema.jobs.c.kind == "summary", schema.jobs.c.state == jobs.State.READY
    async with store.read() as conn:
        found = (await conn.execute(select(schema.jobs.c.payload).where(*which))).scalars().all()
    await store.close()
    return sorted(f"{one['mailbox']} {one['monday']}" for one in found)


async def test_the_week_is_told_once_with_its_picture(told_weekly: Stage) -> None:
    """Not again after a restart, nor by the promise for the next week."""
    stage, mina = told_weekly, Desk(told_weekly)
    await ask(stage)
    await mina.sees_card("Two bags")
    monday = next_monday(now(), zone=UTC)
    await fall_due(stage)
    [message] = await mina.sees(lambda: pictures(stage))
    first, last = monday - 7 * DAY, monday - DAY
    assert f"*support*, {first} to {last}" in message["text"]
    assert "*2*  First answer: none yet" in message["text"]
    [file] = message["files"]
    kept = stage.slack.workspace.files[file["id"]]
    with Image.open(io.BytesIO(kept.content)) as image:
        assert (image.format, image.size) == ("PNG", (picture.WIDTH, picture.HEIGHT))
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 3
    await stage.stop_bridge()
    await stage.start_bridge()
    await ask(stage, subject="Another matter")
    await mina.sees_card("Another matter")
    assert len(pictures(stage)) == 1


async def test_the_next_week_is_promised_also_by_a_clock_on_which_it_is_not_monday_yet(told_weekly: Stage) -> None:
    """Jobs are due by the database's clock, which a replica's own may be behind; and one may be set back."""
    monday = next_monday(now(), zone=UTC)
    assert await promised(told_weekly) == [f"support {monday}"]
    await fall_due(told_weekly)
    await Desk(told_weekly).sees(lambda: pictures(told_weekly))
    assert await promised(told_weekly) == [f"support {monday + 7 * DAY}"]


async def test_without_the_setting_nothing_is_promised(stage: Stage) -> None:
    store = await Store.open(f"sqlite:///{stage.database}")
    async with store.read() as conn:
        rows = await conn.execute(schema.jobs.select().where(schema.jobs.c.kind == "summary"))
        assert rows.all() == []
    await store.close()


def test_a_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text('[summary]\nzone = "Mars"\n')
    with pytest.raises(Misconfigured, match=r"`summary\.zone` in bridge\.toml must be a time zone"):
        load(config_file=tmp_path / "bridge.toml", environ={"BRIDGE_DATA": str(tmp_path)}, env_file=None)


@pytest.mark.parametrize("most", [0, 1, 7, 99_999])
def test_any_week_can_be_drawn(most: int) -> None:
    days = tuple(Day(date=MONDAY + place * DAY, came=most * place, sent=most) for place in range(7))
    some = Figures(
        mailbox=SUPPORT,
        days=days,
        begun=most,
        answered=most,
        median=timedelta(hours=most) if most else None,
        most=timedelta(days=most) if most else None,
        ages=(most, 0, most, 1),
    )
    with Image.open(io.BytesIO(picture.draw(some))) as image:
        assert image.size == (picture.WIDTH, picture.HEIGHT)


def test_who_wants_no_picture_needs_no_extra() -> None:
    """The service and the command line begin without Pillow and without the SDK of `bridge mcp`."""
    without = "import sys; sys.modules.update(PIL=None, mcp=None); import bridge.app, bridge.cli"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert done.stderr == ""
