"""Answers: the story of a mail that goes out is read here.

    Reply -> form (a Draft's id is made) -> submit: checked, one commit (Draft, final Message-ID, jobs) -> ack
    -> held, with Undo -> the jobs of `bridge/outbox.py`

A mail leaves only by a person's explicit act: what agents say in a thread never comes here.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from bridge import rules
from bridge.agents import MayAct
from bridge.desk import Desk, Mailbox, changed, write_down
from bridge.errors import Permanent, Refused
from bridge.mail.compose import forward_subject, reply_subject
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
    StoredMessage,
    UserId,
    now,
)
from bridge.outbox import as_sent, keep_sent
from bridge.slack import richtext
from bridge.slack.gateway import Gateway
from bridge.slack.modals import Form, Kept, Submission
from bridge.store import conversations, drafts, jobs, mails
from bridge.store.database import Store

log = structlog.get_logger()

ACK_TIME = timedelta(seconds=3)  # until Slack gives up on a submit: the hold begins when the agent sees the button
ENCODED = 1.37  # a file's bytes in base64 with its line ends, as a part of a mail


class Invalid(Refused):
    """What was filled in cannot be sent; `fields` says why, by block id of the compose modal."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


class Answers:
    """Drafts from the first click to the customer's server."""

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

    # --- filling in the modal -----------------------------------------------------------------------------------------

    async def form(self, kind: DraftKind, number: Number, *, user: UserId) -> Form:
        """The compose modal's content for an answer to a conversation's newest mail."""
        conversation, messages = await self._desk.messages(number, user=user)
        mail = rules.answered(messages)
        if mail is None:
            raise Refused(f"#{number} has no mail yet that could be answered.")
        to = rules.recipients(kind, mail, own=self._own_addresses())
        subject = mail.message.subject or conversation.subject
        forward = kind is DraftKind.FORWARD
        return Form(
            draft=new_draft_id(),
            kind=kind,
            channel=conversation.channel,
            mailbox=conversation.mailbox,
            number=number,
            answers=mail.id,
            to=to.to,
            cc=to.cc,
            subject=forward_subject(subject) if forward else reply_subject(subject),
            quote=None if forward else True,
            originals=_attachments_of(mail) if forward else (),
        )

    async def blank_form(
        self, channel: ChannelId, *, user: UserId, to: str = "", rich_text: dict[str, object] | None = None
    ) -> Form:
        """The compose modal for a new mail, from the mailboxes that the user may write for."""
        offered = [box for box in self._mailboxes.values() if await self._may(user, box.channel)]
        if not offered:
            if channel:  # a shortcut comes from nowhere
                await self._agents.require(user, channel)
            raise Refused("No mailbox shows in a channel of yours; an admin can invite you to one.")
        offered.sort(key=lambda box: box.channel != channel)
        return Form(
            draft=new_draft_id(),
            kind=DraftKind.NEW,
            channel=offered[0].channel,
            mailbox=offered[0].name,
            to=parse_recipients(to) if to else (),
            rich_text=rich_text,
            mailboxes=tuple((box.name, f"{box.name} <{box.address.email}>") for box in offered),
        )

    async def _may(self, user: UserId, channel: ChannelId) -> bool:
        try:
            await self._agents.require(user, channel)
        except (Refused, Permanent):  # a channel that is gone closes no other
            return False
        return True

    # --- submitting ---------------------------------------------------------------------------------------------------

    async def submit(self, form: Submission, *, user: UserId, contents: Sequence[bytes] = ()) -> Draft:
        """Keep what was submitted as a Draft, or give back the one that stands: submitting twice is one mail.

        `contents`: the bytes of the uploads, one each, where they are none of Slack's files.

        It leaves after the mailbox's hold, counted from `seen`; should that never be called, soon after.
        Raises `Invalid` with a sentence for each field that must be mended.
        """
        async with self._store.read() as conn:
            stands = await drafts.get(conn, form.draft)
        if stands:
            return stands
        mailbox = self._mailbox(form.mailbox)
        person = await self._agents.require(user, mailbox.channel)
        if form.number:
            await self._desk.conversation(Number(form.number), user=user)
        to, cc, bcc = self._recipients(form)
        files = await self._files(form, mailbox)
        rich_text = await self._without_mentions(form.rich_text)
        at = now()
        async with self._store.write() as conn:
            if stands := await drafts.get(conn, form.draft):
                return stands
            number = form.number or await conversations.create(
                conn,
                mailbox=mailbox.name,
                channel=mailbox.channel,
                subject=form.subject,
                status=Status.OPEN,
                at=at,
            )
            draft = Draft(
                id=form.draft,
                kind=form.kind,
                state=DraftState.HELD,
                mailbox=mailbox.name,
                number=number,
                answers=form.answers,
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
                    number=number, draft=form.draft, domain=mailbox.address.email.rpartition("@")[2], key=self._key
                ),
                due=at + mailbox.hold + ACK_TIME,
                created=at,
            )
            await drafts.add(conn, draft, view_id=form.view_id)
            for position, content in enumerate(contents):
                raw_id = await mails.save_raw(conn, content, at=at)
                await drafts.file_fetched(conn, draft.id, position, raw_id=raw_id)
            await mails.refer(conn, mailbox=mailbox.name, number=number, ids=[draft.message_id])
            lane = f"draft:{draft.id}"
            payload = {"draft": draft.id}
            if any(one.slack_id for one in files):
                await jobs.add(conn, key=f"fetch:{draft.id}", kind="fetch", lane=lane, payload=payload, urgent=True)
            key = f"send:{draft.id}"
            await jobs.add(conn, key=key, kind="send", lane=lane, payload=payload, due=draft.due, urgent=True)
            await changed(conn, number)
            await write_down(conn, number, draft.kind, user=user)
        return draft

    async def seen(self, draft: Draft) -> None:
        """The agent sees the Undo button from now on: the hold begins."""
        await self._leave_at(draft.id, after=self._mailbox(draft.mailbox).hold)

    def _recipients(self, form: Submission) -> list[tuple[Address, ...]]:
        parsed: dict[str, tuple[Address, ...]] = {}
        wrong: dict[str, str] = {}
        for field in ("to", "cc", "bcc"):
            try:
                parsed[field] = parse_recipients(getattr(form, field))
            except Refused as refusal:
                wrong[field] = str(refusal)
        if not wrong and not parsed["to"]:
            wrong["to"] = "Name at least one recipient."
        if richtext.is_blank(form.rich_text) and not (form.uploads or form.originals or form.kind is DraftKind.FORWARD):
            wrong["body"] = "Write something, or attach a file."
        if "\n" in form.subject or "\r" in form.subject:
            wrong["subject"] = "The subject must be on one line."
        if wrong:
            raise Invalid(wrong)
        return [parsed["to"], parsed["cc"], parsed["bcc"]]

    async def _without_mentions(self, rich_text: dict[str, Any]) -> dict[str, Any]:
        names: dict[str, str] = {}
        for one in richtext.mentioned(rich_text):
            if one.startswith("C"):
                names[one] = f"#{(await self._gateway.channel(ChannelId(one))).name}"
            else:
                names[one] = (await self._gateway.user(UserId(one))).name
        return richtext.spelled_out(rich_text, names=names)

    async def _files(self, form: Submission, mailbox: Mailbox) -> tuple[DraftFile, ...]:
        """The files that go along: uploads, and those checked among the kept ones."""
        offered: dict[str, DraftFile] = {}
        if form.number and form.originals:
            async with self._store.read() as conn:
                stored = await mails.of_conversation(conn, form.number)
                earlier = await drafts.of_conversation(conn, form.number)
            kept = [kept for mail in stored for kept in _attachments_of(mail)]
            kept += [Kept(file=one, checked=True) for draft in earlier for one in draft.files]
            offered = {one.value: one.file for one in kept}
        files = (*form.uploads, *(offered[value] for value in form.originals if value in offered))
        if sum(one.size for one in files) * ENCODED > mailbox.max_bytes:
            limit = f"{mailbox.max_bytes / ENCODED / 1_000_000:.0f} MB"
            sentence = f"Together the files are larger than a mail may be ({limit}): send fewer, or a link."
            raise Invalid({"files": sentence})
        return files

    # --- while it is held ---------------------------------------------------------------------------------------------

    async def cancel(self, draft_id: DraftId, *, user: UserId, view_id: str = "") -> Form:
        """Undo an answer that has not left (held, waiting, failed); returns the modal's content, everything kept.

        `view_id`: the view that becomes that modal, and follows the undone draft no more.
        """
        draft = await self._draft(draft_id, user=user)
        async with self._store.write() as conn:
            if not await drafts.move(
                conn, draft_id, DraftState.CANCELLED, out_of={DraftState.HELD, DraftState.QUEUED, DraftState.FAILED}
            ):
                raise Refused(f"Too late: this mail is {draft.state}.")
            await jobs.cancel(conn, f"send:{draft_id}")
            await drafts.let_go(conn, draft_id, view_id=view_id)
            nothing_else = draft.kind is DraftKind.NEW and not await mails.of_conversation(conn, draft.number)
            await changed(conn, draft.number, **({"status": Status.CLOSED} if nothing_else else {}))
            await write_down(conn, draft.number, "undo", user=user)
        return Form(
            draft=new_draft_id(),
            kind=draft.kind,
            channel=self._mailbox(draft.mailbox).channel,
            mailbox=draft.mailbox,
            number=draft.number,
            answers=draft.answers,
            to=draft.to,
            cc=draft.cc,
            bcc=draft.bcc,
            subject=draft.subject,
            rich_text=draft.rich_text,
            quote=draft.quote if draft.answers and draft.kind is not DraftKind.FORWARD else None,
            originals=tuple(Kept(file=one, checked=True) for one in draft.files if one.slack_id or one.mail_id),
        )

    async def send_now(self, draft_id: DraftId, *, user: UserId) -> Draft:
        """End the hold."""
        draft = await self._draft(draft_id, user=user)
        if draft.state is DraftState.CANCELLED:
            raise Refused("This mail was undone; it does not leave.")
        await self._leave_at(draft_id, after=timedelta(0))
        return await self._draft(draft_id, user=user)

    async def _leave_at(self, draft_id: DraftId, *, after: timedelta) -> None:
        due = now() + after
        async with self._store.write() as conn:
            if await drafts.hold_until(conn, draft_id, due):
                await jobs.reschedule(conn, f"send:{draft_id}", due=due)

    # --- where delivery failed or cannot be known ---------------------------------------------------------------------

    async def resend(self, draft_id: DraftId, *, user: UserId) -> Draft:
        """A person decides that it goes out again, under the same Message-ID."""
        draft = await self._draft(draft_id, user=user)
        again = {DraftState.UNCERTAIN, DraftState.FAILED}
        async with self._store.write() as conn:
            if not await drafts.move(conn, draft_id, DraftState.QUEUED, out_of=again, reason="", outcome=[]):
                raise Refused(f"This mail is {draft.state}; there is nothing to send again.")
            key = f"send:{draft_id}:{secrets.token_hex(4)}"
            payload, lane = {"draft": draft_id}, f"draft:{draft_id}"
            if any(one.slack_id for one in draft.files):
                await jobs.add(conn, key=f"fetch:{key}", kind="fetch", lane=lane, payload=payload, urgent=True)
            await jobs.add(conn, key=key, kind="send", lane=lane, payload=payload, urgent=True)
            await changed(conn, draft.number)
            await write_down(conn, draft.number, "resend", user=user)
        return await self._draft(draft_id, user=user)

    async def mark_delivered(self, draft_id: DraftId, *, user: UserId) -> Draft:
        """A person knows that it arrived."""
        draft = await self._draft(draft_id, user=user)
        sent = await as_sent(self._store, draft)
        async with self._store.write() as conn:
            if not await drafts.move(conn, draft_id, DraftState.SENT, out_of={DraftState.UNCERTAIN}, reason=""):
                raise Refused(f"This mail is {draft.state}; there is nothing to decide.")
            await keep_sent(conn, draft, sent, copy=self._mailbox(draft.mailbox).saves_sent)
            await write_down(conn, draft.number, "mark delivered", user=user)
        return await self._draft(draft_id, user=user)

    async def _draft(self, draft_id: DraftId, *, user: UserId) -> Draft:
        async with self._store.read() as conn:
            draft = await drafts.get(conn, draft_id)
        if draft is None:
            raise Refused("This mail is not known here any more.")
        await self._desk.conversation(draft.number, user=user)
        return draft

    def _mailbox(self, name: MailboxName) -> Mailbox:
        if name not in self._mailboxes:
            raise Refused(f"The mailbox {name} is not configured any more.")
        return self._mailboxes[name]

    def _own_addresses(self) -> frozenset[str]:
        return frozenset(box.address.email.lower() for box in self._mailboxes.values())


def new_draft_id() -> DraftId:
    """A draft's id: 16 hex digits, made when its modal opens."""
    return DraftId(secrets.token_hex(8))


def _attachments_of(mail: StoredMessage) -> tuple[Kept, ...]:
    return tuple(
        Kept(
            file=DraftFile(
                filename=one.filename,
                content_type=one.content_type,
                size=one.size,
                mail_id=mail.id,
                position=one.position,
            ),
            checked=not one.inline,
        )
        for one in mail.files
    )
