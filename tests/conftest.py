"""What every test may stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.demo.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The real bridge between a Slack workspace and the world's mail, both on loopback. Nothing is held for long."""
    made = Stage(tmp_path, hold=0.2)
    await made.start()
    yield made
    await made.stop()
