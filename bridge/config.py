"""Settings: what an operator may say, read once into frozen models.

Three layers make one tree (`bridge.settings.layers`): the environment over `.env` over `bridge.toml`. The tree is
checked by the models (`bridge.settings.models`) and completed here with what follows from the rest. Secrets come from
the environment and `.env` alone; they are `SecretStr`, and no error repeats a value.

It must not open a connection, nor write anything but the one file `secret.key`, made on the first load.
"""

import contextlib
import difflib
import functools
import importlib.util
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from bridge.errors import Misconfigured
from bridge.settings import layers
from bridge.settings.layers import Layers, PathInTree
from bridge.settings.models import (
    SHORTEST_KEY,
    AckSettings,
    AgentSettings,
    CanarySettings,
    FloodSettings,
    FolderSettings,
    IntakeSettings,
    Listen,
    MailboxSettings,
    OAuthSettings,
    RetentionSettings,
    ServerSettings,
    Settings,
    SlackSettings,
    SpamSettings,
    TemplateSettings,
)
from bridge.settings.near import is_loopback
from bridge.settings.providers import Security, provider_of, results_by, sign_in_of
from bridge.settings.rules import RuleSettings, ThenSettings, WhenSettings
from bridge.settings.times import HoursSettings, NudgeSettings, SilenceSettings
from bridge.settings.weekly import SummarySettings

__all__ = [
    "AckSettings",
    "AgentSettings",
    "CanarySettings",
    "FloodSettings",
    "FolderSettings",
    "IntakeSettings",
    "Listen",
    "MailboxSettings",
    "OAuthSettings",
    "RetentionSettings",
    "ServerSettings",
    "Settings",
    "SlackSettings",
    "check_runnable",
    "is_loopback",
    "load",
]

_PORTS: dict[str, dict[Security, int]] = {
    # RFC 8314 section 7.3 for implicit TLS; RFC 3501 and RFC 6409 for the others.
    "imap": {"tls": 993, "starttls": 143, "none": 143},
    "smtp": {"tls": 465, "starttls": 587, "none": 25},
}
_PLAIN_PORTS = frozenset({25, 143, 587})
"""Ports where TLS begins by STARTTLS, if nothing else is said."""


def load(
    *,
    config_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = Path(".env"),
) -> Settings:
    """Read, check and complete the settings: the environment over `env_file` over the TOML file.

    `environ` is the process's own where it is not given. The TOML file is `config_file`, else the one `BRIDGE_CONFIG`
    names, else `bridge.toml` beside `env_file`; without an `env_file` none is looked for. `secret.key` is made in
    `data` on the first load, unless a key is set.

    Raises Misconfigured: one sentence that names the first wrong key and the fix, and says how many more there are.
    """
    written = layers.read(
        config_file=config_file, environ=os.environ if environ is None else environ, env_file=env_file
    )
    try:
        settings = Settings.model_validate(written.tree)
    except ValidationError as error:
        problems = [_sentence(written, problem) for problem in error.errors(include_input=False, include_url=False)]
        raise _misconfigured(problems) from None
    return _complete(settings, written)


def check_runnable(settings: Settings) -> None:
    """Raise Misconfigured unless there is all that `bridge run` needs, which other commands do without."""
    slack = settings.slack
    problems = []
    if not slack.bot_token:
        problems.append(
            "SLACK_BOT_TOKEN is not set: copy the bot token (xoxb-) from the app's OAuth & Permissions page"
        )
    if not (slack.app_token or slack.signing_secret):
        problems.append("SLACK_APP_TOKEN is not set: make an app-level token (xapp-) with connections:write")
    if settings.summary.weekly and importlib.util.find_spec("PIL") is None:
        problems.append("`summary.weekly` needs an extra that is not installed: pip install 'mail-bridge[summary]'")
    if slack.signing_secret and not slack.app_token and settings.http.port is None:
        problems.append("BRIDGE_HTTP is off but Slack calls it without SLACK_APP_TOKEN: set either of them")
    if not settings.mailboxes:
        problems.append("MAIL_ADDRESS is not set: give the address whose mail is shown, or [[mailbox]] in bridge.toml")
    if problems:
        raise _misconfigured(problems)


def _complete(settings: Settings, written: Layers) -> Settings:
    """Fill in what follows from the rest: servers from the address, the database from the folder, the key."""
    mailboxes = tuple(
        _completed(mailbox, ca_file=settings.ca_file, variables=written.variables) for mailbox in settings.mailboxes
    )
    problems = [
        f"{written.name(('mailbox', index, *path))} {complaint}"
        for index, mailbox in enumerate(mailboxes)
        for path, complaint in (*_complaints(mailbox), *_twins(mailbox, mailboxes[:index]))
    ]
    problems += [
        f"{written.name(('template', index, 'name'))} is another template's name already: give it one of its own"
        for index, one in enumerate(settings.templates)
        if one.name.casefold() in {other.name.casefold() for other in settings.templates[:index]}
    ]
    if settings.canary.mailbox and settings.canary.mailbox not in {one.name for one in mailboxes}:
        problems.append(f"{written.name(('canary', 'mailbox'))} is no mailbox's name: give one of those configured")
    problems += [f"{written.name(('rule', *path))} {complaint}" for path, complaint in _amiss(settings, mailboxes)]
    data = settings.data.expanduser()
    database_url = settings.database_url.get_secret_value() or f"sqlite:///{data / 'bridge.db'}"
    if database_url.startswith("postgresql://") and not settings.secret_keys:
        problems.append(
            "BRIDGE_SECRET_KEY is not set: with PostgreSQL give every replica the same,"
            " such as the output of `openssl rand -hex 32`"
        )
    spam = settings.spam
    if spam.rspamd_password_env:
        password = SecretStr(written.variables.get(spam.rspamd_password_env, ""))
        spam = spam.model_copy(update={"rspamd_password": password})
        if not password:
            name = written.name(("spam", "rspamd_password_env"))
            problems.append(f"{name} names a variable that is not set: set it in the environment or .env")
    if problems:
        raise _misconfigured(problems)
    by_terminal: Literal["console", "json"] = "console" if sys.stderr.isatty() else "json"
    return settings.model_copy(
        update={
            "data": data,
            "database_url": SecretStr(database_url),
            "log": settings.log if "log" in settings.model_fields_set else by_terminal,
            "mailboxes": mailboxes,
            "spam": spam,
            "secret_keys": settings.secret_keys or (_key_in(data),),
        }
    )


def _completed(mailbox: MailboxSettings, *, ca_file: Path | None, variables: Mapping[str, str]) -> MailboxSettings:
    """The mailbox with its gaps filled. What could not be filled stays empty, for `_complaints` to find."""
    imap = mailbox.imap or ServerSettings()
    inherited = imap.model_fields_set & {"username", "password", "password_env", "auth", "ca_file"}
    if mailbox.smtp.model_fields_set & {"password", "password_env"}:
        inherited -= {"password", "password_env", "auth"}
    inherited -= mailbox.smtp.model_fields_set
    smtp = mailbox.smtp.model_copy(update={key: getattr(imap, key) for key in inherited})
    name = re.sub(r"[^\w.+-]", "-", mailbox.address.rpartition("@")[0])[:64]
    completed = functools.partial(_server, address=mailbox.address, ca_file=ca_file, variables=variables)
    servers = {"imap": completed("imap", imap) if mailbox.source == "imap" else None, "smtp": completed("smtp", smtp)}
    by_token = [server.host for server in servers.values() if server and server.auth == "xoauth2"]
    oauth = _oauth(mailbox.oauth, host=by_token[0], variables=variables) if by_token else mailbox.oauth
    known: dict[str, object] = {"name": mailbox.name or name, "oauth": oauth, **servers}
    if "trusted_servers" not in mailbox.model_fields_set and servers["imap"]:
        known["trusted_servers"] = results_by(servers["imap"].host)
    return mailbox.model_copy(update=known)


def _oauth(oauth: OAuthSettings, *, host: str, variables: Mapping[str, str]) -> OAuthSettings:
    """The sign-in with its gaps filled from the provider whose server that is, and from the variables."""
    provider = sign_in_of(host)
    known: dict[str, object] = {}
    if provider and not oauth.token_url:
        addresses = ("authorize_url", "token_url", "device_url")
        known = {key: getattr(provider, key).replace("{tenant}", oauth.tenant) for key in addresses}
        known["scopes"] = provider.scopes
    said = {key: getattr(oauth, key) for key in oauth.model_fields_set}
    if oauth.client_secret_env:
        said["client_secret"] = SecretStr(variables.get(oauth.client_secret_env, ""))
    return oauth.model_copy(update=known | said)


def _server(
    kind: Literal["imap", "smtp"],
    server: ServerSettings,
    *,
    address: str,
    ca_file: Path | None,
    variables: Mapping[str, str],
) -> ServerSettings:
    """A server with its gaps filled from the address's provider, the standards' ports and the variables."""
    said, provider = server.model_fields_set, provider_of(address)
    host, security = server.host, server.security
    if not host and provider:
        host = provider.imap if kind == "imap" else provider.smtp
        guess: Security = "tls" if kind == "imap" else provider.smtp_security
        security = security if "security" in said else guess
    if "security" not in said and server.port in _PLAIN_PORTS:
        security = "starttls"
    password = SecretStr(variables.get(server.password_env, "")) if server.password_env else server.password
    asks_nothing = kind == "smtp" and server.auth == "password" and not password and is_loopback(host)
    no_login = kind == "smtp" and not server.username and ("username" in said or asks_nothing)
    return server.model_copy(
        update={
            "host": host,
            "port": server.port or _PORTS[kind][security],
            "security": security,
            "username": "" if no_login else server.username or address,
            "auth": "password" if no_login else server.auth,
            "password": password,
            "ca_file": server.ca_file or ca_file,
        }
    )


def _complaints(mailbox: MailboxSettings) -> Iterator[tuple[PathInTree, str]]:
    """What is wrong with a completed mailbox: the setting's path within it, and what to do."""
    for kind, server in (("imap", mailbox.imap), ("smtp", mailbox.smtp)):
        if server is None:
            continue
        if not server.host:
            yield (kind, "host"), f"is not set, and the address's provider is unknown: give its {kind.upper()} server"
        elif server.security == "none" and not is_loopback(server.host):
            yield (kind, "security"), "may be none for a server on loopback only: set tls or starttls"
        if server.username and server.auth == "password" and not server.password:
            if server.password_env:
                yield (kind, "password_env"), "names a variable that is not set: set it in the environment or .env"
            else:
                yield (kind, "password"), "is not set: put the mailbox's password into the environment or .env"
    if mailbox.signs_in_by_token:
        yield from _complaints_of(mailbox.oauth)
    for key, mail in (("ack", mailbox.ack), ("silence", mailbox.silence)):
        if mail.html.strip() and not ("text" in mail.model_fields_set and mail.text.strip()):
            yield (key, "html"), "needs `text` beside it: the two are one mail and must say the same"


def _complaints_of(oauth: OAuthSettings) -> Iterator[tuple[PathInTree, str]]:
    if not oauth.client_id:
        yield ("oauth", "client_id"), "is not set: register the bridge at the provider, as docs/oauth.md tells"
    if oauth.client_secret_env and not oauth.client_secret:
        yield ("oauth", "client_secret_env"), "names a variable that is not set: set it in the environment or .env"
    if not oauth.token_url:
        yield ("oauth", "token_url"), "is not set, and the server's provider is unknown: give its OAuth2 addresses"
    elif not (oauth.authorize_url or oauth.device_url):
        yield ("oauth", "authorize_url"), "is not set, nor is `device_url`: give one of the provider's addresses"


def _twins(mailbox: MailboxSettings, before: tuple[MailboxSettings, ...]) -> Iterator[tuple[PathInTree, str]]:
    """A name or an address that a mailbox before it has: each is what tells them apart."""
    for key in ("name", "address"):
        if getattr(mailbox, key).lower() in {getattr(other, key).lower() for other in before}:
            yield (key,), "is another mailbox's as well: give each its own"


def _amiss(settings: Settings, mailboxes: tuple[MailboxSettings, ...]) -> Iterator[tuple[PathInTree, str]]:
    """What rules name that there is not, as far as the settings tell: the path within `rule`, and what to do."""
    names: set[str] = set()
    known = {one.name.casefold() for one in mailboxes}
    for index, rule in enumerate(settings.rules):
        if rule.name.casefold() in names:
            yield (index, "name"), "is another rule's name already: give it one of its own"
        names.add(rule.name.casefold())
        if unknown := [one for one in rule.when.mailbox if one.casefold() not in known]:
            yield (index, "when", "mailbox"), f"names {unknown[0]}, which is no mailbox: the names are in [[mailbox]]"
        if rule.then.webhook and rule.then.webhook not in settings.webhooks:
            yield (index, "then", "webhook"), "is no name under [webhooks]: give its address there"


def _key_in(data: Path) -> bytes:
    """The key kept in the data folder, made there if it is missing; of several starts at once, one makes it."""
    file = data / "secret.key"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make_key(file)
        key = file.read_bytes().strip()
    except OSError as error:
        raise Misconfigured(
            f"BRIDGE_DATA is no folder the bridge can use ({error.strerror}): set it to one that it may write."
        ) from error
    if len(key) < SHORTEST_KEY:
        raise Misconfigured("secret.key in BRIDGE_DATA holds no key: restore it, or remove it to have a new one made.")
    return key


def _make_key(file: Path) -> None:
    """Write the key beside its place and link it there: it appears whole, once, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as beside:
            beside.write(secrets.token_urlsafe(32) + "\n")
            beside.flush()
            os.fsync(beside.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()


# --- what is wrong, in a sentence -----------------------------------------------------------------------------------

_MISSING = {
    "address": "give the address whose mail is shown",
    "channel": "give the id or the #name of the channel that its mail is posted to",
    "name": "give it a name to find it by",
    "text": "give the template its text",
}

_PLAIN_WORDS = {
    "bool_parsing": "must be on or off",
    "bool_type": "must be on or off",
    "float_parsing": "must be a number",
    "int_parsing": "must be a whole number",
}
_TABLES: dict[tuple[str, ...], type[BaseModel]] = {
    (): Settings,
    ("slack",): SlackSettings,
    ("mailbox",): MailboxSettings,
    ("mailbox", "imap"): ServerSettings,
    ("mailbox", "smtp"): ServerSettings,
    ("mailbox", "oauth"): OAuthSettings,
    ("mailbox", "folders"): FolderSettings,
    ("mailbox", "ack"): AckSettings,
    ("mailbox", "hours"): HoursSettings,
    ("mailbox", "nudges"): NudgeSettings,
    ("mailbox", "silence"): SilenceSettings,
    ("intake",): IntakeSettings,
    ("agents",): AgentSettings,
    ("flood",): FloodSettings,
    ("spam",): SpamSettings,
    ("retention",): RetentionSettings,
    ("canary",): CanarySettings,
    ("summary",): SummarySettings,
    ("template",): TemplateSettings,
    ("rule",): RuleSettings,
    ("rule", "when"): WhenSettings,
    ("rule", "then"): ThenSettings,
}


def _misconfigured(problems: list[str]) -> Misconfigured:
    more = len(problems) - 1
    count = f" ({more} more {'problem' if more == 1 else 'problems'} after this one)" if more else ""
    return Misconfigured(f"{problems[0]}{count}.")


def _sentence(written: Layers, problem: ErrorDetails) -> str:
    """One problem by its key's own name. Pydantic's words for it never hold the value."""
    path: PathInTree = problem["loc"]
    name, text = written.name(path), problem["msg"]
    if problem["type"] == "missing":
        return f"{name} is not set: {_MISSING[str(path[-1])]}"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _known_beside(path), n=1, cutoff=0)
        return f"{name} is no setting: the nearest is `{near[0]}`, else remove it"
    if problem["type"] == "value_error":
        text = str(problem["ctx"]["error"])
    text = _PLAIN_WORDS.get(problem["type"], text)
    return f"{name} {text.replace('Input should', 'must').replace('String should', 'must')}"


def _known_beside(path: PathInTree) -> list[str]:
    """The keys a file may have in the table that `path` points into."""
    model = _TABLES.get(tuple(step for step in path[:-1] if isinstance(step, str)), Listen)
    return sorted({info.alias or key for key, info in model.model_fields.items()} - layers.SECRETS)
