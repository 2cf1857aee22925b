"""Silence: a conversation that waits for its customer is closed after a while, with a last mail where one is wanted.

    an answer leaves -> `begins`, in the same transaction -> job "silence", after so long and in office hours
    -> still waiting, and nothing was sent since? -> closed, and the thread says so with Reopen; or a last mail, held
    for an hour, that closes it once it has left

Undoing the last mail leaves the conversation as it is. A last mail answers a person's mail alone, never a robot's, and
counts among the automatic mails that one sender gets in a day: where it may not be sent, the conversation is closed all
the same.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.automation.byitself import allowed, draft_of, filled, promise
from bridge.automation.nudges import ON_ITS_WAY
from bridge.desk import Mailbox, changed_by_itself, told, write_down
from bridge.errors import Temporary
from bridge.guard import lessons
from bridge.mail.parse import parse
from bridge.model import (
    BRIDGE,
    Automatic,
    Conversation,
    Direction,
    Draft,
    DraftId,
    DraftKind,
    DraftState,
    Job,
    MailboxName,
    Number,
    Status,
    StoredMessage,
    now,
)
from bridge.notices import tell
from bridge.originals import Originals
from bridge.sentences import say
from bridge.slack.blocks import moment
from bridge.store import automatics, conversations, drafts, jobs, mails
from bridge.store.database import Store
from bridge.templates import Values

HELD = timedelta(hours=1)
"""How long a last mail can be undone, at least: nobody waits for it to be written, so nobody looks at once."""


async def begins(conn: AsyncConnection, mailbox: Mailbox, number: Number, *, since: datetime) -> None:
    """The customer has an answer since then: where they stay silent, the conversation will be closed."""
    if mailbox.silence:
        due = _ends(mailbox, since)
        key = f"silence:{number}:{due.isoformat()}"
        await jobs.add(conn, key=key, kind="silence", payload={"number": number}, due=due)


def _ends(mailbox: Mailbox, since: datetime) -> datetime:
    """When it has lasted long enough; in office hours, so that somebody is there to see what is done."""
    assert mailbox.silence  # noqa: S101 - the caller looked
    return mailbox.pace.hours.after(since + mailbox.silence.close_after, timedelta())


class Silences:
    """The job "silence". `own`: our mailboxes' addresses, lower case; `key` signs Message-IDs."""

    def __init__(
        self,
        store: Store,
        *,
        originals: Originals,
        mailboxes: Mapping[MailboxName, Mailbox],
        own: Collection[str],
        key: bytes,
    ) -> None:
        self._store = store
        self._originals = originals
        self._mailboxes = mailboxes
        self._own = own
        self._key = key

    async def end(self, job: Job) -> None:
        """Close a conversation, unless its customer or anybody of ours has written since."""
        number = Number(job.payload["number"])
        async with self._store.read() as conn:
            found = await conversations.get(conn, number)
            stored = await mails.of_conversation(conn, number)
        mailbox = self._mailboxes.get(found.mailbox) if found else None
        ours = _last_answer(stored)
        if found is None or found.status is not Status.WAITING or ours is None or not (mailbox and mailbox.silence):
            return
        to = await self._may_be_told(stored) if mailbox.silence.last_mail else None
        async with self._store.write() as conn:
            await automatics.hold(conn, found.mailbox)
            await conversations.hold(conn, [number])
            fresh = await conversations.get(conn, number)
            if fresh is None or fresh.version != found.version:
                raise Temporary(say("It has changed at this moment; it is looked at again."), retry_after=0)
            leaving = [one.due for one in await drafts.of_conversation(conn, number) if _may_leave(one)]
            if leaving or _ends(mailbox, ours.received) > now():
                # What waits for a person to decide was due long ago: it is asked for again after as long a while.
                await begins(conn, mailbox, number, since=max(now(), *leaving) if leaving else ours.received)
                return
            draft_id = DraftId(f"last-{number}-{ours.id}")
            if await drafts.get(conn, draft_id):
                return  # it leaves, or somebody undid it and keeps the conversation as it is
            if not (to and await self._tell_customer(conn, draft_id, found, to, mailbox=mailbox)):
                await self._close(conn, found, since=ours.received)

    async def _may_be_told(self, stored: Sequence[StoredMessage]) -> StoredMessage | None:
        """The mail that a last one would answer, by all of its headers; None where no automatic mail may."""
        last = rules.last_word(stored)
        raw = await self._originals.of(last) if last else None
        if last is None or raw is None:
            return None
        async with self._store.read() as conn:
            spam = await lessons.why_not_answered(conn, last, own=self._own)
        message = replace(await asyncio.to_thread(parse, raw), authenticity=last.message.authenticity)
        return None if spam or rules.unanswerable(message, own=self._own) else last

    async def _tell_customer(
        self,
        conn: AsyncConnection,
        draft_id: DraftId,
        conversation: Conversation,
        to: StoredMessage,
        *,
        mailbox: Mailbox,
    ) -> bool:
        """Promise the last mail; False where its reader had too many, or wants none."""
        words = mailbox.silence.last_mail if mailbox.silence else None
        address = rules.answered_by_itself(to.message, own=self._own)
        if words is None or not await allowed(conn, conversation, address, most=words.per_sender):
            return False
        hours = mailbox.pace.hours
        values = Values.of(conversation, to.message, sender=address, mailbox=mailbox.address, hours=hours)
        draft = draft_of(
            draft_id,
            conversation,
            to,
            mailbox=mailbox,
            key=self._key,
            kind=DraftKind.REPLY,
            to=(address,),
            words=filled(words, values),
            automatic=Automatic.REPLY,
        )
        await promise(conn, replace(draft, closes=True, later=True), hold=max(HELD, mailbox.hold))
        await changed_by_itself(conn, conversation.number)
        await write_down(conn, conversation.number, "last mail", user=BRIDGE)
        return True

    async def _close(self, conn: AsyncConnection, conversation: Conversation, *, since: datetime) -> None:
        number, closed = conversation.number, {"status": Status.CLOSED}
        await changed_by_itself(conn, number, **closed)
        await write_down(conn, number, "close", user=BRIDGE, detail=told(conversation, closed))
        sentence = say(":zzz: Closed by itself: no word from the customer since {moment}.", moment=moment(since))
        buttons = [(say("Reopen"), "reopen", str(number))]
        key = f"{number}:silence:{since.isoformat()}"
        await tell(conn, number, key=key, whom=None, sentence=sentence, buttons=buttons)


def _may_leave(draft: Draft) -> bool:
    """Whether it is a person's answer that is on its way, or of which nobody knows whether it has arrived."""
    return draft.state in {*ON_ITS_WAY, DraftState.UNCERTAIN} and draft.automatic is Automatic.NO


def _last_answer(stored: Sequence[StoredMessage]) -> StoredMessage | None:
    """What a person of ours wrote last."""
    ours = (one for one in stored if one.direction is Direction.OUT and one.message.automatic is Automatic.NO)
    return max(ours, key=lambda one: one.received, default=None)
