"""A replica whose clock is an hour ahead or behind of its PostgreSQL: what it promises is due by the database's clock.

The whole bridge is told on the stage, once as if its machine's clock were off.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from onstage import Desk, actions, ask, received, rich, said
from sqlalchemy import select
from test_replicas import KEY

from bridge.demo.stage import CHANNEL, Stage
from bridge.model import CLOCK, now
from bridge.store import jobs, schema
from bridge.store.database import Store, current_time

HOUR = timedelta(hours=1)
LONG_ENOUGH = 30.0  # seconds in which an agent sees a line and presses Undo, also on a machine that does much else
DANA = "dana@example.com"
RULE = """
[[template]]
name = "Hours"
text = "We open at nine."

[[rule]]
name = "Opening"
when = { subject = "open" }
then = { template = "Hours" }
"""


@contextlib.asynccontextmanager
async def off_by(by: timedelta, stage: Stage) -> AsyncIterator[Desk]:
    CLOCK.ahead += by
    try:
        await stage.start()
        yield Desk(stage)
    finally:
        await stage.stop()
        CLOCK.ahead -= by


@pytest.fixture
def stage(tmp_path: Path, postgresql_url: str) -> Stage:
    """Not started yet; it proposes an answer to who asks when it is open."""
    made = Stage(tmp_path)
    made.others = RULE
    made.secrets = {"BRIDGE_DATABASE_URL": postgresql_url, "BRIDGE_SECRET_KEY": KEY}
    return made


async def acknowledged(mina: Desk) -> dict[str, Any]:
    """The line of a mail that nobody wrote."""
    await ask(mina.stage, subject="Two bags")
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: mina.line(card, "by itself"))
    assert line
    return line


async def answered(mina: Desk) -> dict[str, Any]:
    """The line of an agent's answer."""
    await ask(mina.stage, subject="Two bags")
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here they are.")})
    line = await mina.sees(lambda: mina.line(card, "Here they are."))
    assert line
    return line


async def approved(mina: Desk) -> dict[str, Any]:
    """The line of an answer that a rule proposed and an agent sends."""
    await ask(mina.stage, subject="When do you open?")
    card = await mina.sees_card("When do you open?")
    proposed = await mina.sees(lambda: mina.line(card, "Proposed"))
    assert proposed
    await mina.person.click(CHANNEL, proposed["ts"], "send_now")

    def held() -> dict[str, Any] | None:
        line = mina.line(card, "We open at nine.") or {}
        return line if "cancel_send" in actions(line) or "Sent" in said(line) else None

    line = await mina.sees(held)
    assert line
    return line


def source_of(stage: Stage, way: Any) -> str:
    return stage.source + ("\nauto_ack = true" if way is acknowledged else "")


WAYS = pytest.mark.parametrize("way", [acknowledged, answered, approved])


@WAYS
async def test_a_mail_leaves_no_later_by_a_clock_that_is_ahead(stage: Stage, way: Any) -> None:
    stage.hold, stage.source = 0.5, source_of(stage, way)
    async with off_by(HOUR, stage) as mina:
        await way(mina)
        await received(stage, DANA)


@WAYS
async def test_a_mail_can_be_undone_for_as_long_by_a_clock_that_is_behind(stage: Stage, way: Any) -> None:
    stage.hold, stage.source = LONG_ENOUGH, source_of(stage, way)
    async with off_by(-HOUR, stage) as mina:
        line = await way(mina)
        await ask(stage, from_="Ben <ben@example.org>", subject="Something else")
        await mina.sees_card("Something else")  # what was due until then has been done
        await mina.person.click(CHANNEL, line["ts"], "cancel_send")
        await mina.sees(lambda: "Undone" in str(stage.slack.workspace.message(CHANNEL, line["ts"])))
        assert stage.world.envelopes == []


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["ahead", "behind"])
async def test_what_is_due_at_once_is_so_by_the_clock_of_all(postgresql_url: str, by: timedelta) -> None:
    store = await Store.open(postgresql_url)
    CLOCK.ahead += by
    try:
        async with store.write() as conn:
            before = await current_time(conn)
            await jobs.add(conn, key="a", kind="show", payload={})
            await jobs.add_all(conn, [jobs.Promise(key=key, kind="show", payload={}) for key in ("b", "c")])
            later = now() + HOUR
            await jobs.add(conn, key="d", kind="show", payload={}, due=later)
            after = await current_time(conn)
            rows = await conn.execute(select(schema.jobs.c.key, schema.jobs.c.due))
            found = {row.key: row.due for row in rows}
    finally:
        CLOCK.ahead -= by
        await store.close()
    assert found.pop("d") == later
    assert all(before <= due <= after for due in found.values())
    assert len(found) == 3
