"""An office with the Slack double in it: what the tests of the double share."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.demo.double.slack import SlackDouble, Timing

SCOPES = [
    *("chat:write", "commands", "channels:history", "channels:read", "channels:join", "groups:history", "groups:read"),
    *("im:history", "im:read", "im:write", "files:read", "files:write", "reactions:read", "reactions:write"),
    *("users:read", "users:read.email", "team:read", "bookmarks:read", "bookmarks:write"),
]
MANIFEST: dict[str, Any] = {
    "display_information": {"name": "bridge"},
    "features": {
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "bot_user": {"display_name": "bridge"},
        "slash_commands": [{"command": "/mail", "description": "Mail", "should_escape": True}],
        "shortcuts": [
            {"name": "Send as email", "type": "message", "callback_id": "send_as_email", "description": "Send"},
            {"name": "New email", "type": "global", "callback_id": "new_email", "description": "Write"},
        ],
    },
    "oauth_config": {"scopes": {"bot": SCOPES}},
    "settings": {
        "event_subscriptions": {
            "bot_events": ["message.channels", "message.groups", "app_home_opened", "member_joined_channel"]
        },
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}
QUICK = Timing(retries=(0.0, 0.01, 0.02), share=0.01)
"""Slack's clocks, where nothing depends on their running out."""
BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "block_id": "words", "text": {"type": "mrkdwn", "text": "A mail"}},
    {
        "type": "actions",
        "block_id": "verbs",
        "elements": [
            {"type": "button", "action_id": "claim", "text": {"type": "plain_text", "text": "Claim"}, "value": "7"},
            {
                "type": "overflow",
                "action_id": "more",
                "options": [
                    {"text": {"type": "plain_text", "text": "Archive"}, "value": "archive:7"},
                    {"text": {"type": "plain_text", "text": "Spam"}, "value": "spam:7"},
                ],
            },
        ],
    },
]


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def field(block_id: str, element: dict[str, Any], *, optional: bool = False) -> dict[str, Any]:
    element = {"action_id": "value", **element}
    return {"type": "input", "block_id": block_id, "label": plain(block_id), "element": element, "optional": optional}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    shown = list(blocks) or [field("body", {"type": "plain_text_input"})]
    fixed = {"type": "modal", "callback_id": "compose", "title": plain("Mail"), "submit": plain("Send")}
    return {**fixed, "blocks": shown, **more}


class Socket:
    """The bare other end of Socket Mode: acknowledges only what a test wants acknowledged."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.ws.receive_json(timeout=5)
        return message

    async def ack(self, envelope: dict[str, Any], payload: Any = None) -> None:
        await self.ws.send_json({"envelope_id": envelope["envelope_id"], **({"payload": payload} if payload else {})})


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


class Office:
    """A double with a channel, two people, and clients of the app."""

    def __init__(self, double: SlackDouble, clock: Clock) -> None:
        self.double, self.clock, self.workspace = double, clock, double.workspace
        self.dana = str(self.workspace.add_user("dana", real_name="Dana Scott", email="dana@example.com")["id"])
        self.eli = str(self.workspace.add_user("eli", email="eli@example.com")["id"])
        people = [self.dana, self.eli, self.workspace.bot_user_id]
        self.support = str(self.workspace.add_channel("support", members=people)["id"])
        self.web = AsyncWebClient(double.bot_token, base_url=double.url)
        self.app = AsyncApp(client=self.web)
        self._open = AsyncExitStack()

    async def connect(self) -> None:
        """Open one more socket for the app."""
        before = self.double.sockets.count
        self.app.event(re.compile(".*"))(self._take)  # bolt acknowledges no event that nobody listens to
        handler = AsyncSocketModeHandler(self.app, self.double.app_token, ping_interval=2)
        self._open.push_async_callback(handler.close_async)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        await self.double.sockets.until(lambda: self.double.sockets.count > before)

    async def dial(self) -> Socket:
        """Open one more socket, in the test's own hands, and hear hello on it."""
        url = (await self.web.apps_connections_open(app_token=self.double.app_token))["url"]
        session = await self._open.enter_async_context(aiohttp.ClientSession())
        socket = Socket(await self._open.enter_async_context(session.ws_connect(url)))
        hello = await socket.next()
        assert (hello["type"], hello["num_connections"]) == ("hello", self.double.sockets.count)
        return socket

    async def _take(self) -> None:
        """Acknowledge what no test asked about."""

    async def close(self) -> None:
        await self._open.aclose()
        await self.double.stop()


OpenOffice = Callable[..., Awaitable[Office]]


@pytest.fixture(name="open_office")
async def open_office_fixture() -> AsyncIterator[OpenOffice]:
    offices: list[Office] = []

    async def make(**settings: Any) -> Office:
        clock = Clock()
        double = SlackDouble(**{"manifest": MANIFEST, "timing": QUICK, "clock": clock, **settings})
        await double.start()
        offices.append(Office(double, clock))
        return offices[-1]

    yield make
    for office in offices:
        await office.close()


@pytest.fixture(name="office")
async def office_fixture(open_office: OpenOffice) -> Office:
    return await open_office()


async def code_of(call: Awaitable[Any]) -> str:
    """The error code that the call is refused with."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])
