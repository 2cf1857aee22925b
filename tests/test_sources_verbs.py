"""What agents want done, and what others do, is the same whatever the mailbox is: an IMAP server or a Maildir."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dovecot import Dovecot, running_dovecot
from mailroom import ImapRoom, LocalRoom, Mailroom, until, written

from bridge.errors import Temporary
from bridge.mail.imap import ImapSource
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.mail.sent import SentFolder
from bridge.mail.source import Change, Role, Source
from bridge.model import Arrival, Batch, Cursor, now

T = TypeVar("T")

LIMIT = 200_000
SEEN, FLAGGED, ANSWERED, DELETED = "\\Seen", "\\Flagged", "\\Answered", "\\Deleted"

Opened = tuple[Source, Callable[[], Coroutine[Any, Any, None]]]
"""A source, and how to let go of it."""


class Box:
    """A mailbox that others work in (`room`), and a source at it, which can be let go and taken up again."""

    def __init__(self, room: Mailroom, opened: Callable[[], Opened]) -> None:
        self.room = room
        self._opened = opened
        self._waiting: list[asyncio.Task[Any]] = []
        self.cursor: Cursor | None = None
        self.open()

    def open(self) -> None:
        self.source, self._close = self._opened()

    async def begin(self) -> None:
        """From now on arrivals are read, from where they were left off."""
        self.cursor = self.cursor or (await self.source.since(None, folder="INBOX")).cursor
        self._batches: AsyncGenerator[Batch, None] = self.source.arrivals(self.cursor)
        self._next = self._soon(anext(self._batches))

    async def arrivals(self, count: int) -> list[Arrival]:
        """So many mails; they count as durable, since the next ones are asked for."""
        found: list[Arrival] = []
        while len(found) < count:
            batch = await self._next
            self._next = self._soon(anext(self._batches))
            found += batch.arrivals
            self.cursor = batch.cursor
        await asyncio.sleep(0)
        return found

    async def take(self, *subjects: str) -> dict[str, Arrival]:
        """Mails are delivered, and taken in; by subject."""
        await asyncio.to_thread(self.room.deliver, *map(written, subjects))
        return {subject_of(arrival): arrival for arrival in await self.arrivals(len(subjects))}

    def follow(self, *known: Change) -> None:
        """From now on changes are told."""
        self._changes: AsyncGenerator[Change, None] = self.source.changes(known)
        self._told = self._soon(anext(self._changes))

    async def change(self) -> tuple[int, set[str] | None]:
        """The next change: a uid, and its flags, or None where the mail is gone."""
        change = await self._told
        self._told = self._soon(anext(self._changes))
        return change.uid, None if change.flags is None else set(change.flags)

    async def stands(self, subject: str, folder: str, *flags: str) -> bool:
        """Waits until every mail client sees that mail there, with these flags."""
        return await until(lambda: self.room.stands().get(subject) == (folder, set(flags)))

    async def put_away(self) -> None:
        """As at the end of a process."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        self._waiting.clear()
        await self._close()

    def _soon(self, act: Coroutine[Any, Any, T] | Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.ensure_future(act)
        self._waiting.append(task)
        return task


def subject_of(arrival: Arrival) -> str:
    text = (arrival.raw or arrival.head).decode()
    return text.partition("Subject: ")[2].partition("\n")[0].strip()


def id_of(subject: str) -> str:
    return f"<{subject}@example.com>"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture(params=["local", "imap"])
async def box(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Box]:
    def local() -> Opened:
        maildir = Maildir(tmp_path / "mail")
        return LocalSource(maildir, max_bytes=LIMIT, sweep_seconds=0.02), maildir.close

    def imap() -> Opened:
        source = ImapSource(dovecot.server(user), max_bytes=LIMIT, sweep_seconds=5)
        return source, source.stop

    if request.param == "local":
        made = Box(LocalRoom(tmp_path / "mail"), local)
    else:
        dovecot: Dovecot = request.getfixturevalue("dovecot")
        user = f"user{os.urandom(4).hex()}"
        made = Box(await asyncio.to_thread(ImapRoom, dovecot, user), imap)
    await made.begin()
    yield made
    await made.put_away()


# --- flags ------------------------------------------------------------------------------------------------------------


async def test_flags_that_are_set_and_unset_are_seen_by_every_mail_client(box: Box) -> None:
    mails = await box.take("one", "two")
    one, uidvalidity = mails["one"].uid, mails["one"].uidvalidity
    await box.source.set_flags([one, one + 1000], uidvalidity=uidvalidity, add=[SEEN, FLAGGED])
    assert await box.stands("one", "inbox", SEEN, FLAGGED)
    assert await box.stands("two", "inbox")
    await box.source.set_flags([one], uidvalidity=uidvalidity, add=[ANSWERED], remove=[SEEN, DELETED])
    assert await box.stands("one", "inbox", FLAGGED, ANSWERED)
    await box.source.set_flags([one], uidvalidity=uidvalidity, remove=[FLAGGED, ANSWERED])
    assert await box.stands("one", "inbox")


async def test_a_mail_keeps_its_uid_and_its_bytes_whoever_changes_its_flags(box: Box) -> None:
    mail = (await box.take("one"))["one"]
    await box.source.set_flags([mail.uid], uidvalidity=mail.uidvalidity, add=[SEEN])
    await asyncio.to_thread(box.room.mark, "one", add=FLAGGED)
    again = await box.source.fetch(mail.uid, uidvalidity=mail.uidvalidity)
    assert again is not None
    assert (again.uid, again.raw) == (mail.uid, mail.raw)
    assert await box.source.find(id_of("one"), folder="INBOX") == [(mail.uidvalidity, mail.uid)]


async def test_uids_of_another_numbering_are_nobodys(box: Box) -> None:
    mail = (await box.take("one"))["one"]
    other = mail.uidvalidity + 1
    with pytest.raises(Temporary, match="anew"):
        await box.source.set_flags([mail.uid], uidvalidity=other, add=[SEEN])
    with pytest.raises(Temporary, match="anew"):
        await box.source.move([mail.uid], uidvalidity=other, to="INBOX")
    with pytest.raises(Temporary, match="anew"):
        await box.source.fetch(mail.uid, uidvalidity=other)
    assert await box.stands("one", "inbox")


# --- folders ----------------------------------------------------------------------------------------------------------


async def test_a_moved_mail_is_where_it_was_told_to_be_with_its_flags(box: Box) -> None:
    mails = await box.take("one", "two", "three")
    one, three, uidvalidity = mails["one"], mails["three"], mails["one"].uidvalidity
    await box.source.set_flags([three.uid], uidvalidity=uidvalidity, add=[SEEN, FLAGGED])
    trash = (await box.source.folders())[Role.TRASH]
    moved = await box.source.move([one.uid, three.uid, 999], uidvalidity=uidvalidity, to=trash)
    assert (sorted(moved.places), moved.missing, moved.only_flagged) == ([one.uid, three.uid], (999,), False)
    assert await box.stands("three", "trash", SEEN, FLAGGED)
    assert await box.stands("one", "trash")
    assert await box.stands("two", "inbox")
    assert await box.source.find(id_of("three"), folder=trash) == [moved.places[three.uid]]
    assert await box.source.find(id_of("three"), folder="INBOX") == []
    there, uid = moved.places[three.uid]
    fetched = await box.source.fetch(uid, uidvalidity=there, folder=trash)
    assert fetched is not None
    assert (fetched.uidvalidity, fetched.uid, fetched.raw) == (there, uid, three.raw)
    assert await box.source.fetch(three.uid, uidvalidity=uidvalidity) is None
    again = await box.source.move([three.uid], uidvalidity=uidvalidity, to=trash)
    assert (again.places, again.missing) == ({}, (three.uid,))


async def test_a_mail_that_comes_back_has_a_new_place_and_arrives_there(box: Box) -> None:
    mail = (await box.take("one"))["one"]
    trash = (await box.source.folders())[Role.TRASH]
    uids = {mail.uid}
    for _ in range(2):
        moved = await box.source.move([mail.uid], uidvalidity=mail.uidvalidity, to=trash)
        there, uid = moved.places[mail.uid]
        back = await box.source.move([uid], uidvalidity=there, to="INBOX", folder=trash)
        [again] = await box.arrivals(1)
        assert back.places == {uid: (again.uidvalidity, again.uid)}
        assert again.raw == mail.raw
        assert again.uid not in uids
        uids.add(again.uid)
        mail = again
    assert await box.stands("one", "inbox")


async def test_every_role_has_a_folder_that_can_be_used(box: Box) -> None:
    folders = await box.source.folders()
    assert folders[Role.INBOX] == "INBOX"
    for role in (Role.SENT, Role.TRASH, Role.ARCHIVE, Role.JUNK):
        mail = (await box.take(str(role)))[role]
        moved = await box.source.move([mail.uid], uidvalidity=mail.uidvalidity, to=folders[role])
        assert await box.stands(role, role)
        uidvalidity, uid = moved.places[mail.uid]
        await box.source.set_flags([uid], uidvalidity=uidvalidity, add=[FLAGGED], folder=folders[role])
        assert await box.stands(role, role, FLAGGED)


async def test_mails_are_found_by_their_whole_message_id_the_oldest_first(box: Box) -> None:
    await box.take("one", "two")
    [first] = await box.source.find(id_of("one"), folder="INBOX")
    copy = await box.source.append(written("one"), to="INBOX")
    assert copy is not None
    assert await box.source.find(id_of("one"), folder="INBOX") == [first, copy]
    for unlike in (id_of("on"), "one@example.com", id_of("one").upper(), "<>"):
        assert await box.source.find(unlike, folder="INBOX") == []


async def test_a_message_id_under_many_other_fields_is_found(box: Box) -> None:
    trace = "".join(f"Received: by relay-{number}.example.com; {'x' * 60}\n" for number in range(500))
    place = await box.source.append(trace.encode() + written("one"), to="INBOX")
    assert await box.source.find(id_of("one"), folder="INBOX") == [place]


async def test_a_mail_that_another_client_has_just_renamed_is_found(box: Box) -> None:
    mails = await box.take("one", "two")
    await box.source.find(id_of("one"), folder="INBOX")
    await asyncio.to_thread(box.room.mark, "two", add=SEEN)
    assert await box.source.find(id_of("two"), folder="INBOX") == [(mails["two"].uidvalidity, mails["two"].uid)]
    await asyncio.to_thread(box.room.remove, "two")
    assert await box.source.find(id_of("two"), folder="INBOX") == []


async def test_mails_since_a_day_are_listed(box: Box) -> None:
    mails = await box.take("one", "two")
    places = [(mail.uidvalidity, mail.uid) for mail in mails.values()]
    assert await box.source.search_since((now() - timedelta(days=2)).date()) == sorted(places)
    assert await box.source.search_since((now() + timedelta(days=2)).date()) == []


# --- the Sent folder --------------------------------------------------------------------------------------------------


async def test_a_folder_is_read_from_where_it_was_left_off(box: Box) -> None:
    sent = (await box.source.folders())[Role.SENT]
    await box.source.append(written("before"), to=sent)
    start = await box.source.since(None, folder=sent)
    assert start.arrivals == ()
    nothing = await box.source.since(start.cursor, folder=sent)
    assert nothing == start
    first = await box.source.append(written("first"), to=sent)
    await asyncio.to_thread(box.room.file_sent, written("second"))
    found = await box.source.since(start.cursor, folder=sent)
    assert [subject_of(one) for one in found.arrivals] == ["first", "second"]
    assert (found.arrivals[0].uidvalidity, found.arrivals[0].uid) == first
    assert (await box.source.since(found.cursor, folder=sent)).arrivals == ()
    assert await box.source.since(start.cursor, folder=sent) == found  # it was never committed
    anew = Cursor(uidvalidity=start.cursor.uidvalidity + 1, uidnext=1)
    assert await box.source.since(anew, folder=sent) == Batch(cursor=found.cursor)


async def test_much_at_once_is_read_in_bounded_batches_and_what_is_too_large_by_its_head(box: Box) -> None:
    sent = (await box.source.folders())[Role.SENT]
    cursor = (await box.source.since(None, folder=sent)).cursor
    for number in range(52):
        await box.source.append(written(f"mail-{number}"), to=sent)
    await box.source.append(written("large") + b"x" * LIMIT, to=sent)
    found: list[Arrival] = []
    while (batch := await box.source.since(cursor, folder=sent)).arrivals:
        assert len(batch.arrivals) <= 50
        cursor = batch.cursor
        found += batch.arrivals
    assert [subject_of(one) for one in found] == [*(f"mail-{number}" for number in range(52)), "large"]
    assert [one.raw is None for one in found] == [False] * 52 + [True]


async def test_looking_into_another_folder_marks_nothing_and_stops_no_watch(box: Box) -> None:
    sent = (await box.source.folders())[Role.SENT]
    start = (await box.source.since(None, folder=sent)).cursor
    await box.source.append(written("sent"), to=sent, flags=[])
    for number in range(5):
        delivering = asyncio.ensure_future(box.take(f"mail-{number}"))
        assert len((await box.source.since(start, folder=sent)).arrivals) == 1
        assert await delivering
    assert await box.stands("sent", "sent")


async def test_a_copy_of_a_sent_mail_is_kept_once_and_as_read(box: Box) -> None:
    folder = SentFolder(box.source)
    assert not await folder.has(id_of("answer"))
    for _ in range(2):
        await folder.keep(written("answer"), message_id=id_of("answer"))
    assert await folder.has(id_of("answer"))
    assert await box.stands("answer", "sent", SEEN)
    sent = (await box.source.folders())[Role.SENT]
    assert len(await box.source.find(id_of("answer"), folder=sent)) == 1


# --- what others do ---------------------------------------------------------------------------------------------------


async def test_what_another_mail_client_does_is_told(box: Box) -> None:
    box.follow()
    mails = await box.take("one", "two")
    one, two = mails["one"].uid, mails["two"].uid
    await asyncio.to_thread(box.room.mark, "two", add=SEEN)
    assert await box.change() == (two, {SEEN})
    await asyncio.to_thread(box.room.mark, "one", add=FLAGGED)
    assert await box.change() == (one, {FLAGGED})
    await asyncio.to_thread(box.room.mark, "two", remove=SEEN)
    assert await box.change() == (two, set())
    await asyncio.to_thread(box.room.mark, "two", add=DELETED)
    assert await box.change() == (two, {DELETED})
    await asyncio.to_thread(box.room.remove, "two")
    assert await box.change() == (two, None)
    await asyncio.to_thread(box.room.move, "one", "archive")
    assert await box.change() == (one, None)


async def test_a_mail_that_was_read_before_we_took_it_in_is_told_once_it_is(box: Box) -> None:
    box.follow()
    two = (await box.take("two"))["two"].uid
    await box.source.append(written("one"), to="INBOX", flags=[SEEN])
    await asyncio.to_thread(box.room.mark, "two", add=FLAGGED)
    assert await box.change() == (two, {FLAGGED})  # nobody has the other one yet
    [one] = await box.arrivals(1)
    assert await box.change() == (one.uid, {SEEN})


async def test_our_own_commands_are_no_changes(box: Box) -> None:
    box.follow()
    mails = await box.take("one", "two", "three")
    one, two, three = (mails[name].uid for name in ("one", "two", "three"))
    uidvalidity = mails["one"].uidvalidity
    trash = (await box.source.folders())[Role.TRASH]
    for _ in range(5):
        await box.source.set_flags([one, two], uidvalidity=uidvalidity, add=[SEEN, FLAGGED])
        await box.source.set_flags([one, two], uidvalidity=uidvalidity, remove=[SEEN])
    await box.source.move([two], uidvalidity=uidvalidity, to=trash)
    await asyncio.to_thread(box.room.mark, "three", add=SEEN)
    assert await box.change() == (three, {SEEN})
    await asyncio.to_thread(box.room.mark, "one", add=ANSWERED)
    assert await box.change() == (one, {ANSWERED, FLAGGED})


async def test_a_mail_that_comes_back_is_followed_again(box: Box) -> None:
    box.follow()
    mail = (await box.take("one"))["one"]
    trash = (await box.source.folders())[Role.TRASH]
    moved = await box.source.move([mail.uid], uidvalidity=mail.uidvalidity, to=trash)
    there, uid = moved.places[mail.uid]
    await box.source.move([uid], uidvalidity=there, to="INBOX", folder=trash)
    [again] = await box.arrivals(1)
    await asyncio.to_thread(box.room.mark, "one", add=SEEN)
    assert await box.change() == (again.uid, {SEEN})


async def test_what_was_done_while_we_were_away_is_told_first(box: Box) -> None:
    mails = await box.take("one", "two", "three")
    await box.put_away()
    await asyncio.to_thread(box.room.mark, "one", add=SEEN)
    await asyncio.to_thread(box.room.remove, "three")
    known = [Change(uidvalidity=mail.uidvalidity, uid=mail.uid, flags=frozenset()) for mail in mails.values()]
    box.open()
    box.follow(*known)
    assert await box.change() == (mails["one"].uid, {SEEN})
    assert await box.change() == (mails["three"].uid, None)


async def test_places_outlive_the_process(box: Box) -> None:
    mails = await box.take("one", "two")
    trash = (await box.source.folders())[Role.TRASH]
    moved = await box.source.move([mails["one"].uid], uidvalidity=mails["one"].uidvalidity, to=trash)
    await box.put_away()
    box.open()
    assert await box.source.find(id_of("one"), folder=trash) == [moved.places[mails["one"].uid]]
    assert await box.source.find(id_of("two"), folder="INBOX") == [(mails["two"].uidvalidity, mails["two"].uid)]
    assert await box.source.find(id_of("one"), folder="INBOX") == []
