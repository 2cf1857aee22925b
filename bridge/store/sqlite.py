"""What is SQLite's alone: a file, a pipe beside it that wakes the runner of the jobs, and a lock only a runner takes.

Beside `bridge.db` stand `bridge.db.lock` and `bridge.db.wake`. The lock guards the running of jobs, not the file: the
command line may write while the service runs, and rings the pipe.
"""

import asyncio
import contextlib
import fcntl
import functools
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.errors import Misconfigured
from bridge.sentences import mark, say
from bridge.store import onetrip
from bridge.store.packing import to_json

log = structlog.get_logger()

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process's write transaction, unless the URL has `?timeout=`; ours take milliseconds."""

READERS = 4
"""Reading connections of a process, a thread each."""

PRAGMAS = (
    "PRAGMA synchronous = FULL",  # with less, WAL mode may lose the last commits when the power goes
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is erased leaves nothing in the file's free pages
    "PRAGMA journal_size_limit = 67108864",  # bytes: what one large backfill leaves behind is given back
)

TROUBLE = {
    sqlite3.SQLITE_BUSY: mark("The database is locked by another program; it is tried again."),
    sqlite3.SQLITE_LOCKED: mark("The database is locked by another program; it is tried again."),
    sqlite3.SQLITE_FULL: mark("The disk or the database is full; free some space."),
    sqlite3.SQLITE_IOERR: mark("The disk failed to read or write the database; see to the disk."),
    sqlite3.SQLITE_CANTOPEN: mark("The database file cannot be opened; see to its folder and its permissions."),
    sqlite3.SQLITE_READONLY: mark("The database file is read-only; see to its permissions."),
    sqlite3.SQLITE_PROTOCOL: mark("The database is locked by another program; it is tried again."),
    sqlite3.SQLITE_NOMEM: mark("There is too little memory to work on the database."),
}
"""By SQLite's primary result code, the low byte of the extended one."""


class Sqlite:
    """The backend for one file. One write transaction at a time, whoever writes; readers never wait."""

    shared = False
    parallel_writes = 1

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise Misconfigured("BRIDGE_DATABASE_URL names no file; write it as sqlite:///folder/bridge.db.")
        self._path = Path(url.database)
        timeout = _seconds(url)
        reading, writing = (*PRAGMAS, "PRAGMA query_only = ON"), PRAGMAS
        _make_file(self._path)
        self._threads = onetrip.Threads()
        made = functools.partial(_engine, self._path, connect=self._threads.connect, timeout=timeout)
        self.reader = made(begin="BEGIN", size=READERS, pragmas=reading)
        self.writer = made(begin="BEGIN IMMEDIATE", size=1, pragmas=writing)
        self._wake: Callable[[], None] | None = None

    async def before_upgrade(self, conn: AsyncConnection) -> None:
        """BEGIN IMMEDIATE keeps every other process out already."""

    def trouble(self, error: BaseException) -> str | None:
        """A sentence for an error that time or an operator can mend; None for anything else."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "sqlite_errorcode", None)
        sentence = None if code is None else TROUBLE.get(code & 0xFF)
        return say(sentence) if sentence else None

    async def announce(self, conn: AsyncConnection) -> None:
        """Nothing is said before the commit: a runner that looked then would find nothing."""

    def ring(self) -> None:
        """Wake the runner, be it in this process or another. Without a runner nothing happens."""
        if self._wake is not None:
            self._wake()
            return
        try:
            pipe = os.open(_beside(self._path, "wake"), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody listens (ENXIO), or nobody ever has (ENOENT)
            return
        with contextlib.suppress(OSError):  # a full pipe rings already
            os.write(pipe, b"\0")
        os.close(pipe)

    async def empty_log(self) -> bool:
        """Write all changes into the file itself and cut the log off; False where somebody still reads from it."""
        return await asyncio.to_thread(_cut_log, self._path)

    @asynccontextmanager
    async def runner(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        """Hold the lock and hear the pipe. Raises Misconfigured where another runner has the lock."""
        with _locked(_beside(self._path, "lock")), _heard(_beside(self._path, "wake"), wake):
            self._wake = wake
            try:
                yield
            finally:
                self._wake = None

    async def close(self) -> None:
        """Close every connection."""
        await self.reader.dispose()
        await self.writer.dispose()
        await self._threads.ended()


def _cut_log(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT)) as connection:
        [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return not busy


def _seconds(url: URL) -> float:
    try:
        return float(str(url.query.get("timeout", BUSY_TIMEOUT)))
    except ValueError:
        raise Misconfigured("BRIDGE_DATABASE_URL has a timeout that is no number of seconds.") from None


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.{name}")


def _make_file(path: Path) -> None:
    """Make the file if need be and switch it to WAL. What SQLite puts beside it takes over the file's mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        _switch_to_wal(path)
    except (OSError, sqlite3.DatabaseError) as error:
        raise Misconfigured(
            f"The database file cannot be used ({error}): see to BRIDGE_DATA and BRIDGE_DATABASE_URL."
        ) from error


def _switch_to_wal(path: Path) -> None:
    """Once per file. While another process does the same, SQLite says busy at once instead of waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


def _engine(
    path: Path, *, connect: Callable[..., Any], begin: str, size: int, timeout: float, pragmas: tuple[str, ...]
) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={
            "async_creator_fn": connect,
            "timeout": timeout,
            "isolation_level": None,  # BEGIN is ours to say
        },
        pool_size=size,
        max_overflow=0,
        pool_reset_on_return=None,  # every transaction is ended before its connection goes back
        hide_parameters=True,  # an error's text must not hold mail
        json_serializer=to_json,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:  # noqa: ARG001
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """flock(2): the kernel gives it back however the process ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                "Another bridge already runs on this database; stop it first, or use PostgreSQL for several."
            ) from None
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _heard(path: Path, wake: Callable[[], None]) -> Iterator[None]:
    """A named pipe: woken at once, no cost while nothing happens, and no length limit as a socket's path has."""
    try:
        if not path.is_fifo():
            os.mkfifo(path, 0o600)
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # RDWR: a writer that leaves does not end it
    except OSError as error:
        log.warning("No pipe can be made here: work from the command line waits for the next poll", error=str(error))
        yield
        return

    def ringing() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(pipe, 65536)
        wake()

    loop = asyncio.get_running_loop()
    loop.add_reader(pipe, ringing)
    try:
        yield
    finally:
        loop.remove_reader(pipe)
        os.close(pipe)
