"""The button that lets a held file in."""

from slack_bolt.async_app import AsyncAck

from bridge.errors import BridgeError
from bridge.guard.release import Release
from bridge.model import MailId
from bridge.slack.acting import Acting
from bridge.slack.unreadable import number_in
from bridge.slack.windows import Body, Windows, parts_of, user_of, value_of


class Releasing:
    """Registers itself with a bolt app."""

    def __init__(self, app: Acting, *, windows: Windows, release: Release) -> None:
        self._windows = windows
        self._release = release
        app.action("release_file")(self.release)

    async def release(self, ack: AsyncAck, body: Body) -> None:
        """`number:mail:position`, once Slack has asked whether it is meant."""
        _, mail_id, position = parts_of(value_of(body), count=3)
        try:
            await self._release.release(MailId(number_in(mail_id)), number_in(position), user=user_of(body))
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
        else:
            await ack()
