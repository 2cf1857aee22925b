"""Who is one of us: what they pass on was written by somebody else, a customer."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from bridge.errors import BridgeError
from bridge.settings.providers import provider_of
from bridge.slack.gateway import Gateway

log = structlog.get_logger()

PATIENCE = 3.0  # seconds for Slack's answer: mail waits for it
PAUSE = 60.0  # seconds in which Slack is not asked again once it did not answer


class IsTeammate(Protocol):
    """Decides whether a mail address is one of ours."""

    async def __call__(self, email: str) -> bool:
        """Whether it is a teammate's, or one of our own mailboxes."""


async def nobody(email: str) -> bool:  # noqa: ARG001 - whoever it is
    """Where nobody is known to be one of us."""
    return False


class Teammates:
    """Those of the mailboxes' own domains, and the full members of the workspace by their address there.

    The domain of a well-known provider is everybody's: there only the mailbox itself is ours.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        team_id: str,
        mailboxes: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._team_id = team_id
        self._clock = clock
        self._ask_from = 0.0
        self._own = frozenset(one.lower() for one in mailboxes)
        self._domains = frozenset(_domain(one) for one in self._own if provider_of(one) is None)

    async def __call__(self, email: str) -> bool:
        """Asks Slack where the domain does not tell; where Slack does not answer, a mail is taken as it stands."""
        if email.lower() in self._own or _domain(email) in self._domains:
            return True
        if self._clock() < self._ask_from:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                person = await self._gateway.member_with(email)
        except (BridgeError, TimeoutError) as error:
            self._ask_from = self._clock() + PAUSE
            log.warning("Slack did not say whether a forward came from a member", reason=str(error))
            return False
        return person is not None and person.team_id == self._team_id and not (person.is_guest or person.deleted)


def _domain(email: str) -> str:
    return email.lower().rpartition("@")[2]
