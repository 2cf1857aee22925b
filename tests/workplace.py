"""A Slack workspace for tests: the double at the wire's other end, two people, a channel, and a gateway to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bridge.demo.double.slack import SlackDouble, Timing
from bridge.model import ChannelId, UserId
from bridge.slack.gateway import Gateway

SCOPES = frozenset(
    [
        *("channels:history", "channels:read", "groups:history", "groups:read", "users:read", "users:read.email"),
        *("chat:write", "commands", "files:read", "files:write"),
    ]
)
MANIFEST: dict[str, Any] = {
    "features": {
        "app_home": {"home_tab_enabled": True},
        "bot_user": {"display_name": "Bridge"},
        "slash_commands": [{"command": "/mail", "description": "Mail", "should_escape": True}],
    },
    "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
    "settings": {"interactivity": {"is_enabled": True}, "socket_mode_enabled": True},
}
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "A mail"}}]
VIEW = {"type": "modal", "title": {"type": "plain_text", "text": "Mail"}, "blocks": BLOCKS}


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    double: SlackDouble
    gateway: Gateway
    dana: UserId
    support: ChannelId

    def texts(self) -> list[str]:
        """What the channel shows at its top level, oldest first."""
        return [message["text"] for message in self.double.workspace.history(self.support)]


@asynccontextmanager
async def workplace(*, without: frozenset[str] = frozenset(), answer_seconds: float = 10.0) -> AsyncIterator[Workplace]:
    """A running workspace whose app lacks the scopes `without`; a call may take `answer_seconds`."""
    double = SlackDouble(manifest=MANIFEST, scopes=SCOPES - without, timing=Timing(share=0.05))
    await double.start()
    dana = str(double.workspace.add_user("dana", real_name="Dana Scott", email="dana@example.com")["id"])
    people = [dana, double.workspace.bot_user_id]
    support = str(double.workspace.add_channel("support", members=people)["id"])
    try:
        async with Gateway.open(token=double.bot_token, api_url=double.url, answer_seconds=answer_seconds) as gateway:
            yield Workplace(double=double, gateway=gateway, dana=UserId(dana), support=ChannelId(support))
    finally:
        await double.stop()
