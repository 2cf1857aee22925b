"""Composing a Draft's mail: what it is made of is fetched, and it is made once. Every try sends the same bytes."""

import asyncio
from dataclasses import replace

from bridge.desk import Mailbox, changed
from bridge.errors import Permanent, Refused, Temporary
from bridge.mail import compose
from bridge.mail.forwards import passed_on
from bridge.mail.parse import parse
from bridge.mail.signature import signature
from bridge.model import Attachment, Automatic, Draft, DraftKind, DraftState, MailId, Message, now
from bridge.originals import Originals
from bridge.sentences import say
from bridge.slack import richtext
from bridge.store import drafts, mails, people, raws
from bridge.store.database import Store


class Composing:
    """What becomes of a draft on its way to the mail server."""

    def __init__(self, store: Store, *, originals: Originals) -> None:
        self._store = store
        self._originals = originals

    async def composed(self, draft: Draft, mailbox: Mailbox) -> bytes:
        """The mail, composed once and kept: every try sends the same bytes."""
        async with self._store.read() as conn:
            raw_id = await drafts.raw_id(conn, draft.id)
            if raw_id is not None:
                return await raws.load(conn, raw_id)
        raw = await asyncio.to_thread(compose.compose, await self._outgoing(draft, mailbox))
        if len(raw) > mailbox.max_bytes:
            raise Permanent(say("The mail is larger than MAIL_MAX_BYTES allows; send fewer files, or a link to them."))
        async with self._store.write() as conn:
            fresh = await drafts.get(conn, draft.id)
            if fresh is None or fresh.state not in (DraftState.HELD, DraftState.QUEUED):
                raise Refused(say("This mail was undone."))
            before = {DraftState.HELD, DraftState.QUEUED}
            unchanged = fresh.rich_text == draft.rich_text
            if not unchanged or not await drafts.move(
                conn, draft.id, DraftState.QUEUED, out_of=before, seen=fresh.revision
            ):
                raise Temporary(say("Its words were changed at the last moment."), retry_after=0)
            await drafts.composed(conn, draft.id, raw_id=await raws.save(conn, raw, at=now()))
            await changed(conn, await drafts.number_of(conn, draft))
        return raw

    async def _outgoing(self, draft: Draft, mailbox: Mailbox) -> compose.Outgoing:
        original = await self._original(draft.answers) if draft.answers else None
        forwarded = original if draft.kind is DraftKind.FORWARD else None
        answered = None if draft.kind is DraftKind.FORWARD else original
        return compose.Outgoing(
            message_id=draft.message_id,
            date=min(draft.due, now()),  # one that was to wait may be sent before its time
            from_=mailbox.address,
            to=draft.to,
            cc=draft.cc,
            subject=draft.subject,
            lines=richtext.lines(draft.rich_text),
            html=draft.html,
            attachments=await self._contents(draft),
            in_reply_to=answered.message_id if answered else "",
            references=(answered.references or answered.in_reply_to) if answered else (),
            quoted=answered if draft.quote else None,
            forwarded=forwarded,
            signature=await self._signature(draft, mailbox),
            automatic=draft.automatic,
        )

    async def _signature(self, draft: Draft, mailbox: Mailbox) -> str:
        """What stands below a person's mail; a template of what the bridge says by itself has its own end."""
        if draft.automatic is not Automatic.NO:
            return ""
        async with self._store.read() as conn:
            own = (await people.get(conn, draft.author)).signature
        return signature(mailbox.signature, own=own, name=draft.author_name, address=mailbox.address.email)

    async def _original(self, mail_id: MailId) -> Message | None:
        """The mail that a draft answers or passes on.

        Of one that a teammate passed on only what the customer wrote: what is said above it is none of their business.
        """
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
        message = await self._message(mail_id)
        if stored is None or message is None or stored.written_by is None:
            return message
        inner = await asyncio.to_thread(passed_on, message)
        if inner is None:  # it can no longer be told what is whose
            return replace(message, text="", html=None, from_=(stored.written_by,))
        if inner.message_id:
            return inner
        return replace(inner, message_id=message.message_id, references=message.references)

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
            contents = [await raws.load(conn, one) if one else b"" for one in fetched]
        for file, content in zip(draft.files, contents, strict=True):
            picture = None
            if file.mail_id:
                original = await self._message(file.mail_id)
                if original is None or file.position >= len(original.attachments):
                    raise Permanent(
                        say("{file} is no longer kept here; fetch it from the mailbox.", file=file.filename)
                    )
                kept = original.attachments[file.position]
                content = kept.content  # noqa: PLW2901 - one or the other place
                picture = kept.content_id if kept.inline else None  # it is shown again, where it was shown before
            made.append(
                Attachment(
                    filename=file.filename,
                    content_type=file.content_type,
                    content=content,
                    content_id=picture or "",
                    inline=bool(picture),
                )
            )
        return tuple(made)
