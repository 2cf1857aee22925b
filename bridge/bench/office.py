"""The real service between the doubles: `bridge run` in a process of its own, Slack and mail servers in this one."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bridge.demo.double.people import Person
from bridge.demo.imapserver import Double, running
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Refused
from bridge.settings.layers import VARIABLES

T = TypeVar("T")

Json = dict[str, Any]

PATIENCE = 120.0
"""Seconds for what is waited for; nothing that is measured takes nearly as long."""


@dataclass(slots=True, kw_only=True)
class Office:
    """`mail` is where customers' mail comes in; `pid` is the service's process."""

    stage: Stage
    mail: Double
    pid: int

    @property
    def agent(self) -> Person:
        """Somebody who may act."""
        return self.stage.slack.person(MINA)

    def card(self, subject: str) -> Json | None:
        """The card with that subject, once it stands."""
        return next((one for one in self._cards() if one["blocks"][0]["text"]["text"] == subject), None)

    def thread(self, card: Json) -> list[Json]:
        """What stands in a card's thread."""
        return self.stage.slack.workspace.replies(CHANNEL, card["ts"])

    async def sees(self, look: Callable[[], T]) -> T:
        """Wait until something true can be seen in Slack."""
        return await self.agent.sees(look, timeout=PATIENCE)

    async def receives(self, subject: str, raw: bytes) -> float:
        """Deliver a mail and wait until its card and its text stand: seconds from the server's push to the card."""
        shown: list[float] = []

        def heard(change: Json) -> None:
            if change["type"] == "message" and not change["message"].get("thread_ts"):
                shown.append(time.perf_counter())

        listeners = self.stage.slack.workspace.listeners
        listeners.append(heard)
        try:
            await self.mail.resting()
            pushed = time.perf_counter()
            await self.mail.deliver(raw)
            await self.sees(lambda: (card := self.card(subject)) and self.thread(card))
        finally:
            listeners.remove(heard)
        return shown[0] - pushed

    def _cards(self) -> list[Json]:
        return [one for one in self.stage.slack.workspace.history(CHANNEL) if one.get("bot_id")]


@contextlib.asynccontextmanager
async def office() -> AsyncIterator[Office]:
    """One mailbox on an IMAP server, watched by the service. Raises Refused where the service does not come up."""
    async with contextlib.AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        mail = await closing.enter_async_context(running())
        stage = await closing.enter_async_context(doubles(folder))
        stage.source = imap_source(mail.port, security="none")
        pid = await closing.enter_async_context(service(stage))
        await mail.resting()
        yield Office(stage=stage, mail=mail, pid=pid)


@contextlib.asynccontextmanager
async def doubles(folder: Path) -> AsyncIterator[Stage]:
    """Slack and the customers' mail server, and the settings that join a bridge to them; nothing is held for long."""
    stage = Stage(folder, hold=0.1)
    stage.secrets = {"MAILBOX_PASSWORD": "secret"}
    await stage.slack.start()
    await stage.world.start()
    try:
        yield stage
    finally:
        await stage.stop()


def imap_source(port: int, *, security: str, certificate: Path | None = None) -> str:
    """The lines of `bridge.toml` for a mailbox on that port of this machine."""
    trusted = f', ca_file = "{certificate}"' if certificate else ""
    return (
        f'source = "imap"\nimap = {{ host = "127.0.0.1", port = {port}, security = "{security}", '
        f'username = "{SHOP.email}", password_env = "MAILBOX_PASSWORD"{trusted} }}'
    )


@contextlib.asynccontextmanager
async def service(stage: Stage) -> AsyncIterator[int]:
    """`bridge run` as an operator starts it, ready: its process. Stopped at the end as a service manager stops it."""
    environ = {name: value for name, value in os.environ.items() if name not in VARIABLES and name != "BRIDGE_CONFIG"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "run", "--config", str(stage.config_file())),
        env={**environ, **stage.environ(), "BRIDGE_LOG": "json"},
        cwd=stage.data,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    ready, last = asyncio.Event(), deque[bytes](maxlen=1)

    async def listen(log: asyncio.StreamReader) -> None:
        async for line in log:
            last.append(line)
            if b"bridge ready" in line:
                ready.set()

    assert process.stderr  # noqa: S101 - a pipe
    listening = asyncio.create_task(listen(process.stderr))
    try:
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([waiting, listening], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ready.is_set():
            raise Refused(f"The service did not come up: {b''.join(last).decode('utf-8', 'replace').strip()}")
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
        await listening
