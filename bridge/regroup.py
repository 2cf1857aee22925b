"""Regroup: two conversations that are one matter are merged, one that holds two is split.

Mails move with their Message-IDs, so later answers come to where they are; their posts follow by the job "show", in
the other card's thread. What was posted before stays in its thread: people may have talked about it there.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.desk import Desk, changed, obey, write_down
from bridge.errors import Refused
from bridge.mail.compose import bare_subject
from bridge.model import (
    Conversation,
    Direction,
    Draft,
    DraftState,
    MailId,
    Number,
    Status,
    StoredMessage,
    UserId,
    now,
)
from bridge.sentences import say
from bridge.store import conversations, drafts, mails, moves
from bridge.store.database import Store


class Regroup:
    """The verbs merge and split. Each is one change of the store."""

    def __init__(self, store: Store, *, desk: Desk) -> None:
        self._store = store
        self._desk = desk

    async def merge(self, number: Number, into: Number, *, user: UserId) -> Conversation:
        """Bring all mails of one conversation into another, which is returned; the one is closed for good."""
        one = await self._desk.conversation(number, user=user)
        other = await self._desk.conversation(into, user=user)
        async with self._store.write() as conn:
            await conversations.hold(conn, [number, into])
            _may_merge(await conversations.get(conn, number) or one, await conversations.get(conn, into) or other)
            moved = await mails.of_conversation(conn, number)
            await _move(conn, moved, await drafts.of_conversation(conn, number), to=into)
            await moves.move_refs(conn, number, to=into)
            await changed(conn, number, status=Status.CLOSED, merged_into=into, wakes=None, trouble="")
            version = await changed(conn, into, **_turn(one, other, moved))
            await self._desk.due_from_now(conn, other)
            await obey(conn, into, version=version)
            await write_down(conn, number, "merge", user=user, detail=f"into #{into}")
            await write_down(conn, into, "merge", user=user, detail=f"#{number} came here, {_count(moved)}")
        return await self._desk.conversation(into, user=user)

    async def split(self, number: Number, mail_id: MailId, *, user: UserId) -> Conversation:
        """Begin a conversation with that mail and all that came after it; the new one is returned."""
        one = await self._desk.conversation(number, user=user)
        async with self._store.write() as conn:
            await conversations.hold(conn, [number])
            stored = await mails.of_conversation(conn, number)
            moved = [mail for mail in stored if mail.id >= mail_id]
            _may_split(one, stored, moved, mail_id=mail_id)
            new = await conversations.create(
                conn,
                mailbox=one.mailbox,
                channel=one.channel,
                subject=bare_subject(moved[0].message.subject) or one.subject,
                status=_status(one, moved),
                at=now(),
            )
            await conversations.split_off(conn, new, of=number)
            going = _drafts_of(moved, await drafts.of_conversation(conn, number))
            await _move(conn, moved, going, to=new)
            version = await changed(conn, new, owner=one.owner)
            await self._desk.due_from_now(conn, replace(one, number=new))
            await obey(conn, new, version=version)
            await changed(conn, number)
            await write_down(conn, number, "split", user=user, detail=f"{_count(moved)} to #{new}")
            await write_down(conn, new, "split", user=user, detail=f"from #{number}")
        return await self._desk.conversation(new, user=user)


def _may_merge(one: Conversation, other: Conversation) -> None:
    """Raises Refused where the one may not be merged into the other."""
    if one.number == other.number:
        raise Refused(
            say("#{number} cannot be merged into itself: say `/mail merge N M`, N into M.", number=one.number)
        )
    for it in (one, other):
        if it.merged_into:
            raise Refused(
                say(
                    "#{number} was merged into #{into} already; use that number.",
                    number=it.number,
                    into=it.merged_into,
                )
            )
    if one.mailbox != other.mailbox:
        raise Refused(
            say(
                "#{one} is in the mailbox {mailbox} and #{other} in {another}: "
                "only conversations of one mailbox can be merged.",
                one=one.number,
                mailbox=one.mailbox,
                other=other.number,
                another=other.mailbox,
            )
        )


def _turn(one: Conversation, other: Conversation, moved: Sequence[StoredMessage]) -> dict[str, object]:
    """Whose turn it is in the other once the one is part of it: what was still to be done in either is to be done."""
    if moved and one.status is Status.OPEN:
        return {"status": Status.OPEN, "wakes": None}
    if moved and one.status is Status.WAITING and other.status is Status.CLOSED:
        return {"status": Status.WAITING}
    return {}


def _may_split(
    one: Conversation, stored: Sequence[StoredMessage], moved: Sequence[StoredMessage], *, mail_id: MailId
) -> None:
    """Raises Refused where nothing can be split off from that mail on."""
    if one.merged_into:
        raise Refused(
            say("#{number} was merged into #{into}; split that one.", number=one.number, into=one.merged_into)
        )
    if not moved or moved[0].id != mail_id:
        raise Refused(say("This mail is no longer in #{number}; look at its card again.", number=one.number))
    if len(moved) == len(stored):
        raise Refused(
            say(
                "This is the first mail of #{number}: choose the one that the other matter begins with.",
                number=one.number,
            )
        )


def _status(one: Conversation, moved: Sequence[StoredMessage]) -> Status:
    """Whose turn it is in what was split off: as before, or whoever did not write last."""
    if one.status in (Status.CLOSED, Status.SNOOZED):
        return Status.OPEN if moved[-1].direction is Direction.IN else Status.WAITING
    return one.status


def _drafts_of(moved: Sequence[StoredMessage], all_drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts that go with the mails: those which became one of them, and those which answer one."""
    ids, names = {mail.id for mail in moved}, {mail.message.message_id for mail in moved}
    return [one for one in all_drafts if one.message_id in names or one.answers in ids]


async def _move(conn: AsyncConnection, moved: Sequence[StoredMessage], going: Sequence[Draft], *, to: Number) -> None:
    await moves.move(conn, [mail.id for mail in moved], to=to)
    kept = [one for one in going if one.state is not DraftState.CANCELLED]
    await drafts.to_conversation(conn, [one.id for one in kept], to)
    if kept:  # an answer to one that is on its way comes to where it is
        await moves.redirect(conn, kept[0].mailbox, [one.message_id for one in kept], to=to)


def _count(moved: Sequence[StoredMessage]) -> str:
    return f"{len(moved)} mail{'' if len(moved) == 1 else 's'}"
