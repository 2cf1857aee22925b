"""The database: opening it, reading and writing in transactions, and telling the runner of jobs about new work.

    store = await Store.open("sqlite:///bridge-data/bridge.db")
    async with store.write() as conn:       # one transaction: committed at the end, rolled back by an exception
        await jobs.add(conn, key=..., kind=..., lane=...)
    async with store.read() as conn:        # one consistent view; writing in it fails

A write transaction is short: nothing outside the database is awaited in it. Where several want to write, what a person
waits for goes first (`turns.py`). What time or an operator can mend (the
disk is full, the database is locked, the connection is lost) comes out as Temporary; a mistake in our SQL comes out as
SQLAlchemy raised it. What the databases do differently stands in `sqlite.py` and `postgresql.py`.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Insert, Table, false, func, insert, make_url, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.errors import Misconfigured, Temporary
from bridge.model import now
from bridge.sentences import say
from bridge.store import migrations
from bridge.store.postgresql import Postgresql
from bridge.store.schema import last_ids
from bridge.store.sqlite import Sqlite
from bridge.store.turns import Turns

RING = "bridge: ring"


class Backend(Protocol):
    """One kind of database. Two implementations: `sqlite.Sqlite` and `postgresql.Postgresql`.

    `shared`: several processes may run its jobs. `parallel_writes`: how many transactions of one may write at once.
    """

    reader: AsyncEngine
    writer: AsyncEngine
    shared: bool
    parallel_writes: int

    async def before_upgrade(self, conn: AsyncConnection) -> None:
        """Keep other processes from upgrading the tables until this transaction ends."""

    def trouble(self, error: BaseException) -> str | None:
        """A sentence for an error that time or an operator can mend; None for anything else."""

    async def announce(self, conn: AsyncConnection) -> None:
        """Called in a transaction with new work, just before its commit."""

    def ring(self) -> None:
        """Called after the commit of a transaction with new work."""

    async def empty_log(self) -> bool:
        """See `Store.empty_log`."""

    def runner(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Run jobs for as long as the context lasts; `wake` is called when there is new work."""

    async def close(self) -> None:
        """Close every connection."""


class Store:
    """One database. Safe to use from many tasks of one event loop. `shared`: several processes may run its jobs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.shared = backend.shared
        self._writing = Turns(backend.parallel_writes)

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Open `sqlite:///path` or `postgresql://...`, make what is missing, and bring the tables up to date.

        A folder that has to be made gets mode 0700, the file 0600. Raises Misconfigured for a URL or a place that
        cannot work, Temporary where the database is away.
        """
        store = cls(await asyncio.to_thread(_backend, url))
        try:
            async with store.write() as conn:
                await store._backend.before_upgrade(conn)
                await conn.run_sync(migrations.upgrade)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close every connection. Transactions still open are rolled back."""
        await self._backend.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection with one consistent view of the database, which waits for no writer."""
        with self._named():
            async with self._backend.reader.connect() as conn:
                yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, committed at the end. Where jobs were added, their runner is woken then."""
        async with self._writing.one():
            rings = False
            with self._named():
                async with self._backend.writer.begin() as conn:
                    conn.info.pop(RING, None)
                    yield conn
                    rings = RING in conn.info
                    if rings:
                        await self._backend.announce(conn)
            if rings:
                self._backend.ring()

    async def empty_log(self) -> bool:
        """Have what was deleted stand in no log of changes either, as far as that is ours; False where somebody who
        reads meanwhile keeps it.
        """
        with self._named():
            return await self._backend.empty_log()

    def runner(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Be a runner of jobs while the context lasts: `wake` is called whenever any process commits new work.

        SQLite has one runner: a second one raises Misconfigured.
        """
        return self._backend.runner(wake)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise Temporary(say("The database is too busy to answer; it is tried again.")) from error
        except (DBAPIError, OSError) as error:
            sentence = self._backend.trouble(error)
            if sentence is None:
                raise
            raise Temporary(sentence, detail=str(error.orig if isinstance(error, DBAPIError) else error)) from error


def ring_at_commit(conn: AsyncConnection) -> None:
    """Say that this transaction has new work: the runner is woken once it is committed, wherever it runs."""
    conn.info[RING] = True


async def insert_all(conn: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows into a table whose key is `id`; their ids, in the order of the rows. An id is never given twice: keys
    of jobs and effects, and buttons in Slack, go by it longer than its row stands.
    """
    if not rows:
        return []
    if conn.dialect.name == "sqlite":
        ids = await _new_ids(conn, table, len(rows))
        await conn.execute(insert(table), [{**row, "id": one} for row, one in zip(rows, ids, strict=True)])
        return list(ids)
    adding = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list((await conn.execute(adding, rows)).scalars())


async def _new_ids(conn: AsyncConnection, table: Table, count: int) -> range:
    """SQLite by itself gives the id of a deleted row again, where it was the highest; PostgreSQL counts on.
    AUTOINCREMENT would need the table made anew, and what hangs on its rows would go with the old one.
    """
    given = select(last_ids.c.id).where(last_ids.c.name == table.name)
    first = 1 + max((await conn.scalar(given)) or 0, (await conn.scalar(select(func.max(table.c.id)))) or 0)
    ids = range(first, first + count)
    await conn.execute(insert_or_replace(conn, last_ids), {"name": table.name, "id": ids[-1]})
    return ids


def begins_with(column: ColumnElement[str], beginnings: Iterable[str]) -> ColumnElement[bool]:
    """Whether a text begins with one of these: one look at each row, however many they are."""
    by_length: dict[int, list[str]] = {}
    for one in beginnings:
        by_length.setdefault(len(one), []).append(one)
    return or_(false(), *(func.substr(column, 1, length).in_(those) for length, those in by_length.items()))


def insert_new(conn: AsyncConnection, table: Table) -> Insert:
    """An INSERT that does nothing where a unique key stands already; its row goes to `execute` beside it."""
    return _insert_new(conn.dialect.name, table)


def insert_or_replace(conn: AsyncConnection, table: Table) -> Insert:
    """An INSERT that takes the place of the row with the same primary key; the row goes to `execute` beside it."""
    return _insert_or_replace(conn.dialect.name, table)


async def one_at_a_time(conn: AsyncConnection, name: str) -> None:
    """Keep every other transaction that names the same out until this one ends. SQLite has one writer anyway."""
    if conn.dialect.name == "postgresql":
        await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


async def current_time(conn: AsyncConnection) -> datetime:
    """The database's own, by which processes that share it go; a file's is this machine's."""
    if conn.dialect.name == "postgresql":
        return cast("datetime", (await conn.execute(select(func.clock_timestamp()))).scalar_one())
    return now()


@functools.cache
def _insert_or_replace(dialect: str, table: Table) -> Insert:
    insert = postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)
    key = list(table.primary_key.columns)
    rest = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=key, set_=rest)


@functools.cache
def _insert_new(dialect: str, table: Table) -> Insert:
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    return insert(table).on_conflict_do_nothing()


def _backend(url: str) -> Backend:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter where the port is no number
        raise Misconfigured(
            "BRIDGE_DATABASE_URL is no database URL; write sqlite:///path or postgresql://user@host/name."
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            return Sqlite(parsed)
        case "postgresql" | "postgres":
            return Postgresql(parsed)
    raise Misconfigured("BRIDGE_DATABASE_URL must begin with sqlite:/// or postgresql://.")
