"""What was asked of Slack happens once, also where it happens after whoever asked has died, was frozen, or gave up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dovecot import Dovecot
from mailroom import user_of, written
from onstage import Desk, ask, said
from services import Service
from sqlalchemy import select
from test_replicas import dovecot, replicas
from test_replicas import stage as stage_of_replicas

from bridge.demo.stage import CHANNEL, Stage
from bridge.jobs import LANDING, LEASE
from bridge.store.database import Store
from bridge.store.schema import jobs

__all__ = ["dovecot", "replicas"]

stage = stage_of_replicas
POST = "chat.postMessage"
SUBJECT = "Two bags"


async def all_stands_once(mina: Desk, *, posts: int) -> None:
    """The card, and the mail in its thread; and every post that was asked for has been done by now."""
    card = await mina.sees_card(SUBJECT)
    await mina.sees(lambda: mina.line(card, f"About {SUBJECT}"))
    await mina.sees(lambda: mina.stage.slack.faults.calls[POST] >= posts)
    assert len(mina.cards()) == 1
    assert len([one for one in mina.thread(card) if f"About {SUBJECT}" in said(one)]) == 1


@pytest.mark.parametrize("blow", ["late, killed", "late, frozen", "slow, killed", "slow, frozen"])
async def test_a_post_that_is_answered_or_happens_after_the_lease_stands_once(
    stage: Stage, replicas: tuple[Service, Service], dovecot: Dovecot, tmp_path: Path, blow: str
) -> None:
    """The other replica looks when it takes over, and once more when what was under way has landed."""
    when, how = blow.split(", ")
    first, second = replicas
    faults, mina = stage.slack.faults, Desk(stage)
    longer = LEASE.total_seconds() + LANDING / 2  # than the lease; what Slack takes at the most is within the landing
    (faults.late if when == "late" else faults.slow)(POST, seconds=longer)
    dovecot.deliver(user_of(tmp_path), written(SUBJECT))
    await mina.sees(lambda: faults.calls[POST] == 1)
    holder = await who_shows(stage, first, second)
    if how == "killed":
        await holder.kill()
    else:
        holder.freeze()
    await all_stands_once(mina, posts=2)
    if how == "frozen":
        holder.thaw()
        dovecot.deliver(user_of(tmp_path), written("Afterwards"))
        await mina.sees_card("Afterwards")
        assert len(mina.cards()) == 2


async def who_shows(stage: Stage, *services: Service) -> Service:
    """Which of them has the card in hand: the job's owner is named by its machine, process and a random word."""
    in_hand = select(jobs.c.owner).where(jobs.c.kind == "show", jobs.c.owner.is_not(None))
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.read() as conn:
        owners = {part for owner in (await conn.execute(in_hand)).scalars() for part in owner.split(":")}
    await store.close()
    [holder] = [one for one in services if str(one.pid) in owners]
    return holder


async def test_a_history_that_lags_behind_hides_no_post_from_whoever_lost_its_answer(lagging: Stage) -> None:
    mina, faults = Desk(lagging), lagging.slack.faults
    faults.drop_after_commit(POST)
    await ask(lagging, subject=SUBJECT, text=f"About {SUBJECT}.")
    await all_stands_once(mina, posts=2)
    history = lagging.slack.workspace.history(CHANNEL)
    assert len([one for one in history if one.get("bot_id")]) == 1


@pytest.fixture
async def lagging(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "lagging", hold=0.1)
    await made.start()
    made.slack.faults.lag(LANDING * 0.6)
    yield made
    await made.stop()
