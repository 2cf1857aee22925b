"""What a benchmark finds: figures, the goal of each, and how they are told. Pure."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured. `goal` in the same unit: at most that, or `at_least`; None where there is none."""

    bench: str
    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is as good as its goal; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was measured; `notes` are sentences on what could not be."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> bool:
        """Whether a goal was missed, or something could not be measured."""
        return bool(self.notes) or any(one.met is False for one in self.figures)

    def as_json(self) -> str:
        """For programs."""
        figures = [{**asdict(one), "met": one.met} for one in self.figures]
        return json.dumps({"figures": figures, "notes": self.notes}, indent=2)

    def as_table(self) -> str:
        """For a reader: bench, name, figure, goal, met or missed."""
        rows = [("bench", "what", "figure", "goal", ""), *map(_row, self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}"
            for row in rows
        ]
        return "\n".join([*(line.rstrip() for line in lines), *self.notes])


def together(found: Iterable[Found]) -> Found:
    """Several as one."""
    all_of_them = tuple(found)
    return Found(
        figures=tuple(figure for one in all_of_them for figure in one.figures),
        notes=tuple(note for one in all_of_them for note in one.notes),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that `share` of them (0 to 1) do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def latencies(bench: str, seconds: Sequence[float], goals: dict[int, float], *, what: str = "") -> tuple[Figure, ...]:
    """The median and the 95th and 99th of a hundred, in milliseconds; `goals` by which of a hundred they are."""
    named = {50: "p50", 95: "p95", 99: "p99"}
    return tuple(
        Figure(
            bench=bench,
            name=f"{what} {name}".strip(),
            value=round(1000 * percentile(seconds, of_hundred / 100), 1),
            unit="ms",
            goal=goals.get(of_hundred),
        )
        for of_hundred, name in named.items()
    )


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    goal = ""
    if figure.goal is not None:
        goal = f"{'at least' if figure.at_least else 'at most'} {figure.goal:,g}"
    met = {None: "", True: "met", False: "missed"}[figure.met]
    return figure.bench, figure.name, f"{figure.value:,} {figure.unit}", goal, met
