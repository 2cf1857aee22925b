"""Write the next revision: `python -m bridge.store.migrations WORDS`, then `ruff check --fix` and `ruff format` on it.

It compares an upgraded, empty database with `schema.py` and writes what is missing to `versions/`. Read what it wrote:
a name that changed looks like one thing dropped and another added. A new column that may not be empty needs a
`server_default`: rows stand there already, and the version before still writes some.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from bridge.store import migrations
from bridge.store.database import Store


def _write(conn: Connection, *, words: str) -> None:
    number = f"{int(migrations.head() or 0) + 1:04}"
    command.revision(migrations.config(conn), message=words, autogenerate=True, rev_id=number)


async def _main(words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(f"sqlite:///{Path(folder) / 'empty.db'}")
        try:
            async with store.write() as conn:
                await conn.run_sync(_write, words=words)
        finally:
            await store.close()


if __name__ == "__main__":
    asyncio.run(_main(" ".join(sys.argv[1:]) or "change"))
