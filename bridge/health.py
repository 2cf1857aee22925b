"""The HTTP side of a running bridge: how it fares, for those who watch over it (talks).

`/healthz`: the process lives. `/readyz`: Slack is connected and the database answers, else 503; beside that it tells
how each mailbox fares, which alerts somebody and unloads nothing. `/metrics`: the counts. In Slack's HTTP mode its
requests come in here too. It stands on loopback unless a setting says otherwise, and tells nothing of any mail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from aiohttp import web

from bridge.automation.alarms import WATCHED
from bridge.config import Listen
from bridge.errors import BridgeError, Misconfigured, Temporary
from bridge.metrics import CONTENT_TYPE, Metrics
from bridge.model import MailboxName, now
from bridge.store import canaries, jobs, troubles
from bridge.store.database import Store

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATIENCE = 2.0
"""Seconds that the database has to answer: those who ask give up after a few more, and take us for dead."""

FAREWELL = 0.5
"""Seconds that a request in the making may take when we stop."""

LARGEST_REQUEST = 4 << 20
"""Bytes: Slack sends a whole view back, up to 250 KB of it, and a form takes up to nine bytes for a letter."""


class Watched(Protocol):
    """What brings a mailbox's mail: a local folder or an IMAP server."""

    @property
    def failure(self) -> BridgeError | None:
        """Why it cannot be watched now; None while it is."""

    @property
    def last_heard(self) -> datetime | None:
        """When it last gave any sign of life."""


@dataclass(slots=True, kw_only=True)
class Health:
    """How a mailbox fares. Its watcher says when it failed; a later sign of life of the source ends that.

    `elsewhere`: whether another replica watches it; then that one knows how it fares.
    """

    name: MailboxName
    source: Watched
    elsewhere: Callable[[], bool] = lambda: False
    _failure: tuple[datetime, BridgeError] | None = field(default=None, init=False)

    def fails(self, failure: BridgeError) -> None:
        """The mailbox could not be read, or its mail not be kept."""
        self._failure = (now(), failure)

    @property
    def reason(self) -> str:
        """The sentence that says why it is failing; empty while it is watched."""
        if self.elsewhere():
            return ""
        heard = self.source.last_heard
        if self._failure and (heard is None or heard < self._failure[0]):
            return str(self._failure[1])
        return str(self.source.failure or "")

    def told(self) -> dict[str, str | None]:
        """As `/readyz` tells it."""
        heard = self.source.last_heard
        return {
            "name": self.name,
            "state": "watched elsewhere" if self.elsewhere() else "failing" if self.reason else "watching",
            "reason": self.reason,
            "last_heard": heard.isoformat() if heard else None,
        }


class Site:
    """Listens where BRIDGE_HTTP says; nowhere where it is off. Once started, `port` is the real one.

    `connected`: whether Slack reaches us and we reach Slack; `filters`: how each filter fares;
    `routes`: further paths that are posted to.
    """

    def __init__(
        self,
        listen: Listen,
        *,
        store: Store,
        metrics: Metrics,
        mailboxes: Iterable[Health],
        connected: Callable[[], bool],
        filters: Callable[[], list[dict[str, str]]] = list,
        routes: Iterable[tuple[str, Answer]] = (),
    ) -> None:
        self.port = listen.port
        self._host = listen.host
        self._store = store
        self._metrics = metrics
        self._mailboxes = mailboxes
        self._connected = connected
        self._filters = filters
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._show_metrics)
        for path, answer in routes:
            app.router.add_post(path, answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=FAREWELL)

    async def start(self) -> None:
        """Listen. Raises Misconfigured where the address cannot be had."""
        if self.port is None:
            return
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            raise Misconfigured(
                f"BRIDGE_HTTP is an address that cannot be listened on ({error.strerror}): choose another port, or "
                "leave it empty for none.",
                detail=repr(error),
            ) from error
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        connected, answers = self._connected(), await self._count_jobs()
        body: dict[str, Any] = {
            "ready": connected and answers,
            "slack": "connected" if connected else "not connected",
            "database": "answers" if answers else "does not answer",
            "mailboxes": [one.told() for one in self._mailboxes],
            "filters": self._filters(),
        }
        return web.json_response(body, status=200 if body["ready"] else 503)

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        if await self._count_jobs():
            await self._look_for_troubles()
        for one in self._mailboxes:
            if (heard := one.source.last_heard) and not one.elsewhere():
                self._metrics.set_silence(one.name, now() - heard)
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _look_for_troubles(self) -> None:
        async with self._store.read() as conn:
            lasting, canary = await troubles.names(conn), await canaries.last_back(conn)
        about = dict.fromkeys([*WATCHED, *(one.name for one in self._mailboxes)], False)
        self._metrics.set_troubles(about | dict.fromkeys(lasting, True))
        if canary and canary.came and canary.round_trip is not None:
            self._metrics.set_canary(canary.mailbox, round_trip=canary.round_trip, since=now() - canary.came)

    async def _count_jobs(self) -> bool:
        """Whether the database answers, with what it says of the jobs."""
        try:
            async with asyncio.timeout(PATIENCE), self._store.read() as conn:
                counts, lag = await jobs.counts(conn), await jobs.lag(conn)
        except (Temporary, TimeoutError):
            self._metrics.forget_jobs()
            return False
        self._metrics.set_jobs({str(state): count for state, count in counts.items()}, lag=lag)
        return True
