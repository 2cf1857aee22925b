"""Canaries: the mails that the bridge writes to itself, and when each came back. Named questions and changes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName
from bridge.store.packing import clean
from bridge.store.schema import arrivals, canaries

STATE = "canary"
"""The state in the ledger of a place where one stands; the row goes with the mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One mail. `came` is None while it has not come back; `failure`: why it could not leave, or empty."""

    id: str
    mailbox: MailboxName
    sent: datetime
    came: datetime | None
    failure: str

    @property
    def round_trip(self) -> timedelta | None:
        """How long it was under way; by a clock that was set meanwhile, at least nothing."""
        return max(timedelta(), self.came - self.sent) if self.came else None


async def leaves(conn: AsyncConnection, canary_id: str, *, mailbox: MailboxName, at: datetime) -> None:
    """One is about to be sent."""
    await conn.execute(insert(canaries), {"id": canary_id, "mailbox": mailbox, "sent": at, "failure": ""})


async def failed(conn: AsyncConnection, canary_id: str, *, why: str) -> None:
    """It could not leave, or nobody knows whether it did."""
    await conn.execute(update(canaries).where(canaries.c.id == canary_id).values(failure=clean(why)))


async def known(conn: AsyncConnection, canary_id: str, *, mailbox: MailboxName) -> bool:
    """Whether that mailbox sent one of that id, not too long ago."""
    which = (canaries.c.id == canary_id) & (canaries.c.mailbox == mailbox)
    return (await conn.execute(select(canaries.c.id).where(which))).first() is not None


async def came(conn: AsyncConnection, canary_id: str, *, at: datetime) -> None:
    """It stands in the inbox. Only its first coming is noted."""
    which = (canaries.c.id == canary_id) & canaries.c.came.is_(None)
    await conn.execute(update(canaries).where(which).values(came=at, failure=""))


async def last(conn: AsyncConnection, mailbox: MailboxName) -> Canary | None:
    """The one that was sent last."""
    question = select(canaries).where(canaries.c.mailbox == mailbox).order_by(canaries.c.sent.desc()).limit(1)
    row = (await conn.execute(question)).mappings().first()
    return Canary(**row) if row else None


async def last_back(conn: AsyncConnection) -> Canary | None:
    """The one that came back last."""
    question = select(canaries).where(canaries.c.came.is_not(None)).order_by(canaries.c.came.desc()).limit(1)
    row = (await conn.execute(question)).mappings().first()
    return Canary(**row) if row else None


async def went_away(conn: AsyncConnection, mailbox: MailboxName, *, uidvalidity: int, uid: int) -> None:
    """It was taken out of the inbox: the ledger need not answer for its place any more."""
    where = (arrivals.c.mailbox == mailbox) & (arrivals.c.uidvalidity == uidvalidity) & (arrivals.c.uid == uid)
    await conn.execute(delete(arrivals).where(where, arrivals.c.state == STATE))


async def forget(conn: AsyncConnection, *, before: datetime) -> None:
    """Forget those that left before that time: one that comes now is a mail like any other."""
    await conn.execute(delete(canaries).where(canaries.c.sent < before))
