"""The mail that somebody passed on: attached as a whole, or written out below its header fields (pure).

As mail programs write it in 22 languages (`phrases`): under "---------- Forwarded message ----------", in a quote under
"Begin forwarded message:", or, where the subject says that the mail is a forward, under the bare fields as Outlook
writes them. Nothing is raised; a mail in which no author can be made out was not passed on, nor is an answer, which may
quote such a text.

It must not decide whether the mail is to be treated as its author's: anybody can write such a text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.mail import phrases
from bridge.mail.compose import is_answer
from bridge.mail.parse import parse
from bridge.mail.recipients import valid_address
from bridge.model import Address, Automatic, Message

# A forward begins within so much of the text: what its sender wrote above is no novel.
_MOST_CHARS = 200_000
_MOST_LINES = 2_000
_MOST_FIELDS = 14  # lines of a header as forwards repeat it, folded ones and empty ones included
_EMAIL = re.compile(r"[^\s<>()\[\]:;,\"'|]+@[^\s<>()\[\]:;,\"'|]+")
_QUOTE = re.compile(r">[ \t]?")
_MARKS = " \t*_\"'<[(|"


def passed_on(message: Message) -> Message | None:
    """The mail that this one passes on, or None: all that `parse` tells of an attached one, else author, subject, text.

    The time that is written out has no zone, so it is left out.
    """
    if message.automatic is not Automatic.NO or is_answer(message.subject):
        return None
    attached = [one for one in message.attachments if one.content_type == "message/rfc822"]
    found = parse(attached[0].content) if len(attached) == 1 else _inline(message)
    return found if found and valid_address(found.author.email) else None


def _inline(message: Message) -> Message | None:
    """The mail that stands in the text."""
    lines = message.text[:_MOST_CHARS].replace("\r\n", "\n").split("\n")[:_MOST_LINES]
    texts = [phrases.normal(_QUOTE.sub("", line, count=1)) for line in lines]
    for position, text in enumerate(texts):
        if phrases.is_forward(text) and not lines[position].startswith(">"):
            header = _header(texts, _filled(texts, position + 1))
            return _written_out(message, header) if header else None
    if not phrases.is_forwarded_subject(message.subject):
        return None
    starts = (position for position, text in enumerate(texts) if phrases.header_field(text) == "from")
    header = next(filter(None, (_header(texts, position) for position in starts)), None)
    return _written_out(message, header) if header and len(header.fields) > 2 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """A repeated header: its fields' values by their kind, and the line after it."""

    fields: dict[str, str]
    end: int


def _filled(texts: Sequence[str], position: int) -> int:
    """The first line with text from there on."""
    return next((at for at in range(position, len(texts)) if texts[at]), len(texts))


def _header(texts: Sequence[str], start: int) -> _Header | None:
    """The header that begins in that line; None where it names no author."""
    fields: dict[str, str] = {}
    last, end = "", start
    for position in range(start, min(start + _MOST_FIELDS, len(texts))):
        text = texts[position]
        if field := phrases.header_field(text):
            value = re.split("[:：]", text, maxsplit=1)[1].strip(" *_")
            fields.setdefault(field, value)
            last, end = field, position + 1
        elif not text:
            if position > end or "from" in fields:
                break
        elif last in ("to", "cc", "from") and "@" in text:
            fields[last] += f" {text}"  # a long line that a program broke
            end = position + 1
        else:
            break
    return _Header(fields=fields, end=end) if _address(fields.get("from", "")) else None


def _written_out(message: Message, header: _Header) -> Message:
    lines = message.text.replace("\r\n", "\n").split("\n")
    quoted = lines[header.end - 1].startswith(">")
    body = [_QUOTE.sub("", line, count=1) if quoted else line for line in lines[header.end :]]
    author = _address(header.fields["from"])
    return Message(
        from_=(author,) if author else (),
        subject=header.fields.get("subject", ""),
        text="\n".join(body).strip("\n"),
    )


def _address(value: str) -> Address | None:
    """The author in a value such as `Dana <dana@example.com>` or `Dana [mailto:dana@example.com]`."""
    found = _EMAIL.search(value)
    if found is None:
        return None
    name = value[: found.start()].replace("mailto:", "").strip(_MARKS)
    return Address(name="" if "@" in name else name, email=found[0].strip("*_.'\""))
