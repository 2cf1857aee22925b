"""Addresses that nothing reaches any more, by the bounces that said so. Named questions and changes.

Kept in lower case, once for all mailboxes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.packing import clean
from bridge.store.schema import bounced


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounced:
    """An address, the code of its last bounce (RFC 3463) and when that came."""

    email: str
    status: str
    at: datetime


async def remember(conn: AsyncConnection, email: str, *, status: str, at: datetime) -> None:
    """A mail to that address bounced for good."""
    await forget(conn, [email])
    await conn.execute(insert(bounced).values(email=clean(email.lower()), status=clean(status), at=at))


async def forget(conn: AsyncConnection, emails: Collection[str]) -> None:
    """These addresses are alive."""
    await conn.execute(delete(bounced).where(bounced.c.email.in_([clean(one.lower()) for one in emails])))


async def any_known(conn: AsyncConnection) -> bool:
    """Whether there is any: mostly there is none, and nothing more to ask."""
    return (await conn.execute(select(bounced.c.email).limit(1))).first() is not None


async def among(conn: AsyncConnection, emails: Collection[str]) -> list[Bounced]:
    """Those of these addresses that bounced for good."""
    question = select(bounced).where(bounced.c.email.in_([clean(one.lower()) for one in emails]))
    return [Bounced(**row) for row in (await conn.execute(question)).mappings()]
