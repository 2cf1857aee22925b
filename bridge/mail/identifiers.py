"""Message-IDs (RFC 5322 section 3.6.4): making ours, knowing ours again, and the chain a mail stands in (pure).

Ours is `<number.draft.signature@domain>`. The signature is an HMAC over number and draft, so that an answer finds its
conversation by it and nobody can write himself into another's: an id that is not signed is a stranger's.
"""

import hmac
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

from bridge.mail.recipients import wire_address

_OURS = re.compile(r"<([0-9]{1,18})\.([A-Za-z0-9_-]{1,100})\.([0-9a-f]{16})@[^<>@\s]+>")
_ID = re.compile(r"<[!-;=?-~]{1,900}>")  # printable ASCII; over 900 bytes it would not fit into a line of 998
_LONGEST_CHAIN = 1_000  # bytes: relays refuse mails whose header block is over 4 kB
_FOLDED = len("\r\n ")  # bytes between two ids, each on a line of its own


def new_message_id(*, number: int, draft: str, domain: str, key: bytes) -> str:
    """The Message-ID of one draft of one conversation, angle brackets included; the same each time it is made.

    `draft` is made of ASCII letters, digits, `-` and `_`, at most 100 of them (else ValueError); `domain` is the
    mailbox's, in any script.
    """
    domain = wire_address(f"id@{domain}").rpartition("@")[2]
    made = f"<{number}.{draft}.{_signature(f'{number}.{draft}', key=key)}@{domain}>"
    if not _OURS.fullmatch(made):
        raise ValueError("a draft's id is made of letters, digits, - and _")
    return made


def own_message_id(message_id: str, *, keys: Sequence[bytes]) -> tuple[int, str] | None:
    """The conversation's number and the draft's id that one of our Message-IDs speaks of; None for any other's.

    Every key of `keys` is accepted, so that a key can be replaced.
    """
    match = _OURS.fullmatch(message_id.strip())
    if match is None:
        return None
    number, draft, signature = match.groups()
    genuine = [hmac.compare_digest(signature, _signature(f"{number}.{draft}", key=key)) for key in keys]
    return (int(number), draft) if any(genuine) else None


def may_be_own(message_id: str) -> bool:
    """Whether it has the form of one of ours; that it is one only `own_message_id` can say."""
    return _OURS.fullmatch(message_id.strip()) is not None


def is_message_id(text: str) -> bool:
    """Whether it can be written as an id: one word of printable ASCII in angle brackets, of at most 900 bytes."""
    return _ID.fullmatch(text) is not None


def chain(references: Iterable[str], *, parent: str, own: str = "") -> tuple[str, ...]:
    """What References says of the mails before: the parent's own chain, then the parent, each once.

    Over 1,000 bytes, with the mail's `own` id behind them, it is the first and as many of the most recent as fit; what
    is no id in ASCII is left out.
    """
    known = dict.fromkeys(id_ for id_ in references if _ID.fullmatch(id_) and id_ != parent)
    ids = [*known, *([parent] if _ID.fullmatch(parent) else [])]
    most = _LONGEST_CHAIN - len(own) - _FOLDED
    if sum(len(id_) + _FOLDED for id_ in ids) <= most:
        return tuple(ids)
    first, *rest = ids
    room = most - len(first) - _FOLDED
    recent: list[str] = []
    for id_ in reversed(rest):
        room -= len(id_) + _FOLDED
        if room < 0 and recent:
            break
        recent.append(id_)
    return (first, *reversed(recent))


def _signature(text: str, *, key: bytes) -> str:
    return hmac.new(key, text.encode("ascii", "replace"), sha256).hexdigest()[:16]
