"""A wire between the bridge and a server that can be cut at the worst moment: when it is done, and nobody knows yet."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable


class Wiretap:
    """Passes on what both sides say, over TCP without TLS, from `port` on loopback to a server there.

    After `mute`, nothing reaches the bridge any more, though every connection stands, until `speak`.
    After `strike`: once the bridge has said what `asked` matches, and the server answers what `done` matches, that answer
    is not passed on; `then` is awaited, and `struck` is set.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._listening: asyncio.Server | None = None
        self._asked: re.Pattern[bytes] | None = None
        self._done = re.compile(b"")
        self._then: Callable[[], Awaitable[None]] | None = None
        self._striking: asyncio.Task[None] | None = None
        self._wires: set[asyncio.Task[None]] = set()
        self.port = 0
        self.struck = asyncio.Event()
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def start(self) -> None:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._listening.sockets[0].getsockname()[1]

    def strike(self, asked: bytes, *, done: bytes, then: Callable[[], Awaitable[None]]) -> None:
        self._asked, self._done, self._then = re.compile(asked), re.compile(done, re.MULTILINE), then

    def mute(self) -> None:
        self._speaks.clear()

    def speak(self) -> None:
        self._speaks.set()

    def cut(self) -> None:
        """Break every connection that there is."""
        for wire in self._wires:
            wire.cancel()

    async def _strike(self) -> None:
        assert self._then
        await self._then()  # which ends the wire that it was struck on
        self.struck.set()

    async def stop(self) -> None:
        assert self._listening
        self._listening.close()
        for wire in self._wires:
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)

    async def _connected(self, bridge_reads: asyncio.StreamReader, bridge: asyncio.StreamWriter) -> None:
        server_reads, server = await asyncio.open_connection("127.0.0.1", self._server)
        due, heard = asyncio.Event(), bytearray()

        async def to_server() -> None:
            while said := await bridge_reads.read(1 << 16):
                heard.extend(said)
                if self._asked and self._asked.search(heard):
                    self._asked = None
                    due.set()
                server.write(said)

        async def to_bridge() -> None:
            while said := await server_reads.read(1 << 16):
                if due.is_set() and self._done.search(said):
                    self._striking = asyncio.create_task(self._strike())
                    await self.struck.wait()
                    return
                heard.clear()
                await self._speaks.wait()
                bridge.write(said)

        wires = [asyncio.create_task(one) for one in (to_server(), to_bridge())]
        self._wires.update(wires)
        for wire in wires:
            wire.add_done_callback(self._wires.discard)
        with contextlib.suppress(OSError):
            await asyncio.wait(wires, return_when=asyncio.FIRST_COMPLETED)
        for wire in wires:
            wire.cancel()
        for end in (server, bridge):
            end.close()
