"""Reception: the story of a mail that comes in is read here.

    source -> receive: parse (worker thread) -> rules -> one change of the store (raw mail, Message, Conversation,
    ledger, job "show", cursor) -> jobs -> show (bridge/show.py)

Nothing is promised before it is committed: the source's cursor moves in the same transaction that keeps the mail.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.as_read import AsRead, as_read, unreadable
from bridge.desk import Mailbox, changed_by_itself, show_again
from bridge.errors import BridgeError, Refused
from bridge.mail.identifiers import own_message_id
from bridge.mail.parse import parse
from bridge.mail.quotes import read
from bridge.metrics import Metrics
from bridge.model import Arrival, Batch, Cursor, Direction, Folder, MailId, Message, Number, Status, StoredMessage, now
from bridge.store import conversations, drafts, jobs, mails, personal, places
from bridge.store.database import Store

log = structlog.get_logger()


class Reception:
    """Takes mails in. `keys`: that may have signed our Message-IDs; `own`: our mailboxes' addresses in lower case."""

    def __init__(
        self,
        store: Store,
        *,
        keys: Sequence[bytes],
        metrics: Metrics,
        own: Collection[str] = (),
        parse_mail: Callable[[bytes], Message] = parse,
    ) -> None:
        self._store = store
        self._keys = keys
        self._metrics = metrics
        self._own = own
        self._parse = parse_mail

    async def receive(self, mailbox: Mailbox, batch: Batch) -> None:
        """Take in mails in the order of their uids. After it returns they are durable, and so is the cursor.

        A mail that nobody foresaw goes into quarantine, and those behind it come in all the same.
        """
        mails_read = await asyncio.to_thread(lambda: [as_read(one, self._parse) for one in batch.arrivals])
        try:
            await self._keep(mailbox, batch, mails_read)
        except BridgeError:
            raise
        except Exception:
            if len(batch.arrivals) == 1 and mails_read[0].state == "quarantined":
                raise
            log.exception("mails could not be kept as read, and are taken in one by one")
            for arrival, read_mail in zip(batch.arrivals, mails_read, strict=True):
                await self._keep_alone(mailbox, arrival, read_mail)
            await self._keep(mailbox, replace(batch, arrivals=()), [])

    async def _keep_alone(self, mailbox: Mailbox, arrival: Arrival, read_mail: AsRead) -> None:
        alone = Batch(cursor=Cursor(uidvalidity=arrival.uidvalidity, uidnext=arrival.uid), arrivals=(arrival,))
        try:
            await self._keep(mailbox, alone, [read_mail])
        except BridgeError:
            raise
        except Exception:  # noqa: BLE001 - logged above; its bytes are kept, and it can be replayed
            await self._keep(mailbox, alone, [unreadable(arrival.raw or arrival.head)])

    async def _keep(self, mailbox: Mailbox, batch: Batch, mails_read: Sequence[AsRead]) -> None:
        taken = 0
        async with self._store.write() as conn:
            uids = [one.uid for one in batch.arrivals]
            seen = await mails.seen_places(conn, mailbox.name, uidvalidity=batch.cursor.uidvalidity, uids=uids)
            for arrival, read_mail in zip(batch.arrivals, mails_read, strict=True):
                if arrival.uid not in seen:
                    taken += await self._take_in(conn, mailbox, arrival, read_mail)
            await mails.move_cursor(conn, mailbox.name, batch.cursor)
        self._metrics.received(mailbox.name, taken)

    async def _take_in(
        self, conn: AsyncConnection, mailbox: Mailbox, arrival: Arrival, read_mail: AsRead, *, old: bool = False
    ) -> bool:
        """Keep a mail where it belongs. False for one that stands there already, or is our own."""
        place = (arrival.uidvalidity, arrival.uid)
        message = read_mail.message
        if known := await mails.known(conn, mailbox.name, read_mail.digest):
            await self._record(conn, mailbox, place, state="known", mail_id=known)
            await self._found_again(conn, mailbox, known, place)
            return False
        if await personal.was_erased(conn, mailbox.name, read_mail.digest):
            await self._record(conn, mailbox, place, state="erased", mail_id=None)
            return False
        if await self._is_own(conn, mailbox, message):
            await self._record(conn, mailbox, place, state="own", mail_id=None)
            return False
        number = await self._conversation_for(conn, mailbox, message, old=old)
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
        if mailbox.ack and not old and await mails.is_first(conn, number, mail_id):
            await self._acknowledge(conn, mailbox, number, mail_id, message)
        await places.arrived(conn, mailbox.name, mail_id, place)
        return True

    async def _acknowledge(
        self, conn: AsyncConnection, mailbox: Mailbox, number: Number, mail_id: MailId, message: Message
    ) -> None:
        """Promise that the sender of a new conversation is told of its number, unless a robot may not answer it."""
        if why_not := rules.unanswerable(message, own=self._own):
            log.debug("a new conversation is not acknowledged", number=number, reason=why_not)
            return
        payload = {"number": number, "mail": mail_id}
        await jobs.add(
            conn, key=f"acknowledge:{number}", kind="acknowledge", lane=f"acknowledge:{mailbox.name}", payload=payload
        )

    async def _found_again(
        self, conn: AsyncConnection, mailbox: Mailbox, mail_id: MailId, place: tuple[int, int]
    ) -> None:
        """A known mail turns up in the inbox: a second copy, a new numbering, or somebody took it out of the trash."""
        stored = await mails.get(conn, mail_id)
        if stored is None or stored.direction is Direction.OUT:
            return
        there = await places.of(conn, [mail_id])
        await places.arrived(conn, mailbox.name, mail_id, place)
        left = stored.folder is Folder.GONE or any(one.folder is stored.folder for one in there)
        if stored.folder is not Folder.INBOX and left:  # else it is only still to be moved, as an agent said
            await mails.stand(conn, [mail_id], folder=Folder.INBOX)
            await changed_by_itself(conn, stored.number)

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

    async def _conversation_for(
        self, conn: AsyncConnection, mailbox: Mailbox, message: Message, *, old: bool
    ) -> Number:
        """The conversation that a mail joins or begins, changed so that its card is shown again."""
        ids = rules.spoken_of(message)
        known = await mails.referred(conn, mailbox=mailbox.name, ids=[*ids, message.message_id])
        signed = {one: Number(own[0]) for one in ids if (own := own_message_id(one, keys=self._keys))}
        number = rules.joins(message, known=known, signed=signed) or await self._named_in_subject(
            conn, mailbox, message
        )
        conversation = await conversations.get(conn, number) if number else None
        if conversation and conversation.mailbox == mailbox.name:
            status = conversation.status if old else rules.status_after_mail(conversation.status, message)
            await changed_by_itself(conn, conversation.number, status=status)
            return conversation.number
        number = await conversations.create(
            conn,
            mailbox=mailbox.name,
            channel=mailbox.channel,
            subject=message.subject,
            status=Status.CLOSED if old else Status.OPEN,
            at=now(),
        )
        await show_again(conn, number, version=1)
        return number

    async def _named_in_subject(self, conn: AsyncConnection, mailbox: Mailbox, message: Message) -> Number | None:
        """The conversation whose number the subject names, where the mail's author takes part in it.

        Our own address takes part in all of them, so a mail that claims to be from it joins none.
        """
        number = rules.numbered(message.subject)
        if number is None or message.author.email.lower() == mailbox.address.email.lower():
            return None
        stored = await mails.of_conversation(conn, number)
        return number if rules.takes_part(message.author, [one.message for one in stored]) else None

    async def take_old(self, mailbox: Mailbox, arrival: Arrival) -> bool:
        """Take in a mail that came before the first watch: a closed matter, unless it belongs to one that stands.

        False for one that is known. The cursor stays where it is.
        """
        mail = await asyncio.to_thread(as_read, arrival, self._parse)
        async with self._store.write() as conn:
            seen = await mails.seen_places(conn, mailbox.name, uidvalidity=arrival.uidvalidity, uids=[arrival.uid])
            return not seen and await self._take_in(conn, mailbox, arrival, mail, old=True)

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
            await changed_by_itself(conn, stored.number, **renamed)
        return stored

    async def take_again(self, mailbox: Mailbox, raw: bytes) -> Number:
        """Take in a mail from a file: one that is in quarantine is read again, one that is known changes nothing."""
        async with self._store.read() as conn:
            quarantined = await mails.known(conn, mailbox.name, hashlib.sha256(raw).hexdigest())
            uid = await mails.next_uid(conn, mailbox.name, uidvalidity=0)
        if quarantined:
            return (await self.replay(quarantined)).number
        arrival = Arrival(uidvalidity=0, uid=uid, size=len(raw), raw=raw)  # no mailbox has a uidvalidity of 0
        mail = await asyncio.to_thread(as_read, arrival, self._parse)
        async with self._store.write() as conn:
            await self._take_in(conn, mailbox, arrival, mail)
            mail_id = await mails.known(conn, mailbox.name, mail.digest)
            stored = await mails.get(conn, mail_id) if mail_id else None
        if stored is None:
            raise Refused("The bridge sent this mail itself; it stands in its conversation already.")
        return stored.number
