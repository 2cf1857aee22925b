"""The ledger against the server: every hour, and when asked, each mailbox's inbox is compared with what was taken in.

    job "reconcile" -> the server's uids since the first watch, without those in the ledger -> fetched and taken in
                    -> the outcome is kept for `/mail status` and `bridge check`, and counted

Nothing should ever be found. What is found was lost by somebody's mistake (ours, the server's, a backup's), is told as
an error, and comes in as if it had just arrived.
"""

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.config import Settings
from bridge.desk import Mailbox
from bridge.errors import BridgeError, Misconfigured, Temporary
from bridge.metrics import Metrics
from bridge.model import Job, MailboxName, now
from bridge.post import Post
from bridge.reception import Reception
from bridge.sentences import mark, plural, say
from bridge.store import jobs, ledger
from bridge.store.database import Store
from bridge.store.ledger import Reconciled

log = structlog.get_logger()

HOUR = timedelta(hours=1)
LOOK = 0.2  # seconds between looks for an outcome that is waited for
MOST = 200  # mails taken in at one comparison: what is left is taken at the next, and no channel is flooded

STATES = {
    "taken": mark("{n} taken"),
    "known": mark("{n} known"),
    "own": mark("{n} own"),
    "oversize": mark("{n} oversize"),
    "quarantined": mark("{n} quarantined"),
    "erased": mark("{n} erased"),
}
"""How many of a mailbox's mails ended in each of the states of `store.ledger.STATES`."""


class Ledger:
    """Compares, and repairs."""

    def __init__(
        self,
        store: Store,
        *,
        mailboxes: Mapping[MailboxName, Mailbox],
        posts: Mapping[MailboxName, Post],
        reception: Reception,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._mailboxes = mailboxes
        self._posts = posts
        self._reception = reception
        self._metrics = metrics

    async def begin(self) -> None:
        """Promise every mailbox's next comparison; one that is promised already stays."""
        for mailbox in self._mailboxes:
            await self._promise_next(mailbox)

    async def reconcile(self, job: Job) -> None:
        """The job "reconcile". A server that is away is asked again at the next one."""
        mailbox = MailboxName(job.payload["mailbox"])
        if mailbox not in self._mailboxes:
            return
        await self._promise_next(mailbox, after=job.due)
        try:
            await self.compare(mailbox)
        except BridgeError as error:
            log.warning("a mailbox could not be compared with the ledger", mailbox=mailbox, reason=str(error))

    async def compare(self, mailbox: MailboxName) -> Reconciled | None:
        """Compare one mailbox, and take in what is missing; None before its first watch. Raises as the source does."""
        async with self._store.write() as conn:
            span = await ledger.span(conn, mailbox)
        if span is None:
            return None
        source = self._posts[mailbox].reached()
        standing = await source.uids(span.first, uidvalidity=span.uidvalidity)
        async with self._store.read() as conn:  # asked of the server first: what came meanwhile is none of this
            missing = await ledger.unentered(conn, mailbox, span, standing)
        repaired = 0
        for uid in missing[:MOST]:
            arrival = await source.fetch(uid, uidvalidity=span.uidvalidity)
            if arrival is not None:
                await self._reception.take_missed(self._mailboxes[mailbox], arrival)
                repaired += 1
        if missing:
            log.error("mails were missing in the ledger", mailbox=mailbox, missing=len(missing), taken_in=repaired)
        self._metrics.missing(mailbox, len(missing))
        there = sum(span.first <= uid < span.uidnext for uid in standing)
        outcome = Reconciled(mailbox=mailbox, at=now(), standing=there, missing=len(missing), repaired=repaired)
        async with self._store.write() as conn:
            await ledger.compared(conn, outcome)
        return outcome

    async def _promise_next(self, mailbox: MailboxName, *, after: datetime | None = None) -> None:
        """One in each hour, each mailbox at a minute of its own; `after` the one that is done, should a clock that was
        set back come to it once more.
        """
        due = next_time(mailbox, after=max(now(), after or now()))
        async with self._store.write() as conn:
            key = f"reconcile:{mailbox}:{due:%Y-%m-%dT%H}"
            await jobs.add(conn, key=key, kind="reconcile", payload={"mailbox": mailbox}, due=due)


def in_words(entered: Mapping[str, int], compared: Reconciled | None) -> str:
    """What became of a mailbox's mails, in a sentence: how many are entered in each state, and the last comparison."""
    states = [say(STATES[state], n=count) for state, count in entered.items() if count]
    mails = plural(sum(entered.values()), "{n} mail in the ledger", "{n} mails in the ledger")
    mails += f" ({', '.join(states)})" if states else ""
    if compared is None:
        return say("{mails}, not yet compared with the server.", mails=mails)
    there, at = compared.standing, f"{compared.at:%Y-%m-%d %H:%M}"
    if not compared.missing:
        return say("{mails}; of {there} on the server at {at} UTC none missing.", mails=mails, there=there, at=at)
    return say(
        "{mails}; of {there} on the server at {at} UTC {missing} missing, {repaired} of them taken in.",
        mails=mails,
        there=there,
        at=at,
        missing=compared.missing,
        repaired=compared.repaired,
    )


async def all_in_words(conn: AsyncConnection, mailboxes: Iterable[MailboxName]) -> dict[MailboxName, str]:
    """`in_words` of each mailbox."""
    entered, compared = await ledger.counts(conn), await ledger.last(conn)
    return {one: in_words(entered.get(one, {}), compared.get(one)) for one in mailboxes}


def next_time(mailbox: MailboxName, *, after: datetime) -> datetime:
    """When a mailbox is compared next: once in each hour, at a second of its own."""
    hour = after.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    at = hour + timedelta(seconds=zlib.crc32(mailbox.encode()) % 3600)
    return at if at > after else at + HOUR


async def on_demand(store: Store, mailbox: MailboxName, *, within: float) -> Reconciled:
    """Have the running service compare a mailbox now, and wait for the outcome so many seconds.

    Raises Temporary where there is none by then.
    """
    asked = now()
    async with store.write() as conn:
        key = f"reconcile:{mailbox}:{asked.isoformat()}"
        await jobs.add(conn, key=key, kind="reconcile", payload={"mailbox": mailbox})
    try:
        async with asyncio.timeout(within):
            while True:
                async with store.read() as conn:
                    outcome = (await ledger.last(conn)).get(mailbox)
                if outcome and outcome.at >= asked:
                    return outcome
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise Temporary(
            f"{mailbox} was not compared within {within:.0f} s: is `bridge run` running, and the mail server there? "
            "It is compared as soon as they are."
        ) from None


async def compare_now(settings: Settings, *, mailbox: str | None, within: float) -> list[tuple[str, bool]]:
    """`bridge reconcile`: for each mailbox a sentence, and whether nothing was missing.

    Raises Misconfigured where there is no such mailbox, Temporary where nobody compared one in time.
    """
    names = [MailboxName(one.name) for one in settings.mailboxes]
    if mailbox is not None and mailbox not in names:
        raise Misconfigured(f"There is no mailbox {mailbox}: say one of {', '.join(names) or 'none is configured'}.")
    store = await Store.open(settings.database_url.get_secret_value())
    try:
        told = []
        for name in names if mailbox is None else [MailboxName(mailbox)]:
            outcome = await on_demand(store, name, within=within)
            async with store.read() as conn:
                told.append((f"{name}: {(await all_in_words(conn, [name]))[name]}", not outcome.missing))
        return told
    finally:
        await store.close()
