"""Automatic mail: how much of it went where, and who gets no answers. Named questions and changes.

Addresses are those that it goes to, by `rules.one_spelling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailboxName, Number
from bridge.rules import one_spelling
from bridge.store.database import insert_new, one_at_a_time
from bridge.store.schema import automatic_answers, quiet


class Kind(StrEnum):
    """What an automatic mail is."""

    ANSWER = "answer"  # an acknowledgement, a rule's answer: somebody wrote, whoever it was
    LAST = "last"  # to a customer whom a person of ours has answered
    FORWARD = "forward"  # passed on by a rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Quieted:
    """A sender who gets no automatic answers from a mailbox, since then."""

    id: int
    mailbox: MailboxName
    email: str
    at: datetime

    @property
    def token(self) -> str:
        """What names that row and no later one: a database may give its id again once it is gone."""
        return f"{self.id}:{self.at.isoformat()}"


async def hold(conn: AsyncConnection, mailbox: MailboxName) -> None:
    """Let nobody else count that mailbox's automatic mail until this transaction ends. Before all else that it holds:
    else two could wait for each other.
    """
    await one_at_a_time(conn, f"automatic:{mailbox}")


async def add(
    conn: AsyncConnection, mailbox: MailboxName, email: str, *, kind: Kind, number: Number, at: datetime
) -> None:
    """One more is promised to that address."""
    row = {"mailbox": mailbox, "email": one_spelling(email), "kind": kind, "number": number, "at": at}
    await conn.execute(insert(automatic_answers).values(**row))


async def count(
    conn: AsyncConnection, mailbox: MailboxName, email: str, *, kinds: Sequence[Kind], since: datetime
) -> int:
    """How many of these kinds that address was promised since then."""
    return await _count(conn, mailbox, kinds, since, automatic_answers.c.email == one_spelling(email))


async def count_all(conn: AsyncConnection, mailbox: MailboxName, *, kind: Kind, since: datetime) -> int:
    """How many of that kind a mailbox has promised to all together since then."""
    return await _count(conn, mailbox, [kind], since)


async def _count(
    conn: AsyncConnection, mailbox: MailboxName, kinds: Sequence[Kind], since: datetime, *which: ColumnElement[bool]
) -> int:
    its = (automatic_answers.c.mailbox == mailbox) & (automatic_answers.c.at >= since)
    question = select(func.count()).select_from(automatic_answers).where(its, *which)
    return int((await conn.execute(question.where(automatic_answers.c.kind.in_(list(kinds))))).scalar_one())


async def is_quiet(conn: AsyncConnection, mailbox: MailboxName, email: str) -> bool:
    """Whether that address gets none."""
    spelt = [one_spelling(email), email.lower()]  # as the version before wrote it
    question = select(quiet.c.id).where(quiet.c.mailbox == mailbox, quiet.c.email.in_(spelt))
    return (await conn.execute(question)).first() is not None


async def make_quiet(conn: AsyncConnection, mailbox: MailboxName, email: str, *, at: datetime) -> Quieted:
    """That address gets none from now on."""
    spelt = one_spelling(email)
    await conn.execute(insert_new(conn, quiet), {"mailbox": mailbox, "email": spelt, "at": at})
    question = select(quiet).where(quiet.c.mailbox == mailbox, quiet.c.email == spelt)
    return _quieted((await conn.execute(question)).mappings().one())


async def quieted(conn: AsyncConnection, token: str) -> Quieted | None:
    """Whom that token means, or None where they get automatic answers again. The version before gave the id alone."""
    quiet_id, _, at = token.partition(":")
    row = (await conn.execute(select(quiet).where(quiet.c.id == int(quiet_id)))).mappings().first()
    found = _quieted(row) if row else None
    return found if found and at in ("", found.at.isoformat()) else None


async def all_quieted(conn: AsyncConnection, *, mailboxes: Sequence[MailboxName], limit: int) -> list[Quieted]:
    """Who gets none from these mailboxes, the latest first."""
    question = select(quiet).where(quiet.c.mailbox.in_(mailboxes)).order_by(quiet.c.at.desc(), quiet.c.id).limit(limit)
    return [_quieted(row) for row in (await conn.execute(question)).mappings()]


async def about(conn: AsyncConnection, sender: Quieted) -> Number | None:
    """The conversation in which that sender was promised one last, or None where that is not known."""
    question = select(automatic_answers.c.number).where(
        automatic_answers.c.mailbox == sender.mailbox, automatic_answers.c.email == sender.email
    )
    found = (await conn.execute(question.order_by(automatic_answers.c.id.desc()).limit(1))).scalar()
    return Number(found) if found else None


async def resume(conn: AsyncConnection, sender: Quieted) -> None:
    """That address gets automatic answers again, and is counted from nothing."""
    which = (automatic_answers.c.mailbox == sender.mailbox) & (automatic_answers.c.email == sender.email)
    await conn.execute(delete(automatic_answers).where(which, automatic_answers.c.kind != Kind.FORWARD))
    await conn.execute(delete(quiet).where(quiet.c.id == sender.id))


def _quieted(row: RowMapping) -> Quieted:
    return Quieted(id=row["id"], mailbox=MailboxName(row["mailbox"]), email=row["email"], at=row["at"])
