"""The bolt app that listeners register with: who the bot is, without asking Slack at each event, in which language
whoever acts is answered, and what becomes of what no listener takes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse

from bridge.config import SlackSettings
from bridge.errors import BridgeError
from bridge.model import UserId
from bridge.sentences import read_by
from bridge.slack import web
from bridge.slack.gateway import Gateway, Identity
from bridge.slack.unreadable import Unreadable, report

log = structlog.get_logger()

PATIENCE = 0.5  # seconds for a person's language: a click waits for its answer, in whichever it comes
Next = Callable[[], Awaitable[None]]
ANSWERED = {None, "app_home_opened", "reaction_added"}  # types of event after which somebody may be told something


def bolt_app(slack: SlackSettings, me: Identity, *, gateway: Gateway) -> AsyncApp:
    """The app of that workspace, without a listener yet."""

    async def authorize() -> AuthorizeResult:
        # One auth.test at the start, not one for each event: one that met a limit would lose what was said.
        return AuthorizeResult(
            enterprise_id=None,
            team_id=me.team_id,
            bot_token=slack.bot_token.get_secret_value(),
            bot_id=me.bot_id,
            bot_user_id=me.bot_user_id,
        )

    async def in_their_language(body: Mapping[str, Any], context: AsyncBoltContext, next_: Next) -> None:
        locale = ""
        if context.user_id and (body.get("event") or {}).get("type") in ANSWERED:
            try:
                async with asyncio.timeout(PATIENCE):
                    locale = (await gateway.user(UserId(context.user_id))).locale
            except (BridgeError, TimeoutError):
                pass  # the listener finds out, and says so in the house's language
        read_by(locale)
        await next_()

    async def unfollowed(
        error: Exception, body: Mapping[str, Any], response: BoltResponse | None
    ) -> BoltResponse | None:
        if isinstance(error, Unreadable):  # what Slack never sends
            report(error)
            return None if response is None else BoltResponse(status=200)
        if isinstance(error, BoltUnhandledRequestError):  # sent again it would be as unknown
            log.warning("Slack sent what nobody here knows; it is acknowledged", kind=str(body.get("type"))[:50])
            return BoltResponse(status=200)
        log.error("What Slack sent could not be followed", exc_info=error)
        return None

    app = AsyncApp(
        client=web.client(token=None, api_url=slack.api_url, session=None),
        authorize=authorize,
        signing_secret=slack.signing_secret.get_secret_value(),
        raise_error_for_unhandled_request=True,
    )
    app.use(in_their_language)
    app.error(unfollowed)
    return app
