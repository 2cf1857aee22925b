"""`bridge init`: asks what the bridge needs, and writes it into `.env` (secrets, mode 0600) and `bridge.toml`.

What was given beforehand is not asked for, so with everything given it asks nothing. Each answer is checked as `bridge
run` will check it. A file that stands there is replaced only if that is wanted; nothing is sent anywhere.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from bridge.config import MailboxSettings, SlackSettings
from bridge.errors import Misconfigured, Refused
from bridge.settings.providers import provider_of, sign_in_advice, takes_passwords
from bridge.slack import manifest

ENV, TOML = ".env", "bridge.toml"

_TOKENS = """\
Slack: make an app at https://api.slack.com/apps ("Create New App", "From a manifest") from this file:
  {manifest}
Then copy two tokens from its pages:
  OAuth & Permissions, after "Install to Workspace": the bot token (xoxb-...)
  Basic Information, "App-Level Tokens", with connections:write: the app token (xapp-...)
"""

_NEXT = """\
Written: {written}
Next: type /invite @Bridge in {channel}, then
{sign_in}  bridge check    tries every part
  bridge run      starts the service
"""

_FIRST_LINES = """\
# Secrets stand in .env. Another mailbox is another [[mailbox]].

[flood]  # more new conversations than that in a minute become one message that lists them
cards = 20

[[mailbox]]"""

_SIGN_IN = """\
  bridge login {name}    signs in to the mailbox in a browser, once
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known beforehand; an empty value is asked for where it is needed. Hosts only for unknown providers."""

    bot_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    address: str = ""
    name: str | None = None
    password: str = field(default="", repr=False)
    client_id: str = ""
    channel: str = ""
    imap_host: str = ""
    smtp_host: str = ""


def init(folder: Path, given: Given, *, replace: Callable[[str], bool]) -> None:
    """Ask, write both files into `folder`, and say what comes next.

    `replace` is asked with the sentence that names the files that stand there; raises Refused where it says no,
    Misconfigured for an answer that cannot be.
    """
    standing = [name for name in (ENV, TOML) if (folder / name).exists()]
    if standing and not replace(f"{' and '.join(standing)} will be replaced. Go on?"):
        raise Refused("Nothing was written: what stands there was kept.")
    typer.echo(_TOKENS.format(manifest=manifest.path()))
    bot_token = _ask("Bot token", given.bot_token, _slack("bot_token"), hidden=True)
    app_token = _ask("App token", given.app_token, _slack("app_token"), hidden=True)
    address = _ask("Address whose mail is shown", given.address, _mailbox("address"))
    provider = provider_of(address)
    servers: dict[str, dict[str, Any]] = {"imap": {}, "smtp": {}}
    if provider is None or given.imap_host or given.smtp_host:
        servers["imap"] = _server(_ask("IMAP server (host or host:port)", given.imap_host, _host))
        servers["smtp"] = _server(_ask("SMTP server (host or host:port, 587 is STARTTLS)", given.smtp_host, _host))
    smtp_host = servers["smtp"].get("host") or (provider.smtp if provider else "")
    if advice := sign_in_advice(smtp_host):
        typer.echo(advice)
    secrets = {"SLACK_BOT_TOKEN": bot_token, "SLACK_APP_TOKEN": app_token}
    oauth = {}
    if takes_passwords(smtp_host):
        secrets["MAIL_PASSWORD"] = _ask("Password of the mailbox", given.password, _secret, hidden=True)
    else:
        oauth["client_id"] = _ask("Client id of the bridge (docs/oauth.md, step 1)", given.client_id, _word)
        servers["imap"]["auth"] = "xoauth2"
    name = typer.prompt("Name beside the address", default="") if given.name is None else given.name
    channel = _ask("Slack channel (#name or id)", given.channel, _mailbox("channel"))
    mailbox = {"address": address, "display_name": name, "channel": channel}
    _write(folder / ENV, "".join(f"{key}={_quoted(value)}\n" for key, value in secrets.items()))
    _write(folder / TOML, _toml(mailbox, {**servers, "oauth": oauth}))
    sign_in = _SIGN_IN.format(name=address.rpartition("@")[0]) if oauth else ""
    typer.echo(_NEXT.format(written=f"{folder / ENV}, {folder / TOML}", channel=channel, sign_in=sign_in))


# --- asking -----------------------------------------------------------------------------------------------------------


def _ask(question: str, given: str, check: Callable[[str], None], *, hidden: bool = False) -> str:
    """What was given, else what a person types, again until it can be. Raises Misconfigured where nobody can answer."""
    if given:
        try:
            check(given)
        except ValueError as wrong:
            raise Misconfigured(f"{question} {wrong}.") from None
        return given
    while True:
        try:
            answer: str = typer.prompt(question, hide_input=hidden).strip()
        except typer.Abort:
            raise Misconfigured(f"{question} is not given, and nobody answers: see `bridge init --help`.") from None
        try:
            check(answer)
        except ValueError as wrong:
            typer.echo(f"It {wrong}.")
        else:
            return answer


def _slack(key: str) -> Callable[[str], None]:
    return lambda value: _valid(SlackSettings, {key: value})


def _mailbox(key: str) -> Callable[[str], None]:
    return lambda value: _valid(MailboxSettings, {"address": "a@example.com", "channel": "#a", key: value})


def _valid(model: type[SlackSettings | MailboxSettings], values: dict[str, Any]) -> None:
    try:
        model.model_validate(values)
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["ctx"]["error"])) from None


def _host(value: str) -> None:
    if not re.fullmatch(r"[^\s/:@]+(:[0-9]{1,5})?", value) or not 0 < _server(value).get("port", 1) < 2**16:
        raise ValueError("must be a server's name such as mail.example.com, or with its port mail.example.com:587")


def _server(written: str) -> dict[str, Any]:
    """A server as it is asked for, as bridge.toml has it; how it is secured follows from the port."""
    host, _, port = written.partition(":")
    return {"host": host, **({"port": int(port)} if port else {})}


def _secret(value: str) -> None:
    if not value or "\n" in value:
        raise ValueError("must not be empty")


def _word(value: str) -> None:
    if not re.fullmatch(r"\S+", value):
        raise ValueError("must be one word")


# --- writing ----------------------------------------------------------------------------------------------------------


def _quoted(value: str) -> str:
    """A value of `.env`, to the letter."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _toml(mailbox: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in mailbox.items() if value]
    for name, table in tables.items():
        if table:
            inner = ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
            lines.append(f"{name} = {{ {inner} }}")
    return "\n".join([_FIRST_LINES, *lines, ""])


def _write(file: Path, text: str) -> None:
    """The whole file or none, readable by its owner alone. Raises Misconfigured where it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as new:
                new.write(text)
            Path(beside).replace(file)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(beside).unlink()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written ({error.strerror}): choose another --directory.") from error
