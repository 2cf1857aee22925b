"""What every test may stand on: databases (SQLite always, PostgreSQL where installed and always in CI), the stage."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from postgresql import running_postgresql

from bridge.store.database import Store

if TYPE_CHECKING:
    from onstage import Desk

    from bridge.demo.stage import Stage


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A server of our own on a socket of its own: the URL of its database."""
    with running_postgresql() as server:
        yield server.url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'bridge.db'}"


@pytest.fixture
async def postgresql_url(postgresql_server: str) -> str:
    """An empty schema, which costs a hundredth of what an empty database would. `connect_timeout` is libpq's alone."""
    import asyncpg  # noqa: PLC0415 - an extra

    name = f"test_{os.urandom(6).hex()}"
    connection = await asyncpg.connect(postgresql_server)
    await connection.execute(f"CREATE SCHEMA {name}")
    await connection.close()
    return f"{postgresql_server}&options=-csearch_path%3D{name}&connect_timeout=10"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn: what a test with it promises, both keep."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator["Stage"]:
    """The real bridge between a Slack workspace and the world's mail, both on loopback. Nothing is held for long.

    Its parameter, if a test gives one, is Slack's way to the bridge: "socket" or "http".
    """
    from bridge.demo.stage import Stage  # noqa: PLC0415 - the whole bridge, which a test of one part need not import

    made = Stage(tmp_path, hold=0.2, way=getattr(request, "param", "socket"))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def mina(stage: "Stage") -> "Desk":
    """The agent whom most stories follow."""
    from onstage import Desk  # noqa: PLC0415

    return Desk(stage)
