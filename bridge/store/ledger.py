"""The ledger: every place in the inbox that was ever seen, and the state it ended in. Questions, and its comparisons.

`mails.record_arrival` enters places in the transaction that keeps their mails. A mailbox's `first_uid` is where the
watch began under its uidvalidity: from there to the cursor, the ledger must have every mail that the server has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName, MailId
from bridge.store.canaries import STATE as CANARY
from bridge.store.database import insert_or_replace
from bridge.store.mails import INBOX
from bridge.store.schema import arrivals, mailboxes, reconciliations

STATES = ("taken", "known", "own", "oversize", "quarantined", "erased")
"""What a place can end in: shown; a mail that was here already; one that the bridge sent; one too large, of which the
head is shown; one that could not be read, of which the bytes are kept; one that was taken out at a person's wish.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The uids that the ledger answers for: from `first` to below `uidnext`."""

    uidvalidity: int
    first: int
    uidnext: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """How the ledger compared with the server: mails that stand there in the span, those of them that the ledger did
    not have, and those that were taken in then.
    """

    mailbox: MailboxName
    at: datetime
    standing: int
    missing: int
    repaired: int


async def span(conn: AsyncConnection, mailbox: MailboxName) -> Span | None:
    """What the ledger answers for, or None before the first watch. Where no beginning was noted yet, it begins now."""
    which = (mailboxes.c.name == mailbox) & (mailboxes.c.folder == INBOX)
    row = (await conn.execute(select(mailboxes).where(which))).mappings().first()
    if row is None:
        return None
    if row["first_uid"] is None:
        await conn.execute(update(mailboxes).where(which).values(first_uid=row["uidnext"]))
    first = row["uidnext"] if row["first_uid"] is None else row["first_uid"]
    return Span(uidvalidity=row["uidvalidity"], first=first, uidnext=row["uidnext"])


async def unentered(conn: AsyncConnection, mailbox: MailboxName, where: Span, uids: Iterable[int]) -> list[int]:
    """Those of the uids within the span that the ledger does not have, in order."""
    entered = select(arrivals.c.uid).where(
        arrivals.c.mailbox == mailbox, arrivals.c.uidvalidity == where.uidvalidity, arrivals.c.uid >= where.first
    )
    known = set((await conn.execute(entered)).scalars())
    return sorted({uid for uid in uids if where.first <= uid < where.uidnext} - known)


async def compared(conn: AsyncConnection, outcome: Reconciled) -> None:
    """Remember how it last compared."""
    await conn.execute(insert_or_replace(conn, reconciliations), asdict(outcome))


async def last(conn: AsyncConnection) -> Mapping[MailboxName, Reconciled]:
    """How each mailbox's last compared."""
    found = [Reconciled(**row) for row in (await conn.execute(select(reconciliations))).mappings()]
    return {one.mailbox: one for one in found}


async def quarantined(conn: AsyncConnection, *, limit: int = 50) -> dict[MailboxName, list[MailId]]:
    """The mails of each mailbox that could not be read, the newest ones."""
    told: dict[MailboxName, list[MailId]] = {}
    question = select(arrivals.c.mailbox, arrivals.c.mail_id).where(arrivals.c.state == "quarantined")
    for mailbox, mail_id in await conn.execute(question.order_by(arrivals.c.mail_id.desc()).limit(limit)):
        told.setdefault(MailboxName(mailbox), []).append(MailId(mail_id))
    return told


async def counts(conn: AsyncConnection) -> dict[MailboxName, dict[str, int]]:
    """How many places of each mailbox ended in each state; the bridge's mails to itself are not counted."""
    told: dict[MailboxName, dict[str, int]] = {}
    question = select(arrivals.c.mailbox, arrivals.c.state, func.count()).where(arrivals.c.state != CANARY)
    question = question.group_by(arrivals.c.mailbox, arrivals.c.state)
    for mailbox, state, count in await conn.execute(question):
        told.setdefault(MailboxName(mailbox), dict.fromkeys(STATES, 0))[state] = count
    return told
