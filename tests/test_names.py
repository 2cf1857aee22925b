"""The name service goes away and comes back: what needs a name waits, is told, and then happens, once."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from dovecot import PASSWORD, Dovecot
from mailroom import (
    ImapRoom,
    dovecot_fixture,  # noqa: F401 - a fixture
    until,
    written,
)
from onstage import Desk, rich
from wiretap import Wiretap

from bridge.demo.stage import Stage

OURS = "localhost"  # the one name for Slack, the mailbox and the mail server: what is plain may go nowhere else


class Names:
    """This machine's name service. While it is `away` it knows `OURS` no more; `asked` counts how often that was met."""

    def __init__(self) -> None:
        self._real = socket.getaddrinfo
        self.away = False
        self.asked = 0

    def __call__(self, host: Any, *arguments: Any, **more: Any) -> Any:
        if self.away and host in {OURS, OURS.encode()}:
            self.asked += 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._real(host, *arguments, **more)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made)  # the system's, not ours: there is no other wire to stand at
    return made


@pytest.fixture
async def place(tmp_path: Path, dovecot: Dovecot, names: Names) -> AsyncIterator[tuple[Stage, ImapRoom, Wiretap]]:
    """A bridge that knows everything by its name; not started yet."""
    stage, user, wire = Stage(tmp_path, hold=0.1), f"user{os.urandom(4).hex()}", Wiretap(dovecot.imap)
    stage.http = "127.0.0.1:0"
    await stage.slack.start()
    await stage.world.start()
    await wire.start()
    stage.world.host = OURS
    stage.source = (
        f'source = "imap"\nimap = {{ host = "{OURS}", port = {wire.port}, security = "none", '
        f'username = "{user}", password_env = "MAILBOX_PASSWORD" }}'
    )
    api = stage.slack.url.replace("127.0.0.1", OURS)
    stage.secrets = {"MAILBOX_PASSWORD": PASSWORD, "SLACK_API_URL": api}
    yield stage, ImapRoom(dovecot, user), wire
    names.away = False
    await stage.stop()
    await wire.stop()


async def reason(stage: Stage) -> str:
    """Why the mailbox fails, as `/readyz` says; empty while it does not."""
    async with aiohttp.ClientSession() as session, session.get(stage.url("/readyz")) as answer:
        return str((await answer.json())["mailboxes"][0]["reason"])


async def test_mail_in_and_out_waits_for_the_names_and_comes_once(
    place: tuple[Stage, ImapRoom, Wiretap], names: Names
) -> None:
    stage, room, wire = place
    mina = Desk(stage)
    await stage.start_bridge()
    room.deliver(written("Before"))
    card = await mina.sees_card("Before")
    await mina.opens(card)
    names.away = True
    wire.cut()
    stage.slack.faults.drop_before("chat.postMessage")
    await mina.person.submit({"body": rich("Words that wait")})
    room.deliver(written("While nobody knew"))
    async with asyncio.timeout(20):
        while "name cannot be found" not in await reason(stage):  # noqa: ASYNC110 - a site is asked, not a task
            await asyncio.sleep(0.05)
    await until(lambda: names.asked >= 4)
    assert stage.world.envelopes == []
    names.away = False
    await mina.sees_card("While nobody knew")
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(mina.cards()) == 2  # and no alarm: it has passed by itself
    assert len(stage.world.envelopes) == 1
    assert await reason(stage) == ""


async def test_a_bridge_that_is_started_without_names_waits_for_them(
    place: tuple[Stage, ImapRoom, Wiretap], names: Names
) -> None:
    stage, room, _ = place
    names.away = True
    starting = asyncio.create_task(stage.start_bridge())
    await until(lambda: names.asked >= 2)
    assert not starting.done()
    names.away = False
    await starting
    room.deliver(written("At last"))
    await Desk(stage).sees_card("At last")
