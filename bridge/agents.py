"""Who may act: full members of the conversation's channel. Asked at every verb, from whatever place it comes.

Never guests, people of other organisations, bots, or anybody in a channel that is shared outside: what an agent sees
and sends is the customers' mail. That holds whomever an admin names.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from bridge.errors import Refused
from bridge.model import ChannelId, Named, UserId
from bridge.sentences import say
from bridge.slack.directory import Remembered
from bridge.slack.gateway import Gateway, Member

BELIEVED = 2.0
"""Seconds for which whom the admins named is not asked again: what another replica's admin changes holds after them."""


class MayAct(Protocol):
    """Decides who may act."""

    async def require(self, user: UserId, channel: ChannelId) -> Member:
        """The person, if they may act in that channel; else `Refused` with the sentence they are told."""

    async def member(self, user: UserId) -> Member:
        """The person, if they are one whom mail may be shown to at all; else `Refused` with the sentence."""


class Operator:
    """Whoever types commands on the bridge's own machine, where its database and its secrets are: may do everything."""

    async def require(self, user: UserId, channel: ChannelId) -> Member:  # noqa: ARG002 - in every channel
        """That person."""
        return await self.member(user)

    async def member(self, user: UserId) -> Member:
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
    """The people who may act, and those who look after the desk."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        team_id: str,
        named: Callable[[], Awaitable[Named]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`named`: whom the operator and the admins have named, by now."""
        self._gateway = gateway
        self._team_id = team_id
        self._ask = named
        self._named = Remembered[Literal["named"], Named](clock, seconds=BELIEVED)

    def renamed(self) -> None:
        """Others were named: that holds from here on."""
        self._named.forget("named")

    async def require(self, user: UserId, channel: ChannelId) -> Member:
        """The member, if they may act in that channel; else `Refused` with the sentence they are told."""
        place = await self._gateway.channel(channel)
        if place.is_shared:
            raise Refused(
                say("This channel is shared with another organisation, so customers' mail stays closed here.")
            )
        person = await self.member(user)
        only = (await self._named.get("named", self._ask)).users
        if only and user not in only:
            raise Refused(say("You are not among the agents of this desk; an admin can add you."))
        if user not in await self._gateway.members(channel):
            raise Refused(
                say("Only members of <#{channel}> may handle its mail; join the channel first.", channel=channel)
            )
        return person

    async def require_admin(self, user: UserId) -> Member:
        """The member, if they look after the desk: they are named, or an admin of the workspace, whom nobody can shut
        out. They need not be an agent. Else `Refused` with the sentence they are told.
        """
        person = await self.member(user)
        if not (person.is_admin or user in (await self._named.get("named", self._ask)).admins):
            raise Refused(say("Only admins of this desk may do that; an admin of the workspace can name you as one."))
        return person

    async def is_admin(self, user: UserId) -> bool:
        """Whether somebody looks after the desk."""
        try:
            await self.require_admin(user)
        except Refused:
            return False
        return True

    async def member(self, user: UserId) -> Member:
        """The person, if they are one whom mail may be shown to at all; else `Refused` with the sentence."""
        person = await self._gateway.user(user)
        if person.is_guest or person.team_id != self._team_id:
            raise Refused(say("Only full members of this workspace may handle the mail; ask one of them."))
        if person.is_bot or person.deleted:
            raise Refused(say("Only people may handle the mail."))
        return person
