"""Socket Mode: tickets for one handshake each, at most ten sockets, envelopes to one of them, acknowledgements in time.

Source: Slack's guide to Socket Mode. A test can end sockets the ways that Slack ends them (`disconnect`), cut them,
let them fall silent (`stall`) and refuse handshakes.
"""

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web

from bridge.demo.double.delivery import Answer, Envelope
from bridge.demo.double.refusals import NoAck
from bridge.demo.double.site import Timing
from bridge.demo.double.stored import Json

SOCKETS_MOST = 10

Reason = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]


@dataclass(slots=True, kw_only=True, eq=False)
class _Socket:
    ws: web.WebSocketResponse
    request: web.Request
    waiting: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)


class Sockets:
    """The sockets that one app holds open. `envelopes` keeps every envelope that was sent, as sent."""

    def __init__(self, *, app_id: str, timing: Timing) -> None:
        self.envelopes: list[Json] = []
        self.handshakes_refused = 0
        self._app_id, self._timing = app_id, timing
        self._tickets: set[str] = set()
        self._open: list[_Socket] = []
        self._changed = asyncio.Event()
        self._stalled = False
        self._refusals = 0

    # --- for the Web API and the server -----------------------------------------------------------------------------

    def ticket(self) -> str:
        """The path and query of an address that lets one handshake through."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return f"/link/?ticket={ticket}&app_id={self._app_id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket's life. A used or unknown ticket is refused with 403."""
        ticket = request.query.get("ticket", "")
        if self._refusals or ticket not in self._tickets:
            self._refusals = max(0, self._refusals - 1)
            self._tickets.discard(ticket)
            self.handshakes_refused += 1
            return web.Response(status=403, text="ticket refused")
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse(autoping=False, heartbeat=self._timing.ping, timeout=0.5)
        await ws.prepare(request)
        if len(self._open) >= SOCKETS_MOST:
            await ws.send_json(_disconnect("too_many_websockets"))
            await ws.close()
            return ws
        socket = _Socket(ws=ws, request=request)
        try:
            await ws.send_json(self._hello())
            self._open.append(socket)
            self._notify()
            await self._listen(socket)
        finally:
            self._forget(socket)
        return ws

    async def close(self) -> None:
        """Close every socket."""
        await asyncio.gather(*(socket.ws.close() for socket in self._open), return_exceptions=True)

    # --- for deliveries ---------------------------------------------------------------------------------------------

    def reachable(self) -> bool:
        """Whether the app holds a socket open."""
        return bool(self._open)

    async def until_reachable(self) -> None:
        """Wait until the app opens a socket."""
        await self.until(lambda: bool(self._open))

    async def deliver(self, envelope: Envelope) -> Answer:
        """Send an envelope to one socket, the next in turn, and wait for its acknowledgement. Raises NoAck."""
        if not self._open:
            raise NoAck("connection_failed")
        socket = self._open.pop(0)
        self._open.append(socket)
        name = str(uuid.uuid4())
        sent = {
            "envelope_id": name,
            "type": envelope.kind,
            "payload": envelope.payload,
            "accepts_response_payload": envelope.answerable,
        }
        if envelope.kind == "events_api":
            sent |= {"retry_attempt": envelope.attempt, "retry_reason": envelope.reason}
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        socket.waiting[name] = answer
        self.envelopes.append(sent)
        try:
            async with asyncio.timeout(self._timing.ack):
                await socket.ws.send_json(sent)
                return await answer
        except TimeoutError:
            raise NoAck("timeout") from None
        except (ConnectionError, aiohttp.ClientError):
            raise NoAck("connection_failed") from None
        finally:
            socket.waiting.pop(name, None)

    # --- for tests --------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that depends on the open sockets."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def disconnect(self, reason: Reason = "refresh_requested") -> None:
        """Tell every socket that it ends; all but a warning also end it."""
        for socket in list(self._open):
            await socket.ws.send_json(_disconnect(reason))
            if reason != "warning":
                await socket.ws.close()

    async def say(self, *frames: str) -> None:
        """Send frames, whatever is in them, on every socket."""
        for socket in list(self._open):
            for text in frames:
                await socket.ws.send_str(text)

    def cut(self) -> None:
        """Break every socket without a word."""
        for socket in list(self._open):
            if socket.request.transport:
                socket.request.transport.abort()

    def stall(self) -> None:
        """Answer no ping and take no acknowledgement from now on: half-open connections."""
        self._stalled = True

    def revive(self) -> None:
        """Answer again."""
        self._stalled = False

    def refuse_handshakes(self, times: int) -> None:
        """Refuse the next handshakes, and use their tickets up."""
        self._refusals = times

    async def _listen(self, socket: _Socket) -> None:
        async for message in socket.ws:
            if self._stalled:
                continue
            if message.type is aiohttp.WSMsgType.PING:
                await socket.ws.pong(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._acknowledge(socket, message.data)

    def _acknowledge(self, socket: _Socket, text: str) -> None:
        try:
            said: Any = json.loads(text)
        except ValueError:
            return
        answer = socket.waiting.get(said.get("envelope_id", "")) if isinstance(said, dict) else None
        if answer and not answer.done():
            answer.set_result(said.get("payload"))

    def _forget(self, socket: _Socket) -> None:
        if socket in self._open:
            self._open.remove(socket)
        for answer in socket.waiting.values():
            if not answer.done():
                answer.set_exception(NoAck("connection_failed"))
        self._notify()

    def _notify(self) -> None:
        self._changed.set()

    def _hello(self) -> Json:
        debug = {"host": "applink-demo", "build_number": 1, "approximate_connection_time": 18060}
        return {
            "type": "hello",
            "num_connections": len(self._open) + 1,
            "connection_info": {"app_id": self._app_id},
            "debug_info": debug,
        }


def _disconnect(reason: Reason) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-demo"}}
