"""A mailbox on a real IMAP server: mails come, commands work, and what other mail programs do is told."""

import asyncio
import contextlib
import imaplib
import itertools
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot

from bridge.errors import Permanent, Temporary
from bridge.mail.imap import ImapSource
from bridge.mail.source import Change, Role
from bridge.model import Arrival, Batch, Cursor, now

LIMIT = 30_000_000
RAW = b"From: jane@example.com\r\nMessage-ID: <%s@example.com>\r\nSubject: hello\r\n\r\nHello\r\n"
users = (f"user{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


class Other:
    """Another mail program at the same mailbox."""

    def __init__(self, dovecot: Dovecot, user: str, folder: str = "INBOX") -> None:
        tls = ssl.create_default_context(cafile=dovecot.ca_file)
        self.imap = imaplib.IMAP4_SSL("localhost", dovecot.imaps, ssl_context=tls, timeout=20)
        self.imap.login(user, PASSWORD)
        self.imap.select(folder)

    def flags(self, uid: int, change: str) -> None:
        self.imap.noop()  # it knows no mail that came since its last command
        assert self.imap.uid("STORE", str(uid), change[0] + "FLAGS", f"({change[1:]})")[0] == "OK"

    def flags_of(self, uid: int) -> bytes:
        self.imap.noop()
        return bytes(self.imap.uid("FETCH", str(uid), "(FLAGS)")[1][0] or b"")


class Desk:
    """A user's mailbox on the server, and the source that watches it."""

    def __init__(self, dovecot: Dovecot, **more: Any) -> None:
        self.dovecot = dovecot
        self.user = next(users)
        self.source = ImapSource(dovecot.server(self.user, **more), max_bytes=LIMIT)
        self.cursor: Cursor | None = None
        self.batches = self.source.arrivals(None)
        self._opened: list[Other] = []

    async def begin(self) -> Cursor:
        """Waits until the mailbox is watched."""
        batch = await anext(self.batches)
        self.cursor = batch.cursor
        return batch.cursor

    async def deliver(self, *raws: bytes) -> None:
        await asyncio.to_thread(self.dovecot.deliver, self.user, *raws)

    async def arrivals(self, count: int) -> list[Arrival]:
        found: list[Arrival] = []
        while len(found) < count:
            batch: Batch = await anext(self.batches)
            found += batch.arrivals
            self.cursor = batch.cursor
        return found

    async def other(self, folder: str = "INBOX") -> Other:
        one = await asyncio.to_thread(Other, self.dovecot, self.user, folder)
        self._opened.append(one)
        return one

    async def close(self) -> None:
        await self.batches.aclose()
        await self.source.stop()
        for one in self._opened:
            await asyncio.to_thread(one.imap.logout)


@pytest.fixture
async def desk(dovecot: Dovecot) -> AsyncIterator[Desk]:
    opened = Desk(dovecot)
    yield opened
    await opened.close()


def mail(name: str) -> bytes:
    return RAW % name.encode()


# --- mails come -----------------------------------------------------------------------------------------------------


async def test_a_new_mail_comes_as_it_is_and_stays_unread(desk: Desk) -> None:
    cursor = await desk.begin()
    await desk.deliver(mail("new"))
    (arrival,) = await desk.arrivals(1)
    assert arrival.raw is not None
    assert arrival.raw.endswith(mail("new"))
    assert (arrival.uidvalidity, arrival.uid, arrival.size) == (cursor.uidvalidity, cursor.uidnext, len(arrival.raw))
    assert abs(arrival.received - now()) < timedelta(minutes=1)
    assert b"Seen" not in (await desk.other()).flags_of(arrival.uid)


async def test_old_mail_is_not_posted_and_what_came_while_away_is(desk: Desk) -> None:
    await desk.deliver(mail("old"))
    await desk.begin()
    await desk.deliver(mail("first"))
    await desk.arrivals(1)
    await desk.batches.aclose()
    await desk.source.stop()
    await desk.deliver(mail("second"), mail("third"))
    desk.batches = desk.source.arrivals(desk.cursor)
    assert [arrival.uid for arrival in await desk.arrivals(2)] == [3, 4]


async def test_starttls(dovecot: Dovecot) -> None:
    desk = Desk(dovecot, port=dovecot.imap, security="starttls")
    await desk.begin()
    await desk.deliver(mail("new"))
    assert await desk.arrivals(1)
    await desk.close()


async def test_three_hundred_mails_at_once_come_once_and_in_order(desk: Desk) -> None:
    await desk.begin()
    await desk.deliver(*(mail(f"n{number}") for number in range(300)))
    arrivals = await desk.arrivals(300)
    assert [arrival.uid for arrival in arrivals] == list(range(1, 301))
    seen = {one for arrival in arrivals for one in re.findall(rb"<n(\d+)@", arrival.raw or b"")}
    assert len(seen) == 300  # Dovecot numbers what comes within the same moment as it likes


async def test_large_mails_come_whole_and_too_large_ones_by_their_head(desk: Desk) -> None:
    await desk.begin()
    large = mail("large") + b"x" * 76 * 300_000
    await desk.deliver(mail("small"), large, large + b"x" * 10_000_000, mail("last"))
    small, whole, head, last = await desk.arrivals(4)
    assert (small.uid, last.uid) == (1, 4)
    assert (whole.raw or b"").replace(b"\r\n", b"").endswith(b"x" * 76 * 300_000)
    assert head.raw is None
    assert head.size > LIMIT
    assert b"Message-ID: <large@example.com>" in head.head


async def test_a_folder_that_was_made_anew_is_read_from_its_start(desk: Desk) -> None:
    other = await desk.other()
    await asyncio.to_thread(other.imap.create, "Support")
    await asyncio.to_thread(other.imap.append, "Support", "", "", mail("before"))
    server = desk.dovecot.server(desk.user)
    source = ImapSource(server, max_bytes=LIMIT, folders={"inbox": "Support"}, sweep_seconds=0.2, retry_seconds=0.1)
    async with contextlib.aclosing(source.arrivals(None)) as batches:
        before = (await anext(batches)).cursor
        assert before.uidnext == 2
        for act, arguments in (("delete", ["Support"]), ("create", ["Support"])):
            await asyncio.to_thread(getattr(other.imap, act), *arguments)
        await asyncio.to_thread(other.imap.append, "Support", "", "", mail("after"))
        found: list[Arrival] = []
        while not found:
            found += (await anext(batches)).arrivals
        assert (found[0].uid, found[0].raw) == (1, mail("after"))
        assert found[0].uidvalidity != before.uidvalidity
    await source.stop()


# --- commands -------------------------------------------------------------------------------------------------------


async def test_flags_are_set_while_the_mailbox_is_watched(desk: Desk) -> None:
    cursor = await desk.begin()
    await desk.deliver(mail("one"))
    await desk.arrivals(1)
    other = await desk.other()
    await desk.source.set_flags([1, 99], uidvalidity=cursor.uidvalidity, add=["\\Seen", "\\Flagged"])
    assert b"\\Flagged \\Seen" in other.flags_of(1)
    await desk.source.set_flags([1], uidvalidity=cursor.uidvalidity, remove=["\\Seen"])
    assert b"(\\Flagged" in other.flags_of(1)
    await desk.deliver(mail("two"))
    assert [arrival.uid for arrival in await desk.arrivals(1)] == [2]


async def test_deleting_and_restoring(desk: Desk) -> None:
    """A restored mail turns up in the watched folder again, under the place that the move told."""
    cursor = await desk.begin()
    await desk.deliver(mail("one"), mail("two"), mail("three"))
    await desk.arrivals(3)
    folders = await desk.source.folders()
    moved = await desk.source.move([1, 3], uidvalidity=cursor.uidvalidity, to=folders[Role.TRASH])
    assert sorted(moved.places) == [1, 3]
    assert not moved.missing
    assert not moved.only_flagged
    assert await desk.source.find("<three@example.com>", folder="Trash") == [moved.places[3]]
    uidvalidity, uid = moved.places[3]
    back = await desk.source.move([uid], uidvalidity=uidvalidity, to="INBOX", folder=folders[Role.TRASH])
    (again,) = await desk.arrivals(1)
    assert back.places == {uid: (again.uidvalidity, again.uid)}
    assert mail("three") in (again.raw or b"")
    once_more = await desk.source.move([1], uidvalidity=cursor.uidvalidity, to="Trash")
    assert (once_more.places, once_more.missing) == ({}, (1,))


async def test_a_sent_mail_is_filed_found_and_fetched(desk: Desk) -> None:
    sent = mail("sent") + b"\xe4\xf6 8-bit\r\n"
    place = await desk.source.append(sent, to="Sent")
    assert place is not None
    assert await desk.source.find("<sent@example.com>", folder="Sent") == [place]
    assert await desk.source.find("<sent@example.co>", folder="Sent") == []
    assert await desk.source.find("sent@example.com", folder="Sent") == []
    fetched = await desk.source.fetch(place[1], uidvalidity=place[0], folder="Sent")
    assert fetched is not None
    assert fetched.raw == sent
    assert await desk.source.fetch(99, uidvalidity=place[0], folder="Sent") is None
    assert b"\\Seen" in (await desk.other("Sent")).flags_of(place[1])


async def test_commands_do_not_make_the_watch_miss_anything(desk: Desk) -> None:
    """While another folder is selected nobody tells what comes to the watched one."""
    await desk.begin()
    for number in range(5):
        delivering = asyncio.ensure_future(desk.deliver(mail(f"m{number}")))
        await desk.source.find("<nothing@example.com>", folder="Sent")
        await delivering
    assert [arrival.uid for arrival in await desk.arrivals(5)] == [1, 2, 3, 4, 5]


async def test_the_folders_are_found_by_their_use(desk: Desk) -> None:
    folders = await desk.source.folders()
    assert folders == {"inbox": "INBOX", "sent": "Sent", "trash": "Trash", "archive": "Ablage"}


async def test_a_folder_with_any_name_can_be_used(desk: Desk) -> None:
    other = await desk.other()
    name = 'Büro & "Söhne" \\ 보관함'
    await asyncio.to_thread(other.imap.create, '"B&APw-ro &- \\"S&APY-hne\\" \\\\ &vPStANVo-"')
    cursor = await desk.begin()
    await desk.deliver(mail("one"))
    await desk.arrivals(1)
    moved = await desk.source.move([1], uidvalidity=cursor.uidvalidity, to=name)
    assert await desk.source.find("<one@example.com>", folder=name) == [moved.places[1]]


async def test_mails_of_the_last_days_are_listed_for_a_backfill(desk: Desk) -> None:
    other = await desk.other()
    for days in (40, 2, 0):
        moment = imaplib.Time2Internaldate(datetime.now(UTC) - timedelta(days=days))
        await asyncio.to_thread(other.imap.append, "INBOX", "", moment, mail(f"days{days}"))
    places = await desk.source.search_since((now() - timedelta(days=7)).date())
    assert [uid for _, uid in places] == [2, 3]
    old = await desk.source.fetch(2, uidvalidity=places[0][0])
    assert old is not None
    assert timedelta(days=1.9) < now() - old.received < timedelta(days=2.1)


async def test_a_folder_that_is_not_there_is_a_matter_for_a_person(desk: Desk) -> None:
    cursor = await desk.begin()
    await desk.deliver(mail("one"))
    await desk.arrivals(1)
    with pytest.raises(Permanent, match="Nowhere"):
        await desk.source.move([1], uidvalidity=cursor.uidvalidity, to="Nowhere")
    with pytest.raises((Permanent, Temporary)):
        await desk.source.find("<a@b>", folder="Nowhere")
    await desk.deliver(mail("two"))
    assert await desk.arrivals(1)


async def test_a_wrong_password_is_a_matter_for_a_person(dovecot: Dovecot) -> None:
    desk = Desk(dovecot, password="wrong")
    with pytest.raises(Permanent, match="MAIL_PASSWORD"):
        await desk.begin()
    with pytest.raises(Permanent, match="MAIL_PASSWORD"):
        await desk.source.folders()
    assert isinstance(desk.source.failure, Permanent)
    await desk.close()


# --- what others do -------------------------------------------------------------------------------------------------


async def test_what_another_mail_program_does_is_told(desk: Desk) -> None:
    cursor = await desk.begin()
    changes = desk.source.changes()
    told = asyncio.ensure_future(anext(changes))
    await desk.deliver(mail("one"), mail("two"))
    await desk.arrivals(2)
    waiting = asyncio.ensure_future(desk.arrivals(1))  # what was given is now durable
    other = await desk.other()

    async def change() -> tuple[int, list[str] | None]:
        nonlocal told
        change = await told
        told = asyncio.ensure_future(anext(changes))
        assert change.uidvalidity == cursor.uidvalidity
        return change.uid, sorted(change.flags) if change.flags is not None else None

    await asyncio.to_thread(other.flags, 2, "+\\Seen")
    assert await change() == (2, ["\\Seen"])
    await desk.source.set_flags([1], uidvalidity=cursor.uidvalidity, add=["\\Flagged"])  # our own is none
    await asyncio.to_thread(other.flags, 1, "+\\Answered")
    assert await change() == (1, ["\\Answered", "\\Flagged"])
    await asyncio.to_thread(other.flags, 2, "+\\Deleted")
    assert await change() == (2, ["\\Deleted", "\\Seen"])
    await asyncio.to_thread(other.imap.expunge)
    assert await change() == (2, None)
    await desk.source.move([1], uidvalidity=cursor.uidvalidity, to="Trash")
    await desk.deliver(mail("three"))
    (third,) = await waiting
    waiting = asyncio.ensure_future(desk.arrivals(1))
    await asyncio.to_thread(other.flags, third.uid, "+\\Seen")
    assert await change() == (third.uid, ["\\Seen"])
    await desk.source.stop()
    await asyncio.gather(told, waiting, return_exceptions=True)


async def test_what_was_done_while_we_were_away_is_told_first(desk: Desk) -> None:
    cursor = await desk.begin()
    await desk.deliver(mail("one"), mail("two"), mail("three"))
    await desk.arrivals(3)
    await desk.batches.aclose()
    await desk.source.stop()
    other = await desk.other()
    await asyncio.to_thread(other.flags, 1, "+\\Seen")
    await asyncio.to_thread(other.flags, 3, "+\\Deleted")
    await asyncio.to_thread(other.imap.expunge)
    known = [Change(uidvalidity=cursor.uidvalidity, uid=uid, flags=frozenset()) for uid in (1, 2, 3)]
    async with contextlib.aclosing(desk.source.changes(known)) as changes:
        assert [(change.uid, change.flags) for change in [await anext(changes), await anext(changes)]] == [
            (1, frozenset({"\\Seen"})),
            (3, None),
        ]


async def test_a_mail_read_elsewhere_before_we_fetched_it_is_told_after_it_was_taken_in(desk: Desk) -> None:
    await desk.begin()
    changes = desk.source.changes()
    told = asyncio.ensure_future(anext(changes))
    other = await desk.other()
    await asyncio.to_thread(other.imap.append, "INBOX", "\\Seen", "", mail("one"))
    await desk.arrivals(1)
    await asyncio.sleep(0)
    assert not told.done()
    going_on = asyncio.ensure_future(desk.arrivals(1))
    assert (await told).flags == frozenset({"\\Seen"})
    await desk.source.stop()
    await asyncio.gather(going_on, return_exceptions=True)
