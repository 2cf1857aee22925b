"""Floods: many conversations that begin at once become one message with a menu each, not a screenful of cards.

    show -> `gets_card`: over the limit, the conversation goes into the channel's digest, in one change of the store
    job "digest" -> the digest's message, posted once under its key, changed when what it lists changes
    a click on a line, a mail, any change -> the conversation's version grows -> show -> its card

So a digest is no state of a conversation: it can be claimed, answered and searched for like any other.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from bridge.agents import MayAct
from bridge.channels import Channels
from bridge.config import FloodSettings
from bridge.desk import Desk, changed
from bridge.errors import Refused, Temporary
from bridge.jobs import Engine
from bridge.model import Conversation, Job, Number, Ts, UserId, now
from bridge.sentences import mark, say
from bridge.slack import digest
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.store import cards
from bridge.store.database import Store

View = dict[str, Any]


class Floods:
    """Decides which conversations get cards of their own, and shows the digests."""

    def __init__(
        self,
        store: Store,
        *,
        engine: Engine,
        gateway: Gateway,
        channels: Channels,
        desk: Desk,
        agents: MayAct,
        limit: FloodSettings,
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels
        self._desk = desk
        self._agents = agents
        self._most = limit.cards
        self._within = timedelta(seconds=limit.seconds)

    async def gets_card(self, conversation: Conversation) -> bool:
        """Whether a conversation without a card gets one; else it stands in a digest from now on."""
        async with self._store.write() as conn:
            return await cards.gets_card(conn, conversation, at=now(), most=self._most, within=self._within)

    # --- the message --------------------------------------------------------------------------------------------------

    async def show(self, job: Job) -> None:
        """The job "digest": its message as the digest stands now."""
        number = int(job.payload["digest"])
        async with self._store.write() as conn:
            channel, ts = await cards.taken(conn, number)
        async with self._store.read() as conn:
            every, left = await cards.tally(conn, number)
            listed = await cards.listed(conn, number, limit=digest.IN_MESSAGE, carded=False)
        lines = [(one.conversation, one.author) for one in listed]
        surface = digest.message(number, lines, every=every, left=left)
        key = f"digest:{number}"

        async def post() -> dict[str, str]:
            return {"ts": await self._channels.post(channel, text=surface.text, blocks=surface.blocks, key=key)}

        async def look(since: datetime) -> dict[str, str] | None:
            found = await self._gateway.find(channel, key=key, since=since)
            return {"ts": found} if found else None

        if ts is None:
            ts = Ts((await self._engine.once(key, act=post, find=look))["ts"])
            async with self._store.write() as conn:
                await cards.digest_posted(conn, number, ts=ts)
            return
        try:
            await self._channels.update(channel, ts, text=surface.text, blocks=surface.blocks, key=key)
        except Gone as gone:
            if not left:
                return  # somebody cleared it away, and nothing is in it that has no card
            async with self._store.write() as conn:
                await cards.digest_forgotten(conn, number)
            raise Temporary(say("The digest was deleted in Slack and is posted again."), retry_after=0) from gone

    # --- the window, and what is done in both -------------------------------------------------------------------------

    async def page(self, number: int, *, page: int, user: UserId, told: str = "") -> View:
        """A page of the window, for a user who may act there; else `Refused`."""
        async with self._store.read() as conn:
            channel = await cards.digest_channel(conn, number)
        if channel is None:
            raise Refused(say("This list is not kept any more; `/mail inbox` lists what is open."))
        await self._agents.require(user, channel)
        async with self._store.read() as conn:
            every, _ = await cards.tally(conn, number)
            skip = page * digest.IN_WINDOW
            listed = await cards.listed(conn, number, limit=digest.IN_WINDOW, skip=skip)
        lines = [(one.conversation, one.author, one.carded) for one in listed]
        return digest.window(number, lines, every=every, page=page, told=told)

    async def act(self, verb: str, number: Number, *, user: UserId) -> str:
        """What a line's menu offers; the sentence on what came of it."""
        verbs: dict[str, tuple[Callable[..., Awaitable[Conversation]], str]] = {
            "open": (self._open, mark("#{number} has its card in the channel.")),
            "claim": (self._desk.claim, mark("#{number} is yours.")),
            "close": (self._desk.close, mark("#{number} is closed.")),
        }
        act, came = verbs[verb]
        await act(number, user=user)
        return say(came, number=number)

    async def _open(self, number: Number, *, user: UserId) -> Conversation:
        found = await self._desk.conversation(number, user=user)
        if found.card_ts is None:
            async with self._store.write() as conn:
                await changed(conn, number)
        return found
