"""`bridge bench`: each benchmark runs on the real service and tells its figures; how good they are is no test's matter."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.bench.all import everything_shortly
from bridge.bench.figures import Figure, Found, percentile
from bridge.bench.office import doubles, service
from bridge.cli import main
from bridge.errors import Refused
from bridge.store.bench import ASKED

Printed = pytest.CaptureFixture[str]

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory and processor time are told by /proc")

SMALL: dict[str, list[str]] = {
    "intake": ["--mails", "2"],
    "click": ["--clicks", "4", "--rate", "2"],
    "backlog": ["--mails", "60"],
    "search": ["--mails", "40"],
    "memory": ["--in", "0.5", "--out", "0.5"],
    "mailboxes": ["--count", "3", "--seconds", "0.2"],
}
FOUND: dict[str, list[tuple[str, str, float | None]]] = {
    "intake": [("p50", "ms", 25), ("p95", "ms", 60), ("p99", "ms", None)],
    "click": [
        (f"{verb} {which}", "ms", goal)
        for verb in ("claim", "reply")
        for which, goal in (("p50", None), ("p95", None), ("p99", 100))
    ],
    "backlog": [("rate", "mails/s", 300), ("processor time of a mail", "ms", 3)],
    "search": [("entered into the index", "mails/s", None), *((name, "ms", 300) for name in ASKED)],
    "memory": [
        ("at rest", "MB", None),
        ("peak, 0.5 MB in", "MB", None),
        ("peak, and 0.5 MB out", "MB", 350),
    ],
    "mailboxes": [
        ("a service with one", "MB", None),
        ("above it, 1,000 (by 3)", "MB", 200),
        ("at rest, 3, 0.2 s", "% of a core", 3),
    ],
}


@linux
@pytest.mark.timeout(120)
@pytest.mark.parametrize("bench", SMALL)
def test_a_benchmark_runs_and_tells_figures_with_their_goals(bench: str, capsys: Printed) -> None:
    assert main(["bench", bench, *SMALL[bench], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["unit"], one["goal"]) for one in told["figures"]] == FOUND[bench]
    assert {one["bench"] for one in told["figures"]} == {bench}
    assert told["notes"] == []
    assert all((one["met"] is None) is (one["goal"] is None) for one in told["figures"])
    if bench != "mailboxes":  # three mailboxes weigh less than the system's own ups and downs
        assert all(one["value"] > 0 for one in told["figures"])


def figure(value: float, **more: Any) -> Figure:
    return Figure(bench="intake", name="p50", value=value, unit="ms", **more)


async def test_all_of_them_are_one_table_and_what_cannot_be_measured_here_is_said() -> None:
    async def quick() -> Found:
        return Found(figures=(figure(12.5, goal=25.0),))

    async def slow() -> Found:
        return Found(figures=(figure(30.0, goal=25.0), figure(1234.0)))

    async def impossible() -> Found:
        raise Refused("1,000 mailboxes need more open files.")

    begun: list[str] = []
    found = await everything_shortly(say=begun.append, benches={"a": quick, "b": slow, "c": impossible})
    assert begun == ["a", "b", "c"]
    assert [line.split() for line in found.as_table().splitlines()] == [
        ["bench", "what", "figure", "goal"],
        ["intake", "p50", "12.5", "ms", "at", "most", "25", "met"],
        ["intake", "p50", "30.0", "ms", "at", "most", "25", "missed"],
        ["intake", "p50", "1,234.0", "ms"],
        ["c:", "1,000", "mailboxes", "need", "more", "open", "files."],
    ]
    assert found.missed


def test_a_goal_is_a_bound_from_above_or_from_below() -> None:
    assert figure(25.0, goal=25.0).met
    assert figure(25.1, goal=25.0).met is False
    assert figure(299.0, goal=300.0, at_least=True).met is False
    assert figure(300.0, goal=300.0, at_least=True).met
    assert figure(1.0).met is None
    assert not Found(figures=(figure(1.0),)).missed


def test_of_few_values_the_worst_is_the_99th_of_a_hundred() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1)])
def test_a_missed_goal_fails_only_where_that_is_asked_for(strict: list[str], code: int, capsys: Printed) -> None:
    """One mail, fetched by a connection that is made for it, is never 300 a second."""
    assert main(["bench", "backlog", "--mails", "1", *strict]) == code
    assert "missed" in capsys.readouterr().out


async def test_a_service_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    async with doubles(tmp_path) as stage:
        stage.source = 'source = "nowhere"'
        with pytest.raises(Refused, match="did not come up: bridge: `source` of mailbox 1"):
            async with service(stage):
                pass
