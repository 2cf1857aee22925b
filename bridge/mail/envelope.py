"""What a mail's header fields say of it (RFC 5322 section 3.6): who wrote to whom, when, about what, in which thread.

Pure, and never raises. Of a field that stands twice the first that says something counts; of the recipients' all do.
"""

import re

from bridge.mail.addresses import addresses
from bridge.mail.dates import date
from bridge.mail.decode import clean, words
from bridge.mail.transfer import base64
from bridge.model import Address, Message

_MESSAGE_ID = re.compile(r"<[^<>]+>")
_ROOT = 22  # bytes: a version, a time and the conversation's GUID


def envelope(raw: list[tuple[str, str]], headers: tuple[tuple[str, str], ...]) -> Message:
    """A message with what the headers say, and no content.

    `raw` are the fields unfolded, encoded words still encoded; `headers` the same, decoded.
    """
    encoded: dict[str, list[str]] = {}
    for name, value in raw:
        encoded.setdefault(name.lower(), []).append(value)

    def first(name: str) -> str:
        return next((clean(words(value)) for value in encoded.get(name, ()) if value), "")

    def authors(name: str) -> tuple[Address, ...]:
        return next((found for value in encoded.get(name, ()) if (found := addresses(value))), ())

    def recipients(name: str) -> tuple[Address, ...]:
        return tuple(found for value in encoded.get(name, ()) for found in addresses(value) if found.email)

    return Message(
        message_id=next(iter(_message_ids(first("message-id"))), ""),
        in_reply_to=_message_ids(" ".join(map(words, encoded.get("in-reply-to", ())))),
        references=_message_ids(" ".join(map(words, encoded.get("references", ())))),
        date=next((when for value in encoded.get("date", ()) if (when := date(value))), None),
        sender=authors("sender"),
        from_=authors("from"),
        reply_to=recipients("reply-to"),
        to=recipients("to"),
        cc=recipients("cc"),
        bcc=recipients("bcc"),
        subject=first("subject"),
        thread_index=_thread_root(first("thread-index")),
        headers=headers,
    )


def _message_ids(text: str) -> tuple[str, ...]:
    """The Message-IDs in a header, with angle brackets also where the sender forgot them, each once."""
    found = [f"<{''.join(clean(match[1:-1]).split())}>" for match in _MESSAGE_ID.findall(text)]
    if not found:
        found = [f"<{word.strip('<>')}>" for word in clean(text).replace(",", " ").split() if "@" in word]
    return tuple(dict.fromkeys(entry for entry in found if entry != "<>"))


def _thread_root(thread_index: str) -> str:
    """The root of Outlook's Thread-Index, which begins with a 1: its first 22 bytes, in hex ([MS-OXOMSG] 2.2.1.3)."""
    index = base64(thread_index.encode()) if thread_index else b""
    return index[:_ROOT].hex() if len(index) >= _ROOT and index[0] == 1 else ""
