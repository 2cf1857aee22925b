"""Effects on the world outside, remembered: an intent before acting, a result after. See `bridge.jobs.Engine.once`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import now
from bridge.store.database import begins_with, insert_new
from bridge.store.schema import effects

# Made once: SQLAlchemy takes longer to make a statement than SQLite to run it. Columns to set come with the parameters.
_KNOWN = select(effects.c.begun, effects.c.result, effects.c.tried).where(effects.c.key == bindparam("wanted"))
_FINISH = update(effects).where(effects.c.key == bindparam("wanted"))
_ENDED = update(effects).where(effects.c.key == bindparam("wanted"), effects.c.attempt == bindparam("ours"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One outside effect under its key. `fresh`: nobody had meant to do it before; `begun`: when somebody first did.

    `result` is what acting returned, or None where it is not known whether it happened; `tried`: when an attempt before
    this one began that did not say how it ended, so that it may have been under way since then.
    """

    key: str
    begun: datetime
    result: dict[str, Any] | None
    fresh: bool
    tried: datetime | None = None


async def begin(conn: AsyncConnection, key: str, *, attempt: str = "the only one") -> Effect:
    """Write down that the effect is about to be tried, by which attempt, or return what is known of it."""
    at = now()
    fresh = {"key": key, "begun": at, "attempt": attempt, "tried": at}
    if (await conn.execute(insert_new(conn, effects), fresh)).rowcount:
        return Effect(key=key, begun=at, result=None, fresh=True)
    row = (await conn.execute(_KNOWN, {"wanted": key})).one()
    return Effect(key=key, begun=row.begun, result=row.result, fresh=False, tried=row.tried)


async def is_known(conn: AsyncConnection, key: str) -> bool:
    """Whether somebody has meant to do that."""
    return (await conn.execute(_KNOWN, {"wanted": key})).first() is not None


async def try_again(conn: AsyncConnection, key: str, *, attempt: str) -> None:
    """Write down that the effect is about to be tried once more: whoever looked before has not found it."""
    await conn.execute(_FINISH, {"wanted": key, "attempt": attempt, "tried": now()})


async def ended(conn: AsyncConnection, key: str, *, attempt: str) -> None:
    """That attempt has ended, and surely did nothing; unless another has been begun since, nothing is under way."""
    await conn.execute(_ENDED, {"wanted": key, "ours": attempt, "attempt": None, "tried": None})


async def finish(conn: AsyncConnection, key: str, result: dict[str, Any]) -> None:
    """Write down what the effect came to."""
    await conn.execute(_FINISH, {"wanted": key, "result": result, "done": now(), "attempt": None, "tried": None})


async def forget(conn: AsyncConnection, key: str) -> None:
    """Forget the effect: the next try acts without looking."""
    await conn.execute(delete(effects).where(effects.c.key == key))


SHOWN = ("mail:", "draft:", "file:")
"""Beginnings of the keys of what shows mails, answers and their files in Slack: only they say where these are, so that
a person's can be taken away. They go with the mail or answer.
"""


async def forget_finished(conn: AsyncConnection, *, before: datetime, limit: int = 1000) -> int:
    """Delete effects done before that time, at most `limit`; how many. Only what no job will ask for again, and nobody
    else.
    """
    old = select(effects.c.key).where(effects.c.done < before, ~begins_with(effects.c.key, SHOWN)).limit(limit)
    return (await conn.execute(delete(effects).where(effects.c.key.in_(old)))).rowcount
