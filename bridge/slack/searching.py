"""Search in Slack: `/mail search`, Home's search box, and the buttons that turn the pages of both.

A page is found anew whenever it is asked for: nothing of a search is kept anywhere but in its buttons.
"""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond

from bridge.desk import Desk
from bridge.errors import BridgeError
from bridge.lookup import Found, parse_query
from bridge.model import UserId, now
from bridge.sentences import mark, say
from bridge.slack import modals, results
from bridge.slack.gateway import Gateway

Body = Mapping[str, Any]
Said = dict[str, Any]

TITLE = mark("Search")


class Searching:
    """Finds for a person what they may see, and shows it where they asked."""

    def __init__(self, *, gateway: Gateway, desk: Desk) -> None:
        self._gateway = gateway
        self._desk = desk

    def listen(self, app: AsyncApp) -> None:
        """Hear the search box and the pages' buttons."""
        app.action("search")(self.search)
        app.action("search_previous")(self.turn)
        app.action("search_next")(self.turn)

    async def answer(self, typed: str, *, user: UserId, page: int = 1) -> Said:
        """A page, as an answer that only its sender sees. Raises Refused with a sentence for what makes no sense."""
        found = await self._find(typed, user=user, page=page)
        return results.answer(found, typed, workspace=(await self._gateway.me()).url)

    async def search(self, ack: AsyncAck, body: Body) -> None:
        """Something was typed into Home's search box: what is found opens on top."""
        await ack()
        action = body["actions"][0]
        view_id = await self._gateway.open_view(body["trigger_id"], modals.loading(say(TITLE)))
        await self._show(view_id, action.get("value") or "", user=UserId(body["user"]["id"]), page=1)

    async def turn(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        """Another page of the same search, in the place of the one that is shown."""
        await ack()
        number, _, typed = str(body["actions"][0]["value"]).partition(":")
        user = UserId(body["user"]["id"])
        if "view" in body:
            await self._show(body["view"]["id"], typed, user=user, page=int(number))
            return
        try:
            said = await self.answer(typed, user=user, page=int(number))
        except BridgeError as error:
            said = {"response_type": "ephemeral", "text": str(error)}
        await respond({**said, "replace_original": True})

    async def _show(self, view_id: str, typed: str, *, user: UserId, page: int) -> None:
        try:
            found = await self._find(typed, user=user, page=page)
            view = results.modal(found, typed, workspace=(await self._gateway.me()).url)
        except BridgeError as error:
            view = modals.notice(say(TITLE), str(error))
        await self._gateway.update_view(view_id, view)

    async def _find(self, typed: str, *, user: UserId, page: int) -> Found:
        person = await self._gateway.user(user)
        return await self._desk.search(parse_query(typed, at=now(), zone=person.tz), user=user, page=page)
