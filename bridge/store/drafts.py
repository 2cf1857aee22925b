"""Drafts: named questions and changes. Each takes the connection of the transaction it belongs to."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import (
    Automatic,
    ChannelId,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    FileId,
    MailboxName,
    MailId,
    Number,
    Ts,
    UserId,
)
from bridge.store.packing import clean, pack_addresses, unpack_addresses
from bridge.store.schema import conversations, draft_files, drafts


async def add(conn: AsyncConnection, draft: Draft, *, view_id: str) -> None:
    """Keep a draft and the list of its files."""
    await conn.execute(
        insert(drafts).values(
            id=draft.id,
            kind=draft.kind,
            state=draft.state,
            mailbox=draft.mailbox,
            number=draft.number,
            answers=draft.answers,
            author=draft.author,
            author_name=clean(draft.author_name),
            recipients=_recipients(draft),
            subject=clean(draft.subject),
            rich_text=draft.rich_text,
            quote=draft.quote,
            message_id=draft.message_id,
            due=draft.due,
            created=draft.created,
            automatic=draft.automatic,
            view_id=view_id,
            revision=1,
            shown=0,
            reason="",
            outcome=[],
            closes=draft.closes,
            later=draft.later,
            said_channel=draft.said[0] if draft.said else "",
            said_ts=draft.said[1] if draft.said else "",
            note=clean(draft.note),
            html=clean(draft.html) or None,
        )
    )
    rows = [
        {
            "draft_id": draft.id,
            "position": position,
            "filename": clean(one.filename),
            "content_type": clean(one.content_type),
            "size": one.size,
            "slack_id": one.slack_id,
            "mail_id": one.mail_id,
            "mail_position": one.position,
        }
        for position, one in enumerate(draft.files)
    ]
    if rows:
        await conn.execute(insert(draft_files), rows)


async def rewrite(conn: AsyncConnection, draft_id: DraftId, by: Draft) -> bool:
    """That proposal says from now on what `by` does, in the same line of the thread; False where it waits no more."""
    values = {
        "answers": by.answers,
        "recipients": _recipients(by),
        "subject": clean(by.subject),
        "rich_text": by.rich_text,
        "html": clean(by.html) or None,
        "created": by.created,
        "revision": drafts.c.revision + 1,
    }
    change = update(drafts).where(drafts.c.id == draft_id, drafts.c.state == DraftState.SUGGESTED)
    return bool((await conn.execute(change.values(**values))).rowcount)


def _recipients(draft: Draft) -> dict[str, Any]:
    return {name: pack_addresses(getattr(draft, name)) for name in ("to", "cc", "bcc")}


async def get(conn: AsyncConnection, draft_id: DraftId) -> Draft | None:
    """The draft of that id, or None."""
    found = await _drafts(conn, drafts.c.id == draft_id)
    return found[0] if found else None


async def of_ids(conn: AsyncConnection, draft_ids: Collection[DraftId]) -> list[Draft]:
    """The drafts of those ids, the oldest first."""
    return await _drafts(conn, drafts.c.id.in_(draft_ids))


async def number_of(conn: AsyncConnection, draft: Draft) -> Number:
    """The conversation that it belongs to now: it may have moved since the draft was read."""
    found = (await conn.execute(select(drafts.c.number).where(drafts.c.id == draft.id))).scalar()
    return Number(found) if found else draft.number


async def of_conversation(conn: AsyncConnection, number: Number) -> list[Draft]:
    """The drafts of a conversation, the oldest first."""
    return await _drafts(conn, drafts.c.number == number)


async def waiting(conn: AsyncConnection, number: Number) -> list[Draft]:
    """The drafts of a conversation that leave at a time their author named."""
    return await _drafts(conn, (drafts.c.number == number) & (drafts.c.state == DraftState.HELD) & drafts.c.later)


async def move(
    conn: AsyncConnection,
    draft_id: DraftId,
    to: DraftState,
    *,
    out_of: Collection[DraftState],
    seen: int | None = None,
    **values: Any,
) -> bool:
    """Move a draft to another state if it is in one of `out_of`, and still at the revision that was `seen`: True where
    it was. Two who press at once: one wins.
    """
    change = update(drafts).where(drafts.c.id == draft_id, drafts.c.state.in_(list(out_of)))
    change = change if seen is None else change.where(drafts.c.revision == seen)
    return bool((await conn.execute(change.values(state=to, revision=drafts.c.revision + 1, **values))).rowcount)


async def to_conversation(conn: AsyncConnection, draft_ids: Collection[DraftId], number: Number) -> None:
    """These drafts belong to that conversation from now on; its thread has yet to show their lines."""
    which = drafts.c.id.in_(draft_ids)
    moved = {"moved": drafts.c.moved + 1, "line_ts": None, "shown": 0}
    await conn.execute(update(drafts).where(which).values(number=number, **moved))


async def withdraw(conn: AsyncConnection, number: Number) -> None:
    """Somebody answers that conversation: what was only proposed for it is of no more use."""
    proposed = (drafts.c.number == number) & (drafts.c.state == DraftState.PROPOSED)
    gone = {"state": DraftState.CANCELLED, "revision": drafts.c.revision + 1}
    await conn.execute(update(drafts).where(proposed).values(**gone))


async def let_go(conn: AsyncConnection, draft_id: DraftId, *, view_id: str) -> None:
    """That view shows something else from now on: where it followed the draft, it does so no more."""
    which = (drafts.c.id == draft_id) & (drafts.c.view_id == view_id)
    await conn.execute(update(drafts).where(which).values(view_id=""))


async def hold_until(conn: AsyncConnection, draft_id: DraftId, due: datetime) -> bool:
    """Set when a held draft leaves; False where it is held no more."""
    change = update(drafts).where(drafts.c.id == draft_id, drafts.c.state == DraftState.HELD)
    return bool((await conn.execute(change.values(due=due))).rowcount)


async def line_posted(conn: AsyncConnection, draft: Draft, *, ts: Ts, revision: int) -> None:
    """Remember the thread's message, which shows that revision of the draft; not where it has moved to another."""
    still = (drafts.c.id == draft.id) & (drafts.c.moved == draft.moved)
    await conn.execute(update(drafts).where(still).values(line_ts=ts, shown=revision))


async def unshown(conn: AsyncConnection, number: Number) -> list[tuple[Draft, int, str]]:
    """The drafts of a conversation whose thread line is behind: the draft, its revision, and the id of the view in
    which its author sees it (or "").
    """
    behind = (drafts.c.number == number) & (drafts.c.shown < drafts.c.revision)
    rest = {
        row.id: (row.revision, row.view_id)
        for row in await conn.execute(select(drafts.c.id, drafts.c.revision, drafts.c.view_id).where(behind))
    }
    return [(draft, *rest[draft.id]) for draft in await _drafts(conn, behind)]


async def troubled(conn: AsyncConnection, *, channels: Collection[ChannelId], limit: int) -> list[Draft]:
    """Answers that failed, or may not have arrived, in these channels: a person must decide. The newest."""
    both = drafts.join(conversations, conversations.c.number == drafts.c.number)
    states = (DraftState.FAILED, DraftState.UNCERTAIN)
    question = (
        select(drafts.c.id)
        .select_from(both)
        .where(conversations.c.channel.in_(channels), drafts.c.state.in_(states))
        .order_by(drafts.c.created.desc())
        .limit(limit)
    )
    ids = (await conn.execute(question)).scalars().all()
    return await _drafts(conn, drafts.c.id.in_(ids))


async def reword(conn: AsyncConnection, draft_id: DraftId, rich_text: dict[str, Any]) -> bool:
    """Give a held draft other words, and no HTML but what is made of them; False where it is held no more."""
    change = update(drafts).where(drafts.c.id == draft_id, drafts.c.state == DraftState.HELD)
    words = {"rich_text": rich_text, "html": None, "revision": drafts.c.revision + 1}
    return bool((await conn.execute(change.values(**words))).rowcount)


async def remark(conn: AsyncConnection, draft_id: DraftId, note: str) -> bool:
    """Tell something beside a draft; False where something is told there already."""
    change = update(drafts).where(drafts.c.id == draft_id, drafts.c.note == "")
    return bool((await conn.execute(change.values(note=clean(note), revision=drafts.c.revision + 1))).rowcount)


async def said_in(conn: AsyncConnection, *, channel: ChannelId, ts: Ts) -> list[Draft]:
    """The drafts that were made of that Slack message, the oldest first."""
    return await _drafts(conn, (drafts.c.said_ts == ts) & (drafts.c.said_channel == channel))


async def by_message_id(conn: AsyncConnection, message_id: str) -> DraftId | None:
    """The draft that leaves, or left, under that Message-ID."""
    found = (await conn.execute(select(drafts.c.id).where(drafts.c.message_id == message_id))).scalar()
    return DraftId(found) if found else None


async def of_message_ids(
    conn: AsyncConnection, message_ids: Collection[str], *, states: Collection[DraftState]
) -> list[DraftId]:
    """The drafts in one of these states that leave, or left, under one of these Message-IDs."""
    which = drafts.c.message_id.in_(message_ids) & drafts.c.state.in_(list(states))
    return [DraftId(one) for one in (await conn.execute(select(drafts.c.id).where(which))).scalars()]


async def composed(conn: AsyncConnection, draft_id: DraftId, *, raw_id: int) -> None:
    """The draft was composed: these bytes leave, at every try."""
    await conn.execute(update(drafts).where(drafts.c.id == draft_id).values(raw_id=raw_id))


async def raw_id(conn: AsyncConnection, draft_id: DraftId) -> int | None:
    """The id of the composed mail, or None before it was composed."""
    return (await conn.execute(select(drafts.c.raw_id).where(drafts.c.id == draft_id))).scalar()


async def file_raws(conn: AsyncConnection, draft_id: DraftId) -> list[int | None]:
    """For each of its files the id of its bytes, or None where they are not fetched (or stand in a mail)."""
    question = select(draft_files.c.raw_id).where(draft_files.c.draft_id == draft_id)
    return list((await conn.execute(question.order_by(draft_files.c.position))).scalars())


async def file_fetched(conn: AsyncConnection, draft_id: DraftId, position: int, *, raw_id: int) -> None:
    """Its file at that position is kept under that id now."""
    which = (draft_files.c.draft_id == draft_id) & (draft_files.c.position == position)
    await conn.execute(update(draft_files).where(which).values(raw_id=raw_id))


async def _drafts(conn: AsyncConnection, which: Any) -> list[Draft]:
    rows = (await conn.execute(select(drafts).where(which).order_by(drafts.c.created, drafts.c.id))).mappings().all()
    files: dict[str, list[DraftFile]] = {}
    question = select(draft_files).where(draft_files.c.draft_id.in_([row["id"] for row in rows]))
    for one in (await conn.execute(question.order_by(draft_files.c.position))).mappings():
        files.setdefault(one["draft_id"], []).append(_file(one))
    return [_draft(row, files.get(row["id"], ())) for row in rows]


def _file(row: RowMapping) -> DraftFile:
    return DraftFile(
        filename=row["filename"],
        content_type=row["content_type"],
        size=row["size"],
        slack_id=FileId(row["slack_id"]) if row["slack_id"] else None,
        mail_id=MailId(row["mail_id"]) if row["mail_id"] else None,
        position=row["mail_position"],
    )


def _draft(row: RowMapping, files: Sequence[DraftFile]) -> Draft:
    return Draft(
        id=DraftId(row["id"]),
        kind=DraftKind(row["kind"]),
        state=DraftState(row["state"]),
        mailbox=MailboxName(row["mailbox"]),
        number=Number(row["number"]),
        answers=MailId(row["answers"]) if row["answers"] else None,
        author=UserId(row["author"]),
        author_name=row["author_name"],
        subject=row["subject"],
        rich_text=row["rich_text"],
        html=row["html"] or "",
        quote=row["quote"],
        files=tuple(files),
        message_id=row["message_id"],
        due=row["due"],
        created=row["created"],
        line_ts=Ts(row["line_ts"]) if row["line_ts"] else None,
        automatic=Automatic(row["automatic"]),
        reason=row["reason"],
        outcome=tuple((address, said) for address, said in row["outcome"]),
        closes=row["closes"],
        later=row["later"],
        said=(ChannelId(row["said_channel"]), Ts(row["said_ts"])) if row["said_ts"] else None,
        note=row["note"],
        moved=row["moved"],
        revision=row["revision"],
        **{name: unpack_addresses(row["recipients"][name]) for name in ("to", "cc", "bcc")},
    )
