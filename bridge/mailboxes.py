"""The mailboxes of a running bridge: where the mail of each comes from, and how it is watched (wiring).

Each is watched by a task of its own, so that one that fails holds up no other.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from datetime import timedelta

import structlog

from bridge.accounts import Accounts
from bridge.automation.alarms import Alarms
from bridge.automation.due import Pace, Step
from bridge.config import MailboxSettings, ServerSettings, Settings
from bridge.desk import Acknowledgement, Mailbox, Silence
from bridge.errors import BridgeError, Temporary
from bridge.health import Health
from bridge.instep import InStep
from bridge.limits import allow_files
from bridge.mail.imap import Gate, ImapServer, ImapSource
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.mail.sent import LocalSent, SentFolder
from bridge.mail.smtpsession import Server
from bridge.model import Address, ChannelId, MailboxName
from bridge.post import Post
from bridge.reception import Reception
from bridge.store import mails
from bridge.store.database import Store
from bridge.store.turns import be_patient

log = structlog.get_logger()

RETRY = 5.0  # seconds until a mailbox that failed is watched again
FILES_EACH = 4  # open files of a watched mailbox: its connection, its bell's two ends, and one for a command's own
MENDING = 60.0  # seconds until one is tried again that a person must mend: more often would only lock the account


def posts(settings: Settings, *, accounts: Accounts) -> dict[MailboxName, Post]:
    """Every mailbox's, by name. Nothing is opened yet."""
    gate = Gate()
    if not allow_files(FILES_EACH * len(settings.mailboxes)):
        log.warning("this system lets a process open too few files for so many mailboxes; raise the hard limit")
    return {
        MailboxName(one.name): _post(one, settings=settings, accounts=accounts, gate=gate) for one in settings.mailboxes
    }


def _post(one: MailboxSettings, *, settings: Settings, accounts: Accounts, gate: Gate) -> Post:
    name = MailboxName(one.name)
    smtp = smtp_server(name, one.smtp, accounts=accounts)
    if one.imap is None:
        maildir = Maildir(settings.data / "mail" / one.name)
        source = LocalSource(maildir, max_bytes=settings.max_bytes)
        return Post(name=name, source=source, smtp=smtp, sent=LocalSent(source), maildir=maildir)
    watched = ImapSource(
        imap_server(name, one.imap, accounts=accounts),
        max_bytes=settings.max_bytes,
        folders=one.folders.model_dump(),
        gate=gate,
    )
    rest = functools.partial(accounts.rest, name) if one.imap.auth == "xoauth2" else asyncio.sleep
    return Post(name=name, source=watched, smtp=smtp, sent=SentFolder(watched), rest=rest)


def mailbox(one: MailboxSettings, *, channel: ChannelId, max_bytes: int) -> Mailbox:
    """A mailbox as the desk works with it."""
    return Mailbox(
        name=MailboxName(one.name),
        address=Address(name=one.display_name, email=one.address),
        channel=channel,
        hold=timedelta(seconds=one.hold_seconds),
        saves_sent=one.saves_sent,
        resurface=one.resurface,
        resurface_after=timedelta(minutes=one.resurface_minutes),
        max_bytes=max_bytes,
        signature=one.signature,
        forwards=one.forwards,
        ack=Acknowledgement(**dict(one.ack)) if one.auto_ack else None,
        pace=_pace(one),
        silence=_silence(one),
    )


def _pace(one: MailboxSettings) -> Pace:
    nudges = {Step.CHANNEL: one.nudges.channel, Step.OWNER: one.nudges.owner, Step.ADMINS: one.nudges.admins}
    return Pace(
        hours=one.hours.hours,
        first_response=one.first_response,
        next_response=one.next_response or one.first_response,
        nudges={step: offset for step, offset in nudges.items() if offset is not None},
    )


def _silence(one: MailboxSettings) -> Silence | None:
    if one.silence.close_after is None:
        return None
    said, bounds = one.silence, {"per_sender": one.ack.per_sender, "per_hour": one.ack.per_hour}
    last = Acknowledgement(subject=said.subject, text=said.text, html=said.html, **bounds)
    return Silence(close_after=one.silence.close_after, last_mail=last if one.silence.last_mail else None)


async def find_channel(
    mailboxes: MutableMapping[MailboxName, Mailbox], *, health: Health, resolve: Callable[[], Awaitable[ChannelId]]
) -> None:
    """Wait until there is a channel for the mailbox to show in; until then it is reported as failing, and not read."""
    name = health.name
    while not mailboxes[name].channel:
        try:
            mailboxes[name] = replace(mailboxes[name], channel=await resolve())
        except BridgeError as error:
            health.fails(error)
            log.warning("a mailbox has no channel to show in, and is not read", mailbox=name, reason=str(error))
            await asyncio.sleep(MENDING)


async def watch(
    store: Store,
    *,
    reception: Reception,
    in_step: InStep,
    alarms: Alarms,
    mailbox: Mailbox,
    post: Post,
    health: Health,
) -> None:
    """Take in a mailbox's mail, and what other mail clients do with it, for ever."""
    be_patient()
    async with asyncio.TaskGroup() as watching:
        watching.create_task(
            _take_in(store, reception=reception, alarms=alarms, mailbox=mailbox, post=post, health=health)
        )
        for follow in (in_step.follow, in_step.follow_sent):
            watching.create_task(_follow(follow, post))


async def _follow(follow: Callable[[Post], Awaitable[None]], post: Post) -> None:
    while True:
        pause = RETRY
        try:
            await follow(post)
        except BridgeError as error:
            pause = _pause(error)
            log.debug("a mailbox is not followed now", mailbox=post.name, reason=str(error))
        except Exception:
            log.exception("a mailbox's following failed and begins again", mailbox=post.name)
        await post.rest(pause)


async def _take_in(
    store: Store, *, reception: Reception, alarms: Alarms, mailbox: Mailbox, post: Post, health: Health
) -> None:
    """Take in a mailbox's mail for ever, from where the last commit left off."""
    while True:
        pause = RETRY
        try:
            async with store.read() as conn:
                cursor = await mails.cursor(conn, mailbox.name)
            async with contextlib.aclosing(post.source.arrivals(cursor)) as arrivals:
                async for batch in arrivals:
                    await reception.receive(mailbox, batch)
                    post.begun.set()
                    await alarms.reading(mailbox.name)
        except BridgeError as error:
            post.begun.set()
            health.fails(error)
            pause = _pause(error)
            log.warning("a mailbox cannot be read now and is tried again", mailbox=mailbox.name, reason=str(error))
            with contextlib.suppress(Temporary):  # the database is away; the next try fails and tells
                await alarms.failing(mailbox.name, error)
        except Exception:
            log.exception("a mailbox's watch failed and begins again", mailbox=mailbox.name)
        await post.rest(pause)


def _pause(error: BridgeError) -> float:
    return RETRY if isinstance(error, Temporary) else MENDING


async def settled(posted: Mapping[MailboxName, Post], *, within: float) -> None:
    """Wait until each mailbox is watched, here or elsewhere, or has been found failing, so many seconds at the most.

    A local one begins at its beginning, so it misses nothing whenever it begins.
    """
    waiting = [asyncio.ensure_future(_settled(one)) for one in posted.values() if one.maildir is None]
    if waiting and (await asyncio.wait(waiting, timeout=within))[1]:
        log.warning("a mailbox has not answered yet; it is tried on")
    for one in waiting:
        one.cancel()


async def _settled(post: Post) -> None:
    """It is known before it is told: a server that is away is tried again and again within `arrivals`."""

    async def found_failing() -> bool:
        failing = isinstance(post.source, ImapSource) and await post.source.settled() is not None
        return failing or await post.begun.wait()

    waiting = [asyncio.ensure_future(post.begun.wait()), asyncio.ensure_future(found_failing())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


def imap_server(name: MailboxName, settings: ServerSettings, *, accounts: Accounts | None) -> ImapServer:
    """How a mailbox is read, as the operator said. Without `accounts`, by no token."""
    return ImapServer(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        username=settings.username,
        password=settings.password.get_secret_value(),
        token=accounts.asked_from_a_thread(name) if accounts and settings.auth == "xoauth2" else None,
        ca_file=settings.ca_file,
    )


def smtp_server(name: MailboxName, settings: ServerSettings, *, accounts: Accounts | None) -> Server:
    """How a mailbox sends, as the operator said. Without `accounts`, by no token."""
    return Server(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        username=settings.username,
        password=settings.password.get_secret_value(),
        token=accounts.asked(name) if accounts and settings.auth == "xoauth2" else None,
        ca_file=settings.ca_file,
    )
