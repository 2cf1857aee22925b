"""kill -9 between an effect and its record, for each effect there is: the next start finds it, and does it once."""

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import ImapRoom, until
from onstage import Desk, actions, rich, said
from services import Service
from wiretap import Wiretap

from bridge.demo.double.refusals import NoAck
from bridge.demo.stage import CHANNEL, MINA, Stage

IMAP_DONE = rb"^[^*+ ]\S* OK"
BILLING = "C0BILLING1"
HTTP_DONE = rb"^HTTP/1.1 200"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@dataclass(kw_only=True)
class Place:
    """A running service whose every way out is tapped, the mailbox behind it, and an agent."""

    stage: Stage
    service: Service
    room: ImapRoom
    imap: Wiretap
    smtp: Wiretap
    slack: Wiretap

    @property
    def mina(self) -> Desk:
        return Desk(self.stage)

    def dies_of(self, wire: Wiretap, asked: bytes, *, done: bytes) -> None:
        """From now on it dies once it has had this done."""
        wire.strike(asked, done=done, then=self.service.kill)

    async def lives_again(self, wire: Wiretap) -> None:
        await wire.struck.wait()
        await self.service.start()
        await self.service.ready.wait()


@pytest.fixture
async def place(tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[Place]:
    stage, user = Stage(tmp_path, hold=0.1), f"user{os.urandom(4).hex()}"
    await stage.slack.start()
    await stage.world.start()
    behind, slack_port = stage.world.port, urlsplit(stage.slack.url).port or 0
    imap, smtp, slack = Wiretap(dovecot.imap), Wiretap(behind), Wiretap(slack_port)
    for wire in (imap, smtp, slack):
        await wire.start()
    stage.source = (
        f'source = "imap"\nimap = {{ host = "127.0.0.1", port = {imap.port}, security = "none", '
        f'username = "{user}", password_env = "MAILBOX_PASSWORD" }}'
    )
    away = stage.slack.url.replace(str(slack_port), str(slack.port))
    stage.secrets, stage.world.port = {"MAILBOX_PASSWORD": PASSWORD, "SLACK_API_URL": away}, smtp.port
    service, room = Service(stage), ImapRoom(dovecot, user)
    await service.start()
    await service.ready.wait()
    yield Place(stage=stage, service=service, room=room, imap=imap, smtp=smtp, slack=slack)
    await service.kill()
    for wire in (imap, smtp, slack):
        await wire.stop()
    await stage.stop()


def with_a_file() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Dana <dana@example.com>", "hello@fernhill.example.com", "Two bags"
    mail["Message-ID"] = "<two-bags@example.com>"
    mail.set_content("They are missing.")
    mail.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="bags.csv")
    return mail.as_bytes()


async def all_shown(mina: Desk) -> dict[str, Any]:
    """The card, once everything of the mail is there."""
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: [one for one in mina.thread(card) if one.get("files")])
    await mina.sees(lambda: mina.line(card, "They are missing"))
    return card


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(rb"POST /api/chat.postMessage", id="card"),
        pytest.param(rb"(?s)POST /api/chat.postMessage.*thread_ts", id="mail"),
        pytest.param(rb"POST /api/files.completeUploadExternal", id="files"),
    ],
)
async def test_what_is_posted_stands_once(place: Place, asked: bytes) -> None:
    place.dies_of(place.slack, asked, done=HTTP_DONE)
    place.room.deliver(with_a_file())
    await place.lives_again(place.slack)
    card = await all_shown(place.mina)
    assert len(place.mina.cards()) == 1
    thread = place.mina.thread(card)
    assert len([one for one in thread if "They are missing" in said(one)]) == 1
    assert len([one for one in thread if one.get("files")]) == 1


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(rb"(?s)POST /api/chat.postMessage.*C0BILLING1", id="card"),
        pytest.param(rb"(?s)POST /api/chat.postMessage.*C0BILLING1.*thread_ts", id="mail"),
        pytest.param(rb"POST /api/files.completeUploadExternal", id="files"),
        pytest.param(rb"(?s)POST /api/chat.update.*goes on here", id="what leads there"),
    ],
)
async def test_what_is_moved_to_another_channel_stands_there_once(place: Place, asked: bytes) -> None:
    mina, here = place.mina, place.stage.slack.workspace
    here.add_channel("billing", channel_id=BILLING, members=[MINA, here.bot_user_id])
    place.room.deliver(with_a_file())
    await all_shown(mina)
    place.dies_of(place.slack, asked, done=HTTP_DONE)
    with contextlib.suppress(NoAck):
        await mina.person.command(CHANNEL, "/mail", "move 1 #billing")
    await place.lives_again(place.slack)
    await until(lambda: jobs_in(place.stage) == {"done"})

    def cards(channel: str) -> list[dict[str, Any]]:
        return [one for one in here.history(channel) if one.get("bot_id")]

    (old,), (new,) = cards(CHANNEL), cards(BILLING)
    assert "goes on here" in said(old)
    assert not actions(old)
    assert "reply" in actions(new)
    await mina.sees(lambda: [one for one in here.replies(BILLING, new["ts"]) if one.get("files")])
    thread = [one for one in here.replies(BILLING, new["ts"]) if one["ts"] != new["ts"]]
    assert len([one for one in thread if "They are missing" in said(one)]) == 1
    assert len([one for one in thread if one.get("files")]) == 1
    assert len([one for one in thread if "moved this here" in said(one)]) == 1


@pytest.mark.parametrize(
    ("verb", "asked", "stands"),
    [
        ("mark 1 read", rb"UID STORE \S+ \+FLAGS", ("inbox", {"\\Seen"})),
        ("archive 1", rb"UID MOVE", ("archive", set())),
        ("spam 1", rb"UID MOVE", ("junk", set())),
    ],
)
async def test_marks_and_moves_end_where_they_were_to(
    place: Place, verb: str, asked: bytes, stands: tuple[str, set[str]]
) -> None:
    place.room.deliver(with_a_file())
    await all_shown(place.mina)
    place.dies_of(place.imap, asked, done=IMAP_DONE)
    with contextlib.suppress(NoAck):  # it may die of the job before its answer to the person is out
        await place.mina.person.command(CHANNEL, "/mail", verb)
    await place.lives_again(place.imap)
    await until(lambda: place.room.stands() == {"Two bags": stands})
    place.room.deliver(with_a_file().replace(b"Two bags", b"The next one").replace(b"two-bags", b"next"))
    await place.mina.sees_card("The next one")
    assert len(place.mina.cards()) == 2  # what was moved is no news


async def answered(mina: Desk) -> dict[str, Any]:
    card = await all_shown(mina)
    await mina.opens(card)
    await mina.person.submit({"body": rich("We look into it.")})
    return card


async def test_a_copy_in_sent_is_filed_once(place: Place) -> None:
    place.room.deliver(with_a_file())
    place.dies_of(place.imap, rb"APPEND", done=IMAP_DONE)
    card = await answered(place.mina)
    await place.lives_again(place.imap)
    await place.mina.sees(lambda: place.mina.line(card, "Sent"))
    await until(lambda: jobs_in(place.stage) == {"done"})
    assert place.room.count("sent") == 1
    assert len(place.stage.world.envelopes) == 1


def jobs_in(stage: Stage) -> set[str]:
    """The states of its jobs, but for those that are due later."""
    with contextlib.closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
        return {
            state for (state,) in database.execute("SELECT state FROM jobs WHERE kind NOT IN ('reconcile', 'shares')")
        }


@pytest.mark.parametrize("filed", [True, False], ids=["filed by the provider", "filed by nobody"])
async def test_a_mail_that_was_being_handed_over_is_never_handed_over_again(place: Place, filed: bool) -> None:
    place.room.deliver(with_a_file())
    place.dies_of(place.smtp, rb"\r\n\.\r\n", done=rb"^250")
    card = await answered(place.mina)
    await place.smtp.struck.wait()
    [delivered] = place.stage.world.envelopes
    if filed:
        place.room.file_sent(delivered.raw)
    await place.lives_again(place.smtp)
    line = await place.mina.sees(lambda: place.mina.line(card, "Sent" if filed else "Perhaps delivered"))
    assert line
    assert bool({"resend", "mark_delivered"} & set(actions(line))) is not filed
    assert len(place.stage.world.envelopes) == 1
    assert place.room.count("sent") == int(filed)
