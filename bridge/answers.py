"""Answers: the story of a mail that goes out is read here.

    a form (`bridge/writing.py`) -> submit: checked, one commit (Draft, final Message-ID, jobs) -> ack
    -> held, with Undo -> the jobs of `bridge/outbox.py`

A mail leaves only by a person's explicit act: what agents say in a thread never comes here.
"""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import enclosures, holding, proposals, secondlook
from bridge.agents import MayAct
from bridge.desk import Desk, Mailbox, changed, write_down
from bridge.errors import Refused
from bridge.mail.identifiers import new_message_id
from bridge.mail.recipients import parse_recipients
from bridge.model import (
    Address,
    ChannelId,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    MailboxName,
    Number,
    Status,
    UserId,
    now,
)
from bridge.notices import tell
from bridge.outbox import as_sent, keep_sent
from bridge.rules import Difference
from bridge.sentences import say, to_everyone
from bridge.slack import richtext
from bridge.slack.blocks import STATE_WORDS
from bridge.slack.forms import Form, Submission
from bridge.slack.gateway import Gateway, Member
from bridge.slack.when import when
from bridge.store import conversations, correspondents, drafts, forms, jobs, mails, raws
from bridge.store.database import Store, one_at_a_time
from bridge.writing import ANSWERS, anew, own_addresses

log = structlog.get_logger()

NOT_GONE = frozenset({DraftState.PROPOSED, DraftState.HELD, DraftState.QUEUED, DraftState.FAILED})
ENCODED = 1.37  # a file's bytes in base64 with its line ends, as a part of a mail


class Invalid(Refused):
    """What was filled in cannot be taken; `fields` says why, by block id of its modal."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


class Answers:
    """Drafts from the first submit to the customer's server."""

    def __init__(
        self,
        store: Store,
        *,
        desk: Desk,
        agents: MayAct,
        gateway: Gateway,
        mailboxes: Mapping[MailboxName, Mailbox],
        key: bytes,
    ) -> None:
        self._store = store
        self._desk = desk
        self._agents = agents
        self._gateway = gateway
        self._mailboxes = mailboxes
        self._key = key

    # --- submitting ---------------------------------------------------------------------------------------------------

    async def submit(self, form: Submission, *, user: UserId, contents: Sequence[bytes] = ()) -> Draft:
        """Keep what was submitted as a Draft, or give back the one that stands: submitting twice is one mail.

        `contents`: the bytes of the uploads, one each, where they are none of Slack's files.

        It leaves after the mailbox's hold, counted from `seen` (should that never be called, soon after), or at the
        time that its author named. Raises `Invalid` with a sentence for each field that must be mended, and `AskAgain`
        where its author should know something first.
        """
        carried = form.carried
        async with self._store.read() as conn:
            stands = await drafts.get(conn, carried.draft)
        if stands:
            return stands
        mailbox = self._mailbox(form.mailbox)
        before = await self._desk.conversation(carried.number, user=user) if carried.number else None
        person = await self._agents.require(user, before.channel if before else mailbox.channel)
        to, cc, bcc = self._recipients(form)
        at = now()
        later = await asyncio.to_thread(_time, form.later, at=at, person=person)  # see `Typed.snooze`
        files = await self._files(form, mailbox, user=user)
        rich_text = await self.without_mentions(form.rich_text)
        async with self._store.write() as conn:
            await one_at_a_time(conn, f"draft:{carried.draft}")
            if stands := await drafts.get(conn, carried.draft):
                return stands
            await secondlook.look(conn, carried, to=(*to, *cc), bcc=bcc, own=own_addresses(self._mailboxes), at=at)
            if carried.proposal:
                await proposals.take_up(conn, carried.proposal, user=user)
            number = await self._belongs(conn, form) or await conversations.create(
                conn,
                mailbox=mailbox.name,
                channel=mailbox.channel,
                subject=form.subject,
                status=Status.OPEN,
                at=at,
            )
            draft = Draft(
                id=carried.draft,
                kind=carried.kind,
                state=DraftState.HELD,
                mailbox=mailbox.name,
                number=number,
                answers=carried.answers,
                author=user,
                author_name=person.name,
                to=to,
                cc=cc,
                bcc=bcc,
                subject=form.subject,
                rich_text=rich_text,
                quote=form.quote,
                files=files,
                message_id=new_message_id(
                    number=number, draft=carried.draft, domain=mailbox.address.email.rpartition("@")[2], key=self._key
                ),
                due=later or await holding.until(conn, mailbox.hold + holding.ACK_TIME),
                created=at,
                closes=form.closes,
                later=later is not None,
                said=carried.said,
            )
            if draft.kind in ANSWERS:
                await drafts.withdraw(conn, number)
            await drafts.add(conn, draft, view_id=form.view_id)
            for position, content in enumerate(contents):
                raw_id = await raws.save(conn, content, at=at)
                await drafts.file_fetched(conn, draft.id, position, raw_id=raw_id)
            await mails.refer(conn, mailbox=mailbox.name, number=number, ids=[draft.message_id])
            lane = f"draft:{draft.id}"
            payload: dict[str, Any] = {"draft": draft.id}
            if any(one.slack_id for one in files):
                await jobs.add(conn, key=f"fetch:{draft.id}", kind="fetch", lane=lane, payload=payload, urgent=True)
            key = f"send:{draft.id}"
            payload["later"] = draft.later  # due at a time, not after one: the engine tells them apart
            await jobs.add(conn, key=key, kind="send", lane=lane, payload=payload, due=draft.due, urgent=True)
            await self._written(conn, form, author=user)
            await changed(conn, number)
            await write_down(conn, number, draft.kind, user=user, detail=f"none → {draft.state}")
            if before and before.owner:
                with to_everyone():
                    theirs = say("{who} answers this conversation of yours. Until it leaves, the answer can be undone.")
                    undo = [(say("Undo"), "cancel_send", draft.id)]
                await tell(conn, number, key=draft.id, whom=before.owner, sentence=theirs, about=user, buttons=undo)
        return draft

    async def _belongs(self, conn: AsyncConnection, form: Submission) -> Number | None:
        """The conversation that an answer belongs to: it may have been merged or split while the modal was open."""
        carried = form.carried
        answered = await mails.get(conn, carried.answers) if carried.answers else None
        if answered:
            return answered.number
        there = await conversations.current(conn, carried.number) if carried.number else None
        return there.number if there else None

    async def _written(self, conn: AsyncConnection, form: Submission, *, author: UserId) -> None:
        """The form is a draft now: its author writes no more, and what they put down before is of no more use."""
        await forms.end(conn, form.carried.draft)
        await forms.forget(conn, number=form.carried.number, author=author)
        await jobs.cancel(conn, f"lapse:{form.carried.draft}")
        if form.template:
            await correspondents.used(conn, form.template)

    async def seen(self, draft: Draft) -> None:
        """The agent sees the Undo button from now on: the hold begins."""
        if not draft.later:
            await self._hold(draft.id, self._mailbox(draft.mailbox).hold)

    async def difference(self, draft: Draft) -> Difference:
        """A draft's recipients against those of the mail it answers."""
        answers = draft.answers if draft.kind is not DraftKind.FORWARD else None
        own = own_addresses(self._mailboxes)
        async with self._store.read() as conn:
            return await secondlook.differs(conn, answers, to=(*draft.to, *draft.cc), bcc=draft.bcc, own=own)

    def _recipients(self, form: Submission) -> list[tuple[Address, ...]]:
        parsed: dict[str, tuple[Address, ...]] = {}
        wrong: dict[str, str] = {}
        for field in ("to", "cc", "bcc"):
            try:
                parsed[field] = parse_recipients(getattr(form, field))
            except Refused as refusal:
                wrong[field] = str(refusal)
        if not wrong and not parsed["to"]:
            wrong["to"] = say("Name at least one recipient.")
        if richtext.is_blank(form.rich_text) and not (form.files or form.carried.kind is DraftKind.FORWARD):
            wrong["body"] = say("Write something, or attach a file.")
        if "\n" in form.subject or "\r" in form.subject:
            wrong["subject"] = say("The subject must be on one line.")
        if wrong:
            raise Invalid(wrong)
        return [parsed["to"], parsed["cc"], parsed["bcc"]]

    async def without_mentions(self, rich_text: dict[str, Any]) -> dict[str, Any]:
        """A text as it leaves: people and channels by their names."""
        if richtext.mentions_group(rich_text):
            nobody = say("Nobody outside Slack knows your user group: write its name without the @.")
            raise Invalid({"body": nobody})
        names: dict[str, str] = {}
        for one in richtext.mentioned(rich_text):
            if one.startswith("C"):
                names[one] = f"#{(await self._gateway.channel(ChannelId(one))).name}"
            else:
                names[one] = (await self._gateway.user(UserId(one))).name
        return richtext.spelled_out(rich_text, names=names)

    async def _files(self, form: Submission, mailbox: Mailbox, *, user: UserId) -> tuple[DraftFile, ...]:
        """The files that go along: uploads, and those checked among the ones at hand."""
        async with self._store.read() as conn:
            there = await enclosures.at_hand(conn, form.carried.number, author=user, said=form.said_files)
        files = (*form.uploads, *(there[value] for value in form.originals if value in there))
        if sum(one.size for one in files) * ENCODED > mailbox.max_bytes:
            limit = f"{mailbox.max_bytes / ENCODED / 1_000_000:.0f} MB"
            sentence = say(
                "Together the files are larger than a mail may be ({limit}): send fewer, or a link.", limit=limit
            )
            raise Invalid({"files": sentence})
        return files

    # --- while it is held ---------------------------------------------------------------------------------------------

    async def cancel(self, draft_id: DraftId, *, user: UserId, view_id: str = "") -> Form:
        """Undo an answer that has not left (proposed, held, waiting, failed); returns the modal's content, everything
        kept.

        `view_id`: the view that becomes that modal, and follows the undone draft no more.
        """
        draft = await self._draft(draft_id, user=user)
        async with self._store.write() as conn:
            if not await self._undo(conn, draft, out_of=NOT_GONE):
                raise Refused(say("Too late: this mail is {state}.", state=say(STATE_WORDS[draft.state])))
            await drafts.let_go(conn, draft_id, view_id=view_id)
            await write_down(conn, draft.number, "undo", user=user, detail=f"{draft.state} → {DraftState.CANCELLED}")
            stored = await mails.of_conversation(conn, draft.number)
        shown = await self._desk.conversation(draft.number, user=user)
        return anew(draft, channel=shown.channel, seen=max((one.id for one in stored), default=None))

    async def proposed(self, draft_id: DraftId, *, user: UserId) -> Form:
        """The modal's content of what a rule proposed, which goes on waiting until an answer is submitted."""
        draft = await self._draft(draft_id, user=user)
        shown = await self._desk.conversation(draft.number, user=user)
        return anew(draft, channel=shown.channel, seen=draft.answers)

    async def take_back(self, draft: Draft) -> bool:
        """Undo a held answer whose author deleted the message that it was made of; False where it is held no more."""
        async with self._store.write() as conn:
            undone = await self._undo(conn, draft, out_of={DraftState.HELD})
            if undone:
                await write_down(conn, draft.number, "undo", user=draft.author, detail="the message was deleted")
        return undone

    async def _undo(self, conn: AsyncConnection, draft: Draft, *, out_of: Collection[DraftState]) -> bool:
        if not await drafts.move(conn, draft.id, DraftState.CANCELLED, out_of=out_of):
            return False
        await jobs.cancel(conn, f"send:{draft.id}")
        nothing_else = draft.kind is DraftKind.NEW and not await mails.of_conversation(conn, draft.number)
        await changed(conn, draft.number, **({"status": Status.CLOSED} if nothing_else else {}))
        return True

    async def send_now(self, draft_id: DraftId, *, user: UserId) -> Draft:
        """End the hold; what a rule proposed begins one, as the answer of whoever sends it. Raises `AskAgain` where
        there is something that they should know about that first.
        """
        draft = await self._draft(draft_id, user=user)
        if draft.state is DraftState.PROPOSED:
            return await self._approve(draft, user=user)
        if draft.state is DraftState.CANCELLED:
            raise Refused(say("This mail was undone; it does not leave."))
        if await self._hold(draft_id, timedelta(0)):
            async with self._store.write() as conn:
                await write_down(conn, draft.number, "send now", user=user, detail="held → due")
        return await self._draft(draft_id, user=user)

    async def _approve(self, draft: Draft, *, user: UserId) -> Draft:
        """It is a person's answer from here on: held, with Undo, and signed with their name."""
        shown = await self._desk.conversation(draft.number, user=user)
        person = await self._agents.require(user, shown.channel)
        hold, proposed = self._mailbox(draft.mailbox).hold, {DraftState.PROPOSED}
        carried = replace(anew(draft, channel=shown.channel, seen=draft.answers).carried, opened=draft.created)
        own = own_addresses(self._mailboxes)
        async with self._store.write() as conn:
            due = await holding.until(conn, hold)
            theirs: dict[str, Any] = {"author": user, "author_name": person.name, "due": due}
            if await drafts.move(conn, draft.id, DraftState.HELD, out_of=proposed, **theirs):
                await secondlook.look(conn, carried, to=(*draft.to, *draft.cc), bcc=draft.bcc, own=own, at=now())
                await drafts.withdraw(conn, draft.number)
                lane, payload = f"draft:{draft.id}", {"draft": draft.id}
                key = f"send:{draft.id}"
                await jobs.add(conn, key=key, kind="send", lane=lane, payload=payload, due=due, urgent=True)
                await changed(conn, draft.number)
                detail = f"{DraftState.PROPOSED} → {DraftState.HELD}"
                await write_down(conn, draft.number, draft.kind, user=user, detail=detail)
        return await self._draft(draft.id, user=user)

    async def _hold(self, draft_id: DraftId, hold: timedelta) -> bool:
        """From now on it is held for so long; False where it is held no more."""
        async with self._store.write() as conn:
            return await holding.begins(conn, draft_id, hold=hold)

    # --- where delivery failed or cannot be known ---------------------------------------------------------------------

    async def resend(self, draft_id: DraftId, *, user: UserId, seen: int | None = None) -> Draft:
        """A person decides that it goes out again, under the same Message-ID. `seen`: at which revision they saw it; of
        what has become of it since, they have decided nothing.
        """
        draft = await self._draft(draft_id, user=user)
        again = {DraftState.UNCERTAIN, DraftState.FAILED}
        async with self._store.write() as conn:
            if not await drafts.move(conn, draft_id, DraftState.QUEUED, out_of=again, seen=seen, reason="", outcome=[]):
                secondlook.refuse_unseen(draft, again, seen)
                state = say(STATE_WORDS[draft.state])
                raise Refused(say("This mail is {state}; there is nothing to send again.", state=state))
            key = f"send:{draft_id}:{secrets.token_hex(4)}"
            payload, lane = {"draft": draft_id}, f"draft:{draft_id}"
            if any(one.slack_id for one in draft.files):
                await jobs.add(conn, key=f"fetch:{key}", kind="fetch", lane=lane, payload=payload, urgent=True)
            await jobs.add(conn, key=key, kind="send", lane=lane, payload=payload, urgent=True)
            await changed(conn, draft.number)
            await write_down(conn, draft.number, "resend", user=user, detail=f"{draft.state} → {DraftState.QUEUED}")
        return await self._draft(draft_id, user=user)

    async def mark_delivered(self, draft_id: DraftId, *, user: UserId, seen: int | None = None) -> Draft:
        """A person knows that it arrived. `seen`: as in `resend`."""
        draft = await self._draft(draft_id, user=user)
        sent = await as_sent(self._store, draft)
        async with self._store.write() as conn:
            unknown = {DraftState.UNCERTAIN}
            if not await drafts.move(conn, draft_id, DraftState.SENT, out_of=unknown, seen=seen, reason=""):
                secondlook.refuse_unseen(draft, unknown, seen)
                state = say(STATE_WORDS[draft.state])
                raise Refused(say("This mail is {state}; there is nothing to decide.", state=state))
            await keep_sent(conn, draft, sent, mailbox=self._mailbox(draft.mailbox))
            detail = f"{DraftState.UNCERTAIN} → {DraftState.SENT}"
            await write_down(conn, draft.number, "mark delivered", user=user, detail=detail)
        return await self._draft(draft_id, user=user)

    async def _draft(self, draft_id: DraftId, *, user: UserId) -> Draft:
        async with self._store.read() as conn:
            draft = await drafts.get(conn, draft_id)
        if draft is None:
            raise Refused(say("This mail is not known here any more."))
        await self._desk.conversation(draft.number, user=user)
        return draft

    def _mailbox(self, name: MailboxName) -> Mailbox:
        if name not in self._mailboxes:
            raise Refused(say("The mailbox {mailbox} is not configured any more.", mailbox=name))
        return self._mailboxes[name]


def _time(typed: str, *, at: datetime, person: Member) -> datetime | None:
    """When a mail is to leave that its author wants to leave later."""
    if not typed:
        return None
    try:
        return when(typed, at=at, zone=person.tz)
    except Refused as refusal:
        raise Invalid({"later": str(refusal)}) from refusal
