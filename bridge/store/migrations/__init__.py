"""Bringing a database's tables up to what `schema` says, in this process and in one transaction.

A revision is a file `versions/NNNN_words.py`, numbered without gaps; the highest number is the head. A revision names
its types itself and imports nothing of ours, so that it stays what it was when the code moves on. To write one after a
change of `schema.py`: `python -m bridge.store.migrations WORDS` (see `__main__`).
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

FOLDER = Path(__file__).parent


def head() -> str:
    """The newest revision's number."""
    return max((file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py")), default="")


def upgrade(conn: Connection) -> None:
    """Run every revision that this database has not seen. The caller's transaction holds them all, or none.

    A database that a newer version has brought further is left as it is: revisions only ever add, and what they add
    has defaults, so that the version before goes on beside the new one.
    """
    if _stands_at(conn) >= head():  # four digits each, so their order is that of the numbers
        return  # importing Alembic takes a quarter of a second, which a short command need not wait for
    from alembic import command  # noqa: PLC0415

    command.upgrade(config(conn), "head")


def in_schema(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether `schema.py` speaks of it: not of the index of words, which each database keeps in its own way."""
    return kind != "table" or not (name or "").startswith("search_words")


def config(conn: Connection) -> Any:
    """Alembic's configuration for work on that connection; there is no alembic.ini."""
    from alembic.config import Config  # noqa: PLC0415

    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.attributes["connection"] = conn
    return made


def _stands_at(conn: Connection) -> str:
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
