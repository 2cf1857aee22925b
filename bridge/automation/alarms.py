"""Alarms: what a person must mend is told of once, and once more when it is over.

    watcher -> `failing`: the row of the trouble and the job "alarm", in one change; nothing where the row stands
    watcher -> `reading`: the row is gone, and a job "alarm" says so
    whoever watches over something else -> `begin` and `end`, in a change of theirs
    "alarm" -> one message in each channel that it concerns, under its key

The admins' channel, where there is one, is told of everything, and a mailbox's own of that mailbox. What passes by
itself (`Temporary`) is no alarm; `/readyz` and the log have it.
"""

import itertools
from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.channels import Channels
from bridge.desk import Mailbox
from bridge.errors import BridgeError, Misconfigured, Permanent, Temporary
from bridge.jobs import Engine
from bridge.model import ChannelId, Job, MailboxName, now
from bridge.slack import mending
from bridge.slack.blocks import Surface
from bridge.slack.gateway import Gateway
from bridge.store import jobs, troubles
from bridge.store.database import Store

log = structlog.get_logger()

WATCHED = ("watch canary", "watch bot token", "watch app token", "watch jobs")
"""What can be in trouble beside mailboxes, by the names of its rows: none is a mailbox's, which has no space."""


class Alarms:
    """Tells of what is in trouble. `admins`: the channel that is told of everything, by id or `#name`, or empty."""

    def __init__(
        self,
        store: Store,
        *,
        engine: Engine,
        gateway: Gateway,
        channels: Channels,
        mailboxes: Mapping[MailboxName, Mailbox],
        admins: str = "",
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels
        self._mailboxes = mailboxes
        self._admins = admins
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
        """The job "alarm": of a mailbox in its channel and in the admins', of all else in theirs, or in the mailbox's
        own where there is none or the bot cannot post there.
        """
        mailbox = self._mailboxes.get(MailboxName(job.payload["mailbox"]))
        sentence = job.payload.get("sentence")
        if sentence:
            surface = mending.trouble(sentence, over=job.payload["over"])
        elif mailbox is None:
            return
        else:
            surface = mending.alarm(mailbox.name, reason=job.payload["reason"])
        own = [mailbox.channel] if mailbox and mailbox.channel else []
        admins = await self._admins_channel()
        ways = [admins, own] if sentence else [[*own, *admins]]
        keys = {
            channel: f"{job.key}:{channel}" if place else job.key
            for place, channel in enumerate(dict.fromkeys(itertools.chain(*ways)))
        }
        closed: Permanent | None = None
        for channels in ways:
            told = False
            for channel in dict.fromkeys(channels):
                try:
                    await self._say(channel, surface, key=keys[channel])
                    told = True
                except Permanent as error:  # what one channel cannot be told, the other is
                    log.warning("a channel cannot be told what is wrong", channel=channel, reason=str(error))
                    closed = error
            if told and sentence:
                return
        if closed:
            raise closed

    async def _admins_channel(self) -> list[ChannelId]:
        """None where none is named, or the bot does not see it: then the mailbox's own has to do."""
        try:
            return [await self._gateway.resolve_channel(self._admins)] if self._admins else []
        except Misconfigured as error:
            log.warning("the admins' channel cannot be told", reason=str(error))
            return []

    async def _say(self, channel: ChannelId, surface: Surface, *, key: str) -> None:
        async def act() -> dict[str, str]:
            return {"ts": await self._channels.post(channel, text=surface.text, blocks=surface.blocks, key=key)}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=key, since=since)
            return {"ts": ts} if ts else None

        await self._engine.once(key, act=act, find=look)


async def begin(
    conn: AsyncConnection, name: str, *, mailbox: MailboxName, sentence: str, at: datetime, silently: bool = False
) -> None:
    """Something else than a mailbox's being read is in trouble; `name` is one of WATCHED. Nothing where
    that is known. `mailbox`: whose channel is told where the admins have none; `silently`: nobody can be told now.
    """
    if await troubles.begin(conn, MailboxName(name), reason=sentence, at=at) and not silently:
        await _promise_sentence(conn, name, mailbox=mailbox, since=at, sentence=sentence, over=False)


async def end(conn: AsyncConnection, name: str, *, mailbox: MailboxName, sentence: str) -> None:
    """It is over, if it was in trouble at all."""
    if since := await troubles.end(conn, MailboxName(name)):
        await _promise_sentence(conn, name, mailbox=mailbox, since=since, sentence=sentence, over=True)


async def _promise_sentence(
    conn: AsyncConnection, name: str, *, mailbox: MailboxName, since: datetime, sentence: str, over: bool
) -> None:
    await jobs.add(
        conn,
        key=f"alarm:{name}:{since.isoformat()}{':over' if over else ''}",
        kind="alarm",
        lane=f"alarm:{name}",
        payload={"mailbox": mailbox, "reason": "", "sentence": sentence, "over": over},
    )


async def _promise(conn: AsyncConnection, mailbox: MailboxName, *, since: datetime, reason: str) -> None:
    """An alarm; without a reason, that it is over."""
    await jobs.add(
        conn,
        key=f"alarm:{mailbox}:{since.isoformat()}{'' if reason else ':over'}",
        kind="alarm",
        lane=f"alarm:{mailbox}",
        payload={"mailbox": mailbox, "reason": reason},
    )
