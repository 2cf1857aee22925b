"""What the bridge stands on goes away and comes back: each time nothing is lost, nothing is shown twice, and it is told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from onstage import Desk, ask, rich
from postgresql import Server, running_postgresql

from bridge.demo.stage import Stage


@pytest.fixture
def database() -> Iterator[Server]:
    with running_postgresql() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, database: Server) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.http = "127.0.0.1:0"
    made.secrets = {"BRIDGE_DATABASE_URL": database.url, "BRIDGE_SECRET_KEY": "a key for this test alone"}
    await made.start()
    yield made
    await made.stop()


async def ready(stage: Stage) -> int:
    async with aiohttp.ClientSession() as session, session.get(stage.url("/readyz")) as answer:
        return answer.status


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_the_database_goes_away_and_comes_back(stage: Stage, mina: Desk, database: Server, mode: str) -> None:
    """Mail that comes meanwhile waits in the mailbox; an answer is refused, not lost, and goes out when sent again."""
    await ask(stage, subject="Before")
    card = await mina.sees_card("Before")
    await mina.opens(card)
    await asyncio.to_thread(database.stop, mode)
    assert await ready(stage) == 503
    await ask(stage, subject="While it was away")
    answer = await mina.person.submit({"body": rich("Words that stay")})
    assert (answer or {}).get("response_action") == "errors"
    assert (mina.person.view() or {}).get("callback_id") == "compose"
    await asyncio.to_thread(database.start)
    await mina.sees_card("While it was away")
    await mina.person.submit({"body": rich("Words that stay")})
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert await ready(stage) == 200
    assert len(mina.cards()) == 2
    assert len(stage.world.envelopes) == 1
