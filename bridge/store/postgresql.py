"""What is PostgreSQL's alone: libpq's way to write an address, LISTEN and NOTIFY, and the lock around upgrades.

Several replicas may run jobs on one database. The driver (asyncpg) is an extra: `pip install mail-bridge[postgres]`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import URL, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.errors import Misconfigured, Temporary
from bridge.sentences import mark, say
from bridge.store.packing import to_json

log = structlog.get_logger()

CHANNEL = "bridge_jobs"
"""What NOTIFY is sent on when there is new work."""

UPGRADE_LOCK = 0x62726467
"""The number of the advisory lock around upgrades ("brdg" in ASCII)."""

CONNECTIONS = 10
"""Of this process for writing, and as many for reading; PostgreSQL allows 100 in all unless told otherwise."""

ANSWER_TIMEOUT = 10.0
"""Seconds to wait for a connection."""

LONGEST_PAUSE = 2.5
"""Seconds that a transaction may stand open without a word, until the server ends it: a replica that is frozen in the
middle of one must not hold its locks for longer than its leases last.
"""

LISTEN_AGAIN = 1.0
"""Seconds before a lost listening connection is made again."""

LIBPQ_ONLY = frozenset(
    {"channel_binding", "connect_timeout", "gssencmode", "keepalives", "keepalives_idle", "keepalives_interval",
     "keepalives_count", "sslcompression", "sslsni", "tcp_user_timeout"}
)  # fmt: skip
"""Parameters that every libpq tool takes and asyncpg would pass on to a server that does not know them."""

TROUBLE = {
    "25P03": mark("A change of the database took too long and was taken back; it is tried again."),
    "25006": mark("The database can only be read now; it is tried again."),
    "57014": mark("The database broke a question off; it is tried again."),
    "08": mark("The database's connection was lost; it is tried again."),
    "40": mark("Two changes to the database got in each other's way; it is tried again."),
    "53": mark("The database server is out of disk, memory or connections; see to it."),
    "55P03": mark("The database is locked by another program; it is tried again."),
    "57P": mark("The database server is stopping or starting; it is tried again."),
    "58": mark("The database server failed to read or write; see to its disk."),
}
"""By the beginning of SQLSTATE (PostgreSQL's appendix A)."""


class Postgresql:
    """The backend for a server."""

    shared = True
    parallel_writes = CONNECTIONS

    def __init__(self, url: URL) -> None:
        try:
            import asyncpg  # noqa: PLC0415
        except ImportError:
            raise Misconfigured("PostgreSQL needs its driver: pip install 'mail-bridge[postgres]'.") from None
        query = {name: value for name, value in url.query.items() if name not in LIBPQ_ONLY}
        address = url.set(drivername="postgresql", query=query).render_as_string(hide_password=False)

        async def connect(*_: Any, **__: Any) -> Any:
            try:
                return await asyncpg.connect(address, timeout=ANSWER_TIMEOUT)
            except asyncpg.PostgresError as error:
                refused = say("The database server refuses the connection; see to it and to BRIDGE_DATABASE_URL.")
                raise Temporary(refused, detail=str(error)) from error
            except (asyncpg.InterfaceError, ValueError) as error:
                raise Misconfigured(f"BRIDGE_DATABASE_URL cannot be used: {error}.") from error

        async def connect_to_write(*_: Any, **__: Any) -> Any:
            connection = await connect()
            await connection.execute(f"SET idle_in_transaction_session_timeout = '{LONGEST_PAUSE}s'")
            # Whatever the server's default: what was promised, or is about to be sent, survives its crash.
            await connection.execute("SET synchronous_commit = on")
            return connection

        self._connect = connect
        self.writer = self._engine(connect_to_write)
        reader = self._engine(connect)
        self.reader = reader.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def _engine(self, connect: Callable[..., Awaitable[Any]]) -> AsyncEngine:
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,  # a connection that a restart or a firewall cut is replaced before it is used
            hide_parameters=True,  # an error's text must not hold mail
            json_serializer=to_json,
        )

    async def before_upgrade(self, conn: AsyncConnection) -> None:
        """Keep other processes from upgrading until this transaction ends, however long it thinks between two steps."""
        await conn.execute(select(func.set_config("idle_in_transaction_session_timeout", "0", True)))
        await conn.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))

    def trouble(self, error: BaseException) -> str | None:
        """A sentence for an error that time or an operator can mend; None for anything else."""
        if not isinstance(error, DBAPIError):
            return say("The database server cannot be reached; see to it and to BRIDGE_DATABASE_URL.")
        if error.connection_invalidated:
            return say(TROUBLE["08"])
        state = getattr(error.orig, "sqlstate", None) or ""
        return next((say(sentence) for start, sentence in TROUBLE.items() if state.startswith(start)), None)

    async def announce(self, conn: AsyncConnection) -> None:
        """The server tells every listener at the commit."""
        await conn.execute(select(func.pg_notify(CHANNEL, "")))

    async def empty_log(self) -> bool:
        """The server keeps it, and what was deleted until it vacuums, by rules of its own."""
        return True

    def ring(self) -> None:
        """NOTIFY has rung already."""

    @asynccontextmanager
    async def runner(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        """Listen; any number of runners may. A listening connection that is lost is made again."""
        listening = asyncio.create_task(self._listen(wake), name="listen for jobs")
        try:
            yield
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _listen(self, wake: Callable[[], None]) -> None:
        while True:
            try:
                connection = await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever it is, the polls go on and it is tried again
                log.warning("Cannot listen for new jobs; they wait for the next poll", error=type(error).__name__)
                await asyncio.sleep(LISTEN_AGAIN)
                continue
            try:
                await _hear(connection, wake)
            finally:
                connection.terminate()

    async def close(self) -> None:
        """Close every connection."""
        await self.reader.dispose()
        await self.writer.dispose()


async def _hear(connection: Any, wake: Callable[[], None]) -> None:
    """Listen on the connection until it is lost."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda *_: lost.set())
    await connection.add_listener(CHANNEL, lambda *_: wake())
    wake()  # for what was said while nobody listened
    await lost.wait()
