"""Who is known to a mailbox: named questions about the authors of its mails."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Automatic, Direction, MailboxName, MailId, Number
from bridge.store.packing import clean
from bridge.store.schema import messages


async def earlier(conn: AsyncConnection, mailbox: MailboxName, email: str, *, before: Number) -> int:
    """In how many conversations of that mailbox, begun before that one, somebody wrote."""
    question = select(func.count(messages.c.number.distinct())).where(
        messages.c.author == clean(email.lower()),
        messages.c.mailbox == mailbox,
        messages.c.direction == Direction.IN,
        messages.c.number < before,
    )
    return int((await conn.execute(question)).scalar_one()) if email else 0


async def first_mails(conn: AsyncConnection, mailbox: MailboxName, emails: Collection[str]) -> dict[str, MailId]:
    """The first mail that each of these people (lower case) wrote to that mailbox, for those who ever did."""
    question = select(messages.c.author, func.min(messages.c.id)).where(
        messages.c.author.in_([clean(one) for one in emails]),
        messages.c.mailbox == mailbox,
        messages.c.direction == Direction.IN,
    )
    return {author: MailId(first) for author, first in await conn.execute(question.group_by(messages.c.author))}


async def familiar(conn: AsyncConnection, mailbox: MailboxName, *, limit: int) -> list[str]:
    """The addresses that people of that mailbox have answered, those first that most mails come from."""
    by_a_person = messages.c.head["automatic"].as_string() == Automatic.NO
    answered = select(messages.c.number).where(
        messages.c.mailbox == mailbox, messages.c.direction == Direction.OUT, by_a_person
    )
    theirs = (messages.c.mailbox == mailbox) & (messages.c.direction == Direction.IN) & (messages.c.author != "")
    question = select(messages.c.author).where(theirs, messages.c.number.in_(answered)).group_by(messages.c.author)
    return list((await conn.execute(question.order_by(func.count().desc()).limit(limit))).scalars())
