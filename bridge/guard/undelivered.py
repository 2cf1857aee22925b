"""Why a mail did not arrive, in plain words, and what to do: the enhanced status codes of RFC 3463 as people need them.

Pure. A reporter's code says more than its prose in most cases; where servers use one code for two things (greylisting
and a ban are both X.7.1), their words decide.
"""

import re
from dataclasses import dataclass

from bridge.model import Bounce
from bridge.sentences import mark

_PATIENCE = mark("Nothing to do now: the mail server goes on trying, and says so if it gives up.")
_ASK = mark("Check the address for typing errors, or ask for another way to reach them.")
_LATER = mark("Send it again later; if it comes back again, reach them another way.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a bounce means. `reason` and `advice` are sentences of the catalogue; `address`: it is the address that is
    wrong, so that nothing sent there would arrive.
    """

    reason: str
    advice: str
    address: bool = False


UNKNOWN = Meaning(reason=mark("the mail server there does not take it"), advice=_LATER, address=True)
_NO_SUCH = Meaning(reason=mark("there is no such address"), advice=_ASK, address=True)
_NO_DOMAIN = Meaning(reason=mark("there is no mail server for that domain"), advice=_ASK, address=True)
_MOVED = Meaning(
    reason=mark("the address has moved or is no longer in use"),
    advice=mark("Ask for their new address; some servers name it in their words below."),
    address=True,
)
_DISABLED = Meaning(reason=mark("the mailbox is switched off"), advice=_ASK, address=True)
_AMBIGUOUS = Meaning(reason=mark("the address fits more than one mailbox there"), advice=_ASK, address=True)
_FULL = Meaning(
    reason=mark("their mailbox is full"),
    advice=mark("Send it again in a day or two, or tell them another way that their mailbox is full."),
)
_TOO_LARGE = Meaning(
    reason=mark("the mail is too large for them"),
    advice=mark("Send it with fewer or smaller files, or with a link to them."),
)
_LIST = Meaning(
    reason=mark("the list or group behind the address does not take it"),
    advice=mark("Ask somebody who runs that list whether we may write to it."),
)
_BUSY = Meaning(reason=mark("the mail server there has trouble of its own"), advice=_LATER)
_AWAY = Meaning(reason=mark("the mail server there could not be reached"), advice=_LATER)
_LOOP = Meaning(
    reason=mark("the mail goes in a circle between servers"),
    advice=mark("Somebody has to mend a forwarding there: tell them another way."),
)
_EXPIRED = Meaning(reason=mark("it could not be handed over for so long that the server gave up"), advice=_LATER)
_MANY = Meaning(reason=mark("it had too many recipients at once"), advice=mark("Send it to fewer people at a time."))
_OURS = Meaning(
    reason=mark("they do not accept our own address as its sender"),
    advice=mark("Tell whoever runs our mailbox: it may be a matter of our domain's settings."),
)
_PROTOCOL = Meaning(
    reason=mark("the mail servers do not understand each other"),
    advice=mark("Tell whoever runs our mailbox, with the server's words."),
)
_CONTENT = Meaning(
    reason=mark("something in the mail is not accepted there"),
    advice=mark("Send it as plain text without files, or with a link to them."),
)
_BLOCKED = Meaning(
    reason=mark("it is blocked by their rules"),
    advice=mark("Reach them another way; whoever runs our mailbox can ask their side to let us through."),
)
_SPAM = Meaning(
    reason=mark("it was taken for spam"),
    advice=mark("Write it anew with fewer links and files; if it comes back again, tell whoever runs our mailbox."),
)
_PROOF = Meaning(
    reason=mark("our domain could not prove that the mail is ours (SPF, DKIM or DMARC)"),
    advice=mark("Tell whoever runs our domain, with the server's words: other mails will come back too."),
)
_SECURITY = Meaning(
    reason=mark("it was not encrypted or signed as they demand"),
    advice=mark("Tell whoever runs our mailbox, with the server's words."),
)
_GREYLISTED = Meaning(
    reason=mark("the server there puts off mail of those it does not know yet (greylisting)"), advice=_PATIENCE
)

MEANINGS = {
    "1.1": _NO_SUCH,
    "1.2": _NO_DOMAIN,
    "1.3": _NO_SUCH,
    "1.4": _AMBIGUOUS,
    "1.6": _MOVED,
    "1.7": _OURS,
    "1.8": _OURS,
    "1.9": _PROTOCOL,
    "1.10": _NO_DOMAIN,  # a null MX: it takes no mail (RFC 7505)
    "2.1": _DISABLED,
    "2.2": _FULL,
    "2.3": _TOO_LARGE,
    "2.4": _LIST,
    "3.1": _BUSY,
    "3.2": _BUSY,
    "3.3": _PROTOCOL,
    "3.4": _TOO_LARGE,
    "3.5": _BUSY,
    "4.1": _AWAY,
    "4.2": _AWAY,
    "4.3": _AWAY,
    "4.4": _NO_DOMAIN,
    "4.5": _BUSY,
    "4.6": _LOOP,
    "4.7": _EXPIRED,
    "5.3": _MANY,
    "7.0": _BLOCKED,
    "7.1": _BLOCKED,
    "7.2": _LIST,
    "7.13": _DISABLED,
    "7.20": _PROOF,
    "7.21": _PROOF,
    "7.22": _PROOF,
    "7.23": _PROOF,
    "7.24": _PROOF,
    "7.25": _PROOF,
    "7.26": _PROOF,
    "7.27": _OURS,
    "7.28": _BUSY,
}
"""By subject and detail of a status (RFC 3463, and IANA's registry of such codes)."""

SUBJECTS = {"1": _NO_SUCH, "3": _BUSY, "4": _AWAY, "5": _PROTOCOL, "6": _CONTENT, "7": _SECURITY}
"""By subject alone, where the detail is none of those."""

_SAID = (
    (re.compile(r"gr[ea]y-?list", re.IGNORECASE), _GREYLISTED),
    (re.compile(r"over ?quota|quota exceeded|mailbox (?:is )?full", re.IGNORECASE), _FULL),
)
_SAID_OF_A_BLOCK = (
    (re.compile(r"\b(?:spf|dkim|dmarc)\b", re.IGNORECASE), _PROOF),
    (re.compile(r"\bspam|unsolicited|junk|bulk mail", re.IGNORECASE), _SPAM),
)


def meaning(bounce: Bounce) -> Meaning:
    """What a bounce means."""
    for pattern, meant in _SAID:
        if pattern.search(bounce.reason):
            return meant
    subject, _, detail = bounce.status.partition(".")[2].partition(".")
    found = MEANINGS.get(f"{subject}.{detail}") or SUBJECTS.get(subject, UNKNOWN)
    if subject == "7":
        return next((meant for pattern, meant in _SAID_OF_A_BLOCK if pattern.search(bounce.reason)), found)
    return found


def advice(bounce: Bounce, *, delayed: bool) -> str:
    """What to do about it: a sentence of the catalogue. `delayed`: the server goes on trying."""
    return _PATIENCE if delayed else meaning(bounce).advice


def for_good(bounce: Bounce) -> bool:
    """Whether nothing that is sent to that address arrives, as far as the bounce tells: the failure is permanent (class
    5), and it is not this one mail that was refused, nor a mailbox that was full.
    """
    return bounce.status.startswith("5.") and meaning(bounce).address
