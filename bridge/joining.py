"""Joining: which conversation each mail of a batch belongs to, and why; the conversations change with it.

By our own signed Message-ID, by what the mail speaks of, by a number in the subject where its author takes part; else
it begins one. A mail may join a conversation that another of its batch begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.as_read import AsRead
from bridge.automation.later import customer_wrote, nothing_by_itself
from bridge.desk import Mailbox, all_changed_by_itself, write_down
from bridge.mail.compose import bare_subject
from bridge.mail.identifiers import own_message_id
from bridge.model import BRIDGE, Automatic, Joined, Message, Number, Status, now
from bridge.store import conversations, mails


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """The conversation that a mail came to, why, and whether the mail is what began it."""

    number: Number
    joined: Joined
    begun: bool


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What is known while a batch is parted. Conversations that it begins are counted -1, -2 and so on until they have
    a number; `begun` are their subjects, `now_in` tells where a number's mails go now, `before` and `standing` the
    statuses.
    """

    known: dict[str, Number]
    now_in: dict[Number, Number | None] = field(default_factory=dict)
    before: dict[Number, Status] = field(default_factory=dict)
    standing: dict[Number, Status] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    there: dict[str, Number] = field(default_factory=dict)
    found: list[tuple[Number, Joined]] = field(default_factory=list)


class Joining:
    """Parts mails into conversations. `keys`: that may have signed our Message-IDs."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys

    async def matters(
        self, conn: AsyncConnection, mailbox: Mailbox, fresh: Sequence[AsRead], *, old: bool
    ) -> list[Matter]:
        """Where each mail belongs, in their order. `old`: they came before the first watch, and open nothing again."""
        speaking = [_speaking(mail) for mail in fresh]
        asked = [one for message in speaking for one in (*rules.spoken_of(message), *mails.ids_of(message))]
        batch = _Batch(known=dict(await mails.referred(conn, mailbox=mailbox.name, ids=asked)))
        for mail, message in zip(fresh, speaking, strict=True):
            join = await self._by_ids(conn, batch, message)
            join = join or await self._named_in_subject(conn, mailbox, batch, mail, fresh)
            number = await _where_now(conn, mailbox, batch, join.number) if join else None
            if join is None or number is None:
                batch.begun.append(_subject(mail))
                number, why = Number(-len(batch.begun)), Joined.BEGAN
                batch.now_in[number] = number
                batch.standing[number] = Status.CLOSED if old else Status.OPEN
            else:
                why = await _seen(conn, batch, join)
            if not old:
                batch.standing[number] = rules.status_after_mail(batch.standing[number], mail.message)
            for one in mails.ids_of(message):
                batch.known.setdefault(one, number)
            batch.there[mail.message.message_id] = number
            batch.found.append((number, why))
        return await self._carry_out(conn, mailbox, batch, fresh, old=old)

    async def _by_ids(self, conn: AsyncConnection, batch: _Batch, message: Message) -> rules.Join | None:
        known = batch.known
        signed = {
            # One of ours may have moved to another conversation than its number says, by a merge or a split.
            one: known.get(one, Number(own[0]))
            for one in rules.spoken_of(message)
            if (own := own_message_id(one, keys=self._keys))
        }
        ids = (*rules.spoken_of(message), message.message_id)
        numbers = {known[one] for one in ids if one in known}
        split_from = await conversations.splits(conn, [one for one in numbers if one > 0]) if signed else {}
        return rules.joins(message, known=known, signed=signed, split_from=split_from)

    async def _named_in_subject(
        self, conn: AsyncConnection, mailbox: Mailbox, batch: _Batch, mail: AsRead, fresh: Sequence[AsRead]
    ) -> rules.Join | None:
        """The conversation whose number the subject names, where the mail's author takes part in it.

        Our own address takes part in all of them, so a mail that claims to be from it joins none.
        """
        message = mail.message
        named = rules.numbered(message.subject)
        if named is None or message.author.email.lower() == mailbox.address.email.lower():
            return None
        number = await _where_now(conn, mailbox, batch, named)
        if number is None:
            return None
        beside = [_people(one) for one, (joined, _) in zip(fresh, batch.found, strict=False) if joined == number]
        stored = await mails.of_conversation(conn, number)
        takes_part = rules.takes_part(message.author, stored)
        if takes_part or any(message.author.email.lower() in people for people in beside):
            return rules.Join(number=number, why=Joined.SUBJECT_NUMBER)
        return None

    async def _carry_out(
        self, conn: AsyncConnection, mailbox: Mailbox, batch: _Batch, fresh: Sequence[AsRead], *, old: bool
    ) -> list[Matter]:
        """Begin what is begun, and change what is joined, so that each card is shown again. To show what is begun is
        the caller's to promise, who may have something done to it before.
        """
        made = await conversations.create_all(
            conn,
            mailbox=mailbox.name,
            channel=mailbox.channel,
            subjects=batch.begun,
            status=Status.CLOSED if old else Status.OPEN,
            at=now(),
        )
        joined = {number for number, _ in batch.found if number > 0}
        for status in Status:
            standing = sorted(one for one in joined if batch.standing[one] is status)
            await all_changed_by_itself(conn, standing, status=status)
            for number in (one for one in standing if batch.before[one] is not status):
                await nothing_by_itself(conn, number)
                detail = f"status: {batch.before[number]} → {status}"
                await write_down(conn, number, "reopen", user=BRIDGE, detail=detail)
        if not old:
            by_people = [mail.message.automatic is Automatic.NO for mail in fresh]
            wrote = {number for (number, _), person in zip(batch.found, by_people, strict=True) if person}
            for number in sorted(wrote & joined):
                await customer_wrote(conn, number)
        return _numbered(batch.found, made)


def _numbered(found: Sequence[tuple[Number, Joined]], made: Sequence[Number]) -> list[Matter]:
    """With the numbers that the conversations begun were given; the first mail of each began it."""
    matters = []
    seen: set[Number] = set()
    for number, why in found:
        given = number if number > 0 else made[-number - 1]
        matters.append(Matter(number=given, joined=why, begun=number < 0 and number not in seen))
        seen.add(number)
    return matters


def _speaking(mail: AsRead) -> Message:
    """The mail with what it passes on among what it speaks of."""
    if not (mail.passed_on and mail.passed_on.message_id):
        return mail.message
    inner = (*mail.passed_on.references, mail.passed_on.message_id)
    return replace(mail.message, references=(*inner, *mail.message.references))


def _subject(mail: AsRead) -> str:
    if mail.passed_on is None:
        return mail.message.subject
    return bare_subject(mail.passed_on.subject or mail.message.subject)


def _people(mail: AsRead) -> set[str]:
    message = mail.message
    passed_on = mail.passed_on.from_ if mail.passed_on else ()
    people = (*message.from_, *message.reply_to, *message.to, *message.cc, *passed_on)
    return {one.email.lower() for one in people}


async def _where_now(conn: AsyncConnection, mailbox: Mailbox, batch: _Batch, number: Number) -> Number | None:
    """The conversation that one's mails go to now: it may have been merged; None where it is not this mailbox's."""
    if number not in batch.now_in:
        found = await conversations.current(conn, number)
        ours = found if found and found.mailbox == mailbox.name else None
        batch.now_in[number] = ours.number if ours else None
        if ours and ours.number not in batch.standing:
            batch.before[ours.number] = batch.standing[ours.number] = ours.status
    return batch.now_in[number]


async def _seen(conn: AsyncConnection, batch: _Batch, join: rules.Join) -> Joined:
    """Why a mail joins: two that speak of a mail which never came here need not look related."""
    by_reference = join.why in (Joined.IN_REPLY_TO, Joined.REFERENCES)
    if by_reference and join.by not in batch.there and not await mails.holds(conn, join.number, join.by):
        return Joined.NEVER_SEEN
    return join.why
