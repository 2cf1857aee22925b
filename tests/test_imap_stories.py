"""The two flows over a real IMAP server: the team's mailbox stays an ordinary mailbox."""

import asyncio
import imaplib
import ssl
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from onstage import ENOUGH, Desk, received, rich

from bridge.demo.stage import CHANNEL, Stage


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


def source(dovecot: Dovecot, user: str) -> str:
    server = dovecot.server(user)
    return (
        f'source = "imap"\nimap = {{ host = "{server.host}", port = {server.port}, security = "{server.security}", '
        f'username = "{user}", password_env = "MAILBOX_PASSWORD", ca_file = "{server.ca_file}" }}'
    )


@pytest.fixture
async def stage(tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source = source(dovecot, user_of(tmp_path))
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    made.http = "127.0.0.1:0"
    yield made
    await made.stop()


def user_of(folder: Path) -> str:
    """A mailbox of its own for each test."""
    return f"user{abs(hash(str(folder)))}"


def written(subject: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Dana <dana@example.com>", "hello@fernhill.example.com", subject
    mail["Message-ID"] = f"<{subject.replace(' ', '-')}@example.com>"
    mail.set_content(f"About {subject}.")
    return mail.as_bytes()


def other_client(dovecot: Dovecot, user: str) -> imaplib.IMAP4_SSL:
    """What a phone is to the team's mailbox."""
    server = dovecot.server(user)
    context = ssl.create_default_context(cafile=str(server.ca_file))
    client = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context)
    client.login(user, PASSWORD)
    return client


async def test_a_mail_comes_in_unmarked_and_the_answer_is_filed_in_sent(
    stage: Stage, dovecot: Dovecot, tmp_path: Path
) -> None:
    user = user_of(tmp_path)
    dovecot.deliver(user, written("An old matter"))
    await stage.start()
    mina = Desk(stage)
    dovecot.deliver(user, written("A new matter"))
    card = await mina.sees_card("A new matter")
    await mina.opens(card)
    await mina.person.submit({"body": rich("An answer")})
    ours = await received(stage, "dana@example.com")
    assert await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(mina.cards()) == 1  # what was there before the first watch is not news

    phone = other_client(dovecot, user)
    phone.select("INBOX")
    assert phone.search(None, "UNSEEN")[1] == [b"1 2"]
    phone.logout()
    assert await filed(dovecot, user, str(ours["Message-ID"])) == 1


async def filed(dovecot: Dovecot, user: str, message_id: str) -> int:
    """How many copies stand in Sent, once there is one."""

    def copies() -> int:
        phone = other_client(dovecot, user)
        phone.select("Sent")
        found: list[Any] = phone.search(None, "HEADER", "Message-ID", message_id)[1]
        phone.logout()
        return len(found[0].split())

    async with asyncio.timeout(ENOUGH):
        while not (count := await asyncio.to_thread(copies)):  # noqa: ASYNC110 - a server is asked, not a task
            await asyncio.sleep(0.1)
    return count


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
    assert stage.slack.workspace.history(CHANNEL) == []
