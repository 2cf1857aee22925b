"""A mailbox that cannot be read or shown is told of with what to do, and holds up no other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from dovecot import PASSWORD, Dovecot
from mailroom import (
    dovecot_fixture,  # noqa: F401 - a fixture
    written,
)
from onstage import Desk, ask, received, rich, said

from bridge.commands import check
from bridge.demo.stage import CHANNEL, JONAS, MINA, Stage
from bridge.desk import Mailbox
from bridge.errors import Misconfigured
from bridge.model import Address, ChannelId, MailboxName, Status, now
from bridge.store import conversations, jobs
from bridge.store.database import Store
from bridge.undone import of_channels

OpenStage = Callable[..., contextlib.AbstractAsyncContextManager[Stage]]


@pytest.fixture
def opened(tmp_path: Path, dovecot: Dovecot) -> OpenStage:
    """A stage with a second mailbox, "sales", over Dovecot; what is wrong with it is the parameters."""

    @contextlib.asynccontextmanager
    async def open_stage(
        *,
        password: str = PASSWORD,
        ca_file: Path | None = dovecot.ca_file,
        port: int = dovecot.imaps,
        channel: str = "#support",
        folders: str = "",
    ) -> AsyncIterator[Stage]:
        made = Stage(tmp_path, hold=0.1)
        made.http = "127.0.0.1:0"
        made.secrets = {"SALES_PASSWORD": password}
        trusted = f', ca_file = "{ca_file}"' if ca_file else ""
        made.others = f"""\
[[mailbox]]
name = "sales"
address = "sales@fernhill.example.com"
channel = "{channel}"
imap = {{ host = "localhost", port = {port}, username = "sales", password_env = "SALES_PASSWORD"{trusted} }}
smtp = {{ host = "{made.world.host}", port = 25, security = "none", username = "" }}
{folders}
"""
        try:
            await made.start()
            yield made
        finally:
            await made.stop()

    return open_stage


async def fares(stage: Stage, name: str) -> dict[str, Any]:
    """What the health check says of a mailbox."""
    async with aiohttp.ClientSession() as session, session.get(stage.url("/readyz")) as answer:
        assert answer.status == 200
        told = (await answer.json())["mailboxes"]
    found: dict[str, Any] = next(one for one in told if one["name"] == name)
    return found


async def works(stage: Stage) -> None:
    """Mail of the other mailbox comes in, is claimed, and is answered."""
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here you are")})
    await received(stage, "dana@example.com")
    await mina.person.command(CHANNEL, "/mail", "inbox")
    assert "Two bags" in said(mina.person.ephemerals(CHANNEL)[-1])
    await mina.person.command(CHANNEL, "/mail", "status")
    assert "*support* is watched" in said(mina.person.ephemerals(CHANNEL)[-1])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"password": "wrong"}, "check MAIL_USERNAME and MAIL_PASSWORD"),
        ({"ca_file": None}, "MAIL_CA_FILE"),
        ({"port": 1}, "cannot be reached"),
        ({"folders": 'folders = { inbox = "Nowhere" }'}, "The mailbox has no folder Nowhere"),
        ({"channel": "#nowhere"}, "The bot sees no channel #nowhere"),
    ],
    ids=["password", "certificate", "server", "folder", "channel"],
)
async def test_what_is_wrong_is_told_and_the_other_mailbox_works(
    opened: OpenStage, wrong: dict[str, Any], says: str
) -> None:
    async with opened(**wrong) as stage:
        sales = await fares(stage, "sales")
        assert sales["state"] == "failing"
        assert says in sales["reason"]
        await works(stage)
        mina = Desk(stage)
        await mina.person.command(CHANNEL, "/mail", "status")
        assert says in said(mina.person.ephemerals(CHANNEL)[-1])
        failed = {one.part: f"{one.says} {one.fix}" for one in await check.check(stage.settings()) if not one.works}
        assert says in failed["channel of sales" if "channel" in wrong else "imap of sales"]


async def test_who_may_not_act_in_a_mailboxes_channel_is_told_nothing_of_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    here = stage.slack.workspace
    here.add_channel("board", channel_id="C0BOARD001", members=[MINA, here.bot_user_id])
    stage.secrets = {"BOARD_PASSWORD": PASSWORD}
    imap = 'imap = { host = "localhost", port = 1, username = "board", password_env = "BOARD_PASSWORD" }'
    stage.others = (
        '[[mailbox]]\nname = "board"\naddress = "board@fernhill.example.com"\nchannel = "#board"\n'
        f'{imap}\nsmtp = {{ host = "{stage.world.host}", port = 25, security = "none", username = "" }}\n'
    )
    try:
        await stage.start()
        told = {}
        for who in (MINA, JONAS):
            person = Desk(stage, who).person
            await person.command(CHANNEL, "/mail", "status")
            told[who] = said(person.ephemerals(CHANNEL)[-1])
            assert "*support* is watched" in told[who]
        assert "*board*" in told[MINA]
        assert "cannot be reached" in told[MINA]
        assert "board" not in told[JONAS]
        assert "cannot be reached" not in told[JONAS]
    finally:
        await stage.stop()


async def test_why_something_was_not_done_is_told_only_where_its_mail_shows(store: Store) -> None:
    """It may name a file, or a customer's address."""
    ours, theirs = ChannelId("C0OURS0001"), ChannelId("C0THEIRS01")
    boxes = {
        MailboxName(name): Mailbox(
            name=MailboxName(name), address=Address(email=f"{name}@acme.example"), channel=channel, hold=timedelta(0),
            saves_sent=False, max_bytes=1 << 20,
        )
        for name, channel in (("ours", ours), ("theirs", theirs))
    }  # fmt: skip
    async with store.write() as conn:
        numbers = [
            await conversations.create(
                conn, mailbox=name, channel=box.channel, subject="", status=Status.OPEN, at=now()
            )
            for name, box in boxes.items()
        ]
        payloads: list[dict[str, Any]] = [{"number": one} for one in numbers]
        payloads += [{"channel": theirs}, {"mailbox": "theirs"}, {"mailbox": "ours"}, {"below": None}]
        for at, payload in enumerate(payloads):
            await jobs.add(conn, key=str(at), kind="k", payload=payload)
        parked = [(job, job.key) for job in await jobs.claim(conn, limit=9, owner="o", lease=timedelta(1))]
        parked.sort(key=lambda one: one[1])
        assert await of_channels(conn, parked, mailboxes=boxes, channels=[ours]) == ["0", "4"]
        assert await of_channels(conn, parked, mailboxes=boxes, channels=[theirs]) == ["1", "2", "3"]
        assert len(await of_channels(conn, parked, mailboxes=boxes, channels=[ours, theirs])) == len(parked)


async def test_a_mailbox_is_read_once_there_is_its_channel(
    opened: OpenStage, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.mailboxes.MENDING", 0.1)
    async with opened(channel="#sales") as stage:
        stage.slack.workspace.add_channel("sales", channel_id="C0SALES001", members=[stage.slack.workspace.bot_user_id])

        async def watched() -> bool:
            found: bool = (await fares(stage, "sales"))["state"] == "watching"
            return found

        while not await watched():
            pass
        await asyncio.to_thread(dovecot.deliver, "sales", written("An order"))
        mina = Desk(stage)
        await mina.sees(lambda: [one for one in stage.slack.workspace.history("C0SALES001") if "An order" in said(one)])


async def test_where_no_mailbox_has_a_channel_the_bridge_says_so_and_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.slack.workspace.change_channel(CHANNEL, name="other")
    with pytest.raises(Misconfigured, match="MAIL_CHANNEL"):
        await stage.start()
    await stage.stop()


async def test_a_channel_without_the_bot_is_told_with_what_to_type(stage: Stage, mina: Desk) -> None:
    stage.slack.workspace.leave(CHANNEL, stage.slack.workspace.bot_user_id)
    await ask(stage)

    async def told() -> bool:
        await mina.person.command(CHANNEL, "/mail", "status")
        return "type /invite @Bridge there" in said(mina.person.ephemerals(CHANNEL)[-1])

    while not await told():
        pass
    stage.slack.workspace.join(CHANNEL, stage.slack.workspace.bot_user_id)
    await stage.stop_bridge()
    await stage.start_bridge()
    await mina.sees_card("Two bags")


async def test_a_folder_that_is_not_there_is_told_before_anybody_misses_it(opened: OpenStage) -> None:
    async with opened() as stage:
        found = {one.part: one for one in await check.check(stage.settings())}
        assert found["imap of sales"].works
        assert "It has no folder for junk: name one under `folders`" in found["imap of sales"].says
    async with opened(folders='folders = { junk = "Muell" }') as stage:
        found = {one.part: one for one in await check.check(stage.settings())}
        assert not found["imap of sales"].works
        assert "has no folder Muell" in found["imap of sales"].says


async def test_a_folder_of_another_name_is_told_on_the_card_and_the_mail_is_on_the_table_again(
    opened: OpenStage, dovecot: Dovecot
) -> None:
    async with opened(folders='folders = { archive = "Ablaeg" }') as stage:
        await asyncio.to_thread(dovecot.deliver, "sales", written("An order"))
        mina = Desk(stage)
        await mina.sees_card("An order")
        await mina.person.command(CHANNEL, "/mail", "archive 1")
        card = await mina.sees(lambda: mina.card("has no folder Ablaeg"))
        assert "correct its name in bridge.toml (folders)" in said(card or {})
        assert "Open" in said(card or {})
        assert "Archived" not in said(card or {})
