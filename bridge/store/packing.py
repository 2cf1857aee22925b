"""Records to JSON and back: what a column holds of a Message, its Reading and a Draft's recipients. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.model import (
    Address,
    Authenticity,
    Automatic,
    Bounce,
    Invitation,
    Line,
    Message,
    Reading,
    Spam,
    Span,
    Verdict,
)

LONGEST_ID = 998
"""Bytes: of a line of a header (RFC 5322 section 2.1.1). PostgreSQL's indexes take 2,704 in all."""


class WrittenOut(str):
    """JSON as text: a column takes it as it is."""

    __slots__ = ()


def written_out(value: Any) -> WrittenOut:
    """A value for a column of JSON, written out where there is time for it."""
    return WrittenOut(json.dumps(value))


def to_json(value: Any) -> str:
    """What the databases' engines write a column of JSON with."""
    return value if isinstance(value, WrittenOut) else json.dumps(value)


_STYLES = {"b": "bold", "i": "italic", "s": "strike", "c": "code"}


def clean(text: str) -> str:
    """Text that any database takes: no NUL (PostgreSQL refuses it), no lone surrogates (UTF-8 has none)."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def kept_id(message_id: str) -> str:
    """A Message-ID as it is kept where it is looked for, and looked for: one that no index takes, by its hash."""
    kept = clean(message_id)
    written = kept.encode()
    return kept if len(written) <= LONGEST_ID else f"sha256:{hashlib.sha256(written).hexdigest()}"


def pack_addresses(addresses: Iterable[Address]) -> list[list[str]]:
    """Addresses as pairs of name and email."""
    return [[clean(one.name), clean(one.email)] for one in addresses]


def unpack_addresses(packed: Iterable[Iterable[str]]) -> tuple[Address, ...]:
    """The addresses that `pack_addresses` packed."""
    return tuple(Address(name=name, email=email) for name, email in packed)


def pack_message(message: Message) -> dict[str, Any]:
    """What is shown and answered of a message, beside the columns of its own."""
    packed: dict[str, Any] = {
        name: pack_addresses(getattr(message, name)) for name in ("sender", "from_", "reply_to", "to", "cc", "bcc")
    }
    packed |= {
        "in_reply_to": [clean(one) for one in message.in_reply_to],
        "references": [clean(one) for one in message.references],
        "date": message.date.isoformat() if message.date else None,
        "automatic": message.automatic.value,
        "notes": [clean(one) for one in message.notes],
    }
    if message.bounce:
        packed["bounce"] = [
            clean(one)
            for one in (message.bounce.status, message.bounce.recipient, message.bounce.about, message.bounce.reason)
        ]
    if message.thread_index:
        packed["thread_index"] = message.thread_index
    if message.invitation:
        packed["invitation"] = _pack_invitation(message.invitation)
    if message.authenticity:
        packed["authenticity"] = _cleaned(asdict(message.authenticity))
    if message.verdict:
        packed["verdict"] = pack_verdict(message.verdict)
    return packed


def unpack_message(packed: dict[str, Any], *, message_id: str, subject: str, text: str) -> Message:
    """The message that `pack_message` packed, with its columns."""
    people: dict[str, Any] = {
        name: unpack_addresses(packed[name]) for name in ("sender", "from_", "reply_to", "to", "cc", "bcc")
    }
    bounce = None
    if found := packed.get("bounce"):
        bounce = Bounce(status=found[0], recipient=found[1], about=found[2], reason=found[3])
    return Message(
        message_id=message_id,
        subject=subject,
        text=text,
        in_reply_to=tuple(packed["in_reply_to"]),
        references=tuple(packed["references"]),
        date=datetime.fromisoformat(packed["date"]) if packed["date"] else None,
        automatic=Automatic(packed["automatic"]),
        notes=tuple(packed["notes"]),
        bounce=bounce,
        thread_index=packed.get("thread_index", ""),
        invitation=_unpack_invitation(packed["invitation"]) if "invitation" in packed else None,
        authenticity=_unpack_authenticity(packed["authenticity"]) if "authenticity" in packed else None,
        verdict=unpack_verdict(packed["verdict"]) if "verdict" in packed else None,
        **people,
    )


def pack_verdict(verdict: Verdict) -> dict[str, Any]:
    """A filter's verdict."""
    return _cleaned(asdict(verdict)) | {"level": verdict.level.value}


def unpack_verdict(packed: dict[str, Any]) -> Verdict:
    """The verdict that `pack_verdict` packed."""
    return Verdict(**packed | {"level": Spam(packed["level"])})


def _pack_invitation(invitation: Invitation) -> dict[str, Any]:
    organizer = [invitation.organizer] if invitation.organizer else []
    return _cleaned(asdict(invitation)) | {
        "start": invitation.start.isoformat() if invitation.start else None,
        "end": invitation.end.isoformat() if invitation.end else None,
        "organizer": pack_addresses(organizer),
        "attendees": pack_addresses(invitation.attendees),
    }


def _unpack_invitation(packed: dict[str, Any]) -> Invitation:
    return Invitation(
        **packed
        | {
            "start": datetime.fromisoformat(packed["start"]) if packed["start"] else None,
            "end": datetime.fromisoformat(packed["end"]) if packed["end"] else None,
            "organizer": next(iter(unpack_addresses(packed["organizer"])), None),
            "attendees": unpack_addresses(packed["attendees"]),
        }
    )


def _unpack_authenticity(packed: dict[str, Any]) -> Authenticity:
    return Authenticity(**packed | {name: tuple(packed[name]) for name in ("signers", "risky")})


def _cleaned(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, their words made such as any database takes."""
    return {
        name: clean(value) if isinstance(value, str) else [*map(clean, value)] if _are_words(value) else value
        for name, value in values.items()
    }


def _are_words(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def pack_reading(reading: Reading) -> dict[str, Any]:
    """A reading, small: defaults are left out."""
    return {"new": [_pack_line(one) for one in reading.new], "folded": [_pack_line(one) for one in reading.folded]}


def unpack_reading(packed: dict[str, Any]) -> Reading:
    """The reading that `pack_reading` packed."""
    return Reading(
        new=tuple(_unpack_line(one) for one in packed["new"]),
        folded=tuple(_unpack_line(one) for one in packed["folded"]),
    )


def _pack_line(line: Line) -> dict[str, Any]:
    packed: dict[str, Any] = {"t": [_pack_span(one) for one in line.spans]}
    for name in ("quote", "indent", "marker", "pre", "heading"):
        if value := getattr(line, name):
            packed[name] = value
    return packed


def _unpack_line(packed: dict[str, Any]) -> Line:
    rest = {name: value for name, value in packed.items() if name != "t"}
    return Line(spans=tuple(_unpack_span(one) for one in packed["t"]), **rest)


def _pack_span(span: Span) -> str | list[str]:
    text = clean(span.text)
    styles = "".join(letter for letter, name in _STYLES.items() if getattr(span, name))
    return [text, styles, clean(span.href)] if styles or span.href else text


def _unpack_span(packed: str | list[str]) -> Span:
    if isinstance(packed, str):
        return Span(text=packed)
    text, styles, href = packed
    return Span(text=text, href=href, **{_STYLES[letter]: True for letter in styles})
