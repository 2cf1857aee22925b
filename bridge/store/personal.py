"""What the store holds of one person outside, by their address: found, and taken out. Named questions and changes.

An address is compared in lower case. What is taken out leaves its digest behind, which says nothing of anybody, so that
the same mail, found again in the mailbox, is not taken in again.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, cast, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import (
    ChannelId,
    Direction,
    Draft,
    DraftId,
    FileId,
    MailboxName,
    MailId,
    Number,
    StoredMessage,
    Ts,
    now,
)
from bridge.rules import one_spelling
from bridge.store import drafts as drafts_of
from bridge.store import mails
from bridge.store.cards import redraw
from bridge.store.database import begins_with, insert_new
from bridge.store.schema import (
    arrivals,
    automatic_answers,
    bounced,
    conversations,
    correspondents,
    draft_files,
    drafts,
    effects,
    erased,
    former_digests,
    forms,
    jobs,
    messages,
    metadata,
    posts,
    quiet,
    raw_mails,
    spammers,
)


async def naming(conn: AsyncConnection, email: str) -> list[StoredMessage]:
    """Every message that names that address, the oldest first: in its header, as the customer whose mail it passes on,
    or in the report of a bounce.
    """
    named = (messages.c.people, messages.c.text, messages.c.author, messages.c.head, messages.c.written_by)
    found = select(messages.c.number).where(or_(*(_may_name(one, email) for one in named)))
    numbers = (await conn.execute(found.distinct().order_by(messages.c.number))).scalars().all()
    stored = [one for number in numbers for one in await mails.of_conversation(conn, Number(number))]
    return [one for one in stored if email.lower() in addresses(one)]


async def unsent(conn: AsyncConnection, email: str) -> list[Draft]:
    """Every answer to that address that is no mail: it is still to leave, or never did; the oldest first."""
    sent = exists().where(messages.c.number == drafts.c.number, messages.c.message_id == drafts.c.message_id)
    found = select(drafts.c.number).where(_may_name(drafts.c.recipients, email), ~sent)
    numbers = (await conn.execute(found.distinct().order_by(drafts.c.number))).scalars().all()
    kept = [one for number in numbers for one in await drafts_of.of_conversation(conn, Number(number))]
    ids = set((await conn.execute(select(drafts.c.id).where(drafts.c.number.in_(numbers), ~sent))).scalars())
    return [one for one in kept if one.id in ids and email.lower() in recipients(one)]


def _may_name(column: ColumnElement[Any], email: str) -> ColumnElement[bool]:
    """Whether an address may stand there: all who name it, and few others. SQLite knows small letters of ASCII alone,
    and within JSON some signs are written in another way, so any of these counts.
    """
    plain = "".join(one if one.isascii() and one not in '"\\' else "%" for one in re.sub(r"([!%_])", r"!\1", email))
    return func.lower(cast(column, Text)).like(f"%{plain.lower()}%", escape="!")


def recipients(draft: Draft) -> set[str]:
    """The addresses that an answer goes to, in lower case."""
    return {one.email.lower() for one in (*draft.to, *draft.cc, *draft.bcc)}


def addresses(stored: StoredMessage) -> set[str]:
    """The addresses of a message's header and of the report or the invitation that it is, in lower case."""
    message = stored.message
    people = [
        stored.customer, *message.sender, *message.from_, *message.reply_to, *message.to, *message.cc, *message.bcc
    ]  # fmt: skip
    if message.invitation:
        people += [*filter(None, [message.invitation.organizer]), *message.invitation.attendees]
    bounced = {message.bounce.recipient.lower()} if message.bounce else set()
    return {one.email.lower() for one in people} | bounced


def written_to_or_by(stored: StoredMessage, email: str, *, own: Collection[str]) -> bool:
    """Whether a message is that person's: written by them, only to them, or the report that one was not delivered."""
    message, wanted = stored.message, email.lower()
    if message.bounce and message.bounce.recipient.lower() == wanted:
        return True
    if stored.direction is Direction.IN:
        people = (stored.customer, *message.from_, *message.sender, *message.reply_to)
        return wanted in {one.email.lower() for one in people}
    outside = {one.email.lower() for one in (*message.to, *message.cc, *message.bcc)} - set(own)
    return outside == {wanted}


async def erased_among(conn: AsyncConnection, mailbox: MailboxName, digests: Collection[str]) -> set[str]:
    """Of these digests, those of mails that were taken out."""
    question = select(erased.c.digest).where(erased.c.mailbox == mailbox, erased.c.digest.in_(digests))
    return set((await conn.execute(question)).scalars())


async def shown_in_slack(
    conn: AsyncConnection, mail_ids: Sequence[MailId], draft_ids: Sequence[DraftId] = ()
) -> tuple[list[tuple[ChannelId, Ts]], list[FileId]]:
    """The thread messages that show these mails, these drafts and those that answer the mails, and the files put beside
    them.
    """
    channel, number = conversations.c.channel, conversations.c.number
    threads = select(channel, messages.c.thread_ts).join_from(messages, conversations, messages.c.number == number)
    lines = select(channel, drafts.c.line_ts).join_from(drafts, conversations, drafts.c.number == number)
    rows = [
        *(await conn.execute(threads.where(messages.c.id.in_(mail_ids), messages.c.thread_ts.is_not(None)))),
        *(await conn.execute(lines.where(_going(mail_ids, draft_ids), drafts.c.line_ts.is_not(None)))),
    ]
    rows += await _shown_before(conn, mail_ids, draft_ids)
    keys = begins_with(effects.c.key, [f"file:{one}{end}" for one in mail_ids for end in ":."])
    results = (await conn.execute(select(effects.c.result).where(keys))).scalars()
    files = [FileId(one["id"]) for one in results if one and one.get("id")]
    return list(dict.fromkeys((ChannelId(place), Ts(ts)) for place, ts in rows)), files


async def _shown_before(
    conn: AsyncConnection, mail_ids: Sequence[MailId], draft_ids: Sequence[DraftId]
) -> list[tuple[str, str]]:
    """The posts that mails and answers have in threads which they left, for another conversation or channel."""
    moved = select(conversations.c.channel, messages.c.id).join_from(
        messages, conversations, messages.c.number == conversations.c.number
    )
    lines = select(conversations.c.channel, drafts.c.id).join_from(
        drafts, conversations, drafts.c.number == conversations.c.number
    )
    named = [
        ("mail", row) for row in await conn.execute(moved.where(messages.c.id.in_(mail_ids), messages.c.moved > 0))
    ]
    named += [
        ("draft", row) for row in await conn.execute(lines.where(_going(mail_ids, draft_ids), drafts.c.moved > 0))
    ]
    found: list[tuple[str, str]] = []
    for kind, (channel, name) in named:
        key = f"{kind}:{name}"
        shown = select(effects.c.result).where(or_(effects.c.key == key, effects.c.key.like(f"{key}.%")))
        stamps = [one["ts"] for one in (await conn.execute(shown)).scalars() if one and one.get("ts")]
        rows = await conn.execute(select(posts.c.ts, posts.c.channel).where(posts.c.ts.in_(stamps)))
        places = {row.ts: row.channel for row in rows}
        found += [(places.get(ts, channel), ts) for ts in stamps]
    return found


async def take_out(
    conn: AsyncConnection, mail_ids: Sequence[MailId], draft_ids: Sequence[DraftId] = ()
) -> list[tuple[Number, ChannelId, Ts | None]]:
    """Delete these mails and drafts with all that hangs on them, and the conversations that hold nothing then.

    Returns those conversations, each with its channel and card.
    """
    mine = messages.c.id.in_(mail_ids)
    rows = (
        await conn.execute(
            select(messages.c.mailbox, messages.c.digest, messages.c.message_id, messages.c.raw_id, messages.c.number)
            .where(mine)
        )
    ).all()  # fmt: skip
    former = select(former_digests.c.mailbox, former_digests.c.digest).where(former_digests.c.mail_id.in_(mail_ids))
    for row in (*rows, *(await conn.execute(former))):
        await conn.execute(insert_new(conn, erased), {"mailbox": row.mailbox, "digest": row.digest})
    numbers = {Number(row.number) for row in rows}
    sent = [row.message_id for row in rows if row.message_id]
    numbers |= await _take_out_drafts(conn, or_(_going(mail_ids, draft_ids), drafts.c.message_id.in_(sent)))
    ledger = update(arrivals).where(arrivals.c.mail_id.in_(mail_ids))
    await conn.execute(ledger.values(mail_id=None, state="erased", reason=""))
    await _forget_promises(conn, mail_ids)
    await _let_go_of(conn, messages.c.id, mail_ids)
    await conn.execute(delete(messages).where(mine))
    await _drop_raw(conn, [row.raw_id for row in rows if row.raw_id])
    return await _take_out_empty(conn, numbers)


async def _forget_promises(conn: AsyncConnection, mail_ids: Sequence[MailId]) -> None:
    """What was to be done with these mails, and what was done, by the keys that name them."""
    done = [f"{kind}:{one}{end}" for one in mail_ids for kind in ("mail", "file", "files") for end in ".:"]
    await _forget_done(conn, done, exactly=[f"mail:{one}" for one in mail_ids])
    kinds = ("check", "show_mail", "locate", "learn", "webhook", "sort", "tell:sort")
    promised = begins_with(jobs.c.key, [f"{kind}:{one}:" for one in mail_ids for kind in kinds])
    await conn.execute(delete(jobs).where(or_(jobs.c.key.in_([f"sort:{one}" for one in mail_ids]), promised)))


async def _forget_done(conn: AsyncConnection, beginnings: Sequence[str], *, exactly: Sequence[str]) -> None:
    which = or_(effects.c.key.in_(exactly), begins_with(effects.c.key, beginnings))
    await conn.execute(delete(effects).where(which))


async def _take_out_drafts(conn: AsyncConnection, which: ColumnElement[bool]) -> set[Number]:
    """Delete drafts; the conversations that they were in."""
    found = (await conn.execute(select(drafts.c.id, drafts.c.raw_id, drafts.c.number).where(which))).all()
    ids = [DraftId(row.id) for row in found]
    files = (await conn.execute(select(draft_files.c.raw_id).where(draft_files.c.draft_id.in_(ids)))).scalars().all()
    await conn.execute(delete(jobs).where(jobs.c.lane.in_([f"draft:{one}" for one in ids])))
    await _forget_done(conn, [f"draft:{one}." for one in ids], exactly=[f"draft:{one}" for one in ids])
    await _let_go_of(conn, drafts.c.id, ids)
    await conn.execute(delete(drafts).where(drafts.c.id.in_(ids)))
    await _drop_raw(conn, [one for one in (*(row.raw_id for row in found), *files) if one])
    return {Number(row.number) for row in found}


async def _let_go_of(conn: AsyncConnection, key: Column[Any], gone: Collection[Any]) -> None:
    """Delete the rows of every table that belong to these, or where they need not, have them speak of nothing."""
    for table in reversed(metadata.sorted_tables):
        for column in table.columns:
            if any(one.column is key for one in column.foreign_keys):
                change = update(table).values({column: None}) if column.nullable else delete(table)
                await conn.execute(change.where(column.in_(gone)))


def _going(mail_ids: Sequence[MailId], draft_ids: Sequence[DraftId]) -> ColumnElement[bool]:
    return or_(drafts.c.answers.in_(mail_ids), drafts.c.id.in_(draft_ids))


async def _drop_raw(conn: AsyncConnection, raw_ids: Collection[int]) -> None:
    """Delete kept bytes that nothing speaks of any more: a sent mail and its draft share theirs."""
    used: set[int] = set()
    for column in (messages.c.raw_id, drafts.c.raw_id, draft_files.c.raw_id):
        used |= set((await conn.execute(select(column).where(column.in_(raw_ids)))).scalars())
    await conn.execute(delete(raw_mails).where(raw_mails.c.id.in_(set(raw_ids) - used)))


async def _take_out_empty(
    conn: AsyncConnection, numbers: Collection[Number]
) -> list[tuple[Number, ChannelId, Ts | None]]:
    # What was merged into one of them holds nothing but its subject.
    merged = select(conversations.c.number).where(conversations.c.merged_into.in_(numbers))
    numbers = {*numbers, *map(Number, (await conn.execute(merged)).scalars())}
    kept: set[int] = set()
    for table in (messages, drafts):
        kept |= set((await conn.execute(select(table.c.number).where(table.c.number.in_(numbers)))).scalars())
    empty = set(numbers) - kept
    gone = conversations.c.number.in_(empty)
    await conn.execute(delete(forms).where(forms.c.number.in_(empty)))  # else they would be of a new mail
    cards = (await conn.execute(select(conversations).where(gone))).mappings().all()
    about = await conn.execute(select(posts).where(posts.c.number.in_(empty)))  # the former cards among them
    others = [(Number(row["number"]), ChannelId(row["channel"]), Ts(row["ts"])) for row in about.mappings()]
    for digest in {row["digest"] for row in cards if row["digest"] is not None}:
        await redraw(conn, digest, at=now())
    lanes = [f"{kind}:{number}" for number in empty for kind in ("conversation", "filing")]
    await conn.execute(delete(jobs).where(jobs.c.lane.in_(lanes)))
    await _let_go_of(conn, conversations.c.number, empty)
    await conn.execute(delete(conversations).where(gone))
    shown = [
        (Number(row["number"]), ChannelId(row["channel"]), Ts(row["card_ts"]) if row["card_ts"] else None)
        for row in cards
    ]
    return [*shown, *(one for one in others if one not in shown)]


async def known_of(conn: AsyncConnection, email: str) -> dict[str, list[dict[str, Any]]]:
    """What is kept of an address beside its mails, by table, as plain values."""
    told: dict[str, list[dict[str, Any]]] = {}
    for table in (automatic_answers, quiet, correspondents, bounced, spammers):
        rows = (await conn.execute(select(table).where(table.c.email.in_(_spelt(email))))).mappings()
        if found := [{name: _plainly(value) for name, value in row.items()} for row in rows]:
            told[table.name] = found
    return told


def _spelt(email: str) -> list[str]:
    """As the tables hold it: in lower case, or as what is counted by who reads it."""
    return [email.lower(), one_spelling(email)]


def _plainly(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


async def forget_address(conn: AsyncConnection, email: str) -> None:
    """What is kept of an address beside its mails: how much automatic mail it had, that it was written to, that a mail
    to it bounced or one from it was called spam, and what somebody typed to it and did not send.
    """
    wanted = email.lower()
    for table in (automatic_answers, quiet, correspondents, bounced, spammers):
        await conn.execute(delete(table).where(table.c.email.in_(_spelt(email))))
    await conn.execute(delete(forms).where(_may_name(forms.c.kept, wanted)))
