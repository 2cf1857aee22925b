"""In step: what other mail clients do with the mailbox shows in Slack. Reads, flags, moves, deletions, answers.

    source.changes -> `observe`: flags that differ from what was last heard, and mails that left the inbox
    "locate": a mail that left is looked for where mail clients put such mails; its card says where it is
    the Sent folder -> `take_sent`: an answer that somebody wrote elsewhere joins its conversation

Only what changed since it was last heard is taken over: what agents asked for meanwhile is still to be done.
"""

import asyncio
import contextlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules, settling
from bridge.as_read import AsRead, as_read, unreadable
from bridge.automation import silence
from bridge.desk import Mailbox, changed_by_itself, write_down
from bridge.errors import Permanent
from bridge.filing import ANSWERED, DELETED, KEPT_IN_STEP, locate, write_down_elsewhere
from bridge.mail.identifiers import own_message_id
from bridge.mail.parse import parse
from bridge.mail.source import Change, Role
from bridge.model import (
    ELSEWHERE,
    Arrival,
    Automatic,
    Batch,
    Cursor,
    Direction,
    Folder,
    Job,
    MailboxName,
    MailId,
    Message,
    Number,
    Status,
    StoredMessage,
    now,
)
from bridge.post import Post
from bridge.setbacks import Setbacks, keep_or
from bridge.store import conversations, drafts, jobs, mails, places, raws
from bridge.store.database import Store
from bridge.watches import Holds, alone

log = structlog.get_logger()

SENT_SWEEP = 60.0  # seconds between looks into the Sent folder; an answer seen in the inbox asks for one at once
LOOKS = 2.5  # a second, at the most, of all mailboxes together: a look costs one to two milliseconds of processor time


class InStep:
    """Takes over what others do with the mailboxes."""

    def __init__(
        self,
        store: Store,
        *,
        posts: Mapping[MailboxName, Post],
        mailboxes: Mapping[MailboxName, Mailbox],
        keys: Sequence[bytes],
        holds: Holds = alone,
    ) -> None:
        self._store = store
        self._mailboxes = mailboxes
        self._holds = holds
        self._posts = posts
        self._keys = keys
        self._setbacks = Setbacks()
        self._answered = {name: asyncio.Event() for name in posts}
        self._sweep = max(SENT_SWEEP, len(posts) / LOOKS)

    # --- flags and moves ----------------------------------------------------------------------------------------------

    async def follow(self, post: Post) -> None:
        """Take over what is done to the inbox's mails, for ever. Raises what ends the source's `changes`."""
        async with self._store.read() as conn:
            known = [
                Change(uidvalidity=one.uidvalidity, uid=one.uid, flags=one.flags)
                for one in await places.followed(conn, post.name)
            ]
        async with contextlib.aclosing(post.source.changes(known)) as changes:
            async for change in changes:
                await self.observe(post, change)

    async def observe(self, post: Post, change: Change) -> None:
        """Take over one change. What is not in the store, or was known, changes nothing."""
        async with self._store.write() as conn:
            await self._holds(conn, post.name)
            before = await places.at(conn, post.name, Folder.INBOX, (change.uidvalidity, change.uid))
            stored = await mails.get(conn, before.mail_id) if before else None
            if before is None or stored is None:
                return
            if change.flags is None:
                await places.drop(conn, post.name, before)
                await self._look_for(conn, stored)
                return
            await places.put(conn, post.name, replace(before, flags=change.flags))
            await self._take_over(conn, stored, before=before.flags, flags=change.flags)
        if ANSWERED in change.flags - before.flags:
            self._answered[post.name].set()

    async def _take_over(
        self, conn: AsyncConnection, stored: StoredMessage, *, before: frozenset[str], flags: frozenset[str]
    ) -> None:
        values: dict[str, object] = {
            name: flag in flags for name, flag in KEPT_IN_STEP.items() if (flag in flags) != (flag in before)
        }
        if DELETED in flags - before and stored.folder is Folder.INBOX:
            values["folder"] = Folder.GONE  # many mail clients leave it at that until they clean up
        if DELETED in before - flags and stored.folder is Folder.GONE:
            values["folder"] = Folder.INBOX
        if any(getattr(stored, name) != value for name, value in values.items()):
            await mails.stand(conn, [stored.id], **values)
            await changed_by_itself(conn, stored.number)
            await write_down_elsewhere(conn, stored, values)

    async def _look_for(self, conn: AsyncConnection, stored: StoredMessage) -> None:
        left = await places.of(conn, [stored.id])
        if not any(one.folder is Folder.INBOX for one in left):
            key = f"locate:{stored.id}:{now().isoformat()}"
            await jobs.add(conn, key=key, kind="locate", lane=f"filing:{stored.number}", payload={"mail": stored.id})

    async def locate(self, job: Job) -> None:
        """The job "locate": find out where a mail was put that is in the inbox no more."""
        async with self._store.read() as conn:
            stored = await mails.get(conn, MailId(job.payload["mail"]))
            there = await places.of(conn, [stored.id]) if stored else []
        if stored is None or there or stored.mailbox not in self._posts:
            return
        try:
            found = await locate(self._posts[stored.mailbox].reached(), stored)
        except Permanent as error:
            log.warning("a mail that left the inbox cannot be looked for", reason=str(error))
            found = None
        async with self._store.write() as conn:
            if found:
                await places.put(conn, stored.mailbox, found)
            if found is None or stored.folder in (
                Folder.INBOX,
                Folder.GONE,
            ):  # else an agent has said where it is to be
                folder = found.folder if found else Folder.GONE
                await mails.stand(conn, [stored.id], folder=folder)
                await changed_by_itself(conn, stored.number)
                await write_down_elsewhere(conn, stored, {"folder": folder})

    # --- answers ------------------------------------------------------------------------------------------------------

    async def follow_sent(self, post: Post) -> None:
        """Take in what other mail clients send, for ever. Raises what the source raises."""
        while True:
            folder = (await post.source.folders()).get(Role.SENT)
            if folder is None:
                return
            async with self._store.read() as conn:
                cursor = await mails.cursor(conn, post.name, folder=mails.SENT)
            batch = await post.reached().since(cursor, folder=folder)
            if batch.arrivals or batch.cursor != cursor:
                await self.take_sent(post, batch)
            if not batch.arrivals:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._sweep * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads load
                        await self._answered[post.name].wait()
                self._answered[post.name].clear()

    async def take_sent(self, post: Post, batch: Batch) -> None:
        """Keep those that belong to a conversation; the bridge's own are there already."""
        read_mails = await asyncio.to_thread(lambda: [as_read(one, parse) for one in batch.arrivals])
        pairs = [*zip(batch.arrivals, read_mails, strict=True)]

        async def one_by_one() -> None:
            for arrival, mail in pairs:
                await self._keep_alone(post, arrival, mail)
            await self._keep_sent(post, [], to=batch.cursor)

        await self._setbacks.keep(
            post.name,
            begins=[(one.uidvalidity, one.uid) for one in batch.arrivals[:1]],
            together=partial(self._keep_sent, post, pairs, to=batch.cursor),
            one_by_one=one_by_one,
        )

    async def _keep_alone(self, post: Post, arrival: Arrival, mail: AsRead) -> None:
        """Keep one as read, else by its bytes; else it stays in the mailbox alone."""
        here, behind = (Cursor(uidvalidity=arrival.uidvalidity, uidnext=arrival.uid + more) for more in (0, 1))
        answers = partial(self._keep_sent, post, [], to=here)
        aside = partial(
            self._keep_sent, post, [(arrival, mail)], to=behind, bare=unreadable(arrival.raw or arrival.head)
        )
        passed = partial(self._keep_sent, post, [], to=behind)
        await keep_or(
            partial(self._keep_sent, post, [(arrival, mail)], to=behind),
            answers=answers,
            otherwise=partial(keep_or, aside, answers=answers, otherwise=passed),
        )

    async def _keep_sent(
        self, post: Post, pairs: Sequence[tuple[Arrival, AsRead]], *, to: Cursor, bare: AsRead | None = None
    ) -> None:
        """Keep those that belong to a conversation, as read or as `bare` says, and go on to that place."""
        async with self._store.write() as conn:
            await self._holds(conn, post.name)
            for arrival, mail in pairs:
                if number := await self._conversation_of(conn, post, mail):
                    await self._keep(conn, post, number, arrival, bare or mail)
            await mails.move_cursor(conn, post.name, to, folder=mails.SENT)

    async def _conversation_of(self, conn: AsyncConnection, post: Post, mail: AsRead) -> Number | None:
        message = mail.message
        if await mails.known(conn, post.name, mail.digest) or await self._is_own(conn, post, message):
            return None
        known = await mails.referred(conn, mailbox=post.name, ids=[*rules.spoken_of(message), message.message_id])
        join = rules.joins(message, known=known)
        found = await conversations.current(conn, join.number) if join else None
        return found.number if found else None

    async def _is_own(self, conn: AsyncConnection, post: Post, message: Message) -> bool:
        """Sent by the bridge. Where the provider put an id of its own in place of ours, ours is the last reference."""
        last = [one for one in message.references[-1:] if one not in message.in_reply_to]
        for one in (message.message_id, *last):
            own = own_message_id(one, keys=self._keys)
            if own and await drafts.by_message_id(conn, one):
                await settling.found(conn, one)
                number = Number(own[0])
                await mails.refer(conn, mailbox=post.name, number=number, ids=[message.message_id])
                return True
        return False

    async def _keep(self, conn: AsyncConnection, post: Post, number: Number, arrival: Arrival, mail: AsRead) -> None:
        raw_id = await raws.save(conn, arrival.raw, at=arrival.received) if arrival.raw is not None else None
        await mails.add(
            conn,
            mail.message,
            reading=mail.reading,
            mailbox=post.name,
            number=number,
            direction=Direction.OUT,
            digest=mail.digest,
            raw_id=raw_id,
            at=arrival.received,
            elsewhere=True,
            quarantined=mail.state == "quarantined",
            made=mail.made,
        )
        if mail.message.automatic is not Automatic.NO:  # what answers by itself beside us is no answer
            await changed_by_itself(conn, number)
            return
        before = await conversations.get(conn, number)
        await drafts.withdraw(conn, number)
        await changed_by_itself(conn, number, status=Status.WAITING)
        await silence.begins(conn, self._mailboxes[post.name], number, since=arrival.received)
        await write_down(
            conn,
            number,
            "answer",
            user=ELSEWHERE,
            detail=f"status: {before.status if before else 'none'} → {Status.WAITING}",
        )
