"""Where settings are written: the environment over `.env` over `bridge.toml`, laid into one tree.

The tree has the shape of `bridge.toml`. Each variable is a path in it, and the layers remember which paths came from
which variable, so that a problem can be told by the name its writer used. What a value must look like is not judged
here. No sentence repeats a value: any of them may be a secret in the wrong place.
"""

import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from bridge.errors import Misconfigured

PathInTree = tuple[str | int, ...]

_MAILBOX: PathInTree = ("mailbox", 0)

VARIABLES: dict[str, PathInTree] = {
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
    "SLACK_API_URL": ("slack", "api_url"),
    "BRIDGE_DATABASE_URL": ("database_url",),
    "BRIDGE_DATA": ("data",),
    "BRIDGE_HTTP": ("http",),
    "BRIDGE_LOG": ("log",),
    "BRIDGE_LANGUAGE": ("language",),
    "BRIDGE_SECRET_KEY": ("secret_key",),
    "MAIL_ADDRESS": (*_MAILBOX, "address"),
    "MAIL_PASSWORD": (*_MAILBOX, "imap", "password"),
    "MAIL_USERNAME": (*_MAILBOX, "imap", "username"),
    "MAIL_NAME": (*_MAILBOX, "display_name"),
    "MAIL_AUTH": (*_MAILBOX, "imap", "auth"),
    "MAIL_OAUTH_CLIENT_ID": (*_MAILBOX, "oauth", "client_id"),
    "MAIL_OAUTH_CLIENT_SECRET": (*_MAILBOX, "oauth", "client_secret"),
    "MAIL_OAUTH_TENANT": (*_MAILBOX, "oauth", "tenant"),
    "MAIL_IMAP_HOST": (*_MAILBOX, "imap", "host"),
    "MAIL_IMAP_PORT": (*_MAILBOX, "imap", "port"),
    "MAIL_IMAP_SECURITY": (*_MAILBOX, "imap", "security"),
    "MAIL_SMTP_HOST": (*_MAILBOX, "smtp", "host"),
    "MAIL_SMTP_PORT": (*_MAILBOX, "smtp", "port"),
    "MAIL_SMTP_SECURITY": (*_MAILBOX, "smtp", "security"),
    "MAIL_SMTP_USERNAME": (*_MAILBOX, "smtp", "username"),
    "MAIL_SMTP_PASSWORD": (*_MAILBOX, "smtp", "password"),
    "MAIL_SAVE_SENT": (*_MAILBOX, "save_sent"),
    "MAIL_MAX_BYTES": ("max_bytes",),
    "MAIL_CA_FILE": ("ca_file",),
    "MAIL_CHANNEL": (*_MAILBOX, "channel"),
    "MAIL_HOLD_SECONDS": (*_MAILBOX, "hold_seconds"),
    "MAIL_SIGNATURE": (*_MAILBOX, "signature"),
    "MAIL_FORWARDS": (*_MAILBOX, "forwards"),
    "MAIL_AUTO_ACK": (*_MAILBOX, "auto_ack"),
}
"""Every variable that is a setting, and its place in the tree. `BRIDGE_CONFIG` is none: it says where the tree is."""

SECRETS = frozenset({"bot_token", "app_token", "signing_secret", "secret_key", "password", "client_secret"})
"""Keys that no file but `.env` may hold."""

_EMPTY_MEANS_OFF = frozenset({"BRIDGE_HTTP"})
_BY_PATH = {path: variable for variable, path in VARIABLES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The three layers as one. `variables` is all of `.env` under the environment, for `password_env` to look in."""

    tree: dict[str, Any]
    variables: Mapping[str, str]
    file: Path | None
    from_variables: Mapping[PathInTree, str]
    from_file: frozenset[PathInTree]

    def name(self, path: PathInTree) -> str:
        """What the writer of a setting calls it: the variable that gave it, or its key in the file."""
        while path and path not in self.from_variables and isinstance(path[-1], int):
            path = path[:-1]
        if path in self.from_variables:
            return self.from_variables[path]
        file_has_it = path in self.from_file or (path[:2] in self.from_file and path[0] == "mailbox")
        if path in _BY_PATH and not file_has_it:
            return _BY_PATH[path]
        return _in_file(path, self.file)


def read(*, config_file: Path | None, environ: Mapping[str, str], env_file: Path | None) -> Layers:
    """Lay the layers over each other.

    `config_file` must exist where it is given; else `BRIDGE_CONFIG` says where it is, else `bridge.toml` beside
    `env_file` is taken if it is there. An empty variable counts as not set, but for those where empty means off.

    Raises Misconfigured where a file cannot be read, is not what it should be, or holds a secret that may not be there.
    """
    variables = {**_dotenv(env_file), **{key: value for key, value in environ.items() if _is_set(key, value)}}
    file = _config_file(config_file, variables, env_file)
    tree = _toml(file) if file else {}
    from_file = frozenset(_paths(tree))
    from_variables: dict[PathInTree, str] = {}
    several = len(tree.get("mailbox", ())) > 1
    for variable, path in VARIABLES.items():
        if variable not in variables:
            continue
        if several and path[0] == "mailbox":
            _refuse_for_several(variable, path, file)
            continue
        value = variables[variable]
        _put(tree, path, value if path[-1] == "password" else value.strip())  # a password may end in a space
        from_variables[path] = variable
    return Layers(tree=tree, variables=variables, file=file, from_variables=from_variables, from_file=from_file)


def _is_set(variable: str, value: str | None) -> bool:
    return bool(value) or (value == "" and variable in _EMPTY_MEANS_OFF)


def _dotenv(file: Path | None) -> dict[str, str]:
    """What `.env` holds, to the letter: a `$` in a password is a `$`."""
    if file is None or not file.is_file():
        return {}
    try:
        values = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file.name} cannot be read: make it a readable text file in UTF-8.") from error
    return {key: value for key, value in values.items() if value is not None and _is_set(key, value)}


def _config_file(given: Path | None, variables: Mapping[str, str], env_file: Path | None) -> Path | None:
    named = given or (Path(variables["BRIDGE_CONFIG"]) if variables.get("BRIDGE_CONFIG") else None)
    if named is None:
        beside = env_file.with_name("bridge.toml") if env_file else None
        return beside if beside and beside.is_file() else None
    if not named.is_file():
        key = "--config" if given else "BRIDGE_CONFIG"
        raise Misconfigured(f"{key} names a file that is not there: give the path of a bridge.toml.")
    return named


def _toml(file: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{file.name} is not valid TOML: mend it where the reader stopped ({error}).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file.name} cannot be read: make it a readable text file in UTF-8.") from error
    mailboxes = tree.get("mailbox", [])
    if not (isinstance(mailboxes, list) and all(isinstance(mailbox, dict) for mailbox in mailboxes)):
        raise Misconfigured(f"`mailbox` in {file.name} must be a table for each mailbox: write [[mailbox]] above it.")
    _refuse_secrets(tree, file)
    return tree


def _refuse_secrets(tree: dict[str, Any], file: Path) -> None:
    for path in _paths(tree):
        if path[-1] not in SECRETS:
            continue
        name = _BY_PATH.get(path, "")
        by_name = f"let `{path[-1]}_env` name a variable, and set that"
        fix = f"set {name}" if name and path[0] != "mailbox" else by_name
        raise Misconfigured(
            f"{_in_file(path, file)} is a secret, and no secret may stand there: {fix}, in the environment or .env."
        )
    try:
        has_password = urlsplit(str(tree.get("database_url", ""))).password is not None
    except ValueError:
        return
    if has_password:
        raise Misconfigured(
            f"`database_url` in {file.name} holds a password, and the file holds no secrets:"
            " set BRIDGE_DATABASE_URL in the environment or .env instead."
        )


def _refuse_for_several(variable: str, path: PathInTree, file: Path | None) -> None:
    """A variable about one mailbox says nothing where there are several; a secret may be named by an `..._env` key."""
    if path[-1] in SECRETS:
        return
    where = file.name if file else "the file"
    raise Misconfigured(f"{variable} speaks of one mailbox and {where} has several: unset it and set the key there.")


def _put(tree: dict[str, Any], path: PathInTree, value: str) -> None:
    """Set a path; where the file has something else than a table on the way, it is left for the model to refuse."""
    here: Any = tree
    for step, following in itertools.pairwise(path):
        if isinstance(step, int):
            if not here:
                here.append({})
            here = here[step]
        else:
            here = here.setdefault(step, [] if isinstance(following, int) else {})
        if not isinstance(here, dict | list):
            return
    here[path[-1]] = value


def _paths(value: Any, at: PathInTree = ()) -> Iterator[PathInTree]:
    """Every path of a tree, tables and their entries alike."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*at, index))


def _in_file(path: PathInTree, file: Path | None) -> str:
    """A key by its place in the file, mailboxes and rules counted from 1."""
    where = file.name if file else "the settings"
    if path[:1] in (("mailbox",), ("rule",)) and len(path) > 2:
        return f"`{'.'.join(map(str, path[2:]))}` of {path[0]} {int(path[1]) + 1} in {where}"
    return f"`{'.'.join(map(str, path))}` in {where}"
