"""The people and channels of a Slack workspace, as Slack's objects say, and answers about them kept for a minute.

Pure: reads objects and keeps answers; who asks is the gateway. It judges nobody: who may act is decided elsewhere.
Source: https://docs.slack.dev/reference/objects/user-object and .../conversation-object.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bridge.model import ChannelId, UserId

KEEP_SECONDS = 60.0
"""How long what Slack said about people and channels is believed; events that tell of a change cut it short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person in Slack. `name` as Slack shows it; `email` may be empty; `tz` an IANA name, `locale` like "de-DE".
    `is_admin`: of the workspace.
    """

    id: UserId
    name: str
    email: str
    is_guest: bool
    is_bot: bool
    deleted: bool
    team_id: str
    locale: str
    tz: str
    full_name: str = ""  # as it is signed with; `name` is what colleagues see
    is_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel. `is_shared`: people of another workspace or organisation are in it, or are invited to it."""

    id: ChannelId
    name: str
    is_private: bool
    is_archived: bool
    is_shared: bool
    is_member: bool


def read_member(body: Mapping[str, Any]) -> Member:
    """A person from Slack's user object."""
    profile = body.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), body.get("real_name"), body.get("name"))
    return Member(
        id=UserId(body["id"]),
        name=next(filter(None, names), body["id"]),
        email=profile.get("email") or "",
        is_guest=bool(body.get("is_restricted") or body.get("is_ultra_restricted")),
        is_bot=bool(body.get("is_bot")),
        deleted=bool(body.get("deleted")),
        team_id=body.get("team_id") or profile.get("team") or "",
        locale=body.get("locale") or "",
        tz=body.get("tz") or "",
        is_admin=bool(body.get("is_admin") or body.get("is_owner")),
        full_name=profile.get("real_name") or body.get("real_name") or "",
    )


def read_channel(body: Mapping[str, Any]) -> Channel:
    """A channel from Slack's conversation object."""
    return Channel(
        id=ChannelId(body["id"]),
        name=body.get("name") or "",
        is_private=bool(body.get("is_private")),
        is_archived=bool(body.get("is_archived")),
        is_shared=any(body.get(flag) for flag in ("is_ext_shared", "is_org_shared", "is_pending_ext_shared")),
        is_member=bool(body.get("is_member")),
    )


Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Answers, each believed for so many seconds."""

    def __init__(self, clock: Callable[[], float], *, seconds: float = KEEP_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._forgotten = 0

    async def get(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """The kept answer, or what `ask` says now."""
        now = self._clock()
        kept = self._kept.get(key)
        if kept and now < kept[0]:
            return kept[1]
        before = self._forgotten
        value = await ask()
        # What was asked before an event told of a change may be older than the change.
        if before == self._forgotten:
            self._kept = {known: entry for known, entry in self._kept.items() if now < entry[0]}
            self._kept[key] = (now + self._seconds, value)
        return value

    def forget(self, key: Key) -> None:
        """Ask again next time, also where an answer is on its way."""
        self._forgotten += 1
        self._kept.pop(key, None)
