"""The wiring: the one place where the parts meet. Nothing happens at import.

    store -> engine -> gateway (Slack) -> desk, answers, outbox, show -> listeners (Slack) -> watchers (mailboxes)

`bridge run` and `bridge demo` both start a `Bridge`; they differ only in their settings.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bridge import mailboxes as mailboxes_of
from bridge import undone
from bridge.accounts import Accounts
from bridge.automation.housekeeping import keep_house
from bridge.clockwork import Tenure
from bridge.config import Settings, check_runnable
from bridge.desk import Mailbox
from bridge.errors import Misconfigured, Permanent, Temporary
from bridge.health import Health, Site
from bridge.home import Home
from bridge.ledger import all_in_words
from bridge.limits import give_large_blocks_back
from bridge.mail.local import Intake
from bridge.metrics import Metrics
from bridge.model import ChannelId, MailboxName, UserId, now
from bridge.numbers.gathering import lately
from bridge.parts import Parts, made
from bridge.post import Post
from bridge.sentences import house
from bridge.slack.acting import Acting
from bridge.slack.administering import Administering
from bridge.slack.aside import Aside
from bridge.slack.blocks import Block
from bridge.slack.bolt import bolt_app
from bridge.slack.composer import Composer
from bridge.slack.decisions import Decisions
from bridge.slack.events import Events
from bridge.slack.gateway import Gateway
from bridge.slack.heard import Heard
from bridge.slack.homes import Homes
from bridge.slack.listeners import Listeners
from bridge.slack.releasing import Releasing
from bridge.slack.requests import PATH, Requests
from bridge.slack.rulings import Rulings
from bridge.slack.searching import Searching
from bridge.slack.socket import Connection
from bridge.slack.strays import Strays
from bridge.slack.typed import Typed
from bridge.slack.windows import Windows
from bridge.spoken import Spoken
from bridge.store import jobs
from bridge.store.database import Store

log = structlog.get_logger()

_Answer = TypeVar("_Answer")

STOPPING = 5.0  # seconds in which what is in hand may finish; SIGTERM promises an end of everything within ten
FIRST_ANSWER = 20.0  # seconds that a mail server may take to answer before the bridge says that it is ready


class Bridge:
    """The service. `start` returns once Slack is connected and each mailbox is watched or reported as failing."""

    def __init__(self, settings: Settings, *, look_first: bool = True) -> None:
        """`look_first`: off only in the test that shows what finding before redoing is good for."""
        self._settings = settings
        self._look_first = look_first
        self._closing = contextlib.AsyncExitStack()
        self._finishing: list[Callable[[], Awaitable[None]]] = []
        self._health: list[Health] = []
        self._wake: Callable[[], None] | None = None
        self._way_in: Connection | Requests | None = None
        self._filters: Callable[[], list[dict[str, str]]] = list
        self.site: Site | None = None
        self.smtp: Intake | None = None
        self.lmtp: Intake | None = None

    async def start(self) -> None:
        """Open everything, in the order in which each part needs the one before."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    def wake(self) -> None:
        """Do what is due by now: the clock was set ahead, and whoever sleeps until then does not know."""
        if self._wake:
            self._wake()

    async def stop(self) -> None:
        """Take no new work, finish or hand back what is in hand, all at once; then close everything behind it."""
        finishing, self._finishing = self._finishing, []
        ended = await asyncio.gather(*(finish() for finish in finishing), return_exceptions=True)
        await self._closing.aclose()
        for failure in filter(None, ended):
            raise failure

    async def _start(self) -> None:
        settings, slack = self._settings, self._settings.slack
        house(settings.language)
        metrics = Metrics(MailboxName(one.name) for one in settings.mailboxes)
        store = await Store.open(settings.database_url.get_secret_value())
        self._closing.push_async_callback(store.close)
        tenure = Tenure()
        gateway = await self._closing.enter_async_context(
            Gateway.open(
                token=slack.bot_token.get_secret_value(),
                api_url=slack.api_url,
                observe=metrics.slack,
                before_writing=tenure.check,
            )
        )
        await self._open_site(gateway=gateway, store=store, metrics=metrics)
        try:
            me = await _patiently(gateway.me)
        except Permanent as error:  # nothing works with such a token
            raise Misconfigured(str(error)) from error
        accounts = Accounts.of(settings, store=store)
        self._finishing.append(accounts.close)
        posts = mailboxes_of.posts(settings, accounts=accounts)
        mailboxes = await _patiently(lambda: with_channels(settings, gateway=gateway))
        if mailboxes and not any(box.channel for box in mailboxes.values()):
            first = settings.mailboxes[0].channel
            await _patiently(lambda: gateway.resolve_channel(first))  # raises the sentence that says why
        parts = made(
            settings,
            store=store,
            gateway=gateway,
            me=me,
            mailboxes=mailboxes,
            posts=posts,
            metrics=metrics,
            tenure=tenure,
            look_first=self._look_first,
        )
        await parts.ledger.begin()
        await parts.summary.begin()
        await parts.desk.index_what_is_missing()
        await self._begin_work(parts)
        self._filters = parts.checking.told
        await self._connect(self._listen(parts))
        await self._watch(parts)
        await parts.canary.begin()  # not before there is a first watch, which would not see it
        log.info("bridge ready", mailboxes=len(mailboxes))

    async def _begin_work(self, parts: Parts) -> None:
        """From here on promises are kept, and what was kept long enough goes."""
        await parts.channels.try_again()  # an operator who mends a channel or a scope starts the bridge again
        await parts.engine.start()
        self._wake = parts.engine.wake
        self._finishing.append(functools.partial(parts.engine.stop, STOPPING))
        house = asyncio.create_task(keep_house(parts.store, retention=self._settings.retention), name="housekeeping")
        self._finishing.append(functools.partial(_cancel, house))

    async def _status(self, parts: Parts, channels: Collection[ChannelId]) -> dict[str, Any]:
        """What `/mail status` shows to who may act in these channels."""
        boxes = undone.visible(parts.mailboxes, channels)
        async with parts.store.read() as conn:
            waiting, counts = await jobs.overdue(conn, at=now()), await jobs.counts(conn)
            parked = await jobs.parked(conn)
            entered = await all_in_words(conn, list(boxes))
            whys = await undone.of_channels(conn, parked, mailboxes=parts.mailboxes, channels=channels)
        told = [{**one.told(), "ledger": entered[one.name]} for one in self._health if one.name in boxes]
        reasons = list(dict.fromkeys(filter(None, whys)))
        silent = [one["reason"] for one in parts.checking.told() if one["reason"]]
        undone_of_theirs = counts[jobs.State.PARKED] if len(whys) == len(parked) else len(whys)
        counted = {"waiting": waiting, "parked": undone_of_theirs}
        return {"mailboxes": told, **counted, "reasons": reasons, "silent": silent}

    def _listen(self, parts: Parts) -> AsyncApp:
        """What Slack says, each thing to its listener."""
        gateway, desk, filing = parts.gateway, parts.desk, parts.filing
        status = functools.partial(self._status, parts)
        people = Home(
            parts.store,
            desk=desk,
            gateway=gateway,
            mailboxes=parts.mailboxes,
            status=status,
            setup=functools.partial(_set_up, parts),
        )
        self._finishing.append(people.close)
        windows = Windows(gateway)
        searching = Searching(gateway=gateway, windows=windows, desk=desk)
        typed = Typed(
            gateway=gateway,
            desk=desk,
            filing=filing,
            searching=searching,
            regroup=parts.regroup,
            moving=parts.moving,
            templates=parts.templates,
            status=status,
            quieted=parts.acknowledge.quieted,
            numbers=functools.partial(lately, parts.store, parts.mailboxes, zone=ZoneInfo(self._settings.summary.zone)),
        )
        app = bolt_app(self._settings.slack, parts.me, gateway=gateway)
        acting, heard = Acting(app, done=people.touched), Heard(app, engine=parts.engine)
        composer = Composer(
            acting,
            gateway=gateway,
            windows=windows,
            desk=desk,
            writing=parts.writing,
            answers=parts.answers,
            proposals=parts.proposals,
            senders={name: box.address for name, box in parts.mailboxes.items()},
        )
        Listeners(
            acting,
            windows=windows,
            desk=desk,
            composer=composer,
            filing=filing,
            regroup=parts.regroup,
            moving=parts.moving,
            originals=parts.originals,
            typed=typed,
        )
        Releasing(acting, windows=windows, release=parts.release)
        Homes(app, acting, windows=windows, people=people)
        Administering(acting, windows=windows, admins=parts.admins)
        Rulings(acting, gateway=gateway, windows=windows, rules=parts.rules)
        searching.listen(app)
        loops = parts.acknowledge
        Decisions(app, gateway=gateway, buttons={"mute_sender": loops.mute, "resume_sender": loops.resume})
        Aside(
            acting,
            windows=windows,
            gateway=gateway,
            desk=desk,
            filing=filing,
            floods=parts.floods,
            reactions=self._settings.reactions,
        ).listen(heard)
        spoken = Spoken(parts.store, answers=parts.answers)
        # Last: they take what nobody else does.
        Strays(app, windows=windows)
        Events(heard, gateway=gateway, channels=parts.channels, spoken=spoken, me=parts.me.bot_user_id)
        return app

    async def _open_site(self, *, gateway: Gateway, store: Store, metrics: Metrics) -> None:
        """The site that tells whether we are connected, before we are: whoever watches sees a bridge that waits."""

        async def answer(request: web.Request) -> web.StreamResponse:
            if not isinstance(self._way_in, Requests):
                return web.Response(status=503)  # Slack sends it again
            return await self._way_in.answer(request)

        def filters() -> list[dict[str, str]]:
            return self._filters()

        self.site = Site(
            self._settings.http,
            store=store,
            metrics=metrics,
            mailboxes=self._health,
            connected=lambda: bool(self._way_in and self._way_in.connected) and not gateway.revoked,
            filters=filters,
            routes=() if self._settings.slack.app_token.get_secret_value() else [(PATH, answer)],
        )
        await self.site.start()
        self._closing.push_async_callback(self.site.stop)

    async def _connect(self, app: AsyncApp) -> None:
        """Open Slack's way in."""
        app_token = self._settings.slack.app_token.get_secret_value()
        self._way_in = Connection(app, token=app_token) if app_token else Requests(app)
        self._finishing.append(self._way_in.stop)
        await self._way_in.start()

    async def _watch(self, parts: Parts) -> None:
        watches, mailboxes, posts = parts.watches, parts.mailboxes, parts.posts
        wanted = {MailboxName(one.name): one.channel for one in self._settings.mailboxes}

        async def watch(post: Post, health: Health) -> None:
            resolve = functools.partial(parts.gateway.resolve_channel, wanted[post.name])
            await mailboxes_of.find_channel(mailboxes, health=health, resolve=resolve)
            await mailboxes_of.watch(
                parts.store,
                reception=parts.reception,
                in_step=parts.in_step,
                alarms=parts.alarms,
                mailbox=mailboxes[post.name],
                post=post,
                health=health,
            )

        for name, post in posts.items():
            self._closing.push_async_callback(post.close)
            health = Health(name=name, source=post.source, elsewhere=functools.partial(watches.elsewhere, name))
            self._health.append(health)
            watches.add(name, functools.partial(watch, post, health), elsewhere=post.begun.set)
        self._finishing.append(watches.stop)
        await watches.start()
        shown = {name: post for name, post in posts.items() if mailboxes[name].channel}
        await mailboxes_of.settled(shown, within=FIRST_ANSWER)
        if addresses := {mailboxes[name].address.email: post.maildir for name, post in posts.items() if post.maildir}:
            smtp, lmtp = self._settings.intake.smtp, self._settings.intake.lmtp
            max_bytes = self._settings.max_bytes
            self.smtp = Intake(addresses, max_bytes=max_bytes, host=smtp.host, smtp_port=smtp.port)
            self.lmtp = Intake(addresses, max_bytes=max_bytes, host=lmtp.host, lmtp_port=lmtp.port)
            for intake in (self.smtp, self.lmtp):
                await intake.start()
                self._finishing.append(intake.stop)


async def _set_up(parts: Parts, user: UserId) -> list[Block]:
    """An admin's part of Home."""
    return await parts.admins.setup(user, rules=await parts.rules.setup(user))


async def with_channels(settings: Settings, *, gateway: Gateway) -> dict[MailboxName, Mailbox]:
    """Every mailbox by its name; where the bot sees no such channel, with an empty one."""
    made = {}
    for one in settings.mailboxes:
        channel = ChannelId("")
        with contextlib.suppress(Misconfigured):
            channel = await gateway.resolve_channel(one.channel)
        made[MailboxName(one.name)] = mailboxes_of.mailbox(one, channel=channel, max_bytes=settings.max_bytes)
    return made


async def _patiently(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Ask until there is an answer: a service that is started while Slack is away waits for it."""
    while True:
        try:
            return await ask()
        except Temporary as error:
            log.warning("Slack does not answer yet and is asked again", reason=str(error))
            await asyncio.sleep(max(1.0, error.retry_after or 0))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def run(settings: Settings) -> None:
    """Run the service until cancelled."""
    check_runnable(settings)
    give_large_blocks_back()
    bridge = Bridge(settings)
    await bridge.start()
    try:
        await asyncio.Event().wait()
    finally:
        await bridge.stop()
