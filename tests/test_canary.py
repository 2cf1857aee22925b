"""The bridge mails itself: what stands still is told once, with what to do, and once more when it is over."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import ImapRoom, LocalRoom, until, written
from onstage import Desk, said
from sqlalchemy import select, update
from test_health import samples
from wiretap import Wiretap

from bridge.automation.canary import Canary
from bridge.demo.mails import SHOP
from bridge.demo.stage import Stage
from bridge.demo.world import Direction
from bridge.demo.world import Stage as Reply
from bridge.errors import Misconfigured
from bridge.model import MailboxName, now
from bridge.store import canaries, jobs, ledger
from bridge.store.database import Store
from bridge.store.schema import jobs as all_jobs
from bridge.store.stuck import stuck

ADMINS = "C0GENERAL1"
SETTINGS = """
[canary]
mailbox = "support"
every_minutes = 60
channel = "#general"
"""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


class Loft:
    """The stage with a canary. What the mailbox writes to itself is delivered, unless `delivers` is off; `next` has the
    next one leave now, and waits until it has been looked after.
    """

    def __init__(self, stage: Stage, room: ImapRoom | LocalRoom, wire: Wiretap | None) -> None:
        self.stage, self.room, self.wire = stage, room, wire
        self.delivers = True
        self._letters = stage.world.subscribe()

    @property
    def mina(self) -> Desk:
        return Desk(self.stage)

    async def post(self) -> None:
        """The mailbox's mail server: for ever."""
        while True:
            letter = await self._letters.get()
            if letter.owner == SHOP.email and letter.direction is Direction.RECEIVED and self.delivers:
                await asyncio.to_thread(self.room.deliver, letter.raw)

    def told(self) -> list[str]:
        """What the admins' channel was told, the oldest first."""
        return [said(one) for one in self.stage.slack.workspace.history(ADMINS) if one.get("bot_id")]

    async def tells(self, *words: str) -> None:
        """Exactly so much was told, in this order."""
        await self.mina.sees(lambda: len(self.told()) >= len(words))
        told = self.told()
        assert len(told) == len(words), told
        assert all(word in one for one, word in zip(told, words, strict=True)), told

    @contextlib.asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        opened = await Store.open(self.stage.settings().database_url.get_secret_value())
        try:
            yield opened
        finally:
            await opened.close()

    async def left(self) -> int:
        """How many have left, and been dealt with."""
        async with self.store() as store, store.read() as conn:
            done = select(all_jobs.c.id).where(all_jobs.c.kind == "canary", all_jobs.c.state == jobs.State.DONE)
            return len((await conn.execute(done)).all())

    async def next(self) -> None:
        before = await self.left()
        async with self.store() as store, store.write() as conn:
            waiting = select(all_jobs.c.key).where(all_jobs.c.kind == "canary", all_jobs.c.state == jobs.State.READY)
            for (key,) in (await conn.execute(waiting)).all():
                await jobs.reschedule(conn, key, due=now())
        await self.has_left(before + 1)

    async def has_left(self, count: int) -> None:
        async with asyncio.timeout(20):
            while await self.left() < count:  # noqa: ASYNC110 - a database is asked, not a task
                await asyncio.sleep(0.05)

    async def is_home(self) -> None:
        """The last one has come, and was taken away."""

        async def home() -> bool:
            async with self.store() as store, store.read() as conn:
                last = await canaries.last(conn, MailboxName("support"))
                return bool(last and last.came) and not await jobs.unfinished(conn, "canary_away")

        async with asyncio.timeout(20):
            while not await home():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)

    async def goes_round(self) -> None:
        await self.next()
        await self.is_home()


@pytest.fixture(params=["local", "imap"])
async def loft(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Loft]:
    stage, wire, room = Stage(tmp_path, hold=0.1), None, LocalRoom(tmp_path / "mail" / "support")
    made_room: ImapRoom | LocalRoom = room
    if request.param == "imap":
        dovecot, user = request.getfixturevalue("dovecot"), f"user{os.urandom(4).hex()}"
        made_room, wire = ImapRoom(dovecot, user), Wiretap(dovecot.imap)
        await wire.start()
        stage.source = (
            f'source = "imap"\nimap = {{ host = "127.0.0.1", port = {wire.port}, security = "none", '
            f'username = "{user}", password_env = "MAILBOX_PASSWORD" }}'
        )
        stage.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    stage.others, stage.http = SETTINGS, "127.0.0.1:0"
    here = stage.slack.workspace
    here.join(ADMINS, here.bot_user_id)
    made = Loft(stage, made_room, wire)
    post = asyncio.create_task(made.post())
    await stage.start()
    yield made
    post.cancel()
    await asyncio.gather(post, return_exceptions=True)
    await stage.stop()
    if wire:
        await wire.stop()


imap_alone = pytest.mark.parametrize("loft", ["imap"], indirect=True)


async def test_a_canary_goes_round_and_nobody_sees_it(loft: Loft) -> None:
    """No card, no copy in any folder, no count: only how long it took."""
    await loft.has_left(1)
    await loft.is_home()
    await until(lambda: loft.room.stands() == {})
    loft.room.deliver(written("A customer's mail"))
    card = await loft.mina.sees_card("A customer's mail")
    assert loft.mina.cards() == [card]
    found = await samples(loft.stage)
    assert found['bridge_mail_received_total{mailbox="support"}'] == 1
    assert 0 <= found['bridge_canary_round_trip_seconds{mailbox="support"}'] < 20
    assert found['bridge_canary_last_seconds{mailbox="support"}'] >= 0
    assert found['bridge_trouble{about="watch canary"}'] == 0
    async with loft.store() as store, store.read() as conn:
        assert sum((await ledger.counts(conn))[MailboxName("support")].values()) == 1
    assert loft.told() == []


async def test_one_that_does_not_come_is_told_once_and_so_is_the_one_that_does(loft: Loft) -> None:
    loft.delivers = False
    await loft.has_left(1)
    await loft.next()
    await loft.tells("has not come in")
    await loft.next()
    assert (await samples(loft.stage))['bridge_trouble{about="watch canary"}'] == 1
    loft.delivers = True
    await loft.next()
    await loft.tells("has not come in", "Mail goes round again")
    assert (await samples(loft.stage))['bridge_trouble{about="watch canary"}'] == 0
    assert "`bridge check`" in loft.told()[0]
    assert loft.mina.cards() == []  # the mailbox's own channel has nothing to do with it


@imap_alone
async def test_a_mail_server_that_takes_nothing_is_told_with_its_words(loft: Loft) -> None:
    await loft.has_left(1)
    await loft.is_home()
    loft.stage.world.faults.replies[Reply.MAIL] = iter(["550 5.7.1 Not you"] * 2)
    await loft.next()
    await loft.tells("cannot send mail")
    await loft.next()
    await loft.next()
    await loft.tells("cannot send mail", "Mail goes round again")
    assert "Not you" in loft.told()[0]


@imap_alone
async def test_a_mail_server_that_is_away_is_told_when_it_stays_away(loft: Loft) -> None:
    await loft.has_left(1)
    await loft.is_home()
    port = loft.stage.world.port
    await loft.stage.world.stop()
    await loft.next()
    assert loft.told() == []  # it may be back in a moment
    await loft.next()
    await loft.tells("cannot send mail")
    await loft.stage.world.start(smtp_port=port)
    await loft.next()
    await loft.tells("cannot send mail", "Mail goes round again")


@imap_alone
async def test_a_mailbox_that_falls_silent_is_told_and_so_is_its_voice(loft: Loft) -> None:
    """Its connection stands, and nothing comes: what a watcher alone takes for a quiet night."""
    assert loft.wire
    await loft.has_left(1)
    await loft.is_home()
    loft.wire.mute()
    await loft.next()
    await loft.next()
    await loft.tells("has not come in")
    loft.wire.speak()
    await loft.tells("has not come in", "Mail goes round again")
    await until(lambda: loft.room.stands() == {})


@imap_alone
async def test_an_app_token_that_slack_takes_no_more_is_told_once(loft: Loft) -> None:
    await loft.has_left(1)
    await loft.is_home()
    loft.stage.slack.faults.refuse("apps.connections.open", error="invalid_auth", times=2)
    await loft.goes_round()
    await loft.tells("SLACK_APP_TOKEN")
    await loft.goes_round()
    await loft.goes_round()
    await loft.tells("SLACK_APP_TOKEN", "takes the bridge's tokens again")


@imap_alone
async def test_where_the_bot_cannot_post_the_mailboxs_own_channel_is_told(loft: Loft) -> None:
    """What the admins' channel is told of may be told nowhere else, and it must not be lost with it."""
    await loft.has_left(1)
    await loft.is_home()
    here = loft.stage.slack.workspace
    here.leave(ADMINS, here.bot_user_id)
    loft.stage.slack.faults.refuse("apps.connections.open", error="invalid_auth", times=1)
    await loft.goes_round()
    await loft.mina.sees_card("SLACK_APP_TOKEN")
    assert loft.told() == []
    here.join(ADMINS, here.bot_user_id)
    await loft.goes_round()
    await loft.tells("takes the bridge's tokens again")


@imap_alone
async def test_without_the_bots_token_only_the_metrics_can_tell(loft: Loft) -> None:
    await loft.has_left(1)
    await loft.is_home()
    loft.stage.slack.faults.refuse("auth.test", error="token_revoked", times=1)
    await loft.goes_round()
    assert (await samples(loft.stage))['bridge_trouble{about="watch bot token"}'] == 1
    await loft.goes_round()
    await loft.tells("takes the bridge's tokens again")
    assert (await samples(loft.stage))['bridge_trouble{about="watch bot token"}'] == 0


@imap_alone
async def test_a_job_that_is_tried_in_vain_for_minutes_is_told_with_its_reason(loft: Loft) -> None:
    await loft.has_left(1)
    await loft.is_home()
    long_ago = now() - timedelta(minutes=10)
    async with loft.store() as store:
        async with store.write() as conn:
            await jobs.add(conn, key="apply:x", kind="apply", payload={}, due=now() + timedelta(hours=1))
            values = {"attempts": 9, "since": long_ago, "error": "The moon is away."}
            await conn.execute(update(all_jobs).where(all_jobs.c.key == "apply:x").values(**values))
        await loft.goes_round()
        await loft.tells("1 task has not got done for minutes. The moon is away.")
        await loft.goes_round()
        async with store.write() as conn:
            await jobs.cancel(conn, "apply:x")
    await loft.goes_round()
    await loft.tells("1 task", "Everything gets done again")


def bounce(message_id: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "mailer-daemon@example.com", SHOP.email, "Undelivered"
    mail["Auto-Submitted"], mail["In-Reply-To"] = "auto-replied", message_id
    mail.set_content("It did not work.")
    return mail.as_bytes()


@imap_alone
async def test_what_a_robot_answers_to_a_canary_is_no_mail_and_what_a_stranger_forges_is_one(loft: Loft) -> None:
    await loft.has_left(1)
    await loft.is_home()
    [sent] = loft.stage.world.envelopes
    message_id = next(line for line in sent.raw.decode().splitlines() if "X-Bridge-Canary" in line).split(": ")[1]
    forged = message_id.replace("canary-", "canary-0")
    loft.room.deliver(
        bounce(message_id),
        written("Hidden").replace(b"Subject:", b"X-Bridge-Canary: " + forged.encode() + b"\nSubject:"),
    )
    card = await loft.mina.sees_card("Hidden")
    await until(lambda: set(loft.room.stands()) == {"Hidden"})
    assert [one["ts"] for one in loft.mina.cards()] == [card["ts"]]


async def test_what_gets_done_late_is_not_stuck_and_what_stands_still_is(store: Store) -> None:
    at = now()
    before = at - timedelta(minutes=3)
    async with store.write() as conn:
        for key in ("old", "older", "done"):
            await jobs.add(conn, key=key, kind="show", payload={}, due=at - timedelta(minutes=5))
        [first, *_] = await jobs.claim(conn, limit=1, owner="a", lease=timedelta(minutes=1))
        assert (await stuck(conn, before=before, held={})).count == 2  # nothing gets done
        assert (await stuck(conn, before=before, held={str(first.id): first.fence})).count == 3
        await jobs.finish(conn, first)
        assert (await stuck(conn, before=before, held={})).count == 0  # a flood, which is worked off
        [second] = await jobs.claim(conn, limit=1, owner="a", lease=timedelta(minutes=1))
        assert (await stuck(conn, before=before, held={str(second.id): second.fence - 1})).count == 0
        assert (await stuck(conn, before=before, held={str(second.id): second.fence})).count == 1


async def test_replicas_share_one_canary(store: Store) -> None:
    """However many begin, and however often."""

    def canary(mailbox: str) -> Canary:
        return Canary(
            store,
            mailbox=MailboxName(mailbox),
            every=timedelta(minutes=2),
            mailboxes={},
            posts={},
            keys=[b"key"],
            proofs={},
        )

    await asyncio.gather(*(canary("support").begin() for _ in range(4)))
    async with store.read() as conn:
        assert await jobs.unfinished(conn, "canary") == 1
    async with store.write() as conn:
        [job] = await jobs.claim(conn, limit=1, owner="a", lease=timedelta(minutes=1))
    await canary("").fly(job)  # switched off meanwhile: it is the last
    async with store.write() as conn:
        await jobs.finish(conn, job)
        assert await jobs.unfinished(conn, "canary") == 0


@pytest.mark.parametrize("name", ["suport", ""])
def test_a_canary_for_no_mailbox_is_a_mistake_and_for_none_is_off(tmp_path: Path, name: str) -> None:
    stage = Stage(tmp_path)
    stage.world.port = 25
    stage.others = f'[canary]\nmailbox = "{name}"\n'
    if not name:
        assert not stage.settings().canary.mailbox
        return
    with pytest.raises(Misconfigured, match="canary"):
        stage.settings()
