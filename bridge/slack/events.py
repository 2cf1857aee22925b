"""What Slack tells of: channels and people that change, tokens that are taken away. Done before it is acknowledged.

What people say in channels and threads is internal: it is acknowledged, and nothing else ever happens to it. Only where
a person has made a message an answer, editing or deleting it goes for the answer too, for as long as that is held.
"""

import re
from collections.abc import Mapping

import structlog

from bridge.channels import Channels
from bridge.model import ChannelId, Ts, UserId
from bridge.slack import richtext
from bridge.slack.gateway import Gateway
from bridge.slack.heard import Body, Heard
from bridge.spoken import Spoken

log = structlog.get_logger()


class Events:
    """Registers itself with a bolt app."""

    def __init__(self, heard: Heard, *, gateway: Gateway, channels: Channels, spoken: Spoken, me: UserId) -> None:
        """`me`: the bot's own user."""
        self._heard = heard
        self._gateway = gateway
        self._channels = channels
        self._spoken = spoken
        self._me = me
        heard.event("member_joined_channel", self.membership_changed)
        heard.event("member_left_channel", self.membership_changed)
        heard.event("channel_archive", self.channel_changed)
        heard.event("channel_deleted", self.channel_changed)
        heard.event("channel_left", self.channel_changed)
        heard.event("channel_rename", self.channel_changed)
        heard.event("channel_shared", self.channel_changed)
        heard.event("channel_unarchive", self.channel_changed)
        heard.event("channel_unshared", self.channel_changed)
        heard.event("group_archive", self.channel_changed)
        heard.event("group_deleted", self.channel_changed)
        heard.event("group_left", self.channel_changed)
        heard.event("group_rename", self.channel_changed)
        heard.event("group_unarchive", self.channel_changed)
        heard.event("user_change", self.person_changed)
        heard.event("tokens_revoked", self.tokens_revoked)
        heard.event("app_uninstalled", self.uninstalled)
        heard.event("message", self.talk)
        heard.event(re.compile(".*"), self.internal_talk)  # what nobody acknowledges comes again and again

    async def channel_changed(self, body: Body) -> None:
        """Whether a channel may be used has changed, or who reads it: what was known of it is asked anew."""
        changed = body["event"]["channel"]  # a renamed one comes as an object
        await self._channels.changed(ChannelId(changed["id"] if isinstance(changed, Mapping) else changed))

    async def membership_changed(self, body: Body) -> None:
        """Somebody came or went; where it is the bot itself, the channel is of use again, or no more."""
        if body["event"]["user"] == self._me:
            await self.channel_changed(body)
        else:
            self._gateway.forget_channel(ChannelId(body["event"]["channel"]))

    async def person_changed(self, body: Body) -> None:
        """A person's name has changed, or they have become a guest, or left."""
        self._gateway.forget_member(UserId(body["event"]["user"]["id"]))

    async def tokens_revoked(self, body: Body) -> None:
        """Somebody took the bot's token away; a person's own tokens are none of ours."""
        if body["event"]["tokens"].get("bot"):
            self._gateway.revoked = True
            log.error("Slack has revoked the bot token: reinstall the app and put its new token into SLACK_BOT_TOKEN")

    async def uninstalled(self, _body: Body) -> None:
        """The app was removed from the workspace."""
        self._gateway.revoked = True
        log.error("The app was uninstalled: install it again and put its new token into SLACK_BOT_TOKEN")

    async def talk(self, body: Body) -> None:
        """What people say among themselves never leaves. A message that an answer was made of takes it along."""
        event = body["event"]
        kind, before = event.get("subtype"), event.get("previous_message") or {}
        if kind not in {"message_changed", "message_deleted"} or before.get("bot_id"):
            return
        after = event.get("message") or {}
        channel, ts = ChannelId(event["channel"]), Ts(before.get("ts") or after.get("ts") or event["deleted_ts"])
        if not await self._spoken.became_mail(channel, ts):
            return
        if kind == "message_deleted" or after.get("subtype") == "tombstone":  # deleted, with replies under it
            await self._heard.once(body, lambda: self._spoken.deleted(channel, ts))
            return
        was, words = richtext.of_message(before), richtext.of_message(after)
        if was and words:
            user = UserId((after.get("edited") or {}).get("user") or after.get("user") or before["user"])
            await self._heard.once(body, lambda: self._spoken.edited(channel, ts, before=was, after=words, user=user))

    async def internal_talk(self, _body: Body) -> None:
        """What nobody listens to is acknowledged, and nothing else happens to it."""
