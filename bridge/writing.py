"""Writing: the compose modal from the click that opens it until it is submitted or closed.

    Reply -> `form` (a Draft's id is made) -> `begin`: its author counts as writing, on the card, for a while
    -> a template is chosen: `with_template` -> submitted: `bridge/answers.py`
    -> closed: `put_down` keeps what was typed, and the next `begin` of the same person takes it up again

Nothing of it promises anything to anybody outside: a form that is lost is typed again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bridge import canned, enclosures, languages, rules, secondlook
from bridge.agents import MayAct
from bridge.automation.hours import ALWAYS
from bridge.canned import Templates
from bridge.desk import Desk, Mailbox, redraw
from bridge.errors import Permanent, Refused
from bridge.mail.compose import bare_subject, forward_subject, reply_subject
from bridge.model import (
    Address,
    ChannelId,
    Direction,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    Job,
    MailboxName,
    MailId,
    Number,
    UserId,
    now,
)
from bridge.sentences import say
from bridge.slack import compose, richtext
from bridge.slack.blocks import came_back
from bridge.slack.forms import Carried, Form, Kept, Submission
from bridge.slack.markdown import literal, rich_text
from bridge.store import forms, jobs, mails
from bridge.store.database import Store
from bridge.templates import Values

LEASE = timedelta(minutes=10)  # for which whoever opened a modal counts as writing: Slack tells nothing in between
ANSWERS = frozenset({DraftKind.REPLY, DraftKind.REPLY_ALL})

_AS_TYPED = ("to", "cc", "bcc", "subject", "later")


class Writing:
    """Forms, and who is at them."""

    def __init__(
        self,
        store: Store,
        *,
        desk: Desk,
        agents: MayAct,
        mailboxes: Mapping[MailboxName, Mailbox],
        templates: Templates,
    ) -> None:
        self._store = store
        self._desk = desk
        self._agents = agents
        self._mailboxes = mailboxes
        self._templates = templates

    # --- what a form is filled with -----------------------------------------------------------------------------------

    async def form(self, kind: DraftKind, number: Number, *, user: UserId, answers: MailId | None = None) -> Form:
        """The compose modal's content for an answer to a conversation's newest mail, or to that one of its mails."""
        conversation, messages = await self._desk.messages(number, user=user)
        mail = rules.answered(one for one in messages if answers in (None, one.id))
        if conversation.merged_into:
            into = conversation.merged_into
            raise Refused(say("#{number} was merged into #{into}; answer there.", number=number, into=into))
        if mail is None:
            raise Refused(say("#{number} has no mail yet that could be answered.", number=number))
        to = rules.recipients(kind, mail, own=own_addresses(self._mailboxes))
        async with self._store.read() as conn:
            gone = await secondlook.gone(conn, (*to.to, *to.cc))
        subject = mail.message.subject or conversation.subject
        subject = bare_subject(subject) if mail.written_by else subject
        forward = kind is DraftKind.FORWARD
        return Form(
            carried=Carried(
                draft=new_draft_id(),
                kind=kind,
                channel=conversation.channel,
                mailbox=conversation.mailbox,
                number=number,
                answers=mail.id,
                seen=max(one.id for one in messages),
                opened=now(),
            ),
            to=compose.typed(to.to),
            cc=compose.typed(to.cc),
            subject=forward_subject(subject) if forward else reply_subject(subject),
            quote=None if forward else True,
            originals=enclosures.attachments_of(mail, checked=forward),
            told=tuple(came_back(one) for one in gone),
        )

    async def blank_form(self, channel: ChannelId, *, user: UserId, to: str = "") -> Form:
        """The compose modal for a new mail, from the mailboxes that the user may write for."""
        offered = [box for box in self._mailboxes.values() if await self._may(user, box.channel)]
        if not offered:
            await self._agents.member(user)  # who may not act at all is told so, and not of channels
            if channel:  # a shortcut comes from nowhere
                await self._agents.require(user, channel)
            raise Refused(say("No mailbox shows in a channel of yours; an admin can invite you to one."))
        offered.sort(key=lambda box: box.channel != channel)
        return Form(
            carried=Carried(
                draft=new_draft_id(), kind=DraftKind.NEW, channel=offered[0].channel, mailbox=offered[0].name
            ),
            to=to,
            mailboxes=tuple((box.name, f"{box.name} <{box.address.email}>") for box in offered),
        )

    async def refilled(self, typed: Submission, *, user: UserId) -> Form:
        """The form that a person has filled in, with everything they typed."""
        carried = typed.carried
        if carried.number and carried.answers:
            fresh = await self.form(carried.kind, carried.number, user=user, answers=carried.answers)
        elif carried.number:  # a new mail that was undone has a conversation already
            await self._desk.conversation(carried.number, user=user)
            fresh = Form(carried=carried)
        else:
            fresh = await self.blank_form(carried.channel, user=user)
        async with self._store.read() as conn:
            files = await enclosures.at_hand(conn, carried.number, author=user, said=typed.said_files)
        there = {one.value for one in fresh.originals}
        said = [Kept(file=one, checked=False) for one in typed.said_files]
        there |= {one.value for one in said}
        chosen = [Kept(file=files[value], checked=True) for value in typed.originals if value in files.keys() - there]
        chosen = [*said, *chosen]
        return await self._offering(replace(fresh, originals=(*chosen, *fresh.originals)).refilled(typed))

    async def _offering(self, form: Form) -> Form:
        """The form with the canned answers to choose from, those in the customer's language first."""
        carried = form.carried
        async with self._store.read() as conn:
            answered = carried.answers if carried.kind in ANSWERS else None
            mail = await mails.get(conn, answered) if answered else None
        first = languages.of("\n".join(one.text for one in mail.reading.new)) if mail else frozenset[str]()
        return replace(form, templates=tuple(await self._templates.listed(first=first)), languages=first)

    async def with_template(self, typed: Submission, *, user: UserId) -> Form:
        """The form as it is filled in, with the chosen template's text below what was typed already."""
        form = await self.refilled(typed, user=user)
        if not typed.template:
            return form
        person = await self._agents.require(user, typed.carried.channel)
        box = self._mailboxes.get(typed.mailbox)
        sender, subject = await self._about(typed)
        values = Values(
            number=typed.carried.number,
            subject=subject,
            sender=sender,
            mailbox=box.address if box else Address(email=""),
            agent=Address(name=person.full_name or person.name, email=person.email),
            hours=box.pace.hours if box else ALWAYS,
        )
        filled = canned.filled(await self._templates.find(typed.template), values, literal=literal)
        words = rich_text(filled.text)
        if not richtext.is_blank(typed.rich_text):
            words = richtext.below(typed.rich_text, words)
        return replace(form, rich_text=words, subject=form.subject or filled.subject)

    async def _about(self, typed: Submission) -> tuple[Address, str]:
        """Whom a template calls the sender, and what it calls the subject."""
        async with self._store.read() as conn:
            mail = await mails.get(conn, typed.carried.answers) if typed.carried.answers else None
        if mail is None:
            return Address(email=typed.to), typed.subject
        people = mail.message.to if mail.direction is Direction.OUT else (mail.message.author,)
        return next(iter(people), mail.message.author), mail.message.subject

    async def _may(self, user: UserId, channel: ChannelId) -> bool:
        try:
            await self._agents.require(user, channel)
        except (Refused, Permanent):  # a channel that is gone closes no other
            return False
        return True

    # --- who is at it -------------------------------------------------------------------------------------------------

    async def begin(self, form: Form, *, user: UserId) -> Form:
        """The modal is open: its author counts as writing, and what they typed before and did not send is there again.

        Where the form has words already (those of a message), nothing is taken up.
        """
        carried, at = form.carried, now()
        async with self._store.write() as conn:
            others = await forms.writing(conn, carried.number, at=at) if carried.number else []
            kept = await forms.kept(conn, number=carried.number, author=user)
            await forms.begin(conn, carried.draft, number=carried.number, author=user, at=at, until=at + LEASE)
            if carried.number:
                await redraw(conn, carried.number)
            payload = {"form": carried.draft, "number": carried.number}
            await jobs.add(conn, key=f"lapse:{carried.draft}", kind="lapse", payload=payload, due=at + LEASE)
        form = await self._offering(form)
        if kept and form.rich_text is None:
            form = _taken_up(form, *kept)
        if others := [one for one in others if one != user]:
            form = replace(form, told=(*form.told, compose.also_writing(others)))
        return form

    async def put_down(self, typed: Submission, *, user: UserId) -> None:
        """The modal was closed without being sent. Words and files are kept; that it was closed shows on the card."""
        carried, at = typed.carried, now()
        async with self._store.write() as conn:
            files = await enclosures.at_hand(conn, carried.number, author=user, said=typed.said_files)
            await forms.forget(conn, number=carried.number, author=user)
            await forms.end(conn, carried.draft)
            if not richtext.is_blank(typed.rich_text) or typed.files:
                kept = _packed(typed, files)
                await forms.keep(conn, carried.draft, kept, number=carried.number, author=user, at=at)
            await jobs.cancel(conn, f"lapse:{carried.draft}")
            if carried.number:
                await redraw(conn, carried.number)

    async def end(self, carried: Carried) -> None:
        """The modal is open no more, and nobody knows what was typed into it."""
        await self._lapse(carried.draft, carried.number)
        async with self._store.write() as conn:
            await jobs.cancel(conn, f"lapse:{carried.draft}")

    async def lapse(self, job: Job) -> None:
        """The job "lapse": nobody heard of that modal for a while; its author counts as writing no more."""
        await self._lapse(DraftId(job.payload["form"]), job.payload["number"])

    async def _lapse(self, draft_id: DraftId, number: Number | None) -> None:
        async with self._store.write() as conn:
            if await forms.lapse(conn, draft_id) and number:
                await redraw(conn, number)


def own_addresses(mailboxes: Mapping[MailboxName, Mailbox]) -> frozenset[str]:
    """Our mailboxes' addresses, in lower case."""
    return frozenset(box.address.email.lower() for box in mailboxes.values())


def new_draft_id() -> DraftId:
    """A draft's id: 16 hex digits, made when its modal opens."""
    return DraftId(secrets.token_hex(8))


def _packed(typed: Submission, files: Mapping[str, DraftFile]) -> dict[str, Any]:
    """What was typed, to be kept."""
    chosen = [files[value] for value in typed.originals if value in files]
    told = {name: getattr(typed, name) for name in (*_AS_TYPED, "quote", "closes", "rich_text")}
    return {**told, "kind": typed.carried.kind, "files": [enclosures.packed(one) for one in (*typed.uploads, *chosen)]}


def _taken_up(form: Form, kept: Mapping[str, Any], at: datetime) -> Form:
    """The form with what was kept; where that was another kind of answer, only its words and files."""
    kind = form.carried.kind
    if not (kept["kind"] == kind or {kept["kind"], kind} <= ANSWERS):
        return form
    files = [Kept(file=enclosures.unpacked(one), checked=True) for one in kept["files"]]
    there = {one.value for one in files}
    same = {name: kept[name] for name in _AS_TYPED} if kept["kind"] == kind and not (form.mailboxes and form.to) else {}
    return replace(
        form,
        **same,
        rich_text=kept["rich_text"],
        quote=None if form.quote is None else kept["quote"],
        closes=kept["closes"],
        originals=(*files, *(one for one in form.originals if one.value not in there)),
        told=(compose.taken_up(at), *form.told),
    )


def anew(draft: Draft, *, channel: ChannelId, seen: MailId | None) -> Form:
    """The compose modal's content for a draft that did not leave, everything kept. `seen`: the newest mail of which its
    reader knows.
    """
    return Form(
        carried=Carried(
            draft=new_draft_id(),
            kind=draft.kind,
            channel=channel,
            mailbox=draft.mailbox,
            number=draft.number,
            answers=draft.answers,
            seen=seen,
            opened=now(),
            said=draft.said,
        ),
        to=compose.typed(draft.to),
        cc=compose.typed(draft.cc),
        bcc=compose.typed(draft.bcc),
        subject=draft.subject,
        rich_text=draft.rich_text,
        quote=draft.quote if draft.answers and draft.kind is not DraftKind.FORWARD else None,
        closes=draft.closes,
        originals=tuple(Kept(file=one, checked=True) for one in draft.files if one.slack_id or one.mail_id),
    )
