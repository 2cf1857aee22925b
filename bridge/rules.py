"""Pure decisions: which conversation a mail joins, whether it is news, who an answer goes to, whose turn it is then.

Nothing here talks to anybody or remembers anything: what was known when the decision was taken is handed in.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import idna

from bridge.model import Address, Automatic, Direction, DraftKind, Joined, Message, Number, Spam, Status, StoredMessage
from bridge.settings.providers import provider_of

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


# --- is it its author's? ----------------------------------------------------------------------------------------------


class Proof(Enum):
    """Whether the receiving server says that a mail is from the domain that it names."""

    GIVEN = auto()
    LACKING = auto()  # it looked, and did not find it so
    UNSOUGHT = auto()  # nothing was looked at, or there was nothing to look at


def proof(message: Message) -> Proof:
    """What the trusted servers' results (RFC 8601) come to.

    SPF alone proves nothing of an author: it is about the envelope. Many servers write nothing of a colleague's mail,
    or "none" for all, since it never left them.
    """
    signs = message.authenticity
    results = {signs.spf, signs.dkim, signs.dmarc} - {"", "none"} if signs else set()
    if not signs or not results:
        return Proof.UNSOUGHT
    domain = message.author.email.rpartition("@")[2].lower()
    signed = any(f".{domain}".endswith(f".{one}") for one in signs.signers if "." in one)
    passed = signs.dmarc in ("pass", "bestguesspass")  # Microsoft's, where the domain has no policy but would pass
    return Proof.GIVEN if passed or (signed and signs.dmarc != "fail") else Proof.LACKING


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


# --- may a machine answer it, and whom? -------------------------------------------------------------------------------

_NEVER = r"(?:no|non|do[-_.]?not|dont|never|nao|ne[-_.]?pas|nicht|kein[ea]?)[-_.]?"
_ANSWER = r"(?:repl(?:y|ies)|respon(?:d|se|der|da|dere)|answer|repondre|contestar|rispondere|antwort(?:en)?)"
_WORDS = (
    rf"{_NEVER}{_ANSWER}|mailer[-_.]?daemon|bounces?|notifications?|alerts?|listserv|majordomo|automated|automailer"
    r"|auto[-_.]?(?:confirm(?:ation)?|reply|response|responder)"
)
_NOBODY = re.compile(
    rf"(?:.*[-_.+\d])?(?:{_WORDS})(?:[-_.+=\d].*)?|owner-.*|.*-(?:request|owner|errors)(?:[+=].*)?"
    r"|(?:postmaster|daemon|root|nobody|prvs|srs[01])(?:[+=].*)?",
    re.DOTALL,
)
"""Local parts behind which nobody reads, accents folded: one of those words, between the ends or `-`, `_`, `.`, `+` and
digits, so that `norman.reply`, `noreen` and `autobahn` are people.
"""


def unanswerable(message: Message, *, own: Collection[str]) -> str:
    """Why no automatic mail may answer this one (RFC 3834 section 2), in a few words; empty where one may.

    `own`: our mailboxes' addresses, lower case. A robot's answer to a robot is a loop, one to a forged sender is spam.
    """
    email, others = message.author.email.lower(), [one.email.lower() for one in message.reply_to]
    reads = [answered_by_itself(message, own=own).email.lower(), *others]
    dmarc = message.authenticity.dmarc if message.authenticity else ""
    found = (
        (message.automatic is not Automatic.NO, f"it is automatic mail ({message.automatic})"),
        (not email or message.header("Return-Path").replace(" ", "") == "<>", "it has no sender"),
        (any(one in own for one in (email, *others)), "answers go to our own mailbox"),
        (any(_nobody(one) for one in reads), "nobody reads answers there"),
        (message.verdict is not None and message.verdict.level is not Spam.HAM, "the mail server calls it spam"),
        (dmarc == "fail", "its sender is forged"),
    )
    return next((why for is_so, why in found if is_so), "")


def answered_by_itself(message: Message, *, own: Collection[str]) -> Address:
    """Whom automatic mail that answers this one goes to: its author; Reply-To, which nothing proves (RFC 3834 section
    4), only where it names one address and the author's own speaks for it: nobody reads there, as with a form's, or
    both have one domain, or the author's is ours. A well-known provider's domain is everybody's and speaks for nobody.
    """
    author, others = message.author, {one_spelling(one.email): one for one in message.reply_to if one.email}
    if len(others) != 1:
        return author
    other = next(iter(others.values()))
    domain, ours = _domain(author.email), {_domain(one) for one in own}
    speaks = domain in {_domain(other.email), *ours} and provider_of(author.email) is None
    return other if speaks or _nobody(author.email.lower()) else author


def one_spelling(email: str) -> str:
    """One key for all ways to write an address that reach one reader: in no case, without quotes, without what a `+`
    adds, its domain in ASCII. For counting, never for sending.
    """
    local, _, domain = email.strip().rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    local = unicodedata.normalize("NFKC", local).casefold()
    return f"{local.partition('+')[0] or local}@{_in_ascii(domain)}"


def called_spam(message: Message) -> bool:
    """Whether the mail server's filter says that it is spam."""
    return message.verdict is not None and message.verdict.level is Spam.SPAM


def _nobody(email: str) -> bool:
    """Whether nobody reads what is sent to that address, by its look."""
    local = unicodedata.normalize("NFKD", email.rpartition("@")[0]).casefold()
    return bool(_NOBODY.fullmatch("".join(one for one in local if not unicodedata.combining(one))))


def _domain(email: str) -> str:
    return _in_ascii(email.rpartition("@")[2])


def _in_ascii(domain: str) -> str:
    try:
        return idna.encode(domain.rstrip("."), uts46=True).decode("ascii").lower()
    except UnicodeError:
        return domain.rstrip(".").casefold()


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
