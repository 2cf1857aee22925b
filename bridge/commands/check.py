"""`bridge check`: every part tried once, each with what works, what does not, and how to mend it.

It tries the parts as `bridge run` uses them, changes nothing but what opening the database changes (and keeps an access
token that had to be renewed), posts nothing and sends nothing. All parts are tried, whatever the others say; where one
cannot be tried because another fails, it is left out.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.accounts import Accounts
from bridge.config import MailboxSettings, ServerSettings, Settings, check_runnable
from bridge.errors import BridgeError, Misconfigured, Permanent, Temporary
from bridge.ledger import in_words
from bridge.mail import smtpsession
from bridge.mail.imap import ImapSource
from bridge.mail.source import Role
from bridge.mailboxes import imap_server, smtp_server
from bridge.model import MailboxName
from bridge.routing import rulecheck
from bridge.settings.providers import sign_in_advice
from bridge.slack import manifest
from bridge.slack.gateway import Channel, Gateway
from bridge.slack.requests import PATH
from bridge.slack.socket import check_token
from bridge.store import ledger
from bridge.store.database import Store

PATIENCE = 15.0
"""Seconds for each step of a mail server: a person is waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of trying one part. `fix` says what to do where it does not work; `detail` is for the curious."""

    part: str
    works: bool
    says: str
    fix: str = ""
    detail: tuple[str, ...] = ()


async def check(settings: Settings) -> list[Finding]:
    """Try everything that these settings speak of."""
    async with contextlib.AsyncExitStack() as closing:
        store, database = await _database(settings, closing)
        accounts = Accounts.of(settings, store=store) if store else None
        if accounts:
            closing.push_async_callback(accounts.close)
        entered = await _ledger(store, settings.mailboxes) if store else []
        mail = [check_mailbox(one, accounts=accounts) for one in settings.mailboxes]
        parts = await asyncio.gather(_config(settings), _slack(settings, store), *mail)
    config, *others = parts
    return [finding for part in (config, [database, *entered], *others) for finding in part]


async def check_mailbox(mailbox: MailboxSettings, *, accounts: Accounts | None) -> list[Finding]:
    """Try a mailbox's servers, up to the sign-in. Without `accounts`, only those that want no token."""
    sides = await asyncio.gather(_incoming(mailbox, accounts=accounts), _outgoing(mailbox, accounts=accounts))
    return [finding for side in sides for finding in side]


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where all works, 2 where a setting is missing, else 1."""
    failed = [one.part for one in findings if not one.works]
    if "config" in failed:
        return 2
    return 1 if failed else 0


# --- the parts --------------------------------------------------------------------------------------------------------


async def _config(settings: Settings) -> list[Finding]:
    try:
        check_runnable(settings)
    except Misconfigured as error:
        return [_failed("config", error)]
    names = ", ".join(one.name for one in settings.mailboxes)
    return [Finding(part="config", works=True, says=f"All that is needed is set, for {names}.")]


async def _database(settings: Settings, closing: contextlib.AsyncExitStack) -> tuple[Store | None, Finding]:
    """Opened, brought up to date, and written to."""
    try:
        store = await Store.open(settings.database_url.get_secret_value())
        closing.push_async_callback(store.close)
        async with store.write():
            pass
    except BridgeError as error:
        return None, _failed("database", error)
    says = "It opens, can be written to, and its tables are up to date."
    return store, Finding(part="database", works=True, says=says)


async def _ledger(store: Store, mailboxes: Iterable[MailboxSettings]) -> list[Finding]:
    """What became of each mailbox's mails, as far as any came yet."""
    findings = []
    async with store.read() as conn:
        entered, compared = await ledger.counts(conn), await ledger.last(conn)
        quarantined = await ledger.quarantined(conn)
    for name in [MailboxName(one.name) for one in mailboxes]:
        if name not in entered and name not in compared:
            continue
        outcome, states = compared.get(name), entered.get(name, {})
        fixes = []
        if outcome and outcome.missing > outcome.repaired:
            fixes.append(f"The next comparison takes in more; `bridge reconcile --mailbox {name}` does it now.")
        if states.get("quarantined"):
            ids = " ".join(map(str, quarantined[name]))
            fixes.append(f"Those in quarantine can be read again, after an update, with `bridge replay ID`: {ids}.")
        works = outcome is None or outcome.missing <= outcome.repaired
        says = in_words(states, outcome)
        findings.append(Finding(part=f"ledger of {name}", works=works, says=says, fix=" ".join(fixes)))
    return findings


async def _slack(settings: Settings, store: Store | None) -> list[Finding]:
    slack = settings.slack
    findings = []
    if app_token := slack.app_token.get_secret_value():
        findings.append(await _socket(slack.api_url, app_token))
    elif slack.signing_secret:
        says = f"Slack's requests are awaited at {PATH} on BRIDGE_HTTP; whether they come only Slack can tell."
        findings.append(Finding(part="slack way in", works=True, says=says))
    if token := slack.bot_token.get_secret_value():
        async with Gateway.open(token=token, api_url=slack.api_url) as gateway:
            findings.insert(0, await _bot(gateway))
            findings += await asyncio.gather(*(_channel(gateway, one) for one in settings.mailboxes))
            findings += await _canarys_channel(gateway, settings.canary.channel)
            findings += await _rules(gateway, store, settings)
    return findings


async def _rules(gateway: Gateway, store: Store | None, settings: Settings) -> list[Finding]:
    """What rules name that there is not."""
    found = await rulecheck.in_force(settings, store)
    try:
        amiss = await rulecheck.amiss(found, settings=settings, store=store, gateway=gateway)
    except BridgeError as error:
        return [_failed("rules", error)]
    if found and not amiss:
        return [Finding(part="rules", works=True, says=f"All that {len(found)} of them name is there.")]
    return [Finding(part=f"rule {one.rule}", works=False, says=one.says, fix=one.fix) for one in amiss]


async def _socket(api_url: str, app_token: str) -> Finding:
    try:
        await check_token(api_url=api_url, app_token=app_token)
    except BridgeError as error:
        return _failed("slack app token", error)
    return Finding(part="slack app token", works=True, says="Slack gives sockets for it.")


async def _bot(gateway: Gateway) -> Finding:
    try:
        granted = (await gateway.me()).scopes
    except BridgeError as error:
        return _failed("slack bot token", error)
    missing = sorted(manifest.scopes() - granted)
    if missing:
        return Finding(
            part="slack bot token",
            works=False,
            says=f"Slack accepts it, but it lacks {', '.join(missing)}.",
            fix="Add them under OAuth & Permissions (or paste manifest.yml anew), then reinstall the app.",
        )
    says = "Slack accepts it, with every scope that is needed."
    return Finding(part="slack bot token", works=True, says=says, detail=tuple(sorted(granted)))


async def _channel(gateway: Gateway, mailbox: MailboxSettings) -> Finding:
    part = f"channel of {mailbox.name}"
    try:
        channel = await gateway.channel(await gateway.resolve_channel(mailbox.channel))
    except BridgeError as error:
        return _failed(part, error)
    return _usable(part, channel, use="show mail", shared="so nobody may handle mail there")


async def _canarys_channel(gateway: Gateway, name: str) -> list[Finding]:
    """The one that is told of everything that is wrong, where one is named."""
    part, setting = "channel of the canary", "`channel` under [canary] in bridge.toml"
    if not name:
        return []
    try:
        channel = await gateway.channel(await gateway.resolve_channel(name, setting=setting))
    except Permanent as error:
        return [_failed(part, error, advice=f"See that {setting} is right, or invite the bot if it is private.")]
    except BridgeError as error:
        return [_failed(part, error)]
    return [_usable(part, channel, use="post", shared="whose people would read what is wrong here")]


def _usable(part: str, channel: Channel, *, use: str, shared: str) -> Finding:
    """Whether the bot can do there what it is to. `shared`: what speaks against a channel with outsiders."""
    name = f"#{channel.name}"
    obstacles = (
        (channel.is_archived, f"{name} is archived.", "Unarchive it, or choose another channel."),
        (
            channel.is_shared,
            f"{name} is shared with another organisation, {shared}.",
            "Choose a channel of this workspace alone.",
        ),
        (not channel.is_member, f"The bot is not in {name}.", f"Type /invite @Bridge in {name}."),
    )
    for wrong, says, fix in obstacles:
        if wrong:
            return Finding(part=part, works=False, says=says, fix=fix)
    return Finding(part=part, works=True, says=f"The bot is in {name} and may {use} there.")


async def _incoming(mailbox: MailboxSettings, *, accounts: Accounts | None) -> list[Finding]:
    """Where the mail comes from."""
    if mailbox.imap is None:
        says = "Its mail comes in by the embedded SMTP and LMTP intake."
        return [Finding(part=f"intake of {mailbox.name}", works=True, says=says)]
    part, server = f"imap of {mailbox.name}", mailbox.imap
    if accounts is None and server.auth == "xoauth2":
        return []
    reached = imap_server(MailboxName(mailbox.name), server, accounts=accounts)
    source = ImapSource(replace(reached, timeout=PATIENCE), max_bytes=0, folders=mailbox.folders.model_dump())
    try:
        found = await source.folders()
        for role in [role for role in found if getattr(mailbox.folders, role)]:  # those that the operator named
            await source.since(None, folder=found[role])
    except BridgeError as error:
        return [_failed(part, error, advice=_advice(server, error))]
    finally:
        await source.stop()
    detail = tuple(f"{role}: {name}" for role, name in found.items())
    says = f"{server.host}:{server.port} signs us in."
    if lacking := [str(role) for role in Role if role not in found]:
        says += f" It has no folder for {' and '.join(lacking)}: name one under `folders` in bridge.toml to use it."
    return [Finding(part=part, works=True, says=says, detail=detail)]


async def _outgoing(mailbox: MailboxSettings, *, accounts: Accounts | None) -> list[Finding]:
    """The SMTP server, up to the sign-in."""
    part, server = f"smtp of {mailbox.name}", mailbox.smtp
    if accounts is None and server.auth == "xoauth2":
        return []
    reached = smtp_server(MailboxName(mailbox.name), server, accounts=accounts)
    try:
        talk = await smtpsession.probe(replace(reached, timeout=PATIENCE))
    except Misconfigured as error:
        return [_failed(part, error)]
    detail = (
        f"before TLS: {', '.join(talk.before_tls) or '(nothing is said before TLS)'}",
        f"after TLS: {', '.join(talk.after_tls) or '(not reached)'}",
    )
    if talk.failure:
        return [replace(_failed(part, talk.failure, advice=_advice(server, talk.failure)), detail=detail)]
    done = "signs us in" if talk.signed_in else "takes mail without a sign-in"
    return [Finding(part=part, works=True, says=f"{server.host}:{server.port} {done}.", detail=detail)]


def _advice(server: ServerSettings, error: BridgeError) -> str:
    """What else to say: of a server that is not reached, which; of a sign-in that failed, what it wants.

    Of a sign-in by token, the error says all.
    """
    if isinstance(error, Temporary):
        return f"See that {server.host}:{server.port} is right, and that no firewall stands before it."
    return sign_in_advice(server.host) if server.auth == "password" else ""


def _failed(part: str, error: BridgeError, *, advice: str = "") -> Finding:
    """An error's sentence says what happened, and after the colon what to do."""
    return Finding(part=part, works=False, says=str(error), fix=advice)


# --- telling ----------------------------------------------------------------------------------------------------------


def as_json(findings: Iterable[Finding]) -> str:
    """For programs: a list of objects, details and all."""
    return json.dumps([asdict(one) for one in findings], ensure_ascii=False, indent=2)


def show(findings: Iterable[Finding], console: Console, *, detailed: Iterable[str] = ()) -> None:
    """For people: a table; the details only of the parts whose names begin with one of `detailed`."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "what came of it"):
        table.add_column(heading)
    for one in findings:
        lines = [one.says, *([f"To do: {one.fix}"] if one.fix else [])]
        if one.part.startswith(tuple(detailed)):
            lines += one.detail
        sign = Text("ok", style="green") if one.works else Text("NO", style="bold red")
        table.add_row(sign, one.part, Text("\n".join(lines)))
    console.print(table)
