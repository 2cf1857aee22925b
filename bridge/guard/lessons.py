"""Lessons: what agents call spam is remembered by its sender, and taught to the filter that can learn.

    `spam` -> the sender is remembered, with who said so; a job "learn" for each mail
    a new conversation of such a sender -> its card says who called them spam; straight to junk only where the mail
    server or a filter calls this mail spam too, or its sender cannot be proven: addresses are forged
    `restore` -> forgotten, and unlearned

Whatever goes to junk by itself keeps its card, is found by search, stands in the log and comes back by `restore`.
"""

from collections.abc import Collection, Mapping, Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.automation.later import nothing_because_of
from bridge.desk import changed_by_itself, obey, write_down
from bridge.errors import Permanent, Temporary
from bridge.mail.filters import Rspamd
from bridge.model import (
    BRIDGE,
    DraftKind,
    Folder,
    Job,
    MailboxName,
    MailId,
    Message,
    Number,
    Spam,
    Status,
    StoredMessage,
    UserId,
    Verdict,
    now,
)
from bridge.store import jobs, mails, raws, spammers
from bridge.store.database import Store

log = structlog.get_logger()

TRIES = 4
"""How often a filter that is away is taught one mail."""


async def learn(conn: AsyncConnection, stored: Sequence[StoredMessage], *, spam: bool, by: UserId) -> None:
    """An agent said that these mails are spam, or that they are none."""
    for one in stored:
        if spam:
            await spammers.learn(conn, one.mailbox, [one.customer.email], by=by, at=now())
            await nothing_because_of(conn, one, kinds=[*DraftKind])
        else:
            await spammers.unlearn(conn, one.mailbox, [one.customer.email])
        payload = {"mail": one.id, "spam": spam}
        await jobs.add(conn, key=f"learn:{one.id}:{now().isoformat()}", kind="learn", lane="learn", payload=payload)


def against(message: Message, verdict: Verdict | None) -> str:
    """What speaks against a mail of a sender who was called spam before, in a few words; empty where nothing does."""
    if verdict and verdict.level is Spam.SPAM:
        return "a filter calls it spam"
    dmarc = message.authenticity.dmarc if message.authenticity else ""
    return "its sender cannot be proven" if dmarc == "fail" else ""


async def known(
    conn: AsyncConnection, mailbox: MailboxName, messages: Collection[Message], *, own: Collection[str]
) -> Mapping[str, UserId]:
    """Of the authors of these mails, those who were called spam before: who said so, by address in lower case."""
    emails = {one.author.email.lower() for one in messages} - set(own)
    return await spammers.among(conn, mailbox, emails) if emails else {}


async def why_not_answered(conn: AsyncConnection, stored: StoredMessage, *, own: Collection[str]) -> str:
    """Why no automatic mail may answer a mail by what is known by now, in a few words; empty where nothing speaks
    against it. What its headers say is `rules.unanswerable`.
    """
    if stored.verdict and stored.verdict.level is not Spam.HAM:
        return "a filter calls it spam"
    whose = {stored.customer.email.lower(), stored.message.author.email.lower()} - set(own)
    return "its sender was called spam before" if await spammers.among(conn, stored.mailbox, whose) else ""


async def to_junk(conn: AsyncConnection, number: Number, mail_id: MailId, *, why: str) -> None:
    """A new conversation of such a sender goes to junk by itself."""
    await mails.stand(conn, [mail_id], folder=Folder.JUNK)
    version = await changed_by_itself(conn, number, status=Status.CLOSED)
    await obey(conn, number, version=version)
    detail = f"its sender was called spam before, and {why}: folder: inbox → junk, status: open → closed"
    await write_down(conn, number, "spam", user=BRIDGE, detail=detail)


class Teacher:
    """The job "learn". `rspamd` is None where no filter learns."""

    def __init__(self, store: Store, *, rspamd: Rspamd | None) -> None:
        self._store = store
        self._rspamd = rspamd

    async def teach(self, job: Job) -> None:
        """Teach the filter one mail. Raises Temporary where it is to be tried again."""
        if self._rspamd is None:
            return
        async with self._store.read() as conn:
            stored = await mails.get(conn, MailId(job.payload["mail"]))
            raw = await raws.load(conn, stored.raw_id) if stored and stored.raw_id else None
        if raw is None:
            return
        try:
            await self._rspamd.learn(raw, spam=job.payload["spam"])
        except Permanent as error:
            log.warning("a filter did not learn from a mail", reason=str(error), detail=error.detail)
        except Temporary:
            if job.attempts + 1 < TRIES:
                raise
            log.warning("a filter is away, and did not learn from a mail")
