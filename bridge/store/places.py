"""Where each mail is in its mailbox, by folder, uidvalidity and uid. Named questions and changes, on a connection."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Folder, Located, MailboxName, MailId
from bridge.store.database import insert_or_replace
from bridge.store.schema import places

FOLLOWED = 10_000
"""How many mails of a mailbox are followed: the newest. A source follows no more than that."""


async def put(conn: AsyncConnection, mailbox: MailboxName, located: Located) -> None:
    """That mail is there, with these flags."""
    await conn.execute(insert_or_replace(conn, places), _row(mailbox, located))


async def arrived(conn: AsyncConnection, mailbox: MailboxName, mail_id: MailId, place: tuple[int, int]) -> None:
    """That mail is in the inbox, at that place; where it was under another numbering, or elsewhere, it is no more.

    A place under uidvalidity 0 is no mailbox's: a mail from a file is nowhere.
    """
    if not place[0]:
        return
    stale = or_(places.c.folder != Folder.INBOX, places.c.uidvalidity != place[0])
    await conn.execute(delete(places).where(places.c.mail_id == mail_id, stale))
    await put(conn, mailbox, Located(mail_id=mail_id, folder=Folder.INBOX, uidvalidity=place[0], uid=place[1]))


async def arrived_new(conn: AsyncConnection, mailbox: MailboxName, located: Sequence[Located]) -> None:
    """The same for several mails of one numbering that nobody knew before."""
    if not located or not located[0].uidvalidity:
        return
    uids = [one.uid for one in located]
    await conn.execute(delete(places).where(_among(mailbox, Folder.INBOX, located[0].uidvalidity, uids)))
    await conn.execute(insert_or_replace(conn, places), [_row(mailbox, one) for one in located])


async def drop(conn: AsyncConnection, mailbox: MailboxName, located: Located) -> None:
    """Nothing is at that place any more."""
    await conn.execute(delete(places).where(_at(mailbox, located.folder, (located.uidvalidity, located.uid))))


async def at(conn: AsyncConnection, mailbox: MailboxName, folder: Folder, place: tuple[int, int]) -> Located | None:
    """The mail at that place (uidvalidity, uid), or None."""
    row = (await conn.execute(select(places).where(_at(mailbox, folder, place)))).mappings().first()
    return _located(row) if row else None


async def of(conn: AsyncConnection, mail_ids: Collection[MailId]) -> list[Located]:
    """Where these mails are."""
    rows = await conn.execute(select(places).where(places.c.mail_id.in_(mail_ids)).order_by(places.c.uid))
    return [_located(row) for row in rows.mappings()]


async def followed(conn: AsyncConnection, mailbox: MailboxName) -> list[Located]:
    """The newest mails of the inbox, as they were when last heard of."""
    question = select(places).where(places.c.mailbox == mailbox, places.c.folder == Folder.INBOX)
    rows = await conn.execute(question.order_by(places.c.uid.desc()).limit(FOLLOWED))
    return [_located(row) for row in rows.mappings()]


def _row(mailbox: MailboxName, located: Located) -> dict[str, Any]:
    return {
        "mailbox": mailbox,
        "folder": located.folder,
        "uidvalidity": located.uidvalidity,
        "uid": located.uid,
        "mail_id": located.mail_id,
        "flags": " ".join(sorted(located.flags)),
    }


def _at(mailbox: MailboxName, folder: Folder, place: tuple[int, int]) -> ColumnElement[bool]:
    return _among(mailbox, folder, place[0], [place[1]])


def _among(mailbox: MailboxName, folder: Folder, uidvalidity: int, uids: Collection[int]) -> ColumnElement[bool]:
    return (
        (places.c.mailbox == mailbox)
        & (places.c.folder == folder)
        & (places.c.uidvalidity == uidvalidity)
        & (places.c.uid.in_(uids))
    )


def _located(row: RowMapping) -> Located:
    return Located(
        mail_id=MailId(row["mail_id"]),
        folder=Folder(row["folder"]),
        uidvalidity=row["uidvalidity"],
        uid=row["uid"],
        flags=frozenset(row["flags"].split()),
    )
