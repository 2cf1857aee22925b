"""Mails: raw, as read, and the ledger of where each was seen. Named questions and changes, each on a connection."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, case, func, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import (
    Address,
    Cursor,
    Direction,
    Folder,
    Joined,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    StoredFile,
    StoredMessage,
    Ts,
    Verdict,
    now,
)
from bridge.rules import outlook_thread
from bridge.store import files, raws, wordindex
from bridge.store.database import insert_all, insert_new
from bridge.store.packing import (
    clean,
    kept_id,
    pack_addresses,
    pack_verdict,
    unpack_addresses,
    unpack_message,
    unpack_reading,
    unpack_verdict,
)
from bridge.store.rows import Ready, ready
from bridge.store.schema import (
    arrivals,
    former_digests,
    mailboxes,
    message_refs,
    messages,
)

INBOX, SENT = "inbox", "sent"
"""The folders that are read."""

ASKED_AT_ONCE = 5_000  # ids in one question: SQLite takes 32,766 values in a statement, and PostgreSQL as many


# --- where a mailbox stands -----------------------------------------------------------------------------------------


async def cursor(conn: AsyncConnection, mailbox: MailboxName, *, folder: str = INBOX) -> Cursor | None:
    """How far that folder has been taken in, or None before its first watch."""
    which = (mailboxes.c.name == mailbox) & (mailboxes.c.folder == folder)
    row = (await conn.execute(select(mailboxes).where(which))).mappings().first()
    return Cursor(uidvalidity=row["uidvalidity"], uidnext=row["uidnext"]) if row else None


async def move_cursor(
    conn: AsyncConnection, mailbox: MailboxName, to: Cursor, *, folder: str = INBOX, first: int | None = None
) -> None:
    """Everything below that place has been taken in. `first`: where a first watch began, if before it. Under another
    uidvalidity all is taken in, from the first uid on.
    """
    values: dict[str, Any] = {"uidvalidity": to.uidvalidity, "uidnext": to.uidnext}
    which = (mailboxes.c.name == mailbox) & (mailboxes.c.folder == folder)
    first_uid = case((mailboxes.c.uidvalidity == to.uidvalidity, mailboxes.c.first_uid), else_=1)
    moved = await conn.execute(update(mailboxes).where(which).values(**values, first_uid=first_uid))
    if not moved.rowcount:
        values["first_uid"] = to.uidnext if first is None else first
        await conn.execute(insert(mailboxes).values(name=mailbox, folder=folder, **values))


async def record_arrival(
    conn: AsyncConnection,
    *,
    mailbox: MailboxName,
    place: tuple[int, int],
    state: str,
    mail_id: MailId | None,
    at: datetime,
    reason: str = "",
) -> None:
    """Enter a place (uidvalidity, uid) in the ledger: `taken`, `known`, `own`, `oversize` or `quarantined`."""
    await conn.execute(insert(arrivals), [_seen(mailbox, place, state=state, mail_id=mail_id, seen=at, reason=reason)])


async def seen_places(
    conn: AsyncConnection, mailbox: MailboxName, *, uidvalidity: int, uids: Collection[int]
) -> set[int]:
    """Which of those uids the ledger has already."""
    wanted, found = list(uids), set[int]()
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        some = wanted[start : start + ASKED_AT_ONCE]
        question = select(arrivals.c.uid).where(
            arrivals.c.mailbox == mailbox, arrivals.c.uidvalidity == uidvalidity, arrivals.c.uid.in_(some)
        )
        found |= set((await conn.execute(question)).scalars())
    return found


async def next_uid(conn: AsyncConnection, mailbox: MailboxName, *, uidvalidity: int) -> int:
    """The first uid that the ledger does not have under that uidvalidity."""
    question = select(func.max(arrivals.c.uid)).where(
        arrivals.c.mailbox == mailbox, arrivals.c.uidvalidity == uidvalidity
    )
    return ((await conn.execute(question)).scalar() or 0) + 1


async def released(conn: AsyncConnection, mail_id: MailId) -> None:
    """A quarantined mail was read after all."""
    changed = update(arrivals).where(arrivals.c.mail_id == mail_id, arrivals.c.state == "quarantined")
    await conn.execute(changed.values(state="taken", reason=""))


# --- messages ---------------------------------------------------------------------------------------------------------


async def known(conn: AsyncConnection, mailbox: MailboxName, digest: str) -> MailId | None:
    """The message of that mailbox with that digest, if it was taken in before."""
    return (await known_among(conn, mailbox, [digest])).get(digest)


async def known_among(conn: AsyncConnection, mailbox: MailboxName, digests: Collection[str]) -> Mapping[str, MailId]:
    """Of these digests, those that the mailbox has a message of, or had before it was read again; with their ids."""
    question = select(messages.c.digest, messages.c.id).where(
        messages.c.mailbox == mailbox, messages.c.digest.in_(digests)
    )
    former = select(former_digests.c.digest, former_digests.c.mail_id).where(
        former_digests.c.mailbox == mailbox, former_digests.c.digest.in_(digests)
    )
    return {row[0]: MailId(row[1]) for row in await conn.execute(union_all(former, question))}


async def add(
    conn: AsyncConnection,
    message: Message,
    *,
    reading: Reading,
    mailbox: MailboxName,
    number: Number,
    direction: Direction,
    digest: str,
    raw_id: int | None,
    at: datetime,
    quarantined: bool = False,
    elsewhere: bool = False,
    joined: Joined = Joined.BEGAN,
    written_by: Address | None = None,
    made: Ready | None = None,
) -> MailId:
    """Keep a message as read, its attachments' list, and every Message-ID it speaks of.

    `joined`: why it came to that conversation; `written_by`: the customer, where a teammate passed their mail on;
    `made`: the two made ready beforehand, which a text of any length must be.
    """
    made = made or ready(message, reading)
    row = _row(
        message,
        made,
        written_by,
        mailbox=mailbox,
        number=number,
        direction=direction,
        digest=digest,
        raw_id=raw_id,
        received=at,
        quarantined=quarantined,
        elsewhere=elsewhere,
        joined=joined,
    )
    mail_id = MailId((await insert_all(conn, messages, [row]))[0])
    await files.add(conn, [(mail_id, message)], holds=direction is Direction.IN)
    await wordindex.index(conn, [(mail_id, made.words)])
    await refer(conn, mailbox=mailbox, number=number, ids=ids_of(message))
    return mail_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A mail to be taken in: its place (uidvalidity, uid), what it says, and the conversation it belongs to. `state` is
    the ledger's word for it, `joined` why it came there, `passed_on` the customer's mail that a teammate passes on;
    `made`: the message made ready to be kept.
    """

    place: tuple[int, int]
    state: str
    number: Number
    message: Message
    made: Ready
    digest: str
    raw: bytes | None
    received: datetime
    joined: Joined
    passed_on: Message | None


async def take_in(conn: AsyncConnection, mailbox: MailboxName, incoming: Sequence[Incoming]) -> list[MailId]:
    """Keep new mails, as `add` keeps one, with their bytes and their lines in the ledger: a few statements for all."""
    raw_ids = iter(await raws.save_all(conn, [(one.raw, one.received) for one in incoming if one.raw is not None]))
    rows = [
        _row(
            one.message,
            one.made,
            one.passed_on.author if one.passed_on else None,
            mailbox=mailbox,
            number=one.number,
            direction=Direction.IN,
            digest=one.digest,
            raw_id=None if one.raw is None else next(raw_ids),
            received=one.received,
            quarantined=one.state == "quarantined",
            joined=one.joined,
        )
        for one in incoming
    ]
    mail_ids = [MailId(one) for one in await insert_all(conn, messages, rows)]
    kept = [*zip(mail_ids, incoming, strict=True)]
    await files.add(conn, [(mail_id, one.message) for mail_id, one in kept], holds=True)
    await wordindex.index(conn, [(mail_id, one.made.words) for mail_id, one in kept])
    spoken_of = [(one, message) for one in incoming for message in (one.message, one.passed_on) if message]
    await _refer(conn, mailbox, [(name, one.number) for one, message in spoken_of for name in ids_of(message)])
    seen = [_seen(mailbox, one.place, state=one.state, mail_id=mail_id, seen=now()) for mail_id, one in kept]
    await conn.execute(insert(arrivals), seen)
    return mail_ids


async def reread(conn: AsyncConnection, mail_id: MailId, message: Message, *, made: Ready, digest: str) -> None:
    """Replace what was read of a mail by a new reading of the same bytes; the thread has yet to show it. It is known by
    its digest as it is read now, and by the one it had before.
    """
    await _known_by_another(conn, mail_id, digest)
    author = case((messages.c.written_by.is_(None), clean(message.author.email.lower())), else_=messages.c.author)
    fresh = {"shared": False, "quarantined": False, "readings": messages.c.readings + 1, "author": author}
    fresh |= made.columns
    await conn.execute(update(messages).where(messages.c.id == mail_id).values(**fresh))
    await files.replace(conn, mail_id, message)
    await wordindex.index(conn, [(mail_id, made.words)])


async def _known_by_another(conn: AsyncConnection, mail_id: MailId, digest: str) -> None:
    mine = messages.c.id == mail_id
    before = (await conn.execute(select(messages.c.mailbox, messages.c.digest).where(mine))).one()
    if await known(conn, before.mailbox, digest):  # its own already, or the mail has come in a second time since
        return
    row = {"mailbox": before.mailbox, "digest": before.digest, "mail_id": mail_id}
    await conn.execute(insert_new(conn, former_digests), row)
    await conn.execute(update(messages).where(mine).values(digest=digest))


async def get(conn: AsyncConnection, mail_id: MailId) -> StoredMessage | None:
    """The message of that id, or None."""
    found = await _stored(conn, messages.c.id == mail_id)
    return found[0] if found else None


async def of_conversation(conn: AsyncConnection, number: Number) -> list[StoredMessage]:
    """The messages of a conversation, the oldest first."""
    return await _stored(conn, messages.c.number == number)


async def holds(conn: AsyncConnection, number: Number, message_id: str) -> bool:
    """Whether the mail of that Message-ID stands in that conversation: it may only have been spoken of there."""
    question = select(messages.c.id).where(messages.c.number == number, messages.c.message_id == clean(message_id))
    return (await conn.execute(question.limit(1))).first() is not None


async def stand(conn: AsyncConnection, mail_ids: Collection[MailId], **values: Any) -> None:
    """How these mails are to stand in their mailbox from now on: `folder`, `seen`, `flagged`, `answered`."""
    await conn.execute(update(messages).where(messages.c.id.in_(mail_ids)).values(**values))


async def checked(conn: AsyncConnection, mail_id: MailId, verdicts: Sequence[Verdict]) -> None:
    """What the filters said of a mail that were asked so far."""
    packed = [pack_verdict(one) for one in verdicts]
    await conn.execute(update(messages).where(messages.c.id == mail_id).values(checked=packed))


async def posted(conn: AsyncConnection, stored: StoredMessage, *, ts: Ts, shared: bool) -> None:
    """Remember the thread's message that shows this mail, unless it has moved to another conversation since; `shared`:
    there are no files to follow it.
    """
    await conn.execute(update(messages).where(*_still(stored)).values(thread_ts=ts, shared=shared))


async def files_shared(conn: AsyncConnection, stored: StoredMessage) -> None:
    """Its files stand in the thread, unless it has moved to another conversation since."""
    await conn.execute(update(messages).where(*_still(stored)).values(shared=True))


async def files_lost(conn: AsyncConnection, stored: StoredMessage) -> None:
    """Slack has lost its files."""
    await conn.execute(update(messages).where(*_still(stored)).values(shared=False))


def _still(stored: StoredMessage) -> tuple[ColumnElement[bool], ...]:
    return messages.c.id == stored.id, messages.c.moved == stored.moved


# --- which conversation -----------------------------------------------------------------------------------------------


def ids_of(message: Message) -> list[str]:
    """Every Message-ID that a message speaks of, its own among them."""
    named = (message.message_id, *message.in_reply_to, *message.references, *outlook_thread(message))
    return list(dict.fromkeys(one for one in named if one))


async def refer(conn: AsyncConnection, *, mailbox: MailboxName, number: Number, ids: Iterable[str]) -> None:
    """These Message-IDs belong to that conversation, unless they belong to another already."""
    await _refer(conn, mailbox, [(one, number) for one in ids if one])


async def _refer(conn: AsyncConnection, mailbox: MailboxName, named: Sequence[tuple[str, Number]]) -> None:
    """Each of these belongs to its conversation, unless it belongs to another already; the first says so."""
    kept = [(kept_id(name), number) for name, number in named]
    in_order = sorted(kept, key=lambda one: one[0])  # so that no two who refer at once wait for each other
    rows = [{"mailbox": mailbox, "message_id": one, "number": number} for one, number in in_order]
    if rows:
        await conn.execute(insert_new(conn, message_refs), rows)


async def referred(conn: AsyncConnection, *, mailbox: MailboxName, ids: Sequence[str]) -> Mapping[str, Number]:
    """Of these Message-IDs, those that the mailbox knows, with their conversations."""
    found: dict[str, Number] = {}
    names = {one: kept_id(one) for one in ids}
    wanted = list(dict.fromkeys(names.values()))
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        question = select(message_refs.c.message_id, message_refs.c.number).where(
            message_refs.c.mailbox == mailbox,
            message_refs.c.message_id.in_(wanted[start : start + ASKED_AT_ONCE]),
        )
        found |= {row.message_id: Number(row.number) for row in await conn.execute(question)}
    return {one: found[kept] for one, kept in names.items() if kept in found}


# --- rows and records -------------------------------------------------------------------------------------------------


def _row(message: Message, made: Ready, written_by: Address | None, **values: Any) -> dict[str, Any]:
    """A new message's row; `values` are the columns that its words do not say."""
    customer = written_by or message.author
    whose = {
        "author": clean(customer.email.lower()),
        "written_by": pack_addresses([written_by])[0] if written_by else None,
    }
    return {"shared": False, "readings": 1, **whose, **values, **made.columns}


def _seen(mailbox: MailboxName, place: tuple[int, int], **row: Any) -> dict[str, Any]:
    return {"mailbox": mailbox, "uidvalidity": place[0], "uid": place[1], "reason": "", **row}


async def _stored(conn: AsyncConnection, which: Any) -> list[StoredMessage]:
    rows = (await conn.execute(select(messages).where(which).order_by(messages.c.id))).mappings().all()
    listed = await files.of_mails(conn, [MailId(row["id"]) for row in rows])
    return [_message(row, listed.get(row["id"], ())) for row in rows]


def _message(row: RowMapping, attached: tuple[StoredFile, ...]) -> StoredMessage:
    return StoredMessage(
        id=MailId(row["id"]),
        mailbox=MailboxName(row["mailbox"]),
        number=Number(row["number"]),
        direction=Direction(row["direction"]),
        message=unpack_message(row["head"], message_id=row["message_id"], subject=row["subject"], text=row["text"]),
        reading=unpack_reading(row["reading"]),
        files=attached,
        raw_id=row["raw_id"],
        received=row["received"],
        thread_ts=Ts(row["thread_ts"]) if row["thread_ts"] else None,
        shared=row["shared"],
        quarantined=row["quarantined"],
        readings=row["readings"],
        folder=Folder(row["folder"]),
        seen=row["seen"],
        flagged=row["flagged"],
        answered=row["answered"],
        elsewhere=row["elsewhere"],
        joined=Joined(row["joined"]),
        moved=row["moved"],
        checked=tuple(unpack_verdict(one) for one in row["checked"] or ()),
        written_by=next(iter(unpack_addresses([row["written_by"]])), None) if row["written_by"] else None,
    )
