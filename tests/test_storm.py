"""Nothing lost, nothing twice: the real `bridge run`, a real mailbox, and everything fails at once.

The seed is printed; `BRIDGE_SEED` repeats a storm as far as processes can be. `docs/reliability.md` has the figures.
"""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import imap_source
from services import Service
from storms import Storm, dice

from bridge.demo.double.faults import Fault
from bridge.demo.stage import Stage
from bridge.ledger import compare_now
from bridge.store import jobs
from bridge.store.database import Store

USER = "support"
MATTERS, PARTS, ANSWERS = 100, 3, 150

WITHOUT_LOOKING = """
import asyncio, sys, pathlib
from bridge.app import Bridge
from bridge.config import load
from bridge.logs import configure

async def run():
    await Bridge(load(config_file=pathlib.Path(sys.argv[1])), look_first=False).start()
    await asyncio.Event().wait()

configure("json")
asyncio.run(run())
"""


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source, made.secrets = imap_source(dovecot, USER), {"MAILBOX_PASSWORD": PASSWORD}
    await made.slack.start()
    await made.world.start()
    yield made
    await made.stop()


@pytest.fixture
async def services(stage: Stage) -> AsyncIterator[list[Service]]:
    made: list[Service] = []
    yield made
    for service in made:
        await service.kill()


@pytest.mark.storm
@pytest.mark.timeout(600)
@pytest.mark.parametrize("replicas", [pytest.param(1, id="sqlite"), pytest.param(2, id="postgresql")])
async def test_nothing_is_lost_or_doubled_or_out_of_order_whatever_fails(
    stage: Stage, services: list[Service], dovecot: Dovecot, replicas: int, request: pytest.FixtureRequest
) -> None:
    if replicas > 1:
        url = request.getfixturevalue("postgresql_url")
        stage.secrets |= {"BRIDGE_DATABASE_URL": url, "BRIDGE_SECRET_KEY": "a key that the replicas share"}
    services += [Service(stage) for _ in range(replicas)]
    chance = dice()
    storm = Storm(
        stage,
        services,
        deliver=lambda raw: dovecot.deliver(USER, raw),
        chance=chance,
        matters=MATTERS,
        parts=PARTS,
        answers=ANSWERS,
    )
    storm.slack_fails(0.2)
    storm.smtp_fails()
    began = time.monotonic()
    await storm.run(kills=10, freezes=5, freeze=4.0 if replicas > 1 else 0.7)
    took, counted = time.monotonic() - began, storm.counted()
    calls, kills = sum(stage.slack.faults.calls.values()), sum(one.kills for one in services)
    freezes = sum(one.freezes for one in services)
    sys.stderr.write(
        f"{replicas} on {'PostgreSQL' if replicas > 1 else 'SQLite'}: {kills} kills, {freezes} freezes, "
        f"{calls} calls of Slack, {took:.0f} s: {counted}\n"
    )
    assert set(counted.values()) == {0}, counted
    stage.slack.faults.clear()
    [(sentence, whole)] = await compare_now(stage.settings(), mailbox="support", within=30)
    assert whole, sentence
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.read() as conn:
        assert (await jobs.counts(conn))[jobs.State.PARKED] == 0
    await store.close()


@pytest.mark.storm
@pytest.mark.timeout(300)
async def test_without_looking_before_redoing_a_storm_shows_doubles(
    stage: Stage, services: list[Service], dovecot: Dovecot
) -> None:
    """The control: were finding before redoing worth nothing, or the test blind, nothing would be doubled here."""
    services.append(Service(stage, [sys.executable, "-c", WITHOUT_LOOKING]))
    storm = Storm(stage, services, deliver=lambda raw: dovecot.deliver(USER, raw), chance=dice(), matters=40)
    storm.slack_fails(0.1, Fault(kind="drop_after_commit", method="chat.postMessage"))
    await storm.run(kills=4)
    assert storm.counted()["cards doubled"] + storm.counted()["mails doubled"] > 0
