"""Whom an answer goes to, held against the mail it answers: who came in, who fell off, whose address looks wrong. Pure.

It judges nothing: it tells the sender what a glance would miss, before the mail leaves.
"""

from collections.abc import Collection, Iterable, Sequence

from bridge.mail.authenticity import lookalikes
from bridge.model import Address, Message, StoredMessage
from bridge.rules import Difference
from bridge.settings.providers import provider_of, well_known


def difference(
    open_: Sequence[Address],
    *,
    hidden: Sequence[Address] = (),
    answered: Message | None,
    own: Collection[str],
    written_to: Collection[str],
    domains: Iterable[str] = (),
) -> Difference:
    """What is to be told of these recipients; `open_` are those of To and Cc, `hidden` those of Bcc.

    `answered`: the mail that is answered, None for a new mail or a forward. `own`: our mailboxes' addresses,
    `written_to`: those of the recipients that were written to before, both in lower case. `domains`: those that were
    ever written to.
    """
    everybody = _distinct((*open_, *hidden))
    before = _people(answered) if answered else ()
    there = {one.email.lower() for one in before}
    here = {one.email.lower() for one in everybody}
    inner = {domain(one) for one in own if provider_of(one) is None}  # everybody may have an address at a provider's
    newcomers = tuple(one for one in everybody if one.email.lower() not in there)
    outsiders = any(domain(one.email) not in inner for one in everybody)
    shown = {one.email.lower() for one in open_}
    known = {*well_known(), *inner, *map(domain, there), *map(domain, written_to), *(one.lower() for one in domains)}
    strange = {domain(one.email) for one in newcomers} - known
    alike = lookalikes(strange, known) if strange else {}
    return Difference(
        added=newcomers if answered else (),
        dropped=tuple(one for one in before if one.email.lower() not in {*here, *own}),
        first=tuple(one for one in newcomers if one.email.lower() not in written_to),
        inside=tuple(
            one for one in newcomers if outsiders and domain(one.email) in inner and one.email.lower() in shown
        ),
        alike=tuple((one, like) for one in newcomers if (like := alike.get(domain(one.email)))),
    )


def participants(mails: Iterable[StoredMessage], *, own: Collection[str]) -> dict[str, Address]:
    """Whoever stands openly on a conversation's mails, in From, To or Cc, by address in lower case; `own` are ours."""
    found: dict[str, Address] = {}
    for mail in mails:
        message = mail.message
        for one in (mail.customer, *message.from_, *message.to, *message.cc):
            if one.email and one.email.lower() not in own:
                found.setdefault(one.email.lower(), one)
    return found


def domain(email: str) -> str:
    """An address's domain, in lower case."""
    return email.rpartition("@")[2].lower()


def _people(mail: Message) -> tuple[Address, ...]:
    """Whoever is on a mail openly: who wrote it or is to be answered, and who got it."""
    return _distinct((*(mail.reply_to or mail.from_ or mail.sender), *mail.to, *mail.cc))


def _distinct(addresses: Iterable[Address]) -> tuple[Address, ...]:
    kept: dict[str, Address] = {}
    for one in addresses:
        if one.email:
            kept.setdefault(one.email.lower(), one)
    return tuple(kept.values())
