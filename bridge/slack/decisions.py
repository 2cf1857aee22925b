"""Buttons under what the bridge said by itself: somebody decides, and the message says who and what."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.errors import BridgeError
from bridge.model import ChannelId, Ts, UserId
from bridge.slack.gateway import Gateway
from bridge.slack.notices import Decided, decided
from bridge.slack.windows import value_of

Body = Mapping[str, Any]


Decide = Callable[..., Awaitable[Decided]]
"""What a button means, by its value; `channel` and `user` say where and who. What was decided, or Refused."""


class Decisions:
    """Registers itself with a bolt app: each action_id of `buttons` is one decision."""

    def __init__(self, app: AsyncApp, *, gateway: Gateway, buttons: Mapping[str, Decide]) -> None:
        self._gateway = gateway
        self._buttons = buttons
        for action_id in buttons:
            app.action(action_id)(self.decide)

    async def decide(self, ack: AsyncAck, body: Body) -> None:
        """What was pressed is done before it is acknowledged; then the buttons give way to who decided, and to what
        takes it back.
        """
        action, channel, user = body["actions"][0], ChannelId(body["channel"]["id"]), UserId(body["user"]["id"])
        value = value_of(body)
        try:
            decide = self._buttons[action["action_id"]]
            by = await decide(value, channel=channel, user=user)
        except BridgeError as error:
            await ack()
            await self._gateway.ephemeral(channel, user, text=str(error))
            return
        await ack()
        if "message" not in body:  # a list that one person sees: Slack does not tell what stands there
            await self._gateway.ephemeral(channel, user, text=by.words)
            return
        surface = decided(body["message"]["blocks"][0]["text"]["text"], by)
        key = f"decided:{action['value']}"
        await self._gateway.update(
            channel, Ts(body["message"]["ts"]), text=surface.text, blocks=surface.blocks, key=key
        )
