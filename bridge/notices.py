"""Notices: what a person is told in a conversation's thread, by name, so that Slack lets them know.

    whoever changes something -> `tell`, in the same transaction -> job "tell" -> one message in the thread

A notice is for one person, about what others did: nobody is told of what they did themselves; or, where the bridge does
or finds something by itself, for all who read the thread. It holds nothing that came by mail.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.channels import Channels
from bridge.errors import Temporary
from bridge.jobs import Engine
from bridge.model import ChannelId, Job, Number, Ts, UserId, now
from bridge.sentences import say
from bridge.slack.blocks import in_slack
from bridge.slack.gateway import Gateway
from bridge.slack.notices import notice
from bridge.store import cards, conversations, jobs
from bridge.store.database import Store

A_MOMENT = timedelta(seconds=1)
"""How long a card takes to be posted, as a rule."""

Button = tuple[str, str, str]
"""Words, action_id and value."""


async def tell(
    conn: AsyncConnection,
    number: Number,
    *,
    key: str,
    whom: UserId | None,
    sentence: str,
    about: UserId | None = None,
    buttons: Sequence[Button] = (),
    broadcast: bool = False,
) -> None:
    """Promise to tell somebody something once, after what the conversation's card shows by then.

    `about` is whoever did it: where that is the person to be told, or nobody in Slack is to be told, nothing happens.
    `{who}` in the sentence stands for them. `whom` None: whoever reads the thread; `broadcast`: the channel as well.
    """
    if whom is not None and (whom == about or not in_slack(whom)):
        return
    told = {"whom": whom, "sentence": sentence, "about": about, "buttons": list(buttons), "broadcast": broadcast}
    payload = {"number": number, **told}
    await jobs.add(conn, key=f"tell:{key}", kind="tell", lane=f"conversation:{number}", payload=payload)


async def announce(conn: AsyncConnection, channel: ChannelId, *, key: str, sentence: str) -> None:
    """Promise to say something of ours in a channel, once."""
    payload = {"channel": channel, "sentence": sentence}
    await jobs.add(conn, key=f"announce:{key}", kind="announce", lane=f"channel:{channel}", payload=payload)


async def wait_for_card(store: Store, job: Job) -> None:
    """There is no card, and what posts it may stand behind that job in the lane, since the conversation has moved to
    another channel: the job waits beside the lane, where it holds up nothing. Raises Temporary where it does already.
    """
    if not job.lane:
        raise Temporary(say("The card is not posted yet."), retry_after=1)
    payload = {"key": job.key, **job.payload}
    async with store.write() as conn:
        await jobs.add(conn, key=f"{job.key}:beside", kind=job.kind, payload=payload, due=now() + A_MOMENT)


class Notices:
    """Tells them."""

    def __init__(self, store: Store, *, engine: Engine, gateway: Gateway, channels: Channels) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels

    async def say(self, job: Job) -> None:
        """The job "tell"."""
        told = job.payload
        async with self._store.read() as conn:
            conversation = await conversations.get(conn, Number(told["number"]))
        if conversation is None:
            return
        key = told.get("key", job.key)
        if conversation.card_ts is None:
            await wait_for_card(self._store, job)
            return
        card, channel = conversation.card_ts, conversation.channel
        about = UserId(told["about"]) if told["about"] else None
        whom = UserId(told["whom"]) if told["whom"] else None
        surface = notice(whom, told["sentence"], about=about, buttons=told["buttons"])
        broadcast = bool(told.get("broadcast"))  # not in what the version before promised

        async def act() -> dict[str, str]:
            ts = await self._channels.post(
                channel,
                text=surface.text,
                blocks=surface.blocks,
                key=key,
                number=conversation.number,
                thread_ts=card,
                broadcast=broadcast or None,
            )
            return {"ts": ts}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=key, since=since, thread_ts=card)
            return {"ts": ts} if ts else None

        async def kept(conn: AsyncConnection, posted: dict[str, Any]) -> None:
            if broadcast:
                await cards.surfaced(conn, conversation.number, ts=Ts(posted["ts"]))

        await self._engine.once(key, act=act, find=look, kept=kept)

    async def announce(self, job: Job) -> None:
        """The job "announce"."""
        channel = ChannelId(job.payload["channel"])
        surface = notice(None, job.payload["sentence"], about=None, buttons=())

        async def act() -> dict[str, str]:
            return {"ts": await self._channels.post(channel, text=surface.text, blocks=surface.blocks, key=job.key)}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=job.key, since=since)
            return {"ts": ts} if ts else None

        await self._engine.once(job.key, act=act, find=look)
