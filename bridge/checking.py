"""Checking: what the filters named in the settings say of each mail, beside its intake, which never waits for them.

    reception -> job "check" -> each filter is asked once -> its verdict is kept with the mail
    a verdict that speaks against the mail -> its card and its message in the thread say so; no robot answers it

A filter that is away is asked a few times and then let be: the mail is shown as ever, and `/readyz` and `/mail status`
tell which filter is silent until it answers again.
"""

from collections.abc import Collection, Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import lessons
from bridge.desk import changed_by_itself, write_down
from bridge.errors import Permanent, Temporary
from bridge.mail.filters import Filter
from bridge.model import BRIDGE, DraftId, DraftState, Folder, Job, MailId, Number, Spam, Status, StoredMessage, Verdict
from bridge.store import conversations, drafts, jobs, mails, raws
from bridge.store.database import Store

log = structlog.get_logger()

TRIES = 4
"""How often a filter that is away is asked about one mail."""

HANDS = 2  # mails that are checked at a time: a slow filter takes no more of what works for the rest


async def promise(conn: AsyncConnection, mail_ids: Sequence[MailId]) -> None:
    """Promise that these mails are checked."""
    promises = [
        jobs.Promise(key=f"check:{one}", kind="check", lane=f"check:{one % HANDS}", payload={"mail": one})
        for one in mail_ids
    ]
    await jobs.add_all(conn, promises)


class Checking:
    """Asks the filters."""

    def __init__(self, store: Store, *, filters: Sequence[Filter], own: Collection[str] = ()) -> None:
        """`own`: our mailboxes' addresses, in lower case."""
        self._store = store
        self._own = own
        self._filters = filters
        self._silent: dict[str, str] = {}

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
        """The job "check". Raises Temporary where a filter is to be asked again."""
        mail_id = MailId(job.payload["mail"])
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
            raw = await raws.load(conn, stored.raw_id) if stored and stored.raw_id else None
        if stored is None or raw is None:
            return
        asked = {one.by for one in stored.checked}
        again: Temporary | None = None
        for one in self._filters:
            if one.name in asked:
                continue
            try:
                verdict = await one.check(raw)
            except Temporary as error:
                self._silent[one.name] = str(error)
                log.warning("a filter does not answer", filter=one.name, attempts=job.attempts, detail=error.detail)
                again = error
            except Permanent as error:
                log.info("a filter does not take a mail", filter=one.name, mail=mail_id, reason=str(error))
            else:
                self._silent.pop(one.name, None)
                await self._keep(stored, verdict)
        if again and job.attempts + 1 < TRIES:
            raise again

    async def _keep(self, stored: StoredMessage, verdict: Verdict) -> None:
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
            await _do_not_acknowledge(conn, before.number)
            await self._junk(conn, before, verdict)

    async def _junk(self, conn: AsyncConnection, stored: StoredMessage, verdict: Verdict) -> None:
        """A sender who was called spam before begins again, and nobody has taken it up yet."""
        conversation = await conversations.get(conn, stored.number)
        untouched = conversation and conversation.status is Status.OPEN and conversation.owner is None
        alone = len(await mails.of_conversation(conn, stored.number)) == 1 and stored.folder is Folder.INBOX
        called_spam = await lessons.known(conn, stored.mailbox, [stored.message], own=self._own)
        if untouched and alone and called_spam and (why := lessons.against(stored.message, verdict)):
            await lessons.to_junk(conn, stored.number, stored.id, why=why)


async def _do_not_acknowledge(conn: AsyncConnection, number: Number) -> None:
    """Take back what was promised to its sender before this was known, where it has not left."""
    draft_id = DraftId(f"ack-{number}")
    await jobs.cancel(conn, f"acknowledge:{number}")
    if await drafts.move(conn, draft_id, DraftState.CANCELLED, out_of={DraftState.HELD, DraftState.QUEUED}):
        await jobs.cancel(conn, f"send:{draft_id}")
