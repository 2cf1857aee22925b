"""Trying a rule out on the mails of the past: what it would have matched, before it is switched on.

Headers are kept in the mails' own bytes alone: they are looked into only where all else that the rule names fits, and
where the bytes are kept no more, nobody can tell.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge import rules
from bridge.desk import Mailbox
from bridge.mail.parse import parse
from bridge.model import MailboxName, MailId, Message, Number
from bridge.routing import matching
from bridge.routing.matching import Facts, Rule
from bridge.store import acquaintances, past
from bridge.store.database import Store
from bridge.store.past import PastMail

LOOKED_BACK = 500
"""Mails that a rule is tried on: the newest of those that it looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a rule would have matched, `of` so many mails: their conversations, the newest first, each mail counted.
    `unknown`: of how many it cannot be told, as their headers are kept no more.
    """

    matched: tuple[Number, ...]
    of: int
    unknown: int


async def try_out(store: Store, rule: Rule, *, mailboxes: Mapping[MailboxName, Mailbox]) -> Tried:
    """Hold a rule against the past. Changes nothing."""
    async with store.read() as conn:
        mails = await past.newest(conn, mailboxes=rule.when.mailboxes, on=rule.on, limit=LOOKED_BACK)
        first: dict[tuple[MailboxName, str], MailId] = {}
        if rule.when.first_time is not None:
            for name in {one.mailbox for one in mails}:
                emails = {one.customer.email.lower() for one in mails if one.mailbox == name}
                found = await acquaintances.first_mails(conn, name, emails)
                first |= {(name, email): mail_id for email, mail_id in found.items()}
    trial = _Trial(rule, first=first, mailboxes=mailboxes)
    fitting = await asyncio.to_thread(trial.run, mails)
    if not trial.asked:
        return Tried(matched=tuple(one.number for one in fitting), of=len(mails), unknown=0)
    async with store.read() as conn:
        kept = await past.heads(conn, [one.raw_id for one in mails if one.id in trial.asked and one.raw_id])
    unknown = sum(one.raw_id not in kept for one in mails if one.id in trial.asked)
    fitting = await asyncio.to_thread(trial.run_again, mails, kept)
    return Tried(matched=tuple(one.number for one in fitting), of=len(mails), unknown=unknown)


class _Trial:
    """One rule against many mails, in a thread. `asked`: those whose headers decide."""

    def __init__(
        self,
        rule: Rule,
        *,
        first: Mapping[tuple[MailboxName, str], MailId],
        mailboxes: Mapping[MailboxName, Mailbox],
    ) -> None:
        self._mailboxes = mailboxes
        self._rule = rule
        self._first = first
        self._heads: dict[MailId, Message] = {}
        self.asked: set[MailId] = set()

    def run(self, mails: Sequence[PastMail]) -> list[PastMail]:
        return [one for one in mails if matching.fits(self._rule, self._facts(one))]

    def run_again(self, mails: Sequence[PastMail], kept: Mapping[int, bytes]) -> list[PastMail]:
        """With the headers of those that asked for them."""
        for one in mails:
            if one.id in self.asked and one.raw_id is not None and one.raw_id in kept:
                self._heads[one.id] = _head(kept[one.raw_id])
        return self.run(mails)

    def _facts(self, one: PastMail) -> Facts:
        def headers() -> Collection[tuple[str, str]]:
            self.asked.add(one.id)
            return self._heads[one.id].headers if one.id in self._heads else ()

        def spam() -> bool:
            return rules.called_spam(replace(one.message, headers=tuple(headers())))

        return Facts(
            mailbox=one.mailbox,
            message=one.message,
            customer=one.customer,
            files=one.files,
            begins=one.begins,
            headers=headers,
            spam=spam,
            first_time=lambda: self._first.get((one.mailbox, one.customer.email.lower()), one.id) == one.id,
            open=lambda: (
                one.mailbox in self._mailboxes and self._mailboxes[one.mailbox].pace.hours.open_at(one.received)
            ),
        )


def _head(data: bytes) -> Message:
    """The header block alone, as it is read when a mail comes in."""
    for end in (b"\r\n\r\n", b"\n\n"):
        head, found, _ = data.partition(end)
        if found:
            return parse(head + found)
    return parse(data)
