"""Who may act: full members of the conversation's channel. Asked at every verb, from whatever place it comes.

Never guests, people of other organisations, bots, or anybody in a channel that is shared outside: what an agent sees
and sends is the customers' mail.
"""

from collections.abc import Collection
from typing import Protocol

from bridge.errors import Refused
from bridge.model import ChannelId, UserId
from bridge.sentences import say
from bridge.slack.gateway import Gateway, Member


class MayAct(Protocol):
    """Decides who may act."""

    async def require(self, user: UserId, channel: ChannelId) -> Member:
        """The person, if they may act in that channel; else `Refused` with the sentence they are told."""


class Operator:
    """Whoever types commands on the bridge's own machine, where its database and its secrets are: may do everything."""

    async def require(self, user: UserId, channel: ChannelId) -> Member:  # noqa: ARG002 - in every channel
        """That person, as nobody in Slack."""
        return Member(
            id=user,
            name=user.removeprefix("cli:"),
            email="",
            is_guest=False,
            is_bot=False,
            deleted=False,
            team_id="",
            locale="",
            tz="",
        )


class Agents:
    """The people who may act. `only`: where the operator names them, nobody else."""

    def __init__(
        self, gateway: Gateway, *, team_id: str, only: Collection[UserId] = (), admins: Collection[UserId] = ()
    ) -> None:
        """`admins`: who looks after the desk; where nobody is named, the workspace's own."""
        self._admins = frozenset(admins)
        self._gateway = gateway
        self._team_id = team_id
        self._only = frozenset(only)

    async def is_admin(self, user: UserId) -> bool:
        """Whether somebody who may act looks after the desk, too."""
        return user in self._admins if self._admins else (await self._gateway.user(user)).is_admin

    async def require(self, user: UserId, channel: ChannelId) -> Member:
        """The member, if they may act in that channel; else `Refused` with the sentence they are told."""
        place = await self._gateway.channel(channel)
        if place.is_shared:
            raise Refused(
                say("This channel is shared with another organisation, so customers' mail stays closed here.")
            )
        person = await self._gateway.user(user)
        if person.is_guest or person.team_id != self._team_id:
            raise Refused(say("Only full members of this workspace may handle the mail; ask one of them."))
        if person.is_bot or person.deleted:
            raise Refused(say("Only people may handle the mail."))
        if self._only and user not in self._only:
            raise Refused(say("You are not among the agents of this desk; an admin can add you."))
        if user not in await self._gateway.members(channel):
            raise Refused(
                say("Only members of <#{channel}> may handle its mail; join the channel first.", channel=channel)
            )
        return person
