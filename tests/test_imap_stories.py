"""The two flows over a real IMAP server: the team's mailbox stays an ordinary mailbox."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import imap_source, other_client, until, user_of, written
from onstage import Desk, received, rich, said

from bridge.demo.stage import CHANNEL, Stage


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source = imap_source(dovecot, user_of(tmp_path))
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    made.http = "127.0.0.1:0"
    yield made
    await made.stop()


async def test_a_mail_comes_in_unmarked_and_the_answer_is_filed_in_sent(
    stage: Stage, dovecot: Dovecot, tmp_path: Path
) -> None:
    user = user_of(tmp_path)
    dovecot.deliver(user, written("An old matter"))
    await stage.start()
    mina = Desk(stage)
    dovecot.deliver(user, written("A new matter"))
    card = await mina.sees_card("A new matter")
    await mina.sees(lambda: mina.line(card, "About A new matter"))
    phone = other_client(dovecot, user)
    phone.select("INBOX")
    unseen = phone.search(None, "UNSEEN")[1]
    phone.logout()
    assert unseen == [b"1 2"]

    await mina.opens(card)
    await mina.person.submit({"body": rich("An answer")})
    ours = await received(stage, "dana@example.com")
    assert await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(mina.cards()) == 1  # what was there before the first watch is not news
    assert await filed(dovecot, user, str(ours["Message-ID"])) == 1


async def filed(dovecot: Dovecot, user: str, message_id: str) -> int:
    """How many copies stand in Sent, once there is one."""

    def copies() -> int:
        phone = other_client(dovecot, user)
        phone.select("Sent")
        found: list[Any] = phone.search(None, "HEADER", "Message-ID", message_id)[1]
        phone.logout()
        return len(found[0].split())

    return await until(copies)


async def test_mail_that_came_while_the_bridge_was_down_is_shown_when_it_is_up(
    stage: Stage, dovecot: Dovecot, tmp_path: Path
) -> None:
    user = user_of(tmp_path)
    dovecot.deliver(user, written("An old matter"))
    await stage.start()
    await stage.stop_bridge()
    dovecot.deliver(user, written("While you were away"))
    phone = other_client(dovecot, user)
    phone.select("INBOX")
    phone.store("2", "+FLAGS", "\\Seen")  # somebody opened it first: it is news all the same
    phone.logout()
    await stage.start_bridge()
    mina = Desk(stage)
    await mina.sees_card("While you were away")
    assert len(mina.cards()) == 1


async def test_a_wrong_password_is_told_and_the_bridge_is_up_all_the_same(stage: Stage) -> None:
    stage.secrets = {"MAILBOX_PASSWORD": "wrong"}
    await stage.start()
    async with aiohttp.ClientSession() as session, session.get(stage.url("/readyz")) as answer:
        told = await answer.json()
    assert answer.status == 200
    [mailbox] = told["mailboxes"]
    assert mailbox["state"] == "failing"
    assert "MAIL_PASSWORD" in mailbox["reason"]
    [alarm] = await Desk(stage).sees(lambda: stage.slack.workspace.history(CHANNEL))
    assert "MAIL_PASSWORD" in said(alarm)


async def test_a_mailbox_in_trouble_is_told_of_once_and_once_more_when_it_is_read_again(
    stage: Stage, dovecot: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusals() -> int:
        log = (dovecot.folder / "dovecot.log").read_text()
        return len(re.findall(rf"auth failed.*user=<{user_of(tmp_path)}>", log))

    monkeypatch.setattr("bridge.mailboxes.MENDING", 0.1)
    stage.secrets = {"MAILBOX_PASSWORD": "wrong"}
    await stage.start()
    mina = Desk(stage)
    await mina.sees(lambda: mina.card("is not read"))
    await stage.stop_bridge()
    before = refusals()
    await stage.start_bridge()  # it fails again and again, which is no news
    await until(lambda: refusals() > before + 8)
    await stage.stop_bridge()
    stage.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    await stage.start_bridge()
    await mina.sees(lambda: mina.card("is read again"))
    assert len(mina.cards()) == 2
