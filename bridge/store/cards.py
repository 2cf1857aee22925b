"""How conversations stand in their channels: which have a card and which are in a digest, what messages of ours are
about them, and where they were last seen. Named questions and changes, each on a connection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Address, ChannelId, Conversation, Number, Status, Ts
from bridge.store import effects, jobs
from bridge.store.conversations import get, mark_shown
from bridge.store.database import insert_new
from bridge.store.packing import unpack_addresses
from bridge.store.schema import conversations, digests, messages, posts

JOINED = timedelta(minutes=10)
"""A digest that nothing went into for so long is finished: the next flood begins another."""

GATHERED = timedelta(seconds=2)
"""How long a digest waits before it is posted or changed, so that what comes meanwhile is shown with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a conversation stands in its channel. `shown`: the version shown; `surfaced`: the newest message by which the
    channel shows it, with `newer` conversations seen after it; `former`: the card that has yet to point to this one;
    `bumps`: how often its card was posted anew.
    """

    shown: int
    surfaced: Ts | None
    newer: int
    former: Ts | None
    bumps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of a digest: a conversation, who began it, and whether it has a card of its own by now."""

    conversation: Conversation
    author: Address
    carded: bool


# --- messages of ours -------------------------------------------------------------------------------------------------


async def standing(conn: AsyncConnection, number: Number) -> Standing:
    """How that conversation stands in its channel."""
    row = (await conn.execute(select(conversations).where(conversations.c.number == number))).mappings().one()
    newer = 0
    if row["surfaced"]:
        later = (conversations.c.channel == row["channel"]) & (conversations.c.surfaced > row["surfaced"])
        newer = (await conn.execute(select(func.count()).select_from(conversations).where(later))).scalar_one()
    return Standing(
        shown=row["shown"],
        surfaced=Ts(row["surfaced"]) if row["surfaced"] else None,
        newer=newer,
        former=Ts(row["former_ts"]) if row["former_ts"] else None,
        bumps=row["bumps"],
    )


async def posted(conn: AsyncConnection, conversation: Conversation, ts: Ts) -> None:
    """That message of ours is about the conversation, whatever becomes of it."""
    row = {"channel": conversation.channel, "ts": ts, "number": conversation.number}
    await conn.execute(insert_new(conn, posts), row)


async def about(conn: AsyncConnection, *, channel: ChannelId, ts: Ts) -> Number | None:
    """The conversation that a message of ours is about, or None."""
    found = await conn.scalar(select(posts.c.number).where(posts.c.channel == channel, posts.c.ts == ts))
    return Number(found) if found else None


async def surfaced(conn: AsyncConnection, number: Number, *, ts: Ts) -> None:
    """The channel shows the conversation there: its card, or a mail that shows in the channel too."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(surfaced=ts))


def card_key(number: Number, bumps: int) -> str:
    """What the card goes by that was posted after so many others."""
    return f"card:{number}:{bumps}" if bumps else f"card:{number}"


async def is_begun(conn: AsyncConnection, number: Number) -> bool:
    """Whether its channel shows the conversation, by a card or in a digest, or somebody has begun to post its card."""
    row = (await conn.execute(select(conversations).where(conversations.c.number == number))).mappings().one()
    if row["card_ts"] or row["shown"]:
        return True
    return await effects.is_known(conn, card_key(number, row["bumps"]))


async def bump(conn: AsyncConnection, conversation: Conversation) -> bool:
    """The card is to be posted anew; the one there is has to point to it. False where it is there no more."""
    anew = {"former_ts": conversations.c.card_ts, "card_ts": None, "bumps": conversations.c.bumps + 1}
    still = (conversations.c.number == conversation.number) & (conversations.c.card_ts == conversation.card_ts)
    return bool((await conn.execute(update(conversations).where(still).values(**anew))).rowcount)


async def leave(conn: AsyncConnection, conversation: Conversation, *, at: datetime) -> list[tuple[str, Ts | None]]:
    """Its channel shows the conversation no more, in no digest either: its card is to be posted anew elsewhere.

    Returns what is left behind: the keys of its cards there, with their messages where these are known. Of one without,
    somebody may be posting it, or have died of it.
    """
    number, which = conversation.number, conversations.c.number == conversation.number
    row = (await conn.execute(select(conversations).where(which))).mappings().one()
    bumps, former = row["bumps"], row["former_ts"]
    left = [(card_key(number, bumps), Ts(row["card_ts"]) if row["card_ts"] else None)]
    left += [(card_key(number, bumps - 1), Ts(former))] if former else []
    gone = {"card_ts": None, "former_ts": None, "surfaced": None, "digest": None}
    await conn.execute(update(conversations).where(which).values(bumps=bumps + 1, carded=at, **gone))
    if row["digest"] is not None:
        await redraw(conn, row["digest"], at=at)
    return left


async def pointed(conn: AsyncConnection, number: Number) -> None:
    """The former card points to the new one."""
    await conn.execute(update(conversations).where(conversations.c.number == number).values(former_ts=None))


# --- floods -----------------------------------------------------------------------------------------------------------


async def gets_card(
    conn: AsyncConnection, conversation: Conversation, *, at: datetime, most: int, within: timedelta
) -> bool:
    """Whether a conversation is to have a card of its own; else it stands in a digest, as shown at this version.

    The channel gets `most` new cards within that time (0: any number). What is in a digest gets its card with the next
    thing that happens to it. A closed matter without a card is old mail, brought in at its own pace.
    """
    which = conversations.c.number == conversation.number
    row = (await conn.execute(select(conversations.c.carded, conversations.c.digest).where(which))).one()
    if row.carded:
        return True
    if row.digest is None and most and conversation.status is not Status.CLOSED:
        new = (conversations.c.channel == conversation.channel) & (conversations.c.carded > at - within)
        came = select(func.count()).select_from(conversations).where(new, conversations.c.status != Status.CLOSED)
        if (await conn.execute(came)).scalar_one() >= most:
            digest = await _open_digest(conn, conversation.channel, at=at)
            await conn.execute(update(conversations).where(which).values(digest=digest))
            await mark_shown(conn, conversation.number, version=conversation.version)
            await redraw(conn, digest, at=at + GATHERED)
            return False
    await conn.execute(update(conversations).where(which).values(carded=at))
    if row.digest is not None:
        await redraw(conn, row.digest, at=at)
    return True


async def _open_digest(conn: AsyncConnection, channel: ChannelId, *, at: datetime) -> int:
    """The channel's digest that is still filling, or a new one."""
    newest = select(digests.c.id).where(digests.c.channel == channel, digests.c.touched > at - JOINED)
    found: int | None = await conn.scalar(newest.order_by(digests.c.id.desc()).limit(1))
    if found is None:
        made = insert(digests).values(channel=channel, touched=at, stale=False).returning(digests.c.id)
        return int((await conn.execute(made)).scalar_one())
    await conn.execute(update(digests).where(digests.c.id == found).values(touched=at))
    return found


async def redraw(conn: AsyncConnection, digest: int, *, at: datetime) -> None:
    """Promise that the digest will be shown as it stands then; once, however often it is asked for before."""
    stale = update(digests).where(digests.c.id == digest, digests.c.stale.is_(False)).values(stale=True)
    if (await conn.execute(stale)).rowcount:
        key = f"digest:{digest}:{at.isoformat()}"
        await jobs.add(conn, key=key, kind="digest", lane=f"digest:{digest}", payload={"digest": digest}, due=at)


async def taken(conn: AsyncConnection, digest: int) -> tuple[ChannelId, Ts | None]:
    """A digest's channel and message, to be shown now: what changes from here on promises to show it again."""
    drawn = update(digests).where(digests.c.id == digest).values(stale=False)
    row = (await conn.execute(drawn.returning(digests.c.channel, digests.c.ts))).one()
    return ChannelId(row.channel), Ts(row.ts) if row.ts else None


async def digest_posted(conn: AsyncConnection, digest: int, *, ts: Ts) -> None:
    """Remember the message that is the digest."""
    await conn.execute(update(digests).where(digests.c.id == digest).values(ts=ts))


async def digest_forgotten(conn: AsyncConnection, digest: int) -> None:
    """Its message is gone: it is posted anew."""
    await conn.execute(update(digests).where(digests.c.id == digest).values(ts=None))
    await effects.forget(conn, f"digest:{digest}")


async def digest_channel(conn: AsyncConnection, digest: int) -> ChannelId | None:
    """Where a digest stands, or None where there is no such."""
    found = await conn.scalar(select(digests.c.channel).where(digests.c.id == digest))
    return ChannelId(found) if found else None


async def tally(conn: AsyncConnection, digest: int) -> tuple[int, int]:
    """How many conversations a digest holds, and how many of them have no card yet."""
    counted = select(func.count(), func.count(conversations.c.carded)).where(conversations.c.digest == digest)
    every, carded = (await conn.execute(counted)).one()
    return every, every - carded


async def listed(conn: AsyncConnection, digest: int, *, limit: int, skip: int = 0, carded: bool = True) -> list[Listed]:
    """A page of a digest's conversations, in the order in which they came; those that have cards only if wanted."""
    which = [conversations.c.digest == digest] + ([] if carded else [conversations.c.carded.is_(None)])
    question = select(conversations.c.number, conversations.c.carded).where(*which)
    rows = (await conn.execute(question.order_by(conversations.c.number).offset(skip).limit(limit))).all()
    authors = await _beginners(conn, [Number(row.number) for row in rows])
    found = []
    for row in rows:
        conversation = await get(conn, Number(row.number))
        if conversation:
            author = authors.get(conversation.number, Address(email=""))
            found.append(Listed(conversation=conversation, author=author, carded=row.carded is not None))
    return found


async def _beginners(conn: AsyncConnection, numbers: Sequence[Number]) -> dict[Number, Address]:
    """Who wrote each conversation's first mail."""
    first = select(func.min(messages.c.id)).where(messages.c.number.in_(numbers)).group_by(messages.c.number)
    rows = await conn.execute(select(messages.c.number, messages.c.head).where(messages.c.id.in_(first)))
    people = {Number(row.number): unpack_addresses(row.head["from_"] or row.head["sender"]) for row in rows}
    return {number: found[0] for number, found in people.items() if found}
