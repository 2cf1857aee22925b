"""Search in Slack: `/mail search`, Home's search box, and the buttons that turn the pages of both.

A page is found anew whenever it is asked for: nothing of a search is kept anywhere but in its buttons.
"""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond

from bridge.desk import Desk
from bridge.errors import BridgeError
from bridge.lookup import Found, parse_query
from bridge.model import UserId, now
from bridge.sentences import mark, say
from bridge.slack import modals, results
from bridge.slack.gateway import Gateway
from bridge.slack.unreadable import number_in
from bridge.slack.windows import Body, View, Windows, user_of, value_of

Said = dict[str, Any]

TITLE = mark("Search")


class Searching:
    """Finds for a person what they may see, and shows it where they asked."""

    def __init__(self, *, gateway: Gateway, windows: Windows, desk: Desk) -> None:
        self._gateway = gateway
        self._windows = windows
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

        async def view() -> View:
            return await self._view(action.get("value") or "", user=user_of(body), page=1)

        await self._windows.open(body, say(TITLE), view)

    async def turn(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        """Another page of the same search, in the place of the one that is shown."""
        number, _, typed = value_of(body).partition(":")
        wanted = number_in(number)
        await ack()
        user = user_of(body)
        if "view" in body:
            try:
                view = await self._view(typed, user=user, page=wanted)
            except BridgeError as error:
                view = modals.notice(say(TITLE), str(error))
            await self._windows.draw(body, body["view"]["id"], view)
            return
        try:
            said = await self.answer(typed, user=user, page=wanted)
        except BridgeError as error:
            said = {"response_type": "ephemeral", "text": str(error)}
        await respond({**said, "replace_original": True})

    async def _view(self, typed: str, *, user: UserId, page: int) -> View:
        found = await self._find(typed, user=user, page=page)
        return results.modal(found, typed, workspace=(await self._gateway.me()).url)

    async def _find(self, typed: str, *, user: UserId, page: int) -> Found:
        person = await self._gateway.user(user)
        return await self._desk.search(parse_query(typed, at=now(), zone=person.tz), user=user, page=page)
