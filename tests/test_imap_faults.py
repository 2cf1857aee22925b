"""What IMAP servers do wrong, and what becomes of the mails then: they come, once, and nobody waits for ever."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from dovecot import write_certificates
from imapdouble import running_double, server_of

from bridge.demo.imapserver import CAPABILITIES, Conversation, Double
from bridge.errors import Permanent, Temporary, Uncertain
from bridge.mail.imap import ImapSource
from bridge.mail.imap.faults import Backoff, refused_login
from bridge.mail.source import Change, Role
from bridge.model import Arrival, Batch, Cursor

FIRST, SECOND = (
    f"Message-ID: <{name}@example.com>\r\nSubject: {name}\r\n\r\nHello\r\n".encode() for name in ("first", "second")
)
START = Cursor(uidvalidity=7, uidnext=1)
THROTTLED = "Request is throttled. Suggested Backoff Time: 300 milliseconds"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


class Office:
    """A double and a source that watches it. `arrivals` waits until so many mails have come."""

    def __init__(self, double: Double, source: ImapSource) -> None:
        self.double = double
        self.source = source
        self.batches: list[Batch] = []
        self._arrivals = source.arrivals(START)
        self._next = asyncio.ensure_future(anext(self._arrivals))

    async def arrivals(self, count: int) -> list[Arrival]:
        found: list[Arrival] = []
        while len(found) < count:
            self.batches.append(await self._next)
            self._next = asyncio.ensure_future(anext(self._arrivals))
            found += self.batches[-1].arrivals
        return found

    async def uids(self, count: int) -> list[int]:
        return [arrival.uid for arrival in await self.arrivals(count)]

    async def following(self) -> None:
        """Waits until the source has compared the first two mails with what is known of them."""
        await self.double.heard("UID SEARCH UID 1:2 DELETED")

    async def close(self) -> None:
        await self.source.stop()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._arrivals.aclose()


Opened = Callable[..., contextlib.AbstractAsyncContextManager[Office]]


@pytest.fixture
def opened(certificates: Path) -> Opened:
    """An office with a double that is told what to say; `source` and `server` are settings of theirs."""

    @contextlib.asynccontextmanager
    async def open_office(
        *mails: bytes, source: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **double: Any
    ) -> AsyncIterator[Office]:
        async with running_double(certificates, **double) as made:
            for mail in mails:
                made.inbox.add(mail)
            settings = {"max_bytes": 1_000_000, "retry_seconds": 0.05} | (source or {})
            one = ImapSource(server_of(made, certificates, **server or {}), **settings)
            office = Office(made, one)
            try:
                yield office
            finally:
                await office.close()

    return open_office


def once(
    act: Callable[[Conversation, str], Awaitable[None]], *, then: Callable[[Conversation, str, str], Awaitable[None]]
) -> Callable[[Conversation, str, str], Awaitable[None]]:
    """The first time this, later the ordinary answer."""
    done: list[bool] = []

    async def say(connection: Conversation, tag: str, arguments: str) -> None:
        if done:
            await then(connection, tag, arguments)
        else:
            done.append(True)
            await act(connection, tag)

    return say


async def close(connection: Conversation, tag: str) -> None:
    await connection.hang_up()


async def part(connection: Conversation, tag: str) -> None:
    await connection.say("* BYE shutting down")
    await connection.silence()


async def fall_silent(connection: Conversation, tag: str) -> None:
    await connection.silence()


async def greet(connection: Conversation, tag: str, arguments: str) -> None:
    await connection.say(f"* OK [CAPABILITY {CAPABILITIES}] ready")


# --- connections that end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [close, part, fall_silent])
@pytest.mark.parametrize("stage", ["GREETING", "AUTHENTICATE", "SELECT", "UID SEARCH", "UID FETCH", "IDLE"])
async def test_wherever_a_connection_ends_the_next_one_goes_on(opened: Opened, stage: str, ending: Any) -> None:
    """Closed, said good-bye, or silent: a mail comes once, and the server is not stormed."""
    ordinary = greet if stage == "GREETING" else getattr(Conversation, f"do_{stage.replace(' ', '_').lower()}")
    says = {stage: once(ending, then=ordinary)}
    async with opened(FIRST, says=says, server={"timeout": 0.5}) as office:
        assert await office.uids(1) == [1]
        await office.double.resting()
        await office.double.deliver(SECOND)
        assert await office.uids(1) == [2]
        assert office.double.made == 2


async def test_a_connection_closed_in_idle_is_made_again_without_a_storm(opened: Opened) -> None:
    async with opened() as office:
        await office.double.resting()
        office.double.inbox.add(FIRST)
        for connection in office.double.connections:
            connection.writer.transport.abort()
        assert await office.uids(1) == [1]
        assert office.double.made == 2


async def test_a_mail_that_was_cut_off_in_the_middle_comes_whole_and_once(opened: Opened) -> None:
    async def cut(connection: Conversation, tag: str) -> None:
        await connection.send(b"* 1 FETCH (UID 1 RFC822.SIZE 900 BODY[]<0> {900}\r\nSubject: half")
        await connection.hang_up()

    async with opened(FIRST, SECOND, says={"UID FETCH": once(cut, then=Conversation.do_uid_fetch)}) as office:
        arrivals = await office.arrivals(2)
        assert [arrival.raw for arrival in arrivals] == [FIRST, SECOND]


async def test_a_stopped_server_is_found_out_by_the_sweep(opened: Opened) -> None:
    """Its kernel still answers for it, so only a question shows that nobody is there."""

    async def sleep(connection: Conversation, tag: str) -> None:
        await connection.say("+ idling")
        await connection.silence()

    says = {"IDLE": once(sleep, then=Conversation.do_idle)}
    async with opened(says=says, server={"timeout": 0.3}, source={"sweep_seconds": 0.3}) as office:
        await office.double.resting()
        office.double.inbox.add(FIRST)
        assert await office.uids(1) == [1]


# --- what is said in the wrong place ----------------------------------------------------------------------------------


async def test_a_mail_announced_before_idle_has_begun_is_read(opened: Opened) -> None:
    async def announce(connection: Conversation, tag: str) -> None:
        connection.double.inbox.add(FIRST)
        await connection.say("* 1 EXISTS", "+ idling")
        await connection.idle(tag)

    async with opened(says={"IDLE": once(announce, then=Conversation.do_idle)}) as office:
        assert await office.uids(1) == [1]
        assert office.double.made == 1


async def test_a_push_that_comes_in_pieces_is_one_push(opened: Opened) -> None:
    async with opened() as office:
        await office.double.resting()
        office.double.inbox.add(FIRST)
        [connection] = office.double.connections
        await connection.send(b"* 1 EXI")
        await asyncio.sleep(0.05)  # the first piece is to be read by itself
        await connection.send(b"STS\r\n")
        assert await office.uids(1) == [1]
        assert office.double.made == 1


async def test_small_talk_in_idle_and_a_push_twice_over_are_no_mails(opened: Opened) -> None:
    """mailbox.org says that it is still here, AOL says everything twice."""
    async with opened(FIRST) as office:
        assert await office.uids(1) == [1]
        await office.double.resting()
        await office.double.push("* OK Still here", "* OK Still here")
        office.double.inbox.add(SECOND)
        await office.double.push("* 2 EXISTS", "* 2 EXISTS", "* 1 RECENT")
        assert await office.uids(1) == [2]
        await office.double.resting()
        await office.double.push("* 2 EXISTS")
        office.double.inbox.add(FIRST.replace(b"first", b"third"))
        await office.double.push("* 3 EXISTS")
        assert await office.uids(1) == [3]


async def test_a_mail_that_nobody_announced_is_found_by_the_sweep(opened: Opened) -> None:
    async with opened(source={"sweep_seconds": 0.1}) as office:
        await office.double.resting()
        office.double.inbox.add(FIRST)
        assert await office.uids(1) == [1]


async def test_a_server_without_idle_is_asked(opened: Opened) -> None:
    capabilities = CAPABILITIES.replace("IDLE ", "")
    async with opened(capabilities=capabilities, source={"sweep_seconds": 0.1}) as office:
        await office.double.heard("NOOP")
        office.double.inbox.add(FIRST)
        assert await office.uids(1) == [1]
        assert "IDLE" not in office.double.commands


async def test_a_server_that_ends_idle_by_itself_is_asked_instead(opened: Opened) -> None:
    async def end(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say("+ idling", f"{tag} OK idle done")

    async with opened(says={"IDLE": end}, source={"sweep_seconds": 0.1}) as office:
        await office.double.heard("NOOP", times=2)
        assert office.double.commands.count("IDLE") == 1
        office.double.inbox.add(FIRST)
        assert await office.uids(1) == [1]


async def test_a_search_answer_with_a_trailing_space(opened: Opened) -> None:
    async def spaced(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say("* SEARCH 1 ", f"{tag} OK done")

    async with opened(FIRST, says={"UID SEARCH": spaced}) as office:
        assert await office.uids(1) == [1]


async def test_a_search_answer_of_megabytes(opened: Opened) -> None:
    """A quarter of a million mails after a rescan: imaplib gives up at 1 MB of line."""
    uids = " ".join(str(uid) for uid in range(1, 250_001))

    async def giant(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say(f"* SEARCH {uids}", f"{tag} OK done")

    async with opened(FIRST, SECOND, says={"UID SEARCH": once_any(giant)}) as office:
        assert len(uids) > 1_500_000
        assert await office.uids(2) == [1, 2]


def once_any(act: Callable[[Conversation, str, str], Awaitable[None]]) -> Any:
    return once(lambda connection, tag: act(connection, tag, ""), then=Conversation.do_uid_search)


async def test_flags_told_by_number_are_not_taken_for_those_of_the_uid(opened: Opened) -> None:
    """`* 2 FETCH (FLAGS ...)` in the middle of an answer is about the second mail, not about uid 2."""

    async def interrupted(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say("* 2 FETCH (FLAGS (\\Seen))", "* 9 FETCH (FLAGS (\\Deleted))")
        await Conversation.do_uid_fetch(connection, tag, arguments)

    async with opened(FIRST, SECOND, says={"UID FETCH": interrupted}) as office:
        office.double.inbox.mails[1].uid, office.double.inbox.uidnext = 9, 10
        arrivals = await office.arrivals(2)
        assert [(arrival.uid, arrival.raw) for arrival in arrivals] == [(1, FIRST), (9, SECOND)]


# --- mails that will not come ---------------------------------------------------------------------------------------


async def test_a_mail_that_is_not_handed_over_holds_up_no_other(opened: Opened) -> None:
    """It is tried again, given out without its bytes in the end; until then the cursor stays before it."""

    async def refuse(connection: Conversation, tag: str, arguments: str) -> None:
        if "1" in arguments.partition(" ")[0].split(","):
            await connection.say(f"{tag} NO [SERVERBUG] cannot read it")
        else:
            await Conversation.do_uid_fetch(connection, tag, arguments)

    async with opened(FIRST, SECOND, says={"UID FETCH": refuse}, source={"sweep_seconds": 0.1}) as office:
        [second] = await office.arrivals(1)
        assert second.raw == SECOND
        assert office.batches[-1].cursor == START
        [first] = await office.arrivals(1)
        assert (first.uid, first.raw) == (1, None)
        assert office.batches[-1].cursor.uidnext == 3


async def test_a_mail_that_the_server_dies_of_holds_up_no_other(opened: Opened) -> None:
    async def die(connection: Conversation, tag: str, arguments: str) -> None:
        if "1" in arguments.partition(" ")[0].split(","):
            await connection.hang_up()
        await Conversation.do_uid_fetch(connection, tag, arguments)

    async with opened(FIRST, SECOND, says={"UID FETCH": die}, source={"sweep_seconds": 0.2}) as office:
        [second], [first] = await office.arrivals(1), await office.arrivals(1)
        assert (second.raw, first.uid, first.raw) == (SECOND, 1, None)


@pytest.mark.parametrize(
    "told",
    [
        b'INTERNALDATE "01-Jan-2020 00:00:00 +9999"',
        b'INTERNALDATE "31-Dec-9999 23:59:59 -1200"',
        b"99999999999 5",
        b"RFC822.SIZE " + b"9" * 40,
    ],
)
async def test_odd_words_about_a_mail_do_not_keep_it_out(opened: Opened, told: bytes) -> None:
    async def tell(connection: Conversation, tag: str, arguments: str) -> None:
        mails = connection.among(arguments.partition(" ")[0])
        answers = [connection.told(one, arguments).replace(b"FLAGS ()", b"FLAGS () " + told, 1) for one in mails]
        sizes = [
            re.sub(rb" RFC822\.SIZE \d+(?= BODY)", b"", one) if b"9999999999999" in told else one for one in answers
        ]
        await connection.send(b"".join(sizes) + f"{tag} OK done\r\n".encode())

    async with opened(FIRST, SECOND, says={"UID FETCH": tell}) as office:
        assert [one.raw for one in await office.arrivals(2)] == [FIRST, SECOND]


async def test_a_mail_about_which_the_server_talks_nonsense_holds_up_no_other(opened: Opened) -> None:
    """Whatever the nonsense makes fail: here a length of five thousand digits."""

    async def babble(connection: Conversation, tag: str, arguments: str) -> None:
        if "1" in arguments.partition(" ")[0].split(","):
            await connection.send(b"* 1 FETCH (UID 1 BODY[]<0> {" + b"9" * 5_000 + b"}\r\n")
        await Conversation.do_uid_fetch(connection, tag, arguments)

    async with opened(FIRST, SECOND, says={"UID FETCH": babble}, source={"sweep_seconds": 0.2}) as office:
        [second], [first] = await office.arrivals(1), await office.arrivals(1)
        assert (second.raw, first.uid, first.raw) == (SECOND, 1, None)


async def test_a_mail_that_is_all_header_comes_by_the_beginning_of_it(opened: Opened) -> None:
    """Also from a server that gives more than it is asked for."""
    long = b"Subject: long\r\n" + b"X-A: b\r\n" * 200_000 + b"\r\nHello\r\n"

    async def give_all(connection: Conversation, tag: str, arguments: str) -> None:
        await Conversation.do_uid_fetch(connection, tag, re.sub(r"(?<=HEADER\]<0\.)\d+", "9999999", arguments))

    for says in ({}, {"UID FETCH": give_all}):
        async with opened(long, says=says) as office:
            [mail] = await office.arrivals(1)
            assert (mail.raw, len(mail.head)) == (None, 262_144)
            assert mail.head.startswith(b"Subject: long")


async def test_a_mail_that_comes_at_the_second_try_is_given_late_but_whole(opened: Opened) -> None:
    async def refuse(connection: Conversation, tag: str) -> None:
        await connection.say(f"{tag} OK nothing to say about it")

    says = {"UID FETCH": once(refuse, then=Conversation.do_uid_fetch)}
    async with opened(FIRST, says=says, source={"sweep_seconds": 0.1}) as office:
        [first] = await office.arrivals(1)
        assert first.raw == FIRST
        assert office.batches[-1].cursor.uidnext == 2


async def test_a_mail_larger_than_its_server_says_is_not_taken_in(opened: Opened) -> None:
    async def understate(connection: Conversation, tag: str, arguments: str) -> None:
        mail = FIRST + b"x" * 5000
        connection.box.mails[0].raw = mail
        answer = connection.told(connection.box.mails[0], arguments).replace(b"SIZE %d" % len(mail), b"SIZE 10")
        await connection.send(answer + f"{tag} OK done\r\n".encode())

    async with opened(FIRST, says={"UID FETCH": understate}, source={"max_bytes": 1000}) as office:
        [first] = await office.arrivals(1)
        assert (first.raw, first.size) == (None, len(FIRST) + 5000)
        assert first.head.startswith(b"Message-ID")


async def test_a_mail_of_another_folder_that_is_not_handed_over_holds_up_no_other(opened: Opened) -> None:
    """Nor does it keep whoever reads the folder busy: after what is new there is nothing, until it is given up."""

    async def refuse(connection: Conversation, tag: str, arguments: str) -> None:
        if connection.selected == "Sent" and "1" in arguments.partition(" ")[0].split(","):
            await connection.say(f"{tag} NO [SERVERBUG] cannot read it")
        else:
            await Conversation.do_uid_fetch(connection, tag, arguments)

    async with opened(says={"UID FETCH": refuse}, source={"sweep_seconds": 0.1}) as office:
        sent = office.double.boxes["Sent"]
        start = (await office.source.since(None, folder="Sent")).cursor
        sent.add(FIRST)
        sent.add(SECOND)
        batch = await office.source.since(start, folder="Sent")
        assert ([one.raw for one in batch.arrivals], batch.cursor) == ([SECOND], start)
        batch = await office.source.since(batch.cursor, folder="Sent")
        assert (batch.arrivals, batch.cursor) == ((), start)
        async with asyncio.timeout(20):
            while not batch.arrivals:
                await office.double.resting()
                batch = await office.source.since(batch.cursor, folder="Sent")
        assert [(one.uid, one.raw) for one in batch.arrivals] == [(1, None)]
        assert batch.cursor.uidnext == 3


async def test_a_mail_of_another_folder_that_the_server_dies_of_holds_up_no_other(opened: Opened) -> None:
    async def die(connection: Conversation, tag: str, arguments: str) -> None:
        if connection.selected == "Sent" and "1" in arguments.partition(" ")[0].split(","):
            await connection.hang_up()
        await Conversation.do_uid_fetch(connection, tag, arguments)

    async with opened(says={"UID FETCH": die}, source={"sweep_seconds": 0.1}) as office:
        cursor = (await office.source.since(None, folder="Sent")).cursor
        office.double.boxes["Sent"].add(FIRST)
        office.double.boxes["Sent"].add(SECOND)
        found: list[Arrival] = []
        async with asyncio.timeout(20):
            while len(found) < 2:
                with contextlib.suppress(Temporary):
                    batch = await office.source.since(cursor, folder="Sent")
                    cursor = batch.cursor
                    found += batch.arrivals
        assert [(one.uid, one.raw) for one in found] == [(2, SECOND), (1, None)]
        office.double.inbox.add(FIRST)
        assert await office.uids(1) == [1]


# --- folders that change --------------------------------------------------------------------------------------------


async def test_a_folder_that_is_numbered_anew_is_read_from_its_start(opened: Opened) -> None:
    async with opened(FIRST, SECOND, source={"sweep_seconds": 0.1}) as office:
        assert await office.uids(2) == [1, 2]
        office.double.inbox.uidvalidity = 70
        again = await office.arrivals(2)
        assert [(arrival.uidvalidity, arrival.uid) for arrival in again] == [(70, 1), (70, 2)]
        assert office.batches[-1].cursor == Cursor(uidvalidity=70, uidnext=3)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Mailbox doesn't exist: Ablage", Permanent),  # Dovecot has no code for it
        ("[NONEXISTENT] no such mailbox", Permanent),
        ("[UNAVAILABLE] the storage is being moved", Temporary),
        ("Internal error occurred. Try again later", Temporary),
    ],
)
async def test_a_folder_that_is_not_there_is_told_from_one_that_is_away(
    opened: Opened, words: str, kind: type[Exception]
) -> None:
    async def refuse(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say(f"{tag} NO {words}")

    async with opened(FIRST) as office:
        assert await office.uids(1) == [1]
        office.double.says["EXAMINE"] = refuse
        with pytest.raises(kind):
            await office.source.since(None, folder="Ablage")


async def test_uids_of_another_numbering_are_not_acted_upon(opened: Opened) -> None:
    async with opened(FIRST) as office:
        with pytest.raises(Temporary, match="numbered"):
            await office.source.set_flags([1], uidvalidity=6, add=["\\Deleted"])
        assert office.double.inbox.mails[0].flags == set()


async def test_a_first_watch_without_uidnext_begins_after_the_last_mail(certificates: Path) -> None:
    async def reticent(connection: Conversation, tag: str, name: str) -> None:
        connection.selected = "INBOX"
        await connection.say("* 1 EXISTS", "* OK [UIDVALIDITY 7] valid", f"{tag} OK done")

    async with running_double(certificates, says={"SELECT": reticent}) as double:
        double.inbox.uidnext = 40
        double.inbox.add(FIRST)
        source = ImapSource(server_of(double, certificates), max_bytes=1000)
        arrivals = source.arrivals(None)
        assert await anext(arrivals) == Batch(cursor=Cursor(uidvalidity=7, uidnext=41))
        await double.heard("IDLE")
        await double.deliver(SECOND)
        assert (await anext(arrivals)).arrivals[0].uid == 41
        await source.stop()


@pytest.mark.parametrize(
    "listed",
    [
        ['(\\Sent) "/" Entw&APw-rfe'],
        ['(\\Sent) "/" "Entw\N{LATIN SMALL LETTER U WITH DIAERESIS}rfe"'],
        ['(\\Sent) "/" {9}\r\nEntw\N{LATIN SMALL LETTER U WITH DIAERESIS}rfe'],
        ['(nonsense "/', '(\\Sent) "/" Entw&APw-rfe'],
    ],
)
async def test_folder_names_in_any_dress(opened: Opened, listed: list[str]) -> None:
    """In modified UTF-7, in 8 bits, as a literal: the name is read, and sent back as the server wrote it."""
    wire = listed[-1].rpartition("\r\n")[2].rpartition('"/" ')[2].strip('"')
    async with opened() as office:
        office.double.listing = listed
        office.double.boxes[wire] = office.double.boxes["Sent"]
        names = await office.source.folders()
        assert names[Role.SENT] == "Entwürfe"
        assert await office.source.find("<first@example.com>", folder="Entwürfe") == []


# --- moving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("without", ["", "MOVE ", "MOVE UIDPLUS "])
@pytest.mark.parametrize("told", [True, False])
async def test_the_new_place_of_a_moved_mail_is_known(opened: Opened, without: str, told: bool) -> None:
    """By COPYUID wherever it stands, else by Message-ID; exactly that mail goes, and nothing else that is marked."""
    capabilities = CAPABILITIES
    for word in without.split():
        capabilities = capabilities.replace(f"{word} ", "")

    async def silently(connection: Conversation, tag: str, arguments: str) -> None:
        connection.copy(arguments)
        if not without:
            await connection.remove(connection.among(arguments.partition(" ")[0]))
        await connection.say(f"{tag} OK done")

    says = {} if told else {"UID MOVE": silently, "UID COPY": silently}
    async with opened(FIRST, SECOND, capabilities=capabilities, says=says) as office:
        office.double.inbox.mails[0].flags.add("\\Deleted")  # by another mail program
        moved = await office.source.move([2, 5], uidvalidity=7, to="Trash")
        left = [mail.uid for mail in office.double.inbox.mails]
    assert moved.places == {2: (9, 1)}
    assert moved.missing == (5,)
    assert moved.only_flagged == ("UIDPLUS" in without)
    assert left == ([1, 2] if moved.only_flagged else [1])
    assert "EXPUNGE" not in office.double.commands


async def test_a_connection_lost_over_a_move_or_a_copy_to_sent_is_uncertain(opened: Opened) -> None:
    async def drop(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.hang_up()

    async with opened(FIRST, says={"UID MOVE": drop, "APPEND": drop}) as office:
        with pytest.raises(Uncertain):
            await office.source.move([1], uidvalidity=7, to="Trash")
        with pytest.raises(Uncertain):
            await office.source.append(FIRST, to="Sent")


async def test_what_the_server_refuses_did_not_happen(opened: Opened) -> None:
    async def refuse(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say(f"{tag} NO [TRYCREATE] no such folder")

    async with opened(FIRST, says={"UID MOVE": refuse, "APPEND": refuse}) as office:
        with pytest.raises(Permanent, match="no such folder"):
            await office.source.move([1], uidvalidity=7, to="Nowhere")
        with pytest.raises(Permanent, match="no such folder"):
            await office.source.append(FIRST, to="Nowhere")
        assert office.double.made == 1


@pytest.mark.parametrize("named", [b'("MESSAGE-ID")', b"(Message-Id)", b"(MESSAGE-ID)"])
async def test_a_mail_is_found_by_its_message_id_however_the_server_spells_the_fields_name(
    opened: Opened, named: bytes
) -> None:
    async def spell(connection: Conversation, tag: str, arguments: str) -> None:
        mails = connection.among(arguments.partition(" ")[0])
        told = b"".join(connection.told(one, arguments).replace(b"(MESSAGE-ID)", named) for one in mails)
        await connection.send(told + f"{tag} OK done\r\n".encode())

    async with opened(says={"UID FETCH": spell}) as office:
        office.double.boxes["Sent"].add(FIRST)
        assert await office.source.find("<first@example.com>", folder="Sent") == [(8, 1)]


async def test_a_message_id_cannot_smuggle_a_command_in(opened: Opened) -> None:
    async with opened() as office:
        assert await office.source.find('<a"@b>\r\nX DELETE INBOX', folder="Sent") == []
        assert not [command for command in office.double.commands if command.startswith("DELETE")]


# --- changes, told badly ---------------------------------------------------------------------------------------------


async def test_changes_told_by_number_are_told_by_uid(opened: Opened) -> None:
    async with opened(FIRST, SECOND) as office:
        await office.uids(2)
        known = [Change(uidvalidity=7, uid=uid, flags=frozenset()) for uid in (1, 2)]
        changes = office.source.changes(known)
        told = asyncio.ensure_future(anext(changes))
        await office.following()
        await office.double.resting()
        office.double.inbox.mails[1].flags.add("\\Seen")
        await office.double.push("* 2 FETCH (FLAGS (\\Seen))")
        assert await told == Change(uidvalidity=7, uid=2, flags=frozenset({"\\Seen"}))
        told = asyncio.ensure_future(anext(changes))
        await office.double.resting()
        del office.double.inbox.mails[0]
        await office.double.push("* 1 EXPUNGE")
        assert await told == Change(uidvalidity=7, uid=1, flags=None)


async def test_changes_made_while_nobody_listened_are_found(opened: Opened) -> None:
    """Without CONDSTORE, by comparison: when the watch begins, and at each sweep."""
    async with opened(FIRST, SECOND, source={"sweep_seconds": 0.1}) as office:
        await office.uids(2)
        office.double.inbox.mails[0].flags.add("\\Answered")
        known = [Change(uidvalidity=7, uid=uid, flags=frozenset()) for uid in (1, 2)]
        changes = office.source.changes([*known, Change(uidvalidity=6, uid=3, flags=frozenset())])
        assert await anext(changes) == Change(uidvalidity=7, uid=1, flags=frozenset({"\\Answered"}))
        office.double.inbox.mails.pop()
        assert await anext(changes) == Change(uidvalidity=7, uid=2, flags=None)


async def test_what_we_do_ourselves_is_no_change_but_what_comes_with_it_is(opened: Opened) -> None:
    async with opened(FIRST, SECOND) as office:
        await office.uids(2)
        known = [Change(uidvalidity=7, uid=uid, flags=frozenset()) for uid in (1, 2)]
        changes = office.source.changes(known)
        told = asyncio.ensure_future(anext(changes))
        await office.following()
        await office.double.resting()
        await office.source.set_flags([1], uidvalidity=7, add=["\\Seen"])
        office.double.inbox.mails[1].flags.add("\\Flagged")  # somebody else, unnoticed as yet
        await office.source.set_flags([2], uidvalidity=7, add=["\\Seen"])
        assert await told == Change(uidvalidity=7, uid=2, flags=frozenset({"\\Seen", "\\Flagged"}))


# --- being let in ---------------------------------------------------------------------------------------------------


async def failure_of(source: ImapSource) -> Exception:
    with pytest.raises((Permanent, Temporary)) as caught:
        await source.folders()
    await source.stop()
    return caught.value


async def test_a_refused_login_says_what_to_do_and_ends_the_watch(opened: Opened) -> None:
    async def refuse(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say("+ ")
        await connection.reader.readuntil(b"\r\n")
        await connection.say(f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")

    async with opened(says={"AUTHENTICATE": refuse}) as office:
        with pytest.raises(Permanent, match="MAIL_PASSWORD"):
            await office.arrivals(1)
        assert isinstance(await office.source.settled(), Permanent)
        assert office.double.made == 1


def test_gmail_wants_an_app_password() -> None:
    words = (
        "[ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)"
    )
    assert "apppasswords" in str(refused_login(words, host="imap.gmail.com"))
    assert isinstance(refused_login(words, host="imap.gmail.com"), Permanent)


@pytest.mark.parametrize(
    ("words", "wait"),
    [
        ("[ALERT] Too many simultaneous connections. (Failure)", 60),
        ("[UNAVAILABLE] Temporary authentication failure.", None),
        (THROTTLED, 0.3),
    ],
)
def test_a_login_that_is_put_off_is_no_refusal(words: str, wait: float | None) -> None:
    failure = refused_login(words, host="imap.gmail.com")
    assert isinstance(failure, Temporary)
    assert failure.retry_after == wait


@pytest.mark.parametrize(
    "stage", ["AUTHENTICATE", "SELECT", "UID SEARCH", "UID FETCH", "IDLE", "UID STORE", "UID MOVE"]
)
async def test_a_server_that_asks_for_time_gets_it(opened: Opened, stage: str) -> None:
    """Whatever was being asked: until then nothing more is, by nobody; then it is done, and the mail has come."""
    said_at: list[float] = []
    heard_at: list[float] = []

    async def throttle(connection: Conversation, tag: str) -> None:
        if stage == "AUTHENTICATE":
            await connection.say("+ ")
            await connection.reader.readuntil(b"\r\n")
        await connection.say(f"{tag} BAD {THROTTLED}")
        said_at.append(time.monotonic())

    ordinary = getattr(Conversation, f"do_{stage.replace(' ', '_').lower()}")
    says: dict[str, Any] = {stage: once(throttle, then=ordinary)}

    async def greet_late(connection: Conversation, tag: str, arguments: str) -> None:
        heard_at.append(time.monotonic())
        await greet(connection, tag, arguments)

    async with opened(FIRST, says={"GREETING": greet_late} | says) as office:
        assert await office.uids(1) == [1]
        if stage == "UID STORE":
            with pytest.raises(Temporary) as put_off:
                await office.source.set_flags([1], uidvalidity=7, add=["\\Seen"])
            assert put_off.value.retry_after == 0.3
            await office.source.set_flags([1], uidvalidity=7, add=["\\Seen"])
        elif stage == "UID MOVE":
            with pytest.raises(Temporary):
                await office.source.move([1], uidvalidity=7, to="Trash")
            await office.source.move([1], uidvalidity=7, to="Trash")
        elif stage == "IDLE":
            await office.double.resting()
        assert [heard_at[1] - said_at[0] >= 0.29, len(heard_at)] == [True, 2]


async def test_an_account_without_its_mailbox_is_tried_again(opened: Opened) -> None:
    async def lock_out(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.say(f"{tag} BAD User is authenticated but not connected.")

    async with opened(says={"SELECT": lock_out}) as office:
        reading = asyncio.ensure_future(office.arrivals(1))
        failure = await office.source.settled()
        assert isinstance(failure, Temporary)
        assert failure.retry_after
        reading.cancel()


async def test_a_token_that_ran_out_is_renewed_once(opened: Opened) -> None:
    asked = []

    def token(refused: str) -> str:
        asked.append(refused)
        return "fresh" if refused else "stale"

    async with opened(FIRST, server={"token": token}) as office:
        assert await office.uids(1) == [1]
        assert asked == ["", "stale"]
        assert office.double.logins[-1] == "user=support@example.com\1auth=Bearer fresh\1\1"


async def test_a_password_with_anything_in_it_arrives(opened: Opened) -> None:
    for capabilities in (CAPABILITIES, CAPABILITIES.replace("AUTH=PLAIN ", "")):
        async with opened(capabilities=capabilities, server={"password": 'p"ä\\ss wörd'}) as office:
            await office.source.folders()
            assert office.double.logins[0] in (
                '\0support@example.com\0p"ä\\ss wörd',
                '"support@example.com" "p\\"ä\\\\ss wörd"',
            )


async def test_a_certificate_of_an_unknown_authority_is_refused(opened: Opened) -> None:
    async with opened(server={"ca_file": None}) as office:
        failure = await failure_of(office.source)
        assert isinstance(failure, Permanent)
        assert "MAIL_CA_FILE" in str(failure)
        assert office.double.commands == []


async def test_a_certificate_for_another_name_is_refused(opened: Opened) -> None:
    async with opened(server={"host": "127.0.0.2"}) as office:
        assert isinstance(await failure_of(office.source), Permanent | Temporary)
        assert office.double.commands == []


@pytest.mark.parametrize("stripped", [True, False])
async def test_nothing_is_said_before_starttls_and_nothing_believed_that_was(stripped: bool) -> None:
    """Somebody on the way takes the offer of STARTTLS out, or puts words of their own behind its answer."""
    heard: list[bytes] = []

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN%s] ready\r\n" % (b"" if stripped else b" STARTTLS"))
        while line := await reader.readline():
            heard.append(line)
            tag, _, command = line.partition(b" ")
            if command.strip() == b"STARTTLS":
                writer.write(tag + b" OK begin\r\n* PREAUTH come in\r\n")
            else:
                writer.write(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK done\r\n")
        writer.close()

    server = await asyncio.start_server(between, "127.0.0.1", 0)
    settings = {"port": server.sockets[0].getsockname()[1], "security": "starttls", "timeout": 3.0}
    source = ImapSource(server_of(Double(), Path(), **settings, ca_file=None), max_bytes=1)
    failure = await failure_of(source)
    server.close()
    assert "TLS" in str(failure)
    assert isinstance(failure, Permanent if stripped else Permanent | Temporary)
    assert not [line for line in heard if b"LOGIN" in line or b"AUTHENTICATE" in line]


async def test_a_server_that_is_away_is_temporary_and_commands_do_not_wait_for_it(opened: Opened) -> None:
    async with opened(server={"port": 1}, source={"retry_seconds": 30.0}) as office:
        assert isinstance(await failure_of(office.source), Temporary)


def test_no_password_is_shown() -> None:
    server = server_of(Double(), Path(), password="hunter2", token=lambda _: "hunter2")
    assert "hunter2" not in repr(server)
    assert "hunter2" not in repr(ImapSource(server, max_bytes=1))


def test_tries_come_neither_in_step_nor_ever_more_seldom() -> None:
    backoff = Backoff(base=1.0)
    waits = [backoff.next(asked=None) for _ in range(50)]
    assert waits[0] <= 1.0
    assert all(1.0 <= wait <= 300 for wait in waits[1:])
    assert len(set(waits)) > 10
    assert backoff.next(asked=1000.0) == 1000.0
    backoff.reset()
    assert backoff.next(asked=None) <= 1.0


# --- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["GREETING", "AUTHENTICATE", "SELECT", "UID SEARCH", "UID FETCH", "IDLE", "DONE"])
async def test_stopping_never_waits_for_a_server(opened: Opened, stage: str) -> None:
    reached = asyncio.Event()

    async def stall(connection: Conversation, tag: str, arguments: str) -> None:
        if stage == "DONE":
            await connection.say("+ idling")
        reached.set()
        await connection.silence()

    async with opened(FIRST, says={"IDLE" if stage == "DONE" else stage: stall}, server={"timeout": 60}) as office:
        reading = asyncio.ensure_future(office.arrivals(2))
        await reached.wait()
        started = time.monotonic()
        await office.source.stop()
        assert time.monotonic() - started < 2
        with pytest.raises(Temporary):
            await reading


async def test_stopping_in_the_middle_of_a_mail(opened: Opened) -> None:
    reached = asyncio.Event()

    async def trickle(connection: Conversation, tag: str, arguments: str) -> None:
        await connection.send(b"* 1 FETCH (UID 1 RFC822.SIZE 900 BODY[]<0> {900}\r\nSubject: half")
        reached.set()
        await connection.silence()

    async with opened(FIRST, says={"UID FETCH": trickle}) as office:
        asking = asyncio.ensure_future(office.source.fetch(1, uidvalidity=7))
        await reached.wait()
        await office.source.stop()
        with pytest.raises(Temporary):
            await asking


async def test_a_source_that_was_stopped_can_be_used_again(opened: Opened) -> None:
    async with opened(FIRST) as office:
        assert await office.uids(1) == [1]
        await office.source.stop()
        assert Role.TRASH in await office.source.folders()
