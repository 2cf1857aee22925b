"""Files into a thread: brought to Slack, shared in one message, and looked after until that message stands.

    show -> `share`: each file is put where nobody sees it, then all are shared, once -> the job "shares"
    "shares", a minute later -> Slack has made the message, or never will: then the files go up anew

Slack answers a share at once and makes its message in its own time. Whether it stands, the file itself says.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.desk import changed_by_itself
from bridge.errors import Permanent, Temporary
from bridge.jobs import Engine
from bridge.model import ChannelId, Conversation, FileId, Job, MailId, StoredMessage, Ts, now
from bridge.sentences import say
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.store import effects, jobs, mails
from bridge.store.database import Store

log = structlog.get_logger()

OVERDUE = timedelta(seconds=60)
"""After so long Slack makes no message of a share any more: it takes a second, and on its worst days some."""


class Shares:
    """Shares mails' files."""

    def __init__(self, store: Store, *, engine: Engine, gateway: Gateway) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway

    async def share(
        self, conversation: Conversation, card: Ts, stored: StoredMessage, files: Sequence[tuple[str, bytes]]
    ) -> None:
        """Put a mail's attachments, and the rest of a long text, into the thread, in one message."""
        put: list[tuple[FileId, str]] = []
        for position, (filename, content) in enumerate(files):
            uploaded = await self._put(_key_of_file(stored, position), filename, content)
            if uploaded:
                put.append((uploaded, filename))
        if not put:
            return
        first = put[0][0]

        async def act() -> dict[str, str]:
            await self._gateway.share_files(conversation.channel, thread_ts=card, files=put)
            return {}

        async def look(since: datetime) -> dict[str, str] | None:
            if await self._gateway.wait_shared(first, conversation.channel):
                return {}
            if now() - since > OVERDUE:  # Slack takes each file once: shared again, it would be refused for ever
                await self._forget(stored, count=len(files))
                raise Temporary(say("Slack has lost the files: they are brought there again."), retry_after=0)
            return None

        async def kept(conn: AsyncConnection, _: dict[str, str]) -> None:
            payload = {"mail": stored.id, "file": first, "channel": conversation.channel, "count": len(files)}
            await jobs.add(conn, key=f"shares:{first}", kind="shares", payload=payload, due=now() + OVERDUE)

        await self._engine.once(_key_of_share(stored), act=act, find=look, kept=kept)

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
        await self._forget(stored, count=job.payload["count"])

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

    async def _forget(self, stored: StoredMessage, *, count: int) -> None:
        async with self._store.write() as conn:
            for key in (_key_of_share(stored), *(_key_of_file(stored, position) for position in range(count))):
                await effects.forget(conn, key)
            await mails.files_lost(conn, stored)
            await changed_by_itself(conn, stored.number)


def _key_of_file(stored: StoredMessage, position: int) -> str:
    return f"file:{stored.shown_as}:{stored.readings}:{position}"


def _key_of_share(stored: StoredMessage) -> str:
    return f"files:{stored.shown_as}:{stored.readings}"
