"""A mail as read, before it is known where it belongs. Pure: whatever came in, something comes out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bridge import rules
from bridge.mail.forwards import passed_on
from bridge.mail.quotes import read
from bridge.model import Arrival, Line, Message, Reading
from bridge.sentences import mark, say
from bridge.store.rows import Ready, ready

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRead:
    """`state` is the ledger's word for it: `taken`, `oversize` or `quarantined`. `made` is what the store keeps of it,
    `passed_on` the mail that this one passes on, if it does and its sender may.
    """

    state: str
    message: Message
    reading: Reading
    digest: str
    made: Ready
    passed_on: Message | None = None


def as_read(arrival: Arrival, parse: Callable[[bytes], Message]) -> AsRead:
    """Read a mail. One that is too large is known by its head, one that nobody can read by its bytes."""
    if arrival.raw is None:
        return _too_large(arrival, parse)
    try:
        message = parse(arrival.raw)
        digest = rules.digest(arrival.raw, message)
        reading = read(message)
        made = ready(message, reading)
        return AsRead(
            state="taken", message=message, reading=reading, digest=digest, made=made, passed_on=passed_on(message)
        )
    except Exception as error:  # noqa: BLE001 - a mail that nobody can read must not hold up those behind it
        log.warning("a mail cannot be read and is kept raw", uid=arrival.uid, kind=type(error).__name__)
        return unreadable(arrival.raw)


def unreadable(raw: bytes) -> AsRead:
    """A mail of which only its bytes are known."""
    note = mark("This mail could not be read; it is kept as it came. `bridge replay` reads it again.")
    message = Message(subject=say("(unreadable mail)"), notes=(note,))
    reading = Reading(new=(Line.of(say("The original has the text.")),))
    digest, made = hashlib.sha256(raw).hexdigest(), ready(message, reading)
    return AsRead(state="quarantined", message=message, reading=reading, digest=digest, made=made)


def _too_large(arrival: Arrival, parse: Callable[[bytes], Message]) -> AsRead:
    """By its head; one that the server does not hand over at all is known by its place alone."""
    if arrival.head:
        size = f"{arrival.size / 1_000_000:.0f}"
        note = say(
            "This mail is {size} MB, more than may be taken in (MAIL_MAX_BYTES): open it in the mailbox.", size=size
        )
        known = arrival.head + b"%d" % arrival.size
    else:
        note = say("The mail server does not hand this mail over: open it in the mailbox.")
        known = b"%d %d %d" % (arrival.uidvalidity, arrival.uid, arrival.size)
    message = replace(parse(arrival.head), text="", html=None, attachments=(), notes=(note,))
    digest, made = hashlib.sha256(known).hexdigest(), ready(message, Reading())
    return AsRead(state="oversize", message=message, reading=Reading(), digest=digest, made=made)
