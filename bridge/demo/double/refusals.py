"""How a workspace says no: to an app's call, to a person at their client, to an app's answer.

SlackRefusal   Slack answers a call with `ok: false` and this code
NotOffered     Slack's client does not let a person do this; nothing was sent
NoAck          the app did not answer in Slack's time; the person sees a failure
BadAck         Slack refuses what the app answered; the person sees a failure
"""

from typing import Any


class SlackRefusal(Exception):
    """Slack's answer is `ok: false` with this code; `more` goes into the answer beside it."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


class NotOffered(Exception):
    """Slack's client does not let a person do this, so nothing was sent to the app."""


class NoAck(Exception):
    """The app did not answer in Slack's time, or could not be reached. `reason` is Slack's word for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The app did not acknowledge: {reason}.")
        self.reason = reason


class BadAck(Exception):
    """Slack refuses what the app answered; the person is told that something went wrong."""
