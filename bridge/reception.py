"""Reception: the story of a mail that comes in is read here.

    source -> receive: parse (worker thread) -> rules -> one change of the store (raw mail, Message, Conversation,
    ledger, job "show", cursor) -> jobs -> show (bridge/show.py)

Nothing is promised before it is committed: the source's cursor moves in the same transaction that keeps the mail.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules, settling
from bridge.as_read import AsRead, as_read, unreadable
from bridge.automation import due
from bridge.desk import Mailbox, changed_by_itself, show_all_again
from bridge.errors import Refused
from bridge.filing import write_down_elsewhere
from bridge.guard import checking, lessons, returned
from bridge.guard.familiar import Familiar, as_judged, with_lookalike
from bridge.joining import Joining, Matter
from bridge.mail.identifiers import own_message_id
from bridge.mail.parse import parse
from bridge.mail.quotes import read
from bridge.metrics import Metrics
from bridge.model import (
    Arrival,
    Automatic,
    Batch,
    Cursor,
    Direction,
    Folder,
    Located,
    MailboxName,
    MailId,
    Message,
    Number,
    StoredMessage,
    now,
)
from bridge.routing.rulebook import Rulebook, Taken
from bridge.setbacks import Setbacks, keep_or
from bridge.store import drafts, jobs, mails, personal, places, raws
from bridge.store.canaries import STATE as CANARY
from bridge.store.database import Store
from bridge.store.rows import ready
from bridge.teammates import IsTeammate, nobody
from bridge.watches import Holds, alone

log = structlog.get_logger()

Pair = tuple[Arrival, AsRead]
"""A mail as it came, and as it was read."""

Returned = Callable[[AsyncConnection, MailboxName, Message, tuple[int, int]], Awaitable[bool]]
"""Whether a mail at that place is the bridge's own to itself, which is taken away and shown to nobody."""


async def never(_conn: AsyncConnection, _mailbox: MailboxName, _message: Message, _place: tuple[int, int]) -> bool:
    """The bridge writes no mail to itself."""
    return False


class Reception:
    """Takes mails in. `keys`: that may have signed our Message-IDs; `own`: our mailboxes' addresses in lower case;
    `trusted`: by mailbox, the servers whose Authentication-Results are believed; `unheld`: the mailboxes whose files
    are not held, whatever they are; `checks`: filters are to be asked about new mails; `is_teammate`: whose forwards
    are customers' mails; `rulebook`: the rules that act on what comes in.
    """

    def __init__(
        self,
        store: Store,
        *,
        keys: Sequence[bytes],
        metrics: Metrics,
        own: Collection[str] = (),
        trusted: Mapping[MailboxName, Collection[str]] = MappingProxyType({}),
        unheld: Collection[MailboxName] = (),
        checks: bool = False,
        parse_mail: Callable[..., Message] = parse,
        is_teammate: IsTeammate = nobody,
        rulebook: Rulebook | None = None,
        holds: Holds = alone,
        returned: Returned = never,
    ) -> None:
        self._store = store
        self._keys = keys
        self._metrics = metrics
        self._own = own
        self._trusted = trusted
        self._unheld = unheld
        self._checks = checks
        self._parse_mail = parse_mail
        self._is_teammate = is_teammate
        self._joining = Joining(keys)
        self._familiar = Familiar()
        self._rulebook = rulebook or Rulebook()
        self._holds = holds
        self._returned = returned
        self._setbacks = Setbacks()

    async def receive(self, mailbox: Mailbox, batch: Batch) -> None:
        """Take in mails in the order of their uids. After it returns they are durable, and so is the cursor.

        A mail that nobody foresaw goes into quarantine, and those behind it come in all the same.
        """
        parse_mail = self._parse(mailbox.name)
        mails_read = await asyncio.to_thread(lambda: [as_read(one, parse_mail) for one in batch.arrivals])
        mails_read = [await self._if_trusted(mailbox, one) for one in mails_read]
        await self._look_around(mailbox)

        async def one_by_one() -> None:
            for arrival, read_mail in zip(batch.arrivals, mails_read, strict=True):
                await self._keep_alone(mailbox, arrival, read_mail)
            await self._keep(mailbox, replace(batch, arrivals=()), [])

        begins = [(one.uidvalidity, one.uid) for one in batch.arrivals[:1]]
        together = partial(self._keep, mailbox, batch, mails_read)
        await self._setbacks.keep(mailbox.name, begins=begins, together=together, one_by_one=one_by_one)

    def _parse(self, mailbox: MailboxName) -> Callable[[bytes], Message]:
        """How the mails of a mailbox are parsed."""
        trusted = self._trusted.get(mailbox)
        parse_mail = partial(self._parse_mail, trusted=trusted) if trusted else self._parse_mail
        return (lambda raw: _holding_nothing(parse_mail(raw))) if mailbox in self._unheld else parse_mail

    async def _read(self, mailbox: Mailbox, arrival: Arrival) -> AsRead:
        mail = await asyncio.to_thread(as_read, arrival, self._parse(mailbox.name))
        await self._look_around(mailbox)
        return await self._if_trusted(mailbox, mail)

    async def _look_around(self, mailbox: Mailbox) -> None:
        """What is to be known of a mailbox before its mails are kept, found out while nobody waits for the store."""
        await self._familiar.look_around(self._store, mailbox)
        await self._rulebook.look_around(self._store)

    async def _if_trusted(self, mailbox: Mailbox, mail: AsRead) -> AsRead:
        """The mail, as one that passes on another's only where a teammate passes on what a stranger wrote."""
        if mail.passed_on is None:
            return mail
        believed = rules.proof(mail.message) is not rules.Proof.LACKING
        ours = mailbox.forwards and believed and await self._is_teammate(mail.message.author.email)
        if ours and not await self._is_teammate(mail.passed_on.author.email):
            return mail
        return replace(mail, passed_on=None)

    async def _keep_alone(self, mailbox: Mailbox, arrival: Arrival, read_mail: AsRead) -> None:
        alone = Batch(cursor=Cursor(uidvalidity=arrival.uidvalidity, uidnext=arrival.uid), arrivals=(arrival,))
        aside = [unreadable(arrival.raw or arrival.head)]
        await keep_or(
            partial(self._keep, mailbox, alone, [read_mail]),
            answers=partial(self._keep, mailbox, replace(alone, arrivals=()), []),
            otherwise=partial(self._keep, mailbox, alone, aside),
        )

    async def _keep(self, mailbox: Mailbox, batch: Batch, mails_read: Sequence[AsRead]) -> None:
        async with self._store.write() as conn:
            await self._holds(conn, mailbox.name)
            uids = [one.uid for one in batch.arrivals]
            seen = await mails.seen_places(conn, mailbox.name, uidvalidity=batch.cursor.uidvalidity, uids=uids)
            pairs = zip(batch.arrivals, mails_read, strict=True)
            taken = await self._take_in(conn, mailbox, [one for one in pairs if one[0].uid not in seen])
            await mails.move_cursor(conn, mailbox.name, batch.cursor, first=min(uids, default=None))
        self._metrics.received(mailbox.name, taken)

    async def _take_in(
        self, conn: AsyncConnection, mailbox: Mailbox, fresh: Sequence[Pair], *, old: bool = False
    ) -> int:
        """Keep mails where they belong, in their order; how many are new. The others stand there already, or are our
        own: these are entered in the ledger alone.
        """
        digests = [mail.digest for _, mail in fresh]
        known = await mails.known_among(conn, mailbox.name, digests)
        erased = await personal.erased_among(conn, mailbox.name, digests)
        together: dict[str, Pair] = {}
        taken = 0
        for arrival, mail in fresh:
            place = (arrival.uidvalidity, arrival.uid)
            if await self._returned(conn, mailbox.name, mail.message, place):
                await self._record(conn, mailbox, place, state=CANARY, mail_id=None)
                continue
            if mail.digest in together:  # twice among those that have just come
                taken += await self._take_new(conn, mailbox, [*together.values()], old=old)
                known = {**known, **await mails.known_among(conn, mailbox.name, together)}
                together.clear()
            if mail_id := known.get(mail.digest):
                await self._record(conn, mailbox, place, state="known", mail_id=mail_id)
                await self._found_again(conn, mailbox, mail_id, place)
                continue
            if mail.digest in erased:
                await self._record(conn, mailbox, place, state="erased", mail_id=None)
                continue
            await settling.hear(conn, mail.message)
            if await self._is_own(conn, mailbox, mail.message):
                await self._record(conn, mailbox, place, state="own", mail_id=None)
            else:
                together[mail.digest] = (arrival, mail)
        return taken + await self._take_new(conn, mailbox, [*together.values()], old=old)

    async def _take_new(self, conn: AsyncConnection, mailbox: Mailbox, new: Sequence[Pair], *, old: bool) -> int:
        """Keep mails that are no others' equals, each in the conversation that it joins or begins; how many."""
        if not new:
            return 0
        matters = await self._joining.matters(conn, mailbox, [mail for _, mail in new], old=old)
        incoming = [
            mails.Incoming(
                place=(arrival.uidvalidity, arrival.uid),
                state=mail.state,
                number=matter.number,
                message=message,
                made=mail.made if message is mail.message else mail.made.as_judged(message),
                digest=mail.digest,
                raw=arrival.raw,
                received=arrival.received,
                joined=matter.joined,
                passed_on=mail.passed_on,
            )
            for (arrival, mail), matter in zip(new, matters, strict=True)
            for message in [self._judged(mailbox, mail)]
        ]
        mail_ids = await mails.take_in(conn, mailbox.name, incoming)
        there = [
            Located(mail_id=mail_id, folder=Folder.INBOX, uidvalidity=one.place[0], uid=one.place[1])
            for mail_id, one in zip(mail_ids, incoming, strict=True)
        ]
        await places.arrived_new(conn, mailbox.name, there)
        silent = set() if old else await self._sort(conn, mailbox, matters, mail_ids, new)
        await show_all_again(conn, {matter.number: 1 for matter in matters if matter.begun})
        if old:
            return len(new)
        await returned.hear(conn, mailbox.name, [mail.message for _, mail in new])
        if self._checks:
            await checking.promise(conn, mail_ids)
        spammers = await lessons.known(conn, mailbox.name, [mail.message for _, mail in new], own=self._own)
        for mail_id, matter, (arrival, mail) in zip(mail_ids, matters, new, strict=True):
            if mail.message.automatic is Automatic.NO:
                await due.runs(conn, mailbox.pace, matter.number, at=arrival.received, seen=now())
            if not matter.begun or mail.passed_on:
                continue
            called_spam = mail.message.author.email.lower() in spammers
            if called_spam and (why := lessons.against(mail.message, mail.message.verdict)):
                await lessons.to_junk(conn, matter.number, mail_id, why=why)
            elif mailbox.ack and not called_spam and matter.number not in silent:
                await self._acknowledge(conn, mailbox, matter.number, mail_id, mail.message)
        return len(new)

    async def _sort(
        self,
        conn: AsyncConnection,
        mailbox: Mailbox,
        matters: Sequence[Matter],
        mail_ids: Sequence[MailId],
        new: Sequence[Pair],
    ) -> set[Number]:
        """Promise what rules say, before it is promised that anything is shown; who is not to be acknowledged."""
        taken = [
            Taken(mail_id=mail_id, number=matter.number, begins=matter.begun, received=arrival.received, mail=mail)
            for mail_id, matter, (arrival, mail) in zip(mail_ids, matters, new, strict=True)
        ]
        return await self._rulebook.promise(conn, mailbox, taken)

    def _judged(self, mailbox: Mailbox, mail: AsRead) -> Message:
        """The mail, with what its author's domain only looks like."""
        author = mail.passed_on.author if mail.passed_on else mail.message.author
        return with_lookalike(mail.message, self._familiar.lookalike(mailbox, author))

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
            await write_down_elsewhere(conn, stored, {"folder": Folder.INBOX})

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

    async def take_old(self, mailbox: Mailbox, arrival: Arrival) -> bool:
        """Take in a mail that came before the first watch: a closed matter, unless it belongs to one that stands.

        False for one that is known. The cursor stays where it is.
        """
        mail = await self._read(mailbox, arrival)
        async with self._store.write() as conn:
            seen = await mails.seen_places(conn, mailbox.name, uidvalidity=arrival.uidvalidity, uids=[arrival.uid])
            return not seen and bool(await self._take_in(conn, mailbox, [(arrival, mail)], old=True))

    async def take_missed(self, mailbox: Mailbox, arrival: Arrival) -> None:
        """Take in a mail that the ledger should have had: as any that just came. The cursor stays where it is."""
        mail = await self._read(mailbox, arrival)
        async with self._store.write() as conn:
            seen = await mails.seen_places(conn, mailbox.name, uidvalidity=arrival.uidvalidity, uids=[arrival.uid])
            if not seen:
                await self._take_in(conn, mailbox, [(arrival, mail)])

    async def replay(self, mail_id: MailId) -> StoredMessage:
        """Read a kept mail again, after the reader was mended: its post and card follow."""
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
            raw = await raws.load(conn, stored.raw_id) if stored and stored.raw_id else None
        if stored is None or raw is None:
            raise Refused(f"There is no kept mail {mail_id}; the ledger lists what is in quarantine.")
        message = await asyncio.to_thread(self._parse(stored.mailbox), raw)
        again = as_judged(message, stored.message.authenticity)
        made, digest = await asyncio.to_thread(lambda: (ready(again, read(message)), rules.digest(raw, message)))
        async with self._store.write() as conn:
            await mails.reread(conn, mail_id, again, made=made, digest=digest)
            await mails.released(conn, mail_id)
            began = stored.quarantined and stored.direction is Direction.IN
            renamed = {"subject": message.subject} if began else {}
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
        mail = await self._read(mailbox, arrival)
        async with self._store.write() as conn:
            await self._take_in(conn, mailbox, [(arrival, mail)])
            mail_id = await mails.known(conn, mailbox.name, mail.digest)
            stored = await mails.get(conn, mail_id) if mail_id else None
        if stored is None:
            raise Refused("The bridge sent this mail itself; it stands in its conversation already.")
        return stored.number


def _holding_nothing(message: Message) -> Message:
    return replace(message, attachments=tuple(replace(one, risk=None) for one in message.attachments))
