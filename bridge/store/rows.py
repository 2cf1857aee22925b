"""A message as its row, made before a transaction begins, and in a worker thread.

To write out a long text takes seconds. In a transaction they would hold up everybody else who writes; and PostgreSQL
ends a transaction that is silent for so long, so that the mail could never be kept.
"""

from dataclasses import dataclass, replace
from typing import Any

from bridge.model import Message, Reading
from bridge.store import wordindex
from bridge.store.packing import clean, pack_message, pack_reading, written_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What the table keeps of a message as read (`columns`), and what the index of words has of it."""

    columns: dict[str, Any]
    words: wordindex.Words

    def as_judged(self, message: Message) -> "Ready":
        """The same message, with other signs of whether it is what it says."""
        return replace(self, columns={**self.columns, "head": written_out(pack_message(message))})


def ready(message: Message, reading: Reading) -> Ready:
    """Make it ready to be kept; pure."""
    return Ready(columns=columns(message, reading), words=wordindex.words(message))


def columns(message: Message, reading: Reading) -> dict[str, Any]:
    """What the table keeps of a message as read."""
    people = (*message.from_, *message.to, *message.cc, *message.reply_to)
    return {
        "message_id": clean(message.message_id),
        "subject": clean(message.subject),
        "people": clean(" ".join(str(one) for one in people)),
        "head": written_out(pack_message(message)),
        "text": clean(message.text),
        "reading": written_out(pack_reading(reading)),
    }
