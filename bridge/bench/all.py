"""Every benchmark in a short form, one after the other: what `bridge bench` alone does."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bridge.bench import backlog, latency, search, size
from bridge.bench.figures import Figure, Found, together
from bridge.errors import BridgeError
from bridge.mail import bench as reading

PARSED = 1_500.0
"""Goal: ordinary mails read in a second, on one core."""

Measure = Callable[[], Coroutine[Any, Any, Found]]

SHORTLY: dict[str, Measure] = {
    "mail": lambda: mail(mutations=500, seconds=0.3),
    "intake": lambda: latency.intake(mails=60),
    "click": lambda: latency.click(clicks=100, rate=5.0),
    "backlog": lambda: backlog.backlog(mails=2_000),
    "search": lambda: search.search(mails=10_000),
    "memory": lambda: size.files(megabytes_in=25, megabytes_out=10),
    "mailboxes": lambda: size.mailboxes(count=200, seconds=15.0),
}


async def everything_shortly(*, say: Callable[[str], None], benches: dict[str, Measure] | None = None) -> Found:
    """All of them; `say` is told which one is begun. One that cannot be done on this machine is a note."""
    return together([await _one(name, measure, say) for name, measure in (benches or SHORTLY).items()])


async def _one(name: str, measure: Measure, say: Callable[[str], None]) -> Found:
    say(name)
    try:
        return await measure()
    except BridgeError as error:
        return Found(figures=(), notes=(f"{name}: {error}",))


async def mail(*, mutations: int, seconds: float) -> Found:
    """The two figures of `bridge bench mail` that have a goal, and what failed."""
    result = await asyncio.to_thread(reading.bench, mutations=mutations, seconds=seconds)
    rate = next(one.value for one in result.figures if one.name == "parse: all")
    longest = max(one.value for one in result.figures if one.unit == "s")
    return Found(
        figures=(
            Figure(bench="mail", name="read", value=rate, unit="mails/s", goal=PARSED, at_least=True),
            Figure(bench="mail", name="longest reading", value=longest, unit="s", goal=reading.LIMIT),
        ),
        notes=result.failures,
    )
