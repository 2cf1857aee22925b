"""Mails of the past as rules look at them: what is asked to try one out. Takes the connection of a transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Address, Direction, MailboxName, MailId, Message, Number
from bridge.routing.matching import LOOKED_AT, On
from bridge.store import conversations
from bridge.store.packing import unpack_addresses, unpack_message
from bridge.store.schema import attachments, messages, raw_chunks

HEAD = 64 * 1024  # bytes of a mail among which its header block is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMail:
    """A mail that came in. `message` has its text cut and no headers: those are in the bytes of `raw_id`, while these
    are kept. `begins`: it began its conversation.
    """

    id: MailId
    mailbox: MailboxName
    number: Number
    message: Message
    customer: Address
    files: tuple[tuple[str, str], ...]
    begins: bool
    received: datetime
    raw_id: int | None


async def newest(conn: AsyncConnection, *, mailboxes: Collection[str], on: On, limit: int) -> list[PastMail]:
    """The newest mails that came in, as far as a rule looks at them: those of these mailboxes (in any case; none means
    all), and of those what began a conversation, or every one.
    """
    earlier = messages.alias("earlier")
    begins = ~(select(earlier.c.id).where(earlier.c.number == messages.c.number, earlier.c.id < messages.c.id).exists())
    names = ("id", "mailbox", "number", "head", "message_id", "subject", "raw_id", "written_by", "received")
    text = func.substr(messages.c.text, 1, LOOKED_AT).label("text")
    question = select(*(messages.c[name] for name in names), text, begins.label("begins")).where(
        messages.c.direction == Direction.IN
    )
    if mailboxes:
        wanted = {one.casefold() for one in mailboxes}  # each database has its own idea of what a small letter is
        there = [one for one in await conversations.mailboxes(conn) if one.casefold() in wanted]
        question = question.where(messages.c.mailbox.in_(there))
    if on is On.NEW:
        question = question.where(begins)
    rows = (await conn.execute(question.order_by(messages.c.id.desc()).limit(limit))).all()
    files: dict[int, list[tuple[str, str]]] = {}
    named = select(attachments.c.mail_id, attachments.c.filename, attachments.c.content_type)
    for one in await conn.execute(named.where(attachments.c.mail_id.in_([row.id for row in rows]))):
        files.setdefault(one.mail_id, []).append((one.filename, one.content_type))
    found = []
    for row in rows:
        message = unpack_message(row.head, message_id=row.message_id, subject=row.subject, text=row.text)
        passed_on = unpack_addresses([row.written_by]) if row.written_by else ()
        mail = PastMail(
            id=MailId(row.id),
            mailbox=MailboxName(row.mailbox),
            number=Number(row.number),
            message=message,
            customer=next(iter(passed_on), message.author),
            files=tuple(files.get(row.id, ())),
            begins=bool(row.begins),
            received=row.received,
            raw_id=row.raw_id,
        )
        found.append(mail)
    return found


async def heads(conn: AsyncConnection, raw_ids: Collection[int]) -> dict[int, bytes]:
    """The first bytes of these mails, header block and more."""
    question = select(raw_chunks.c.raw_id, func.substr(raw_chunks.c.data, 1, HEAD)).where(
        raw_chunks.c.raw_id.in_(raw_ids), raw_chunks.c.position == 0
    )
    return {raw_id: bytes(data) for raw_id, data in await conn.execute(question)}
