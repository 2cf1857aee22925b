"""One mail to go out, from what the agent wrote to the bytes that SMTP carries (pure).

RFC 5322 header fields, RFC 2045 to 2049 and 2387 parts, RFC 3834 for automatic mail. The same Outgoing gives the same
bytes each time, so that a retry hands over the very mail of the first attempt. All is 7-bit, save addresses whose local
part is in another script (RFC 6531). No line is over 998 bytes. Bcc is not known here, so it cannot be written.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import Any

from bridge.errors import Refused
from bridge.mail import body, fields
from bridge.mail.html import lines as shown_lines
from bridge.mail.identifiers import chain, is_message_id
from bridge.mail.labels import Labels
from bridge.model import Address, Attachment, Automatic, Line, Message, Span
from bridge.sentences import say

# 8-bit bodies are re-coded on the way by some servers, which breaks signatures.
_POLICY = Labels(linesep="\r\n", cte_type="7bit")
_LONGEST_QUOTE = 100_000  # characters of the other mail's text that are repeated
_LONGEST_NAME = 200  # characters of a file's name; file systems take 255 bytes
_LEFT_OUT = "[The rest of this mail is left out.]"
_TYPE = re.compile(r"([a-z0-9!#$&^_.+-]{1,60})/([a-z0-9!#$&^_.+-]{1,60})")
_AUTO_SUBMITTED = {Automatic.REPLY: "auto-replied"}  # RFC 3834 section 5; every other kind is auto-generated

_REPLY = re.compile(
    r"(?:re|aw|antw|antwort|sv|vs|ynt|rif|odp|res|απ|отв|ответ|رد|תשובה|回复|回覆|答复|答覆|返信|회신|답장)"
    r" ?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})? ?[:：] ?",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"(?:fwd|fw|wg|tr|rv|enc|vl|doorst|转发|轉寄|転送|전달) ?[:：] ?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What a mail is made of. `message_id`, `in_reply_to` and `references` keep their angle brackets.

    `date` is aware. `lines` are the agent's words; `html`, where there is any, says the same, and stands in place of
    what would be made of them. `in_reply_to` is the answered mail's Message-ID, or empty; `references` that mail's own
    References, or where it has none its In-Reply-To. `quoted` is the mail to repeat below an answer, `forwarded` the
    one to pass on. `signature` is plain text, without the line of dashes.
    """

    message_id: str
    date: datetime
    from_: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    lines: tuple[Line, ...] = field(default=(), repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    quoted: Message | None = None
    forwarded: Message | None = None
    automatic: Automatic = Automatic.NO
    signature: str = ""


def compose(outgoing: Outgoing) -> bytes:
    """The mail, header fields and body, lines ending in CR LF.

    `text/plain` alone where nothing is formatted, neither the agent's words nor the mail that is repeated, and there is
    no HTML of its own; else with HTML beside it, and pictures that the HTML shows beside that; attachments around all.
    Raises Refused where a header field holds a line break or an address is none.
    """
    below = (*_signature(outgoing.signature), *_repeated(outgoing))
    lines = (*outgoing.lines, *below)
    formatted = body.is_formatted(outgoing.lines) or any(
        one.html for one in (outgoing, outgoing.quoted, outgoing.forwarded) if one
    )
    pictures = [file for file in outgoing.attachments if _is_picture(file)]
    mime = EmailMessage(policy=_POLICY)
    mime.set_content(body.plain(lines), charset="utf-8")
    if pictures or formatted:
        shown_below = [file.content_id for file in pictures]
        page = body.html(below if outgoing.html else lines, pictures=shown_below, above=outgoing.html)
        mime.add_alternative(page, subtype="html", charset="utf-8")
        *_, shown = mime.iter_parts()
        for file in pictures:
            shown.add_related(file.content, disposition="inline", cid=f"<{file.content_id}>", **_labels(file))
    for file in (file for file in outgoing.attachments if not _is_picture(file)):
        mime.add_attachment(file.content, disposition="attachment", **_labels(file))
    for position, part in enumerate(part for part in mime.walk() if part.is_multipart()):
        part.set_boundary(f"=_{sha256(f'{position}{outgoing.message_id}'.encode()).hexdigest()[:32]}")
    return _header(outgoing) + mime.as_bytes()


def reply_subject(subject: str) -> str:
    """The subject of an answer: "Re: " once, whatever the answers before said in their own languages."""
    return f"Re: {_without_prefixes(subject, _REPLY)}".rstrip()


def forward_subject(subject: str) -> str:
    """The subject of a mail passed on: "Fwd: " once."""
    return f"Fwd: {_without_prefixes(subject, _FORWARD)}".rstrip()


def bare_subject(subject: str) -> str:
    """What a mail is about, without what answers and forwards put before it."""
    before = None
    while before != subject:
        before, subject = subject, _without_prefixes(_without_prefixes(subject, _REPLY), _FORWARD)
    return subject


def is_answer(subject: str) -> bool:
    """Whether the outermost mark of the subject says that the mail is an answer."""
    return _REPLY.match(" ".join(subject.split())) is not None


def _without_prefixes(subject: str, prefix: re.Pattern[str]) -> str:
    """The subject in one line, without such words before it. It comes from outside: its line breaks are undone."""
    subject = " ".join(subject.split())
    start = 0
    while match := prefix.match(subject, start):
        start = match.end()
    return subject[start:]


def _header(outgoing: Outgoing) -> bytes:
    if not is_message_id(outgoing.message_id):
        raise Refused(say("A Message-ID is one word of ASCII in angle brackets."))
    if outgoing.date.tzinfo is None:
        raise ValueError("a mail's date has a zone")
    ids = chain(outgoing.references, parent=outgoing.in_reply_to, own=outgoing.message_id)
    parts = [fields.addresses_field("From", [outgoing.from_])]
    if outgoing.to:
        parts.append(fields.addresses_field("To", outgoing.to))
    if outgoing.cc:
        parts.append(fields.addresses_field("Cc", outgoing.cc))
    if not outgoing.to and not outgoing.cc:
        parts.append(b"To: undisclosed-recipients:;\r\n")
    parts += [
        fields.text_field("Subject", outgoing.subject),
        fields.ids_field("Date", [format_datetime(outgoing.date)]),
        fields.ids_field("Message-ID", [outgoing.message_id]),
    ]
    if is_message_id(outgoing.in_reply_to):
        parts.append(fields.ids_field("In-Reply-To", [outgoing.in_reply_to]))
    # Our own id stands last, so that an answer finds us where the provider puts another Message-ID in its place.
    parts.append(fields.ids_field("References", [*ids, outgoing.message_id]))
    if outgoing.automatic is not Automatic.NO:
        kind = _AUTO_SUBMITTED.get(outgoing.automatic, "auto-generated")
        parts.append(f"Auto-Submitted: {kind}\r\nX-Auto-Response-Suppress: All\r\n".encode())
    return b"".join(parts)


def _signature(text: str) -> tuple[Line, ...]:
    return (Line(), Line(spans=(Span(text="-- "),)), *body.from_plain(text)) if text.strip() else ()


def _repeated(outgoing: Outgoing) -> tuple[Line, ...]:
    """The mail that is answered, as a quote, and the mail that is passed on, as content."""
    lines: list[Line] = []
    if outgoing.quoted:
        lines += [Line(), _said(_introduction(outgoing.quoted))]
        lines += [replace(line, quote=line.quote + 1) for line in _text(outgoing.quoted)]
    if outgoing.forwarded:
        lines += [Line(), *map(_said, _passed_on(outgoing.forwarded)), Line(), *_text(outgoing.forwarded)]
    return tuple(lines)


def _introduction(message: Message) -> str:
    name = message.author.name or message.author.email
    return f"On {format_datetime(message.date)}, {name} wrote:" if message.date else f"{name} wrote:"


def _passed_on(message: Message) -> list[str]:
    """The block that says whose mail follows, as mail programs write and find it."""
    block = ["---------- Forwarded message ----------", f"From: {message.author}"]
    if message.date:
        block.append(f"Date: {format_datetime(message.date)}")
    block.append(f"Subject: {message.subject}")
    for name, addresses in (("To", message.to), ("Cc", message.cc)):
        if addresses:
            block.append(f"{name}: {', '.join(map(str, addresses))}")
    return block


def _said(text: str) -> Line:
    return Line(spans=(Span(text=text),))


def _text(message: Message) -> tuple[Line, ...]:
    """What the other mail says, as its reader saw it."""
    if message.html:
        return _within(shown_lines(message.html))
    if len(message.text) <= _LONGEST_QUOTE:
        return body.from_plain(message.text)
    return (*body.from_plain(message.text[:_LONGEST_QUOTE]), _said(_LEFT_OUT))


def _within(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines up to the limit of what is repeated; one that is longer by itself goes too."""
    room = _LONGEST_QUOTE
    for position, line in enumerate(lines):
        room -= sum(len(span.text) + len(span.href) for span in line.spans) + 1
        if room < 0:
            return (*lines[:position], _said(_LEFT_OUT))
    return lines


def _is_picture(file: Attachment) -> bool:
    """Whether the file is shown where the text stands; everything else is listed as an attachment."""
    return file.inline and file.content_type.startswith("image/") and is_message_id(f"<{file.content_id}>")


def _labels(file: Attachment) -> dict[str, Any]:
    """The file's type and name as the standard library takes them.

    A message or multipart may not be in Base64 (RFC 2046), and 7-bit would change it: it goes as a plain file, whose
    name still says what it is.
    """
    match = _TYPE.fullmatch(file.content_type)
    main, sub = match.groups() if match else ("application", "octet-stream")
    if main in ("message", "multipart"):
        main, sub = "application", "octet-stream"
    name = _filename(file.filename)
    charset = {"charset": "utf-8"} if main == "text" and _is_utf8(file.content) else {}
    return {"maintype": main, "subtype": sub, "filename": name, "params": {**charset, "name": name}}


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _filename(name: str) -> str:
    """A name that no system refuses, its ending kept where it is long."""
    plain = " ".join(name.split())
    plain = "".join(character if character.isprintable() and character not in '/\\"' else "_" for character in plain)
    if len(plain) > 1 and plain[0] == plain[-1] == "'":  # readers take them for quotes around the name
        plain = plain.strip("'").strip()
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > _LONGEST_NAME and dot and len(ending) < 20:
        plain = f"{stem[: _LONGEST_NAME - 20]}.{ending}"
    return plain[:_LONGEST_NAME].strip() or "attachment"
