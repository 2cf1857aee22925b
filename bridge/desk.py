"""The desk: what happens to a conversation. The story of a mail that comes in is read here.

    source -> receive: parse (worker thread) -> rules -> one change of the store (raw mail, Message, Conversation,
    ledger, job "show", cursor) -> jobs -> show (bridge/show.py)

Nothing is promised before it is committed: the source's cursor moves in the same transaction that keeps the mail.
The story of an answer is in `bridge/answers.py`.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.agents import Agents
from bridge.errors import BridgeError, Refused
from bridge.mail.identifiers import own_message_id
from bridge.mail.parse import parse
from bridge.mail.quotes import read
from bridge.mail.sent import SentFolder
from bridge.mail.smtp import Server
from bridge.metrics import Metrics
from bridge.model import (
    Address,
    Arrival,
    Batch,
    ChannelId,
    Conversation,
    Cursor,
    Direction,
    Line,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Status,
    StoredMessage,
    Ts,
    UserId,
    now,
)
from bridge.store import conversations, drafts, jobs, mails
from bridge.store.database import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One address as the desk works with it: where it shows, how it sends, where its sent mail is kept."""

    name: MailboxName
    address: Address
    channel: ChannelId
    hold: timedelta
    smtp: Server
    sent: SentFolder
    saves_sent: bool
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A mail as read, before it is known where it belongs. `state` is the ledger's word for it."""

    state: str
    message: Message
    reading: Reading
    digest: str


async def changed(conn: AsyncConnection, number: Number, **values: object) -> None:
    """Change a conversation and promise that Slack will show it, in one transaction."""
    version = await conversations.change(conn, number, at=now(), **values)
    await show_again(conn, number, version=version)


async def show_again(conn: AsyncConnection, number: Number, *, version: int) -> None:
    """Promise that Slack will show that version of a conversation; in its lane, so in order."""
    await jobs.add(
        conn,
        key=f"show:{number}:{version}",
        kind="show",
        lane=f"conversation:{number}",
        payload={"number": number},
    )


class Desk:
    """The verbs on mails and conversations. Each is one change of the store; Slack follows by jobs."""

    def __init__(
        self,
        store: Store,
        *,
        agents: Agents,
        mailboxes: Mapping[MailboxName, Mailbox],
        keys: Sequence[bytes],
        metrics: Metrics,
        parse_mail: Callable[[bytes], Message] = parse,
    ) -> None:
        self._store = store
        self._agents = agents
        self._mailboxes = mailboxes
        self._keys = keys
        self._metrics = metrics
        self._parse = parse_mail

    # --- a mail comes in ----------------------------------------------------------------------------------------------

    async def receive(self, mailbox: Mailbox, batch: Batch) -> None:
        """Take in mails in the order of their uids. After it returns they are durable, and so is the cursor.

        A mail that nobody foresaw goes into quarantine, and those behind it come in all the same.
        """
        as_read = await asyncio.to_thread(lambda: [self._read(one) for one in batch.arrivals])
        try:
            await self._keep(mailbox, batch, as_read)
        except BridgeError:
            raise
        except Exception:
            if len(batch.arrivals) == 1 and as_read[0].state == "quarantined":
                raise
            log.exception("mails could not be kept as read, and are taken in one by one")
            for arrival, read_mail in zip(batch.arrivals, as_read, strict=True):
                await self._keep_alone(mailbox, arrival, read_mail)
            await self._keep(mailbox, replace(batch, arrivals=()), [])

    async def _keep_alone(self, mailbox: Mailbox, arrival: Arrival, read_mail: _Read) -> None:
        alone = Batch(cursor=Cursor(uidvalidity=arrival.uidvalidity, uidnext=arrival.uid), arrivals=(arrival,))
        try:
            await self._keep(mailbox, alone, [read_mail])
        except BridgeError:
            raise
        except Exception:  # noqa: BLE001 - logged above; its bytes are kept, and it can be replayed
            await self._keep(mailbox, alone, [_unreadable(arrival.raw or arrival.head)])

    async def _keep(self, mailbox: Mailbox, batch: Batch, as_read: Sequence[_Read]) -> None:
        taken = 0
        async with self._store.write() as conn:
            uids = [one.uid for one in batch.arrivals]
            seen = await mails.seen_places(conn, mailbox.name, uidvalidity=batch.cursor.uidvalidity, uids=uids)
            for arrival, read_mail in zip(batch.arrivals, as_read, strict=True):
                if arrival.uid not in seen:
                    taken += await self._take_in(conn, mailbox, arrival, read_mail)
            await mails.move_cursor(conn, mailbox.name, batch.cursor)
        self._metrics.received(mailbox.name, taken)

    def _read(self, arrival: Arrival) -> _Read:
        if arrival.raw is None:
            return _too_large(arrival, self._parse)
        try:
            message = self._parse(arrival.raw)
            return _Read(
                state="taken", message=message, reading=read(message), digest=rules.digest(arrival.raw, message)
            )
        except Exception as error:  # noqa: BLE001 - a mail that nobody can read must not hold up those behind it
            log.warning("a mail cannot be read and is kept raw", uid=arrival.uid, kind=type(error).__name__)
            return _unreadable(arrival.raw)

    async def _take_in(self, conn: AsyncConnection, mailbox: Mailbox, arrival: Arrival, read_mail: _Read) -> bool:
        """Keep a mail where it belongs. False for one that stands there already, or is our own."""
        place = (arrival.uidvalidity, arrival.uid)
        message = read_mail.message
        if known := await mails.known(conn, mailbox.name, read_mail.digest):
            await self._record(conn, mailbox, place, state="known", mail_id=known)
            return False
        if await self._is_own(conn, mailbox, message):
            await self._record(conn, mailbox, place, state="own", mail_id=None)
            return False
        number = await self._conversation_for(conn, mailbox, message)
        raw_id = await mails.save_raw(conn, arrival.raw, at=arrival.received) if arrival.raw is not None else None
        mail_id = await mails.add(
            conn,
            message,
            reading=read_mail.reading,
            mailbox=mailbox.name,
            number=number,
            direction=Direction.IN,
            digest=read_mail.digest,
            raw_id=raw_id,
            at=arrival.received,
            quarantined=read_mail.state == "quarantined",
        )
        await self._record(conn, mailbox, place, state=read_mail.state, mail_id=mail_id)
        return True

    async def _is_own(self, conn: AsyncConnection, mailbox: Mailbox, message: Message) -> bool:
        """Whether the bridge sent this mail itself and finds it again: our signed Message-ID, from our own address."""
        return (
            message.author.email.lower() == mailbox.address.email.lower()
            and own_message_id(message.message_id, keys=self._keys) is not None
            and await drafts.by_message_id(conn, message.message_id) is not None
        )

    async def _record(
        self, conn: AsyncConnection, mailbox: Mailbox, place: tuple[int, int], *, state: str, mail_id: MailId | None
    ) -> None:
        await mails.record_arrival(conn, mailbox=mailbox.name, place=place, state=state, mail_id=mail_id, at=now())

    async def _conversation_for(self, conn: AsyncConnection, mailbox: Mailbox, message: Message) -> Number:
        """The conversation that a mail joins or begins, changed so that its card is shown again."""
        ids = rules.spoken_of(message)
        known = await mails.referred(conn, mailbox=mailbox.name, ids=[*ids, message.message_id])
        signed = {one: Number(own[0]) for one in ids if (own := own_message_id(one, keys=self._keys))}
        number = rules.joins(message, known=known, signed=signed)
        conversation = await conversations.get(conn, number) if number else None
        if conversation and conversation.mailbox == mailbox.name:
            status = rules.status_after_mail(conversation.status, message)
            await changed(conn, conversation.number, status=status)
            return conversation.number
        number = await conversations.create(
            conn,
            mailbox=mailbox.name,
            channel=mailbox.channel,
            subject=message.subject,
            status=Status.OPEN,
            at=now(),
        )
        await show_again(conn, number, version=1)
        return number

    async def replay(self, mail_id: MailId) -> StoredMessage:
        """Read a kept mail again, after the reader was mended: its post and card follow."""
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
            raw = await mails.load_raw(conn, stored.raw_id) if stored and stored.raw_id else None
        if stored is None or raw is None:
            raise Refused(f"There is no kept mail {mail_id}; the ledger lists what is in quarantine.")
        message = await asyncio.to_thread(self._parse, raw)
        reading = await asyncio.to_thread(read, message)
        async with self._store.write() as conn:
            await mails.reread(conn, mail_id, message, reading=reading)
            await mails.released(conn, mail_id)
            renamed = {"subject": message.subject} if stored.quarantined else {}
            await changed(conn, stored.number, **renamed)
        return stored

    async def take_again(self, mailbox: Mailbox, raw: bytes) -> Number:
        """Take in a mail from a file: one that is in quarantine is read again, one that is known changes nothing."""
        async with self._store.read() as conn:
            quarantined = await mails.known(conn, mailbox.name, hashlib.sha256(raw).hexdigest())
            uid = await mails.next_uid(conn, mailbox.name, uidvalidity=0)
        if quarantined:
            return (await self.replay(quarantined)).number
        arrival = Arrival(uidvalidity=0, uid=uid, size=len(raw), raw=raw)  # no mailbox has a uidvalidity of 0
        as_read = await asyncio.to_thread(self._read, arrival)
        async with self._store.write() as conn:
            await self._take_in(conn, mailbox, arrival, as_read)
            mail_id = await mails.known(conn, mailbox.name, as_read.digest)
            stored = await mails.get(conn, mail_id) if mail_id else None
        if stored is None:
            raise Refused("The bridge sent this mail itself; it stands in its conversation already.")
        return stored.number

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
        """The conversation whose thread that is, or None."""
        async with self._store.read() as conn:
            return await conversations.by_card(conn, channel=channel, ts=thread)

    async def messages(self, number: Number, *, user: UserId) -> tuple[Conversation, list[StoredMessage]]:
        """A conversation and its mails, the oldest first."""
        found = await self.conversation(number, user=user)
        async with self._store.read() as conn:
            return found, await mails.of_conversation(conn, number)

    async def claim(self, number: Number, *, user: UserId) -> Conversation:
        """Make the user its owner."""
        return await self._set(number, user=user, owner=user)

    async def assign(self, number: Number, *, user: UserId, to: UserId) -> Conversation:
        """Make another agent its owner."""
        found = await self.conversation(number, user=user)
        await self._agents.require(to, found.channel)
        return await self._set(number, user=user, owner=to)

    async def close(self, number: Number, *, user: UserId) -> Conversation:
        """Nothing is left to do; a mail of the customer opens it again."""
        return await self._set(number, user=user, status=Status.CLOSED)

    async def reopen(self, number: Number, *, user: UserId) -> Conversation:
        """There is something to do again."""
        return await self._set(number, user=user, status=Status.OPEN)

    async def _set(self, number: Number, *, user: UserId, **values: object) -> Conversation:
        found = await self.conversation(number, user=user)
        if all(getattr(found, name) == value for name, value in values.items()):
            return found
        async with self._store.write() as conn:
            await changed(conn, number, **values)
        return await self.conversation(number, user=user)

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
        open_to_user = []
        for channel in dict.fromkeys(box.channel for box in self._mailboxes.values()):
            try:
                await self._agents.require(user, channel)
                open_to_user.append(channel)
            except Refused as refusal:
                last = refusal
        if not open_to_user:
            raise last
        return open_to_user

    async def original(self, mail_id: MailId) -> bytes | None:
        """The raw mail, or None where it was too large to take in."""
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
            return await mails.load_raw(conn, stored.raw_id) if stored and stored.raw_id else None


def _too_large(arrival: Arrival, parse_mail: Callable[[bytes], Message]) -> _Read:
    head = parse_mail(arrival.head)
    note = (
        f"This mail is {arrival.size / 1_000_000:.0f} MB, more than may be taken in (MAIL_MAX_BYTES): "
        "open it in the mailbox."
    )
    message = Message(
        message_id=head.message_id,
        in_reply_to=head.in_reply_to,
        references=head.references,
        date=head.date,
        from_=head.from_,
        sender=head.sender,
        reply_to=head.reply_to,
        to=head.to,
        cc=head.cc,
        subject=head.subject,
        headers=head.headers,
        automatic=head.automatic,
        notes=(note,),
    )
    known = hashlib.sha256(arrival.head + b"%d" % arrival.size).hexdigest()
    return _Read(state="oversize", message=message, reading=Reading(), digest=known)


def _unreadable(raw: bytes) -> _Read:
    note = "This mail could not be read; it is kept as it came. `bridge replay` reads it again."
    message = Message(subject="(unreadable mail)", notes=(note,))
    reading = Reading(new=(Line.of("The original has the text."),))
    return _Read(state="quarantined", message=message, reading=reading, digest=hashlib.sha256(raw).hexdigest())
