"""The desk's parts, each made once and given the others that it needs. Nothing is begun here, but in `bridge/app.py`.

reception, answers, outbox, filing ... -> the engine, which runs their jobs -> what is told and shown by jobs
"""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from bridge.admins import Admins, all_named, all_templates
from bridge.agents import Agents
from bridge.answers import Answers
from bridge.automation.acknowledge import Acknowledge
from bridge.automation.alarms import Alarms
from bridge.automation.canary import APP_TOKEN, BOT_TOKEN, Canary
from bridge.automation.hours import ALWAYS
from bridge.automation.nudges import Nudges
from bridge.automation.silence import Silences
from bridge.canned import Template, Templates
from bridge.channels import Channels
from bridge.clockwork import Tenure
from bridge.composing import Composing
from bridge.config import Settings
from bridge.desk import Desk, Mailbox
from bridge.erasure import Eraser
from bridge.errors import BridgeError
from bridge.filing import Filing
from bridge.floods import Floods
from bridge.guard.checking import Checking
from bridge.guard.lessons import Teacher
from bridge.guard.release import Release
from bridge.instep import InStep
from bridge.jobs import Engine
from bridge.ledger import Ledger
from bridge.mail.filters import Clamd, Rspamd
from bridge.metrics import Metrics
from bridge.model import Address, Job, MailboxName, Named, UserId
from bridge.moving import Moving
from bridge.notices import Notices
from bridge.numbers.summary import Summary
from bridge.originals import Originals
from bridge.outbox import Outbox
from bridge.post import Post
from bridge.proposals import Proposals
from bridge.reception import Reception
from bridge.regroup import Regroup
from bridge.routing.rulebook import Rulebook
from bridge.routing.ruledmail import RuledMail
from bridge.routing.ruling import Rules
from bridge.routing.sorting import Sorting
from bridge.routing.webhooks import Webhooks
from bridge.settings.models import SpamSettings
from bridge.settling import Settling
from bridge.show import Show
from bridge.slack.gateway import Gateway, Identity
from bridge.slack.socket import check_token
from bridge.store.database import Store
from bridge.teammates import Teammates
from bridge.watches import Watches
from bridge.writing import Writing

HELD = ("send", "lapse", "usable_channel", "canary")
"""Kinds of jobs that are due after a span of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that the service is made of, beside its ways in."""

    store: Store
    gateway: Gateway
    me: Identity
    mailboxes: dict[MailboxName, Mailbox]
    posts: dict[MailboxName, Post]
    engine: Engine
    admins: Admins
    agents: Agents
    desk: Desk
    watches: Watches
    reception: Reception
    in_step: InStep
    ledger: Ledger
    answers: Answers
    templates: Templates
    rules: Rules
    writing: Writing
    proposals: Proposals
    originals: Originals
    filing: Filing
    regroup: Regroup
    moving: Moving
    channels: Channels
    floods: Floods
    alarms: Alarms
    acknowledge: Acknowledge
    canary: Canary
    summary: Summary
    release: Release
    checking: Checking


def made(
    settings: Settings,
    *,
    store: Store,
    gateway: Gateway,
    me: Identity,
    mailboxes: dict[MailboxName, Mailbox],
    posts: dict[MailboxName, Post],
    metrics: Metrics,
    tenure: Tenure,
    look_first: bool,
) -> Parts:
    """Make them, in the order in which each needs the one before."""
    operators = Named(
        users=frozenset(map(UserId, settings.agents.users)), admins=frozenset(map(UserId, settings.agents.admins))
    )
    agents = Agents(gateway, team_id=me.team_id, named=lambda: all_named(store, operators))
    desk = Desk(store, agents=agents, mailboxes=mailboxes)
    watches = Watches(store)
    own = [box.address.email.lower() for box in mailboxes.values()]
    canary = Canary(
        store,
        mailbox=MailboxName(settings.canary.mailbox),
        every=timedelta(minutes=settings.canary.every_minutes),
        mailboxes=mailboxes,
        posts=posts,
        keys=settings.secret_keys,
        proofs=_proofs(settings, gateway=gateway),
    )
    rulebook = Rulebook([one.rule for one in settings.rules], own=own)
    reception = Reception(
        store,
        keys=settings.secret_keys,
        metrics=metrics,
        own=own,
        trusted=settings.trusted,
        unheld=settings.unheld,
        checks=bool(_filters(settings.spam)),
        is_teammate=Teammates(gateway, team_id=me.team_id, mailboxes=own),
        rulebook=rulebook,
        holds=watches.holds,
        returned=canary.returned,
    )
    answers = Answers(
        store, desk=desk, agents=agents, gateway=gateway, mailboxes=mailboxes, key=settings.secret_keys[0]
    )
    in_file = [Template(**one.model_dump()) for one in settings.templates]
    templates = Templates(lambda: all_templates(store, in_file))
    admins = Admins(
        store,
        agents=agents,
        gateway=gateway,
        templates=templates,
        operators=operators,
        mailbox=next((box.address for box in mailboxes.values()), Address(email="")),
        hours=next((box.pace.hours for box in mailboxes.values()), ALWAYS),
    )
    writing = Writing(store, desk=desk, agents=agents, mailboxes=mailboxes, templates=templates)
    originals = Originals(store, posts=posts)
    outbox = Outbox(
        store,
        gateway=gateway,
        mailboxes=mailboxes,
        posts=posts,
        composing=Composing(store, originals=originals),
        metrics=metrics,
        still_ours=tenure.check,
    )
    filing = Filing(store, desk=desk, posts=posts)
    regroup = Regroup(store, desk=desk)
    rules = Rules(
        store,
        agents=agents,
        rulebook=rulebook,
        mailboxes=mailboxes,
        templates=templates,
        webhooks=settings.webhooks,
    )
    sorting = Sorting(
        store,
        gateway=gateway,
        agents=agents,
        mailboxes=mailboxes,
        rulebook=rulebook,
        mail=RuledMail(templates=templates, own=own, key=settings.secret_keys[0]),
        own=own,
    )
    in_step = InStep(store, posts=posts, mailboxes=mailboxes, keys=settings.secret_keys, holds=watches.holds)
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
        "sort": sorting.sort,
        "webhook": Webhooks(store, addresses=settings.webhooks, key=settings.secret_keys[0]).call,
        "silence": Silences(store, originals=originals, mailboxes=mailboxes, own=own, key=settings.secret_keys[0]).end,
        "erase": Eraser(gateway).erase,
    }

    async def given_up(job: Job, error: BridgeError) -> None:
        await (filing if job.kind == "apply" else outbox).give_up(job, error)

    engine = Engine(store, kinds=kinds, parked=given_up, look_first=look_first, tenure=tenure, held=HELD)
    channels = Channels(store, engine=engine, gateway=gateway)
    floods = Floods(
        store, engine=engine, gateway=gateway, channels=channels, desk=desk, agents=agents, limit=settings.flood
    )
    show = Show(
        store,
        engine=engine,
        gateway=gateway,
        mailboxes=mailboxes,
        floods=floods,
        channels=channels,
        metrics=metrics,
    )
    filters = _filters(settings.spam)
    checking = Checking(store, filters=filters, own=own, mailboxes=mailboxes, rulebook=rulebook)
    rspamd = next((one for one in filters if isinstance(one, Rspamd) and one.controller), None)
    alarms = Alarms(
        store, engine=engine, gateway=gateway, channels=channels, mailboxes=mailboxes, admins=settings.canary.channel
    )
    acknowledge = Acknowledge(
        store,
        engine=engine,
        gateway=gateway,
        channels=channels,
        agents=agents,
        mailboxes=mailboxes,
        key=settings.secret_keys[0],
    )
    ledger = Ledger(store, mailboxes=mailboxes, posts=posts, reception=reception, metrics=metrics)
    weekly = settings.summary
    zone = ZoneInfo(weekly.zone) if weekly.weekly else None
    summary = Summary(store, engine=engine, gateway=gateway, channels=channels, mailboxes=mailboxes, zone=zone)
    moving = Moving(store, engine=engine, gateway=gateway, channels=channels, desk=desk, agents=agents)
    notices = Notices(store, engine=engine, gateway=gateway, channels=channels)
    kinds |= {
        "left": moving.leave,
        "summary": summary.tell,
        "show": show.show,
        "shares": show.see_shared,
        "digest": floods.show,
        "closed_channel": channels.tell,
        "usable_channel": channels.try_again,
        "nudge": Nudges(store, operators=operators).nudge,
        "tell": notices.say,
        "announce": notices.announce,
        "alarm": alarms.tell,
        "acknowledge": acknowledge.acknowledge,
        "loop": acknowledge.tell,
        "reconcile": ledger.reconcile,
        "canary": canary.fly,
        "canary_away": canary.take_away,
        "show_mail": show.show_mail,
        "check": checking.check,
        "learn": Teacher(store, rspamd=rspamd).teach,
    }
    return Parts(
        store=store,
        gateway=gateway,
        me=me,
        mailboxes=mailboxes,
        posts=posts,
        engine=engine,
        admins=admins,
        agents=agents,
        desk=desk,
        watches=watches,
        reception=reception,
        in_step=in_step,
        ledger=ledger,
        answers=answers,
        templates=templates,
        rules=rules,
        writing=writing,
        proposals=Proposals(store, desk=desk, writing=writing),
        originals=originals,
        filing=filing,
        regroup=regroup,
        moving=moving,
        channels=channels,
        floods=floods,
        alarms=alarms,
        acknowledge=acknowledge,
        canary=canary,
        summary=summary,
        release=Release(store, desk=desk),
        checking=checking,
    )


def _filters(spam: SpamSettings) -> list[Rspamd | Clamd]:
    """The filters that the settings name."""
    found: list[Rspamd | Clamd] = []
    if spam.rspamd:
        password = spam.rspamd_password.get_secret_value()
        found.append(Rspamd(url=spam.rspamd, controller=spam.rspamd_controller or "", password=password))
    if spam.clamd:
        path = spam.clamd.removeprefix("unix:") if spam.clamd.startswith("unix:") else ""
        host, _, port = ("", "", "0") if path else spam.clamd.rpartition(":")
        found.append(Clamd(path=path, host=host.strip("[]"), port=int(port)))
    return found


def _proofs(settings: Settings, *, gateway: Gateway) -> dict[str, Callable[[], Awaitable[None]]]:
    """What asks Slack whether each token is any good."""
    slack, app_token = settings.slack, settings.slack.app_token.get_secret_value()
    proofs: dict[str, Callable[[], Awaitable[None]]] = {BOT_TOKEN: gateway.prove}
    if app_token:
        proofs[APP_TOKEN] = functools.partial(check_token, api_url=slack.api_url, app_token=app_token)
    return proofs
