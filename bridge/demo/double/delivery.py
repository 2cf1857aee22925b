"""How Slack hands things to an app, whichever way they travel: what is promised, what is tried again, what is lost.

Events are tried again until they are acknowledged, three times at most, and keep their `event_id`; clicks, commands and
submissions are tried once, and whoever made them sees the failure as `NoAck`.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bridge.demo.double.refusals import NoAck
from bridge.demo.double.site import Timing
from bridge.demo.double.stored import Json

Answer = Any
"""What the app acknowledged with: an object, a string or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One thing for the app. `answerable` says that an answer in the acknowledgement counts."""

    kind: Literal["events_api", "interactive", "slash_commands"]
    payload: Json
    answerable: bool = False
    attempt: int = 0
    reason: str = ""


class Transport(Protocol):
    """A way to an app: sockets that it opened, or its address."""

    def reachable(self) -> bool:
        """Whether there is anywhere to deliver to now."""

    async def until_reachable(self) -> None:
        """Wait for that."""

    async def deliver(self, envelope: Envelope) -> Answer:
        """Hand it over and answer what the app acknowledged with. Raises NoAck."""


class Delivery:
    """Slack's side of one app's deliveries. `lost` holds the events that were given up."""

    def __init__(self, transport: Transport, *, timing: Timing) -> None:
        self.transport = transport
        self.lost: list[Json] = []
        self._timing = timing
        self._under_way: set[asyncio.Task[None]] = set()

    def event(self, payload: Json) -> None:
        """Deliver an event, now and again until it is acknowledged; does not wait."""
        task = asyncio.get_running_loop().create_task(self._deliver(payload))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def interaction(
        self, kind: Literal["interactive", "slash_commands"], payload: Json, *, answerable: bool
    ) -> Answer:
        """Deliver what a person did, once, and answer what the app said to it. Raises NoAck."""
        if not self.transport.reachable():
            raise NoAck("connection_failed")
        return await self.transport.deliver(Envelope(kind=kind, payload=payload, answerable=answerable))

    async def settled(self) -> None:
        """Wait until no event is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def stop(self) -> None:
        """Give up everything under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, payload: Json) -> None:
        attempt, reason = 0, ""
        waits = iter(self._timing.retries)
        while True:
            if not self.transport.reachable():
                attempt, reason = max(attempt, 1), "connection_failed"
                await self.transport.until_reachable()
            envelope = Envelope(kind="events_api", payload=payload, attempt=attempt, reason=reason)
            try:
                await self.transport.deliver(envelope)
            except NoAck as silence:
                attempt, reason = attempt + 1, silence.reason
            else:
                return
            wait = next(waits, None)
            if wait is None:
                self.lost.append(payload)
                return
            await asyncio.sleep(wait)
