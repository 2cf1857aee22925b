"""The bolt app that listeners register with: who the bot is, without asking Slack at each event."""

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bridge.config import SlackSettings
from bridge.slack import web
from bridge.slack.gateway import Identity


def bolt_app(slack: SlackSettings, me: Identity) -> AsyncApp:
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

    return AsyncApp(
        client=web.client(token=None, api_url=slack.api_url, session=None),
        authorize=authorize,
        signing_secret=slack.signing_secret.get_secret_value(),
    )
