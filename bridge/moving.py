"""Moving: a conversation shows in another channel from now on, because an agent or a rule says so.

    `move_on`, in the transaction of whoever says so -> the channel, no card, nothing in its thread; the job "show"
    "show" -> the card, then the mails with their files and the lines of answers, each under a new key: posted once
    job "left" -> what was its card is one line that leads there

What was posted before stays in its thread: people may have talked about it there. From the transaction on everybody
who may act in the new channel may act on it, and nobody else.
"""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.agents import MayAct
from bridge.channels import Channels, usable
from bridge.desk import Desk, changed, told, write_down
from bridge.errors import Permanent, Refused
from bridge.jobs import Engine
from bridge.model import ChannelId, Conversation, Job, Number, Ts, UserId, now
from bridge.notices import tell, wait_for_card
from bridge.sentences import say, to_everyone
from bridge.slack.card import moved
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.slack.results import permalink
from bridge.store import cards, conversations, jobs, moves
from bridge.store.database import Store


async def move_on(
    conn: AsyncConnection,
    conversation: Conversation,
    to: ChannelId,
    *,
    change: Callable[..., Awaitable[int]],
    sentence: str,
    about: UserId | None = None,
    lost: UserId | None = None,
) -> dict[str, object]:
    """Have a conversation show in that channel, where its thread has all of it and then the sentence; what was set.

    `change`: how the desk changes a conversation, with a person who waits or without; `{who}` in the sentence stands
    for `about`; `lost`: who may not act there and so owns it no more.
    """
    number = conversation.number
    left = await cards.leave(conn, conversation, at=now())
    await moves.to_another_thread(conn, number)
    values: dict[str, object] = {"channel": to, **({"owner": None} if lost and lost == conversation.owner else {})}
    version = await change(conn, number, trouble="", **values)
    for key, ts in left:
        payload = {"number": number, "channel": conversation.channel, "key": key, "ts": ts}
        await jobs.add(conn, key=f"left:{key}", kind="left", lane=f"conversation:{number}", payload=payload)
    await tell(conn, number, key=f"{number}:moved:{version}", whom=None, sentence=sentence, about=about)
    return values


async def shut_out(agents: MayAct, conversation: Conversation, channel: ChannelId) -> UserId | None:
    """Its owner, where they may not act in that channel: they would own what they cannot see."""
    if conversation.owner and channel != conversation.channel:
        try:
            await agents.require(conversation.owner, channel)
        except (Refused, Permanent):
            return conversation.owner
    return None


class Moving:
    """The verb move, and the job "left"."""

    def __init__(
        self, store: Store, *, engine: Engine, gateway: Gateway, channels: Channels, desk: Desk, agents: MayAct
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels
        self._desk = desk
        self._agents = agents

    async def move(self, number: Number, to: ChannelId, *, user: UserId) -> Conversation:
        """Show a conversation in that channel, where the user may act as well; no rule moves it any more."""
        before = await self._desk.unmerged(number, user=user)
        if to == before.channel:
            raise Refused(say("#{number} is in <#{channel}> already.", number=number, channel=to))
        await self._agents.require(user, await usable(self._gateway, to))
        lost = await shut_out(self._agents, before, to)
        with to_everyone():
            here = f"<#{before.channel}>"
            sentence = say("{who} moved this here from {channel}; what was said there stays there.", who="{who}",
                           channel=here)  # fmt: skip
        async with self._store.write() as conn:
            await conversations.hold(conn, [number])
            found = await conversations.get(conn, number)
            if found is None or _matters(found) != _matters(before):
                raise Refused(say("Somebody has changed #{number} meanwhile; look at its card again.", number=number))
            values = await move_on(conn, found, to, change=changed, sentence=sentence, about=user, lost=lost)
            await write_down(conn, number, "move", user=user, detail=told(found, values))
        return await self._desk.conversation(number, user=user)

    async def gone_from(self, channel: ChannelId, number: Number) -> str:
        """Where a conversation goes on that has left that channel, in a sentence; empty where it has not."""
        async with self._store.read() as conn:
            found = await conversations.get(conn, number)
        if found is None or found.channel == channel:
            return ""
        return say("#{number} has moved to <#{channel}>: it goes on there.", number=number, channel=found.channel)

    async def leave(self, job: Job) -> None:
        """The job "left": what was a conversation's card in another channel leads to the one that it has now."""
        number, channel, key = Number(job.payload["number"]), ChannelId(job.payload["channel"]), job.payload["key"]
        async with self._store.read() as conn:
            found = await conversations.get(conn, number)
        if found is None:
            return
        if found.card_ts is None:
            await wait_for_card(self._store, job)
            return
        ts = job.payload["ts"] or await self._posted(channel, key)
        if not ts:
            return
        link = permalink((await self._gateway.me()).url, found.channel, found.card_ts)
        surface = moved(found, link=link)
        with contextlib.suppress(Gone):  # somebody deleted it: nothing leads from there
            await self._channels.update(channel, ts, text=surface.text, blocks=surface.blocks, key=key, number=number)

    async def _posted(self, channel: ChannelId, key: str) -> Ts | None:
        """The card with that key, where whoever posted it did not come to say so. Nobody posts it from here on."""

        async def never() -> dict[str, str]:
            return {"ts": ""}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=key, since=since)
            return {"ts": ts} if ts else None

        ts = (await self._engine.once(key, act=never, find=look))["ts"]
        return Ts(ts) if ts else None


def _matters(conversation: Conversation) -> tuple[object, ...]:
    """What a move was decided by: where it was, whose, and whether its mails were its own."""
    return conversation.channel, conversation.owner, conversation.merged_into
