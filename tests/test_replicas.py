"""Several `bridge run` on one PostgreSQL: each mailbox is watched by one at a time, and whatever dies, another goes on."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import imap_source, until, user_of, written
from onstage import Desk
from services import Service
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.app import Bridge
from bridge.demo.stage import Stage
from bridge.desk import Mailbox
from bridge.errors import Misconfigured, Temporary
from bridge.metrics import Metrics
from bridge.model import (
    Address,
    Arrival,
    Batch,
    ChannelId,
    Cursor,
    Direction,
    Folder,
    Located,
    MailboxName,
    Message,
    Reading,
    Status,
    now,
)
from bridge.reception import Reception
from bridge.store import conversations, mails, places, watches
from bridge.store.database import Store, one_at_a_time
from bridge.watches import Watches

SUPPORT = MailboxName("support")
TAKEOVER = 5.0  # seconds: the promise
SLOW = 3.0  # more, for a machine with other work to do

KEY = "a key of the replicas, which they share"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, dovecot: Dovecot, postgresql_url: str) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source = imap_source(dovecot, user_of(tmp_path))
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD, "BRIDGE_DATABASE_URL": postgresql_url, "BRIDGE_SECRET_KEY": KEY}
    await made.slack.start()
    await made.world.start()
    yield made
    await made.stop()


@pytest.fixture
async def replicas(stage: Stage) -> AsyncIterator[tuple[Service, Service]]:
    """Two, the first of which watches the mailbox."""
    first, second = Service(stage), Service(stage)
    await first.start()
    await first.ready.wait()
    await second.start()
    await second.ready.wait()
    yield first, second
    await first.kill()
    await second.kill()


async def test_one_replica_watches_and_the_other_says_so_and_both_work(
    stage: Stage, replicas: tuple[Service, Service], dovecot: Dovecot, tmp_path: Path
) -> None:
    first, second = replicas
    await first.mailbox_is("watching", within=10)
    await second.mailbox_is("watched elsewhere", within=10)
    assert (await second.told())["ready"]
    dovecot.deliver(user_of(tmp_path), *(written(f"Matter {number}") for number in range(10)))
    mina = Desk(stage)
    await mina.sees(lambda: len(mina.cards()) == 10)
    assert await first.stop() == 0
    await second.mailbox_is("watching", within=TAKEOVER + SLOW)
    dovecot.deliver(user_of(tmp_path), written("After the first has gone"))
    await mina.sees_card("After the first has gone")
    assert len(mina.cards()) == 11


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_mailbox_is_taken_over_within_five_seconds(
    stage: Stage, replicas: tuple[Service, Service], dovecot: Dovecot, tmp_path: Path, how: str
) -> None:
    first, second = replicas
    dovecot.deliver(user_of(tmp_path), written("Before"))
    mina = Desk(stage)
    await mina.sees_card("Before")
    if how == "killed":
        await first.kill()
    else:
        first.freeze()
    dovecot.deliver(user_of(tmp_path), written("While nobody watched"))
    since = time.monotonic()
    await mina.sees_card("While nobody watched")
    took = time.monotonic() - since
    sys.stderr.write(f"from a replica that was {how}: {took:.1f} s\n")
    assert took < TAKEOVER + SLOW, took
    if how == "frozen":
        first.thaw()
        await first.mailbox_is("watched elsewhere", within=10)
        dovecot.deliver(user_of(tmp_path), written("After it woke up"))
        await mina.sees_card("After it woke up")
        assert len(mina.cards()) == 3
    await second.mailbox_is("watching", within=1)


def box() -> Mailbox:
    address = Address(name="Support", email="hello@fernhill.example.com")
    hold = timedelta(seconds=1)
    return Mailbox(
        name=SUPPORT, address=address, channel=ChannelId("C1"), hold=hold, saves_sent=False, max_bytes=1 << 20
    )


async def test_a_replica_that_was_frozen_past_its_lease_commits_nothing_cursor_included(postgresql_url: str) -> None:
    store = await Store.open(postgresql_url)
    frozen, other = (Watches(store, lease=timedelta(seconds=0.3)) for _ in range(2))
    began = asyncio.Event()

    async def watch() -> None:
        began.set()
        await asyncio.Event().wait()

    frozen.add(SUPPORT, watch)
    other.add(SUPPORT, watch)
    reception = Reception(store, keys=[b"key"], metrics=Metrics(), holds=frozen.holds)
    raw = written("Too late")
    arrival = Arrival(uidvalidity=7, uid=1, size=len(raw), raw=raw)
    await frozen.start()
    await began.wait()
    began.clear()
    assert frozen._keeping  # noqa: SLF001 - a process cannot freeze a part of itself: the part that renews is ended
    frozen._keeping.cancel()  # noqa: SLF001
    await other.start()
    assert other.elsewhere(SUPPORT)
    async with asyncio.timeout(10):
        await began.wait()
    with pytest.raises(Temporary, match="another one watches"):
        await reception.receive(box(), Batch(cursor=Cursor(uidvalidity=7, uidnext=2), arrivals=(arrival,)))
    async with store.read() as conn:
        assert await mails.cursor(conn, SUPPORT) is None
        assert await mails.seen_places(conn, SUPPORT, uidvalidity=7, uids=[1]) == set()
    await other.stop()
    await frozen.stop()
    await store.close()


async def test_a_watch_that_waits_for_the_one_before_it_can_be_stopped(postgresql_url: str) -> None:
    """A mailbox was lost and came back, and what watched it before is slow to end."""
    store = await Store.open(postgresql_url)
    watches_here, began, ends = Watches(store, lease=timedelta(seconds=0.1)), asyncio.Event(), asyncio.Event()
    watching = 0

    async def watch() -> None:
        nonlocal watching
        watching += 1
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await ends.wait()

    watches_here.add(SUPPORT, watch)
    await watches_here.start()
    await began.wait()
    async with store.write() as conn:
        await conn.execute(text("UPDATE watches SET owner = 'another'"))
    await until(lambda: watches_here.elsewhere(SUPPORT))
    async with store.write() as conn:
        await conn.execute(text("UPDATE watches SET lease_until = now() - interval '1 hour'"))
    await until(lambda: not watches_here.elsewhere(SUPPORT))
    stopping = asyncio.create_task(watches_here.stop())
    await asyncio.sleep(0)
    ends.set()
    async with asyncio.timeout(10):
        await stopping
    assert watching == 1
    await store.close()


async def test_a_transaction_that_is_frozen_holds_nobody_up_for_longer_than_a_lease(postgresql_url: str) -> None:
    """Its locks are the server's to take back: nobody else can."""
    store, another = await Store.open(postgresql_url), await Store.open(postgresql_url)
    lock, began = select(func.pg_advisory_xact_lock(12)), time.monotonic()

    async def freeze() -> None:
        async with store.write() as conn:
            await conn.execute(lock)
            async with another.write() as waiting:
                await waiting.execute(lock)
            await conn.execute(lock)

    with pytest.raises(Temporary):
        await freeze()
    assert time.monotonic() - began < TAKEOVER
    async with store.write() as conn:
        await conn.execute(lock)
    await store.close()
    await another.close()


async def test_a_lease_is_one_owners_until_it_ends_or_is_given_back(postgresql_url: str) -> None:
    store = await Store.open(postgresql_url)
    hour = timedelta(hours=1)
    async with store.write() as conn:
        await watches.name(conn, [SUPPORT])
        await watches.claim(conn, [SUPPORT], owner="a", lease=hour)
        await watches.claim(conn, [SUPPORT], owner="b", lease=hour)
        assert await watches.fences(conn, owner="a") == {SUPPORT: 1}
        assert await watches.fences(conn, owner="b") == {}
        assert await watches.held(conn, SUPPORT, owner="a", fence=1)
        await watches.release(conn, owner="a")
        assert not await watches.held(conn, SUPPORT, owner="a", fence=1)
        await watches.claim(conn, [SUPPORT], owner="b", lease=timedelta(seconds=-1))
        await watches.renew(
            conn, owner="b", lease=hour
        )  # too late: what has ended is claimed anew, under another fence
        assert await watches.fences(conn, owner="b") == {}
        await watches.claim(conn, [SUPPORT], owner="b", lease=hour)
        assert await watches.fences(conn, owner="b") == {SUPPORT: 3}
    await store.close()


async def test_replicas_that_write_down_the_same_at_once_do_not_fail_each_other(postgresql_url: str) -> None:
    """Two submits of one modal, two that hear of one Message-ID, two that find a mail at one place."""
    store, beside = await Store.open(postgresql_url), await Store.open(postgresql_url)
    at, message = now(), Message(message_id="<a@x>")
    async with store.write() as conn:
        number = await conversations.create(
            conn, mailbox=SUPPORT, channel=ChannelId("C1"), subject="A matter", status=Status.OPEN, at=at
        )
        mail_id = await mails.add(
            conn, message, reading=Reading(), mailbox=SUPPORT, number=number, direction=Direction.IN, digest="d",
            raw_id=None, at=at,
        )  # fmt: skip
    order: list[str] = []
    first_has_written, second_waits = asyncio.Event(), asyncio.Event()

    async def write(conn: AsyncConnection) -> None:
        await mails.refer(conn, mailbox=SUPPORT, number=number, ids=["<c@x>", "<b@x>"])
        located = Located(mail_id=mail_id, folder=Folder.INBOX, uidvalidity=7, uid=1)
        await places.put(conn, SUPPORT, located)

    async def first() -> None:
        async with store.write() as conn:
            await one_at_a_time(conn, "draft:1")
            await write(conn)
            first_has_written.set()
            await second_waits.wait()
            order.append("first")

    async def second() -> None:
        await first_has_written.wait()
        async with beside.write() as conn:
            second_waits.set()
            await one_at_a_time(conn, "draft:1")
            order.append("second")
            await write(conn)

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]
    async with beside.read() as conn:
        assert set(await mails.referred(conn, mailbox=SUPPORT, ids=["<b@x>", "<c@x>"])) == {"<b@x>", "<c@x>"}
    await beside.close()
    await store.close()


async def test_a_second_service_on_a_file_is_refused_with_a_sentence(stage: Stage) -> None:
    stage.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    await stage.start_bridge()
    second = Bridge(stage.settings())
    with pytest.raises(Misconfigured, match="Another bridge already runs on this database; stop it first"):
        await second.start()
