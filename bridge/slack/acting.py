"""How a person's act reaches its listener: with the place that it comes from noted, and their Home following it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.model import UserId, Where
from bridge.slack.unreadable import Unreadable, report
from bridge.where import acting

Body = Mapping[str, Any]
Listener = Callable[..., Awaitable[None]]
Register = Callable[[Listener], object]


class Acting:
    """Registers listeners with a bolt app as it would itself. `done` hears of each person whose act was handled.

    Listeners take `ack` and `body`.
    """

    def __init__(self, app: AsyncApp, *, done: Callable[[UserId], None]) -> None:
        self._app = app
        self._done = done

    def action(self, action_id: str | dict[str, str | re.Pattern[Any]]) -> Register:
        """A button, a menu, an input."""
        return lambda listener: self._app.action(action_id)(self._following(listener))

    def view(self, callback_id: str) -> Register:
        """A modal that is submitted."""
        return lambda listener: self._app.view(callback_id)(self._following(listener))

    def view_closed(self, callback_id: str) -> Register:
        """A modal that is closed without being submitted."""
        return lambda listener: self._app.view_closed(callback_id)(self._following(listener))

    def command(self, name: str) -> Register:
        """A slash command."""
        return lambda listener: self._app.command(name)(self._following(listener))

    def shortcut(self, callback_id: str) -> Register:
        """A shortcut, of a message or of everywhere."""
        return lambda listener: self._app.shortcut(callback_id)(self._following(listener))

    def _following(self, listener: Listener) -> Listener:
        async def followed(ack: AsyncAck, body: Body) -> None:
            try:
                with acting(where(body)):
                    await listener(ack, body)
            except Unreadable as error:
                report(error)
                await ack()  # also where that has happened: bolt forgets it when a listener fails soon after
                return
            self._done(UserId(body.get("user_id") or body["user"]["id"]))

        return followed


def where(body: Body) -> Where:
    """From where an act comes, by what Slack sent."""
    if "command" in body:
        return Where.COMMAND
    if body["type"] in ("shortcut", "message_action"):
        return Where.SHORTCUT
    if body["type"] in ("view_submission", "view_closed"):
        return Where.MODAL
    if (body.get("view") or {}).get("type") == "home":
        return Where.HOME
    return Where.BUTTON if body["actions"][0]["type"] == "button" else Where.MENU
