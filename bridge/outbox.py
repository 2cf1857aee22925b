"""The outbox: a Draft's way from its hold to the customer's server, as jobs.

    "fetch": the files, at once, so that a failure shows while the mail is still held
    "send", after the hold: compose -> "handing over" committed before DATA -> SMTP -> outcome per recipient
    "file_copy": the copy in Sent; it can never cause a second sending

Never twice: the composed bytes and their Message-ID are kept through every try, and a crash or a silence after DATA
makes the draft "uncertain": then a person decides.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.desk import Mailbox, changed, obey
from bridge.errors import BridgeError, Permanent, Refused, Temporary, Uncertain
from bridge.mail import compose, smtp
from bridge.mail.parse import parse
from bridge.metrics import Metrics
from bridge.model import (
    Attachment,
    Automatic,
    Direction,
    Draft,
    DraftId,
    DraftKind,
    DraftState,
    Job,
    MailboxName,
    MailId,
    Message,
    Reading,
    Status,
    now,
)
from bridge.originals import Originals
from bridge.post import Post
from bridge.slack import richtext
from bridge.slack.gateway import Gateway
from bridge.store import drafts, jobs, mails
from bridge.store.database import Store

log = structlog.get_logger()

UNSENT = frozenset({DraftState.HELD, DraftState.QUEUED, DraftState.HANDING_OVER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail as it left: the kept bytes' id, and what they say."""

    raw_id: int
    digest: str
    message: Message
    reading: Reading


async def as_sent(store: Store, draft: Draft) -> Sent | None:
    """Read a draft's composed mail back, or None where it was never composed."""
    async with store.read() as conn:
        raw_id = await drafts.raw_id(conn, draft.id)
        raw = await mails.load_raw(conn, raw_id) if raw_id is not None else b""
    if raw_id is None:
        return None
    message = await asyncio.to_thread(parse, raw)
    reading = Reading(new=richtext.lines(draft.rich_text))
    return Sent(raw_id=raw_id, digest=rules.digest(raw, message), message=message, reading=reading)


async def keep_sent(conn: AsyncConnection, draft: Draft, sent: Sent | None, *, copy: bool) -> None:
    """Keep a mail that left as a message of its conversation, and promise its copy in Sent where one is kept."""
    if sent is not None:
        await mails.add(
            conn,
            sent.message,
            reading=sent.reading,
            mailbox=draft.mailbox,
            number=draft.number,
            direction=Direction.OUT,
            digest=sent.digest,
            raw_id=sent.raw_id,
            at=now(),
        )
    # What the bridge says by itself answers nothing: it is still our turn, and the mail is still to be read.
    by_a_person = draft.automatic is Automatic.NO
    version = await changed(conn, draft.number, **({"status": Status.WAITING} if by_a_person else {}))
    if by_a_person and draft.answers and draft.kind is not DraftKind.FORWARD:
        await mails.stand(conn, [draft.answers], seen=True, answered=True)  # as every mail client does
        await obey(conn, draft.number, version=version)
    if copy:
        await jobs.add(conn, key=f"copy:{draft.id}", kind="file_copy", lane="", payload={"draft": draft.id})


class Outbox:
    """The jobs that bring a draft out."""

    def __init__(
        self,
        store: Store,
        *,
        gateway: Gateway,
        mailboxes: Mapping[MailboxName, Mailbox],
        posts: Mapping[MailboxName, Post],
        originals: Originals,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._mailboxes = mailboxes
        self._posts = posts
        self._originals = originals
        self._metrics = metrics

    async def fetch(self, job: Job) -> None:
        """Fetch a draft's files from Slack. What cannot be had fails the draft at once, while it can be mended."""
        draft = await self._draft(job)
        if draft is None or draft.state not in (DraftState.HELD, DraftState.QUEUED):
            return
        async with self._store.read() as conn:
            fetched = await drafts.file_raws(conn, draft.id)
        for position, (one, raw_id) in enumerate(zip(draft.files, fetched, strict=True)):
            if one.slack_id is None or raw_id is not None:
                continue
            try:
                file = await self._gateway.file(one.slack_id)
                content = await self._gateway.download(file, max_bytes=self._mailbox(draft).max_bytes)
            except (Permanent, Refused) as error:
                await self._end(draft, DraftState.FAILED, reason=f"{one.filename}: {error}")
                return
            async with self._store.write() as conn:
                kept = await mails.save_raw(conn, content, at=now())
                await drafts.file_fetched(conn, draft.id, position, raw_id=kept)

    async def send(self, job: Job) -> None:
        """Hand a draft over to the mail server, once."""
        draft = await self._draft(job)
        if draft is None or draft.state not in UNSENT:
            return
        if draft.state is DraftState.HANDING_OVER:
            await self._settle(draft)
            return
        mailbox = self._mailbox(draft)
        try:
            raw = await self._composed(draft, mailbox)
            outcome = await smtp.send(
                self._post(draft).smtp,
                raw=raw,
                sender=mailbox.address.email,
                recipients=[one.email for one in (*draft.to, *draft.cc, *draft.bcc)],
                handing_over=lambda: self._hand_over(draft),
            )
        except Temporary as error:
            await self._back_to_queue(draft, reason=str(error))
            raise
        except Uncertain as error:
            await self._end(draft, DraftState.UNCERTAIN, reason=str(error))
        except (Permanent, Refused) as error:
            await self._end(draft, DraftState.FAILED, reason=str(error))
        else:
            told = [(one.recipient, "accepted" if one.accepted else one.words) for one in outcome.answers]
            await self._end(draft, DraftState.SENT, outcome=told)

    async def give_up(self, job: Job, error: BridgeError) -> None:
        """A job was parked: where it was a draft's, the agent is told in its line."""
        if "draft" in job.payload and (draft := await self._draft(job)):
            await self._end(draft, DraftState.FAILED, reason=str(error))

    async def file_copy(self, job: Job) -> None:
        """Put the copy of a sent mail into the mailbox's Sent folder."""
        draft = await self._draft(job)
        if draft is None:
            return
        async with self._store.read() as conn:
            raw_id = await drafts.raw_id(conn, draft.id)
            raw = await mails.load_raw(conn, raw_id) if raw_id else b""
        post = self._post(draft)
        post.reached()
        await post.sent.keep(raw, message_id=draft.message_id)

    # --- states -------------------------------------------------------------------------------------------------------

    async def _settle(self, draft: Draft) -> None:
        """A draft that was being handed over when the bridge died: where the server filed it as sent, it left."""
        if await self._post(draft).sent.has(draft.message_id):
            await self._end(draft, DraftState.SENT, outcome=[(one.email, "accepted") for one in draft.to])
            return
        reason = "The bridge was stopped while it handed this mail over: it may have arrived, or not."
        await self._end(draft, DraftState.UNCERTAIN, reason=reason)

    async def _hand_over(self, draft: Draft) -> None:
        """From here on a silence is uncertain. Whoever undid the draft a moment ago has won."""
        async with self._store.write() as conn:
            if not await drafts.move(conn, draft.id, DraftState.HANDING_OVER, out_of={DraftState.QUEUED}):
                raise Refused("This mail was undone.")

    async def _back_to_queue(self, draft: Draft, *, reason: str) -> None:
        async with self._store.write() as conn:
            if await drafts.move(conn, draft.id, DraftState.QUEUED, out_of=UNSENT, reason=reason):
                await changed(conn, draft.number)

    async def _end(
        self, draft: Draft, state: DraftState, *, reason: str = "", outcome: Sequence[tuple[str, str]] = ()
    ) -> None:
        sent = await as_sent(self._store, draft) if state is DraftState.SENT else None
        async with self._store.write() as conn:
            if not await drafts.move(conn, draft.id, state, out_of=UNSENT, reason=reason, outcome=list(outcome)):
                return
            if state is DraftState.SENT:
                await keep_sent(conn, draft, sent, copy=self._mailbox(draft).saves_sent)
            else:
                await changed(conn, draft.number)
        self._metrics.sent(draft.mailbox, outcome=str(state))
        log.info("an answer has reached a state", draft=draft.id, state=str(state))

    # --- the mail itself ----------------------------------------------------------------------------------------------

    async def _composed(self, draft: Draft, mailbox: Mailbox) -> bytes:
        """The mail, composed once and kept: every try sends the same bytes."""
        async with self._store.read() as conn:
            raw_id = await drafts.raw_id(conn, draft.id)
            if raw_id is not None:
                return await mails.load_raw(conn, raw_id)
        raw = await asyncio.to_thread(compose.compose, await self._outgoing(draft, mailbox))
        if len(raw) > mailbox.max_bytes:
            raise Permanent("The mail is larger than MAIL_MAX_BYTES allows; send fewer files, or a link to them.")
        async with self._store.write() as conn:
            if not await drafts.move(conn, draft.id, DraftState.QUEUED, out_of={DraftState.HELD, DraftState.QUEUED}):
                raise Refused("This mail was undone.")
            await drafts.composed(conn, draft.id, raw_id=await mails.save_raw(conn, raw, at=now()))
            await changed(conn, draft.number)
        return raw

    async def _outgoing(self, draft: Draft, mailbox: Mailbox) -> compose.Outgoing:
        original = await self._message(draft.answers) if draft.answers else None
        forwarded = original if draft.kind is DraftKind.FORWARD else None
        answered = None if draft.kind is DraftKind.FORWARD else original
        return compose.Outgoing(
            message_id=draft.message_id,
            date=draft.due,
            from_=mailbox.address,
            to=draft.to,
            cc=draft.cc,
            subject=draft.subject,
            lines=richtext.lines(draft.rich_text),
            attachments=await self._contents(draft),
            in_reply_to=answered.message_id if answered else "",
            references=(answered.references or answered.in_reply_to) if answered else (),
            quoted=answered if draft.quote else None,
            forwarded=forwarded,
            automatic=draft.automatic,
        )

    async def _message(self, mail_id: MailId) -> Message | None:
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
        if stored is None:
            return None
        raw = await self._originals.of(stored)
        return await asyncio.to_thread(parse, raw) if raw is not None else stored.message

    async def _contents(self, draft: Draft) -> tuple[Attachment, ...]:
        made = []
        async with self._store.read() as conn:
            fetched = await drafts.file_raws(conn, draft.id)
            contents = [await mails.load_raw(conn, one) if one else b"" for one in fetched]
        for file, content in zip(draft.files, contents, strict=True):
            if file.mail_id:
                original = await self._message(file.mail_id)
                if original is None or file.position >= len(original.attachments):
                    raise Permanent(f"{file.filename} is no longer kept here; fetch it from the mailbox.")
                content = original.attachments[file.position].content  # noqa: PLW2901 - one or the other place
            made.append(Attachment(filename=file.filename, content_type=file.content_type, content=content))
        return tuple(made)

    # --- what is known ------------------------------------------------------------------------------------------------

    async def _draft(self, job: Job) -> Draft | None:
        async with self._store.read() as conn:
            return await drafts.get(conn, DraftId(job.payload["draft"]))

    def _post(self, draft: Draft) -> Post:
        self._mailbox(draft)
        return self._posts[draft.mailbox]

    def _mailbox(self, draft: Draft) -> Mailbox:
        if draft.mailbox not in self._mailboxes:
            raise Permanent(f"The mailbox {draft.mailbox} is not configured any more.")
        return self._mailboxes[draft.mailbox]
