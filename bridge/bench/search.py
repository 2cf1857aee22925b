"""How quickly search answers among many mails, on SQLite: each kind of question that people ask."""

import tempfile
from pathlib import Path

from bridge.bench.figures import Figure, Found
from bridge.store.bench import LIMIT, bench
from bridge.store.database import Store


async def search(*, mails: int) -> Found:
    """The median of five for each question. The goal is for 100,000 mails."""
    with tempfile.TemporaryDirectory(prefix="bridge-bench-") as folder:
        store = await Store.open(f"sqlite:///{Path(folder) / 'bridge.db'}")
        try:
            measured = await bench(store, mails_kept=mails)
        finally:
            await store.close()
    asked = [
        Figure(bench="search", name=one.name, value=round(1000 * one.median, 1), unit="ms", goal=1000 * LIMIT)
        for one in measured.asked
    ]
    entered = Figure(bench="search", name="entered into the index", value=round(measured.indexed), unit="mails/s")
    return Found(figures=(entered, *asked))
