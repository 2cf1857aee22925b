"""Acknowledging: the sender of a new conversation is told of its number, once, by the mailbox's template.

    reception -> job "acknowledge", where a robot may answer that mail (`rules.unanswerable`)
    "acknowledge" -> a Draft like any other, held and to be undone; or, where the sender has had too many, "loop"
    "loop" -> one message in the channel with two buttons: mute the sender, which can be taken back, or go on

Two robots that answer each other stop at the limit, whatever they leave out of their headers.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.agents import MayAct
from bridge.automation.byitself import allowed, draft_of, filled, promise
from bridge.channels import Channels
from bridge.desk import Mailbox, changed_by_itself, write_down, write_down_of_desk
from bridge.errors import Refused
from bridge.guard import lessons
from bridge.jobs import Engine
from bridge.model import (
    BRIDGE,
    Automatic,
    ChannelId,
    DraftId,
    DraftKind,
    Job,
    MailboxName,
    MailId,
    Number,
    UserId,
)
from bridge.sentences import say, to_everyone
from bridge.slack.gateway import Gateway
from bridge.slack.notices import Decided, loop, notice
from bridge.slack.reading import Muted
from bridge.store import automatics, conversations, drafts, mails
from bridge.store.database import Store
from bridge.templates import Values

LISTED = 20  # senders who get no automatic answers


class Acknowledge:
    """The jobs that acknowledge, and what agents say to a loop."""

    def __init__(
        self,
        store: Store,
        *,
        engine: Engine,
        gateway: Gateway,
        channels: Channels,
        agents: MayAct,
        mailboxes: Mapping[MailboxName, Mailbox],
        key: bytes,
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels
        self._agents = agents
        self._mailboxes = mailboxes
        self._key = key
        self._own = [one.address.email.lower() for one in mailboxes.values()]

    async def acknowledge(self, job: Job) -> None:
        """The job "acknowledge": promise the mail, or say that there were too many."""
        number = Number(job.payload["number"])
        async with self._store.write() as conn:
            await automatics.hold(conn, MailboxName(job.lane.partition(":")[2]))
            conversation = await conversations.get(conn, number)
            stored = await mails.get(conn, MailId(job.payload["mail"]))
            mailbox = self._mailboxes.get(conversation.mailbox) if conversation else None
            if conversation is None or stored is None or mailbox is None or mailbox.ack is None:
                return
            if await lessons.why_not_answered(conn, stored, own=self._own):  # by what was found out meanwhile
                return
            draft_id = DraftId(f"ack-{number}")
            to, ack = rules.answered_by_itself(stored.message, own=self._own), mailbox.ack
            if await drafts.get(conn, draft_id) or not await allowed(
                conn, conversation, to, most=ack.per_sender, per_hour=ack.per_hour
            ):
                return
            hours = mailbox.pace.hours
            values = Values.of(conversation, stored.message, sender=to, mailbox=mailbox.address, hours=hours)
            draft = draft_of(
                draft_id,
                conversation,
                stored,
                mailbox=mailbox,
                key=self._key,
                kind=DraftKind.REPLY,
                to=(to,),
                words=filled(ack, values),
                automatic=Automatic.REPLY,
            )
            await promise(conn, draft, hold=mailbox.hold)
            await changed_by_itself(conn, number)
            await write_down(conn, number, "acknowledge", user=BRIDGE)

    # --- loops --------------------------------------------------------------------------------------------------------

    async def tell(self, job: Job) -> None:
        """The job "loop": ask the channel what is to become of it, or tell it a sentence."""
        channel = ChannelId(job.payload["channel"])
        if sentence := job.payload.get("sentence"):
            surface = notice(None, sentence, about=None, buttons=())
        else:
            async with self._store.read() as conn:
                sender = await automatics.quieted(conn, str(job.payload["quiet"]))
            if sender is None:
                return
            surface = loop(sender.token, sender.email, mailbox=sender.mailbox)

        async def act() -> dict[str, str]:
            return {"ts": await self._channels.post(channel, text=surface.text, blocks=surface.blocks, key=job.key)}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=job.key, since=since)
            return {"ts": ts} if ts else None

        await self._engine.once(job.key, act=act, find=look)

    async def quieted(self, channels: Collection[ChannelId]) -> list[Muted]:
        """Who gets no automatic answers from the mailboxes that show in these channels, the latest first."""
        names = [one.name for one in self._mailboxes.values() if one.channel in channels]
        async with self._store.read() as conn:
            found = await automatics.all_quieted(conn, mailboxes=names, limit=LISTED)
        return [Muted(email=one.email, mailbox=one.mailbox, at=one.at, token=one.token) for one in found]

    async def mute(self, value: str, *, channel: ChannelId, user: UserId) -> Decided:
        """That sender gets no automatic answer any more, until somebody resumes."""
        await self._agents.require(user, channel)
        async with self._store.write() as conn:
            sender = await automatics.quieted(conn, value)
            if sender is None:
                raise Refused(say("This sender is acknowledged again already."))
            await _write_down(conn, sender, "mute", user=user)
        with to_everyone():
            words = say("<@{user}> muted this sender: no automatic mail goes there any more.", user=user)
            return Decided(words=words, undo=(say("Resume"), "resume_sender", value))

    async def resume(self, value: str, *, channel: ChannelId, user: UserId) -> Decided:
        """It was no loop, or is over: that sender's conversations are acknowledged again."""
        await self._agents.require(user, channel)
        async with self._store.write() as conn:
            if sender := await automatics.quieted(conn, value):
                await _write_down(conn, sender, "resume", user=user)
                await automatics.resume(conn, sender)
        with to_everyone():
            return Decided(
                words=say(
                    "<@{user}> said that it is no loop: this sender's conversations are acknowledged again.", user=user
                )
            )


async def _write_down(conn: AsyncConnection, sender: automatics.Quieted, verb: str, *, user: UserId) -> None:
    """In the log of the conversation in which it came up, which has the address; else in the desk's, which has none."""
    if number := await automatics.about(conn, sender):
        await write_down(conn, number, verb, user=user, detail="automatic mail to this sender")
    else:
        await write_down_of_desk(conn, verb, user=user, detail=f"automatic mail of {sender.mailbox} to a sender")
