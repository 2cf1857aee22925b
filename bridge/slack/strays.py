"""What a person does that nobody listens to: it is acknowledged, nothing is done, and they are told so.

Buttons of an earlier version stand in old messages for years; a form may be open while the bridge is upgraded; commands
and shortcuts are Slack's settings, which may know more than this version. Without an answer Slack would say that the
app does not respond. What else Slack sends is acknowledged in `events.py` and `bolt.py`.
"""

import re

from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.sentences import mark, say
from bridge.slack import modals
from bridge.slack.windows import Body, Windows, modal_of

UNKNOWN = mark("The bridge does not know this any more, so nothing was done. `/mail help` shows what it can do.")
EVERY = re.compile(".*", re.DOTALL)


class Strays:
    """Registers itself with a bolt app, after all others."""

    def __init__(self, app: AsyncApp, *, windows: Windows) -> None:
        self._windows = windows
        app.action(EVERY)(self.pressed)
        app.shortcut(EVERY)(self.pressed)
        app.command(EVERY)(self.typed)
        app.view(EVERY)(self.submitted)
        app.view_closed(EVERY)(self.closed)
        app.options(EVERY)(self.asked)

    async def pressed(self, ack: AsyncAck, body: Body) -> None:
        """A button, a menu, a shortcut. In a modal nothing is said: it would take the place of what is typed there."""
        await ack()
        if not modal_of(body):
            await self._windows.tell(body, say(UNKNOWN))

    async def typed(self, ack: AsyncAck) -> None:
        """A command."""
        await ack(response_type="ephemeral", text=say(UNKNOWN))

    async def submitted(self, ack: AsyncAck, body: Body) -> None:
        """A form: it stays with its words, where it has an input beside which it can be said."""
        inputs = [one["block_id"] for one in body["view"].get("blocks", ()) if one["type"] == "input"]
        if inputs:
            await ack(response_action="errors", errors={inputs[0]: say(UNKNOWN)})
        else:
            await ack(response_action="update", view=modals.notice(say("Mail"), say(UNKNOWN)))

    async def closed(self, ack: AsyncAck) -> None:
        """A form that was closed."""
        await ack()

    async def asked(self, ack: AsyncAck) -> None:
        """What a menu offers."""
        await ack(options=[])
