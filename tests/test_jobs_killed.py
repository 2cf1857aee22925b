"""kill -9, again and again, at any moment: nothing is lost, nothing happens twice, each lane keeps its order.

A flow is a job with two outside effects. The world outside is a file that is only ever appended to: what stands there
has happened, and `find` reads it. Lives are forked from a process that has imported everything, so that twenty deaths
take seconds; each life opens the database, runs what it can, and is killed.
"""

# ruff: noqa: T201 - the seed is printed, and a storm tells its outcome by its output

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge.jobs import Engine
from bridge.model import Job
from bridge.store import jobs
from bridge.store.database import Store

LANES = 8
STEPS = 2
LIVES = 100  # more than a storm has: a flow that kept its runner from living would never end


class World:
    """Outside: a line for each effect."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.touch()

    def happened(self) -> list[str]:
        return self._path.read_text().splitlines()

    def effect(self, name: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{name}\n")


def flow(engine: Engine, world: World, *, die_after_acting: bool) -> Callable[[Job], Awaitable[None]]:
    """What runs a job. Where it dies after acting, it does so between each flow's first effect and its record."""

    async def run(job: Job) -> None:
        for step in range(STEPS):
            name = f"{job.lane} {job.payload['number']:04} {step}"

            async def act(name: str = name, step: int = step) -> dict[str, Any]:
                await asyncio.sleep(random.random() * 0.004)
                world.effect(name)
                if die_after_acting and step == 0 and world.happened().count(name) == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                await asyncio.sleep(random.random() * 0.004)
                return {"name": name}

            async def find(begun: datetime, name: str = name) -> dict[str, Any] | None:
                return {"name": name} if name in world.happened() else None

            await engine.once(f"{job.key}:{step}", act=act, find=find)

    return run


async def promise(url: str, flows: int) -> None:
    store = await Store.open(url)
    async with store.write() as conn:
        for number in range(flows):
            await jobs.add(conn, key=f"f{number}", kind="flow", lane=f"{number % LANES}", payload={"number": number})
    await store.close()


async def live(url: str, world: World, *, look_first: bool, die_after_acting: bool) -> None:
    """One life of a runner: it ends when everything is done, or by a kill."""
    store = await Store.open(url)
    kinds: dict[str, Callable[[Job], Awaitable[None]]] = {}
    engine = Engine(store, kinds=kinds, look_first=look_first, landing=0.02)  # nothing lands late here
    kinds["flow"] = flow(engine, world, die_after_acting=die_after_acting)
    await engine.start()
    while True:
        async with store.read() as conn:
            counts = await jobs.counts(conn)
        if counts[jobs.State.DONE] == sum(counts.values()):
            break
        await asyncio.sleep(0.01)
    await engine.stop()
    await store.close()


def forked(work: Callable[[], Any]) -> int:
    """The id of a child that does the work and leaves without running what its parent would at its exit."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        os.write(2, b"a life ended by an exception\n")
        raise
    finally:
        os._exit(0 if sys.exc_info()[0] is None else 1)


def _let_live(world: World, chance: random.Random) -> None:
    """Until a few more effects stand outside, whatever the machine's speed; or, one time in four, for a short time
    only, which ends the life while it begins.
    """
    enough = len(world.happened()) + chance.randint(1, 16)
    latest = time.monotonic() + (5 if chance.random() < 0.75 else chance.uniform(0, 0.1))
    while len(world.happened()) < enough and time.monotonic() < latest:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.008))


def storm(folder: Path, *, seed: int, flows: int, kills: int, look_first: bool) -> dict[str, Any]:
    """Live and be killed until everything is done. Without a number of kills, each life kills itself in the act."""
    chance = random.Random(seed)
    url, world = f"sqlite:///{folder / 'bridge.db'}", World(folder / "world")
    os.waitpid(forked(lambda: asyncio.run(promise(url, flows))), 0)
    options = {"look_first": look_first, "die_after_acting": not kills}
    deaths = 0
    for _ in range(LIVES):
        child = forked(lambda: asyncio.run(live(url, world, **options)))
        if deaths < kills:
            _let_live(world, chance)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError("a life ended in another way than by a kill")
        deaths += 1
    database = sqlite3.connect(folder / "bridge.db")
    states = dict(database.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
    sound = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    return {"deaths": deaths, "states": states, "sound": sound, "happened": world.happened()}


def run_storm(folder: Path, **options: Any) -> dict[str, Any]:
    """A storm in a process of its own, which may fork because it has no threads."""
    command = [sys.executable, __file__, str(folder), json.dumps(options)]
    here = {**os.environ, "PYTHONPATH": str(Path(bridge.__file__).parents[1])}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=here)
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def expected(flows: int) -> set[str]:
    return {f"{number % LANES} {number:04} {step}" for number in range(flows) for step in range(STEPS)}


@pytest.mark.storm
def test_nothing_is_lost_doubled_or_out_of_order_in_a_storm_of_kills(tmp_path: Path) -> None:
    seed, flows = random.SystemRandom().randrange(10**6), 200
    print(f"seed {seed}")
    outcome = run_storm(tmp_path, seed=seed, flows=flows, kills=25, look_first=True)
    happened = outcome["happened"]
    print(f"{outcome['deaths']} kills, {len(happened)} effects")
    assert outcome["deaths"] >= 20
    assert set(happened) == expected(flows), "lost"
    assert len(happened) == len(set(happened)), "doubled"
    for lane in range(LANES):
        mine = [name for name in happened if name.startswith(f"{lane} ")]
        assert mine == sorted(mine), "out of order"
    assert (outcome["states"], outcome["sound"]) == ({"done": flows}, "ok")


@pytest.mark.storm
def test_a_kill_between_act_and_record_doubles_nothing(tmp_path: Path) -> None:
    flows = 12
    outcome = run_storm(tmp_path, seed=0, flows=flows, kills=0, look_first=True)
    assert outcome["deaths"] == flows
    assert Counter(outcome["happened"]) == dict.fromkeys(expected(flows), 1)
    assert outcome["states"] == {"done": flows}


@pytest.mark.storm
def test_without_looking_first_the_same_kills_double_every_effect_they_hit(tmp_path: Path) -> None:
    """The control: it shows that the tests above can fail."""
    flows = 12
    outcome = run_storm(tmp_path, seed=0, flows=flows, kills=0, look_first=False)
    counted = Counter(outcome["happened"])
    assert outcome["deaths"] == flows
    assert all(counted[name] >= 2 for name in expected(flows) if name.endswith(" 0"))


if __name__ == "__main__":
    print(json.dumps(storm(Path(sys.argv[1]), **json.loads(sys.argv[2]))))
