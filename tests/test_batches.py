"""Mails that come together are kept together: what one by one would have made of them, in a few statements."""

import random
import string
from collections.abc import Sequence
from datetime import timedelta

import pytest

from bridge.desk import Mailbox
from bridge.metrics import Metrics
from bridge.model import Address, Arrival, Batch, ChannelId, Cursor, MailboxName, Number, Status, StoredMessage, now
from bridge.reception import Reception
from bridge.store import conversations, jobs, mails, moves, places, raws
from bridge.store.database import Store

BOX = Mailbox(
    name=MailboxName("support"),
    address=Address(email="help@acme.example"),
    channel=ChannelId("C0SUPPORT1"),
    hold=timedelta(0),
    saves_sent=False,
    max_bytes=1 << 20,
)


def mail(name: str, *, answers: str = "", subject: str = "", author: str = "dana@example.com") -> bytes:
    reply = f"In-Reply-To: <{answers}@x>\r\n" if answers else ""
    head = f"From: {author}\r\nTo: help@acme.example\r\nMessage-ID: <{name}@x>\r\nSubject: {subject or name}\r\n{reply}"
    return f"{head}\r\nAbout {name}.\r\n".encode()


class Desk:
    """A reception, and what the store holds of what it was given."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reception = Reception(store, keys=[b"k" * 32], metrics=Metrics())
        self.next = 1

    async def takes(self, *came: bytes) -> None:
        """One batch, behind what came before."""
        arrivals = tuple(
            Arrival(uidvalidity=7, uid=uid, size=len(raw), raw=raw) for uid, raw in enumerate(came, start=self.next)
        )
        self.next += len(came)
        await self.reception.receive(BOX, Batch(cursor=Cursor(uidvalidity=7, uidnext=self.next), arrivals=arrivals))

    async def threads(self) -> list[list[str]]:
        """The subjects of each conversation's mails, the oldest conversation first."""
        return [[one.message.subject for one in found] for found in await self.matters()]

    async def matters(self) -> list[Sequence[StoredMessage]]:
        async with self.store.read() as conn:
            listed = await conversations.listed(conn, mailbox=BOX.name, closed=True, limit=1000)
            return [await mails.of_conversation(conn, one) for one in sorted(one.number for one in listed)]


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


async def test_a_mail_joins_what_another_of_its_batch_has_begun(desk: Desk) -> None:
    await desk.takes(mail("a"), mail("b"), mail("c", answers="a"), mail("d", answers="c"), mail("e", answers="b"))
    assert await desk.threads() == [["a", "c", "d"], ["b", "e"]]


async def test_an_answer_that_stands_before_the_mail_it_answers_is_found_by_it(desk: Desk) -> None:
    await desk.takes(mail("second", answers="first"), mail("first"))
    assert await desk.threads() == [["second", "first"]]


async def test_each_conversation_of_a_batch_is_to_be_shown_and_each_mail_is_somewhere(desk: Desk) -> None:
    await desk.takes(mail("a"), mail("b"))
    await desk.takes(mail("c", answers="a"), mail("d", answers="b"), mail("e"))
    async with desk.store.read() as conn:
        assert await jobs.unfinished(conn, "show") == 5
        at = {one.uid: one.mail_id for one in await places.followed(conn, BOX.name)}
        assert await mails.seen_places(conn, BOX.name, uidvalidity=7, uids=range(1, 9)) == {1, 2, 3, 4, 5}
    found = {one.id: one for matter in await desk.matters() for one in matter}
    assert [found[at[uid]].message.subject for uid in range(1, 6)] == ["a", "b", "c", "d", "e"]
    async with desk.store.read() as conn:
        kept = [await raws.load(conn, found[at[uid]].raw_id or 0) for uid in (1, 5)]
    assert kept == [mail("a"), mail("e")]


async def test_a_mail_that_stands_twice_in_a_batch_is_kept_once_and_is_in_two_places(desk: Desk) -> None:
    await desk.takes(mail("a"), mail("b"), mail("a"), mail("c", answers="a"))
    assert await desk.threads() == [["a", "c"], ["b"]]
    first = (await desk.matters())[0][0]
    async with desk.store.read() as conn:
        assert [one.uid for one in await places.of(conn, [first.id])] == [1, 3]


async def test_what_a_person_writes_opens_a_closed_conversation_again_whatever_comes_with_it(desk: Desk) -> None:
    await desk.takes(mail("a"), mail("b"))
    async with desk.store.write() as conn:
        await conversations.change_all(conn, [Number(1), Number(2)], at=now(), status=Status.CLOSED)
    automatic = mail("away", answers="b").replace(b"\r\nSubject", b"\r\nAuto-Submitted: auto-replied\r\nSubject")
    await desk.takes(automatic, mail("c", answers="a"))
    async with desk.store.read() as conn:
        found = [await conversations.get(conn, Number(number)) for number in (1, 2)]
    assert [one.status for one in found if one] == [Status.OPEN, Status.CLOSED]


async def test_a_number_in_the_subject_counts_for_those_who_took_part_in_the_same_batch_too(desk: Desk) -> None:
    await desk.takes(mail("a"))
    stranger = mail("by number", subject="Re: [#1] a", author="ben@example.org")
    await desk.takes(stranger)
    assert await desk.threads() == [["a"], ["Re: [#1] a"]]
    joined = mail("joined", answers="a", author="eve@example.org")
    await desk.takes(joined, mail("later", subject="[#1] once more", author="eve@example.org"))
    assert await desk.threads() == [["a", "joined", "[#1] once more"], ["Re: [#1] a"]]


async def test_more_references_than_a_database_takes_values_at_once(desk: Desk) -> None:
    many = b" ".join(b"<%d@y>" % number for number in range(40_000))
    await desk.takes(mail("a"), mail("b").replace(b"\r\nSubject", b"\r\nReferences: " + many + b"\r\nSubject"))
    await desk.takes(mail("c").replace(b"\r\nSubject", b"\r\nIn-Reply-To: <39999@y>\r\nSubject"))
    assert await desk.threads() == [["a"], ["b", "c"]]


async def test_names_that_no_index_takes_are_kept_and_found_all_the_same(desk: Desk) -> None:
    """PostgreSQL's take 2,704 bytes, and letters that repeat would be packed."""
    dice = random.Random(7)
    name = "".join(chr(dice.randint(0x4E00, 0x9FFF)) for _ in range(990))
    never_came = "".join(chr(dice.randint(0x4E00, 0x9FFF)) for _ in range(990))
    author = "".join(dice.choices(string.ascii_lowercase, k=5_000))
    await desk.takes(mail(name, subject="a"), mail("b", answers=name))
    await desk.takes(mail("c", answers=never_came), mail("d", answers=name), mail("e", answers=never_came))
    await desk.takes(mail("f", author=f"{author}@b.example"), mail("g", author=f"<{author}@b.example>"))
    await desk.takes(mail("h", author=author))
    assert await desk.threads() == [["a", "b", "d"], ["c", "e"], ["f"], ["g"], ["h"]]
    async with desk.store.write() as conn:
        await moves.redirect(conn, BOX.name, [f"<{name}@x>"], to=Number(2))
    await desk.takes(mail("i", answers=name))
    assert (await desk.threads())[1] == ["c", "e", "i"]
