"""What is done on Home that is done nowhere else: it is opened, and a person changes their own settings."""

from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.errors import BridgeError
from bridge.home import Home
from bridge.model import UserId
from bridge.sentences import mark, say
from bridge.slack import home
from bridge.slack.acting import Acting
from bridge.slack.windows import Body, View, Windows, user_of

TITLE = mark("My settings")


class Homes:
    """Registers itself with a bolt app."""

    def __init__(self, app: AsyncApp, acting: Acting, *, windows: Windows, people: Home) -> None:
        self._windows = windows
        self._people = people
        app.event("app_home_opened")(self.opened)
        acting.action("my_settings")(self.ask)
        acting.view("my_settings")(self.keep)

    async def opened(self, event: Body) -> None:
        """Somebody looks at the app's Home, or at its messages, where there is none to show."""
        if event.get("tab", "home") == "home":
            await self._people.open(UserId(event["user"]))

    async def ask(self, ack: AsyncAck, body: Body) -> None:
        """Change: the modal with what they have set."""
        await ack()

        async def view() -> View:
            person = await self._people.mine(user_of(body))
            return home.settings(signature=person.signature, reminders=person.reminders)

        await self._windows.open(body, say(TITLE), view)

    async def keep(self, ack: AsyncAck, body: Body) -> None:
        """Save."""
        signature, reminders = home.chosen(body["view"])
        try:
            await self._people.prefer(user_of(body), signature=signature, reminders=reminders)
        except BridgeError as error:
            await ack(response_action="errors", errors={"signature": str(error)})
        else:
            await ack()
