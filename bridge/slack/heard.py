"""What Slack tells of (events) is done before it is acknowledged: what dies or fails on the way is sent again.

An event is sent up to three times more until it is acknowledged, to any socket of any replica, under one `event_id`.
Listeners may be run twice for it; what must not happen twice is wrapped in `once`. bolt acknowledges an event before it
runs its listener, and after the listener's middleware: so here a listener is one.
Source: https://docs.slack.dev/apis/events-api/#retries.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from bridge.errors import BridgeError
from bridge.jobs import Engine

log = structlog.get_logger()

Body = Mapping[str, Any]
Listener = Callable[[Body], Awaitable[None]]
"""Takes the whole envelope: `event` and `event_id`."""

SENT_AGAIN = 503
"""The status of what was not done: over HTTP Slack sees it, over a socket no acknowledgement goes out."""


class Heard:
    """Registers listeners of events with a bolt app."""

    def __init__(self, app: AsyncApp, *, engine: Engine) -> None:
        self._app = app
        self._engine = engine
        self._in_hand: dict[str, asyncio.Future[None]] = {}

    def event(self, kind: str | re.Pattern[str], listener: Listener) -> None:
        """Have events of that kind done."""

        async def first(body: Body, next: Callable[[], Awaitable[None]]) -> BoltResponse | None:  # noqa: A002 - bolt's
            try:
                await self._together(str(body.get("event_id", "")), lambda: listener(body))
            except BridgeError as error:
                log.warning("an event could not be followed now, and is sent again", reason=str(error))
                return BoltResponse(status=SENT_AGAIN)
            await next()
            return None

        self._app.event(kind, middleware=[first])(_acknowledged)

    async def once(self, body: Body, act: Callable[[], Awaitable[None]]) -> None:
        """Do what an event asks for once, however often it is sent; what came of it is remembered for as long as jobs
        are. Where a crash came between, it is done again.
        """

        async def acted() -> dict[str, Any]:
            await act()
            return {}

        await self._engine.once(f"event:{body['event_id']}", act=acted, find=None)

    async def _together(self, event_id: str, act: Callable[[], Awaitable[None]]) -> None:
        """One that is sent again while it is in hand waits for the first: it is acknowledged when that is done. One
        without an id is like no other.
        """
        if not event_id:
            await act()
            return
        if event_id in self._in_hand:
            await asyncio.shield(self._in_hand[event_id])
            return
        self._in_hand[event_id] = done = asyncio.ensure_future(act())
        try:
            await done
        finally:
            del self._in_hand[event_id]


async def _acknowledged() -> None:
    """All is done."""
