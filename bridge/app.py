"""The wiring: the one place where the parts meet. Nothing happens at import.

    store -> engine -> gateway (Slack) -> desk, answers, outbox, show -> listeners (Slack) -> watchers (mailboxes)

`bridge run` and `bridge demo` both start a `Bridge`; they differ only in their settings.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from slack_bolt.async_app import AsyncApp

from bridge import mailboxes as mailboxes_of
from bridge.accounts import Accounts
from bridge.acknowledge import Acknowledge
from bridge.agents import Agents
from bridge.alarms import Alarms
from bridge.answers import Answers
from bridge.canned import Template, Templates
from bridge.channels import Channels
from bridge.config import Settings, check_runnable
from bridge.desk import Desk, Mailbox
from bridge.erasure import Eraser
from bridge.errors import BridgeError, Misconfigured, Temporary
from bridge.filing import Filing
from bridge.floods import Floods
from bridge.health import Health, Site
from bridge.home import Home, set_up
from bridge.housekeeping import keep_house
from bridge.instep import InStep
from bridge.jobs import Engine, Tenure
from bridge.ledger import Ledger, all_in_words
from bridge.limits import give_large_blocks_back
from bridge.mail.local import Intake
from bridge.metrics import Metrics
from bridge.model import ChannelId, Job, MailboxName, UserId
from bridge.notices import Notices
from bridge.originals import Originals
from bridge.outbox import Outbox
from bridge.post import Post
from bridge.reception import Reception
from bridge.regroup import Regroup
from bridge.settling import Settling
from bridge.show import Show
from bridge.slack.acting import Acting
from bridge.slack.aside import Aside
from bridge.slack.bolt import bolt_app
from bridge.slack.composer import Composer
from bridge.slack.decisions import Decide, Decisions
from bridge.slack.events import Events
from bridge.slack.gateway import Gateway, Identity
from bridge.slack.homes import Homes
from bridge.slack.listeners import Listeners
from bridge.slack.requests import PATH, Requests
from bridge.slack.searching import Searching
from bridge.slack.socket import Connection
from bridge.slack.typed import Typed
from bridge.slack.windows import Windows
from bridge.spoken import Spoken
from bridge.store import jobs
from bridge.store.database import Store
from bridge.teammates import Teammates
from bridge.watches import Watches
from bridge.writing import Writing

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
        tenure = Tenure()
        gateway = await self._closing.enter_async_context(
            Gateway.open(
                token=slack.bot_token.get_secret_value(),
                api_url=slack.api_url,
                observe=metrics.slack,
                before_writing=tenure.check,
            )
        )
        me = await _patiently(gateway.me)
        accounts = Accounts.of(settings, store=store)
        self._finishing.append(accounts.close)
        posts = mailboxes_of.posts(settings, accounts=accounts)
        mailboxes = await _patiently(lambda: with_channels(settings, gateway=gateway))
        if mailboxes and not any(box.channel for box in mailboxes.values()):
            first = settings.mailboxes[0].channel
            await _patiently(lambda: gateway.resolve_channel(first))  # raises the sentence that says why
        senders = {name: box.address for name, box in mailboxes.items()}

        agents = Agents(
            gateway,
            team_id=me.team_id,
            only=[UserId(one) for one in settings.agents.users],
            admins=[UserId(one) for one in settings.agents.admins],
        )
        desk = Desk(store, agents=agents, mailboxes=mailboxes)
        watches = Watches(store)
        own = [address.email.lower() for address in senders.values()]
        reception = Reception(
            store,
            keys=settings.secret_keys,
            metrics=metrics,
            own=own,
            trusted=settings.trusted,
            is_teammate=Teammates(gateway, team_id=me.team_id, mailboxes=own),
            holds=watches.holds,
        )
        answers = Answers(
            store, desk=desk, agents=agents, gateway=gateway, mailboxes=mailboxes, key=settings.secret_keys[0]
        )
        templates = _templates(settings)
        writing = Writing(store, desk=desk, agents=agents, mailboxes=mailboxes, templates=templates)
        originals = Originals(store, posts=posts)
        outbox = Outbox(
            store,
            gateway=gateway,
            mailboxes=mailboxes,
            posts=posts,
            originals=originals,
            metrics=metrics,
            still_ours=tenure.check,
        )
        filing = Filing(store, desk=desk, posts=posts)
        regroup = Regroup(store, desk=desk)
        in_step = InStep(store, posts=posts, keys=settings.secret_keys, holds=watches.holds)
        kinds: dict[str, Callable[[Job], Awaitable[None]]] = {
            "fetch": outbox.fetch,
            "send": outbox.send,
            "settle": Settling(store, outbox=outbox).settle,
            "file_copy": outbox.file_copy,
            "apply": filing.apply,
            "locate": in_step.locate,
            "wake": desk.wake,
            "index": desk.index,
            "lapse": writing.lapse,
            "erase": Eraser(gateway).erase,
        }

        async def given_up(job: Job, error: BridgeError) -> None:
            await (filing if job.kind == "apply" else outbox).give_up(job, error)

        engine = Engine(store, kinds=kinds, parked=given_up, look_first=self._look_first, tenure=tenure)
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
        alarms = Alarms(store, engine=engine, gateway=gateway, mailboxes=mailboxes)
        acknowledge = Acknowledge(
            store, engine=engine, gateway=gateway, agents=agents, mailboxes=mailboxes, key=settings.secret_keys[0]
        )
        reconciling = Ledger(store, mailboxes=mailboxes, posts=posts, reception=reception, metrics=metrics)
        kinds |= {
            "show": show.show,
            "digest": floods.show,
            "closed_channel": channels.tell,
            "usable_channel": channels.try_again,
            "tell": Notices(store, engine=engine, gateway=gateway).say,
            "alarm": alarms.tell,
            "acknowledge": acknowledge.acknowledge,
            "loop": acknowledge.tell,
            "reconcile": reconciling.reconcile,
        }
        await reconciling.begin()
        await desk.index_what_is_missing()
        await self._begin_work(store, engine=engine, channels=channels)

        app = self._listen(
            me,
            store=store,
            gateway=gateway,
            desk=desk,
            agents=agents,
            writing=writing,
            answers=answers,
            filing=filing,
            regroup=regroup,
            originals=originals,
            templates=templates,
            mailboxes=mailboxes,
            channels=channels,
            floods=floods,
            buttons={"mute_sender": acknowledge.mute, "resume_sender": acknowledge.resume},
        )
        await self._connect(app, gateway=gateway, store=store, metrics=metrics)
        await self._watch(
            watches,
            store=store,
            gateway=gateway,
            reception=reception,
            in_step=in_step,
            alarms=alarms,
            mailboxes=mailboxes,
            posts=posts,
        )
        log.info("bridge ready", mailboxes=len(mailboxes))

    async def _begin_work(self, store: Store, *, engine: Engine, channels: Channels) -> None:
        """From here on promises are kept, and what was kept long enough goes."""
        await channels.try_again()  # an operator who mends a channel or a scope starts the bridge again
        await engine.start()
        self._finishing.append(functools.partial(engine.stop, STOPPING))
        house = asyncio.create_task(keep_house(store, retention=self._settings.retention), name="housekeeping")
        self._finishing.append(functools.partial(_cancel, house))

    async def _status(self, store: Store, mailboxes: Sequence[MailboxName]) -> dict[str, Any]:
        """What `/mail status` shows."""
        async with store.read() as conn:
            counts, parked = await jobs.counts(conn), await jobs.parked(conn)
            entered = await all_in_words(conn, mailboxes)
        waiting = counts[jobs.State.READY] + counts[jobs.State.RUNNING]
        told = [{**one.told(), "ledger": entered[one.name]} for one in self._health]
        reasons = list(dict.fromkeys(reason for _, reason in parked if reason))
        return {"mailboxes": told, "waiting": waiting, "parked": counts[jobs.State.PARKED], "reasons": reasons}

    def _listen(
        self,
        me: Identity,
        *,
        store: Store,
        gateway: Gateway,
        desk: Desk,
        agents: Agents,
        writing: Writing,
        answers: Answers,
        filing: Filing,
        regroup: Regroup,
        originals: Originals,
        templates: Templates,
        mailboxes: dict[MailboxName, Mailbox],
        channels: Channels,
        floods: Floods,
        buttons: Mapping[str, Decide],
    ) -> AsyncApp:
        """What Slack says, each thing to its listener."""
        status = functools.partial(self._status, store, list(mailboxes))
        people = Home(
            store,
            desk=desk,
            agents=agents,
            gateway=gateway,
            mailboxes=mailboxes,
            status=status,
            setup=set_up(self._settings.agents),
        )
        self._finishing.append(people.close)
        searching = Searching(gateway=gateway, desk=desk)
        typed = Typed(
            gateway=gateway,
            desk=desk,
            filing=filing,
            searching=searching,
            regroup=regroup,
            templates=templates,
            status=status,
        )
        app, windows = bolt_app(self._settings.slack, me), Windows(gateway)
        acting = Acting(app, done=people.touched)
        composer = Composer(
            acting,
            gateway=gateway,
            windows=windows,
            desk=desk,
            writing=writing,
            answers=answers,
            senders={name: box.address for name, box in mailboxes.items()},
        )
        Listeners(
            acting,
            windows=windows,
            desk=desk,
            composer=composer,
            filing=filing,
            regroup=regroup,
            originals=originals,
            typed=typed,
        )
        Homes(app, acting, gateway=gateway, people=people)
        searching.listen(app)
        Decisions(app, gateway=gateway, buttons=buttons)
        Aside(
            acting,
            windows=windows,
            gateway=gateway,
            desk=desk,
            filing=filing,
            floods=floods,
            reactions=self._settings.reactions,
        ).listen(app)
        spoken = Spoken(store, answers=answers)
        # Last: it takes what nobody else does.
        Events(app, gateway=gateway, channels=channels, spoken=spoken, me=me.bot_user_id)
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
        watches: Watches,
        *,
        store: Store,
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


async def with_channels(settings: Settings, *, gateway: Gateway) -> dict[MailboxName, Mailbox]:
    """Every mailbox by its name; where the bot sees no such channel, with an empty one."""
    made = {}
    for one in settings.mailboxes:
        channel = ChannelId("")
        with contextlib.suppress(Misconfigured):
            channel = await gateway.resolve_channel(one.channel)
        made[MailboxName(one.name)] = mailboxes_of.mailbox(one, channel=channel, max_bytes=settings.max_bytes)
    return made


def _templates(settings: Settings) -> Templates:
    made = [Template(**one.model_dump()) for one in settings.templates]
    return Templates(lambda: made)


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
