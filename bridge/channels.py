"""The channels that mail shows in: one that is shared outside is closed to mail and told so once; one that is usable
again gets what it missed.

    whatever the desk posts -> `post`, `update`, `share_files` -> `require_ours`: nothing is where strangers read
    "channel_shared" -> the row of the trouble and the job "closed_channel", in one change; nothing where the row stands
    "channel_unshared", "channel_unarchive", the bot is invited again -> what could not be shown is tried again
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from bridge.errors import BridgeError, Permanent, Refused
from bridge.jobs import Engine
from bridge.model import ChannelId, Job, MailboxName, now
from bridge.sentences import mark, say
from bridge.slack import blocks
from bridge.slack.gateway import Gateway
from bridge.store import conversations, jobs, troubles
from bridge.store.database import Store

log = structlog.get_logger()

AFTERWARDS = timedelta(seconds=3)
"""How long after a channel is of use again what could not be shown there is tried once more."""

SHARED = mark(
    "This channel is shared with another organisation now: no mail is shown here, and nobody can act on what is here, "
    "until it is shared no more, or the mailbox has another channel."
)
OURS_AGAIN = mark("This channel is shared with nobody outside any more: mail is shown here again.")
CLOSED = mark("The channel is shared with another organisation: mail is shown there again when it is shared no more.")


WAITING = ("show", "digest", "tell", "loop", "alarm", "summary", "left")
"""Kinds of jobs that post in channels."""

P = ParamSpec("P")
T = TypeVar("T")


async def usable(gateway: Gateway, channel: ChannelId) -> ChannelId:
    """That channel, where mail can be shown and handled; else Refused with the reason."""
    found = await gateway.channel(channel)
    if found.is_archived:
        raise Refused(say("#{channel} is archived.", channel=found.name))
    if found.is_shared:
        raise Refused(say("#{channel} is shared with another organisation.", channel=found.name))
    if not found.is_member:
        raise Refused(say("The bridge is not in #{channel}; invite it there.", channel=found.name))
    return found.id


class Channels:
    """Watches over the channels that mail shows in. The desk posts through this and never past it: `post`, `update`
    and `share_files` are the gateway's, for channels that are ours alone; else they raise Permanent.
    """

    def __init__(self, store: Store, *, engine: Engine, gateway: Gateway) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self.post = self._where_ours(gateway.post)
        self.update = self._where_ours(gateway.update)
        self.share_files = self._where_ours(gateway.share_files)

    def _where_ours(
        self, act: Callable[Concatenate[ChannelId, P], Awaitable[T]]
    ) -> Callable[Concatenate[ChannelId, P], Awaitable[T]]:
        async def guarded(channel: ChannelId, /, *args: P.args, **kwargs: P.kwargs) -> T:
            await self.require_ours(channel)
            return await act(channel, *args, **kwargs)

        return guarded

    async def require_ours(self, channel: ChannelId) -> None:
        """Raises Permanent where people of another organisation read along; the channel is told, once."""
        if not (await self._gateway.channel(channel)).is_shared:
            return
        await self._told(channel, shared=True)
        raise Permanent(say(CLOSED))

    async def changed(self, channel: ChannelId) -> None:
        """Something about a channel has changed: who may read it, whether it may be used, whether we are in it."""
        self._gateway.forget_channel(channel)
        async with self._store.read() as conn:
            if not await conversations.shows_in(conn, channel):
                return
        try:
            found = await self._gateway.channel(channel)
        except BridgeError as error:
            log.warning("a channel that mail shows in is out of reach", channel=channel, reason=str(error))
            return
        await self._told(channel, shared=found.is_shared)
        if found.is_archived or not found.is_member:
            log.warning("a channel that mail shows in is archived, or without the bot", channel=channel)
        elif not found.is_shared:
            await self.try_again()
            later = now() + AFTERWARDS  # what was on its way meets the old state, and is parked only now
            async with self._store.write() as conn:
                await jobs.add(conn, key=f"usable:{channel}:{later.isoformat()}", kind="usable_channel", due=later)

    async def try_again(self, job: Job | None = None) -> None:  # noqa: ARG002 - the job "usable_channel" says no more
        """Show what could not be shown: what stopped it may be mended."""
        async with self._store.write() as conn:
            for kind in WAITING:
                await jobs.unpark_kind(conn, kind)

    async def tell(self, job: Job) -> None:
        """The job "closed_channel": say in the channel that it is closed to mail, or open again."""
        channel = ChannelId(job.payload["channel"])
        sentence = say(SHARED if job.payload["shared"] else OURS_AGAIN)
        emoji = ":lock:" if job.payload["shared"] else ":unlock:"
        shown = [blocks.section(f"{emoji} {sentence}")]

        async def act() -> dict[str, str]:
            return {"ts": await self._gateway.post(channel, text=sentence, blocks=shown, key=job.key)}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=job.key, since=since)
            return {"ts": ts} if ts else None

        await self._engine.once(job.key, act=act, find=look)

    async def _told(self, channel: ChannelId, *, shared: bool) -> None:
        """Promise to say that the channel is shared outside, or is no more: once for each change."""
        name, at = MailboxName(f"channel {channel}"), now()
        async with self._store.write() as conn:
            if shared:
                since = at if await troubles.begin(conn, name, reason=say(SHARED), at=at) else None
            else:
                since = await troubles.end(conn, name)
            if since:
                key = f"closed_channel:{channel}:{since.isoformat()}:{shared}"
                payload = {"channel": channel, "shared": shared}
                await jobs.add(conn, key=key, kind="closed_channel", lane=f"channel:{channel}", payload=payload)
