"""Who watches which mailbox, where several replicas could: a leased row each. Named questions and changes.

The lease is on the database's clock. A claim raises the fence; whoever commits what a watch brought must still hold
the fence it was claimed with (`held`), or commits nothing.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName
from bridge.store.database import insert_new
from bridge.store.schema import watches

NOBODY = ""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def name(conn: AsyncConnection, mailboxes: Collection[MailboxName]) -> None:
    """Have a row for each of these mailboxes; a new one is nobody's."""
    rows = [{"mailbox": one, "owner": NOBODY, "lease_until": _LONG_AGO, "fence": 0} for one in sorted(mailboxes)]
    if rows:
        await conn.execute(insert_new(conn, watches), rows)


async def renew(conn: AsyncConnection, *, owner: str, lease: timedelta) -> None:
    """Hold on to what is still this owner's. A lease that has ended is renewed by no one: `claim` it."""
    ours = (watches.c.owner == owner) & (watches.c.lease_until >= func.clock_timestamp())
    await conn.execute(update(watches).where(ours).values(lease_until=func.clock_timestamp() + lease))


async def claim(conn: AsyncConnection, mailboxes: Collection[MailboxName], *, owner: str, lease: timedelta) -> None:
    """Take those of these mailboxes that nobody holds. One that somebody is just deciding about is left for later."""
    free = (
        select(watches.c.mailbox)
        .where(watches.c.mailbox.in_(mailboxes), watches.c.lease_until < func.clock_timestamp())
        .with_for_update(skip_locked=True)
        .cte("free")
        .prefix_with("MATERIALIZED")
    )
    taken = update(watches).where(watches.c.mailbox.in_(select(free.c.mailbox)))
    until = func.clock_timestamp() + lease
    await conn.execute(taken.values(owner=owner, fence=watches.c.fence + 1, lease_until=until))


async def fences(conn: AsyncConnection, *, owner: str) -> dict[MailboxName, int]:
    """What this owner holds now, each with its fence."""
    ours = (watches.c.owner == owner) & (watches.c.lease_until >= func.clock_timestamp())
    rows = await conn.execute(select(watches.c.mailbox, watches.c.fence).where(ours))
    return {MailboxName(row.mailbox): row.fence for row in rows}


async def held(conn: AsyncConnection, mailbox: MailboxName, *, owner: str, fence: int) -> bool:
    """Whether that owner still holds it under that fence, and goes on to do so until this transaction ends."""
    which = (watches.c.mailbox == mailbox) & (watches.c.owner == owner) & (watches.c.fence == fence)
    lasts = case((watches.c.lease_until >= func.clock_timestamp(), True), else_=False)
    row = (await conn.execute(select(lasts).where(which).with_for_update(read=True))).scalar()
    return bool(row)


async def release(conn: AsyncConnection, *, owner: str) -> None:
    """Give back everything that this owner holds; others may take it at once."""
    await conn.execute(update(watches).where(watches.c.owner == owner).values(owner=NOBODY, lease_until=_LONG_AGO))
