"""The outbox: a Draft's way from its hold to the customer's server, as jobs.

    "fetch": the files, at once, so that a failure shows while the mail is still held
    "send", after the hold: compose -> "handing over" committed before DATA -> SMTP -> outcome per recipient
    "file_copy": the copy in Sent; it can never cause a second sending

Never twice: each step up to the mail's last line is taken only while the job is still this replica's, by its fence and
the database's clock; the server's answer counts, whatever others thought meanwhile. The composed bytes and their
Message-ID are kept through every try, and after a crash or a silence after DATA the server's Sent folder is asked.
Where it does not know, the draft is "uncertain": then a person decides, or what the mailbox tells later
(bridge/settling.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.automation import silence
from bridge.automation.later import not_acknowledged
from bridge.composing import Composing
from bridge.desk import Mailbox, changed, obey, write_down
from bridge.errors import BridgeError, Permanent, Refused, Temporary, Uncertain
from bridge.jobs import INSIST
from bridge.mail import smtp
from bridge.mail.parse import parse
from bridge.metrics import Metrics
from bridge.model import (
    BRIDGE,
    Automatic,
    Direction,
    Draft,
    DraftId,
    DraftKind,
    DraftState,
    Job,
    MailboxName,
    Message,
    Number,
    Reading,
    Status,
    now,
)
from bridge.post import Post
from bridge.sentences import mark, say
from bridge.slack import richtext
from bridge.slack.gateway import Gateway
from bridge.store import conversations, correspondents, drafts, jobs, mails, raws
from bridge.store.database import Store
from bridge.store.rows import Ready, ready

log = structlog.get_logger()

UNSENT = frozenset({DraftState.HELD, DraftState.QUEUED, DraftState.HANDING_OVER})
ANYTHING_ELSE = frozenset(DraftState) - {DraftState.SENT}
PATIENT = 3  # tries to ask a Sent folder that is away; then the agent is asked, who may know another way


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail as it left: the kept bytes' id, and what they say."""

    raw_id: int
    digest: str
    message: Message
    reading: Reading
    made: Ready


ELSEWHERE = mark("Another replica has this mail in hand; it goes on there.")


async def insist(act: Callable[[], Awaitable[None]]) -> None:
    """Write down what is known of a mail, however long the database is in trouble: else it would be a riddle."""
    while True:
        try:
            return await act()
        except Temporary as error:
            log.warning("What became of a mail cannot be written down now", reason=str(error))
            await asyncio.sleep(INSIST)


async def as_sent(store: Store, draft: Draft) -> Sent | None:
    """Read a draft's composed mail back, or None where it was never composed."""
    async with store.read() as conn:
        raw_id = await drafts.raw_id(conn, draft.id)
        raw = await raws.load(conn, raw_id) if raw_id is not None else b""
    if raw_id is None:
        return None
    message = await asyncio.to_thread(parse, raw)
    reading = Reading(new=richtext.lines(draft.rich_text))
    made = await asyncio.to_thread(ready, message, reading)
    return Sent(raw_id=raw_id, digest=rules.digest(raw, message), message=message, reading=reading, made=made)


async def keep_sent(conn: AsyncConnection, draft: Draft, sent: Sent | None, *, mailbox: Mailbox) -> None:
    """Keep a mail that left as a message of its conversation, and promise its copy in Sent where one is kept."""
    number = await drafts.number_of(conn, draft)
    if sent is not None:
        await mails.add(
            conn,
            sent.message,
            reading=sent.reading,
            mailbox=draft.mailbox,
            number=number,
            direction=Direction.OUT,
            digest=sent.digest,
            raw_id=sent.raw_id,
            at=now(),
            made=sent.made,
        )
    await correspondents.written_to(conn, [one.email for one in (*draft.to, *draft.cc, *draft.bcc)], at=now())
    # What the bridge says by itself answers nothing: it is still our turn, and the mail is still to be read.
    by_a_person = draft.automatic is Automatic.NO
    to_them = by_a_person and draft.kind is not DraftKind.FORWARD  # what is passed on is no answer: they still wait
    then = Status.CLOSED if draft.closes else Status.WAITING
    still = to_them or (draft.closes and (by_a_person or await _waits_for_customer(conn, number)))
    version = await changed(conn, number, **({"status": then} if still else {}))
    if to_them and then is Status.WAITING:
        await silence.begins(conn, mailbox, number, since=now())
    if still and not by_a_person:
        await write_down(conn, number, "close", user=BRIDGE, detail=f"status: {Status.WAITING} → {then}")
    if to_them and draft.answers:
        await mails.stand(conn, [draft.answers], seen=True, answered=True)  # as every mail client does
        await obey(conn, number, version=version)
    if mailbox.saves_sent:
        await jobs.add(conn, key=f"copy:{draft.id}", kind="file_copy", lane="", payload={"draft": draft.id})


async def _waits_for_customer(conn: AsyncConnection, number: Number) -> bool:
    found = await conversations.get(conn, number)
    return found is not None and found.status is Status.WAITING


class Outbox:
    """The jobs that bring a draft out."""

    def __init__(
        self,
        store: Store,
        *,
        gateway: Gateway,
        mailboxes: Mapping[MailboxName, Mailbox],
        posts: Mapping[MailboxName, Post],
        composing: Composing,
        metrics: Metrics,
        still_ours: Callable[[], None],
    ) -> None:
        """`still_ours` raises Temporary where this replica has lost its jobs to another."""
        self._store = store
        self._gateway = gateway
        self._mailboxes = mailboxes
        self._posts = posts
        self._composing = composing
        self._metrics = metrics
        self._still_ours = still_ours

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
                await self.end(draft, DraftState.FAILED, reason=f"{one.filename}: {error}", job=job)
                return
            async with self._store.write() as conn:
                kept = await raws.save(conn, content, at=now())
                await drafts.file_fetched(conn, draft.id, position, raw_id=kept)

    async def send(self, job: Job) -> None:
        """Hand a draft over to the mail server, once."""
        draft = await self._draft(job)
        if draft is None or draft.state not in UNSENT:
            return
        if draft.state is DraftState.HANDING_OVER:
            await self._settle(draft, job, patient=job.attempts < PATIENT)
            return
        mailbox = self._mailbox(draft)

        async def taken(outcome: smtp.Outcome) -> None:
            # It has left, whatever another replica or a person thought of it meanwhile.
            told = [(one.recipient, "accepted" if one.accepted else one.words) for one in outcome.answers]
            await insist(lambda: self.end(draft, DraftState.SENT, outcome=told, out_of=ANYTHING_ELSE))

        try:
            await smtp.send(
                self._post(draft).smtp,
                raw=await self._composing.composed(draft, mailbox),
                sender=mailbox.address.email,
                recipients=draft.recipients,
                handing_over=lambda: self._hand_over(draft, job),
                last_look=lambda: self._last_look(job),
                taken=taken,
            )
        except Temporary as error:
            reason = str(error)
            await insist(lambda: self._back_to_queue(draft, job, reason=reason))
            raise
        except Uncertain as error:
            await self._end_unknown(draft, job, reason=str(error), patient=False)
        except (Permanent, Refused) as error:
            await self.end(draft, DraftState.FAILED, reason=str(error), job=job)

    async def give_up(self, job: Job, error: BridgeError) -> None:
        """A job was parked: where a draft goes no further without it, the agent is told in its line."""
        if job.kind in ("fetch", "send") and (draft := await self._draft(job)):
            handed = draft.state is DraftState.HANDING_OVER
            await self.end(draft, DraftState.UNCERTAIN if handed else DraftState.FAILED, reason=str(error), job=job)

    async def file_copy(self, job: Job) -> None:
        """Put the copy of a sent mail into the mailbox's Sent folder."""
        draft = await self._draft(job)
        if draft is None:
            return
        async with self._store.read() as conn:
            raw_id = await drafts.raw_id(conn, draft.id)
            raw = await raws.load(conn, raw_id) if raw_id else b""
        post = self._post(draft)
        post.reached()
        await post.sent.keep(raw, message_id=draft.message_id)

    # --- states -------------------------------------------------------------------------------------------------------

    async def _settle(self, draft: Draft, job: Job, *, patient: bool) -> None:
        """A draft that was being handed over when the bridge died."""
        reason = say("The bridge was stopped while it handed this mail over: it may have arrived, or not.")
        await self._end_unknown(draft, job, reason=reason, patient=patient)

    async def _end_unknown(self, draft: Draft, job: Job, *, reason: str, patient: bool) -> None:
        """Where the server filed it as sent, it left; else a person is asked. `patient`: a server that cannot be asked
        now is asked later. Raises Temporary then.
        """
        try:
            left = await self._post(draft).sent.has(draft.message_id)
        except BridgeError as error:
            if patient and isinstance(error, Temporary):
                raise
            log.info("the Sent folder could not be asked", draft=draft.id, reason=str(error))
            left = False
        if left:
            outcome = [(one, "accepted") for one in draft.recipients]
            await self.end(draft, DraftState.SENT, outcome=outcome, out_of=ANYTHING_ELSE)
        else:
            await self.end(draft, DraftState.UNCERTAIN, reason=reason, job=job)

    async def _hand_over(self, draft: Draft, job: Job) -> None:
        """From here on a silence is uncertain. Whoever undid the draft a moment ago has won."""
        async with self._store.write() as conn:
            moved = await drafts.move(conn, draft.id, DraftState.HANDING_OVER, out_of={DraftState.QUEUED})
            if not await jobs.held(conn, job):
                raise Temporary(say(ELSEWHERE))
            if not moved:
                raise Refused(say("This mail was undone."))
        self._still_ours()

    async def _last_look(self, job: Job) -> None:
        """Before the mail's last line, which sends it: what came before may have taken minutes, or a long sleep."""
        async with self._store.write() as conn:
            if not await jobs.held(conn, job):
                raise Temporary(say(ELSEWHERE))
        self._still_ours()

    async def _back_to_queue(self, draft: Draft, job: Job, *, reason: str) -> None:
        async with self._store.write() as conn:
            if await jobs.held(conn, job) and await drafts.move(
                conn, draft.id, DraftState.QUEUED, out_of=UNSENT, reason=reason
            ):
                await changed(conn, await drafts.number_of(conn, draft))

    async def end(
        self,
        draft: Draft,
        state: DraftState,
        *,
        reason: str = "",
        outcome: Sequence[tuple[str, str]] = (),
        out_of: Collection[DraftState] = UNSENT,
        job: Job | None = None,
    ) -> None:
        """Bring a draft to where it stays. Nothing happens where it is in none of `out_of` any more; nor, where this is
        a job's conclusion and no evidence, when the job is another replica's by now.
        """
        sent = await as_sent(self._store, draft) if state is DraftState.SENT else None
        async with self._store.write() as conn:
            if job is not None and not await jobs.held(conn, job):
                return
            before = await drafts.get(conn, draft.id)
            if not await drafts.move(conn, draft.id, state, out_of=out_of, reason=reason, outcome=list(outcome)):
                return
            if state is DraftState.SENT:
                await keep_sent(conn, draft, sent, mailbox=self._mailbox(draft))
                if draft.automatic is Automatic.NO:
                    await not_acknowledged(conn, await drafts.number_of(conn, draft))
            else:
                await changed(conn, await drafts.number_of(conn, draft))
            detail = f"{(before or draft).state} → {state}"
            await write_down(conn, await drafts.number_of(conn, draft), str(state), user=BRIDGE, detail=detail)
        self._metrics.sent(draft.mailbox, outcome=str(state))
        log.info("an answer has reached a state", draft=draft.id, state=str(state))

    # --- what is known ------------------------------------------------------------------------------------------------

    async def _draft(self, job: Job) -> Draft | None:
        async with self._store.read() as conn:
            return await drafts.get(conn, DraftId(job.payload["draft"]))

    def _post(self, draft: Draft) -> Post:
        self._mailbox(draft)
        return self._posts[draft.mailbox]

    def _mailbox(self, draft: Draft) -> Mailbox:
        if draft.mailbox not in self._mailboxes:
            raise Permanent(say("The mailbox {mailbox} is not configured any more.", mailbox=draft.mailbox))
        return self._mailboxes[draft.mailbox]
