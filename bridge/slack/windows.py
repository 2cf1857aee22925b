"""What a person sees who pressed something: a modal, opened at once and filled when it is ready, or a sentence."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from bridge.errors import BridgeError, Refused
from bridge.model import ChannelId, Ts, UserId
from bridge.sentences import say
from bridge.slack import modals
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway

log = structlog.get_logger()

Body = Mapping[str, Any]
View = dict[str, Any]


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
        return await self.draw(view_id, view)

    async def tell(self, body: Body, sentence: str) -> None:
        """Tell the person who asked, and nobody else."""
        if view_id := modal_of(body):
            await self.draw(view_id, modals.notice(say("Mail"), sentence))
            return
        channel = body.get("channel_id") or (body.get("channel") or {}).get("id")
        if not channel:  # on Home, or anywhere; where the trigger has expired, nothing can be said at all
            if trigger := body.get("trigger_id"):
                with contextlib.suppress(BridgeError):
                    await self._gateway.open_view(trigger, modals.notice(say("Mail"), sentence))
            return
        try:
            await self._gateway.ephemeral(ChannelId(channel), user_of(body), text=sentence, thread_ts=thread_of(body))
        except BridgeError as error:  # they have left the channel, or it is archived: there is nowhere to tell them
            log.warning("a person could not be told", sentence=sentence, reason=str(error))

    async def draw(self, view_id: str, view: View) -> bool:
        """Show this in an open window. False where it was closed meanwhile, or shows something newer: no loss."""
        try:
            await self._gateway.update_view(view_id, view)
        except (Gone, Refused):
            return False
        return True


def modal_of(body: Body) -> str:
    """The id of the modal in which a person pressed; empty where it was in none."""
    view = body.get("view") or {}
    return str(view["id"]) if view.get("type") == "modal" else ""


def user_of(body: Body) -> UserId:
    """Who pressed, typed or submitted."""
    return UserId(body.get("user_id") or body["user"]["id"])


def option_of(body: Body) -> str:
    """The value of the option that was chosen."""
    return str(body["actions"][0]["selected_option"]["value"])


def value_of(body: Body) -> str:
    """The value of the button that was pressed."""
    return str(body["actions"][0]["value"])


def thread_of(body: Body) -> Ts | None:
    """The thread in which a person pressed; None on a card, whose own thread need not be open."""
    message = body.get("message") or {}
    thread = message.get("thread_ts")
    return Ts(thread) if thread and thread != message["ts"] else None
