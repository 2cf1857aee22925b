"""Sharing: a mail's files, and the rest of a long text, become files in its thread.

What can do harm stays out until an agent releases it (`bridge/release.py`): then it comes by itself, under a key of its
own, so that it is there once, whoever puts it there.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from bridge.errors import Permanent
from bridge.jobs import Engine
from bridge.mail.html import plain_lines
from bridge.mail.parse import parse
from bridge.model import ChannelId, FileId, StoredMessage, Ts
from bridge.slack.gateway import Gateway
from bridge.slack.mrkdwn import sections
from bridge.store import raws
from bridge.store.database import Store

log = structlog.get_logger()

NamedBytes = tuple[str, bytes]


class Sharing:
    """Puts files into threads, each once."""

    def __init__(self, store: Store, *, engine: Engine, gateway: Gateway) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway

    async def files(self, stored: StoredMessage) -> list[NamedBytes]:
        """What is to stand in a mail's thread beside its words, but for what is or was held."""
        files: list[NamedBytes] = []
        if sections(stored.reading.new)[1]:
            text = plain_lines((*stored.reading.new, *stored.reading.folded))
            files.append((f"mail-{stored.number}.txt", text.encode()))
        if stored.quarantined and stored.raw_id:
            async with self._store.read() as conn:
                return [*files, (f"mail-{stored.number}.eml", await raws.load(conn, stored.raw_id))]
        held = {one.position for one in stored.files if one.held}
        return files + await self._of(stored, {one.position for one in stored.files} - held)

    async def released(self, stored: StoredMessage) -> list[tuple[int, NamedBytes]]:
        """What was held and let in, by position."""
        positions = sorted(one.position for one in stored.files if one.held and one.released)
        return [(position, file) for position in positions for file in await self._of(stored, {position})]

    async def _of(self, stored: StoredMessage, positions: set[int]) -> list[NamedBytes]:
        if not positions or not stored.raw_id:
            return []
        async with self._store.read() as conn:
            raw = await raws.load(conn, stored.raw_id)
        message = await asyncio.to_thread(parse, raw)
        attached = enumerate(message.attachments)
        return [(one.filename, one.content) for position, one in attached if position in positions and one.content]

    async def share(
        self, channel: ChannelId, card: Ts, stored: StoredMessage, files: Sequence[NamedBytes], *, part: str = ""
    ) -> None:
        """Put a mail's files into the thread, in one message. `part`: which of several such messages this is."""
        name = f"{stored.shown_as}:{stored.readings}"
        put: list[tuple[FileId, str]] = []
        for position, (filename, content) in enumerate(files):
            if uploaded := await self._put(f"file:{name}:{part or position}", filename, content):
                put.append((uploaded, filename))
        if not put:
            return

        async def share() -> dict[str, str]:
            await self._gateway.share_files(channel, thread_ts=card, files=put)
            return {}

        async def look(since: datetime) -> dict[str, str] | None:  # noqa: ARG001 - a file id says it all
            return {} if await self._gateway.wait_shared(put[0][0], channel) else None

        await self._engine.once(f"files:{name}{part and f':{part}'}", act=share, find=look)

    async def let_in(
        self, channel: ChannelId, card: Ts, stored: StoredMessage, released: tuple[int, NamedBytes]
    ) -> None:
        """Put one released file into the thread."""
        position, file = released
        await self.share(channel, card, stored, [file], part=f"released-{position}")

    async def _put(self, key: str, filename: str, content: bytes) -> FileId | None:
        async def upload() -> dict[str, str]:
            try:
                return {"id": await self._gateway.put_file(filename=filename, content=content)}
            except Permanent as refused:  # one file that Slack refuses must not keep the mail's text away
                log.warning("a file was refused by Slack and stays in the mailbox", reason=str(refused))
                return {"id": ""}

        async def look(since: datetime) -> None:  # noqa: ARG001 - a file that nothing shares is nowhere to be seen
            return None

        found = await self._engine.once(key, act=upload, find=look)
        return FileId(found["id"]) if found["id"] else None
