"""The weekly summary where several replicas run: each mailbox's channel is told its week once, whatever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from pathlib import Path

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import imap_source, until, user_of
from onstage import ENOUGH, Desk
from services import Service
from test_late_effects import owners, who_has
from test_numbers import DAY, WEEKLY, fall_due, pictures, promised
from test_replicas import KEY

from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.jobs import LANDING, LEASE
from bridge.model import now
from bridge.numbers.summary import next_monday

SALES = "C0SALES001"
LONGER = LEASE.total_seconds() + LANDING / 2
"""Seconds that a lease does not last, and within which what was under way has landed."""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, dovecot: Dovecot, postgresql_url: str) -> AsyncIterator[Stage]:
    """Two mailboxes, each with a channel of its own."""
    made = Stage(tmp_path, hold=0.1)
    made.source = imap_source(dovecot, user_of(tmp_path))
    made.others = f"""\
[[mailbox]]
name = "sales"
address = "sales@fernhill.example.com"
channel = "#sales"
{imap_source(dovecot, user_of(tmp_path / "sales"))}
smtp = {{ host = "{made.world.host}", port = 25, security = "none", username = "" }}

{WEEKLY}"""
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD, "BRIDGE_DATABASE_URL": postgresql_url, "BRIDGE_SECRET_KEY": KEY}
    here = made.slack.workspace
    here.add_channel("sales", channel_id=SALES, members=[MINA, here.bot_user_id])
    await made.slack.start()
    await made.world.start()
    yield made
    await made.stop()


@pytest.fixture
async def replicas(stage: Stage) -> AsyncIterator[list[Service]]:
    services = [Service(stage), Service(stage)]
    for one in services:
        await one.start()
    for one in services:
        await one.ready.wait()
    yield services
    for one in services:
        await one.kill()


async def all_is_told_once(stage: Stage) -> None:
    """One message in each channel, and none on its way; the next week is promised, once."""
    monday, mina, faults = next_monday(now(), zone=UTC), Desk(stage), stage.slack.faults
    await mina.sees(lambda: pictures(stage, CHANNEL) and pictures(stage, SALES))
    async with asyncio.timeout(ENOUGH):
        while await owners(stage, "summary"):  # noqa: ASYNC110 - a database is asked, not a task
            await asyncio.sleep(0.05)
    await until(lambda: not faults.outstanding)
    assert await promised(stage) == [f"{name} {monday + 7 * DAY}" for name in ("sales", "support")]
    for name, channel in (("support", CHANNEL), ("sales", SALES)):
        [message] = pictures(stage, channel)
        assert f"*{name}*, {monday - 7 * DAY} to {monday - DAY}" in message["text"]
        assert len(message["files"]) == 1


async def test_each_mailboxs_channel_is_told_once(stage: Stage, replicas: list[Service]) -> None:
    """Both promise it at their start, and both are woken when it is due."""
    monday = next_monday(now(), zone=UTC)
    assert await promised(stage) == [f"sales {monday}", f"support {monday}"]
    await fall_due(stage)
    await all_is_told_once(stage)


@pytest.mark.parametrize(
    ("blow", "how"),
    [
        ("files.getUploadURLExternal slow", "killed"),
        ("files.completeUploadExternal slow, file_share slow", "killed"),
        ("files.completeUploadExternal late", "killed"),
        ("files.completeUploadExternal late", "frozen"),
        ("files.completeUploadExternal slow", "frozen"),
    ],
)
async def test_it_is_told_once_also_where_a_replica_goes_in_the_middle(
    stage: Stage, replicas: list[Service], blow: str, how: str
) -> None:
    """While the picture is brought, when it is shown and nobody knows, and when it is shown only afterwards."""
    faults, blows = stage.slack.faults, [one.split(" ") for one in blow.split(", ")]
    for method, when in blows:
        (faults.late if when == "late" else faults.slow)(method, seconds=LONGER)
    await fall_due(stage)
    await until(lambda: faults.calls[blows[0][0]] >= 1)
    holder = await who_has(stage, "summary", *replicas)
    if how == "killed":
        await holder.kill()
    else:
        holder.freeze()
    await all_is_told_once(stage)
    if how == "frozen":
        holder.thaw()
        assert await holder.stop() == 0  # whatever it had in hand has ended
        await all_is_told_once(stage)
