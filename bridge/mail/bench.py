"""How quickly mail is read, and whether anything stops or slows the reading: `bridge bench mail`.

Times are of the processor, on one core. It measures and tells; it changes nothing and talks to nobody.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from time import process_time
from typing import TypeVar

from bridge.mail import samples
from bridge.mail.mutations import mutated
from bridge.mail.parse import parse
from bridge.mail.quotes import read

LIMIT = 1.0
"""Seconds that one reading may take, whatever the mail."""

_SEED = 1

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured. `unit` is "mails/s", or "s" for the longest reading of a kind."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, and what must not be: each failure is a sentence."""

    figures: tuple[Figure, ...]
    failures: tuple[str, ...]

    def as_json(self) -> str:
        """The result for programs."""
        return json.dumps(asdict(self), indent=2)

    def as_table(self) -> str:
        """The result for a reader: a figure a line, then what failed."""
        width = max(len(one.name) for one in self.figures)
        lines = [f"{one.name:<{width}}  {one.value:>10,} {one.unit}" for one in self.figures]
        return "\n".join([*lines, *(f"FAILED {sentence}" for sentence in self.failures)])


def bench(*, mutations: int, seconds: float, mails: Sequence[bytes] = ()) -> Result:
    """Measure reading: rates over ordinary mails, the longest reading of hostile ones, and of `mutations` damaged ones.

    Each rate is taken over so many `seconds`. The damaged mails are made from the ordinary ones and from `mails`.
    """
    figures = [*_rates(seconds)]
    failures: list[str] = []
    for name, raw in samples.hostile().items():
        figures.append(_longest(f"hostile: {name}", [raw], failures))
    originals = [raw for raw in (*chain.from_iterable(samples.ordinary().values()), *mails) if raw]
    damaged = mutated(originals, count=mutations, seed=_SEED)
    figures.append(_longest(f"{mutations} damaged mails", damaged, failures))
    return Result(figures=tuple(figures), failures=tuple(failures))


def _rates(seconds: float) -> Iterable[Figure]:
    kinds = samples.ordinary()
    for kind, mails in {"all": list(chain.from_iterable(kinds.values())), **kinds}.items():
        yield Figure(name=f"parse: {kind}", value=_rate(parse, mails, seconds), unit="mails/s")
    for kind in ("quoted plain", "quoted html"):
        messages = [parse(raw) for raw in kinds[kind]]
        yield Figure(name=f"part: {kind}", value=_rate(read, messages, seconds), unit="mails/s")


def _rate(work: Callable[[_Item], object], items: Sequence[_Item], seconds: float) -> float:
    """How often a second `work` is done on the items in turn."""
    count, begun = 0, process_time()
    while (spent := process_time() - begun) < seconds:
        for item in items:
            work(item)
        count += len(items)
    return round(count / spent, 1)


def _longest(name: str, mails: Iterable[bytes], failures: list[str]) -> Figure:
    """The longest reading among `mails`; what fails is added to `failures`."""
    longest = 0.0
    for number, raw in enumerate(mails):
        begun = process_time()
        try:
            read(parse(raw))
        except Exception as error:  # noqa: BLE001 - that nothing is raised is what is measured
            failures.append(f"{name}, number {number}: reading it raised {type(error).__name__}.")
        spent = process_time() - begun
        longest = max(longest, spent)
        if spent > LIMIT:
            failures.append(f"{name}, number {number}: reading it took {spent:.2f} s.")
    return Figure(name=name, value=round(longest, 3), unit="s")
