"""Nothing lost, nothing twice: the real `bridge run`, a real mailbox, and everything fails at once.

The seed is printed; `BRIDGE_SEED` repeats a storm as far as processes can be repeated, `BRIDGE_STORM=0.1` makes a small
one. `docs/reliability.md` has the figures; the control, which looks for nothing, is in `test_kills`.
"""

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from mailroom import imap_source
from services import Service
from storms import Storm, dice

from bridge.demo.stage import Stage
from bridge.ledger import compare_now
from bridge.store import jobs
from bridge.store.database import Store

USER = "support"
SCALE = float(os.environ.get("BRIDGE_STORM") or 1)
"""A tenth to look for a fault, ten for a night."""
MATTERS, PARTS, ANSWERS = max(1, int(100 * SCALE)), 3, int(150 * SCALE)
KILLS, FREEZES = max(2, int(10 * SCALE)), max(1, int(5 * SCALE))


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
@pytest.mark.timeout(1200)
async def test_nothing_is_lost_or_doubled_or_out_of_order_whatever_fails(
    stage: Stage, services: list[Service], dovecot: Dovecot, database_url: str
) -> None:
    stage.secrets |= {"BRIDGE_DATABASE_URL": database_url, "BRIDGE_SECRET_KEY": "a key that the replicas share"}
    replicas = 2 if database_url.startswith("postgresql") else 1
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
    await storm.run(kills=KILLS, freezes=FREEZES, freeze=4.0 if replicas > 1 else 0.7)
    took, counted = time.monotonic() - began, storm.counted()
    calls, kills = sum(stage.slack.faults.calls.values()), sum(one.kills for one in services)
    freezes = sum(one.freezes for one in services)
    sys.stderr.write(
        f"{replicas} on {'PostgreSQL' if replicas > 1 else 'SQLite'}: {kills} kills, {freezes} freezes, "
        f"{calls} calls of Slack, {took:.0f} s: {counted}\n"
    )
    assert set(counted.values()) == {0}, (counted, await storm.history())
    assert sum(len(one.logged) for one in services) > KILLS
    assert storm.told_too_much() == []
    stage.slack.faults.clear()
    [(sentence, whole)] = await compare_now(stage.settings(), mailbox="support", within=30)
    assert whole, sentence
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.read() as conn:
        assert (await jobs.counts(conn))[jobs.State.PARKED] == 0
    await store.close()
