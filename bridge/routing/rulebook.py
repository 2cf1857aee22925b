"""The rules in force, and what they say of mail that has just come in.

    reception, while reading -> `look_around`: what admins have made of the rules, unless that was just looked at
    reception, in the transaction that keeps mails -> `promise`: a job "sort" for each mail that a rule acts on
    a filter calls a kept mail spam -> `promise_spam`: another, for the rules that look for that

The job stands before the one that shows the conversation, in the same lane: it is sorted first, and then shown. Rules
act on mail that came by itself, never on what `bridge backfill` brings in. Nothing is asked of the store where no rule
wants to know it.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.as_read import AsRead
from bridge.desk import Mailbox
from bridge.model import Address, Direction, MailId, Message, Number, StoredMessage
from bridge.routing import matching
from bridge.routing.matching import Facts, Rule
from bridge.store import acquaintances, jobs, mails, rulings
from bridge.store.database import Store

KEPT = 2.0
"""Seconds after which another replica's change to the rules is known here at the latest; one's own is known at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A mail that was just kept: as read, and where it went; `begins`: it began that conversation."""

    mail_id: MailId
    number: Number
    begins: bool
    received: datetime
    mail: AsRead


class Rulebook:
    """The rules of `bridge.toml`, and behind them those that admins made. `own`: our addresses, in lower case."""

    def __init__(
        self,
        from_file: Sequence[Rule] = (),
        *,
        own: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.from_file = tuple(from_file)
        self._own = own
        self._clock = clock
        self._made: tuple[Rule, ...] = ()
        self._until = 0.0

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All that are in force, in their order, as of the last look."""
        return (*self.from_file, *self._made)

    async def look_around(self, store: Store) -> None:
        """See what admins have made of the rules, unless that was just looked at."""
        if self._clock() < self._until:
            return
        async with store.read() as conn:
            self._made = tuple(one.rule for one in await rulings.listed(conn) if one.is_on)
        self._until = self._clock() + KEPT

    def forget(self) -> None:
        """Somebody has changed them."""
        self._until = 0.0

    async def promise(self, conn: AsyncConnection, mailbox: Mailbox, taken: Sequence[Taken]) -> set[Number]:
        """Promise to do what rules say, to each mail before it is shown. Returns the conversations whose sender is not
        to be acknowledged: a rule answers, or says that it is spam.
        """
        if not self.rules or not taken:
            return set()
        acting = await self._acting(conn, mailbox, taken)
        promises = [self._promise(one, found) for one, found in zip(taken, acting, strict=True) if found]
        await jobs.add_all(conn, promises)
        return {one.number for one, found in zip(taken, acting, strict=True) if matching.keeps_silent(found)}

    async def _acting(self, conn: AsyncConnection, mailbox: Mailbox, taken: Sequence[Taken]) -> list[list[Rule]]:
        """The rules that act on each. Whether senders wrote before is asked at once for all, where it matters."""
        asked: set[str] = set()
        first: dict[str, MailId] = {}

        def is_first(one: Taken) -> bool:
            email = _customer(one.mail).email.lower()
            asked.add(email)
            return first.get(email, one.mail_id) == one.mail_id

        def decided() -> list[list[Rule]]:
            return [
                matching.acting(self.rules, _facts(mailbox, one, first_time=partial(is_first, one))) for one in taken
            ]

        found = decided()
        if asked:
            first.update(await acquaintances.first_mails(conn, mailbox.name, asked))
            found = decided()
        return found

    @property
    def asks_for_spam(self) -> bool:
        """Whether a rule acts on what is called spam."""
        return any(one.when.spam for one in self.rules)

    async def promise_spam(
        self, conn: AsyncConnection, mailbox: Mailbox, stored: StoredMessage, message: Message, *, why: str
    ) -> None:
        """A filter calls a kept mail spam, `message` with all that its bytes tell: the rules that act on spam, and did
        not yet, are to.
        """
        if rules.called_spam(message):
            return
        inbound = [one.id for one in await mails.of_conversation(conn, stored.number) if one.direction is Direction.IN]
        email = stored.customer.email.lower()
        first = (await acquaintances.first_mails(conn, mailbox.name, [email])).get(email, stored.id)
        facts = Facts(
            mailbox=mailbox.name,
            message=message,
            customer=stored.customer,
            files=[(file.filename, file.content_type) for file in message.attachments],
            begins=stored.id == min(inbound, default=None),
            headers=lambda: message.headers,
            spam=lambda: True,
            first_time=lambda: first == stored.id,
            open=partial(mailbox.pace.hours.open_at, stored.received),
        )
        if found := [one for one in matching.acting(self.rules, facts) if one.when.spam]:
            packed = [matching.packed(one) for one in found]
            payload = {"mail": stored.id, "rules": packed, "unanswerable": why, "unsendable": why, "turn": "spam-"}
            lane = f"conversation:{stored.number}"
            await jobs.add(conn, key=f"sort:{stored.id}:spam", kind="sort", lane=lane, payload=payload)

    def _promise(self, one: Taken, found: Sequence[Rule]) -> jobs.Promise:
        """The job, with the rules as they stand now, and what only all headers tell: whether a machine may answer."""
        message, inner = one.mail.message, one.mail.passed_on
        judged = [message, replace(inner, reply_to=())] if inner else [message]  # its author is who would be written to
        unsendable = (matching.unsendable(each, spam=rules.called_spam(each)) for each in judged)
        payload = {
            "mail": one.mail_id,
            "rules": [matching.packed(rule) for rule in found],
            "unanswerable": next(filter(None, (rules.unanswerable(each, own=self._own) for each in judged)), ""),
            "unsendable": next(filter(None, unsendable), ""),
        }
        return jobs.Promise(key=f"sort:{one.mail_id}", kind="sort", lane=f"conversation:{one.number}", payload=payload)


def _facts(mailbox: Mailbox, one: Taken, *, first_time: Callable[[], bool]) -> Facts:
    message = one.mail.message
    return Facts(
        mailbox=mailbox.name,
        message=message,
        customer=_customer(one.mail),
        files=[(file.filename, file.content_type) for file in message.attachments],
        begins=one.begins,
        headers=lambda: message.headers,
        spam=partial(rules.called_spam, message),
        first_time=first_time,
        open=partial(mailbox.pace.hours.open_at, one.received),
    )


def _customer(mail: AsRead) -> Address:
    """Who wrote it, also where a teammate passed it on."""
    return (mail.passed_on or mail.message).author
