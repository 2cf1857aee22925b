"""Acknowledging: the sender of a new conversation is told of its number, once, by the mailbox's template.

    reception -> job "acknowledge", where a robot may answer that mail (`rules.unanswerable`)
    "acknowledge" -> a Draft like any other, held and to be undone; or, where the sender has had too many, "loop"
    "loop" -> one message in the channel with two buttons: mute the sender, or go on

Two robots that answer each other stop at the limit, whatever they leave out of their headers.
"""

from collections.abc import Mapping
from datetime import datetime

from bridge import rules
from bridge.agents import MayAct
from bridge.automation.byitself import allowed, draft_of, filled, promise
from bridge.desk import Mailbox, changed_by_itself, write_down
from bridge.errors import Refused
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
    Spam,
    UserId,
)
from bridge.sentences import say, to_everyone
from bridge.slack.gateway import Gateway
from bridge.slack.notices import loop
from bridge.store import automatics, conversations, drafts, mails
from bridge.store.database import Store
from bridge.templates import Values


class Acknowledge:
    """The jobs that acknowledge, and what agents say to a loop."""

    def __init__(
        self,
        store: Store,
        *,
        engine: Engine,
        gateway: Gateway,
        agents: MayAct,
        mailboxes: Mapping[MailboxName, Mailbox],
        key: bytes,
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._agents = agents
        self._mailboxes = mailboxes
        self._key = key

    async def acknowledge(self, job: Job) -> None:
        """The job "acknowledge": promise the mail, or say that there were too many."""
        number = Number(job.payload["number"])
        async with self._store.write() as conn:
            conversation = await conversations.get(conn, number)
            stored = await mails.get(conn, MailId(job.payload["mail"]))
            mailbox = self._mailboxes.get(conversation.mailbox) if conversation else None
            if conversation is None or stored is None or mailbox is None or mailbox.ack is None:
                return
            if stored.verdict and stored.verdict.level is not Spam.HAM:  # a filter was asked meanwhile
                return
            draft_id = DraftId(f"ack-{number}")
            email = stored.message.author.email.lower()
            if await drafts.get(conn, draft_id) or not await allowed(
                conn, conversation, email, most=mailbox.ack.per_sender
            ):
                return
            hours = mailbox.pace.hours
            values = Values.of(conversation, stored.message, mailbox=mailbox.address, hours=hours)
            draft = draft_of(
                draft_id,
                conversation,
                stored,
                mailbox=mailbox,
                key=self._key,
                kind=DraftKind.REPLY,
                to=rules.recipients(DraftKind.REPLY, stored, own=[]).to[:1],
                words=filled(mailbox.ack, values),
                automatic=Automatic.REPLY,
            )
            await promise(conn, draft)
            await changed_by_itself(conn, number)
            await write_down(conn, number, "acknowledge", user=BRIDGE)

    # --- loops --------------------------------------------------------------------------------------------------------

    async def tell(self, job: Job) -> None:
        """The job "loop": ask the channel what is to become of it."""
        channel = ChannelId(job.payload["channel"])
        async with self._store.read() as conn:
            sender = await automatics.quieted(conn, job.payload["quiet"])
        if sender is None:
            return
        surface = loop(sender.id, sender.email, mailbox=sender.mailbox)

        async def act() -> dict[str, str]:
            return {"ts": await self._gateway.post(channel, text=surface.text, blocks=surface.blocks, key=job.key)}

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(channel, key=job.key, since=since)
            return {"ts": ts} if ts else None

        await self._engine.once(job.key, act=act, find=look)

    async def mute(self, quiet_id: int, *, channel: ChannelId, user: UserId) -> str:
        """That sender gets no automatic mail any more; the sentence that says so."""
        await self._agents.require(user, channel)
        async with self._store.read() as conn:
            sender = await automatics.quieted(conn, quiet_id)
        if sender is None:
            raise Refused(say("This sender is acknowledged again already."))
        with to_everyone():
            return say("<@{user}> muted this sender: no automatic mail goes there any more.", user=user)

    async def resume(self, quiet_id: int, *, channel: ChannelId, user: UserId) -> str:
        """It was no loop: that sender's conversations are acknowledged again; the sentence that says so."""
        await self._agents.require(user, channel)
        async with self._store.write() as conn:
            await automatics.resume(conn, quiet_id)
        with to_everyone():
            return say(
                "<@{user}> said that it is no loop: this sender's conversations are acknowledged again.", user=user
            )
