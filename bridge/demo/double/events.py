"""Events API: which changes of the workspace an app hears of, and in which words.

An event is delivered when the manifest subscribes to it, its scope is granted and, for what happens in a channel, the
app is in that channel. The app's own messages are sent to it too, as Slack does.
"""

import secrets
from collections.abc import Iterator

from bridge.demo.double.delivery import Delivery
from bridge.demo.double.site import Site, family
from bridge.demo.double.stored import Json
from bridge.demo.double.workspace import Change

_CHANNEL_TYPES = {"channels": "channel", "groups": "group", "im": "im", "mpim": "mpim"}


class Events:
    """Turns changes into deliveries."""

    def __init__(self, site: Site, delivery: Delivery) -> None:
        self._site, self._delivery = site, delivery

    def heard(self, change: Change) -> None:
        """Deliver whatever the app should hear of this change."""
        for name, scope, event in self._told(change):
            if name in self._subscribed() and (not scope or scope in self._site.scopes):
                self._delivery.event(self._wrapped(event))

    def home_opened(self, user: str) -> None:
        """Deliver app_home_opened."""
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self._site.workspace.direct(user),
            "tab": "home",
            "event_ts": self._site.workspace.next_ts(),
        }
        view = self._site.workspace.screens.home(user)
        if "app_home_opened" in self._subscribed():
            self._delivery.event(self._wrapped({**event, "view": view} if view else event))

    def uninstalled(self) -> None:
        """Deliver what an app hears when it is removed: its tokens are gone, and so is it."""
        tokens = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self._site.workspace.bot_user_id]}}
        for event in (tokens, {"type": "app_uninstalled"}):
            if event["type"] in self._subscribed():
                self._delivery.event(self._wrapped({**event, "event_ts": self._site.workspace.next_ts()}))

    def _subscribed(self) -> list[str]:
        settings = self._site.manifest.get("settings", {})
        named: list[str] = settings.get("event_subscriptions", {}).get("bot_events", [])
        return named

    def _told(self, change: Change) -> Iterator[tuple[str, str, Json]]:
        """Each event of a change: the name to subscribe to, the scope it needs, the event itself."""
        kind = change["type"]
        if kind in {"message", "message_changed", "message_deleted"} and self._site.is_member(change["channel"]):
            yield from self._message(change)
        elif kind == "channel" and self._site.is_member(change["channel"]["id"]):
            yield from self._channel(change["channel"], change.get("previous") or change["channel"])
        elif kind == "user":
            ts = self._site.workspace.next_ts()
            yield "user_change", "users:read", {"type": "user_change", "user": change["user"], "event_ts": ts}
        elif kind in {"member_joined", "member_left"}:
            yield from self._membership(change)
        elif kind in {"reaction_added", "reaction_removed"} and self._site.is_member(change["channel"]):
            item = {"type": "message", "channel": change["channel"], "ts": change["ts"]}
            event = {"type": kind, "user": change["user"], "reaction": change["name"], "item": item}
            yield kind, "reactions:read", {**event, "event_ts": self._site.workspace.next_ts()}
        elif kind in {"file_shared", "file_deleted"}:
            event = {"type": kind, "file_id": change["file"], "event_ts": self._site.workspace.next_ts()}
            if kind == "file_shared":
                event |= {"channel_id": change["channel"], "user_id": change["user"], "file": {"id": change["file"]}}
            yield kind, "files:read", event

    def _message(self, change: Change) -> Iterator[tuple[str, str, Json]]:
        channel = self._site.workspace.channels[change["channel"]]
        where = family(channel)
        common = {"channel": channel["id"], "channel_type": _CHANNEL_TYPES[where]}
        message, before = self._visible(change["message"]), self._visible(change["previous_message"])
        if change["type"] == "message" and message:
            event = {**message, **common, "event_ts": message["ts"]}
            yield f"message.{where}", f"{where}:history", event
            if f"<@{self._site.workspace.bot_user_id}>" in message["text"] and not message.get("bot_id"):
                yield "app_mention", "app_mentions:read", {**event, "type": "app_mention"}
            return
        ts = self._site.workspace.next_ts()
        event = {"type": "message", "subtype": change["type"], "hidden": True, **common, "ts": ts, "event_ts": ts}
        if message:
            event["message"] = message
        if before:
            event["previous_message"] = before
        if not message and before:
            event["deleted_ts"] = before["ts"]
        yield f"message.{where}", f"{where}:history", event

    def _channel(self, now: Json, before: Json) -> Iterator[tuple[str, str, Json]]:
        where = family(now)
        prefix = where.removesuffix("s")
        common: Json = {"channel": now["id"], "event_ts": self._site.workspace.next_ts()}
        if now["name"] != before["name"]:
            renamed = {key: now[key] for key in ("id", "name", "created")}
            yield f"{prefix}_rename", f"{where}:read", {**common, "type": f"{prefix}_rename", "channel": renamed}
        if now["is_archived"] != before["is_archived"]:
            name = f"{prefix}_archive" if now["is_archived"] else f"{prefix}_unarchive"
            people = (
                user for user in self._site.workspace.members(now["id"]) if user != self._site.workspace.bot_user_id
            )
            by = next(people, "USLACKBOT")  # an app's own archiving is no news to it
            yield name, f"{where}:read", {**common, "type": name, "user": by}
        if bool(now.get("is_ext_shared")) != bool(before.get("is_ext_shared")):
            name = "channel_shared" if now["is_ext_shared"] else "channel_unshared"
            yield name, f"{where}:read", {**common, "type": name}

    def _membership(self, change: Change) -> Iterator[tuple[str, str, Json]]:
        channel = self._site.workspace.channels[change["channel"]]
        if change["type"] == "member_left" and change["user"] == self._site.workspace.bot_user_id:
            name = f"{family(channel).removesuffix('s')}_left"  # an app hears of its own leaving by this alone
            ts = self._site.workspace.next_ts()
            yield name, f"{family(channel)}:read", {"type": name, "channel": channel["id"], "event_ts": ts}
            return
        if not self._site.is_member(channel["id"]) or channel["is_im"]:
            return
        name = f"{change['type']}_channel"
        where = family(channel)
        yield (
            name,
            f"{where}:read",
            {
                "type": name,
                "user": change["user"],
                "channel": channel["id"],
                "channel_type": "C" if where == "channels" else "G",
                "team": self._site.workspace.team_id,
                "event_ts": self._site.workspace.next_ts(),
            },
        )

    def _visible(self, message: Json | None) -> Json | None:
        """A message as this app may see it in an event: metadata only with the scope for metadata."""
        if message is None or "metadata.message:read" in self._site.scopes:
            return message
        return {key: value for key, value in message.items() if key != "metadata"}

    def _wrapped(self, event: Json) -> Json:
        workspace = self._site.workspace
        about = event.get("channel", "")  # a renamed one is told as an object
        channel = workspace.channels.get(about["id"] if isinstance(about, dict) else about, {})
        granted = {"enterprise_id": None, "team_id": workspace.team_id, "user_id": workspace.bot_user_id}
        return {
            "token": "demo-verification-token",
            "team_id": workspace.team_id,
            "context_team_id": workspace.team_id,
            "context_enterprise_id": None,
            "api_app_id": workspace.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev0{secrets.token_hex(5).upper()}",
            "event_time": int(workspace.clock()),
            "authorizations": [{**granted, "is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": bool(channel.get("is_ext_shared")),
            "event_context": f"4-{secrets.token_hex(16)}",
        }
