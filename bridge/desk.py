"""The desk: what agents do with a conversation, and the promises that every change of one makes.

The story of a mail that comes in is in `bridge/reception.py`, that of an answer in `bridge/answers.py`, what is done to
the mails themselves in `bridge/filing.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.agents import MayAct
from bridge.errors import BridgeError, Permanent, Refused
from bridge.model import (
    Act,
    Address,
    ChannelId,
    Conversation,
    Job,
    MailboxName,
    Number,
    Resurface,
    Status,
    StoredMessage,
    Ts,
    UserId,
    now,
)
from bridge.store import acts, cards, conversations, jobs, mails
from bridge.store.database import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What a new conversation's sender is told at once: templates, and how many such mails one sender gets in a day."""

    subject: str
    text: str
    per_sender: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One address as the desk works with it: what it is called, and where it shows."""

    name: MailboxName
    address: Address
    channel: ChannelId
    hold: timedelta
    saves_sent: bool
    max_bytes: int
    resurface: Resurface = Resurface.BROADCAST
    ack: Acknowledgement | None = None


async def changed(conn: AsyncConnection, number: Number, **values: object) -> int:
    """Change a conversation and promise that Slack will show it, in one transaction; its new version.

    Somebody has clicked and waits to see it: it goes before all that nobody waits for.
    """
    version = await conversations.change(conn, number, at=now(), **values)
    await show_again(conn, number, version=version, urgent=True)
    return version


async def changed_by_itself(conn: AsyncConnection, number: Number, **values: object) -> int:
    """As `changed`, for what mail, servers and clocks change: it is shown in its turn."""
    version = await conversations.change(conn, number, at=now(), **values)
    await show_again(conn, number, version=version)
    return version


async def show_again(conn: AsyncConnection, number: Number, *, version: int, urgent: bool = False) -> None:
    """Promise that Slack will show that version of a conversation; in its lane, so in order."""
    payload, lane = {"number": number}, f"conversation:{number}"
    await jobs.add(conn, key=f"show:{number}:{version}", kind="show", lane=lane, payload=payload, urgent=urgent)


async def obey(conn: AsyncConnection, number: Number, *, version: int) -> None:
    """Promise that the mailbox will follow: its mails are to stand there as they do in the store."""
    lane = f"filing:{number}"
    await jobs.add(conn, key=f"apply:{number}:{version}", kind="apply", lane=lane, payload={"number": number})


async def write_down(conn: AsyncConnection, number: Number, verb: str, *, user: UserId, detail: str = "") -> None:
    """Enter an act into the audit log."""
    await acts.add(conn, number, Act(at=now(), actor=user, verb=verb, detail=detail))


class Desk:
    """The verbs on conversations. Each is one change of the store; Slack follows by jobs."""

    def __init__(
        self,
        store: Store,
        *,
        agents: MayAct,
        mailboxes: Mapping[MailboxName, Mailbox],
    ) -> None:
        self._store = store
        self._agents = agents
        self._mailboxes = mailboxes

    # --- what agents do with a conversation ---------------------------------------------------------------------------

    async def conversation(self, number: Number, *, user: UserId) -> Conversation:
        """The conversation of that number, for a user who may act on it; else `Refused` with the sentence."""
        async with self._store.read() as conn:
            found = await conversations.get(conn, number)
        if found is None:
            raise Refused(f"There is no conversation #{number}. `/mail inbox` lists the open ones.")
        await self._agents.require(user, found.channel)
        return found

    async def of_thread(self, channel: ChannelId, thread: Ts) -> Conversation | None:
        """The conversation whose thread that is, or None. A card that was deleted or replaced still counts."""
        async with self._store.read() as conn:
            found = await conversations.by_card(conn, channel=channel, ts=thread)
            number = None if found else await cards.about(conn, channel=channel, ts=thread)
            return await conversations.get(conn, number) if number else found

    async def messages(self, number: Number, *, user: UserId) -> tuple[Conversation, list[StoredMessage]]:
        """A conversation and its mails, the oldest first."""
        found = await self.conversation(number, user=user)
        async with self._store.read() as conn:
            return found, await mails.of_conversation(conn, number)

    async def claim(self, number: Number, *, user: UserId) -> Conversation:
        """Make the user its owner."""
        return await self._set(number, "claim", user=user, owner=user)

    async def assign(self, number: Number, *, user: UserId, to: UserId) -> Conversation:
        """Make another agent its owner."""
        found = await self.conversation(number, user=user)
        try:
            await self._agents.require(to, found.channel)
        except (Refused, Permanent) as refusal:
            raise Refused(f"<@{to}> cannot be its owner. {refusal}") from refusal
        return await self._set(number, "assign", user=user, owner=to)

    async def close(self, number: Number, *, user: UserId) -> Conversation:
        """Nothing is left to do; a mail of the customer opens it again."""
        return await self._set(number, "close", user=user, status=Status.CLOSED)

    async def reopen(self, number: Number, *, user: UserId) -> Conversation:
        """There is something to do again."""
        return await self._set(number, "reopen", user=user, status=Status.OPEN)

    async def snooze(self, number: Number, *, user: UserId, until: datetime) -> Conversation:
        """Put it aside until then; a mail of the customer brings it back before."""
        found = await self.conversation(number, user=user)
        payload = {"number": number, "until": until.isoformat()}
        async with self._store.write() as conn:
            version = await changed(conn, number, status=Status.SNOOZED, wakes=until)
            await jobs.add(conn, key=f"wake:{number}:{version}", kind="wake", payload=payload, due=until)
            told = _told(found, {"status": Status.SNOOZED, "wakes": until})
            await write_down(conn, number, "snooze", user=user, detail=told)
        return await self.conversation(number, user=user)

    async def wake(self, job: Job) -> None:
        """The job "wake": what was put aside until now is open again, unless something else happened to it."""
        number = Number(job.payload["number"])
        async with self._store.write() as conn:
            found = await conversations.get(conn, number)
            waits = found is not None and found.status is Status.SNOOZED and found.wakes
            if waits and waits.isoformat() == job.payload["until"]:
                await changed_by_itself(conn, number, status=Status.OPEN, wakes=None)

    async def _set(self, number: Number, verb: str, *, user: UserId, **values: object) -> Conversation:
        found = await self.conversation(number, user=user)
        if all(getattr(found, name) == value for name, value in values.items()):
            return found
        async with self._store.write() as conn:
            await changed(conn, number, **values)
            await write_down(conn, number, verb, user=user, detail=_told(found, values))
        return await self.conversation(number, user=user)

    async def log(self, number: Number, *, user: UserId, limit: int = 30) -> tuple[Conversation, list[Act]]:
        """What was done to a conversation and by whom, the newest first."""
        found = await self.conversation(number, user=user)
        async with self._store.read() as conn:
            return found, await acts.of_conversation(conn, number, limit=limit)

    async def inbox(self, *, user: UserId, limit: int = 20) -> list[Conversation]:
        """What is not closed in the channels where the user may act, the longest waiting first."""
        channels = await self._channels(user)
        async with self._store.read() as conn:
            return await conversations.unfinished(conn, channels=channels, limit=limit)

    async def search(self, words: Sequence[str], *, user: UserId, limit: int = 20) -> list[Conversation]:
        """Conversations that hold every word, in the channels where the user may act; the newest first."""
        channels = await self._channels(user)
        async with self._store.read() as conn:
            return await conversations.search(conn, words, channels=channels, limit=limit)

    async def _channels(self, user: UserId) -> list[ChannelId]:
        open_to_user: list[ChannelId] = []
        last: BridgeError = Refused("No mailbox is configured; ask whoever runs the bridge.")
        for channel in dict.fromkeys(box.channel for box in self._mailboxes.values() if box.channel):
            try:
                await self._agents.require(user, channel)
                open_to_user.append(channel)
            except (Refused, Permanent) as refusal:  # a channel that is gone closes no other
                last = refusal
        if not open_to_user:
            raise last
        return open_to_user


def _told(before: Conversation, values: Mapping[str, object]) -> str:
    """From what to what, in a few words."""
    return ", ".join(f"{name}: {getattr(before, name) or 'none'} → {value or 'none'}" for name, value in values.items())
