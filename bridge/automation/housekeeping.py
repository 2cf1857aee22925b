"""Housekeeping: what has been kept long enough goes, an hour after the last time, a little at a time.

What goes can be had again (a mail as it came, from its mailbox) or is needed no more (what was done, a month ago). Text
and headers, conversations, drafts and the audit log stay.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from bridge.config import RetentionSettings
from bridge.errors import BridgeError
from bridge.model import now
from bridge.store import effects, forms, jobs, raws
from bridge.store.database import Store

log = structlog.get_logger()

ROUND = 3600.0  # seconds between rounds
BREATH = 0.05  # seconds in which others may write, between two steps of a round


async def keep_house(store: Store, *, retention: RetentionSettings) -> None:
    """Go round for ever."""
    while True:
        try:
            gone = await tidy(store, retention=retention, at=now())
            log.info("what was kept long enough is gone", **gone)
        except BridgeError as error:
            log.warning("housekeeping is put off for an hour", reason=str(error))
        await asyncio.sleep(ROUND)


async def tidy(store: Store, *, retention: RetentionSettings, at: datetime) -> dict[str, int]:
    """One round; how many went of each kind."""
    kinds: dict[str, tuple[int, Callable[..., Awaitable[int]]]] = {
        "mails": (retention.raw, raws.forget),
        "unsent": (retention.raw, raws.forget_unsent),
        "jobs": (retention.jobs, jobs.forget_finished),
        "effects": (retention.jobs, effects.forget_finished),
        "forms": (retention.jobs, forms.forget_old),
    }
    gone = dict.fromkeys(kinds, 0)
    for kind, (days, forget) in kinds.items():
        while days:
            async with store.write() as conn:
                count = await forget(conn, before=at - timedelta(days=days))
            if not count:
                break
            gone[kind] += count
            await asyncio.sleep(BREATH)
    return gone
