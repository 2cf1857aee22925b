"""What was asked of Slack happens once, also where it happens after whoever asked has died, was frozen, or gave up."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dovecot import Dovecot
from mailroom import until, user_of, written
from onstage import Desk, ask, said
from services import Service
from sqlalchemy import select
from test_replicas import dovecot, replicas
from test_replicas import stage as stage_of_replicas

from bridge.demo.stage import CHANNEL, Stage
from bridge.jobs import LANDING, LEASE
from bridge.model import Attachment, now
from bridge.slack.gateway import SHARE_WAITS
from bridge.store.database import Store
from bridge.store.jobs import reschedule
from bridge.store.schema import jobs

__all__ = ["dovecot", "replicas"]

stage = stage_of_replicas
POST = "chat.postMessage"
SUBJECT = "Two bags"


async def all_stands_once(mina: Desk, *, posts: int) -> None:
    """The card, and the mail in its thread; and every post that was asked for has been done by now."""
    card = await mina.sees_card(SUBJECT)
    await mina.sees(lambda: mina.line(card, f"About {SUBJECT}"))
    faults = mina.stage.slack.faults
    await until(lambda: faults.calls[POST] >= posts and not faults.outstanding)
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
    await until(lambda: faults.calls[POST] == 1)
    holder = await who_has(stage, "show", first, second)
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


async def owners(stage: Stage, kind: str) -> set[str]:
    """Who has jobs of that kind in hand: the parts of their names, a machine, a process and a random word each."""
    in_hand = select(jobs.c.owner).where(jobs.c.kind == kind, jobs.c.owner.is_not(None))
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.read() as conn:
        found = {part for owner in (await conn.execute(in_hand)).scalars() for part in owner.split(":")}
    await store.close()
    return found


async def who_has(stage: Stage, kind: str, *services: Service) -> Service:
    """Which of them has a job of that kind in hand."""
    found = await owners(stage, kind)
    [holder] = [one for one in services if str(one.pid) in found]
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


def with_a_file() -> list[Attachment]:
    return [Attachment(filename="bags.csv", content_type="text/csv", content=b"a,b\n")]


def shown_files(mina: Desk, card: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in mina.thread(card) if one.get("files")]


async def test_files_that_slack_shows_late_stand_once(single: Stage) -> None:
    """The answer to the share is lost, and its message comes later than anybody looks for it at first."""
    mina, faults = Desk(single), single.slack.faults
    faults.slow("file_share", seconds=sum(SHARE_WAITS) + 1)
    faults.drop_after_commit("files.completeUploadExternal")
    await ask(single, subject=SUBJECT, files=with_a_file())
    card = await mina.sees_card(SUBJECT)
    await mina.sees(lambda: shown_files(mina, card))
    await until(lambda: unfinished(single, "show") == 0)
    assert len(shown_files(mina, card)) == 1


async def test_files_that_slack_loses_are_brought_there_again(single: Stage) -> None:
    mina = Desk(single)
    single.slack.faults.drop_before("file_share")
    await ask(single, subject=SUBJECT, files=with_a_file())
    card = await mina.sees_card(SUBJECT)
    await until(lambda: unfinished(single, "shares") == 1)
    assert shown_files(mina, card) == []
    store = await Store.open(single.settings().database_url.get_secret_value())
    async with store.write() as conn:
        [key] = (await conn.execute(select(jobs.c.key).where(jobs.c.kind == "shares"))).scalars()
        await reschedule(conn, key, due=now())
    await store.close()
    await mina.sees(lambda: shown_files(mina, card))
    assert len(shown_files(mina, card)) == 1


def unfinished(stage: Stage, kind: str) -> int:
    """How many jobs of a kind are still to be done."""
    question = "SELECT count(*) FROM jobs WHERE kind = ? AND state IN ('ready', 'running')"
    with contextlib.closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
        return int(database.execute(question, [kind]).fetchone()[0])


@pytest.fixture
async def single(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "single", hold=0.1)
    await made.start()
    yield made
    await made.stop()
