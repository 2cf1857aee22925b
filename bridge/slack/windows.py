"""What a person sees who pressed something: a modal, opened at once and filled when it is ready, or a sentence."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from bridge.errors import BridgeError, Refused, Temporary
from bridge.model import ChannelId, Ts, UserId
from bridge.sentences import say
from bridge.slack import modals
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.slack.unreadable import expected, number_in

log = structlog.get_logger()

Body = Mapping[str, Any]
View = dict[str, Any]

WAITS = (0.3, 1.0, 2.5)
"""Seconds between tries to draw in an open window; a longer Retry-After counts in their place."""

PATIENCE = 10.0
"""Seconds after which a window is not tried again: its person looks at it, and is told something else instead."""


class Windows:
    """Answers the person who asked, and nobody else."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def open(self, body: Body, title: str, make: Callable[[], Awaitable[View]]) -> bool:
        """Open a view at once and fill it when it is ready; a refusal is shown where the view would be.

        False where the person never sees it: they closed it before it was ready.
        """
        try:
            put = (
                self._gateway.push_view if modal_of(body) else self._gateway.open_view
            )  # what it shows is still wanted
            view_id = await put(body["trigger_id"], modals.loading(title))
        except BridgeError as error:
            await self.tell(body, str(error))
            return False
        try:
            view = await make()
        except BridgeError as error:
            view = modals.notice(title, str(error))
        return await self.draw(body, view_id, view)

    async def tell(self, body: Body, sentence: str) -> None:
        """Tell the person who asked, and nobody else."""
        if view_id := modal_of(body):
            await self.draw(body, view_id, modals.notice(say("Mail"), sentence), otherwise=sentence)
            return
        if not (body.get("channel_id") or body.get("channel")) and (trigger := body.get("trigger_id")):
            try:  # on Home, or anywhere: there is no place for it but a window of its own
                await self._gateway.open_view(trigger, modals.notice(say("Mail"), sentence))
            except BridgeError:  # the trigger has expired
                await self._aside(body, sentence)
            return
        await self._aside(body, sentence)

    async def draw(self, body: Body, view_id: str, view: View, *, otherwise: str = "") -> bool:
        """Show this in an open window. False where it was closed meanwhile, or shows something newer: no loss.

        False also where Slack does not show it, however often it is tried: then the person is told so, or `otherwise`.
        """
        try:
            await self.redraw(view_id, view)
        except (Gone, Refused):
            return False
        except BridgeError as error:
            log.warning("a window could not be drawn", reason=str(error), detail=error.detail)
            again = say("{error} What you asked for could not be shown: please try again.", error=error)
            await self.instead(body, view_id, otherwise or again)
            return False
        return True

    async def redraw(self, view_id: str, view: View) -> None:
        """Show this in an open window, tried again for some seconds: drawn twice it is the same.

        Raises Gone where it was closed, Refused where it shows something newer, and what Slack said last.
        """
        now = asyncio.get_running_loop().time
        until = now() + PATIENCE
        for wait in WAITS:
            try:
                await self._gateway.update_view(view_id, view)
            except Temporary as error:
                held = max(wait, error.retry_after or 0)
                if now() + held > until:
                    raise
                await asyncio.sleep(held)
            else:
                return
        await self._gateway.update_view(view_id, view)

    async def instead(self, body: Body, view_id: str, sentence: str, *, channel: ChannelId | None = None) -> None:
        """Say a sentence in place of a view that could not be drawn: there, or else beside it.

        `channel`: where that is, if nobody pressed in a channel.
        """
        if view_id:
            with contextlib.suppress(BridgeError):
                await self._gateway.update_view(view_id, modals.notice(say("Mail"), sentence))
                return
        await self._aside(body, sentence, channel=channel)

    async def _aside(self, body: Body, sentence: str, *, channel: ChannelId | None = None) -> None:
        """Where they pressed or typed; from a window, which is in no channel, in the bot's messages to them."""
        found = body.get("channel_id") or (body.get("channel") or {}).get("id") or channel
        user = user_of(body)
        try:
            if found:
                await self._gateway.ephemeral(ChannelId(found), user, text=sentence, thread_ts=thread_of(body))
            else:
                shown = modals.notice(say("Mail"), sentence)["blocks"]
                key = f"told:{body.get('trigger_id', '')}"
                await self._gateway.post(ChannelId(user), text=sentence, blocks=shown, key=key)
        except BridgeError as error:  # they have left the channel, or it is archived: there is nowhere to tell them
            log.warning("a person could not be told", sentence=sentence, reason=str(error))


def modal_of(body: Body) -> str:
    """The id of the modal in which a person pressed; empty where it was in none."""
    view = body.get("view") or {}
    return str(view["id"]) if view.get("type") == "modal" else ""


def user_of(body: Body) -> UserId:
    """Who pressed, typed or submitted."""
    return UserId(body.get("user_id") or body["user"]["id"])


def option_of(body: Body) -> str:
    """The value of the option that was chosen."""
    with expected("option"):
        return str(body["actions"][0]["selected_option"]["value"])


def value_of(body: Body) -> str:
    """The value of the button that was pressed."""
    with expected("value"):
        return str(body["actions"][0]["value"])


def number_of(body: Body) -> int:
    """The number that is the value of the button that was pressed."""
    return number_in(value_of(body))


def parts_of(value: str, *, count: int) -> list[str]:
    """The parts of an option's or a button's value, which colons join. Raises Unreadable for another count of them."""
    with expected("value"):
        parts = value.split(":")
        if len(parts) != count:
            raise ValueError(count)
        return parts


def thread_of(body: Body) -> Ts | None:
    """The thread in which a person pressed; None on a card, whose own thread need not be open."""
    message = body.get("message") or {}
    thread = message.get("thread_ts")
    return Ts(thread) if thread and thread != message["ts"] else None
