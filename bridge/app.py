"""The wiring: the one place where the parts meet. Nothing happens at import.

    store -> engine -> gateway (Slack) -> desk, answers, outbox, show -> listeners (Slack) -> watchers (mailboxes)

`bridge run` and `bridge demo` both start a `Bridge`; they differ only in their settings.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bridge import mailboxes as mailboxes_of
from bridge.accounts import Accounts
from bridge.acknowledge import Acknowledge
from bridge.agents import Agents
from bridge.alarms import Alarms
from bridge.answers import Answers
from bridge.channels import Channels
from bridge.config import Settings, check_runnable
from bridge.desk import Desk, Mailbox
from bridge.erasure import Eraser
from bridge.errors import BridgeError, Misconfigured, Refused, Temporary
from bridge.filing import Filing
from bridge.floods import Floods
from bridge.health import Health, Site
from bridge.housekeeping import keep_house
from bridge.instep import InStep
from bridge.jobs import Engine
from bridge.mail.local import Intake
from bridge.mail.parse import parse
from bridge.metrics import Metrics
from bridge.model import Address, ChannelId, Job, MailboxName, MailId, Message, UserId
from bridge.originals import Originals
from bridge.outbox import Outbox
from bridge.post import Post
from bridge.reception import Reception
from bridge.show import Show
from bridge.slack import web
from bridge.slack.aside import Aside
from bridge.slack.decisions import Decisions
from bridge.slack.events import Events
from bridge.slack.gateway import Gateway, Identity
from bridge.slack.listeners import Listeners
from bridge.slack.requests import PATH, Requests
from bridge.slack.socket import Connection
from bridge.slack.typed import Typed
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

    async def stop(self) -> None:
        """Take no new work, finish or hand back what is in hand, all at once; then close everything behind it."""
        finishing, self._finishing = self._finishing, []
        ended = await asyncio.gather(*(finish() for finish in finishing), return_exceptions=True)
        await self._closing.aclose()
        for failure in filter(None, ended):
            raise failure

    async def _start(self) -> None:
        settings, slack = self._settings, self._settings.slack
        metrics = Metrics(MailboxName(one.name) for one in settings.mailboxes)
        store = await Store.open(settings.database_url.get_secret_value())
        self._closing.push_async_callback(store.close)
        gateway = await self._closing.enter_async_context(
            Gateway.open(token=slack.bot_token.get_secret_value(), api_url=slack.api_url, observe=metrics.slack)
        )
        me = await _patiently(gateway.me)
        accounts = Accounts.of(settings, store=store)
        self._finishing.append(accounts.close)
        posts = mailboxes_of.posts(settings, accounts=accounts)
        mailboxes = await _patiently(lambda: _mailboxes(settings, gateway=gateway))
        if mailboxes and not any(box.channel for box in mailboxes.values()):
            first = settings.mailboxes[0].channel
            await _patiently(lambda: gateway.resolve_channel(first))  # raises the sentence that says why
        senders = {name: box.address for name, box in mailboxes.items()}

        agents = Agents(gateway, team_id=me.team_id, only=[UserId(one) for one in settings.agents.users])
        desk = Desk(store, agents=agents, mailboxes=mailboxes)
        own = [box.address.email.lower() for box in mailboxes.values()]
        reception = Reception(store, keys=settings.secret_keys, metrics=metrics, own=own)
        answers = Answers(
            store, desk=desk, agents=agents, gateway=gateway, mailboxes=mailboxes, key=settings.secret_keys[0]
        )
        originals = Originals(store, posts=posts)
        outbox = Outbox(store, gateway=gateway, mailboxes=mailboxes, posts=posts, originals=originals, metrics=metrics)
        filing = Filing(store, desk=desk, posts=posts)
        in_step = InStep(store, posts=posts, keys=settings.secret_keys)
        kinds: dict[str, Callable[[Job], Awaitable[None]]] = {
            "fetch": outbox.fetch,
            "send": outbox.send,
            "file_copy": outbox.file_copy,
            "apply": filing.apply,
            "locate": in_step.locate,
            "wake": desk.wake,
            "erase": Eraser(gateway).erase,
        }

        async def given_up(job: Job, error: BridgeError) -> None:
            await (filing if job.kind == "apply" else outbox).give_up(job, error)

        engine = Engine(store, kinds=kinds, parked=given_up, look_first=self._look_first)
        channels = Channels(store, engine=engine, gateway=gateway)
        floods = Floods(store, engine=engine, gateway=gateway, desk=desk, agents=agents, limit=settings.flood)
        show = Show(
            store,
            engine=engine,
            gateway=gateway,
            mailboxes=mailboxes,
            floods=floods,
            channels=channels,
            metrics=metrics,
        )
        kinds |= {"show": show.show, "digest": floods.show, "closed_channel": channels.tell}
        alarms = Alarms(store, engine=engine, gateway=gateway, mailboxes=mailboxes)
        kinds["alarm"] = alarms.tell
        acknowledge = Acknowledge(
            store, engine=engine, gateway=gateway, agents=agents, mailboxes=mailboxes, key=settings.secret_keys[0]
        )
        kinds |= {"acknowledge": acknowledge.acknowledge, "loop": acknowledge.tell}
        await channels.try_again()  # an operator who mends a channel or a scope starts the bridge again
        await engine.start()
        self._finishing.append(functools.partial(engine.stop, STOPPING))
        house = asyncio.create_task(keep_house(store, retention=settings.retention), name="housekeeping")
        self._finishing.append(functools.partial(_cancel, house))

        status = functools.partial(self._status, store)
        typed = Typed(gateway=gateway, desk=desk, filing=filing, status=status)
        app = self._app(
            me,
            gateway=gateway,
            desk=desk,
            answers=answers,
            filing=filing,
            originals=originals,
            typed=typed,
            senders=senders,
        )
        Decisions(app, gateway=gateway, buttons={"mute_sender": acknowledge.mute, "resume_sender": acknowledge.resume})
        Aside(app, gateway=gateway, desk=desk, filing=filing, floods=floods, reactions=settings.reactions)
        Events(app, gateway=gateway, desk=desk, channels=channels, me=me.bot_user_id)
        await self._connect(app, gateway=gateway, store=store, metrics=metrics)
        await self._watch(
            store,
            gateway=gateway,
            reception=reception,
            in_step=in_step,
            alarms=alarms,
            mailboxes=mailboxes,
            posts=posts,
        )
        log.info("bridge ready", mailboxes=len(mailboxes))

    async def _status(self, store: Store) -> dict[str, Any]:
        """How the mailboxes fare, what is still to be done, and what could not be done and why."""
        async with store.read() as conn:
            counts, parked = await jobs.counts(conn), await jobs.parked(conn)
        waiting = counts[jobs.State.READY] + counts[jobs.State.RUNNING]
        told = [one.told() for one in self._health]
        reasons = list(dict.fromkeys(reason for _, reason in parked if reason))
        return {"mailboxes": told, "waiting": waiting, "parked": counts[jobs.State.PARKED], "reasons": reasons}

    def _app(
        self,
        me: Identity,
        *,
        gateway: Gateway,
        desk: Desk,
        answers: Answers,
        filing: Filing,
        originals: Originals,
        typed: Typed,
        senders: dict[MailboxName, Address],
    ) -> AsyncApp:
        slack = self._settings.slack

        async def authorize() -> AuthorizeResult:
            # One auth.test at the start, not one for each event: one that met a limit would lose what was said.
            return AuthorizeResult(
                enterprise_id=None,
                team_id=me.team_id,
                bot_token=slack.bot_token.get_secret_value(),
                bot_id=me.bot_id,
                bot_user_id=me.bot_user_id,
            )

        app = AsyncApp(
            client=web.client(token=None, api_url=slack.api_url, session=None),
            authorize=authorize,
            signing_secret=slack.signing_secret.get_secret_value(),
        )
        Listeners(
            app,
            gateway=gateway,
            desk=desk,
            answers=answers,
            filing=filing,
            originals=originals,
            typed=typed,
            senders=senders,
        )
        return app

    async def _connect(self, app: AsyncApp, *, gateway: Gateway, store: Store, metrics: Metrics) -> None:
        """Open Slack's way in, and before it the site that tells whether it is open."""
        app_token = self._settings.slack.app_token.get_secret_value()
        way_in = Connection(app, token=app_token) if app_token else Requests(app)
        self.site = Site(
            self._settings.http,
            store=store,
            metrics=metrics,
            mailboxes=self._health,
            connected=lambda: way_in.connected and not gateway.revoked,
            routes=[(PATH, way_in.answer)] if isinstance(way_in, Requests) else (),
        )
        await self.site.start()
        self._closing.push_async_callback(self.site.stop)
        self._finishing.append(way_in.stop)
        await way_in.start()

    async def _watch(
        self,
        store: Store,
        *,
        gateway: Gateway,
        reception: Reception,
        in_step: InStep,
        alarms: Alarms,
        mailboxes: dict[MailboxName, Mailbox],
        posts: dict[MailboxName, Post],
    ) -> None:
        wanted = {MailboxName(one.name): one.channel for one in self._settings.mailboxes}

        async def watch(post: Post, health: Health) -> None:
            resolve = functools.partial(gateway.resolve_channel, wanted[post.name])
            await mailboxes_of.find_channel(mailboxes, health=health, resolve=resolve)
            await mailboxes_of.watch(
                store,
                reception=reception,
                in_step=in_step,
                alarms=alarms,
                mailbox=mailboxes[post.name],
                post=post,
                health=health,
            )

        for name, post in posts.items():
            self._closing.push_async_callback(post.close)
            health = Health(name=name, source=post.source)
            self._health.append(health)
            self._finishing.append(functools.partial(_cancel, asyncio.create_task(watch(post, health))))
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


async def _mailboxes(settings: Settings, *, gateway: Gateway) -> dict[MailboxName, Mailbox]:
    """Every mailbox; where the bot sees no such channel, with an empty one."""
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
    bridge = Bridge(settings)
    await bridge.start()
    try:
        await asyncio.Event().wait()
    finally:
        await bridge.stop()


async def replay(settings: Settings, what: str) -> str:
    """Read a mail again: a file, or a kept mail by its id. Returns a sentence on what became of it.

    Works beside a running service, which shows the outcome. A file is only described where no mailbox is configured to
    take it in. Raises Refused where there is no such mail.
    """
    file = Path(what)
    raw = await asyncio.to_thread(file.read_bytes) if await asyncio.to_thread(file.is_file) else None
    if raw is not None and not settings.mailboxes:
        return _described(await asyncio.to_thread(parse, raw))
    async with contextlib.AsyncExitStack() as closing:
        store = await Store.open(settings.database_url.get_secret_value())
        closing.push_async_callback(store.close)
        token = settings.slack.bot_token.get_secret_value()
        gateway = await closing.enter_async_context(Gateway.open(token=token, api_url=settings.slack.api_url))
        mailboxes = await _mailboxes(settings, gateway=gateway) if raw is not None else {}
        reception = Reception(store, keys=settings.secret_keys, metrics=Metrics())
        if raw is None:
            stored = await reception.replay(MailId(int(what)))
            return f"Mail {what} was read again; it stands in conversation #{stored.number}."
        shown = next((box for box in mailboxes.values() if box.channel), None)
        if shown is None:
            raise Refused("The bot sees no mailbox's channel: `bridge check` says what to do.")
        number = await reception.take_again(shown, raw)
        return f"{_described(parse(raw))}\nIt stands in conversation #{number}."


def _described(message: Message) -> str:
    """How a mail was read, for a terminal."""
    lines = [f"From:     {message.author}", f"To:       {', '.join(map(str, message.to))}"]
    lines += [f"Subject:  {message.subject}", f"Kind:     {message.automatic}"]
    lines += [f"File:     {one.filename} ({one.content_type}, {one.size} bytes)" for one in message.attachments]
    lines += [f"Note:     {one}" for one in message.notes]
    return "\n".join([*lines, "", message.text[:4000].rstrip()])
