"""Pure decisions: which conversation a mail joins, whether it is news, who an answer goes to, whose turn it is then.

Nothing here talks to anybody or remembers anything: what was known when the decision was taken is handed in.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.model import Address, Automatic, Direction, DraftKind, Joined, Message, Number, Spam, Status, StoredMessage

# --- is it news? ------------------------------------------------------------------------------------------------------


def digest(raw: bytes, message: Message) -> str:
    """What makes a mail the same mail when it turns up again: 64 hex digits.

    A mail handed over twice, or moved and found again, differs only in what servers put on top of it (Received,
    Return-Path ...): so its Message-ID, author, subject and body count. Two mails that share a Message-ID but not a
    body are two mails. Without a Message-ID every byte counts, since two equal forms may both be meant.
    """
    if not message.message_id:
        return hashlib.sha256(raw).hexdigest()
    body = raw.partition(b"\r\n\r\n")[2] or raw.partition(b"\n\n")[2]
    known = hashlib.sha256()
    for piece in (message.message_id, message.author.email, message.subject):
        known.update(piece.encode("utf-8", "replace") + b"\0")
    known.update(body)
    return known.hexdigest()


# --- which conversation? ----------------------------------------------------------------------------------------------


def spoken_of(message: Message) -> list[str]:
    """The Message-IDs that say which conversation a mail belongs to, the strongest first.

    A report speaks of the mail it reports on; an answer of the mail it answers (In-Reply-To), then of the ones before
    it, the newest first (References stand oldest first, RFC 5322 section 3.6.4). Outlook's Thread-Index comes last.
    """
    return list(_ways(message))


def _ways(message: Message) -> dict[str, Joined]:
    """Those ids, the strongest first, with what it is to join by each."""
    about = [message.bounce.about] if message.bounce else []
    ways = [
        *((one, Joined.IN_REPLY_TO) for one in (*about, *message.in_reply_to)),
        *((one, Joined.REFERENCES) for one in reversed(message.references)),
        *((one, Joined.THREAD_INDEX) for one in outlook_thread(message)),
    ]
    found: dict[str, Joined] = {}
    for one, why in ways:
        if one:
            found.setdefault(one, why)
    return found


def outlook_thread(message: Message) -> list[str]:
    """The conversation that Outlook counts a mail to, as an id of its own, which no mail can bear; or none."""
    return [f"<thread-index:{message.thread_index}>"] if message.thread_index else []


_NUMBERED = re.compile(r"\[[^\[\]]{0,60}#([1-9]\d{0,8})\]", re.ASCII)


def numbered(subject: str) -> Number | None:
    """The number of a conversation that a subject names in brackets, as in `[#1042]` or `[Acme #1042]`.

    Anybody can write one, and bare numbers are orders and invoices: it joins only where the author takes part already.
    """
    found = _NUMBERED.search(subject)
    return Number(int(found[1])) if found else None


def takes_part(address: Address, mails: Iterable[StoredMessage]) -> bool:
    """Whether that person wrote one of the mails or was written to openly in one."""
    email = address.email.lower()
    return bool(email) and any(one.email.lower() == email for mail in mails for one in _people(mail))


def _people(mail: StoredMessage) -> tuple[Address, ...]:
    message = mail.message
    return (mail.customer, *message.from_, *message.reply_to, *message.to, *message.cc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The conversation that a mail joins, why, and the id that it was found by."""

    number: Number
    why: Joined
    by: str = ""


def joins(
    message: Message,
    *,
    known: Mapping[str, Number],
    signed: Mapping[str, Number] | None = None,
    split_from: Mapping[Number, Number] | None = None,
) -> Join | None:
    """The conversation a mail joins, or None where it begins one.

    `known` are the Message-IDs the mailbox has heard of, `signed` those of the spoken-of ids that bear our own
    signature: nobody else can make these, so they win. Only a conversation that was split off (`split_from`: from
    which) takes from the one it was part of what answers its own mails. The subject decides nothing: anybody can write
    one.
    """
    ways = _ways(message)
    # Its own id last: an answer that came before the mail it answers has spoken of it already.
    ids = {**ways, message.message_id: ways.get(message.message_id, Joined.OVERTAKEN)}
    by_id = next((Join(number=known[one], why=why, by=one) for one, why in ids.items() if one in known), None)
    own = next((Join(number=signed[one], why=Joined.SIGNED, by=one) for one in ways if signed and one in signed), None)
    if own and by_id and own.number in _whole(by_id.number, split_from or {}):
        return by_id
    return own or by_id


def _whole(number: Number, split_from: Mapping[Number, Number]) -> set[Number]:
    """The conversations that this one was a part of, one within the other."""
    found: set[Number] = set()
    while number in split_from and split_from[number] not in found:
        number = split_from[number]
        found.add(number)
    return found


# --- may a machine answer it? -----------------------------------------------------------------------------------------

_NOBODY = re.compile(
    r"(?:no|do[-_.]?not|dont|never|nao|ne[-_.]?pas|nicht|keine?)[-_.]?(?:reply|respond|response|answer|repl[iy]es"
    r"|responda|responder|repondre|antwort(?:en)?)|noreply|donotreply|mailer-?daemon|postmaster|daemon|root|nobody"
    r"|bounces?|notifications?|alerts?|listserv|majordomo|owner-.*|.*-(?:request|bounces?|owner|errors)|prvs|srs[01]",
    re.IGNORECASE,
)


def unanswerable(message: Message, *, own: Collection[str]) -> str:
    """Why no automatic mail may answer this one (RFC 3834 section 2), in a few words; empty where one may.

    `own`: our mailboxes' addresses, lower case. A robot's answer to a robot is a loop, one to a forged sender is spam.
    """
    email, answers = message.author.email.lower(), [one.email.lower() for one in (message.author, *message.reply_to)]
    dmarc = message.authenticity.dmarc if message.authenticity else ""
    found = (
        (message.automatic is not Automatic.NO, f"it is automatic mail ({message.automatic})"),
        (not email or message.header("Return-Path").replace(" ", "") == "<>", "it has no sender"),
        (any(one in own for one in answers), "answers go to our own mailbox"),
        (any(_NOBODY.fullmatch(_local_part(one)) for one in answers), "nobody reads answers there"),
        (message.verdict is not None and message.verdict.level is not Spam.HAM, "the mail server calls it spam"),
        (dmarc == "fail", "its sender is forged"),
    )
    return next((why for is_so, why in found if is_so), "")


def called_spam(message: Message) -> bool:
    """Whether the mail server's filter says that it is spam."""
    return message.verdict is not None and message.verdict.level is Spam.SPAM


def _local_part(email: str) -> str:
    """Before the @, and before what a sender adds to it (`noreply+7@`, `bounces=dana@`)."""
    return re.split(r"[+=@]", email, maxsplit=1)[0]


# --- whose turn? ------------------------------------------------------------------------------------------------------


def status_after_mail(status: Status, message: Message) -> Status:
    """The conversation's status once a mail has come in: a person's words open it again, a machine's do not."""
    if message.automatic in (Automatic.NO, Automatic.BOUNCE, Automatic.CHALLENGE):
        return Status.OPEN
    return status


def waits_since(messages: Iterable[StoredMessage]) -> datetime | None:
    """Since when somebody has waited for an answer: the first mail a person wrote after our last one; None if nobody.

    What is automatic neither waits nor answers: who was acknowledged has no answer yet. Nor has who was passed on: such
    a mail of ours answers none (`In-Reply-To`).
    """
    since = None
    for one in messages:
        if one.message.automatic is not Automatic.NO:
            continue
        if one.direction is Direction.IN:
            since = since or one.received
        elif one.message.in_reply_to:
            since = None
    return since


def last_word(messages: Sequence[StoredMessage]) -> StoredMessage | None:
    """The customer's mail that the bridge may answer by itself once nobody writes any more: the newest that came in, if
    its author wrote it to us. None where it is a robot's, or was passed on by a teammate.
    """
    newest = max((one for one in messages if one.direction is Direction.IN), key=lambda one: one.id, default=None)
    if newest is None or newest.message.automatic is not Automatic.NO or newest.written_by:
        return None
    return newest


# --- who gets the answer? ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Who an answer goes to. Bcc is never filled in by us."""

    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()


def answered(messages: Iterable[StoredMessage]) -> StoredMessage | None:
    """The mail of a conversation that an answer speaks to: the newest a person wrote, else the newest of all."""
    newest_first = sorted(messages, key=lambda one: one.id, reverse=True)
    from_people = (
        one for one in newest_first if one.direction is Direction.IN and one.message.automatic is Automatic.NO
    )
    inbound = (one for one in newest_first if one.direction is Direction.IN)
    return next(from_people, None) or next(inbound, None) or next(iter(newest_first), None)


def recipients(kind: DraftKind, mail: StoredMessage, *, own: Collection[str]) -> Recipients:
    """The recipients filled in for an answer to a mail; `own` are our mailboxes' addresses, lower case.

    Reply: the addresses of Reply-To, else of From (RFC 5322 section 3.6.3); for a mail of our own, those it went to;
    for one that a teammate passed on, the customer who wrote it, never by that default the teammate.
    Reply all: the other recipients of To and Cc as well. Nobody falls off silently, and none of our own is written to.
    """
    message = mail.message
    if kind in (DraftKind.FORWARD, DraftKind.NEW):
        return Recipients()
    if mail.direction is Direction.OUT:
        first: tuple[Address, ...] = message.to
        rest: tuple[Address, ...] = ()
    elif mail.written_by:
        first, rest = (mail.written_by,), (*message.from_, *message.to)
    else:
        first = message.reply_to or message.from_ or message.sender
        rest = message.to
    if kind is DraftKind.REPLY:
        return Recipients(to=_distinct(first, without=own) or _distinct(first, without=()))
    to = _distinct((*first, *rest), without=own) or _distinct(first, without=())
    taken = {one.email.lower() for one in to}
    return Recipients(to=to, cc=_distinct(message.cc, without={*own, *taken}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An answer's recipients against those of the mail it answers; each list in the order of its headers.

    `added` were not on that mail, `dropped` were and get no answer; `first` were never written to before; `inside` are
    addresses of the own organisation that outsiders will see although they were not on that mail; `alike` have a
    domain that looks like a known one, named beside them; `bounced` are addresses that nothing reached any more.
    """

    added: tuple[Address, ...] = ()
    dropped: tuple[Address, ...] = ()
    first: tuple[Address, ...] = ()
    inside: tuple[Address, ...] = ()
    alike: tuple[tuple[Address, str], ...] = ()
    bounced: tuple[Address, ...] = ()

    def __bool__(self) -> bool:
        return self != Difference()


def _distinct(addresses: Iterable[Address], *, without: Collection[str]) -> tuple[Address, ...]:
    kept: dict[str, Address] = {}
    for one in addresses:
        email = one.email.lower()
        if email and email not in without:
            kept.setdefault(email, one)
    return tuple(kept.values())
