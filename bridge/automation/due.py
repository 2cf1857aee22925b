"""Due: when a customer who waits is to have an answer, by the mailbox's office hours.

    a person's mail comes in; somebody reopens a conversation, or it wakes -> `runs`, in the same transaction
    -> `due` of the conversation, and a job "nudge" for each who is told if it is not answered (`nudges.py`)

Whatever makes the conversation anything but open takes `due` away (`store.conversations.change`), and every job checks
that it is still the one it was promised for. So nothing need be cancelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.automation.hours import ALWAYS, Hours
from bridge.model import Automatic, Direction, Number, Status
from bridge.store import conversations, jobs, mails


class Step(StrEnum):
    """What happens around the time when an answer is due: whom it is said to."""

    CARD = "card"  # the card shows that it is overdue
    CHANNEL = "channel"
    OWNER = "owner"
    ADMINS = "admins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How soon a mailbox answers: its office hours, how much open time a first and a further answer may take (None is
    any), and who is told how much open time after an answer was due, or before (negative).
    """

    hours: Hours = ALWAYS
    first_response: timedelta | None = None
    next_response: timedelta | None = None
    nudges: Mapping[Step, timedelta] = field(default_factory=dict)


NO_PACE = Pace()
"""Round the clock, and nothing is ever due."""


async def runs(conn: AsyncConnection, pace: Pace, number: Number, *, at: datetime, seen: datetime) -> None:
    """The customer wrote at that time, or somebody opened the conversation again: from then on an answer is due.

    Whoever is nudged has the same time from when it was `seen` here: what came in while the bridge was down is overdue
    on its cards, and not all told of at once. Nothing happens where nobody waits, where an answer is due already, or
    where the mailbox says no times.
    """
    if not (pace.first_response or pace.next_response):
        return
    found = await conversations.get(conn, number)
    if found is None or found.status is not Status.OPEN or found.due is not None:
        return
    stored = await mails.of_conversation(conn, number)
    answered = any(one.direction is Direction.OUT and one.message.automatic is Automatic.NO for one in stored)
    allowed = pace.next_response if answered else pace.first_response
    if allowed is None or rules.waits_since(stored) is None:
        return
    due = pace.hours.after(at, allowed)
    await conversations.becomes_due(conn, number, due)
    for step, offset in {Step.CARD: timedelta(), **pace.nudges}.items():
        when = pace.hours.after(max(at, seen), max(timedelta(), allowed + offset))
        await promise(conn, number, step, due=due, when=when)


async def promise(conn: AsyncConnection, number: Number, step: Step, *, due: datetime, when: datetime) -> None:
    """Promise one step at that time, for the answer that is due then."""
    payload = {"number": number, "step": step, "due": due.isoformat()}
    key = f"nudge:{number}:{step}:{due.isoformat()}:{when.isoformat()}"
    await jobs.add(conn, key=key, kind="nudge", payload=payload, due=when)
