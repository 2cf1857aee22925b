"""What agents do in a channel beside the cards' buttons: the lines of a digest, and reactions.

A reaction is a verb only where `[reactions]` says so, and only on what the bridge posted or in a card's thread. Taking
one away does nothing: two people may have set the same, and what it did can be undone with a button.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping

import structlog
from slack_bolt.async_app import AsyncAck

from bridge.desk import Desk
from bridge.errors import BridgeError, Refused, Temporary
from bridge.filing import Filing
from bridge.floods import Floods
from bridge.model import ChannelId, Conversation, Mark, Number, Ts, UserId, Where
from bridge.sentences import mark, say
from bridge.slack import digest, modals
from bridge.slack.acting import Acting
from bridge.slack.gateway import Gateway
from bridge.slack.heard import Heard
from bridge.slack.unreadable import number_in
from bridge.slack.windows import Body, View, Windows, number_of, option_of, user_of, value_of
from bridge.where import acting

log = structlog.get_logger()

TITLE = mark("New conversations")


class Aside:
    """Registers itself. `reactions`: the verb of each emoji's name."""

    def __init__(
        self,
        listen: Acting,
        *,
        windows: Windows,
        gateway: Gateway,
        desk: Desk,
        filing: Filing,
        floods: Floods,
        reactions: Mapping[str, str],
    ) -> None:
        self._windows = windows
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
        listen.action("digest")(self.line)
        listen.action("digest_list")(self.window)
        listen.action("digest_page_back")(self.turn)
        listen.action("digest_page_next")(self.turn)

    def listen(self, heard: Heard) -> None:
        """Hear of reactions too."""
        self._heard = heard
        heard.event("reaction_added", self.reaction)

    # --- digests ------------------------------------------------------------------------------------------------------

    async def line(self, ack: AsyncAck, body: Body) -> None:
        """A line's menu: `verb:number`, in the message or in the window."""
        verb, _, number = option_of(body).partition(":")
        try:
            told = await self._floods.act(verb, Number(number_in(number)), user=user_of(body))
        except BridgeError as error:
            told = str(error)
        await ack()
        if "view" in body:
            await self._draw(body, *digest.carried(body["view"]), told=told)
        else:
            await self._windows.tell(body, told)

    async def window(self, ack: AsyncAck, body: Body) -> None:
        """List all: the window, opened at once and filled when it is ready."""
        await ack()

        async def view() -> View:
            return await self._floods.page(number_of(body), page=0, user=user_of(body))

        await self._windows.open(body, say(TITLE), view)

    async def turn(self, ack: AsyncAck, body: Body) -> None:
        """Another page."""
        await ack()
        number, _, page = value_of(body).partition(":")
        await self._draw(body, number_in(number), number_in(page))

    async def _draw(self, body: Body, number: int, page: int, *, told: str = "") -> None:
        try:
            view = await self._floods.page(number, page=page, user=user_of(body), told=told)
        except Refused as refusal:
            view = modals.notice(say(TITLE), str(refusal))
        await self._windows.draw(body, body["view"]["id"], view, otherwise=told)

    # --- reactions ----------------------------------------------------------------------------------------------------

    async def reaction(self, body: Body) -> None:
        """Somebody reacted: where that emoji means a verb, and the message is a conversation's, the verb is done."""
        event = body["event"]
        verb = self._reactions.get(str(event["reaction"]).partition("::")[0])  # what follows is a tone of skin
        item = event["item"]
        if verb is None or item.get("type") != "message":
            return
        channel, ts, user = ChannelId(item["channel"]), Ts(item["ts"]), UserId(event["user"])
        await self._heard.once(body, lambda: self._follow(verb, channel, ts, user))

    async def _follow(self, verb: str, channel: ChannelId, ts: Ts, user: UserId) -> None:
        try:
            found = await self._desk.of_thread(channel, ts)
            found = found or await self._desk.of_thread(channel, await self._gateway.thread_of(channel, ts))
            if found is None:
                return
            with acting(Where.REACTION):
                await self._verbs[verb](found.number, user=user)
        except Refused as refusal:
            await self._gateway.ephemeral(channel, user, text=str(refusal))
        except Temporary:
            raise  # Slack sends it again
        except BridgeError as error:
            log.warning("a reaction could not be followed", verb=verb, reason=str(error), detail=error.detail)
