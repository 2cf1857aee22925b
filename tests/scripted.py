"""A scripted HTTP server for tests: answers every request the way it is told, and remembers what it was asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """`peers` are the client's ends of the TCP connections that were used."""

    port: int
    requests: list[web.Request] = field(default_factory=list)
    peers: set[tuple[str, int]] = field(default_factory=set)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Scripted]:
    seen: list[web.Request] = []
    peers: set[tuple[str, int]] = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        if request.transport is not None:
            peers.add(request.transport.get_extra_info("peername"))
        await request.read()
        return await script(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Scripted(port=runner.addresses[0][1], requests=seen, peers=peers)
    finally:
        await runner.cleanup()


async def cut(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
