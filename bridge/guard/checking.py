"""Checking: what the filters named in the settings say of each mail, beside its intake, which never waits for them.

    reception -> job "check" -> each filter is asked once -> its verdict is kept with the mail
    a verdict that speaks against the mail -> its card and its message in the thread say so; no robot answers it, nor
    passes it on; the rules that look for spam act

A filter that is away is asked a few times and then let be: the mail is shown as ever, and `/readyz` and `/mail status`
tell which filter is silent until it answers again.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.automation.later import nothing_because_of
from bridge.desk import Mailbox, changed_by_itself, write_down
from bridge.errors import Permanent, Temporary
from bridge.guard import lessons
from bridge.mail.filters import Filter
from bridge.mail.parse import parse
from bridge.model import (
    BRIDGE,
    DraftKind,
    Folder,
    Job,
    MailboxName,
    MailId,
    Spam,
    Status,
    StoredMessage,
    Verdict,
    now,
)
from bridge.routing.rulebook import Rulebook
from bridge.store import conversations, jobs, mails, raws
from bridge.store.database import Store

log = structlog.get_logger()

WAITS = (timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=20))
"""After which a filter that was silent is asked again about a mail; then no more."""

LET_BE = 20.0  # seconds for which a silent filter is asked about no other mail either: each may cost its whole patience
HANDS = 2  # mails that are checked at a time: a slow filter takes no more of what works for the rest


async def promise(
    conn: AsyncConnection, mail_ids: Sequence[MailId], *, tries: int = 0, due: datetime | None = None
) -> None:
    """Promise that these mails are checked, now or then. `tries`: how often they were to be before."""
    promises = [
        jobs.Promise(
            key=f"check:{one}:{tries}",
            kind="check",
            lane=f"check:{one % HANDS}",
            payload={"mail": one, "tries": tries},
            due=due,
        )
        for one in mail_ids
    ]
    await jobs.add_all(conn, promises)


class Checking:
    """Asks the filters."""

    def __init__(
        self,
        store: Store,
        *,
        filters: Sequence[Filter],
        own: Collection[str] = (),
        mailboxes: Mapping[MailboxName, Mailbox] = MappingProxyType({}),
        rulebook: Rulebook | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`own`: our mailboxes' addresses, in lower case; `rulebook`: the rules, of which some act on spam."""
        self._store = store
        self._own = own
        self._filters = filters
        self._mailboxes = mailboxes
        self._rulebook = rulebook or Rulebook()
        self._clock = clock
        self._silent: dict[str, str] = {}
        self._let_be: dict[str, float] = {}

    def told(self) -> list[dict[str, str]]:
        """How each filter fares: its name, a state, and why it is silent."""
        return [
            {
                "name": one.name,
                "state": "silent" if one.name in self._silent else "answers",
                "reason": self._silent.get(one.name, ""),
            }
            for one in self._filters
        ]

    async def check(self, job: Job) -> None:
        """The job "check"."""
        mail_id = MailId(job.payload["mail"])
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
            raw = await raws.load(conn, stored.raw_id) if stored and stored.raw_id else None
        if stored is None or raw is None:
            return
        asked = {one.by for one in stored.checked}
        answered = [await self._ask(one, stored, raw) for one in self._filters if one.name not in asked]
        tries = job.payload["tries"]
        if not all(answered) and tries < len(WAITS):
            async with self._store.write() as conn:
                await promise(conn, [mail_id], tries=tries + 1, due=now() + WAITS[tries])

    async def _ask(self, one: Filter, stored: StoredMessage, raw: bytes) -> bool:
        """Ask a filter about a mail; False where it is to be asked again later, since it is silent."""
        if self._let_be.get(one.name, 0) > self._clock():
            return False
        try:
            verdict = await one.check(raw)
        except Temporary as error:
            self._silent[one.name] = str(error)
            self._let_be[one.name] = self._clock() + LET_BE
            log.warning("a filter does not answer", filter=one.name, detail=error.detail)
            return False
        except Permanent as error:
            log.info("a filter does not take a mail", filter=one.name, mail=stored.id, reason=str(error))
            return True
        self._silent.pop(one.name, None)
        await self._keep(stored, verdict, raw=raw)
        return True

    async def _keep(self, stored: StoredMessage, verdict: Verdict, *, raw: bytes) -> None:
        await self._rulebook.look_around(self._store)
        asked_for = verdict.level is Spam.SPAM and self._rulebook.asks_for_spam
        message = await asyncio.to_thread(parse, raw) if asked_for else None
        async with self._store.write() as conn:
            before = await mails.get(conn, stored.id)
            if before is None:
                return
            await mails.checked(conn, stored.id, (*before.checked, verdict))
            if verdict.level is Spam.HAM:
                return
            await jobs.add(
                conn,
                key=f"show_mail:{stored.id}:{verdict.by}",
                kind="show_mail",
                lane=f"conversation:{before.number}",
                payload={"mail": stored.id},
            )
            await changed_by_itself(conn, before.number)
            await write_down(conn, before.number, "checked", user=BRIDGE, detail=f"{verdict.by}: {verdict.level}")
            spam = verdict.level is Spam.SPAM
            kinds = [*DraftKind] if spam else [one for one in DraftKind if one is not DraftKind.FORWARD]
            await nothing_because_of(conn, before, kinds=kinds)
            await self._junk(conn, before, verdict)
            mailbox = self._mailboxes.get(before.mailbox)
            if mailbox and message:
                why = f"{verdict.by} calls it spam"
                await self._rulebook.promise_spam(conn, mailbox, before, message, why=why)

    async def _junk(self, conn: AsyncConnection, stored: StoredMessage, verdict: Verdict) -> None:
        """A sender who was called spam before begins again, and nobody has taken it up yet."""
        conversation = await conversations.get(conn, stored.number)
        untouched = conversation and conversation.status is Status.OPEN and conversation.owner is None
        alone = len(await mails.of_conversation(conn, stored.number)) == 1 and stored.folder is Folder.INBOX
        called_spam = await lessons.known(conn, stored.mailbox, [stored.message], own=self._own)
        if untouched and alone and called_spam and (why := lessons.against(stored.message, verdict)):
            await lessons.to_junk(conn, stored.number, stored.id, why=why)
