"""What the database promises to everything above it, on both databases unless a test says otherwise."""

import asyncio
import contextlib
import re
import sqlite3
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

import bridge
from bridge.errors import Misconfigured, Temporary
from bridge.store import effects, migrations, onetrip
from bridge.store.database import Store
from bridge.store.schema import effects as table
from bridge.store.schema import metadata

AT = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
HERE = str(Path(bridge.__file__).parents[1])


async def keys(store: Store) -> set[str]:
    async with store.read() as conn:
        return set((await conn.execute(select(table.c.key))).scalars())


# --- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bridge.db",
        "mysql://host/name",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x?timeout=y",
        "postgresql://u:p@h:abc/db",
    ],
)
async def test_a_url_that_cannot_work_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(Misconfigured, match="BRIDGE_DATABASE_URL") as refused:
        await Store.open(url)
    assert ":p@" not in str(refused.value)


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 100)
    with pytest.raises(Misconfigured):
        await Store.open(f"sqlite:///{path}")
    assert path.read_text() == "Dear reader, " * 100


async def test_nobody_else_can_read_what_is_stored(sqlite_url: str, tmp_path: Path) -> None:
    store = await Store.open(sqlite_url)
    folder = tmp_path / "data"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "bridge.db": 0o600,
        "bridge.db-shm": 0o600,
        "bridge.db-wal": 0o600,
    }
    await store.close()


async def test_a_commit_survives_the_power(sqlite_url: str) -> None:
    """WAL with synchronous=FULL (2), and foreign keys are watched; readers cannot write."""
    store = await Store.open(sqlite_url)
    async with store.write() as conn:
        found = [(await conn.execute(text(f"PRAGMA {name}"))).scalar() for name in ("journal_mode", "synchronous")]
        assert found == ["wal", 2]
        assert (await conn.execute(text("PRAGMA foreign_keys"))).scalar() == 1
    await store.close()


async def test_opening_again_finds_what_was_there(database_url: str) -> None:
    for turn in range(3):
        store = await Store.open(database_url)
        async with store.write() as conn:
            assert (await effects.begin(conn, "a letter")).fresh == (turn == 0)
        await store.close()


async def test_opening_at_once_does_not_clash(database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(database_url) for _ in range(5)))
    for store in stores:
        async with store.write() as conn:
            await effects.begin(conn, str(id(store)))
    assert len(await keys(stores[0])) == 5
    for store in stores:
        await store.close()


async def test_processes_that_open_a_new_file_at_once_do_not_clash(sqlite_url: str) -> None:
    program = (
        "import asyncio, sys; from bridge.store.database import Store\n"
        "async def main():\n    store = await Store.open(sys.argv[1])\n    await store.close()\n"
        "sys.stdin.read(); asyncio.run(main())"
    )
    pipe, command = asyncio.subprocess.PIPE, [sys.executable, "-W", "error", "-c", program, sqlite_url]
    children = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=pipe, cwd=HERE) for _ in range(4)
    ]  # each waits for the end of its input, and so all are let go at once
    outcomes = await asyncio.gather(*(child.communicate(b"") for child in children))
    assert [complaint.decode() for _, complaint in outcomes] == [""] * 4


# --- tables ---------------------------------------------------------------------------------------------------------


async def test_the_revisions_make_what_the_schema_says(store: Store) -> None:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415

    def differences(conn: Connection) -> list[object]:
        return list(
            compare_metadata(
                MigrationContext.configure(conn, opts={"compare_type": True, "include_name": migrations.in_schema}),
                metadata,
            )
        )

    async with store.read() as conn:
        assert await conn.run_sync(differences) == []
        assert (await conn.execute(text("SELECT version_num FROM alembic_version"))).scalar() == migrations.head()


def test_the_revisions_are_numbered_without_gaps() -> None:
    files = sorted((migrations.FOLDER / "versions").glob("[0-9]*.py"))
    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert [re.findall(r'^(?:down_)?revision.*= "?(\w+)"?$', file.read_text(), re.MULTILINE) for file in files] == [
        [f"{number:04}", f"{number - 1:04}" if number > 1 else "None"] for number in range(1, len(files) + 1)
    ]


def test_a_revision_does_not_depend_on_code_that_moves_on() -> None:
    for file in (migrations.FOLDER / "versions").glob("[0-9]*.py"):
        assert "bridge" not in file.read_text()


@pytest.mark.parametrize("at", [AT, AT.astimezone(timezone(timedelta(hours=9))), AT.replace(microsecond=0)])
async def test_a_time_comes_back_aware_and_to_the_microsecond(store: Store, at: datetime) -> None:
    async with store.write() as conn:
        await conn.execute(insert(table).values(key="a", begun=at))
        found = (await conn.execute(select(table.c.begun))).scalar_one()
    assert (found, found.tzinfo) == (at, UTC)


async def test_times_keep_their_order(store: Store) -> None:
    times = [AT + timedelta(microseconds=step) for step in (-1_123_456, -123_456, -1, 0, 1, 1_000_000, 10**12)]
    async with store.write() as conn:
        await conn.execute(insert(table), [{"key": str(at), "begun": at} for at in reversed(times)])
        assert list((await conn.execute(select(table.c.begun).order_by(table.c.begun))).scalars()) == times
        assert (await conn.execute(select(func.max(table.c.begun)))).scalar() == times[-1]


async def test_a_time_without_a_zone_is_a_mistake(store: Store) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        async with store.write() as conn:
            await conn.execute(insert(table).values(key="a", begun=AT.replace(tzinfo=None)))


# --- transactions ---------------------------------------------------------------------------------------------------


async def test_an_exception_takes_everything_back(store: Store) -> None:
    with pytest.raises(KeyError):
        await _write_half(store)
    assert await keys(store) == set()


async def _write_half(store: Store) -> None:
    async with store.write() as conn:
        await effects.begin(conn, "half")
        raise KeyError


async def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_it(store: Store) -> None:
    async with store.write() as conn:
        await effects.begin(conn, "half")
        async with asyncio.timeout(5):
            assert await keys(store) == set()
    assert await keys(store) == {"half"}


async def test_a_reader_sees_one_moment(store: Store) -> None:
    async with store.read() as reading:
        before = (await reading.execute(select(func.count()).select_from(table))).scalar()
        async with store.write() as conn:
            await effects.begin(conn, "new")
        assert (await reading.execute(select(func.count()).select_from(table))).scalar() == before == 0


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises((DBAPIError, Temporary)):
        async with store.read() as conn:
            await effects.begin(conn, "sly")
    assert await keys(store) == set()


async def test_many_writers_wait_for_each_other(store: Store) -> None:
    async def write(number: int) -> None:
        async with store.write() as conn:
            before = (await conn.execute(select(func.count()).select_from(table))).scalar_one()
            await effects.begin(conn, f"{number} after {before}")

    await asyncio.gather(*(write(number) for number in range(60)))
    assert len(await keys(store)) == 60


async def test_a_cancelled_writer_leaves_nothing_behind_and_holds_nobody_up(store: Store) -> None:
    """Cancelled at every point where it waits, one after another."""
    done = False
    for turns in range(200):
        task = asyncio.create_task(_write_keys(store, f"one {turns}", f"two {turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if done := task.done():
            break
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5), store.write() as conn:
            await effects.begin(conn, f"next {turns}")
    found = await keys(store)
    assert done or turns == 199
    assert {f"next {turn}" for turn in range(turns)} <= found
    for turn in range(turns):
        assert (f"one {turn}" in found) == (f"two {turn}" in found)


async def _write_keys(store: Store, *names: str) -> None:
    async with store.write() as conn:
        for name in names:
            await effects.begin(conn, name)


# --- trouble --------------------------------------------------------------------------------------------------------


async def test_a_database_locked_by_another_program_is_temporary(sqlite_url: str, tmp_path: Path) -> None:
    store = await Store.open(f"{sqlite_url}?timeout=0.01")
    other = sqlite3.connect(tmp_path / "data" / "bridge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Temporary, match="locked by another program"):
        async with store.write() as conn:
            await effects.begin(conn, "late")
    other.close()
    async with store.write() as conn:
        await effects.begin(conn, "late")
    await store.close()


async def test_a_connection_that_nobody_waits_for_any_more_is_closed(tmp_path: Path) -> None:
    """A bridge that is stopped while it starts: aiosqlite would leave the file open."""
    made = onetrip.Threads().connect(str(tmp_path / "any.db"), check_same_thread=False)

    async def ask() -> None:
        await made

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await asyncio.to_thread(made._thread.join)  # noqa: SLF001
    assert made._opened is not None  # type: ignore[attr-defined]  # noqa: SLF001
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made._opened.execute("SELECT 1")  # type: ignore[attr-defined]  # noqa: SLF001


async def test_nothing_of_a_closed_database_runs_on(tmp_path: Path) -> None:
    """An answer that comes after its event loop has ended goes nowhere: its thread dies with a traceback."""
    before = set(threading.enumerate())
    for turns in range(20):
        store = await Store.open(f"sqlite:///{tmp_path / 'any.db'}")
        writing = asyncio.create_task(_write_keys(store, f"one {turns}", f"two {turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        await store.close()
        left = [thread for thread in set(threading.enumerate()) - before if "_connection_worker" in thread.name]
        assert left == [], f"closed after {turns} turns"


async def test_a_full_disk_is_temporary_and_leaves_everything_as_it_was(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)
    async with store.write() as conn:
        await effects.begin(conn, "before")
        pages = (await conn.execute(text("PRAGMA page_count"))).scalar_one()
        await conn.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(Temporary, match="full"):
        await _write_keys(store, "small", "large" * 10_000)
    assert await keys(store) == {"before"}
    async with store.write() as conn:
        await conn.execute(text("PRAGMA max_page_count = 1000000"))
    async with store.write() as conn:
        await effects.begin(conn, "large" * 10_000)
        assert (await conn.execute(text("PRAGMA integrity_check"))).scalar() == "ok"
    await store.close()


async def test_a_lost_connection_is_temporary_and_the_next_one_works(postgresql_url: str) -> None:
    store = await Store.open(postgresql_url)
    with pytest.raises(Temporary):
        async with store.write() as conn:
            await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with store.write() as conn:
        await effects.begin(conn, "after")
    await store.close()


async def test_a_server_that_is_away_is_temporary(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg", reason="PostgreSQL is NOT tested: its driver is not installed")
    with pytest.raises(Temporary, match="cannot be reached"):
        await Store.open(f"postgresql://nobody:secret@/none?host={tmp_path}&sslmode=disable")


async def test_a_server_that_refuses_is_temporary_and_says_which_setting_to_see_to(postgresql_url: str) -> None:
    with pytest.raises(Temporary, match="BRIDGE_DATABASE_URL"):
        await Store.open(postgresql_url.replace("/postgres?", "/no_such_database?"))


async def test_a_parameter_that_means_nothing_is_refused(postgresql_url: str) -> None:
    with pytest.raises(Misconfigured, match="BRIDGE_DATABASE_URL"):
        await Store.open(postgresql_url.replace("sslmode=disable", "sslmode=perhaps"))


async def test_an_error_does_not_tell_what_was_to_be_stored(store: Store) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with store.write() as conn:
            await conn.execute(insert(table).values(key="a", result={"body": "private words"}))
    assert "private words" not in str(caught.value)
