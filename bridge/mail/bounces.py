"""What a delivery report says: which address failed, with which status, about which mail, in whose words.

Reads RFC 3464 delivery-status fields, the headers of the returned mail, and, where a mail system keeps to no standard,
its prose. Whether a mail is a report at all is decided in `bridge.mail.reports`. Pure, never raises; of prose only the
first `PROSE` characters are read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.mail import dialects
from bridge.mail.charset import decode
from bridge.mail.decode import clean, words
from bridge.mail.mime import head
from bridge.model import Attachment, Automatic, Bounce

Headers = Mapping[str, str]
"""The headers of a mail by their lower-case name, decoded; of several with one name the first."""

# Characters of a report's text that are read: what a mail system has to say stands at its beginning.
PROSE = 20_000
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status", "text/delivery-status"})
_RETURNED_TYPES = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
)
_LOCAL = r"\s<>()\[\]\"',;:@\u2018-\u201f\u3000-\u303f\uff00-\uffef"
_ADDRESS = rf"[^{_LOCAL}]{{1,200}}@[A-Za-z0-9À-\u04ff.-]{{1,253}}[A-Za-z0-9À-\u04ff]"
_ANY_ADDRESS = re.compile(rf"(?<![^{_LOCAL}=]){_ADDRESS}")
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\w.:/-])([45]\d\d)(?:[ \t-]+|(?=[\s#(]))#?(?:\(?#?[245]\.\d{1,3}\.\d{1,3}\)?)?[^\n]{0,600}")
_MESSAGE_ID = re.compile(
    r"^[ \t>|]{0,8}message-id[ \t]*:[ \t]*(?:\n[ \t]+)?(<[^<>\s]{1,400}>)", re.IGNORECASE | re.MULTILINE
)
_NAMED_ID = re.compile(
    r"message[ -]?id(?:entifier)?\s{0,3}[:=]?\s{0,8}<?([^<>\s@]{1,200}@[^<>\s]{1,200})>?", re.IGNORECASE
)
# Where a report names the address, the surest first.
_RECIPIENTS = (
    re.compile(
        r"^[ \t>*|]{0,12}(?:x-)?(?:final|original|actual|failed|intended|envelope)?[- ]?"
        r"(?:recipients?|rcpt(?: to)?|addressee|destination|address)(?:[- ]?(?:address|name)(?:es)?)?[ \t]*[:=][ \t]*"
        r"(?:rfc822[ \t]*;[ \t]*)?[<\[\"]?(?:rfc822[;:]|smtp\d{0,3}:)?[ \t]*"
        rf"({_ADDRESS})",
        re.IGNORECASE | re.MULTILINE,
    ),
    re.compile(rf"^[ \t>*-]{{0,12}}[<\"]({_ADDRESS})[>\"](?:[ \t]*[:.(,]|[ \t]*$)", re.MULTILINE),
    re.compile(rf"\b(?:RCPT TO|rcpt_to)[ \t]*[:=]?[ \t]*<?({_ADDRESS})>?", re.IGNORECASE),
    re.compile(rf"^[ \t>*-]{{0,40}}<?({_ADDRESS})>?[ \t]*(?:\([^\n]{{0,80}}\))?[ \t]*[:,]?[ \t]*$", re.MULTILINE),
    re.compile(
        r"(?:deliver\w{0,20}|sent?|reach|message|mail|recipient|mailbox|user|account|address|to|for|an|à|a|para|per|aan|de)"
        r"[ \t]{1,8}(?:the )?(?:following )?(?:address(?:es)?[ \t]{1,8})?[\[(<\"'„“]{0,2}(?:mailto:)?"
        rf"({_ADDRESS})",
        re.IGNORECASE,
    ),
    re.compile(
        r"^[ \t]{0,12}(?:to|an|à|para|a|aan|宛先|받는 사람|收件人)[ \t]*[:：][^\n]{0,80}?[<\[(\"' ]{0,2}"
        rf"({_ADDRESS})",
        re.IGNORECASE | re.MULTILINE,
    ),
)
_NO_RECIPIENT = re.compile(
    r"(?:mailer-daemon|postmaster|abuse|support|help|helpdesk|noc|hostmaster|webmaster|no-?reply)@", re.IGNORECASE
)
_BARE_REASON = re.compile(r"(?:x-[\w-]{1,30}|smtp|x\.400|x400|dns|lmtp|esmtp)\s*;\s*", re.IGNORECASE)
# Characters of a server's words that are kept.
_LONGEST_REASON = 1_000
_FEW_WORDS = re.compile(r"(?:\s*\S+){8}")
_VAGUE = re.compile(r"\d\.0\.0|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What became of one address (RFC 3464 section 2.3). `action`: failed, delayed, delivered, relayed or expanded."""

    action: str
    address: str
    status: str
    diagnostic: str


def recipients(attachments: Iterable[Attachment]) -> tuple[Recipient, ...]:
    """The per-recipient fields of all delivery-status parts."""
    return tuple(
        recipient
        for attachment in attachments
        if attachment.content_type in _STATUS_TYPES
        for recipient in status_fields(decode(attachment.content[: 4 * PROSE]))
    )


def status_fields(text: str) -> tuple[Recipient, ...]:
    """The recipients that delivery-status fields speak of, also where they stand within prose."""
    found: list[Recipient] = []
    current: dict[str, str] = {}
    for match in _FIELD.finditer(text.replace("\r", "")):
        name, value = match[1].lower(), clean(words(match[2]))
        if name in current and name in {"final-recipient", "action", "status"}:
            found += _recipient(current)
            current = {}
        current.setdefault(name, value)
    return (*found, *_recipient(current))


def _recipient(fields: dict[str, str]) -> Iterator[Recipient]:
    if not fields.keys() & {"final-recipient", "original-recipient", "action"} or not fields.keys() & {
        "status",
        "action",
        "diagnostic-code",
    }:
        return
    addresses = [
        found[0].strip(".")
        for name in ("original-recipient", "final-recipient", "x-actual-recipient", "x-display-name")
        if (found := _ANY_ADDRESS.search(fields.get(name, "").replace(";", " ")))
    ]
    status = _ENHANCED.search(fields.get("status", ""))
    action = re.match(r"[a-z]*", fields.get("action", "").lower())
    known = action[0] if action else ""
    known = {"failure": "failed", "fail": "failed", "delay": "delayed", "": "failed"}.get(known, known)
    if known == "failed" and status and status[1] == "2":
        known = "delivered"
    yield Recipient(
        action=known,
        address=addresses[0] if addresses else "",
        status=status[0] if status else "",
        diagnostic=_BARE_REASON.sub("", fields.get("diagnostic-code", ""), count=1).strip(),
    )


def prose(text: str) -> str:
    """The part of a report's text that the mail system wrote itself, before the mail that it returns."""
    start = text[:PROSE]
    words_before = _FEW_WORDS.match(start)
    found = dialects.ORIGINAL.search(start, words_before.end()) if words_before else None
    return start[: found.start()] if found else start


def read(
    chosen: Recipient | None, *, kind: Automatic, headers: Headers, text: str, attachments: Sequence[Attachment]
) -> Bounce:
    """What the report says. `chosen`: the recipient that its delivery-status fields speak of, if they do."""
    said = prose(text)
    recipient = (chosen and chosen.address) or _recipient_in(headers, said, _own(headers))
    recipient = recipient or _addressed(attachments)
    words_said = chosen.diagnostic if chosen else ""
    reason = words_said if _tells(words_said) else _reason_in(said, recipient) or words_said
    return Bounce(
        status=_status(chosen.status if chosen else "", words_said, reason, said, kind),
        recipient=recipient,
        about=_about(headers, text, attachments),
        reason=" ".join(clean(reason).split())[:_LONGEST_REASON],
    )


def _tells(diagnostic: str) -> bool:
    """Whether a Diagnostic-Code says more than a number."""
    return bool(re.search(r"[^\W\d]{3}", diagnostic))


def names_recipient(headers: Headers, said: str) -> bool:
    """Whether a report's own words name an address that is not its sender's or receiver's."""
    return bool(_recipient_in(headers, said, _own(headers)))


def _own(headers: Headers) -> set[str]:
    """The addresses that the report itself goes from and to."""
    return {found.lower() for name in ("to", "from") for found in _ANY_ADDRESS.findall(headers.get(name, ""))}


def _addressed(attachments: Sequence[Attachment]) -> str:
    """The one address that the returned mail was written to, or an empty string where there are several."""
    for attachment in attachments:
        if attachment.content_type in _RETURNED_TYPES:
            fields = {name.lower(): value for name, value in reversed(head(attachment.content[:65_536]))}
            found = set(_ANY_ADDRESS.findall(f"{fields.get('to', '')} {fields.get('cc', '')}"))
            return found.pop() if len(found) == 1 else ""
    return ""


def _recipient_in(headers: Headers, said: str, own: set[str]) -> str:
    """The failed address that the report names outside of delivery-status fields."""
    for name in ("x-failed-recipients", "x-failed-recipient", "x-bounce-recipient", "x-original-rcpt-to"):
        if found := _ANY_ADDRESS.search(headers.get(name, "")):
            return found[0]
    for pattern in _RECIPIENTS:
        for match in pattern.finditer(said):
            if match[1].lower() not in own and not _NO_RECIPIENT.match(match[1]):
                return match[1].rstrip(".")
    others = (found.rstrip(".") for found in _ANY_ADDRESS.findall(said))
    return next((found for found in others if found.lower() not in own and not _NO_RECIPIENT.match(found)), "")


def _reason_in(said: str, recipient: str) -> str:
    """The reporting server's words: an SMTP reply if there is one, else what stands by the address, else what fits."""
    start = said.find(recipient) if recipient else -1
    for region in (said[start + len(recipient) :] if start >= 0 else "", said):
        if found := _REPLY.search(region):
            return _whole(region, found.start())
    if start >= 0:
        following = said[start + len(recipient) :].lstrip(">:]\"') \t.,\n")
        paragraph = following.partition("\n\n")[0]
        if _means(paragraph):
            return paragraph
    lines = [line for line in said.splitlines() if line.strip()]
    return next((line for line in lines if _means(line)), "") or next(
        (line for line in lines if dialects.FAILED_TEXT.search(line)), ""
    )


def _whole(text: str, start: int) -> str:
    """An SMTP reply from `start` with the lines that go on with it: to the end of the paragraph or of the brackets."""
    lines = text[start : start + _LONGEST_REASON].split("\n")
    kept = [lines[0]]
    for line in lines[1:6]:
        if (
            not line.strip()
            or _ANY_ADDRESS.match(line.strip(" <"))
            or re.match(r"\s*[-=_*.]{3}|\S[\w -]{0,30}:\s", line)
        ):
            break
        kept.append(line)
    reply = " ".join(" ".join(kept).split())
    return reply.removesuffix(")") if reply.count(")") > reply.count("(") else reply


def _means(words_said: str) -> str:
    """Subject and detail of the status that these words mean, such as "1.1", or an empty string."""
    return next((code for code, pattern in dialects.MEANINGS if pattern.search(words_said[:2000])), "")


def _status(declared: str, diagnostic: str, reason: str, said: str, kind: Automatic) -> str:
    """The most exact status that the report gives: a code that says nothing (5.0.0) yields to words that say more."""
    if declared and not _VAGUE.fullmatch(declared):
        return declared
    for source in (diagnostic, reason, said):
        for found in _ENHANCED.finditer(source):
            if not _VAGUE.fullmatch(found[0]) and (found[1] != "2"):
                return found[0]
    level = "4" if kind is Automatic.DELAYED else declared[:1] or "5"
    meaning = _means(diagnostic) or _means(reason) or _means(said)
    if meaning:
        return f"{level}.{meaning}"
    if declared:
        return declared
    reply = _REPLY.search(said)
    return f"{reply[1][0]}.0.0" if reply else ""


def _about(headers: Headers, text: str, attachments: Sequence[Attachment]) -> str:
    """The Message-ID of the mail that the report speaks of."""
    returned = [attachment for attachment in attachments if attachment.content_type in _RETURNED_TYPES]
    others = [attachment for attachment in attachments if attachment.content_type.startswith(("text/", "message/"))]
    for attachment in (*returned, *others):
        if found := _MESSAGE_ID.search(decode(attachment.content[:65_536]).replace("\r", "")):
            return found[1]
    if found := _MESSAGE_ID.search(text[: 4 * PROSE]):
        return found[1]
    for name in ("original-message-id", "x-original-message-id", "in-reply-to", "references"):
        if ids := re.findall(r"<[^<>\s]+>", headers.get(name, "")):
            return str(ids[-1])
    found = _NAMED_ID.search(text[:PROSE])
    return f"<{found[1]}>" if found else ""
