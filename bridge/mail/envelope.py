"""What a mail's header fields say of it (RFC 5322 section 3.6): who wrote to whom, when, about what, in which thread.

Pure, and never raises. Of a field that stands twice the first that says something counts; of the recipients' all do.
What is longer than any letter's is read up to a measure: the rest stands in the original.
"""

import re
from collections.abc import Iterable

from bridge.mail.addresses import LONGEST, addresses
from bridge.mail.dates import date
from bridge.mail.decode import clean, words
from bridge.mail.transfer import base64
from bridge.model import Address, Message
from bridge.sentences import mark

_MESSAGE_ID = re.compile(r"<[^<>]+>")
_LONGEST_ID = 998  # characters of a Message-ID: a line's (RFC 5322 section 2.1.1)
_FIRST_IDS, _NEWEST_IDS = 10, 100  # of References: what began the thread, and what is answered
_LONGEST_SUBJECT = 2_000  # characters
_MOST_PEOPLE = 1_000  # in From, To and the like, each
_ROOT = 22  # bytes: a version, a time and the conversation's GUID


def envelope(raw: list[tuple[str, str]], headers: tuple[tuple[str, str], ...]) -> Message:
    """A message with what the headers say and what was odd about them, and no content.

    `raw` are the fields unfolded, encoded words still encoded; `headers` the same, decoded.
    """
    encoded: dict[str, list[str]] = {}
    for name, value in raw:
        encoded.setdefault(name.lower(), []).append(value)

    notes: list[str] = []

    def first(name: str) -> str:
        return next((clean(words(value)) for value in encoded.get(name, ()) if value), "")

    def people(values: Iterable[str]) -> tuple[Address, ...]:
        found: list[Address] = []
        for value in values:
            found += addresses(value)
            if len(found) > _MOST_PEOPLE or len(value) > LONGEST:
                notes.append(mark("The mail names more people than are read: the rest stands in the original."))
                break
        return tuple(found[:_MOST_PEOPLE])

    def authors(name: str) -> tuple[Address, ...]:
        return next((found for value in encoded.get(name, ()) if (found := people([value]))), ())

    def recipients(name: str) -> tuple[Address, ...]:
        return tuple(one for one in people(encoded.get(name, ())) if one.email)

    named = {name: recipients(name) for name in ("reply-to", "to", "cc", "bcc")}
    sender, author = authors("sender"), authors("from")
    subject = first("subject")
    if len(subject) > _LONGEST_SUBJECT:
        notes.append(mark("The subject is longer than what is read of it."))
    return Message(
        message_id=next(iter(_message_ids(first("message-id"))), ""),
        in_reply_to=_message_ids(" ".join(map(words, encoded.get("in-reply-to", ())))),
        references=_message_ids(" ".join(map(words, encoded.get("references", ())))),
        date=next((when for value in encoded.get("date", ()) if (when := date(value))), None),
        sender=sender,
        from_=author,
        reply_to=named["reply-to"],
        to=named["to"],
        cc=named["cc"],
        bcc=named["bcc"],
        subject=subject[:_LONGEST_SUBJECT].rstrip(),
        thread_index=_thread_root(first("thread-index")),
        headers=headers,
        notes=tuple(notes),
    )


def _message_ids(text: str) -> tuple[str, ...]:
    """The Message-IDs in a header, with angle brackets also where the sender forgot them, each once.

    Of very many the first and the last are taken.
    """
    found = [f"<{_within(''.join(clean(match[1:-1]).split()))}>" for match in _MESSAGE_ID.findall(text)]
    if not found:
        found = [f"<{_within(word.strip('<>'))}>" for word in clean(text).replace(",", " ").split() if "@" in word]
    ids = tuple(dict.fromkeys(entry for entry in found if entry != "<>"))
    return ids if len(ids) <= _FIRST_IDS + _NEWEST_IDS else ids[:_FIRST_IDS] + ids[-_NEWEST_IDS:]


def _within(identifier: str) -> str:
    """An id without its brackets, no longer than it can be."""
    return identifier[: _LONGEST_ID - 2]


def _thread_root(thread_index: str) -> str:
    """The root of Outlook's Thread-Index, which begins with a 1: its first 22 bytes, in hex ([MS-OXOMSG] 2.2.1.3)."""
    index = base64(thread_index.encode()) if thread_index else b""
    return index[:_ROOT].hex() if len(index) >= _ROOT and index[0] == 1 else ""
