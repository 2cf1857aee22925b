"""Backfill: mail that came before the first watch is brought in, paced. Works beside a running service.

It has a connection of its own, marks nothing, and leaves the service's cursor alone. What was brought in once is known
by its place and its content: a second run takes only what is missing. The cards are posted by the service, as quickly
as Slack allows; this waits for it, so that an agent's click never stands behind a thousand old mails.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date

from bridge import mailboxes as mailboxes_of
from bridge.accounts import Accounts
from bridge.commands.scripts import known_mailbox
from bridge.config import MailboxSettings, Settings
from bridge.desk import Mailbox
from bridge.errors import Misconfigured, Refused, Temporary
from bridge.mail.imap import ImapSource
from bridge.mail.source import Place, Role, Source
from bridge.metrics import Metrics
from bridge.model import MailboxName
from bridge.reception import Reception
from bridge.slack.gateway import Gateway
from bridge.store import jobs, mails
from bridge.store.database import Store

AHEAD = 20  # conversations that wait to be shown: beyond them it waits
PATIENCE = 60.0  # seconds without anything being shown, after which nobody seems to show anything
LOOK = 0.2  # seconds between looks at what is still to be shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a backfill came to: mails found since that day, those that were new here, and those that were known."""

    found: int
    new: int
    known: int


async def backfill(
    settings: Settings,
    *,
    mailbox: str,
    since: date,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Brought:
    """Bring in a mailbox's mail since that day (the server's own day). `progress`: told how many of how many.

    Raises Refused where there is no such mailbox, or none to bring in from, or where nobody shows what was brought in.
    """
    one = next((box for box in settings.mailboxes if box.name == mailbox), None)
    if not settings.mailboxes:
        raise Misconfigured("No mailbox is configured: `bridge init` asks what it needs and writes it down.")
    if one is None:
        names = ", ".join(box.name for box in settings.mailboxes)
        raise Misconfigured(f"There is no mailbox {mailbox}: say one of {names}.")
    if one.imap is None:
        raise Refused(f"{mailbox} is the embedded mailbox: all that it holds is shown from the start.")
    async with _opened(settings, one) as (store, box, source):
        places, known = await _older(store, box, source, since=since)
        new = 0
        reception = Reception(
            store, keys=settings.secret_keys, metrics=Metrics(), trusted=settings.trusted, unheld=settings.unheld
        )
        for done, (uidvalidity, uid) in enumerate(places):
            progress(done, len(places))
            if dry_run:
                continue
            await _pace(store)
            arrival = await source.fetch(uid, uidvalidity=uidvalidity)
            new += arrival is not None and await reception.take_old(box, arrival)
        progress(len(places), len(places))
        return Brought(found=len(places), new=new, known=known if dry_run else known + len(places) - new)


@contextlib.asynccontextmanager
async def _opened(settings: Settings, one: MailboxSettings) -> AsyncIterator[tuple[Store, Mailbox, ImapSource]]:
    async with contextlib.AsyncExitStack() as closing:
        store = await Store.open(settings.database_url.get_secret_value())
        closing.push_async_callback(store.close)
        token = settings.slack.bot_token.get_secret_value()
        gateway = await closing.enter_async_context(Gateway.open(token=token, api_url=settings.slack.api_url))
        box = await known_mailbox(one, settings=settings, store=store, gateway=gateway)
        accounts = Accounts.of(settings, store=store)
        closing.push_async_callback(accounts.close)
        post = mailboxes_of.posts(settings.model_copy(update={"mailboxes": (one,)}), accounts=accounts)[box.name]
        closing.push_async_callback(post.close)
        assert isinstance(post.source, ImapSource)  # noqa: S101 - it has a server
        yield store, box, post.source


async def _older(store: Store, box: Mailbox, source: Source, *, since: date) -> tuple[list[Place], int]:
    """The mails since that day that came before the first watch: those that are not here yet, the oldest first; and how
    many are.
    """
    first = await _first_watch(store, box.name, source)
    places = await source.search_since(since)
    async with store.read() as conn:
        seen = await mails.seen_places(conn, box.name, uidvalidity=first[0], uids=[uid for _, uid in places])
    older = [(uidvalidity, uid) for uidvalidity, uid in places if uid < first[1]]
    new = [(uidvalidity, uid) for uidvalidity, uid in older if uid not in seen]
    return new, len(older) - len(new)


async def _first_watch(store: Store, name: MailboxName, source: Source) -> Place:
    """Where the service's watch stands; where there was none yet, it begins with the next mail, from now on."""
    async with store.read() as conn:
        cursor = await mails.cursor(conn, name)
    if cursor is None:
        inbox = (await source.folders())[Role.INBOX]
        cursor = (await source.since(None, folder=inbox)).cursor
        async with store.write() as conn:
            await mails.move_cursor(conn, name, cursor)
    return cursor.uidvalidity, cursor.uidnext


async def _pace(store: Store) -> None:
    """Wait until the service has shown most of what was brought in."""
    waiting = await _unshown(store)
    try:
        while waiting >= AHEAD:
            async with asyncio.timeout(PATIENCE):
                while (left := await _unshown(store)) >= waiting:  # noqa: ASYNC110 - another process works it off
                    await asyncio.sleep(LOOK)
            waiting = left
    except TimeoutError:
        raise Temporary(
            "Nothing of what was brought in is shown: start `bridge run`, then go on with the same command."
        ) from None


async def _unshown(store: Store) -> int:
    async with store.read() as conn:
        return await jobs.unfinished(conn, "show")
