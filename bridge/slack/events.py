"""What Slack tells of: channels and people that change, tokens that are taken away.

What people say in channels and threads is internal: it is acknowledged, and nothing else ever happens to it. Only where
a person has made a message an answer, editing or deleting it goes for the answer too, for as long as that is held.
"""

import re
from collections.abc import Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp

from bridge.channels import Channels
from bridge.model import ChannelId, Ts, UserId
from bridge.slack import richtext
from bridge.slack.gateway import Gateway
from bridge.spoken import Spoken

log = structlog.get_logger()

Body = Mapping[str, Any]


class Events:
    """Registers itself with a bolt app."""

    def __init__(self, app: AsyncApp, *, gateway: Gateway, channels: Channels, spoken: Spoken, me: UserId) -> None:
        """`me`: the bot's own user."""
        self._gateway = gateway
        self._channels = channels
        self._spoken = spoken
        self._me = me
        app.event("member_joined_channel")(self.membership_changed)
        app.event("member_left_channel")(self.membership_changed)
        app.event("channel_archive")(self.channel_changed)
        app.event("channel_deleted")(self.channel_changed)
        app.event("channel_left")(self.channel_changed)
        app.event("channel_rename")(self.channel_changed)
        app.event("channel_shared")(self.channel_changed)
        app.event("channel_unarchive")(self.channel_changed)
        app.event("channel_unshared")(self.channel_changed)
        app.event("group_archive")(self.channel_changed)
        app.event("group_deleted")(self.channel_changed)
        app.event("group_left")(self.channel_changed)
        app.event("group_rename")(self.channel_changed)
        app.event("group_unarchive")(self.channel_changed)
        app.event("user_change")(self.person_changed)
        app.event("tokens_revoked")(self.tokens_revoked)
        app.event("app_uninstalled")(self.uninstalled)
        app.event("message")(self.talk)
        app.event(re.compile(".*"))(self.internal_talk)  # what nobody acknowledges comes again and again

    async def channel_changed(self, event: Body) -> None:
        """Whether a channel may be used has changed, or who reads it: what was known of it is asked anew."""
        changed = event["channel"]  # a renamed one comes as an object
        await self._channels.changed(ChannelId(changed["id"] if isinstance(changed, Mapping) else changed))

    async def membership_changed(self, event: Body) -> None:
        """Somebody came or went; where it is the bot itself, the channel is of use again, or no more."""
        if event["user"] == self._me:
            await self.channel_changed(event)
        else:
            self._gateway.forget_channel(ChannelId(event["channel"]))

    async def person_changed(self, event: Body) -> None:
        """A person's name has changed, or they have become a guest, or left."""
        self._gateway.forget_member(UserId(event["user"]["id"]))

    async def tokens_revoked(self, event: Body) -> None:
        """Somebody took the bot's token away; a person's own tokens are none of ours."""
        if event["tokens"].get("bot"):
            self._gateway.revoked = True
            log.error("Slack has revoked the bot token: reinstall the app and put its new token into SLACK_BOT_TOKEN")

    async def uninstalled(self) -> None:
        """The app was removed from the workspace."""
        self._gateway.revoked = True
        log.error("The app was uninstalled: install it again and put its new token into SLACK_BOT_TOKEN")

    async def talk(self, event: Body) -> None:
        """What people say among themselves never leaves. A message that an answer was made of takes it along."""
        kind, before = event.get("subtype"), event.get("previous_message") or {}
        if kind not in {"message_changed", "message_deleted"} or before.get("bot_id"):
            return
        channel = ChannelId(event["channel"])
        after = event.get("message") or {}
        if kind == "message_deleted" or after.get("subtype") == "tombstone":  # deleted, with replies under it
            await self._spoken.deleted(channel, Ts(before.get("ts") or event["deleted_ts"]))
        else:
            was, words = richtext.of_message(before), richtext.of_message(after)
            if was and words:
                await self._spoken.edited(channel, Ts(after["ts"]), before=was, after=words)

    async def internal_talk(self) -> None:
        """What nobody listens to is acknowledged, and nothing else happens to it."""
