"""What every Web API method works on: the workspace as this app may see it, its arguments, its scopes and the time.

The errors are Slack's codes, raised as `SlackRefusal`; which codes a method may answer stands in Slack's reference.
"""

import asyncio
import base64
import binascii
import json
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.demo.double.faults import Faults
from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.stored import Json
from bridge.demo.double.workspace import Workspace

PAGE_MOST = 999  # items of one page, for methods that take a limit
RESPONSE_USES = 5
RESPONSE_SECONDS = 30 * 60


@dataclass(slots=True, kw_only=True)
class Timing:
    """Slack's clocks, in seconds, so that a test need not wait for them.

    `retries` are the waits before an event that was not acknowledged comes again (Slack: at once, one minute, five);
    the default is compressed. `share` is how long the message of an upload takes to appear. `ping` is the time between
    Slack's own pings on a socket.
    """

    ack: float = 3.0
    trigger: float = 3.0
    retries: tuple[float, ...] = (0.0, 1.0, 5.0)
    share: float = 0.1
    ping: float = 10.0


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """A permit to answer an interaction: where, to whom, in the place of which message; five uses in half an hour."""

    channel: str
    user: str
    made: float
    message_ts: str = ""
    ephemeral: bool = False
    thread_ts: str = ""
    uses: int = 0


class Arguments:
    """One call's arguments, whatever way they came: strings from a query or a form, JSON values from a body."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def required(self, *names: str) -> list[str]:
        """These arguments' text, in order. Raises invalid_arguments where one is missing."""
        missing = [name for name in names if self._values.get(name, "") == ""]
        if missing:
            raise invalid_arguments(*(f"missing required field: {name}" for name in missing))
        return [self.text(name) for name in names]

    def text(self, name: str, default: str = "") -> str:
        """An argument's text; numbers are taken as their digits."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise invalid_arguments(f"must be a string [json-pointer:/{name}]")
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An argument that is true or false, in any of the spellings that Slack takes."""
        value = self._values.get(name, default)
        if isinstance(value, bool):
            return value
        if str(value).lower() in {"true", "1"}:
            return True
        if str(value).lower() in {"false", "0", ""}:
            return False
        raise invalid_arguments(f"must be a boolean [json-pointer:/{name}]")

    def count(self, name: str, *, default: int, most: int, code: str = "invalid_limit") -> int:
        """A whole number from 1 to `most`; 0 stands for the default."""
        value = self.text(name, str(default))
        if not value.isdecimal() or int(value) > most:
            raise SlackRefusal(code)
        return int(value) or default

    def structure(self, name: str, *, code: str) -> Any:
        """An argument that is JSON, given as such or as text; None if it was not given."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackRefusal(code) from None


def invalid_arguments(*sentences: str) -> SlackRefusal:
    """Slack's answer to arguments that cannot be."""
    return SlackRefusal("invalid_arguments", response_metadata={"messages": [f"[ERROR] {one}" for one in sentences]})


@dataclass(slots=True, kw_only=True)
class Site:
    """The workspace, seen by one installed app.

    `manifest` is the app's manifest; `scopes` are those granted to its bot token.
    """

    workspace: Workspace
    faults: Faults
    timing: Timing
    manifest: Json
    scopes: frozenset[str]
    open_socket_url: Callable[[], str]
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def need(self, *scopes: str) -> None:
        """Go on if one of these scopes is granted. Raises missing_scope."""
        if scopes and not self.scopes.intersection(scopes):
            needed = ",".join(scopes)
            raise SlackRefusal("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))

    def need_for(self, channel: Json, *, to: str) -> None:
        """Go on if the app may `read` this kind of channel, or its `history`."""
        self.need(f"{family(channel)}:{to}")

    def is_member(self, channel: str) -> bool:
        """Whether the app is in the channel."""
        return self.workspace.bot_user_id in self.workspace.members(channel)

    def seen(self, channel_id: str) -> Json:
        """A channel that the app can see. Raises channel_not_found for others, private ones it is not in included."""
        channel = self.workspace.channels.get(channel_id)
        if channel is None or (channel["is_private"] and not self.is_member(channel_id)):
            raise SlackRefusal("channel_not_found")
        return channel

    def joined(self, channel_id: str) -> Json:
        """A channel that the app is in. Raises channel_not_found or not_in_channel."""
        channel = self.seen(channel_id)
        if not self.is_member(channel_id):
            raise SlackRefusal("not_in_channel")
        return channel

    def writable(self, channel_id: str) -> Json:
        """A channel that the app may post in. Raises what `joined` raises, and is_archived."""
        channel = self.joined(channel_id)
        if channel["is_archived"]:
            raise SlackRefusal("is_archived")
        return channel

    def found(self, channel_id: str, ts: str) -> Json:
        """A message. Raises message_not_found."""
        message = self.workspace.message(channel_id, ts)
        if message is None or message.get("subtype") == "tombstone":
            raise SlackRefusal("message_not_found")
        return message

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Let Slack do something in its own time."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def response_url(self, **where: Any) -> str:
        """Make an address at which the app may answer an interaction."""
        name = f"{self.workspace.team_id}/{secrets.token_hex(12)}"
        self.response_urls[name] = ResponseUrl(made=self.workspace.clock(), **where)
        return f"{self.workspace.url}/response/{name}"

    def features(self, name: str) -> Any:
        """An entry of the manifest's `features`; None if the manifest has none."""
        return self.manifest.get("features", {}).get(name)


def family(channel: Json) -> str:
    """The first half of the scopes that a channel of this kind needs."""
    if channel["is_im"]:
        return "im"
    if channel["is_mpim"]:
        return "mpim"
    return "groups" if channel["is_private"] else "channels"


def page(entries: Sequence[Json], args: Arguments, *, key: str, default: int = 100) -> tuple[list[Json], Json]:
    """One page of `entries` and the `response_metadata` that leads to the next; `key` names an entry for ever.

    Raises invalid_limit or invalid_cursor.
    """
    size = args.count("limit", default=default, most=PAGE_MOST)
    start = 0
    if args.text("cursor"):
        names = [entry[key] for entry in entries]
        try:
            name = base64.b64decode(args.text("cursor"), validate=True).decode().removeprefix("next:")
            start = names.index(name)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise SlackRefusal("invalid_cursor") from None
    rest = entries[start + size : start + size + 1]
    following = base64.b64encode(f"next:{rest[0][key]}".encode()).decode() if rest else ""
    return list(entries[start : start + size]), {"next_cursor": following}


def scopes_of(manifest: Json) -> frozenset[str]:
    """The bot scopes that an app with this manifest is granted at its installation."""
    return frozenset(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", []))
