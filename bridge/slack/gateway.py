"""The one way from the bridge to Slack: what it posts, shows, uploads, and asks.

Each method is one thing that the desk wants of Slack, with Slack's answers turned into values and its failures into
errors of bridge/errors.py (the table is in bridge/slack/faults.py). It decides nothing, keeps nothing but answers of
the last minute, and does nothing twice: whoever meets an Uncertain looks with `find` or `wait_shared` before asking
again. Methods' reference: https://docs.slack.dev/reference/methods.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from bridge.errors import Misconfigured, Permanent
from bridge.model import ChannelId, FileId, Number, Ts, UserId
from bridge.sentences import say
from bridge.slack.directory import Channel, Member, Remembered, read_channel, read_member
from bridge.slack.faults import Gone
from bridge.slack.files import SlackFile, deposit, fetch, is_shared, read_file
from bridge.slack.web import ANSWER_SECONDS, Answer, Json, Observe, Web

__all__ = ["Channel", "Gateway", "Identity", "Member", "SlackFile"]

EVENT_TYPE = "mail_bridge"
"""The metadata's event type, by which the bridge knows its own messages again."""

SLACK_API = "https://slack.com/api/"

PAGE = 200
"""Items asked for at a time: what Slack recommends at most."""

SKEW = timedelta(seconds=60)
"""How far this machine's clock may be ahead of Slack's before `find` would look too late."""

SHARE_WAITS = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between looks for an upload's message, which Slack makes in its own time: about six seconds in all."""

_MAIL_CHANNEL = "MAIL_CHANNEL (or `channel` in bridge.toml)"
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{5,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the bot token makes us, and the scopes that it was granted. `url`: the workspace's address."""

    team_id: str
    url: str
    bot_id: str
    bot_user_id: UserId
    scopes: frozenset[str]


class Gateway:
    """Slack, for one bot token. Made by `open`. `revoked`: Slack said that the token is worth nothing any more."""

    def __init__(self, web: Web, *, token: str, api_url: str, clock: Callable[[], float]) -> None:
        self._web = web
        self._token = token
        self._api_url = api_url
        self._identity: Identity | None = None
        self.revoked = False
        self._people: Remembered[UserId, Member] = Remembered(clock)
        self._by_email: Remembered[str, Member | None] = Remembered(clock)
        self._channels: Remembered[ChannelId, Channel] = Remembered(clock)
        self._members: Remembered[ChannelId, frozenset[UserId]] = Remembered(clock)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        *,
        token: str,
        api_url: str = SLACK_API,
        answer_seconds: float = ANSWER_SECONDS,
        observe: Observe = lambda _method, _outcome: None,
        clock: Callable[[], float] = time.monotonic,
        before_writing: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[Self]:
        """Share one set of connections until the block ends. Asks Slack nothing by itself.

        `answer_seconds`: what one call may take in all, files excepted; `observe` is told of every call;
        `before_writing` is called just before a channel is written to, and stops that by what it raises.
        """
        async with Web.open(
            token=token,
            api_url=api_url,
            answer_seconds=answer_seconds,
            observe=observe,
            clock=clock,
            before_writing=before_writing,
        ) as web:
            yield cls(web, token=token, api_url=api_url, clock=clock)

    async def me(self) -> Identity:
        """Who we are; asked once, since a token's bot and scopes do not change while it is held."""
        if self._identity is None:
            answer = await self._web.call("auth.test")
            self._identity = Identity(
                team_id=answer.body["team_id"],
                url=answer.body.get("url", ""),
                bot_id=answer.body.get("bot_id", ""),
                bot_user_id=UserId(answer.body["user_id"]),
                scopes=answer.scopes,
            )
        return self._identity

    async def prove(self) -> None:
        """Ask Slack whether the token is any good. Raises Permanent, with the sentence that says what to do."""
        await self._web.call("auth.test")

    # --- messages ---------------------------------------------------------------------------------------------------

    async def post(
        self,
        channel: ChannelId,
        *,
        text: str,
        blocks: Sequence[Json],
        key: str,
        number: Number | None = None,
        thread_ts: Ts | None = None,
        broadcast: bool | None = None,
    ) -> Ts:
        """Post a message that `find` knows again by `key`. `text` is what notifications and screen readers get.

        `number`: of the conversation that it is about, if any.
        `broadcast`: a reply in the thread shows in the channel too. Raises Uncertain where it may stand there already.
        """
        answer = await self._web.write(
            channel,
            "chat.postMessage",
            channel=channel,
            text=text,
            blocks=list(blocks),
            metadata=_metadata(key=key, number=number),
            thread_ts=thread_ts,
            reply_broadcast=broadcast,
            unfurl_links=False,
            unfurl_media=False,
            parse="none",
            link_names=False,
        )
        return Ts(answer.body["ts"])

    async def find(self, channel: ChannelId, *, key: str, since: datetime, thread_ts: Ts | None = None) -> Ts | None:
        """Our message with this key, posted since then, in the channel or in the thread; None where there is none."""
        bot_id = (await self.me()).bot_id
        method = "conversations.history" if thread_ts is None else "conversations.replies"
        oldest = f"{(since - SKEW).timestamp():.6f}"
        asked = {"channel": channel, "ts": thread_ts, "oldest": oldest, "include_all_metadata": True}
        async for page in self._pages(method, **asked):
            for message in page["messages"]:
                if message.get("bot_id") == bot_id and _key_of(message) == key:
                    return Ts(message["ts"])
        return None

    async def update(
        self, channel: ChannelId, ts: Ts, *, text: str, blocks: Sequence[Json], key: str, number: Number | None = None
    ) -> None:
        """Put these blocks in a message of ours in place of what it shows. Raises Gone where it was deleted."""
        await self._web.write(
            channel,
            "chat.update",
            channel=channel,
            ts=ts,
            text=text,
            blocks=list(blocks),
            metadata=_metadata(key=key, number=number),
            parse="none",
            link_names=False,
        )

    async def delete(self, channel: ChannelId, ts: Ts) -> None:
        """Delete a message of ours; one that is gone already is as wanted."""
        with contextlib.suppress(Gone):
            await self._web.write(channel, "chat.delete", channel=channel, ts=ts)

    async def ephemeral(
        self,
        channel: ChannelId,
        user: UserId,
        *,
        text: str,
        blocks: Sequence[Json] | None = None,
        thread_ts: Ts | None = None,
    ) -> None:
        """Show something to one person in a channel, until they reload. Waits behind no post."""
        await self._web.call(
            "chat.postEphemeral",
            channel=channel,
            user=user,
            text=text,
            blocks=None if blocks is None else list(blocks),
            thread_ts=thread_ts,
            parse="none",
            link_names=False,
        )

    async def permalink(self, channel: ChannelId, ts: Ts) -> str:
        """The address of a message, for a link that opens it in Slack."""
        return str((await self._web.get("chat.getPermalink", channel=channel, message_ts=ts))["permalink"])

    async def thread_of(self, channel: ChannelId, ts: Ts) -> Ts:
        """The message that a message's thread hangs on; a message in no thread is its own."""
        answer = await self._web.get("conversations.replies", channel=channel, ts=ts, limit=1)
        return Ts(answer["messages"][0].get("thread_ts") or ts)

    # --- windows ----------------------------------------------------------------------------------------------------

    async def open_view(self, trigger_id: str, view: Json) -> str:
        """Open a modal for whoever clicked; its id. Raises Refused where the click is more than three seconds old."""
        return _view_id(await self._web.call("views.open", trigger_id=trigger_id, view=view))

    async def push_view(self, trigger_id: str, view: Json) -> str:
        """Put a modal on top of the open one; its id. Errors as of `open_view`."""
        return _view_id(await self._web.call("views.push", trigger_id=trigger_id, view=view))

    async def update_view(self, view_id: str, view: Json, *, hash: str | None = None) -> None:  # noqa: A002 - Slack's name
        """Show another view in an open modal; with `hash`, only if it still is the one that carried that hash.

        Raises Gone where it was closed, Refused where it is another one.
        """
        await self._web.call("views.update", view_id=view_id, view=view, hash=hash)

    async def publish_home(self, user: UserId, view: Json) -> None:
        """Show this on the app's Home tab, to one person."""
        await self._web.call("views.publish", user_id=user, view=view)

    # --- files ------------------------------------------------------------------------------------------------------

    async def put_file(self, *, filename: str, content: bytes) -> FileId:
        """Bring a file to Slack, where nobody sees it until `share_files`. Doing it again makes another file."""
        if not content:
            raise Permanent(say("Slack takes no empty files."))
        upload = await self._web.get("files.getUploadURLExternal", filename=filename, length=len(content))
        session, proxy = self._web.session, self._web.proxy
        await deposit(session, url=upload["upload_url"], content=content, proxy=proxy)
        return FileId(upload["file_id"])

    async def delete_file(self, file: FileId) -> None:
        """Delete a file of ours for everybody; one that is gone already is as wanted."""
        with contextlib.suppress(Gone):
            await self._web.call("files.delete", file=file)

    async def share_files(
        self, channel: ChannelId, *, thread_ts: Ts | None, files: Sequence[tuple[FileId, str]], comment: str = ""
    ) -> None:
        """Show uploaded files, each with its title, as one message in a thread, or in the channel where that is None.
        Slack posts it in its own time.

        Raises Uncertain where the answer was lost: `wait_shared` tells.
        """
        await self._web.write(
            channel,
            "files.completeUploadExternal",
            channel_id=channel,
            thread_ts=thread_ts,
            files=[{"id": file_id, "title": title} for file_id, title in files],
            initial_comment=comment or None,
        )

    async def shared(self, file_id: FileId, channel: ChannelId) -> bool:
        """Whether a message in the channel shows the file now."""
        try:
            return is_shared(await self._file_object(file_id), channel=channel)
        except Gone:
            return False

    async def wait_shared(self, file_id: FileId, channel: ChannelId) -> bool:
        """Whether a message shows the file, looked for again and again for as long as SHARE_WAITS add up to."""
        for seconds in SHARE_WAITS:
            if await self.shared(file_id, channel):
                return True
            await asyncio.sleep(seconds)
        return await self.shared(file_id, channel)

    async def file(self, file_id: FileId) -> SlackFile:
        """What Slack knows of a file. Raises Gone where it was deleted."""
        return read_file(await self._file_object(file_id))

    async def download(self, file: SlackFile, *, max_bytes: int) -> bytes:
        """A file's bytes. Raises Refused for one kept outside Slack or too large; Permanent, Temporary."""
        return await fetch(
            self._web.session,
            file,
            token=self._token,
            api_url=self._api_url,
            proxy=self._web.proxy,
            max_bytes=max_bytes,
        )

    async def _file_object(self, file_id: FileId) -> Json:
        found: Json = (await self._web.get("files.info", file=file_id))["file"]
        return found

    # --- people and channels ----------------------------------------------------------------------------------------

    async def user(self, user_id: UserId) -> Member:
        """A person, as Slack said within the last minute. Raises Gone for an unknown one."""

        async def ask() -> Member:
            return read_member((await self._web.get("users.info", user=user_id, include_locale=True))["user"])

        return await self._people.get(user_id, ask)

    async def member_with(self, email: str) -> Member | None:
        """Who has that mail address, as Slack said within the last minute; None where nobody has."""

        async def ask() -> Member | None:
            try:
                return read_member((await self._web.get("users.lookupByEmail", email=email))["user"])
            except Gone:
                return None

        return await self._by_email.get(email.lower(), ask)

    async def channel(self, channel_id: ChannelId) -> Channel:
        """A channel, as Slack said within the last minute. Raises Permanent where the bot cannot see it."""

        async def ask() -> Channel:
            return read_channel((await self._web.get("conversations.info", channel=channel_id))["channel"])

        return await self._channels.get(channel_id, ask)

    async def members(self, channel_id: ChannelId) -> frozenset[UserId]:
        """Who is in a channel, guests and bots included, as Slack said within the last minute."""

        async def ask() -> frozenset[UserId]:
            pages = self._pages("conversations.members", channel=channel_id)
            return frozenset([UserId(user) async for page in pages for user in page["members"]])

        return await self._members.get(channel_id, ask)

    def forget_member(self, user_id: UserId) -> None:
        """Ask again next time: an event says that the person has changed."""
        self._people.forget(user_id)

    def forget_channel(self, channel_id: ChannelId) -> None:
        """Ask again next time: an event says that the channel or who is in it has changed."""
        self._channels.forget(channel_id)
        self._members.forget(channel_id)

    async def resolve_channel(self, name: str, *, setting: str = _MAIL_CHANNEL) -> ChannelId:
        """The id of a channel given as `#name` or as an id. Raises Misconfigured where the bot sees no such channel,
        and says which `setting` to correct.
        """
        if _CHANNEL_ID.fullmatch(name):
            return ChannelId(name)
        wanted = name.removeprefix("#").lower()
        kinds = "public_channel,private_channel"
        async for page in self._pages("conversations.list", types=kinds, exclude_archived=True):
            for channel in page["channels"]:
                if channel.get("name") == wanted:
                    return ChannelId(channel["id"])
        raise Misconfigured(
            f"The bot sees no channel #{wanted}: correct {setting}, or type /invite @Bridge there if it is private."
        )

    async def _pages(self, method: str, **asked: str | int | bool | None) -> AsyncIterator[Json]:
        cursor: str | None = None
        while True:
            page = await self._web.get(method, limit=PAGE, cursor=cursor, **asked)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return


def _view_id(answer: Answer) -> str:
    return str(answer.body["view"]["id"])


def _metadata(*, key: str, number: Number | None) -> Json:
    """Everybody in the workspace can read it: no mail content."""
    about = {} if number is None else {"conversation": number}
    return {"event_type": EVENT_TYPE, "event_payload": {**about, "key": key}}


def _key_of(message: Json) -> str | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    key: str | None = (metadata.get("event_payload") or {}).get("key")
    return key
