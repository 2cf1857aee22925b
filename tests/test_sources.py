"""What a source of mails promises, whichever it is: everything once and in order, from where the last commit left off."""

import asyncio
import contextlib
import itertools
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot

from bridge.mail.imap import ImapServer, ImapSource
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.model import Arrival, Batch, Cursor

LIMIT = 200_000
TESTS = Path(__file__).parent


class Opened(Protocol):
    """A source, and how to let go of it."""

    def arrivals(self, cursor: Cursor | None) -> AsyncGenerator[Batch, None]: ...
    async def stop(self) -> None: ...


class Local:
    """The embedded mailbox's source: it begins at its beginning, so it need not say where."""

    def __init__(self, folder: Path) -> None:
        self._maildir = Maildir(folder)
        self._source = LocalSource(self._maildir, max_bytes=LIMIT, sweep_seconds=0.05)

    async def arrivals(self, cursor: Cursor | None) -> AsyncGenerator[Batch, None]:
        uidvalidity = self._maildir.uidvalidity
        yield Batch(cursor=cursor or Cursor(uidvalidity=uidvalidity, uidnext=1))
        async with contextlib.aclosing(self._source.arrivals(cursor)) as batches:
            async for found in batches:
                yield found

    async def stop(self) -> None:
        await self._maildir.close()


class Place:
    """A mailbox that mails are delivered to by others, and that is opened by what stands in `arguments`."""

    def __init__(self, arguments: list[str], *, deliver: Callable[[list[bytes]], None]) -> None:
        self.arguments = arguments
        self.deliver = deliver


def opened(arguments: list[str]) -> Opened:
    kind, *more = arguments
    if kind == "local":
        return Local(Path(more[0]))
    user, port, ca_file = more
    server = ImapServer(
        host="localhost", port=int(port), security="tls", username=user, password=PASSWORD, ca_file=Path(ca_file)
    )
    return ImapSource(server, max_bytes=LIMIT, sweep_seconds=5.0)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture(params=["local", "imap"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        numbers = itertools.count()

        def put(raws: list[bytes]) -> None:
            for raw in raws:
                name = f"{next(numbers):06}.other"
                (tmp_path / "mail" / "tmp" / name).write_bytes(raw)
                (tmp_path / "mail" / "tmp" / name).rename(tmp_path / "mail" / "new" / name)

        for folder in ("tmp", "new", "cur"):
            (tmp_path / "mail" / folder).mkdir(parents=True)
        return Place(["local", str(tmp_path / "mail")], deliver=put)
    server: Dovecot = request.getfixturevalue("dovecot")
    user = f"user{os.urandom(4).hex()}"
    arguments = ["imap", user, str(server.imaps), str(server.ca_file)]
    return Place(arguments, deliver=lambda raws: server.deliver(user, *raws))


@contextlib.asynccontextmanager
async def reading(place: Place, cursor: Cursor | None) -> AsyncIterator[AsyncGenerator[Batch, None]]:
    source = opened(place.arguments)
    async with contextlib.aclosing(source.arrivals(cursor)) as batches:
        yield batches
    await source.stop()


async def first_cursor(place: Place) -> Cursor:
    async with reading(place, None) as batches:
        return (await anext(batches)).cursor


async def take(batches: AsyncGenerator[Batch, None], count: int) -> tuple[list[Arrival], Cursor]:
    found: list[Arrival] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            batch = await anext(batches)
            found += batch.arrivals
    return found, batch.cursor


def mail(name: object) -> bytes:
    return f"From: jane@example.com\r\nSubject: {name}\r\n\r\nHello\r\n".encode()


def subjects(arrivals: list[Arrival]) -> list[str]:
    texts = [(arrival.raw or arrival.head).decode() for arrival in arrivals]
    return [text.partition("Subject: ")[2].partition("\r\n")[0] for text in texts]


async def test_everything_comes_once_and_in_order(place: Place) -> None:
    cursor = await first_cursor(place)
    names = [str(number) for number in range(120)]
    async with reading(place, cursor) as batches:
        for start in (0, 60):
            await asyncio.to_thread(place.deliver, [mail(name) for name in names[start : start + 60]])
        found, after = await take(batches, 120)
    assert subjects(found) == names
    assert [arrival.uid for arrival in found] == sorted({arrival.uid for arrival in found})
    assert after == Cursor(uidvalidity=cursor.uidvalidity, uidnext=found[-1].uid + 1)


async def test_reading_goes_on_at_the_cursor_with_what_came_meanwhile(place: Place) -> None:
    cursor = await first_cursor(place)
    await asyncio.to_thread(place.deliver, [mail("a"), mail("b")])
    async with reading(place, cursor) as batches:
        found, after = await take(batches, 2)
    await asyncio.to_thread(place.deliver, [mail("c")])
    async with reading(place, after) as batches:
        rest, _ = await take(batches, 1)
    async with reading(place, cursor) as batches:  # as if the first batch had never been committed
        again, _ = await take(batches, 3)
    assert subjects(found + rest) == ["a", "b", "c"]
    assert subjects(again) == ["a", "b", "c"]


async def test_a_mail_that_is_too_large_comes_by_its_head(place: Place) -> None:
    cursor = await first_cursor(place)
    await asyncio.to_thread(place.deliver, [mail("small"), mail("large") + b"x" * 70 * LIMIT, mail("last")])
    async with reading(place, cursor) as batches:
        found, _ = await take(batches, 3)
    assert subjects(found) == ["small", "large", "last"]
    assert [arrival.raw is None for arrival in found] == [False, True, False]
    assert found[1].size > LIMIT
    assert len(found[1].head) < 2000


async def test_batches_are_bounded(place: Place) -> None:
    cursor = await first_cursor(place)
    mails = [mail(number) + b"x" * 150_000 for number in range(60)]
    await asyncio.to_thread(place.deliver, mails)
    found = 0
    async with reading(place, cursor) as batches:
        while found < 60:
            batch = await anext(batches)
            found += len(batch.arrivals)
            assert len(batch.arrivals) <= 50
            assert sum(len(arrival.raw or b"") for arrival in batch.arrivals) <= 8_000_000


async def test_a_cursor_of_another_numbering_means_everything_again(place: Place) -> None:
    cursor = await first_cursor(place)
    await asyncio.to_thread(place.deliver, [mail("a")])
    async with reading(place, Cursor(uidvalidity=cursor.uidvalidity + 1, uidnext=50)) as batches:
        found, after = await take(batches, 1)
    assert subjects(found) == ["a"]
    assert after.uidvalidity == cursor.uidvalidity


CHILD = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[1])
from test_sources import opened
from bridge.model import Cursor

async def main(ledger, arguments):
    lines = open(ledger).read().splitlines()
    cursor = Cursor(uidvalidity=int(lines[-1].split()[0]), uidnext=int(lines[-1].split()[1]))
    async for batch in opened(arguments).arrivals(cursor):
        text = "".join(f"mail {one.uid}\\n" for one in batch.arrivals)
        with open(ledger, "a") as file:
            file.write(f"{text}{batch.cursor.uidvalidity} {batch.cursor.uidnext}\\n")

asyncio.run(main(sys.argv[2], sys.argv[3:]))
"""


@pytest.mark.storm
async def test_killed_again_and_again_it_loses_nothing_and_gives_nothing_twice(place: Place, tmp_path: Path) -> None:
    """A process that commits each batch with its cursor is killed in the middle, five times."""
    cursor = await first_cursor(place)
    ledger = tmp_path / "ledger"
    ledger.write_text(f"{cursor.uidvalidity} {cursor.uidnext}\n")
    await asyncio.to_thread(place.deliver, [mail(number) + b"x" * 100_000 for number in range(300)])

    def taken() -> list[int]:
        return [int(line.split()[1]) for line in ledger.read_text().splitlines() if line.startswith("mail")]

    for part in (1, 60, 120, 180, 240, 300):
        command = ["-c", CHILD, str(TESTS), str(ledger), *place.arguments]
        child = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=TESTS.parent)
        async with asyncio.timeout(30):
            while len(taken()) < part:
                assert child.returncode is None
                await asyncio.sleep(0.01)
        child.kill()
        await child.wait()
    uids = taken()
    assert uids == list(range(uids[0], uids[0] + 300))
