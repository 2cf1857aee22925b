"""The mailboxes of a running bridge: where the mail of each comes from, and how it is watched (wiring).

Each is watched by a task of its own, so that one that fails holds up no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bridge.config import MailboxSettings, ServerSettings, Settings
from bridge.desk import Desk, Mailbox
from bridge.errors import BridgeError, Permanent
from bridge.health import Health
from bridge.instep import InStep
from bridge.mail.imap import Gate, ImapServer, ImapSource
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.mail.sent import ImapSent, LocalSent, SentFolder
from bridge.mail.smtp import Server
from bridge.model import Address, ChannelId, MailboxName
from bridge.store import mails
from bridge.store.database import Store

log = structlog.get_logger()

RETRY = 5.0  # seconds until a mailbox that failed is watched again
MENDING = 60.0  # seconds until one is tried again that a person must mend: more often would only lock the account


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where a mailbox's mail comes from, and where copies of what it sent are kept. `maildir`: of a local one.

    `begun`: its cursor is committed, so that no mail from now on is missed; or it has been found failing.
    """

    source: LocalSource | ImapSource
    sent: SentFolder
    maildir: Maildir | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        """Let go of the folder, or of the server."""
        if self.maildir:
            await self.maildir.close()
        if isinstance(self.source, ImapSource):
            await self.source.stop()


def posts(settings: Settings) -> dict[MailboxName, Post]:
    """Every mailbox's, by name. Nothing is opened yet."""
    gate = Gate()
    return {MailboxName(one.name): _post(one, settings=settings, gate=gate) for one in settings.mailboxes}


def _post(one: MailboxSettings, *, settings: Settings, gate: Gate) -> Post:
    if one.imap is None:
        maildir = Maildir(settings.data / "mail" / one.name)
        source = LocalSource(maildir, max_bytes=settings.max_bytes)
        return Post(source=source, sent=LocalSent(maildir), maildir=maildir)
    watched = ImapSource(
        imap_server(one.imap), max_bytes=settings.max_bytes, folders=one.folders.model_dump(), gate=gate
    )
    return Post(source=watched, sent=ImapSent(watched))


def mailbox(one: MailboxSettings, *, channel: ChannelId, post: Post, max_bytes: int) -> Mailbox:
    """A mailbox as the desk works with it."""
    return Mailbox(
        name=MailboxName(one.name),
        address=Address(name=one.display_name, email=one.address),
        channel=channel,
        source=post.source,
        hold=timedelta(seconds=one.hold_seconds),
        smtp=smtp_server(one.smtp),
        sent=post.sent,
        saves_sent=one.saves_sent,
        max_bytes=max_bytes,
    )


async def watch(store: Store, *, desk: Desk, in_step: InStep, mailbox: Mailbox, post: Post, health: Health) -> None:
    """Take in a mailbox's mail, and what other mail clients do with it, for ever."""
    async with asyncio.TaskGroup() as watching:
        watching.create_task(_take_in(store, desk=desk, mailbox=mailbox, post=post, health=health))
        for follow in (in_step.follow, in_step.follow_sent):
            watching.create_task(_follow(follow, mailbox))


async def _follow(follow: Callable[[Mailbox], Awaitable[None]], mailbox: Mailbox) -> None:
    while True:
        pause = RETRY
        try:
            await follow(mailbox)
        except BridgeError as error:
            pause = MENDING if isinstance(error, Permanent) else RETRY
            log.debug("a mailbox is not followed now", mailbox=mailbox.name, reason=str(error))
        except Exception:
            log.exception("a mailbox's following failed and begins again", mailbox=mailbox.name)
        await asyncio.sleep(pause)


async def _take_in(store: Store, *, desk: Desk, mailbox: Mailbox, post: Post, health: Health) -> None:
    """Take in a mailbox's mail for ever, from where the last commit left off."""
    while True:
        pause = RETRY
        try:
            async with store.read() as conn:
                cursor = await mails.cursor(conn, mailbox.name)
            async for batch in post.source.arrivals(cursor):
                await desk.receive(mailbox, batch)
                post.begun.set()
        except BridgeError as error:
            post.begun.set()
            health.fails(error)
            pause = MENDING if isinstance(error, Permanent) else RETRY
            log.warning("a mailbox cannot be read now and is tried again", mailbox=mailbox.name, reason=str(error))
        except Exception:
            log.exception("a mailbox's watch failed and begins again", mailbox=mailbox.name)
        await asyncio.sleep(pause)


async def settled(posted: Mapping[MailboxName, Post], *, within: float) -> None:
    """Wait until each mailbox is watched or has been found failing, so many seconds at the most.

    A local one begins at its beginning, so it misses nothing whenever it begins.
    """
    waiting = [asyncio.ensure_future(_settled(one)) for one in posted.values() if one.maildir is None]
    if waiting and (await asyncio.wait(waiting, timeout=within))[1]:
        log.warning("a mailbox has not answered yet; it is tried on")
    for one in waiting:
        one.cancel()


async def _settled(post: Post) -> None:
    if isinstance(post.source, ImapSource) and await post.source.settled() is not None:
        return
    await post.begun.wait()


def imap_server(settings: ServerSettings) -> ImapServer:
    """How a mailbox is read, as the operator said."""
    return ImapServer(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        username=settings.username,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
    )


def smtp_server(settings: ServerSettings) -> Server:
    """How a mailbox sends, as the operator said."""
    return Server(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        username=settings.username,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
    )
