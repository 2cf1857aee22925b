"""Mails: raw, as read, and the ledger of where each was seen. Named questions and changes, each on a connection."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import (
    Cursor,
    Direction,
    Folder,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    StoredFile,
    StoredMessage,
    Ts,
)
from bridge.rules import outlook_thread
from bridge.store.packing import clean, pack_message, pack_reading, unpack_message, unpack_reading
from bridge.store.schema import (
    arrivals,
    attachments,
    draft_files,
    drafts,
    mailboxes,
    message_refs,
    messages,
    raw_chunks,
    raw_mails,
)

INBOX, SENT = "inbox", "sent"
"""The folders that are read."""

CHUNK = 1 << 20  # bytes of a raw mail in one row: a short transaction each, and no row a database chokes on


# --- where a mailbox stands -----------------------------------------------------------------------------------------


async def cursor(conn: AsyncConnection, mailbox: MailboxName, *, folder: str = INBOX) -> Cursor | None:
    """How far that folder has been taken in, or None before its first watch."""
    which = (mailboxes.c.name == mailbox) & (mailboxes.c.folder == folder)
    row = (await conn.execute(select(mailboxes).where(which))).mappings().first()
    return Cursor(uidvalidity=row["uidvalidity"], uidnext=row["uidnext"]) if row else None


async def move_cursor(conn: AsyncConnection, mailbox: MailboxName, to: Cursor, *, folder: str = INBOX) -> None:
    """Everything below that place has been taken in."""
    values = {"uidvalidity": to.uidvalidity, "uidnext": to.uidnext}
    which = (mailboxes.c.name == mailbox) & (mailboxes.c.folder == folder)
    moved = await conn.execute(update(mailboxes).where(which).values(**values))
    if not moved.rowcount:
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
    row = {"state": state, "reason": reason, "mail_id": mail_id, "seen": at}
    await conn.execute(insert(arrivals).values(mailbox=mailbox, uidvalidity=place[0], uid=place[1], **row))


async def seen_places(
    conn: AsyncConnection, mailbox: MailboxName, *, uidvalidity: int, uids: Collection[int]
) -> set[int]:
    """Which of those uids the ledger has already."""
    question = select(arrivals.c.uid).where(
        arrivals.c.mailbox == mailbox, arrivals.c.uidvalidity == uidvalidity, arrivals.c.uid.in_(uids)
    )
    return set((await conn.execute(question)).scalars())


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


# --- raw mails --------------------------------------------------------------------------------------------------------


async def save_raw(conn: AsyncConnection, raw: bytes, *, at: datetime) -> int:
    """Keep bytes (a mail, a file to send), in chunks; returns their id."""
    made = await conn.execute(insert(raw_mails).values(size=len(raw), stored=at).returning(raw_mails.c.id))
    raw_id = made.scalar_one()
    view = memoryview(raw)
    rows = [
        {"raw_id": raw_id, "position": position, "data": bytes(view[start : start + CHUNK])}
        for position, start in enumerate(range(0, max(len(raw), 1), CHUNK))
    ]
    await conn.execute(insert(raw_chunks), rows)
    return int(raw_id)


async def load_raw(conn: AsyncConnection, raw_id: int) -> bytes:
    """The bytes kept under that id."""
    question = select(raw_chunks.c.data).where(raw_chunks.c.raw_id == raw_id).order_by(raw_chunks.c.position)
    return b"".join((await conn.execute(question)).scalars())


async def forget_raw(conn: AsyncConnection, *, before: datetime, limit: int = 100) -> int:
    """Delete the bytes of mails kept before that time, at most `limit` of them; how many. Their text stays.

    What is quarantined is kept: its bytes are all there is.
    """
    old = (
        select(messages.c.raw_id)
        .join(raw_mails, raw_mails.c.id == messages.c.raw_id)
        .where(raw_mails.c.stored < before, messages.c.quarantined.is_(False))
        .order_by(raw_mails.c.id)
        .limit(limit)
    )
    gone = (await conn.execute(old)).scalars().all()
    for table in (messages, drafts, draft_files):
        await conn.execute(update(table).where(table.c.raw_id.in_(gone)).values(raw_id=None))
    await conn.execute(delete(raw_mails).where(raw_mails.c.id.in_(gone)))
    return len(gone)


# --- messages ---------------------------------------------------------------------------------------------------------


async def known(conn: AsyncConnection, mailbox: MailboxName, digest: str) -> MailId | None:
    """The message of that mailbox with that digest, if it was taken in before."""
    question = select(messages.c.id).where(messages.c.mailbox == mailbox, messages.c.digest == digest)
    found = (await conn.execute(question)).scalar()
    return MailId(found) if found else None


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
) -> MailId:
    """Keep a message as read, its attachments' list, and every Message-ID it speaks of."""
    made = await conn.execute(
        insert(messages)
        .values(
            mailbox=mailbox,
            number=number,
            direction=direction,
            digest=digest,
            raw_id=raw_id,
            received=at,
            shared=False,
            quarantined=quarantined,
            readings=1,
            elsewhere=elsewhere,
            **_read(message, reading),
        )
        .returning(messages.c.id)
    )
    mail_id = MailId(made.scalar_one())
    await _list_files(conn, mail_id, message)
    await refer(
        conn,
        mailbox=mailbox,
        number=number,
        ids=[message.message_id, *message.in_reply_to, *message.references, *outlook_thread(message)],
    )
    return mail_id


async def reread(conn: AsyncConnection, mail_id: MailId, message: Message, *, reading: Reading) -> None:
    """Replace what was read of a mail by a new reading of the same bytes; the thread has yet to show it."""
    fresh = {"shared": False, "quarantined": False, "readings": messages.c.readings + 1, **_read(message, reading)}
    await conn.execute(update(messages).where(messages.c.id == mail_id).values(**fresh))
    await conn.execute(delete(attachments).where(attachments.c.mail_id == mail_id))
    await _list_files(conn, mail_id, message)


async def get(conn: AsyncConnection, mail_id: MailId) -> StoredMessage | None:
    """The message of that id, or None."""
    found = await _stored(conn, messages.c.id == mail_id)
    return found[0] if found else None


async def of_conversation(conn: AsyncConnection, number: Number) -> list[StoredMessage]:
    """The messages of a conversation, the oldest first."""
    return await _stored(conn, messages.c.number == number)


async def is_first(conn: AsyncConnection, number: Number, mail_id: MailId) -> bool:
    """Whether that mail begins its conversation."""
    first = (await conn.execute(select(func.min(messages.c.id)).where(messages.c.number == number))).scalar()
    return bool(first == mail_id)


async def stand(conn: AsyncConnection, mail_ids: Collection[MailId], **values: Any) -> None:
    """How these mails are to stand in their mailbox from now on: `folder`, `seen`, `flagged`, `answered`."""
    await conn.execute(update(messages).where(messages.c.id.in_(mail_ids)).values(**values))


async def posted(conn: AsyncConnection, mail_id: MailId, *, ts: Ts) -> None:
    """Remember the thread's message that shows this mail."""
    await conn.execute(update(messages).where(messages.c.id == mail_id).values(thread_ts=ts))


async def files_shared(conn: AsyncConnection, mail_id: MailId) -> None:
    """Its files stand in the thread."""
    await conn.execute(update(messages).where(messages.c.id == mail_id).values(shared=True))


# --- which conversation -----------------------------------------------------------------------------------------------


async def refer(conn: AsyncConnection, *, mailbox: MailboxName, number: Number, ids: Iterable[str]) -> None:
    """These Message-IDs belong to that conversation, unless they belong to another already."""
    wanted = list(dict.fromkeys(clean(one)[:998] for one in ids if one))
    if not wanted:
        return
    there = await referred(conn, mailbox=mailbox, ids=wanted)
    rows = [{"mailbox": mailbox, "message_id": one, "number": number} for one in wanted if one not in there]
    if rows:
        await conn.execute(insert(message_refs), rows)


async def referred(conn: AsyncConnection, *, mailbox: MailboxName, ids: Sequence[str]) -> Mapping[str, Number]:
    """Of these Message-IDs, those that the mailbox knows, with their conversations."""
    if not ids:
        return {}
    question = select(message_refs.c.message_id, message_refs.c.number).where(
        message_refs.c.mailbox == mailbox, message_refs.c.message_id.in_([clean(one)[:998] for one in ids])
    )
    return {row.message_id: Number(row.number) for row in await conn.execute(question)}


# --- rows and records -------------------------------------------------------------------------------------------------


def _read(message: Message, reading: Reading) -> dict[str, Any]:
    people = (*message.from_, *message.to, *message.cc, *message.reply_to)
    return {
        "message_id": clean(message.message_id),
        "subject": clean(message.subject),
        "people": clean(" ".join(str(one) for one in people)),
        "author": clean(message.author.email.lower()),
        "head": pack_message(message),
        "text": clean(message.text),
        "reading": pack_reading(reading),
    }


async def _list_files(conn: AsyncConnection, mail_id: MailId, message: Message) -> None:
    rows = [
        {
            "mail_id": mail_id,
            "position": position,
            "filename": clean(one.filename),
            "content_type": clean(one.content_type),
            "size": one.size,
            "inline": one.inline,
        }
        for position, one in enumerate(message.attachments)
    ]
    if rows:
        await conn.execute(insert(attachments), rows)


async def _stored(conn: AsyncConnection, which: Any) -> list[StoredMessage]:
    rows = (await conn.execute(select(messages).where(which).order_by(messages.c.id))).mappings().all()
    files: dict[int, list[StoredFile]] = {}
    question = select(attachments).where(attachments.c.mail_id.in_([row["id"] for row in rows]))
    for one in (await conn.execute(question.order_by(attachments.c.position))).mappings():
        listed = {name: one[name] for name in ("position", "filename", "content_type", "size", "inline")}
        files.setdefault(one["mail_id"], []).append(StoredFile(**listed))
    return [_message(row, tuple(files.get(row["id"], ()))) for row in rows]


def _message(row: RowMapping, files: tuple[StoredFile, ...]) -> StoredMessage:
    return StoredMessage(
        id=MailId(row["id"]),
        mailbox=MailboxName(row["mailbox"]),
        number=Number(row["number"]),
        direction=Direction(row["direction"]),
        message=unpack_message(row["head"], message_id=row["message_id"], subject=row["subject"], text=row["text"]),
        reading=unpack_reading(row["reading"]),
        files=files,
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
    )
