"""aiosqlite with one trip to its thread for a statement, where cursor, execute, fetch and close would make four.

A trip costs about a tenth of a millisecond, a small statement a fifth of that. So a transaction begins with its first
statement, in the same trip. Results are fetched whole: streaming
(`AsyncConnection.stream`) is not offered.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from threading import Thread
from typing import Any, Self, TypeVar
from weakref import WeakSet

import aiosqlite

T = TypeVar("T")


FAREWELL = 2.0
"""Seconds that the threads of closed connections get to end; they need milliseconds."""


class Threads:
    """The connections of one database, a thread each, which never keeps a process alive."""

    def __init__(self) -> None:
        self._made: WeakSet[Thread] = WeakSet()

    def connect(self, path: str, **options: Any) -> aiosqlite.Connection:
        """As `aiosqlite.connect`, for SQLAlchemy's `async_creator_fn`."""
        made = _Connection(lambda: sqlite3.connect(path, **options), 64)
        made._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with the connections that it makes itself
        self._made.add(made._thread)  # noqa: SLF001
        return made

    async def ended(self) -> None:
        """Wait for the threads of closed connections: what answers after the event loop's end dies with a traceback.

        A cancelled statement leaves such a thread behind, with the closing of its connection still to be done.
        """
        deadline = time.monotonic() + FAREWELL
        for thread in [thread for thread in self._made if thread.is_alive()]:
            await asyncio.to_thread(thread.join, max(0.0, deadline - time.monotonic()))


class _Connection(aiosqlite.Connection):
    """Closes what it opened, even if whoever asked for it was cancelled meanwhile: aiosqlite then forgets it open."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], iter_chunk_size: int) -> None:
        super().__init__(self._open, iter_chunk_size)
        self._make = connector
        self._opened: sqlite3.Connection | None = None
        self._beginning = ""  # the BEGIN that has yet to be said

    def _open(self) -> sqlite3.Connection:
        self._opened = self._make()
        return self._opened

    def stop(self) -> asyncio.Future[Any] | None:
        """Close in the thread, behind whatever is still waiting there, and end it."""
        self._tx.put_nowait((None, self._shut))
        return super().stop()

    def _shut(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def cursor(self) -> "_Cursor":  # type: ignore[override]
        return _Cursor(self)

    async def fetched(self, sql: str, parameters: Any) -> tuple[Any, list[Any], int, int | None]:
        """What a statement brings: description, rows, row count and the last row's id."""
        if sql.startswith("BEGIN"):
            self._beginning = sql
            return None, [], -1, None
        return await self._trip(self._fetch, sql, parameters)

    def _fetch(self, sql: str, parameters: Any) -> tuple[Any, list[Any], int, int | None]:
        self._begin()
        cursor = self._conn.execute(sql, parameters)
        rows = cursor.fetchall() if cursor.description else []
        outcome = cursor.description, rows, cursor.rowcount, cursor.lastrowid
        cursor.close()
        return outcome

    async def many(self, sql: str, parameters: Any) -> int:
        """The row count of a statement run with each of the parameters."""
        return await self._trip(self._many, sql, parameters)

    def _many(self, sql: str, parameters: Any) -> int:
        self._begin()
        return self._conn.executemany(sql, parameters).rowcount

    def _begin(self) -> None:
        beginning, self._beginning = self._beginning, ""
        if beginning:
            self._conn.execute(beginning)

    async def commit(self) -> None:
        """Nothing, where nothing was said."""
        if self._beginning:
            self._beginning = ""
        else:
            await super().commit()

    async def rollback(self) -> None:
        """Nothing, where nothing was said."""
        if self._beginning:
            self._beginning = ""
        else:
            await super().rollback()

    async def _trip(self, call: Callable[..., T], *arguments: Any) -> T:
        outcome: T = await self._execute(call, *arguments)  # type: ignore[no-untyped-call]
        return outcome


class _Cursor:
    """What SQLAlchemy needs of an aiosqlite cursor."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> Self:
        outcome = await self._connection.fetched(sql, parameters)
        self.description, self._rows, self.rowcount, self.lastrowid = outcome
        return self

    async def executemany(self, sql: str, parameters: Any) -> Self:
        self.rowcount = await self._connection.many(sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = []
