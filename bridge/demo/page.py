"""The demo's page: on its left the customers' mail program, on its right the Slack workspace, live.

A web server on loopback that shows what `SlackDouble` and `World` hold and does what a person does: it talks to the
workspace through its state, its queue of changes and `Person` alone, and knows nothing of the bridge between the two.
A socket gets every piece (`pieces`) when it opens and then those that changed; what is done comes in as one POST each.

Guards: Host and Origin must be the page's own. Every request but the page and its static files carries either the
token made at the start (in a header, or as the socket's subprotocol) or, where a browser fetches by address alone,
that address's signature. Mail and files are served under a policy that lets nothing run and nothing be fetched.
"""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from json import JSONDecodeError
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from aiohttp import WSMsgType, web
from aiohttp.hdrs import METH_GET

from bridge.demo.double.refusals import BadAck, NoAck, NotOffered, SlackRefusal
from bridge.demo.double.slack import SlackDouble
from bridge.demo.pieces import Pieces
from bridge.demo.world import World
from bridge.errors import BridgeError, Misconfigured
from bridge.model import Address, Attachment

STATIC = Path(__file__).with_name("page")
LARGEST_REQUEST = 64 * 1024 * 1024
"""Bytes: a mail with files, as many as the mail world's server takes."""

FARTHEST = timedelta(days=31)
"""How far the clock is set ahead at once."""

PAGE_POLICY = (
    "default-src 'self'; connect-src 'self' ws://{host}; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FRAME_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_SHOWN_IN_PLACE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
"""Types a browser may show by itself; every other file is only ever saved."""

_Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """The page's server. `customers` have a mail program on it; `mailboxes` are what they write to first; `later` sets
    the clock of everything ahead.

    `manifest` is the app's: its slash commands and shortcuts stand in the workspace's menus. `port` 0 takes any free
    one; `url` says where the page is once `start` has returned.
    """

    ACTS: ClassVar = frozenset(
        {
            "choose",
            "click",
            "click_view",
            "close_view",
            "command",
            "delete",
            "edit",
            "global_shortcut",
            "message_shortcut",
            "open_home",
            "say",
            "submit",
        }
    )
    """What a person can do here: methods of `Person`, with their own arguments."""

    def __init__(
        self,
        double: SlackDouble,
        world: World,
        *,
        customers: Sequence[Address],
        mailboxes: Sequence[Address],
        manifest: Mapping[str, Any],
        later: Callable[[timedelta], None],
        port: int = 8025,
    ) -> None:
        self._double, self._world, self._port = double, world, port
        self._set_ahead = later
        self._customers = {address.email.lower(): address for address in customers}
        self._token = secrets.token_urlsafe(24)
        self._pieces = Pieces(
            double.workspace,
            world,
            customers=customers,
            mailboxes=mailboxes,
            manifest=manifest,
            address_of=self._signed,
        )
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()

    @property
    def host(self) -> str:
        """Host and port, as a browser names them."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return f"http://{self.host}/"

    async def start(self) -> None:
        """Listen on loopback and follow every change. Raises Misconfigured where the port cannot be had."""
        app = web.Application(middlewares=[self._guard], client_max_size=LARGEST_REQUEST)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/live", self._live),
                web.post("/act", self._act),
                web.post("/upload", self._upload),
                web.post("/mail", self._mail),
                web.post("/later", self._later),
                web.get("/letters/{id:[1-9][0-9]*}/html", self._letter_html),
                web.get("/letters/{id:[1-9][0-9]*}/files/{position:[0-9]+}", self._letter_file),
                web.get("/files/{id}", self._slack_file),
                web.static("/page", STATIC),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        try:
            await site.start()
        except OSError as taken:
            raise Misconfigured(
                f"Port {self._port} is taken: choose another with --port, or --port 0 for any free one."
            ) from taken
        self._port = self._runner.addresses[0][1]
        self._pieces.changed()
        queues: list[asyncio.Queue[Any]] = [self._double.workspace.subscribe(), self._world.subscribe()]
        self._tasks = [asyncio.create_task(self._follow(queue)) for queue in queues]
        self._tasks.append(asyncio.create_task(self._broadcast()))

    async def stop(self) -> None:
        """Close every socket and stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self._sockets):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- who may ask ------------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Answer) -> web.StreamResponse:
        names = {self.host, f"localhost:{self._port}"}
        if request.host not in names:
            raise web.HTTPForbidden(text="This page answers only at its own address.")
        origin = request.headers.get("Origin")
        needs_origin = request.method != METH_GET or request.path == "/live"
        if (origin or needs_origin) and origin not in {f"http://{name}" for name in names}:
            raise web.HTTPForbidden(text="This request comes from another page.")
        if not self._permitted(request):
            raise web.HTTPForbidden(text="The token is missing or from an earlier start; load the page again.")
        response = await handler(request)
        if not response.prepared:
            response.headers.setdefault("Content-Security-Policy", PAGE_POLICY.format(host=request.host))
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
            response.headers["Cache-Control"] = "no-store"
        return response

    def _permitted(self, request: web.Request) -> bool:
        if request.path == "/" or request.path.startswith("/page/"):
            return True
        given = request.headers.get("X-Demo-Token") or request.headers.get("Sec-WebSocket-Protocol") or ""
        if hmac.compare_digest(given.encode(), self._token.encode()):
            return True
        key = request.query.get("key", "")
        return request.method == METH_GET and hmac.compare_digest(key.encode(), self._key(request.path).encode())

    def _key(self, path: str) -> str:
        return hmac.new(self._token.encode(), path.encode(), hashlib.sha256).hexdigest()

    def _signed(self, path: str) -> str:
        return f"{path}?key={self._key(path)}"

    # --- what is shown ----------------------------------------------------------------------------------------------

    async def _index(self, _request: web.Request) -> web.Response:
        html = (STATIC / "index.html").read_text(encoding="utf-8")
        return web.Response(text=html.replace("{{token}}", self._token), content_type="text/html")

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=[self._token], heartbeat=30)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await socket.send_str(_object(self._pieces.current()))
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._sockets.discard(socket)
        return socket

    async def _follow(self, queue: asyncio.Queue[Any]) -> None:
        while True:
            await queue.get()
            self._news.set()

    async def _broadcast(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            fresh = self._pieces.changed()
            for socket in list(self._sockets) if fresh else ():
                with contextlib.suppress(ConnectionError):
                    await socket.send_str(_object(fresh))

    async def _letter_html(self, request: web.Request) -> web.Response:
        letter = self._world.letters[_position(request, "id", len(self._world.letters) + 1) - 1]
        response = web.Response(text=self._pieces.reading(letter).html, content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = FRAME_POLICY
        return response

    async def _letter_file(self, request: web.Request) -> web.Response:
        letter = self._world.letters[_position(request, "id", len(self._world.letters) + 1) - 1]
        files = self._pieces.reading(letter).files
        file = files[_position(request, "position", len(files))]
        return _saved(file.content, name=file.name, content_type=file.content_type)

    async def _slack_file(self, request: web.Request) -> web.Response:
        file = self._double.workspace.files.get(request.match_info["id"])
        if file is None or file.deleted:
            raise web.HTTPNotFound(text="There is no such file.")
        return _saved(file.content, name=file.name, content_type=file.mimetype)

    # --- what is done -----------------------------------------------------------------------------------------------

    async def _act(self, request: web.Request) -> web.Response:
        try:
            asked = await request.json()
            user, act, arguments = asked["person"], asked["act"], asked["arguments"]
        except (JSONDecodeError, KeyError, TypeError):
            raise web.HTTPBadRequest(text="An act has a person, a name and arguments.") from None
        if act not in self.ACTS or user not in self._double.workspace.users:
            raise web.HTTPBadRequest(text="There is no such act or person.")
        return await _told(getattr(self._double.person(user), act)(**arguments))

    async def _upload(self, request: web.Request) -> web.Response:
        user = request.query.get("person", "")
        if user not in self._double.workspace.users:
            raise web.HTTPBadRequest(text="There is no such person.")
        content = await request.read()
        return await _told(self._double.person(user).upload(request.query.get("name") or "file", content))

    async def _mail(self, request: web.Request) -> web.Response:
        form = await request.post()
        author = self._customers.get(str(form.get("from", "")).lower())
        if author is None:
            raise web.HTTPBadRequest(text="There is no such customer.")
        files = [
            Attachment(filename=part.filename, content_type=part.content_type, content=part.file.read())
            for part in form.getall("files", [])
            if isinstance(part, web.FileField)
        ]
        written = {name: str(form.get(name, "")) for name in ("to", "cc", "subject", "text")}
        return await _told(
            self._world.write(
                from_=str(author),
                files=files,
                in_reply_to=str(form.get("in_reply_to", "")) or None,
                references=str(form.get("references", "")).split(),
                **written,
            )
        )

    async def _later(self, request: web.Request) -> web.Response:
        """So many seconds pass at once; never back, since what has happened stays."""
        try:
            by = timedelta(seconds=int((await request.json())["seconds"]))
        except (JSONDecodeError, LookupError, TypeError, ValueError, OverflowError):
            raise web.HTTPBadRequest(text="Say how many seconds.") from None
        if not timedelta() < by <= FARTHEST:
            raise web.HTTPBadRequest(text="Say how many seconds: time goes forward, 31 days at most.")
        self._set_ahead(by)
        self._news.set()
        return web.json_response({"result": None})


async def _told(doing: Awaitable[Any]) -> web.Response:
    """The act's result as JSON; what went wrong, in a sentence."""
    try:
        return web.json_response({"result": await doing})
    except NoAck:
        sentence = "The app did not answer within 3 seconds. Try again in a moment."
    except BadAck as error:
        sentence = f"Slack refused the app's answer: {error}"
    except SlackRefusal as refusal:
        sentence = f"Slack refused: {refusal.code}."
    except (NotOffered, BridgeError) as error:
        sentence = str(error)
    return web.json_response({"error": sentence}, status=409)


def _object(pieces: Mapping[str, str]) -> str:
    """One JSON object of values that are JSON text already."""
    return "{" + ",".join(f'"{name}":{text}' for name, text in pieces.items()) + "}"


def _position(request: web.Request, name: str, count: int) -> int:
    position = int(request.match_info[name])
    if position >= count:
        raise web.HTTPNotFound(text="There is no such thing here.")
    return position


def _saved(content: bytes, *, name: str, content_type: str) -> web.Response:
    """A file to look at where that is harmless, else to save."""
    way = "inline" if content_type in _SHOWN_IN_PLACE else "attachment"
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": f"{way}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=content, headers=headers)
