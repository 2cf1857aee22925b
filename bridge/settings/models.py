"""The settings as frozen models: what there is to say, what a value may look like, and what holds if nothing is said.

The models' fields are the keys of `bridge.toml`. Nothing is read or looked up here; how the layers become a `Settings`
is told in `bridge.config`, which is where to import these from.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from bridge.model import MailboxName, Resurface
from bridge.sentences import Language
from bridge.settings import values
from bridge.settings.near import clamd_address, filter_url, is_loopback
from bridge.settings.providers import Security, files_sent_mail
from bridge.settings.rules import RuleSettings
from bridge.settings.times import HoursSettings, NudgeSettings, SilenceSettings, Within
from bridge.settings.times import html_template as _html_template
from bridge.settings.times import template as _template
from bridge.settings.values import Table as _Model
from bridge.settings.weekly import SummarySettings

_MIB = 1024 * 1024
_UNITS = {"": 1, "b": 1, "kib": 1024, "kb": 1000, "mib": _MIB, "mb": 1000 * 1000, "gib": 1024 * _MIB, "gb": 1000**3}

SHORTEST_KEY = 16
"""Characters. A shorter BRIDGE_SECRET_KEY could be guessed, and Message-IDs would no longer prove anything."""


# --- what a value may look like -------------------------------------------------------------------------------------


def _size(value: object) -> object:
    """Bytes from `41943040` or "40 MiB"; what is no text is left for the model to judge."""
    if not isinstance(value, str):
        return value
    written = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]{0,3})", value.strip())
    if not written or written[2].lower() not in _UNITS:
        raise ValueError('must be a size such as "40 MiB", or a number of bytes')
    return int(float(written[1]) * _UNITS[written[2].lower()])


def _channel_or_none(value: str) -> str:
    return values.channel(value) if value else value


def _name(value: str) -> str:
    if not re.fullmatch(r"[\w.+-]{0,64}", value):
        raise ValueError("must be a short word of letters, digits, dots and hyphens")
    return value


def _servers(value: tuple[str, ...]) -> tuple[str, ...]:
    """Authserv-ids (RFC 8601), in lower case; the empty one stands for fields that name no server."""
    if not all(re.fullmatch(r"[\w.:-]{0,255}", one.strip()) for one in value):
        raise ValueError('must hold names of servers as Authentication-Results begin, such as "mx.example.com"')
    return tuple(one.strip().lower() for one in value)


def _database_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url.startswith("postgres://"):  # libpq takes both spellings, SQLAlchemy one
        return SecretStr("postgresql://" + url.removeprefix("postgres://"))
    if not re.match(r"sqlite:///.|postgresql://.", url):
        raise ValueError("must be sqlite:///path or postgresql://user:password@host/database")
    return value


def _safe_url(value: str, *, query: bool) -> str:
    """An address that secrets may be sent to."""
    try:
        url = urlsplit(value)
        safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
        named = bool(url.hostname) and (query or not url.query) and not url.fragment and url.username is None
    except ValueError:
        safe = named = False
    if not (safe and named):
        raise ValueError(f"must be an https URL, or an http URL on loopback{'' if query else ', without a query'}")
    return value


def _api_url(value: str) -> str:
    url = _safe_url(value, query=False)
    return url if url.endswith("/") else url + "/"


def _sign_in_url(value: str) -> str:
    return _safe_url(value, query=True)


def _tenant(value: str) -> str:
    if not re.fullmatch(r"[\w.-]+", value):
        raise ValueError("must be a Microsoft tenant: its id or domain, or common, organizations or consumers")
    return value


def _token(value: SecretStr, prefixes: tuple[str, ...], complaint: str) -> SecretStr:
    """The two tokens look alike and are easily exchanged; what Slack answers then says little."""
    if not value.get_secret_value().startswith(prefixes):
        raise ValueError(complaint)
    return value


def _bot_token(value: SecretStr) -> SecretStr:
    return _token(value, ("xoxb-", "xoxe.xoxb-"), "must be a bot token (xoxb-...): copy it from OAuth & Permissions")


def _app_token(value: SecretStr) -> SecretStr:
    return _token(value, ("xapp-",), "must be an app-level token (xapp-...): copy it from Basic Information")


def _keys(value: object) -> object:
    """BRIDGE_SECRET_KEY's parts, the first to sign with, all to be accepted."""
    if not isinstance(value, str):
        return value
    keys = tuple(key.strip().encode() for key in value.split(",") if key.strip())
    if not keys or min(map(len, keys)) < SHORTEST_KEY:
        raise ValueError(f"must be a key of at least {SHORTEST_KEY} characters, or several separated by commas")
    return keys


def _save_sent(value: object) -> object:
    """TOML's own true and false mean on and off."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _variable_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be the name of a variable that holds the secret, never the secret itself")
    return value


def _file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("must be the path of a file that exists")
    return value


class Listen(_Model):
    """Where to listen. Written `host:port`; `port` None (written as nothing) is off, 0 is any free one."""

    host: str = "127.0.0.1"
    port: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if isinstance(value, dict | Listen):
            return value
        written = value.strip() if isinstance(value, str) else None
        if written == "":
            return {}
        host, _, port = (written or "").rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not (host and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 65_535):
            raise ValueError('must be "host:port", such as "127.0.0.1:8080", or "" for off')
        return {"host": host, "port": int(port)}


# --- the settings ---------------------------------------------------------------------------------------------------


class SlackSettings(_Model):
    """How to reach Slack. An empty token or secret is one that is not set; an app token means Socket Mode."""

    bot_token: Annotated[SecretStr, AfterValidator(_bot_token)] = SecretStr("")
    app_token: Annotated[SecretStr, AfterValidator(_app_token)] = SecretStr("")
    signing_secret: SecretStr = SecretStr("")
    api_url: Annotated[str, AfterValidator(_api_url)] = "https://slack.com/api/"


class ServerSettings(_Model):
    """An IMAP or SMTP server. As `load` gives it, every field is filled; an empty `username` means no login.

    `password` is not used with "xoauth2", whose tokens are kept in the store.
    """

    host: str = ""
    port: int = Field(default=0, ge=1, le=65_535)
    security: Security = "tls"
    username: str = ""
    password: SecretStr = SecretStr("")
    password_env: Annotated[str, AfterValidator(_variable_name)] | None = None
    auth: Literal["password", "xoauth2"] = "password"
    ca_file: Annotated[Path, AfterValidator(_file)] | None = None


class FolderSettings(_Model):
    """IMAP folders by their names on the server; None is found by SPECIAL-USE (RFC 6154)."""

    inbox: str = "INBOX"
    sent: str | None = None
    trash: str | None = None
    archive: str | None = None
    junk: str | None = None


class OAuthSettings(_Model):
    """How a mailbox with "xoauth2" is signed in to. As `load` gives it, the addresses and scopes are the provider's
    where nothing else was said. `client_id` and `client_secret` are what the provider gave the bridge when it was
    registered there; programs on people's own machines often have no secret. `tenant` is Microsoft's alone.
    """

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    client_secret_env: Annotated[str, AfterValidator(_variable_name)] | None = None
    tenant: Annotated[str, AfterValidator(_tenant)] = "common"
    authorize_url: Annotated[str, AfterValidator(_sign_in_url)] = ""
    token_url: Annotated[str, AfterValidator(_sign_in_url)] = ""
    device_url: Annotated[str, AfterValidator(_sign_in_url)] = ""
    scopes: tuple[str, ...] = ()


class AckSettings(_Model):
    """What a new conversation's sender is told at once, where `auto_ack` is on. Subject, text and HTML are templates;
    `html` may stand beside `text`.
    """

    subject: Annotated[str, AfterValidator(_template)] = "Re: {{ subject }} [#{{ number }}]"
    text: Annotated[str, AfterValidator(_template)] = (
        "Hello{% if sender.name %} {{ sender.name }}{% endif %},\n\n"
        "thank you for writing to us. Your message has arrived, and somebody will answer it as soon as possible.\n"
        "Its number is #{{ number }}. To add something, just answer this mail.\n\n"
        "{{ mailbox.name }}"
    )
    html: Annotated[str, AfterValidator(_html_template)] = ""
    per_sender: int = Field(default=3, ge=1, le=100)
    """How many automatic mails one address gets in 24 hours; then it is taken for a loop."""
    per_hour: int = Field(default=60, ge=1, le=10_000)
    """How many the mailbox sends to all who write in an hour; then none until it is over."""


class MailboxSettings(_Model):
    """One address. `imap` is None where the mail comes from the embedded intake (`source` "local").

    `trusted_servers`: whose Authentication-Results are believed, by authserv-id; as `load` gives it, the provider's
    own where nothing else was said. `first_response`, `next_response`: how much open time an answer may take; the
    second is as the first where nothing else was said.
    """

    name: Annotated[str, AfterValidator(_name)] = ""
    address: Annotated[str, AfterValidator(values.address)]
    display_name: str = ""
    channel: Annotated[str, AfterValidator(values.channel)]
    hold_seconds: float = Field(default=10, ge=0, le=3600)
    signature: str = Field(default="", max_length=2000)
    forwards: bool = True
    hold_risky: bool = True
    """Whether files that can do harm stay out of Slack until somebody releases them."""
    auto_ack: bool = False
    resurface: Resurface = Resurface.BROADCAST
    resurface_minutes: float = Field(default=60, ge=0, le=10_080)
    ack: AckSettings = AckSettings()
    hours: HoursSettings = HoursSettings()
    first_response: Within | None = None
    next_response: Within | None = None
    nudges: NudgeSettings = NudgeSettings()
    silence: SilenceSettings = SilenceSettings()
    source: Literal["imap", "local"] = "imap"
    imap: ServerSettings | None = None
    smtp: ServerSettings = ServerSettings()
    oauth: OAuthSettings = OAuthSettings()
    folders: FolderSettings = FolderSettings()
    save_sent: Annotated[Literal["on", "off", "auto"], BeforeValidator(_save_sent)] = "auto"
    trusted_servers: Annotated[tuple[str, ...], AfterValidator(_servers)] = ()

    @property
    def signs_in_by_token(self) -> bool:
        """Whether one of its servers is signed in to by OAuth2."""
        return any(server is not None and server.auth == "xoauth2" for server in (self.imap, self.smtp))

    @property
    def saves_sent(self) -> bool:
        """Whether a copy of what was sent is to be put into Sent: not where the provider does so by itself."""
        if self.save_sent == "auto":
            return self.imap is not None and not files_sent_mail(self.smtp.host)
        return self.save_sent == "on"


class IntakeSettings(_Model):
    """Where the embedded SMTP and LMTP listeners stand, which mailboxes with `source` "local" are fed from."""

    smtp: Listen = Listen(port=2525)
    lmtp: Listen = Listen(port=2424)


class RetentionSettings(_Model):
    """How many days is kept what can be had again: `raw`, mails as they came (their text stays, and the original is
    fetched from the mailbox when somebody asks for it); `jobs`, what was done. 0 keeps it for ever.
    """

    raw: int = Field(default=365, ge=0)
    jobs: int = Field(default=30, ge=0)


class AgentSettings(_Model):
    """Who may act. No `users` means the full members of the conversation's channel; no `admins`, the workspace's."""

    users: tuple[Annotated[str, AfterValidator(values.user)], ...] = ()
    admins: tuple[Annotated[str, AfterValidator(values.user)], ...] = ()


class TemplateSettings(_Model):
    """A canned answer: Markdown with variables such as `{{ sender.name }}`; `subject` is for new mails."""

    name: str = Field(min_length=1, max_length=60)
    text: Annotated[str, AfterValidator(_template)] = Field(max_length=10_000)
    subject: Annotated[str, AfterValidator(_template)] = Field(default="", max_length=250)
    language: str = Field(default="", max_length=40)
    folder: str = Field(default="", max_length=60)


class FloodSettings(_Model):
    """How many new cards a channel gets within so many seconds; what comes beyond stands in a digest. 0 is no limit:
    every conversation has its card, unless the operator says otherwise.
    """

    cards: int = Field(default=0, ge=0)
    seconds: float = Field(default=60, gt=0, le=3600)


class CanarySettings(_Model):
    """The mail that the bridge writes to itself: from and to which mailbox (none: off), how often, and which channel
    is told what is wrong (none: the mailbox's own).
    """

    mailbox: Annotated[str, AfterValidator(_name)] = ""
    every_minutes: float = Field(default=2, gt=0, le=60)
    channel: Annotated[str, AfterValidator(_channel_or_none)] = ""


class SpamSettings(_Model):
    """The filters that are asked about each mail, none where nothing is named. `rspamd`: where it scans;
    `rspamd_controller`: where it learns what agents call spam; `clamd`: ClamAV's daemon, which finds malware.
    """

    rspamd: Annotated[str, AfterValidator(filter_url)] | None = None
    rspamd_controller: Annotated[str, AfterValidator(filter_url)] | None = None
    rspamd_password: SecretStr = SecretStr("")
    rspamd_password_env: Annotated[str, AfterValidator(_variable_name)] | None = None
    clamd: Annotated[str, AfterValidator(clamd_address)] | None = None


ReactionVerb = Literal[
    "claim", "close", "reopen", "mark_read", "mark_unread", "flag", "unflag", "archive", "restore", "spam"
]
"""What a reaction may do: what can be taken back. Deleting asks first, and sending is never done by a reaction."""


def _emoji(value: str) -> str:
    name = value.strip(":")
    if not re.fullmatch(r"[a-z0-9_+'-]{1,100}", name):
        raise ValueError('must be named as Slack names emoji, such as eyes or "white_check_mark"')
    return name


class Settings(_Model):
    """Everything an operator may say. `secret_keys`: the first signs and encrypts, all are accepted."""

    slack: SlackSettings = SlackSettings()
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = SecretStr("")
    data: Path = Path("bridge-data")
    http: Listen = Listen(port=8080)
    log: Literal["console", "json"] = "console"
    language: Language = "en"
    """What cards and threads are in, and whatever is said to people whose own language the bridge does not speak."""
    secret_keys: Annotated[tuple[bytes, ...], BeforeValidator(_keys)] = Field(
        default=(), repr=False, alias="secret_key"
    )
    max_bytes: Annotated[int, BeforeValidator(_size)] = Field(default=40 * _MIB, ge=1024)
    ca_file: Annotated[Path, AfterValidator(_file)] | None = None
    mailboxes: tuple[MailboxSettings, ...] = Field(default=(), alias="mailbox")
    intake: IntakeSettings = IntakeSettings()
    agents: AgentSettings = AgentSettings()
    flood: FloodSettings = FloodSettings()
    spam: SpamSettings = SpamSettings()
    reactions: dict[Annotated[str, AfterValidator(_emoji)], ReactionVerb] = Field(default_factory=dict)
    templates: tuple[TemplateSettings, ...] = Field(default=(), alias="template")
    rules: tuple[RuleSettings, ...] = Field(default=(), alias="rule")
    webhooks: dict[Annotated[str, AfterValidator(_name)], Annotated[str, AfterValidator(_sign_in_url)]] = Field(
        default_factory=dict
    )
    retention: RetentionSettings = RetentionSettings()
    canary: CanarySettings = CanarySettings()
    summary: SummarySettings = SummarySettings()

    @property
    def trusted(self) -> dict[MailboxName, tuple[str, ...]]:
        """By mailbox, the servers whose Authentication-Results are believed."""
        return {MailboxName(one.name): one.trusted_servers for one in self.mailboxes}

    @property
    def unheld(self) -> frozenset[MailboxName]:
        """The mailboxes whose files are not held, whatever they are."""
        return frozenset(MailboxName(one.name) for one in self.mailboxes if not one.hold_risky)
