"""Socket Mode, kept open: Slack's events reach a bolt app through sockets that are watched and, if need be, rebuilt.

The sockets are those of the SDK, which reconnects by itself in most cases. What it does not do is done here:
- A handshake that is refused once it repeats with the same ticket for ever, though a ticket is good for one handshake:
  while a socket is down, its ticket is thrown away, so that the SDK's next try asks for a fresh one.
- A socket that stays down or silent for longer than the grace is closed, within a bound, and built anew.
- Two sockets are held, since the SDK closes the old one before it opens the next, and what Slack sends in between
  would be lost.
- What arrived before `stop` is answered before the sockets close.
Nothing is decided here: what an envelope means is the app's business. Source:
https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

import asyncio
import contextlib
import functools
import inspect
import logging
import time
from collections.abc import Iterable
from typing import Any

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bridge.errors import Temporary
from bridge.slack import web

log = structlog.get_logger()

PING_SECONDS = 10.0
"""Between two pings, and between two of the SDK's tries to connect: bolt's own figure."""

PINGS_MISSED = 4
"""Unanswered pings until a socket counts as dead: the SDK's own figure."""

GRACE_SECONDS = 60.0
"""How long the SDK may take to bring a socket back by itself before it is rebuilt."""

ANSWER_SECONDS = 3.0
"""How long Slack waits for the answer to an envelope, and so how long stopping waits for answers in the making."""

CLOSE_SECONDS = 2.0
"""How long the other side may take to close a socket; a dead one never does."""

RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Between tries to get the first ticket; the last one repeats."""


def _names_no_ticket(record: logging.LogRecord) -> bool:
    """Keep out the SDK's account of failed connections, whose addresses hold tickets: the watch tells of them."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, aiohttp.ClientError | OSError | TimeoutError | SlackApiError)


_SDK_LOG = logging.getLogger("bridge.slack.socket.sdk")
_SDK_LOG.setLevel(logging.ERROR)
_SDK_LOG.addFilter(_names_no_ticket)


async def check_token(*, api_url: str, app_token: str) -> None:
    """Ask for a socket and open none. Raises Misconfigured where Slack refuses the app token, Temporary."""
    await web.ticket(web.client(token=None, api_url=api_url, session=None), app_token=app_token)


class Connection:
    """The sockets of one bolt app, started once and stopped for good; the app's client says where Slack is."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        token: str,
        sockets: int = 2,
        ping: float = PING_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._app = app
        self._token = token
        self._sockets = sockets
        self._ping = ping
        self._grace = grace
        self._clients: list[SocketModeClient] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._answering: set[asyncio.Task[Any]] = set()
        self._first = asyncio.Event()
        self._stopping = False

    @property
    def connected(self) -> bool:
        """Whether Slack can reach the app now, through at least one socket."""
        return any(self._alive(client) for client in self._clients)

    async def start(self) -> None:
        """Return once the first socket is open, however long Slack is away.

        Raises Misconfigured where Slack refuses the token (SLACK_APP_TOKEN).
        """
        ticket: str | None = await self._first_ticket()
        for _ in range(self._sockets):
            self._keepers.append(asyncio.create_task(self._keep(ticket)))
            ticket = None
        await self._first.wait()

    async def stop(self) -> None:
        """Take nothing new, let what is in hand be answered, then close every socket."""
        self._stopping = True
        if self._answering:
            await asyncio.wait(self._answering, timeout=ANSWER_SECONDS)
        await _end([*self._keepers, *self._answering])

    async def _first_ticket(self) -> str:
        tries = 0
        while True:
            try:
                return await web.ticket(self._app.client, app_token=self._token)
            except Temporary as error:
                pause = error.retry_after or RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]
                log.warning("Slack gives no socket yet", reason=error.detail, retry_in=pause)
            tries += 1
            await asyncio.sleep(pause)

    async def _keep(self, ticket: str | None) -> None:
        """Hold one socket open until cancelled."""
        while True:
            client = self._client(ticket)
            ticket = None
            self._clients.append(client)
            connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]
            connecting.add_done_callback(self._tried)
            try:
                await self._watch(client)
            finally:
                self._clients.remove(client)
                await self._close(client)
            log.warning("a socket to Slack stayed down and is built anew", grace=self._grace)

    def _tried(self, _connecting: asyncio.Task[None]) -> None:
        """See a socket that opened at once, without waiting for the watch to look."""
        if self.connected:
            self._first.set()

    def _client(self, ticket: str | None) -> SocketModeClient:
        handler = AsyncSocketModeHandler(
            self._app, self._token, logger=_SDK_LOG, web_client=self._app.client, ping_interval=self._ping
        )
        client = handler.client
        # Given no proxy, the SDK would take the environment's even for loopback.
        client.proxy = self._app.client.proxy
        client.wss_uri = ticket
        client.socket_mode_request_listeners[:] = [functools.partial(self._take, handler)]
        return client

    async def _take(
        self, handler: AsyncSocketModeHandler, _client: AsyncBaseSocketModeClient, request: SocketModeRequest
    ) -> None:
        """Let the app answer an envelope. While stopping it is left: Slack sends it again, to whoever is there."""
        task = asyncio.current_task()
        if self._stopping or task is None:
            return
        self._answering.add(task)
        try:
            await handler.handle(handler.client, request)
        except (aiohttp.ClientError, OSError) as error:
            log.warning("Slack did not get an answer and will ask again", kind=request.type, reason=repr(error))
        finally:
            self._answering.discard(task)

    async def _watch(self, client: SocketModeClient) -> None:
        """Return once the socket has been down for the whole grace."""
        up = False
        alive_at = time.monotonic()
        while time.monotonic() - alive_at < self._grace:
            await asyncio.sleep(self._ping / 4)
            alive = self._alive(client)
            if alive:
                alive_at = time.monotonic()
                self._first.set()
            else:
                client.wss_uri = None
            if alive != up:
                log.info("a socket to Slack is open" if alive else "a socket to Slack is down")
            up = alive

    async def _close(self, client: SocketModeClient) -> None:
        """Close a socket and see its tasks end, whatever the other side does; answers in the making may finish."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.close(), CLOSE_SECONDS)  # type: ignore[no-untyped-call]
        await _end(_tasks_of(client) - self._answering)
        await client.aiohttp_client_session.close()

    def _alive(self, client: SocketModeClient) -> bool:
        """Whether the socket is open and its pings are answered; being open alone says nothing of a dead peer."""
        session = client.current_session
        if client.closed or client.stale or session is None or session.closed:
            return False
        heard = client.last_ping_pong_time
        return heard is None or time.time() - heard < PINGS_MISSED * self._ping


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _tasks_of(client: SocketModeClient) -> set[asyncio.Task[Any]]:
    """Every task that runs a method of the client: the SDK holds on to some of them only."""
    return {
        task
        for task in asyncio.all_tasks()
        if inspect.iscoroutine(coroutine := task.get_coro())
        and inspect.getcoroutinelocals(coroutine).get("self") is client
    }
