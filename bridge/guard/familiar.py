"""Whom a mailbox knows, and whether another sender only looks like one of them.

Known are our own domain and those of people whom somebody here has answered: who only wrote often is not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bridge.desk import Mailbox
from bridge.mail.authenticity import lookalike
from bridge.model import Address, Authenticity, MailboxName, Message
from bridge.settings.providers import provider_of
from bridge.store import acquaintances
from bridge.store.database import Store

KEPT = 600.0  # seconds that the list of known domains is used before it is asked for again
MOST = 100  # domains that a new one is compared with, those first that most mails come from: 0.4 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The list of known domains while it holds, and what others were found to look like."""

    until: float
    domains: frozenset[str]
    answers: dict[str, str] = field(default_factory=dict)


class Familiar:
    """The domains that each mailbox knows, kept for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[MailboxName, _Known] = {}

    async def look_around(self, store: Store, mailbox: Mailbox) -> None:
        """Find out whom that mailbox knows, unless that is known: while reading, since it may take a while to say."""
        kept = self._known.get(mailbox.name)
        if kept and kept.until >= self._clock():
            return
        async with store.read() as conn:
            addresses = [mailbox.address.email, *await acquaintances.familiar(conn, mailbox.name, limit=MOST)]
        domains = frozenset(_domain(one) for one in addresses if provider_of(one) is None)
        self._known[mailbox.name] = _Known(until=self._clock() + KEPT, domains=domains)

    def lookalike(self, mailbox: Mailbox, author: Address) -> str:
        """The known domain, or our own, that the author's only looks like; or nothing. After `look_around`.

        A provider's domain proves nothing of who writes from it, so nobody is told that another looks like it.
        """
        domain = _domain(author.email)
        known = self._known.get(mailbox.name)
        if known is None or not domain or provider_of(author.email):
            return ""
        if domain not in known.domains and domain not in known.answers:
            known.answers[domain] = lookalike(domain, sorted(known.domains)) or ""
        return known.answers.get(domain, "")


def with_lookalike(message: Message, domain: str) -> Message:
    """The mail, with what its author's domain looks like among the signs of whether it is what it says."""
    if not domain:
        return message
    return replace(message, authenticity=replace(message.authenticity or Authenticity(), lookalike=domain))


def as_judged(message: Message, before: Authenticity | None) -> Message:
    """The mail read again, with what was found of its sender when it came in."""
    if before is None:
        return message
    found = {name: getattr(before, name) for name in ("server", "spf", "dkim", "dmarc", "signers", "lookalike")}
    return replace(message, authenticity=replace(message.authenticity or Authenticity(), **found))


def _domain(email: str) -> str:
    return email.rpartition("@")[2].lower()
