"""Alarms: a mailbox that a person must mend is told of in its channel, once, and once more when it is read again.

    watcher -> `failing`: the row of the trouble and the job "alarm", in one change; nothing where the row stands
    watcher -> `reading`: the row is gone, and a job "alarm" says so
    "alarm" -> one message in the channel, under its key

What passes by itself (`Temporary`) is no alarm; `/readyz` and the log have it.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.desk import Mailbox
from bridge.errors import BridgeError, Temporary
from bridge.jobs import Engine
from bridge.model import Job, MailboxName, now
from bridge.slack import blocks
from bridge.slack.gateway import Gateway
from bridge.store import jobs, troubles
from bridge.store.database import Store


class Alarms:
    """Tells of mailboxes in trouble."""

    def __init__(
        self, store: Store, *, engine: Engine, gateway: Gateway, mailboxes: Mapping[MailboxName, Mailbox]
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._mailboxes = mailboxes
        self._sound: set[MailboxName] = set()  # known to be in no trouble: nothing is asked of the store

    async def failing(self, mailbox: MailboxName, error: BridgeError) -> None:
        """The mailbox cannot be read."""
        if isinstance(error, Temporary):
            return
        self._sound.discard(mailbox)
        at = now()
        async with self._store.write() as conn:
            if await troubles.begin(conn, mailbox, reason=str(error), at=at):
                await _promise(conn, mailbox, since=at, reason=str(error))

    async def reading(self, mailbox: MailboxName) -> None:
        """The mailbox is read."""
        if mailbox in self._sound:
            return
        async with self._store.write() as conn:
            if since := await troubles.end(conn, mailbox):
                await _promise(conn, mailbox, since=since, reason="")
        self._sound.add(mailbox)

    async def tell(self, job: Job) -> None:
        """The job "alarm": say it in the mailbox's channel."""
        mailbox = self._mailboxes.get(MailboxName(job.payload["mailbox"]))
        if mailbox is None:
            return
        surface = blocks.alarm(mailbox.name, reason=job.payload["reason"])

        async def act() -> dict[str, str]:
            ts = await self._gateway.post(mailbox.channel, text=surface.text, blocks=surface.blocks, key=job.key)
            return {"ts": ts}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(mailbox.channel, key=job.key, since=since)
            return {"ts": ts} if ts else None

        await self._engine.once(job.key, act=act, find=look)


async def _promise(conn: AsyncConnection, mailbox: MailboxName, *, since: datetime, reason: str) -> None:
    """An alarm; without a reason, that it is over."""
    await jobs.add(
        conn,
        key=f"alarm:{mailbox}:{since.isoformat()}{'' if reason else ':over'}",
        kind="alarm",
        lane=f"alarm:{mailbox}",
        payload={"mailbox": mailbox, "reason": reason},
    )
