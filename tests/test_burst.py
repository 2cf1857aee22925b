"""Two thousand mails at once, and a Slack that takes one post a second: all are shown, once, and nobody waits.

Over so many cards a minute, the rest stands in a digest (`[flood]`): without one, two thousand cards are an hour's posts.
"""

import asyncio
import contextlib
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mailroom import LocalRoom, written
from onstage import Desk, actions, cards_alone, nodes, said
from services import Service
from sqlalchemy import select
from test_kills import service

from bridge.demo.stage import CHANNEL, Stage
from bridge.store.database import Store
from bridge.store.schema import conversations

__all__ = ["service"]

MAILS = int(os.environ.get("BRIDGE_BURST") or 2000)
CARDS = 20  # the limit, and so how many have cards of their own
MEMORY = 400  # MiB: the service's own, a mail here being small
QUICK = 3.0  # seconds that Slack waits for an answer to a command
ENOUGH = 600.0


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1, flood=CARDS)
    await made.slack.start()
    await made.world.start()
    yield made
    await made.stop()


def peak(pid: int) -> float:
    """The most memory that a process ever held, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def shown(stage: Stage) -> int:
    """How many conversations stand in the channel: those with a card, and those that a digest counts."""
    listed = [re.search(r"List all (\d+)", said(one)) for one in stage.slack.workspace.history(CHANNEL)]
    return len(cards_alone(stage)) + sum(int(one[1]) for one in listed if one)


@pytest.mark.storm
@pytest.mark.timeout(900)
async def test_two_thousand_mails_at_once(stage: Stage, service: Service, tmp_path: Path) -> None:
    room, mina, waits = LocalRoom(tmp_path / "mail" / "support"), Desk(stage), list[float]()
    stage.slack.faults.pace(per_second=1, burst=4)
    await service.start()
    await service.ready.wait()
    began = time.monotonic()
    await asyncio.to_thread(room.deliver, *(written(f"Matter {number:04}") for number in range(MAILS)))

    async def asks() -> None:
        """An agent who asks for the inbox all the while."""
        while True:
            asked = time.monotonic()
            await mina.person.command(CHANNEL, "/mail", "inbox")
            waits.append(time.monotonic() - asked)
            await asyncio.sleep(0.2)

    asking = asyncio.create_task(asks())
    async with asyncio.timeout(ENOUGH):
        while shown(stage) < MAILS:  # noqa: ASYNC110 - another process posts
            await asyncio.sleep(0.2)
    took = time.monotonic() - began
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    digest = next(one for one in mina.cards() if "digest_list" in actions(one))
    await mina.person.click(CHANNEL, digest["ts"], "digest_list")
    await mina.sees(lambda: "Page 1 of" in said(mina.person.view() or {}))
    listed = [node["options"][0]["value"] for node in nodes(mina.person.view()) if node.get("options")]
    sys.stderr.write(
        f"{MAILS} mails: all shown after {took:.0f} s, {len(waits)} commands meanwhile, half within "
        f"{statistics.median(waits):.2f} s, the slowest {max(waits):.2f} s; {peak(service.pid):.0f} MiB at the most\n"
    )
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.read() as conn:
        subjects = list(
            (await conn.execute(select(conversations.c.subject).order_by(conversations.c.number))).scalars()
        )
    await store.close()
    assert subjects == [f"Matter {number:04}" for number in range(MAILS)]
    titles = [str(one["blocks"][0]["text"]["text"]) for one in cards_alone(stage)]
    assert sorted(titles)[:CARDS] == subjects[:CARDS]  # cards on their way at once may overtake by a few places
    assert len(titles) == len(set(titles))
    assert listed == [f"open:{number}" for number in range(CARDS + 1, CARDS + 1 + len(listed))]
    assert max(waits) < QUICK
    assert peak(service.pid) < MEMORY
