"""One Slack workspace's state: people, channels, messages, files and the views on people's screens.

No I/O and no waiting: whoever changes it is told nothing of sockets or HTTP. Every change is announced to the
listeners and to every queue of `subscribe`, as one of

    {"type": "message" | "message_changed" | "message_deleted", "channel", "message", "previous_message"}
    {"type": "ephemeral" | "ephemeral_deleted", "channel", "user", "message"}
    {"type": "view_opened" | "view_updated" | "view_closed" | "home", "user", "view"}
    {"type": "channel", "channel": object}, {"type": "member_joined" | "member_left", "channel", "user"}
    {"type": "file" | "file_deleted", "file": id}, {"type": "file_shared", "file", "channel", "user"}
    {"type": "reaction_added" | "reaction_removed", "channel", "ts", "user", "name"}

(`message` of a deleted message is None, `previous_message` of a new one too.) Messages are replaced, never changed in
place, so a message that was read stays as it was.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bridge.demo.double.screens import Screens
from bridge.demo.double.stored import Json, StoredFile

Change = dict[str, Any]

_SHARE_KEYS = {True: "private", False: "public"}


class Workspace:
    """Everything that stands in one workspace, seen by nobody in particular."""

    def __init__(self, *, clock: Callable[[], float] = time.time, name: str = "Demo", bot_name: str = "bridge") -> None:
        self.clock = clock
        self.url = "http://127.0.0.1"
        """Base of the addresses in file objects; set when the server knows its port."""
        self.team_id, self.team_name, self.domain = "T0DEMO0001", name, name.lower()
        self.app_id, self.bot_id, self.bot_user_id = "A0DEMO0001", "B0DEMO0001", "U0BRIDGE01"
        self.users: dict[str, Json] = {}
        self.channels: dict[str, Json] = {}
        self.files: dict[str, StoredFile] = {}
        self.bookmarks: dict[str, list[Json]] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._queues: list[asyncio.Queue[Change]] = []
        self._members: dict[str, list[str]] = {}
        self._messages: dict[str, dict[str, Json]] = {}
        self._ephemerals: dict[tuple[str, str], list[Json]] = {}
        self._last_ts = 0
        self._count = itertools.count(1)
        self.screens = Screens(
            announce=self.announce,
            clock=clock,
            common={
                "team_id": self.team_id,
                "app_id": self.app_id,
                "bot_id": self.bot_id,
                "app_installed_team_id": self.team_id,
            },
        )
        self.add_user(bot_name, user_id=self.bot_user_id, is_bot=True)

    # --- who and where ----------------------------------------------------------------------------------------------

    def new_id(self, letter: str) -> str:
        """A fresh id of Slack's form: a letter for its kind, then capitals and digits."""
        return f"{letter}0{next(self._count):08X}"

    def add_user(
        self, name: str, *, user_id: str | None = None, real_name: str = "", email: str = "", **flags: Any
    ) -> Json:
        """Add a person; `flags` go into the user object (`is_restricted`, `deleted`, `team_id`, `tz` ...)."""
        user_id = user_id or self.new_id("U")
        real_name = real_name or name
        profile = {
            "real_name": real_name,
            "display_name": name,
            "email": email,
            "image_48": "",
            "image_72": "",
            "team": self.team_id,
        }
        defaults = {"is_bot": False, "is_restricted": False, "is_ultra_restricted": False, "deleted": False}
        self.users[user_id] = {
            "id": user_id,
            "team_id": self.team_id,
            "name": name,
            "real_name": real_name,
            "tz": "Etc/UTC",
            "locale": "en-US",
            "is_admin": False,
            "is_owner": False,
            "is_app_user": False,
            "profile": profile,
            **defaults,
            **flags,
        }
        return self.users[user_id]

    def change_user(self, user: str, **flags: Any) -> None:
        """Set fields of a person's object, as `is_restricted=True`."""
        self.users[user] = {**self.users[user], **flags}
        self.announce({"type": "user", "user": self.users[user]})

    def add_channel(
        self, name: str, *, channel_id: str | None = None, members: Iterable[str] = (), **flags: Any
    ) -> Json:
        """Add a channel with these members (user ids; the app is in it only if named); `flags` go into the object.

        Whoever is in it from the start did not join it: only `join` announces that.
        """
        is_im = bool(flags.get("is_im"))
        channel_id = channel_id or self.new_id("D" if is_im else "C")
        defaults = {
            "is_channel": not is_im,
            "is_private": is_im,
            "is_im": is_im,
            "is_mpim": False,
            "is_group": False,
            "is_archived": False,
            "is_ext_shared": False,
            "is_shared": bool(flags.get("is_ext_shared")),
        }
        self.channels[channel_id] = {
            "id": channel_id,
            "name": name,
            "name_normalized": name,
            "created": int(self.clock()),
            "creator": self.bot_user_id,
            "context_team_id": self.team_id,
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            **defaults,
            **flags,
        }
        self._members[channel_id] = list(members)
        self._messages[channel_id] = {}
        self.announce({"type": "channel", "channel": self.channels[channel_id]})
        return self.channels[channel_id]

    def change_channel(self, channel: str, **flags: Any) -> None:
        """Set fields of a channel's object, as `is_archived=True`."""
        before = self.channels[channel]
        self.channels[channel] = {**before, **flags}
        self.announce({"type": "channel", "channel": self.channels[channel], "previous": before})

    def members(self, channel: str) -> list[str]:
        """Ids of the people in the channel, in order of arrival."""
        return list(self._members[channel])

    def join(self, channel: str, user: str) -> None:
        """Put a person in a channel; nothing happens if they are in it."""
        if user not in self._members[channel]:
            self._members[channel].append(user)
            self.announce({"type": "member_joined", "channel": channel, "user": user})

    def leave(self, channel: str, user: str) -> None:
        """Take a person out of a channel."""
        if user in self._members[channel]:
            self._members[channel].remove(user)
            self.announce({"type": "member_left", "channel": channel, "user": user})

    def direct(self, user: str) -> str:
        """The channel between the app and one person, made when it is first asked for."""
        for channel in self.channels.values():
            if channel["is_im"] and channel.get("user") == user:
                return str(channel["id"])
        made = self.add_channel("", is_im=True, user=user, members=[user, self.bot_user_id])
        return str(made["id"])

    # --- messages ---------------------------------------------------------------------------------------------------

    def next_ts(self) -> str:
        """A timestamp after every other: seconds, a dot and six digits."""
        self._last_ts = max(int(self.clock() * 1_000_000), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def message(self, channel: str, ts: str) -> Json | None:
        """One message, in a thread or not; None if there is none."""
        return self._messages.get(channel, {}).get(ts)

    def history(self, channel: str) -> list[Json]:
        """The channel's top level, oldest first: no replies, save those also sent to the channel."""
        return [message for message in self._messages[channel].values() if _on_top(message)]

    def replies(self, channel: str, thread_ts: str) -> list[Json]:
        """A thread's replies, oldest first, without its parent."""
        thread = self._messages[channel].values()
        return [message for message in thread if message.get("thread_ts") == thread_ts != message["ts"]]

    def post(self, channel: str, message: Json) -> Json:
        """Add a message; its `ts` is given here."""
        message = {"type": "message", **message, "ts": self.next_ts(), "team": self.team_id}
        thread_ts = message.get("thread_ts")
        parent = self.message(channel, thread_ts) if thread_ts else None
        if parent:
            message["parent_user_id"] = parent.get("user", "")
        self._messages[channel][message["ts"]] = message
        if thread_ts:
            self._count_replies(channel, thread_ts)
        self._announce_message("message", channel, message, None)
        return message

    def change(self, channel: str, ts: str, message: Json) -> None:
        """Put this in the place of the message with that timestamp."""
        before = self._messages[channel][ts]
        self._messages[channel][ts] = message
        self._announce_message("message_changed", channel, message, before)

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; one with replies leaves a tombstone in its place, as in Slack."""
        before = self._messages[channel][ts]
        if before.get("reply_count"):
            kept = {key: before[key] for key in before if key.startswith("reply_") or key in {"thread_ts", "ts"}}
            stone = {"type": "message", "subtype": "tombstone", "hidden": True, "user": "USLACKBOT"}
            self.change(channel, ts, {**stone, **kept, "text": "This message was deleted."})
            return
        del self._messages[channel][ts]
        if before.get("thread_ts"):
            self._count_replies(channel, before["thread_ts"])
        self._announce_message("message_deleted", channel, None, before)

    def whisper(self, channel: str, user: str, message: Json) -> Json:
        """Show a message to one person only; Slack does not store it, the person's client does."""
        message = {"type": "message", **message, "ts": self.next_ts(), "is_ephemeral": True}
        self._ephemerals.setdefault((channel, user), []).append(message)
        self.announce({"type": "ephemeral", "channel": channel, "user": user, "message": message})
        return message

    def ephemerals(self, channel: str, user: str) -> list[Json]:
        """What this person alone sees in the channel, oldest first."""
        return list(self._ephemerals.get((channel, user), []))

    def drop_ephemeral(self, channel: str, user: str, ts: str) -> None:
        """Take an ephemeral message off the person's screen."""
        shown = self._ephemerals.get((channel, user), [])
        for message in [message for message in shown if message["ts"] == ts]:
            shown.remove(message)
            self.announce({"type": "ephemeral_deleted", "channel": channel, "user": user, "message": message})

    def change_ephemeral(self, channel: str, user: str, ts: str, message: Json) -> None:
        """Put this in the place of an ephemeral message."""
        shown = self._ephemerals.get((channel, user), [])
        shown[:] = [message if old["ts"] == ts else old for old in shown]
        self.announce({"type": "ephemeral", "channel": channel, "user": user, "message": message})

    def react(self, channel: str, ts: str, *, user: str, name: str) -> bool:
        """Add a person's reaction; False if it is there."""
        message = self._messages[channel][ts]
        reactions = {entry["name"]: entry["users"] for entry in message.get("reactions", [])}
        if user in reactions.get(name, []):
            return False
        reactions[name] = [*reactions.get(name, []), user]
        self._set_reactions(channel, ts, reactions)
        self.announce({"type": "reaction_added", "channel": channel, "ts": ts, "user": user, "name": name})
        return True

    def unreact(self, channel: str, ts: str, *, user: str, name: str) -> bool:
        """Take a person's reaction away; False if it is not there."""
        message = self._messages[channel][ts]
        reactions = {entry["name"]: list(entry["users"]) for entry in message.get("reactions", [])}
        if user not in reactions.get(name, []):
            return False
        reactions[name].remove(user)
        self._set_reactions(channel, ts, {key: users for key, users in reactions.items() if users})
        self.announce({"type": "reaction_removed", "channel": channel, "ts": ts, "user": user, "name": name})
        return True

    # --- files ------------------------------------------------------------------------------------------------------

    def add_file(self, name: str, content: bytes, *, user: str, **fields: Any) -> StoredFile:
        """Store a file that nobody sees yet."""
        stored = StoredFile(
            id=self.new_id("F"),
            name=name,
            title=fields.pop("title", name),
            content=content,
            size=fields.pop("size", len(content)),
            user=user,
            created=int(self.clock()),
            **fields,
        )
        self.files[stored.id] = stored
        self.announce({"type": "file", "file": stored.id})
        return stored

    def change_file(self, file_id: str, **fields: Any) -> StoredFile:
        """Set fields of a file."""
        self.files[file_id] = replace(self.files[file_id], **fields)
        return self.files[file_id]

    def share(self, channel: str, files: Iterable[str], message: Json) -> Json:
        """Post a message that carries these files, and note in each where it is seen."""
        ids = list(files)
        carried = [self.describe(self.files[file_id]) for file_id in ids]
        posted = self.post(channel, {"subtype": "file_share", **message, "files": carried, "upload": False})
        place = {"ts": posted["ts"], "channel_name": self.channels[channel]["name"], "team_id": self.team_id}
        if posted.get("thread_ts"):
            place["thread_ts"] = posted["thread_ts"]
        key = _SHARE_KEYS[bool(self.channels[channel]["is_private"])]
        for file_id in ids:
            shares = self.files[file_id].shares
            places = shares.get(key, {})
            places = {**places, channel: [*places.get(channel, []), place]}
            self.change_file(file_id, shares={**shares, key: places})
            self.announce({"type": "file_shared", "file": file_id, "channel": channel, "user": posted["user"]})
        return posted

    def delete_file(self, file_id: str) -> None:
        """Delete a file; the messages that carried it keep a tombstone of it."""
        gone = self.change_file(file_id, deleted=True, content=b"")
        for channel in gone.channels:
            for message in list(self._messages[channel].values()):
                if any(file["id"] == file_id for file in message.get("files", [])):
                    files = [
                        {"id": file_id, "mode": "tombstone"} if file["id"] == file_id else file
                        for file in message["files"]
                    ]
                    self.change(channel, message["ts"], {**message, "files": files})
        self.announce({"type": "file_deleted", "file": file_id})

    def describe(self, file: StoredFile) -> Json:
        """Slack's file object, with this workspace's addresses."""
        return file.described(url=self.url, team_id=self.team_id)

    # --- what is on people's screens --------------------------------------------------------------------------------

    def view_of(self, user: str) -> Json | None:
        """The modal on top of this person's stack; None if none is open."""
        return self.screens.top(user)

    def subscribe(self) -> asyncio.Queue[Change]:
        """A queue that gets every change from now on."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._queues.append(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Change]) -> None:
        """Stop filling a queue."""
        self._queues.remove(queue)

    def announce(self, change: Change) -> None:
        """Tell every listener and queue."""
        for listener in self.listeners:
            listener(change)
        for queue in self._queues:
            queue.put_nowait(change)

    def _announce_message(self, kind: str, channel: str, message: Json | None, before: Json | None) -> None:
        self.announce({"type": kind, "channel": channel, "message": message, "previous_message": before})

    def _count_replies(self, channel: str, thread_ts: str) -> None:
        parent = self._messages[channel].get(thread_ts)
        if parent is None:
            return
        replies = self.replies(channel, thread_ts)
        users = list(dict.fromkeys(reply["user"] for reply in replies if reply.get("user")))
        counted = {
            "thread_ts": thread_ts,
            "reply_count": len(replies),
            "reply_users": users,
            "reply_users_count": len(users),
            "latest_reply": replies[-1]["ts"] if replies else "",
            "is_locked": False,
        }
        self._messages[channel][thread_ts] = {**parent, **counted}

    def _set_reactions(self, channel: str, ts: str, reactions: dict[str, list[str]]) -> None:
        told = [{"name": name, "users": users, "count": len(users)} for name, users in reactions.items()]
        self._messages[channel][ts] = {**self._messages[channel][ts], "reactions": told}


def _on_top(message: Json) -> bool:
    in_thread = message.get("thread_ts") not in {None, message["ts"]}
    return not in_thread or message.get("subtype") == "thread_broadcast"
