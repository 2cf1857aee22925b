"""Home: what a person's own page shows, gathered for whoever opens it, and kept up with what they do themselves.

It is published anew after a person's own act, at most every PACE seconds: Slack draws it for each person apart, and a
desk of many would soon meet Slack's limits if everybody's followed everything.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from bridge.desk import Desk, Mailbox, told, write_down_of_desk
from bridge.errors import BridgeError
from bridge.model import ChannelId, MailboxName, UserId, now
from bridge.slack import home
from bridge.slack.blocks import Block
from bridge.slack.gateway import Gateway
from bridge.store import drafts, overview, people
from bridge.store.database import Store

log = structlog.get_logger()

PACE = 2.0
"""Seconds between two publications for one person."""


class Home:
    """Everybody's Home. `setup`: how the desk is set up, for a person who is its admin; else nothing."""

    def __init__(
        self,
        store: Store,
        *,
        desk: Desk,
        gateway: Gateway,
        mailboxes: Mapping[MailboxName, Mailbox],
        status: Callable[[Collection[ChannelId]], Awaitable[Mapping[str, Any]]],
        setup: Callable[[UserId], Awaitable[Sequence[Block]]],
    ) -> None:
        self._store = store
        self._desk = desk
        self._gateway = gateway
        self._mailboxes = mailboxes
        self._status = status
        self._setup = setup
        self._published: dict[UserId, float] = {}  # by time.monotonic; who never opened their Home has none
        self._coming: dict[UserId, asyncio.Task[None]] = {}

    async def open(self, user: UserId) -> None:
        """Somebody opened their Home: show it as it stands."""
        self._published[user] = time.monotonic()
        setup: Sequence[Block] = ()
        try:
            setup = await self._setup(user)  # an admin need not be an agent
            view = home.home(await self._board(user), setup=setup)
        except BridgeError as error:
            view = home.closed(str(error), setup=setup)
        await self._gateway.publish_home(user, view)

    def touched(self, user: UserId) -> None:
        """Somebody has done something: where they have a Home, it follows soon."""
        if user in self._published and user not in self._coming:
            self._coming[user] = asyncio.create_task(self._follow(user), name="a Home that follows")

    async def close(self) -> None:
        """Nothing follows any more."""
        for task in self._coming.values():
            task.cancel()
        await asyncio.gather(*self._coming.values(), return_exceptions=True)

    async def mine(self, user: UserId) -> people.Person:
        """What a person has set for themselves. Raises Refused for somebody who may not act."""
        await self._desk.channels(user)
        async with self._store.read() as conn:
            return await people.get(conn, user)

    async def prefer(self, user: UserId, *, signature: str, reminders: bool) -> None:
        """Keep what a person wants, and write down that they changed it."""
        before = await self.mine(user)
        after = replace(before, signature=signature, reminders=reminders)
        if after == before:
            return
        changes = ["signature: changed"] if after.signature != before.signature else []
        changes += [told(before, {"reminders": reminders})] if after.reminders != before.reminders else []
        async with self._store.write() as conn:
            await people.put(conn, after)
            await write_down_of_desk(conn, "settings changed", user=user, detail=", ".join(changes))

    async def _follow(self, user: UserId) -> None:
        try:
            await asyncio.sleep(max(0.0, self._published[user] + PACE - time.monotonic()))
            self._coming.pop(user, None)  # what is done from here on asks for another
            await self.open(user)
        except BridgeError as error:
            log.warning("a Home could not be brought up to date", reason=str(error))

    async def _board(self, user: UserId) -> home.Board:
        channels = await self._desk.channels(user)
        async with self._store.read() as conn:
            mine = await overview.of_owner(conn, user, channels=channels, limit=home.SHOWN)
            unowned = await overview.unowned(conn, channels=channels, limit=home.SHOWN)
            waiting = await overview.waiting(conn, channels=channels, limit=home.LONGEST_SHOWN)
            longest = await overview.waits_longest(conn, channels=channels)
            overdue = await overview.overdue(conn, channels=channels)
            proposed = await overview.proposed(conn, channels=channels, limit=home.PROPOSED_SHOWN)
            troubled = await drafts.troubled(conn, channels=channels, limit=home.TROUBLED_SHOWN)
            counts = await overview.open_by_mailbox(conn, channels=channels)
            person = await people.get(conn, user)
        return home.Board(
            user=user,
            at=now(),
            workspace=(await self._gateway.me()).url,
            mine=mine.shown,
            mine_total=mine.total,
            unowned=unowned.shown,
            unowned_total=unowned.total,
            waiting=waiting.shown,
            longest=longest,
            overdue=overdue,
            troubled=troubled,
            proposed=proposed.shown,
            proposed_total=proposed.total,
            mailboxes=await self._fare(channels, counts),
            signature=person.signature,
            reminders=person.reminders,
        )

    async def _fare(
        self, channels: Sequence[ChannelId], counts: Mapping[MailboxName, int]
    ) -> tuple[home.MailboxState, ...]:
        told = {one["name"]: one for one in (await self._status(channels))["mailboxes"]}
        return tuple(
            home.MailboxState(
                name=box.name,
                open=counts.get(box.name, 0),
                trouble=(told.get(box.name) or {}).get("reason") or "",
                heard=_moment((told.get(box.name) or {}).get("last_heard")),
            )
            for box in self._mailboxes.values()
            if box.channel in channels
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
