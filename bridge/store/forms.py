"""Compose modals: who is writing now, and what was typed into one that was closed. Named questions and changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import DraftId, Number, UserId
from bridge.store.schema import forms


async def begin(
    conn: AsyncConnection, draft_id: DraftId, *, number: Number | None, author: UserId, at: datetime, until: datetime
) -> None:
    """A modal was opened; until then its author counts as writing."""
    row = {"number": number, "author": author, "opened": at, "until": until, "kept": None}
    await conn.execute(insert(forms).values(draft_id=draft_id, **row))


async def end(conn: AsyncConnection, draft_id: DraftId) -> bool:
    """The modal is open no more, and nothing of it is kept; False where nothing was known of it."""
    return bool((await conn.execute(delete(forms).where(forms.c.draft_id == draft_id))).rowcount)


async def lapse(conn: AsyncConnection, draft_id: DraftId) -> bool:
    """Its author counts as writing no more, though nobody closed it; False where it was ended, or is kept."""
    lapsed = delete(forms).where(forms.c.draft_id == draft_id, forms.c.kept.is_(None))
    return bool((await conn.execute(lapsed)).rowcount)


async def keep(
    conn: AsyncConnection,
    draft_id: DraftId,
    kept: Mapping[str, Any],
    *,
    number: Number | None,
    author: UserId,
    at: datetime,
) -> None:
    """Keep what was typed into a modal that is closed now."""
    row = {"number": number, "author": author, "opened": at, "until": at, "kept": dict(kept)}
    await conn.execute(insert(forms).values(draft_id=draft_id, **row))


async def kept(
    conn: AsyncConnection, *, number: Number | None, author: UserId
) -> tuple[dict[str, Any], datetime] | None:
    """What that person typed last for that conversation (None: for a new mail) and did not send, and until when."""
    question = select(forms.c.kept, forms.c.until).where(_theirs(number, author)).order_by(forms.c.until.desc())
    row = (await conn.execute(question.limit(1))).first()
    return (row.kept, row.until) if row else None


async def forget(conn: AsyncConnection, *, number: Number | None, author: UserId) -> None:
    """What that person typed and did not send is of no more use."""
    await conn.execute(delete(forms).where(_theirs(number, author)))


async def writing(conn: AsyncConnection, number: Number, *, at: datetime) -> list[UserId]:
    """Who is writing an answer in a conversation, each once, the first to begin first."""
    open_ = (forms.c.number == number) & (forms.c.until > at) & forms.c.kept.is_(None)
    question = select(forms.c.author).where(open_).order_by(forms.c.opened)
    return list(dict.fromkeys(UserId(one) for one in (await conn.execute(question)).scalars()))


async def forget_old(conn: AsyncConnection, *, before: datetime, limit: int = 1000) -> int:
    """Delete what was typed and put down before that time, at most `limit`; how many."""
    old = select(forms.c.draft_id).where(forms.c.until < before).limit(limit)
    return (await conn.execute(delete(forms).where(forms.c.draft_id.in_(old)))).rowcount


def _theirs(number: Number | None, author: UserId) -> Any:
    about = forms.c.number.is_(None) if number is None else forms.c.number == number
    return about & (forms.c.author == author) & forms.c.kept.is_not(None)
