"""Sharing: a mail's files, and the rest of a long text, become files in its thread.

What can do harm stays out until an agent releases it (`bridge/guard/release.py`): then it comes by itself, under a key
of its own, so that it is there once, whoever puts it there.

Slack answers a share at once and makes its message in its own time. A minute later the job "shares" looks whether it
stands; where it does not, the files go up anew.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.channels import Channels
from bridge.desk import changed_by_itself
from bridge.errors import Permanent, Temporary
from bridge.jobs import Engine
from bridge.mail.html import CUT_LINE, plain_lines
from bridge.mail.parse import parse
from bridge.model import ChannelId, FileId, Job, MailId, StoredMessage, Ts, now
from bridge.sentences import say
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.slack.mrkdwn import sections
from bridge.store import effects, jobs, mails, raws
from bridge.store.database import Store

log = structlog.get_logger()

OVERDUE = timedelta(seconds=60)
"""After so long Slack makes no message of a share any more: it takes a second, and on its worst days some."""

NamedBytes = tuple[str, bytes]


class Sharing:
    """Puts files into threads, each once."""

    def __init__(self, store: Store, *, engine: Engine, gateway: Gateway, channels: Channels) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels

    async def files(self, stored: StoredMessage) -> list[NamedBytes]:
        """What is to stand in a mail's thread beside its words, but for what is or was held."""
        files: list[NamedBytes] = []
        if sections(stored.reading.new)[1]:
            lines = (*stored.reading.new, *stored.reading.folded)
            text = stored.message.text if lines[-1] == CUT_LINE else plain_lines(lines)
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
        keys = [f"files:{name}{part and f':{part}'}"]
        for position, (filename, content) in enumerate(files):
            keys.append(f"file:{name}:{part or position}")
            if uploaded := await self._put(keys[-1], filename, content):
                put.append((uploaded, filename))
        if not put:
            return
        first = put[0][0]

        async def share() -> dict[str, str]:
            await self._channels.share_files(channel, thread_ts=card, files=put)
            return {}

        async def look(since: datetime) -> dict[str, str] | None:
            if await self._gateway.wait_shared(first, channel):
                return {}
            if now() - since > OVERDUE:  # Slack takes each file once: shared again, it would be refused for ever
                await self._forget(stored, keys)
                raise Temporary(say("Slack has lost the files: they are brought there again."), retry_after=0)
            return None

        async def kept(conn: AsyncConnection, _: dict[str, str]) -> None:
            payload = {"mail": stored.id, "file": first, "channel": channel, "keys": keys}
            await jobs.add(conn, key=f"shares:{first}", kind="shares", payload=payload, due=now() + OVERDUE)

        await self._engine.once(keys[0], act=share, find=look, kept=kept)

    async def see(self, job: Job) -> None:
        """The job "shares": where no message shows the files by now, they go up anew with the next "show"."""
        channel, file = ChannelId(job.payload["channel"]), FileId(job.payload["file"])
        async with self._store.read() as conn:
            stored = await mails.get(conn, MailId(job.payload["mail"]))
        if stored is None or await self._gateway.shared(file, channel):
            return
        try:
            await self._gateway.file(file)
        except Gone:  # somebody deleted it
            return
        log.warning("Slack has made no message of files, which are brought there again", number=stored.number)
        await self._forget(stored, job.payload["keys"])

    async def _forget(self, stored: StoredMessage, keys: Sequence[str]) -> None:
        async with self._store.write() as conn:
            for key in keys:
                await effects.forget(conn, key)
            await mails.files_lost(conn, stored)
            await changed_by_itself(conn, stored.number)

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

        # A file that nothing shares is nowhere to be seen: another one does no harm.
        found = await self._engine.once(key, act=upload, find=None)
        return FileId(found["id"]) if found["id"] else None
