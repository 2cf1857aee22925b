"""What agents do in a channel beside the cards' buttons: the lines of a digest, and reactions.

A reaction is a verb only where `[reactions]` says so, and only on what the bridge posted or in a card's thread. Taking
one away does nothing: two people may have set the same, and what it did can be undone with a button.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.desk import Desk
from bridge.errors import BridgeError, Refused
from bridge.filing import Filing
from bridge.floods import Floods
from bridge.model import ChannelId, Conversation, Mark, Number, Ts, UserId
from bridge.slack import digest, modals
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway

log = structlog.get_logger()

Body = Mapping[str, Any]


class Aside:
    """Registers itself with a bolt app. `reactions`: the verb of each emoji's name."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        gateway: Gateway,
        desk: Desk,
        filing: Filing,
        floods: Floods,
        reactions: Mapping[str, str],
    ) -> None:
        self._gateway = gateway
        self._desk = desk
        self._floods = floods
        self._reactions = reactions
        self._verbs: dict[str, Callable[..., Awaitable[Conversation]]] = {
            "claim": desk.claim,
            "close": desk.close,
            "reopen": desk.reopen,
            "archive": filing.archive,
            "restore": filing.restore,
            "spam": filing.spam,
            "mark_read": functools.partial(filing.mark, mark=Mark.READ),
            "mark_unread": functools.partial(filing.mark, mark=Mark.UNREAD),
            "flag": functools.partial(filing.mark, mark=Mark.FLAGGED),
            "unflag": functools.partial(filing.mark, mark=Mark.UNFLAGGED),
        }
        app.action("digest")(self.line)
        app.action("digest_list")(self.window)
        app.action("digest_page_back")(self.turn)
        app.action("digest_page_next")(self.turn)
        app.event("reaction_added")(self.reaction)

    # --- digests ------------------------------------------------------------------------------------------------------

    async def line(self, ack: AsyncAck, body: Body) -> None:
        """A line's menu: `verb:number`, in the message or in the window."""
        verb, _, number = str(body["actions"][0]["selected_option"]["value"]).partition(":")
        user = UserId(body["user"]["id"])
        try:
            told = await self._floods.act(verb, Number(int(number)), user=user)
        except BridgeError as error:
            told = str(error)
        await ack()
        if "view" in body:
            await self._draw(body, *digest.carried(body["view"]), told=told)
        else:
            await self._gateway.ephemeral(ChannelId(body["channel"]["id"]), user, text=told)

    async def window(self, ack: AsyncAck, body: Body) -> None:
        """List all: the window, opened at once and filled when it is ready."""
        await ack()
        number, user = int(body["actions"][0]["value"]), UserId(body["user"]["id"])
        try:
            view_id = await self._gateway.open_view(body["trigger_id"], modals.loading("New conversations"))
        except BridgeError as error:
            await self._gateway.ephemeral(ChannelId(body["channel"]["id"]), user, text=str(error))
            return
        await self._fill(view_id, number, page=0, user=user)

    async def turn(self, ack: AsyncAck, body: Body) -> None:
        """Another page."""
        await ack()
        number, _, page = str(body["actions"][0]["value"]).partition(":")
        await self._draw(body, int(number), int(page))

    async def _draw(self, body: Body, number: int, page: int, *, told: str = "") -> None:
        await self._fill(body["view"]["id"], number, page=page, user=UserId(body["user"]["id"]), told=told)

    async def _fill(self, view_id: str, number: int, *, page: int, user: UserId, told: str = "") -> None:
        try:
            view = await self._floods.page(number, page=page, user=user, told=told)
        except Refused as refusal:
            view = modals.notice("New conversations", str(refusal))
        try:
            await self._gateway.update_view(view_id, view)
        except Gone:
            log.debug("a window was closed before it was filled")

    # --- reactions ----------------------------------------------------------------------------------------------------

    async def reaction(self, event: Body) -> None:
        """Somebody reacted: where that emoji means a verb, and the message is a conversation's, the verb is done."""
        verb = self._reactions.get(str(event["reaction"]).partition("::")[0])  # what follows is a tone of skin
        item = event["item"]
        if verb is None or item.get("type") != "message":
            return
        channel, ts, user = ChannelId(item["channel"]), Ts(item["ts"]), UserId(event["user"])
        try:
            found = await self._desk.of_thread(channel, ts)
            found = found or await self._desk.of_thread(channel, await self._gateway.thread_of(channel, ts))
            if found is None:
                return
            await self._verbs[verb](found.number, user=user)
        except Refused as refusal:
            await self._gateway.ephemeral(channel, user, text=str(refusal))
        except BridgeError as error:
            log.warning("a reaction could not be followed", verb=verb, reason=str(error), detail=error.detail)
