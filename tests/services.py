"""`bridge run` as a process of its own, to be killed, frozen and stopped; the worlds outlive it in the test's process."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import Any

import aiohttp
from dovecot import free_ports

from bridge.demo.stage import Stage

RUN = [sys.executable, "-m", "bridge", "run", "--config"]


class Service:
    """One replica. `command` is what is run; `ready` while it has said so; `frozen` between SIGSTOP and SIGCONT."""

    def __init__(self, stage: Stage, command: list[str] = RUN) -> None:
        self._stage = stage
        self.command = command
        self.port = free_ports(1)[0]
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        self.frozen = False
        self.kills = self.freezes = 0
        self.logged: list[str] = []
        """All that it has written, over all its lives."""

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    async def start(self) -> None:
        self.ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            str(self._stage.config_file()),
            env={
                **os.environ,
                **self._stage.environ(),
                "BRIDGE_LOG": "json",
                "BRIDGE_HTTP": f"127.0.0.1:{self.port}",
            },
            cwd=self._stage.data,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._log = asyncio.create_task(self._read(self._process.stderr))

    async def _read(self, log: asyncio.StreamReader | None) -> None:
        assert log
        async for line in log:
            self.logged.append(line.decode(errors="replace"))
            if b"bridge ready" in line:
                self.ready.set()
            if b"Traceback" in line or b'"level": "error"' in line:
                sys.stderr.write(f"{line.decode()[:300].rstrip()}\n")

    async def stop(self) -> int:
        """As a service manager does; the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def kill(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._ended()
        self.frozen = False
        self.kills += 1

    def freeze(self) -> None:
        """As a machine does that swaps, or whose host is moved."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        self.frozen = True
        self.freezes += 1

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)
        self.frozen = False

    async def _ended(self) -> int:
        assert self._process
        assert self._log
        code = await self._process.wait()
        await self._log
        self._process = None
        return code

    async def told(self) -> dict[str, Any]:
        """What `/readyz` says; nothing while it is not up."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://127.0.0.1:{self.port}/readyz") as answer,
            ):
                found: dict[str, Any] = await answer.json()
                return found
        return {}

    async def mailbox_is(self, state: str, *, within: float) -> float:
        """Wait until its one mailbox is in that state; the seconds that it took."""
        since = time.monotonic()
        async with asyncio.timeout(within):
            while [one["state"] for one in (await self.told()).get("mailboxes", ())] != [state]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return time.monotonic() - since
