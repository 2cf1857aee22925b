"""The hold: the seconds in which a mail on its way can still be undone, counted from when its Undo button is seen.

    an agent submits -> held for `ACK_TIME` longer; they are shown the button -> `begins`
    the bridge writes by itself -> held for `UNSEEN` longer; its line stands in the thread -> `begins`

It is counted by the clock that jobs are due by, which a replica's own may be ahead or behind of.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Automatic, Draft, DraftId, DraftState
from bridge.store import drafts, jobs
from bridge.store.database import current_time

ACK_TIME = timedelta(seconds=3)
"""Until Slack gives up on a submit, whose answer shows the button."""

UNSEEN = timedelta(seconds=30)
"""How long a mail that nobody wrote waits for its line, where Slack is busy: then it leaves, seen or not."""


async def until(conn: AsyncConnection, hold: timedelta) -> datetime:
    """When a hold ends that begins now."""
    return await current_time(conn) + hold


async def begins(conn: AsyncConnection, draft_id: DraftId, *, hold: timedelta) -> bool:
    """From now on a held mail is held for so long. False where it is held no more."""
    due = await until(conn, hold)
    held = await drafts.hold_until(conn, draft_id, due)
    if held:
        await jobs.reschedule(conn, f"send:{draft_id}", due=due)
    return held


def waits_to_be_seen(draft: Draft) -> bool:
    """Whether its hold begins with its line: nobody wrote it, so nobody has seen a button yet."""
    by_itself = draft.automatic is not Automatic.NO and not draft.later
    return by_itself and draft.state is DraftState.HELD and draft.line_ts is None
