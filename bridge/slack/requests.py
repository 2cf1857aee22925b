"""Slack's requests over HTTP, for a bolt app that uses no Socket Mode: each is signed, and proven before it is read.

bolt answers when a listener says so: a click is acknowledged once what it changes is committed, as with a socket.
(`process_before_response` would hold the answer back until the listener has ended, and with it every window that is
opened after the answer.) What Slack gets no answer to, it shows as failed to the person, or sends again.
Source: https://docs.slack.dev/authentication/verifying-requests-from-slack.
"""

import asyncio
import re

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

log = structlog.get_logger()

PATH = "/slack/events"
"""Where Slack posts everything: events, clicks and commands."""

ANSWER_SECONDS = 3.0
"""How long Slack waits for an answer, and so how long stopping waits for answers in the making."""

_SIGNATURE, _TIMESTAMP = re.compile(r"v0=[0-9a-f]{64}"), re.compile(r"[0-9]{1,12}")


class Requests:
    """The way in for one bolt app, which checks the signatures; the counterpart of `socket.Connection`."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app
        self._answering: set[asyncio.Task[object]] = set()
        self.connected = False

    async def start(self) -> None:
        """Take requests."""
        self.connected = True

    async def stop(self) -> None:
        """Take no more, and let what is in hand be answered."""
        self.connected = False
        if self._answering:
            await asyncio.wait(self._answering, timeout=ANSWER_SECONDS)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request's answer: 401 for one that Slack did not sign, 503 where it has to be sent again."""
        if not self.connected:
            return web.Response(status=503)
        # bolt takes such for granted and answers anything else with a failure of its own
        if not (
            _SIGNATURE.fullmatch(request.headers.get("X-Slack-Signature", ""))
            and _TIMESTAMP.fullmatch(request.headers.get("X-Slack-Request-Timestamp", ""))
        ):
            return web.Response(status=401)
        try:
            body = (await request.read()).decode()
        except UnicodeDecodeError:
            return web.Response(status=400)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs is run by a task
        self._answering.add(task)
        try:
            headers: dict[str, str | list[str]] = dict(request.headers)
            try:
                asked = AsyncBoltRequest(body=body, query=request.query_string, headers=headers)  # type: ignore[arg-type]
            except (ValueError, TypeError, AttributeError):  # it reads the body before anything proves who sent it
                asked = None
            if asked is None or not isinstance(asked.body, dict):
                log.warning("what was posted in Slack's place cannot be read")
                return web.Response(status=400)
            return await to_aiohttp_response(await self._app.async_dispatch(asked))
        finally:
            self._answering.discard(task)
