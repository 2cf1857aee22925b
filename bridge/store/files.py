"""The attachments of mails, as they are listed: their bytes stand in the raw mails. Named questions and changes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailId, Message, Risk, StoredFile, UserId
from bridge.store.packing import clean
from bridge.store.schema import attachments


async def add(
    conn: AsyncConnection,
    mails: Sequence[tuple[MailId, Message]],
    *,
    holds: bool,
    released_by: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """List the files of new mails. `holds`: those that can do harm are held, but for those that somebody released, by
    their names.
    """
    rows = [
        {
            "mail_id": mail_id,
            "position": position,
            "filename": clean(one.filename),
            "content_type": clean(one.content_type),
            "size": one.size,
            "inline": one.inline,
            "held": one.risk.value if one.risk and holds else "",
            "released": released_by.get(clean(one.filename), ""),
        }
        for mail_id, message in mails
        for position, one in enumerate(message.attachments)
    ]
    if rows:
        await conn.execute(insert(attachments), rows)


async def replace(conn: AsyncConnection, mail_id: MailId, message: Message) -> None:
    """List the files of a mail as it was read again; what was released stays so."""
    mine = attachments.c.mail_id == mail_id
    before = select(attachments.c.filename, attachments.c.released).where(mine, attachments.c.released != "")
    released_by = {row.filename: row.released for row in await conn.execute(before)}
    await conn.execute(delete(attachments).where(mine))
    await add(conn, [(mail_id, message)], holds=True, released_by=released_by)


async def of_mails(conn: AsyncConnection, mail_ids: Sequence[MailId]) -> dict[MailId, tuple[StoredFile, ...]]:
    """The files of these mails, in their order."""
    found: dict[MailId, tuple[StoredFile, ...]] = {}
    question = select(attachments).where(attachments.c.mail_id.in_(mail_ids)).order_by(attachments.c.position)
    for one in (await conn.execute(question)).mappings():
        listed = {name: one[name] for name in ("position", "filename", "content_type", "size", "inline", "released")}
        file = StoredFile(**listed, held=Risk(one["held"]) if one["held"] else None)
        mail_id = MailId(one["mail_id"])
        found[mail_id] = (*found.get(mail_id, ()), file)
    return found


async def release(conn: AsyncConnection, mail_id: MailId, position: int, *, by: UserId) -> bool:
    """Let a held file in; False where it is held no more."""
    held = (attachments.c.held != "") & (attachments.c.released == "")
    which = (attachments.c.mail_id == mail_id) & (attachments.c.position == position) & held
    return bool((await conn.execute(update(attachments).where(which).values(released=by))).rowcount)
