"""The desk: what agents do with a conversation, and the promises that every change of one makes.

The story of a mail that comes in is in `bridge/reception.py`, that of an answer in `bridge/answers.py`, what is done to
the mails themselves in `bridge/filing.py`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import where
from bridge.agents import MayAct
from bridge.automation.due import NO_PACE, Pace, runs
from bridge.automation.later import nothing_by_itself
from bridge.errors import BridgeError, Permanent, Refused
from bridge.lookup import Found, Query
from bridge.model import (
    BRIDGE,
    ELSEWHERE,
    Act,
    Address,
    ChannelId,
    Conversation,
    Job,
    MailboxName,
    Number,
    Priority,
    Resurface,
    Status,
    StoredMessage,
    Ts,
    UserId,
    Where,
    now,
)
from bridge.notices import tell
from bridge.sentences import say, to_everyone
from bridge.store import acts, cards, conversations, jobs, mails, search, wordindex
from bridge.store.database import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What a new conversation's sender is told at once: templates, and how many automatic answers one address gets in a
    day, and all together in an hour. `html`, where there is any, says in HTML what `text` says.
    """

    subject: str
    text: str
    per_sender: int
    per_hour: int
    html: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """After how long without a word from the customer a conversation that waits for one is closed; `last_mail`: what
    the customer is told first, if anything.
    """

    close_after: timedelta
    last_mail: Acknowledgement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One address as the desk works with it: what it is called, and where it shows.

    `signature` stands below its mails (`bridge.mail.signature`); `forwards`: what teammates pass on to it is treated
    as the customer's mail that it was.
    """

    name: MailboxName
    address: Address
    channel: ChannelId
    hold: timedelta
    saves_sent: bool
    max_bytes: int
    resurface: Resurface = Resurface.BROADCAST
    resurface_after: timedelta = timedelta(hours=1)
    signature: str = ""
    forwards: bool = True
    ack: Acknowledgement | None = None
    pace: Pace = NO_PACE
    silence: Silence | None = None


async def changed(conn: AsyncConnection, number: Number, **values: object) -> int:
    """Change a conversation and promise that Slack will show it, in one transaction; its new version.

    Somebody has clicked and waits to see it: it goes before all that nobody waits for.
    """
    if "status" in values:
        await nothing_by_itself(conn, number)
    version = await conversations.change(conn, number, at=now(), **values)
    await show_again(conn, number, version=version, urgent=True)
    return version


async def changed_by_itself(conn: AsyncConnection, number: Number, **values: object) -> int:
    """As `changed`, for what mail, servers and clocks change: it is shown in its turn."""
    if "status" in values:
        await nothing_by_itself(conn, number)
    return (await all_changed_by_itself(conn, [number], **values))[number]


async def all_changed_by_itself(
    conn: AsyncConnection, numbers: Sequence[Number], **values: object
) -> dict[Number, int]:
    """The same for several conversations, all in the same way; their new versions."""
    if not numbers:
        return {}
    versions = await conversations.change_all(conn, numbers, at=now(), **values)
    await show_all_again(conn, versions)
    return versions


async def redraw(conn: AsyncConnection, number: Number) -> None:
    """Promise that Slack will show a conversation anew, though nothing has happened to it."""
    await show_again(conn, number, version=await conversations.touch(conn, number), urgent=True)


async def show_again(conn: AsyncConnection, number: Number, *, version: int, urgent: bool = False) -> None:
    """Promise that Slack will show that version of a conversation; in its lane, so in order."""
    await show_all_again(conn, {number: version}, urgent=urgent)


async def show_all_again(conn: AsyncConnection, versions: Mapping[Number, int], *, urgent: bool = False) -> None:
    """The same for several conversations, by number. `urgent`: somebody waits to see it."""
    await jobs.add_all(
        conn,
        [
            jobs.Promise(
                key=f"show:{number}:{version}",
                kind="show",
                lane=f"conversation:{number}",
                payload={"number": number},
                urgent=urgent,
            )
            for number, version in versions.items()
        ],
    )


async def obey(conn: AsyncConnection, number: Number, *, version: int) -> None:
    """Promise that the mailbox will follow: its mails are to stand there as they do in the store."""
    lane = f"filing:{number}"
    await jobs.add(conn, key=f"apply:{number}:{version}", kind="apply", lane=lane, payload={"number": number})


async def write_down(conn: AsyncConnection, number: Number, verb: str, *, user: UserId, detail: str = "") -> None:
    """Enter an act into the audit log, with the place that it comes from."""
    place = Where.ELSEWHERE if user == ELSEWHERE else where.here()
    await acts.add(conn, number, Act(at=now(), actor=user, verb=verb, detail=detail, place=place))


async def write_down_of_desk(conn: AsyncConnection, verb: str, *, user: UserId, detail: str = "") -> None:
    """As `write_down`, for what an admin does to the desk itself."""
    await acts.add_to_desk(conn, Act(at=now(), actor=user, verb=verb, detail=detail, place=where.here()))


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
            raise Refused(say("There is no conversation #{number}. `/mail inbox` lists the open ones.", number=number))
        await self._agents.require(user, found.channel)
        return found

    async def of_thread(self, channel: ChannelId, thread: Ts) -> Conversation | None:
        """The conversation whose thread that is, or the one it was merged into; or None.

        A card that was deleted or replaced still counts.
        """
        async with self._store.read() as conn:
            found = await conversations.by_card(conn, channel=channel, ts=thread)
            number = found.number if found else await cards.about(conn, channel=channel, ts=thread)
            return await conversations.current(conn, number) if number else None

    async def messages(self, number: Number, *, user: UserId) -> tuple[Conversation, list[StoredMessage]]:
        """A conversation and its mails, the oldest first."""
        found = await self.conversation(number, user=user)
        async with self._store.read() as conn:
            return found, await mails.of_conversation(conn, number)

    async def claim(self, number: Number, *, user: UserId) -> Conversation:
        """Make the user its owner; whoever was it is told."""
        return await self._hand_over(number, "claim", user=user, to=user)

    async def assign(self, number: Number, *, user: UserId, to: UserId) -> Conversation:
        """Make another agent its owner; both are told."""
        found = await self.conversation(number, user=user)
        try:
            await self._agents.require(to, found.channel)
        except (Refused, Permanent) as refusal:
            raise Refused(say("<@{user}> cannot be its owner. {why}", user=to, why=refusal)) from refusal
        return await self._hand_over(number, "assign", user=user, to=to)

    async def release(self, number: Number, *, user: UserId) -> Conversation:
        """Nobody is its owner any more; whoever was it is told."""
        return await self._hand_over(number, "release", user=user, to=None)

    async def _hand_over(self, number: Number, verb: str, *, user: UserId, to: UserId | None) -> Conversation:
        before = await self.conversation(number, user=user)
        if before.owner == to:
            return before
        async with self._store.write() as conn:
            version = await changed(conn, number, owner=to)
            await write_down(conn, number, verb, user=user, detail=told(before, {"owner": to}))
            key = f"owner:{number}:{version}"
            with to_everyone():
                yours = say("{who} gave this to you.")
                gone = say("{who} took this over from you.") if to else say("{who} released this: it is nobody's now.")
            if before.owner:
                await tell(conn, number, key=f"{key}:from", whom=before.owner, sentence=gone, about=user)
            if to:
                await tell(conn, number, key=f"{key}:to", whom=to, sentence=yours, about=user)
        return await self.conversation(number, user=user)

    async def close(self, number: Number, *, user: UserId) -> Conversation:
        """Nothing is left to do; a mail of the customer opens it again."""
        return await self._set(number, "close", user=user, status=Status.CLOSED)

    async def reopen(self, number: Number, *, user: UserId) -> Conversation:
        """There is something to do again."""
        return await self._set(number, "reopen", user=user, status=Status.OPEN)

    async def tag(self, number: Number, *, user: UserId, add: Sequence[str], remove: Sequence[str]) -> Conversation:
        """Add tags, and take others away."""
        found = await self.conversation(number, user=user)
        kept = (one for one in (*found.tags, *add) if one not in remove)
        return await self._set(number, "tag", user=user, tags=tuple(dict.fromkeys(kept)))

    async def prioritise(self, number: Number, *, user: UserId, priority: Priority) -> Conversation:
        """Say how much it matters."""
        return await self._set(number, "priority", user=user, priority=priority)

    async def snooze(self, number: Number, *, user: UserId, until: datetime) -> Conversation:
        """Put it aside until then; a mail of the customer brings it back before."""
        found = await self.unmerged(number, user=user)
        payload = {"number": number, "until": until.isoformat()}
        async with self._store.write() as conn:
            version = await changed(conn, number, status=Status.SNOOZED, wakes=until)
            await jobs.add(conn, key=f"wake:{number}:{version}", kind="wake", payload=payload, due=until)
            detail = told(found, {"status": Status.SNOOZED, "wakes": until})
            await write_down(conn, number, "snooze", user=user, detail=detail)
        return await self.conversation(number, user=user)

    async def wake(self, job: Job) -> None:
        """The job "wake": what was put aside until now is open again, unless something else happened to it."""
        number = Number(job.payload["number"])
        async with self._store.write() as conn:
            found = await conversations.get(conn, number)
            waits = found is not None and found.status is Status.SNOOZED and found.wakes
            if found and waits and waits.isoformat() == job.payload["until"]:
                await changed_by_itself(conn, number, status=Status.OPEN, wakes=None)
                await self.due_from_now(conn, found)
                await write_down(conn, number, "wake", user=BRIDGE, detail=told(found, {"status": Status.OPEN}))

    async def _set(self, number: Number, verb: str, *, user: UserId, **values: object) -> Conversation:
        found = await self.unmerged(number, user=user)
        if all(getattr(found, name) == value for name, value in values.items()):
            return found
        async with self._store.write() as conn:
            await changed(conn, number, **values)
            await self.due_from_now(conn, found)
            await write_down(conn, number, verb, user=user, detail=told(found, values))
        return await self.conversation(number, user=user)

    async def due_from_now(self, conn: AsyncConnection, conversation: Conversation) -> None:
        """It may be on the table again: where its customer waits, an answer is due as if they had written now."""
        if mailbox := self._mailboxes.get(conversation.mailbox):
            at = now()
            await runs(conn, mailbox.pace, conversation.number, at=at, seen=at)

    async def unmerged(self, number: Number, *, user: UserId) -> Conversation:
        """As `conversation`; `Refused` also where its mails are in another now."""
        found = await self.conversation(number, user=user)
        if found.merged_into:
            raise Refused(
                say("#{number} was merged into #{into}; use that number.", number=number, into=found.merged_into)
            )
        return found

    async def log(self, number: Number, *, user: UserId, limit: int = 30) -> tuple[Conversation, list[Act]]:
        """What was done to a conversation and by whom, the newest first."""
        found = await self.conversation(number, user=user)
        async with self._store.read() as conn:
            return found, await acts.of_conversation(conn, number, limit=limit)

    async def inbox(self, *, user: UserId, limit: int = 20) -> list[Conversation]:
        """What is not closed where the user may act: what is overdue first, then the longest untouched."""
        channels = await self.channels(user)
        async with self._store.read() as conn:
            return await conversations.unfinished(conn, channels=channels, limit=limit)

    async def search(self, query: Query, *, user: UserId, page: int = 1) -> Found:
        """A page of what fits in the channels where the user may act, the best first (`store/search.py` says how)."""
        channels = await self.channels(user)
        async with self._store.read() as conn:
            return await search.find(conn, query, channels=channels, user=user, page=page)

    async def index(self, job: Job) -> None:
        """The job "index": enter mails into the index of words that an older version kept without, the newest first."""
        async with self._store.read() as conn:
            found = await wordindex.unindexed(conn, below=job.payload["below"])
        if not found:
            return
        made = await asyncio.to_thread(wordindex.words_of, found)
        async with self._store.write() as conn:
            await wordindex.index_missing(conn, made)
            await promise_index(conn, below=min(one.id for one in found))

    async def index_what_is_missing(self) -> None:
        """Promise it, where there are such mails."""
        async with self._store.read() as conn:
            missing = await wordindex.missing(conn)
        if missing:
            async with self._store.write() as conn:
                await promise_index(conn)

    async def channels(self, user: UserId) -> list[ChannelId]:
        """Where the user may act, of the mailboxes' channels and those that conversations show in; `Refused` with the
        sentence where that is nowhere.
        """
        open_to_user: list[ChannelId] = []
        last: BridgeError = Refused(say("No mailbox is configured; ask whoever runs the bridge."))
        async with self._store.read() as conn:
            shown_in = await conversations.channels(conn)
        of_mailboxes = dict.fromkeys(box.channel for box in self._mailboxes.values() if box.channel)
        others = [one for one in shown_in if one not in of_mailboxes]  # first: what is refused is told of a mailbox's
        for channel in (*others, *of_mailboxes):
            try:
                await self._agents.require(user, channel)
                open_to_user.append(channel)
            except (Refused, Permanent) as refusal:  # a channel that is gone closes no other
                last = refusal
        if not open_to_user:
            raise last
        return open_to_user


async def promise_index(conn: AsyncConnection, *, below: int | None = None) -> None:
    """Promise that mails without an entry in the index of words get one: all of them, or those below an id."""
    key = f"index:{below}:{now().isoformat()}"
    await jobs.add(conn, key=key, kind="index", lane="index", payload={"below": below})


def told(before: object, values: Mapping[str, object]) -> str:
    """From what to what, in a few words: what the audit log says of a change."""
    return ", ".join(f"{name}: {_word(getattr(before, name))} → {_word(value)}" for name, value in values.items())


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return str(value or "none")
