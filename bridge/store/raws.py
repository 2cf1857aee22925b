"""Bytes as they came, kept in chunks: mails, files to send, composed mails. Named questions and changes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import DraftState
from bridge.store.database import insert_all
from bridge.store.schema import draft_files, drafts, messages, raw_chunks, raw_mails

CHUNK = 1 << 20  # bytes in one row: a short transaction each, and no row a database chokes on


async def save(conn: AsyncConnection, raw: bytes, *, at: datetime) -> int:
    """Keep bytes; returns their id."""
    return (await save_all(conn, [(raw, at)]))[0]


async def save_all(conn: AsyncConnection, raws: Sequence[tuple[bytes, datetime]]) -> list[int]:
    """Keep many at once, each with its time; returns their ids in the same order."""
    ids = await insert_all(conn, raw_mails, [{"size": len(raw), "stored": at} for raw, at in raws])
    rows = [
        {"raw_id": raw_id, "position": position, "data": raw[start : start + CHUNK]}
        for raw_id, (raw, _) in zip(ids, raws, strict=True)
        for position, start in enumerate(range(0, max(len(raw), 1), CHUNK))
    ]
    if rows:
        await conn.execute(insert(raw_chunks), rows)
    return ids


async def load(conn: AsyncConnection, raw_id: int) -> bytes:
    """The bytes kept under that id."""
    question = select(raw_chunks.c.data).where(raw_chunks.c.raw_id == raw_id).order_by(raw_chunks.c.position)
    return b"".join((await conn.execute(question)).scalars())


async def forget(conn: AsyncConnection, *, before: datetime, limit: int = 100) -> int:
    """Delete the bytes of mails kept before that time, at most `limit` of them; how many. Their text stays, and HTML
    that one of ours had of its own goes with its bytes.

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
    await conn.execute(update(drafts).where(drafts.c.raw_id.in_(gone)).values(html=None))
    for table in (messages, drafts, draft_files):
        await conn.execute(update(table).where(table.c.raw_id.in_(gone)).values(raw_id=None))
    await conn.execute(delete(raw_mails).where(raw_mails.c.id.in_(gone)))
    return len(gone)


async def forget_unsent(conn: AsyncConnection, *, before: datetime, limit: int = 100) -> int:
    """Delete bytes kept before that time for answers, at most `limit` of them; how many: files to send, and what was
    composed and never left. What is still to leave, or was to since then, keeps its own; and so does what is a mail.
    """
    on_its_way = drafts.c.state.in_((DraftState.HELD, DraftState.QUEUED, DraftState.HANDING_OVER))
    needed = or_(on_its_way, drafts.c.due >= before)
    with_files = draft_files.join(drafts, drafts.c.id == draft_files.c.draft_id)
    raw_id = raw_mails.c.id
    speaks = (
        exists().where(drafts.c.raw_id == raw_id),
        exists().where(draft_files.c.raw_id == raw_id),
    )
    keeps = (
        exists().where(messages.c.raw_id == raw_id),
        exists().where(drafts.c.raw_id == raw_id, needed),
        exists(select(draft_files.c.raw_id).select_from(with_files).where(draft_files.c.raw_id == raw_id, needed)),
    )
    old = select(raw_id).where(raw_mails.c.stored < before, or_(*speaks), ~or_(*keeps)).order_by(raw_id).limit(limit)
    gone = (await conn.execute(old)).scalars().all()
    for table in (drafts, draft_files):
        await conn.execute(update(table).where(table.c.raw_id.in_(gone)).values(raw_id=None))
    await conn.execute(delete(raw_mails).where(raw_id.in_(gone)))
    return len(gone)
