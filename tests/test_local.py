"""A mail that was answered with 250 is there, once, after any crash; and nobody can send through us."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.errors import Permanent, Temporary
from bridge.mail.local import Intake
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.mail.smtp import Outcome, send
from bridge.mail.smtpsession import Server
from bridge.model import Arrival, Cursor

LIMIT = 1_000_000
RAW = b"From: jane@example.com\r\nTo: desk@example.org\r\nSubject: hello\r\n\r\nHello\r\n"

LINE = b"x" * 76 + b"\r\n"


@pytest.fixture
async def maildir(tmp_path: Path) -> AsyncIterator[Maildir]:
    opened = Maildir(tmp_path / "mail")
    yield opened
    await opened.close()


async def arrivals(maildir: Maildir, *, number: int, cursor: Cursor | None = None, uid: int = 0) -> list[Arrival]:
    """The next mails, as many as asked for and up to this uid; looks for foreign ones all the time."""
    found: list[Arrival] = []
    source = LocalSource(maildir, max_bytes=LIMIT, sweep_seconds=0.01)
    async with asyncio.timeout(30), contextlib.aclosing(source.arrivals(cursor)) as batches:
        async for batch in batches:
            assert batch.arrivals
            found += batch.arrivals
            if len(found) >= number and found[-1].uid >= uid:
                break
    return found


def after(arrival: Arrival) -> Cursor:
    return Cursor(uidvalidity=arrival.uidvalidity, uidnext=arrival.uid + 1)


def put(path: Path, name: str, raw: bytes = RAW, *, folder: str = "new", age: float = 0) -> None:
    """What another delivery agent does."""
    written = path / "tmp" / name
    written.write_bytes(raw)
    moment = written.stat().st_mtime - age
    os.utime(written, (moment, moment))
    written.rename(path / folder / name)


# --- the Maildir and its source -------------------------------------------------------------------------------------


async def test_a_delivered_mail_arrives_as_it_was(maildir: Maildir) -> None:
    uid = await maildir.deliver(RAW)
    (arrival,) = await arrivals(maildir, number=1)
    assert (arrival.uid, arrival.raw, arrival.size, arrival.uidvalidity) == (uid, RAW, len(RAW), maildir.uidvalidity)


async def test_a_mail_that_comes_while_we_wait_wakes_us(maildir: Maildir) -> None:
    source = LocalSource(maildir, max_bytes=LIMIT, sweep_seconds=3600)
    async with asyncio.timeout(30), contextlib.aclosing(source.arrivals(None)) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        while not maildir.arrived.is_set() and not waiting.done():
            await maildir.deliver(RAW)
        assert (await waiting).arrivals[0].raw == RAW


async def test_two_hundred_deliveries_at_once_all_arrive_once_and_in_order(maildir: Maildir) -> None:
    raws = [RAW + str(number).encode() for number in range(200)]
    reading = asyncio.create_task(arrivals(maildir, number=200))
    uids = await asyncio.gather(*map(maildir.deliver, raws))
    found = await reading
    assert [arrival.uid for arrival in found] == list(range(1, 201))
    assert {arrival.uid: arrival.raw for arrival in found} == dict(zip(uids, raws, strict=True))


async def test_a_restart_goes_on_at_the_cursor(tmp_path: Path) -> None:
    first = Maildir(tmp_path)
    for number in range(3):
        await first.deliver(RAW + str(number).encode())
    seen = (await arrivals(first, number=3))[1]
    await first.close()
    second = Maildir(tmp_path)
    found = await arrivals(second, number=1, cursor=after(seen))
    await second.close()
    assert [(arrival.uid, arrival.raw) for arrival in found] == [(3, RAW + b"2")]


async def test_mails_that_others_deliver_arrive_too_in_the_order_they_came(maildir: Maildir, tmp_path: Path) -> None:
    put(tmp_path / "mail", "b", RAW + b"newer", age=10)
    put(tmp_path / "mail", "c:2,S", RAW + b"older", folder="cur", age=20)
    found = await arrivals(maildir, number=2)
    put(tmp_path / "mail", "a name, ü and\nall", RAW + b"newest")
    found += await arrivals(maildir, number=1, cursor=after(found[-1]))
    assert [arrival.raw for arrival in found] == [RAW + b"older", RAW + b"newer", RAW + b"newest"]


async def test_uids_outlive_a_restart_whoever_delivered(tmp_path: Path) -> None:
    first = Maildir(tmp_path)
    await first.deliver(RAW + b"ours")
    put(tmp_path, "theirs, ü\n100%", RAW + b"theirs")
    before = await arrivals(first, number=2)
    await first.close()
    second = Maildir(tmp_path)
    again = await arrivals(second, number=2)
    await second.close()
    assert [(arrival.uidvalidity, arrival.uid, arrival.raw) for arrival in again] == [
        (arrival.uidvalidity, arrival.uid, arrival.raw) for arrival in before
    ]


async def test_a_mail_that_another_program_marks_is_still_the_same_mail(maildir: Maildir, tmp_path: Path) -> None:
    uid = await maildir.deliver(RAW)
    (file,) = (tmp_path / "mail" / "new").iterdir()
    file.rename(tmp_path / "mail" / "cur" / f"{file.name}:2,RS")
    other = await maildir.deliver(RAW)
    assert [arrival.uid for arrival in await arrivals(maildir, number=2)] == [uid, other]


async def test_a_mail_that_is_gone_holds_up_nothing(maildir: Maildir, tmp_path: Path) -> None:
    for number in range(120):
        await maildir.deliver(RAW + str(number).encode())
    for file in sorted((tmp_path / "mail" / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)[:110]:
        file.unlink()
    assert len(await arrivals(maildir, number=10)) == 10


async def test_a_mail_that_cannot_be_read_is_shown_and_holds_up_nothing(maildir: Maildir, tmp_path: Path) -> None:
    await maildir.deliver(RAW)
    await maildir.deliver(RAW)
    (first, *_) = sorted((tmp_path / "mail" / "new").iterdir())
    first.unlink()
    first.mkdir()
    found = await arrivals(maildir, number=2)
    assert [arrival.raw for arrival in found] == [None, RAW]


async def test_a_mail_over_the_limit_comes_by_its_head(maildir: Maildir, tmp_path: Path) -> None:
    head = b"Subject: big\r\nTo: desk@example.org"
    put(tmp_path / "mail", "big", head + b"\r\n\r\n" + b"x" * LIMIT)
    (arrival,) = await arrivals(maildir, number=1)
    assert (arrival.raw, arrival.head, arrival.size) == (None, head, len(head) + 4 + LIMIT)


async def test_batches_stay_small(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path)
    await asyncio.gather(*(maildir.deliver(RAW) for _ in range(60)))
    await asyncio.gather(*(maildir.deliver(b"x" * 3_000_000) for _ in range(4)))
    sizes = []
    source = LocalSource(maildir, max_bytes=10_000_000)
    async with contextlib.aclosing(source.arrivals(None)) as batches:
        async for batch in batches:
            sizes.append((len(batch.arrivals), sum(one.size for one in batch.arrivals) <= 8_000_000))
            if sum(length for length, _ in sizes) == 64:
                break
    await maildir.close()
    assert sizes == [(50, True), (12, True), (2, True)]


async def test_a_cursor_of_another_uidvalidity_means_all_of_it(maildir: Maildir) -> None:
    await maildir.deliver(RAW)
    other = Cursor(uidvalidity=maildir.uidvalidity + 1, uidnext=99)
    assert len(await arrivals(maildir, number=1, cursor=other)) == 1


@pytest.mark.parametrize("torn", [b"4", b"4 1700000000.M1P", b"4 x\x00\x00\x00", b"\x00" * 40])
async def test_a_line_that_a_crash_has_torn_costs_no_mail(tmp_path: Path, torn: bytes) -> None:
    first = Maildir(tmp_path)
    for number in range(3):
        await first.deliver(RAW + str(number).encode())
    uidvalidity = first.uidvalidity
    await first.close()
    with (tmp_path / "bridge-uidlist").open("ab") as file:
        file.write(torn)
    put(tmp_path, "fourth", RAW + b"3")
    second = Maildir(tmp_path)
    found = await arrivals(second, number=4)
    await second.close()
    assert [(arrival.uidvalidity, arrival.uid, arrival.raw) for arrival in found] == [
        (uidvalidity, number + 1, RAW + str(number).encode()) for number in range(4)
    ]


@pytest.mark.parametrize("spoilt", [b"", b"uidval", b"\x00" * 100, b"uidvalidity x\n1 a\n"])
async def test_a_list_that_is_lost_means_all_of_it_again(tmp_path: Path, spoilt: bytes) -> None:
    first = Maildir(tmp_path)
    await first.deliver(RAW)
    (before,) = await arrivals(first, number=1)
    await first.close()
    (tmp_path / "bridge-uidlist").write_bytes(spoilt)
    second = Maildir(tmp_path)
    (again,) = await arrivals(second, number=1, cursor=after(before))
    await second.close()
    assert again.uidvalidity != before.uidvalidity
    assert again.raw == RAW


async def test_what_a_crash_left_half_written_goes_after_a_while(tmp_path: Path) -> None:
    await Maildir(tmp_path).close()
    old, recent = tmp_path / "tmp" / "old", tmp_path / "tmp" / "recent"
    for file in (old, recent):
        file.write_bytes(RAW)
    os.utime(old, (0, 0))
    await Maildir(tmp_path).close()
    assert not old.exists()
    assert recent.exists()


async def test_one_process_at_a_time(maildir: Maildir, tmp_path: Path) -> None:
    with pytest.raises(Temporary, match="Another process"):
        Maildir(tmp_path / "mail")


async def test_a_copy_of_a_sent_mail_is_no_arrival(maildir: Maildir, tmp_path: Path) -> None:
    assert await maildir.folder(".Sent").deliver(RAW + b"sent", flags=["\\Seen"]) == 1
    await maildir.deliver(RAW)
    assert [arrival.raw for arrival in await arrivals(maildir, number=1)] == [RAW]
    (copy,) = (tmp_path / "mail" / ".Sent" / "cur").iterdir()
    assert copy.name.endswith(":2,S")
    assert copy.read_bytes() == RAW + b"sent"


@pytest.mark.parametrize("folder", ["Sent", ".", "..", ".a/b", "./../x"])
async def test_a_folder_stays_inside(maildir: Maildir, folder: str) -> None:
    with pytest.raises(ValueError, match="folder"):
        maildir.folder(folder)


async def test_a_delivery_that_has_begun_is_finished(maildir: Maildir) -> None:
    delivery = asyncio.create_task(maildir.deliver(RAW))
    await asyncio.sleep(0)
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert len(await arrivals(maildir, number=1)) == 1


async def test_a_mailbox_that_cannot_be_written_loses_nothing_and_recovers(maildir: Maildir, tmp_path: Path) -> None:
    (tmp_path / "mail" / "new").rename(tmp_path / "away")
    with pytest.raises(Temporary, match="local mailbox"):
        await maildir.deliver(RAW)
    (tmp_path / "away").rename(tmp_path / "mail" / "new")
    uid = await maildir.deliver(RAW + b"again")
    found = await arrivals(maildir, number=1)
    assert [(arrival.uid, arrival.raw) for arrival in found][-1] == (uid, RAW + b"again")


KILLED = """
import asyncio, sys
from pathlib import Path
from bridge.mail.maildir import Maildir

async def main():
    maildir = Maildir(Path(sys.argv[1]))
    async def deliver(number):
        raw = sys.argv[2] + "-" + str(number)
        print(await maildir.deliver(raw.encode()), raw, flush=True)
    for start in range(0, 100_000, 5):
        await asyncio.gather(*map(deliver, range(start, start + 5)))

asyncio.run(main())
"""


def live_and_die(path: Path, *, life: int) -> dict[int, str]:
    """Delivers until it is killed without warning; the uids and mails that were answered until then."""
    answered: dict[int, str] = {}
    command = [sys.executable, "-c", KILLED, str(path), f"life{life}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if match := re.fullmatch(r"(\d+) (life\d+-\d+)\n", line):
                answered[int(match[1])] = match[2]
            if len(answered) == 3 + 7 * life:
                process.send_signal(signal.SIGKILL)
    return answered


@pytest.mark.storm
async def test_what_was_answered_survives_any_kill(tmp_path: Path) -> None:
    """Every answered mail is there once, under the uid that was answered."""
    answered: dict[int, str] = {}
    for life in range(8):
        answered |= await asyncio.to_thread(live_and_die, tmp_path, life=life)
    maildir = Maildir(tmp_path)
    found = await arrivals(maildir, number=len(answered), uid=max(answered))
    await maildir.close()
    contents = {arrival.uid: (arrival.raw or b"").decode() for arrival in found}
    assert len(found) == len(contents) == len(set(contents.values()))
    assert {uid: contents[uid] for uid in answered} == answered


# --- the intake -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def intake(maildir: Maildir) -> AsyncIterator[Intake]:
    mailboxes = {"desk@example.org": maildir, "help@müller.example": maildir}
    started = Intake(mailboxes, max_bytes=LIMIT, smtp_port=0, lmtp_port=0)
    await started.start()
    yield started
    await started.stop()


async def hand_in(intake: Intake, *to: str, raw: bytes = RAW, sender: str = "jane@example.com") -> Outcome:
    server = Server(host="127.0.0.1", port=intake.smtp_port or 0, security="none", timeout=20)
    return await send(server, raw=raw, sender=sender, recipients=to)


class Talk:
    """A conversation over a plain connection, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *lines: str, answers: int = 1) -> list[str]:
        """Says the lines, each after the answer to the one before; returns the last answers."""
        said: list[str] = []
        for position, line in enumerate(lines):
            self.writer.write(line.encode() + b"\r\n")
            expected = answers if position + 1 == len(lines) else 1
            said = [await self.answer() for _ in range(expected)]
        return said

    async def answer(self) -> str:
        line = (await self.reader.readuntil(b"\r\n")).decode()
        while line[3] == "-":
            line = (await self.reader.readuntil(b"\r\n")).decode()
        return line.strip()


@contextlib.asynccontextmanager
async def talk(port: int | None) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        conversation = Talk(reader, writer)
        await conversation.answer()
        yield conversation
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_mail_handed_in_is_durable_before_250_and_traced(
    intake: Intake, maildir: Maildir, tmp_path: Path
) -> None:
    outcome = await hand_in(intake, "desk@example.org")
    assert outcome.words == "2.0.0 Stored"
    (file,) = (tmp_path / "mail" / "new").iterdir()
    (arrival,) = await arrivals(maildir, number=1)
    assert arrival.raw == file.read_bytes()
    assert re.fullmatch(
        rb"Return-Path: <jane@example\.com>\r\n"
        rb"Received: from \[127\.0\.0\.1\] \(\[127\.0\.0\.1\]\)\r\n\tby [!-~]+ with ESMTP\r\n"
        rb"\tfor <desk@example\.org>;\r\n\t[^\r\n]+ \+0000\r\n" + re.escape(RAW),
        arrival.raw,
    )


@pytest.mark.parametrize(
    "address", ["DESK@Example.ORG", "desk+orders@example.org", "help@müller.example", "help@xn--mller-kva.example"]
)
async def test_our_addresses_are_known_in_every_spelling(intake: Intake, maildir: Maildir, address: str) -> None:
    await hand_in(intake, address)
    assert len(await arrivals(maildir, number=1)) == 1


@pytest.mark.parametrize(
    "address", ["other@example.org", "desk@example.com", "x+desk@example.org", "desk%example.com@example.org"]
)
async def test_it_is_no_relay(intake: Intake, address: str) -> None:
    with pytest.raises(Permanent, match=r"550 5\.1\.1"):
        await hand_in(intake, address)


async def test_one_mailbox_gets_one_copy(intake: Intake, maildir: Maildir) -> None:
    await hand_in(intake, "desk@example.org", "desk+x@example.org", "help@müller.example")
    await hand_in(intake, "desk@example.org", raw=RAW + b"2")
    first, second = await arrivals(maildir, number=2)
    assert (first.raw or b"").endswith(RAW)
    assert b"\tfor <" not in (first.raw or b"")
    assert (second.raw or b"").endswith(RAW + b"2\r\n")


async def test_a_bounce_has_an_empty_return_path(intake: Intake, maildir: Maildir) -> None:
    async with talk(intake.smtp_port) as conversation:
        said = await conversation.say(
            "EHLO mx.example", "MAIL FROM:<>", "RCPT TO:<desk@example.org>", "DATA", "Subject: x\r\n\r\nx\r\n."
        )
    assert said == ["250 2.0.0 Stored"]
    (arrival,) = await arrivals(maildir, number=1)
    assert (arrival.raw or b"").startswith(b"Return-Path: <>\r\n")


async def test_other_scripts_are_taken(intake: Intake, maildir: Maildir) -> None:
    raw = "From: jürgen@example.com\r\n\r\nGrüße\r\n".encode()
    await hand_in(intake, "desk+größe@example.org", raw=raw, sender="jürgen@example.com")
    (arrival,) = await arrivals(maildir, number=1)
    assert (arrival.raw or b"").startswith("Return-Path: <jürgen@example.com>\r\n".encode())
    assert (arrival.raw or b"").endswith(raw)


async def test_lines_and_dots_of_any_kind_arrive_as_they_were(intake: Intake, maildir: Maildir) -> None:
    """Lines over the 998 bytes of the standard are common in mails of programs."""
    raw = RAW + b".\r\n..\r\n" + b"x" * 200_000 + b"\r\n"
    await hand_in(intake, "desk@example.org", raw=raw)
    (arrival,) = await arrivals(maildir, number=1)
    assert (arrival.raw or b"").endswith(raw)


async def test_the_largest_mail_that_is_taken_can_be_read(intake: Intake, maildir: Maildir) -> None:
    largest = RAW + LINE * ((LIMIT - 2_000 - len(RAW)) // len(LINE))
    await hand_in(intake, "desk@example.org", raw=largest)
    (arrival,) = await arrivals(maildir, number=1)
    assert (arrival.raw or b"").endswith(largest)


async def test_a_mail_over_the_limit_is_refused_announced_or_not(intake: Intake, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"1\.0 MB"):
        await hand_in(intake, "desk@example.org", raw=RAW + LINE * (LIMIT // len(LINE)))
    begun = ("EHLO mx.example", "MAIL FROM:<a@example.com>", "RCPT TO:<desk@example.org>")
    body = "Subject: big\r\n\r\n" + LINE.decode() * (LIMIT // len(LINE)) + "."
    async with talk(intake.smtp_port) as conversation:
        assert (await conversation.say(*begun, "DATA", body))[0].startswith("552")
        assert (await conversation.say(f"MAIL FROM:<a@example.com> SIZE={LIMIT}"))[0].startswith("552")
        assert await conversation.say("NOOP") == ["250 OK"]
    assert not list((tmp_path / "mail" / "new").iterdir())


async def test_without_room_the_sender_is_asked_to_come_back(intake: Intake, maildir: Maildir, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "mail" / "tmp")
    with pytest.raises(Temporary, match=r"452 4\.3\.1"):
        await hand_in(intake, "desk@example.org")
    (tmp_path / "mail" / "tmp").mkdir()
    await hand_in(intake, "desk@example.org")
    assert len(await arrivals(maildir, number=1)) == 1


async def test_two_hundred_senders_at_once(intake: Intake, maildir: Maildir) -> None:
    raws = [RAW + f"{number}\r\n".encode() for number in range(200)]
    reading = asyncio.create_task(arrivals(maildir, number=200))
    await asyncio.gather(*(hand_in(intake, "desk@example.org", raw=raw) for raw in raws))
    found = await reading
    assert [arrival.uid for arrival in found] == list(range(1, 201))
    assert sorted((arrival.raw or b"").partition(b"+0000\r\n")[2] for arrival in found) == sorted(raws)


# --- LMTP -----------------------------------------------------------------------------------------------------------

GREETED = ("LHLO mx.example", "MAIL FROM:<jane@example.com>")


async def test_lmtp_answers_once_for_each_recipient(intake: Intake, maildir: Maildir) -> None:
    async with talk(intake.lmtp_port) as conversation:
        assert (await conversation.say(*GREETED, "RCPT TO:<other@example.org>"))[0].startswith("550 5.1.1")
        await conversation.say("RCPT TO:<desk@example.org>", "RCPT TO:<help@xn--mller-kva.example>", "DATA")
        assert await conversation.say("Subject: x\r\n\r\nx\r\n.", answers=2) == ["250 2.0.0 Stored"] * 2
        assert await conversation.say("NOOP") == ["250 OK"]
    (arrival,) = await arrivals(maildir, number=1)
    assert b"with LMTP;" in (arrival.raw or b"")


async def test_lmtp_answers_once_for_each_recipient_when_it_refuses_too(intake: Intake) -> None:
    async with talk(intake.lmtp_port) as conversation:
        await conversation.say(*GREETED, "RCPT TO:<desk@example.org>", "RCPT TO:<desk+a@example.org>", "DATA")
        said = await conversation.say(LINE.decode() * (LIMIT // len(LINE) + 1) + ".", answers=2)
        assert [answer[:3] for answer in said] == ["552", "552"]
        assert await conversation.say("NOOP") == ["250 OK"]


async def test_lmtp_answers_for_each_mailbox_by_itself(maildir: Maildir, tmp_path: Path) -> None:
    broken = Maildir(tmp_path / "broken")
    intake = Intake({"a@example.org": maildir, "b@example.org": broken}, max_bytes=LIMIT, lmtp_port=0)
    await intake.start()
    shutil.rmtree(tmp_path / "broken" / "tmp")
    async with talk(intake.lmtp_port) as conversation:
        await conversation.say(*GREETED, "RCPT TO:<b@example.org>", "RCPT TO:<a@example.org>", "DATA")
        said = await conversation.say("Subject: x\r\n\r\nx\r\n.", answers=2)
    await intake.stop()
    await broken.close()
    assert [answer[:9] for answer in said] == ["452 4.3.1", "250 2.0.0"]


async def test_lmtp_is_not_smtp(intake: Intake) -> None:
    async with talk(intake.lmtp_port) as conversation:
        assert (await conversation.say("EHLO mx.example"))[0].startswith("500")
        assert (await conversation.say("HELO mx.example"))[0].startswith("500")


# --- starting and stopping ------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_said(intake: Intake, maildir: Maildir) -> None:
    second = Intake({"desk@example.org": maildir}, max_bytes=LIMIT, smtp_port=intake.smtp_port)
    with pytest.raises(Temporary, match="cannot listen"):
        await second.start()


async def test_stopping_closes_idle_connections_and_the_port(intake: Intake) -> None:
    async with talk(intake.smtp_port) as conversation:
        await intake.stop()
        assert await conversation.reader.read() == b""
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", intake.smtp_port)


async def test_stopping_lets_a_mail_that_is_on_its_way_end(intake: Intake, maildir: Maildir) -> None:
    async with talk(intake.smtp_port) as conversation:
        await conversation.say("EHLO mx.example", "MAIL FROM:<>", "RCPT TO:<desk@example.org>", "DATA")
        stopping = asyncio.create_task(intake.stop())
        assert await conversation.say("Subject: x\r\n\r\nx\r\n.") == ["250 2.0.0 Stored"]
        await stopping
    assert len(await arrivals(maildir, number=1)) == 1


async def test_it_listens_on_this_machine_only_unless_told(intake: Intake) -> None:
    assert intake.host == "127.0.0.1"
