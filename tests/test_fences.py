"""A mail belongs to whoever has its job: a replica that lost it moves nothing, and what the server took is known."""

import contextlib
import sqlite3
from collections.abc import Iterator
from itertools import repeat

from mailroom import until
from onstage import Desk, ask, rich

from bridge.demo.stage import Stage
from bridge.demo.world import Stage as At


def change(stage: Stage, sql: str) -> None:
    """As another replica would, meanwhile."""
    with contextlib.closing(sqlite3.connect(stage.database, isolation_level=None, timeout=10)) as database:
        database.execute(sql)


def state(stage: Stage) -> str:
    with contextlib.closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
        return str(database.execute("SELECT state FROM drafts").fetchone()[0])


async def test_who_lost_the_job_in_the_middle_of_the_dialogue_sends_nothing(stage: Stage, mina: Desk) -> None:
    taken_over: list[str] = []

    def takes_over() -> Iterator[str | None]:
        change(stage, "UPDATE jobs SET fence = fence + 1 WHERE kind = 'send'")
        taken_over.append(state(stage))
        while True:
            yield None

    stage.world.faults.replies = {At.RCPT: takes_over()}
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words")})
    await until(lambda: bool(taken_over))
    await stage.stop_bridge()
    assert not stage.world.envelopes
    assert taken_over == [state(stage)] == ["queued"], "nobody but the job's holder moves the draft"
    await stage.start_bridge()
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(stage.world.envelopes) == 1


async def test_what_the_server_took_is_sent_whatever_others_thought_meanwhile(stage: Stage, mina: Desk) -> None:
    """Else the line would say that it was not sent, and offer to send it again."""
    stage.world.faults.delays = repeat(1.0)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words")})
    await until(lambda: state(stage) == "handing over")
    change(stage, "UPDATE drafts SET state = 'failed', revision = revision + 1")
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert state(stage) == "sent"
    assert len(stage.world.envelopes) == 1
