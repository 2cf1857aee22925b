"""Slack's Web API and its other doors over HTTP: uploads, private files, `response_url`, the way to a socket.

Takes every encoding that Slack takes: GET with a query, POST with a query and no body, a form, or JSON where the method
takes JSON; structures inside a query or form are JSON text. Checks in Slack's order: method, token, kind of token,
scope, arguments. Answers are HTTP 200 with `ok`, save 429 and the faults that a test asked for.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import hdrs, web

from bridge.demo.double.methods import chat, conversations, directory, files, views
from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.site import Arguments, Site
from bridge.demo.double.stored import Json, StoredFile

BODY_MOST = 1024**3 + 1024**2  # bytes of one request: the largest file, and some room
_SIGN_IN = (
    "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to your workspace</body></html>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: any one of `scopes` is needed (which one may depend on the channel); `body`: whether JSON is read."""

    run: Callable[[Site, Arguments], Awaitable[Json]]
    scopes: tuple[str, ...] = ()
    body: Literal["json", "form"] = "form"
    token: Literal["bot", "app"] = "bot"  # noqa: S105 - a kind of token


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_OPEN = ("channels:manage", "groups:write", "im:write", "mpim:write")

METHODS: dict[str, Method] = {
    "apps.connections.open": Method(run=directory.open_connection, body="json", token="app"),  # noqa: S106 - a kind
    "auth.test": Method(run=directory.auth_test, body="json"),
    "team.info": Method(run=directory.team_info, scopes=("team:read",)),
    "chat.postMessage": Method(run=chat.post_message, scopes=("chat:write",), body="json"),
    "chat.update": Method(run=chat.update, scopes=("chat:write",), body="json"),
    "chat.delete": Method(run=chat.delete, scopes=("chat:write",), body="json"),
    "chat.postEphemeral": Method(run=chat.post_ephemeral, scopes=("chat:write",), body="json"),
    "chat.getPermalink": Method(run=chat.permalink),
    "conversations.history": Method(run=conversations.history, scopes=_HISTORY),
    "conversations.replies": Method(run=conversations.replies, scopes=_HISTORY),
    "conversations.info": Method(run=conversations.info, scopes=_READ),
    "conversations.list": Method(run=conversations.listed, scopes=_READ),
    "conversations.members": Method(run=conversations.members, scopes=_READ),
    "conversations.join": Method(run=conversations.join, scopes=("channels:join",), body="json"),
    "conversations.open": Method(run=conversations.opened, scopes=_OPEN, body="json"),
    "users.conversations": Method(run=conversations.of_user, scopes=_READ),
    "users.info": Method(run=directory.user_info, scopes=("users:read",)),
    "users.list": Method(run=directory.user_list, scopes=("users:read",)),
    "users.lookupByEmail": Method(run=directory.user_by_email, scopes=("users:read.email",)),
    "files.getUploadURLExternal": Method(run=files.get_upload_url, scopes=("files:write",)),
    "files.completeUploadExternal": Method(run=files.complete_upload, scopes=("files:write",), body="json"),
    "files.info": Method(run=files.info, scopes=("files:read",)),
    "files.delete": Method(run=files.delete, scopes=("files:write",), body="json"),
    "views.open": Method(run=views.opened, body="json"),
    "views.push": Method(run=views.pushed, body="json"),
    "views.update": Method(run=views.updated, body="json"),
    "views.publish": Method(run=views.published, body="json"),
    "reactions.add": Method(run=directory.add_reaction, scopes=("reactions:write",), body="json"),
    "reactions.remove": Method(run=directory.remove_reaction, scopes=("reactions:write",), body="json"),
    "reactions.get": Method(run=directory.get_reactions, scopes=("reactions:read",)),
    "bookmarks.add": Method(run=directory.add_bookmark, scopes=("bookmarks:write",), body="json"),
    "bookmarks.list": Method(run=directory.list_bookmarks, scopes=("bookmarks:read",), body="json"),
}


class WebApi:
    """The HTTP side of one workspace."""

    def __init__(self, site: Site, *, bot_token: str, app_token: str) -> None:
        self._site = site
        self._tokens: dict[str, str] = {bot_token: "bot", app_token: "app"}

    def routes(self) -> list[web.RouteDef]:
        """What the server serves, sockets excepted."""
        return [
            web.route("*", "/api/{method}", self._call),
            web.post("/upload/v1/{file}", self._upload),
            web.get("/files-pri/{place}/{name}", self._download),
            web.get("/files-pri/{place}/download/{name}", self._download),
            web.post("/response/{team}/{key}", self._respond),
        ]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        return await self._with_faults(request, name, lambda: self._answer(request, name))

    async def _answer(self, request: web.Request, name: str) -> web.StreamResponse:
        try:
            answer = await self._run(request, name)
        except SlackRefusal as refusal:
            if refusal.code == "ratelimited":
                return _rate_limited(refusal.more["retry_after"])
            answer = {"ok": False, "error": refusal.code, **refusal.more}
        headers = {"X-OAuth-Scopes": ",".join(sorted(self._site.scopes))}
        return web.json_response(answer, headers=headers)

    async def _run(self, request: web.Request, name: str) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise SlackRefusal("unknown_method", req_method=name)
        given = await _given(request, method)
        self._check_token(request, given, method)
        if method.token == "app" and request.method != hdrs.METH_POST:  # noqa: S105 - a kind of token
            raise SlackRefusal("insecure_request")
        self._site.need(*method.scopes)
        return {"ok": True, **await method.run(self._site, Arguments(given))}

    def _check_token(self, request: web.Request, given: Json, method: Method) -> None:
        kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        token = token if kind.lower() == "bearer" else str(given.pop("token", ""))
        if not token:
            raise SlackRefusal("not_authed")
        if token not in self._tokens:
            raise SlackRefusal("invalid_auth")
        if self._tokens[token] != method.token:
            raise SlackRefusal("not_allowed_token_type")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await self._with_faults(request, "upload", lambda: self._store_upload(request))

    async def _store_upload(self, request: web.Request) -> web.StreamResponse:
        """Take a file's bytes, raw or as the one file of a multipart form; the length must be as announced."""
        file = self._site.workspace.files.get(request.match_info["file"])
        if file is None or file.completed:
            return web.Response(status=404, text="no such upload")
        content = await _raw_or_part(request)
        if len(content) != file.size:
            return web.Response(status=400, text=f"size mismatch: {file.size} announced, {len(content)} sent")
        self._site.workspace.change_file(file.id, content=content, uploaded=True)
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await self._with_faults(request, "download", lambda: self._serve_file(request))

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        """A file's bytes to who may see it; Slack's sign-in page, with status 200, to everybody else."""
        file = self._permitted(request)
        if file is None:
            return web.Response(text=_SIGN_IN, content_type="text/html")
        if file.deleted:
            return web.Response(status=404, text="file not found")
        return web.Response(body=file.content, content_type=file.mimetype)

    def _permitted(self, request: web.Request) -> StoredFile | None:
        kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if kind.lower() != "bearer" or self._tokens.get(token) != "bot" or "files:read" not in self._site.scopes:
            return None
        try:
            return files.visible(self._site, request.match_info["place"].rpartition("-")[2])
        except SlackRefusal:
            return None

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        return await self._with_faults(request, "response_url", lambda: self._use_response_url(request))

    async def _use_response_url(self, request: web.Request) -> web.StreamResponse:
        name = f"{request.match_info['team']}/{request.match_info['key']}"
        try:
            chat.respond(self._site, name, Arguments(_object(await request.text())))
        except SlackRefusal as refusal:
            status = 404 if refusal.code in {"used_url", "expired_url"} else 400
            return web.json_response({"ok": False, "error": refusal.code, **refusal.more}, status=status)
        return web.json_response({"ok": True})

    async def _with_faults(
        self, request: web.Request, door: str, serve: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Serve a request, or fail it the way that a test asked for."""
        fault = self._site.faults.take(door)
        if fault is None:
            return await serve()
        if fault.kind == "drop_before":
            return _cut(request)
        if fault.kind == "rate_limited":
            return _rate_limited(fault.seconds)
        if fault.kind == "error":
            page = f"<html><body><h1>{fault.status} Service Unavailable</h1></body></html>"
            return web.Response(status=fault.status, text=page, content_type="text/html")
        if fault.kind == "refuse":
            return web.json_response({"ok": False, "error": fault.error})
        if fault.kind == "late":
            self._site.faults.outstanding += 1
            await request.read()  # else it dies with whoever asked
            await asyncio.sleep(fault.seconds)
            self._site.faults.outstanding -= 1
        response = await serve()
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        return _cut(request) if fault.kind == "drop_after_commit" else response


async def _given(request: web.Request, method: Method) -> Json:
    """A call's arguments from the query and the body. Raises Slack's codes for bodies that it cannot read."""
    given: Json = dict(request.query)
    if not await request.read():
        return given
    kind = request.content_type
    if hdrs.CONTENT_TYPE not in request.headers:
        raise SlackRefusal("missing_post_type")
    if kind == "application/json":
        # A method that takes no JSON does not look at it: its arguments are simply missing.
        return {**given, **_object(await request.text())} if method.body == "json" else given
    if kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return {**given, **dict(await request.post())}
    raise SlackRefusal("invalid_post_type")


def _object(text: str) -> Json:
    try:
        value: Any = json.loads(text)
    except ValueError:
        raise SlackRefusal("invalid_json") from None
    if not isinstance(value, dict):
        raise SlackRefusal("json_not_object")
    return value


async def _raw_or_part(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    for part in (await request.post()).values():
        if isinstance(part, web.FileField):
            return part.file.read()
    return b""


def _rate_limited(seconds: float) -> web.Response:
    headers = {"Retry-After": str(max(1, math.ceil(seconds)))}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


def _cut(request: web.Request) -> web.StreamResponse:
    """Break the connection; the answer that goes back reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()
