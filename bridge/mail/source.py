"""What every source of mail promises, be it an IMAP server or the embedded mailbox. Pure: an interface and its values.

A mail's place in its folder is a uidvalidity and a uid (RFC 3501 section 2.3.1.1); a place once given is never given to
another mail.
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from bridge.errors import BridgeError, Temporary
from bridge.model import Arrival, Batch, Cursor
from bridge.sentences import say

FOLLOWED = ("\\Seen", "\\Flagged", "\\Answered", "\\Deleted")
"""The flags whose changes are told (RFC 3501 section 2.3.2)."""

Place = tuple[int, int]
"""Where a mail stands in its folder: uidvalidity and uid."""


class Renumbered(Temporary):
    """The folder has another uidvalidity than the uids that were named: its mails are under other uids now."""

    def __init__(self, *, detail: str = "") -> None:
        super().__init__(
            say("The folder's mails were numbered anew; it works again once they were read."), detail=detail
        )


class Role(StrEnum):
    """What a folder is for."""

    INBOX = "inbox"
    SENT = "sent"
    TRASH = "trash"
    ARCHIVE = "archive"
    JUNK = "junk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a mail in its folder: the flags it now has, of the four in `FOLLOWED`, or None: it is gone."""

    uidvalidity: int
    uid: int
    flags: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    r"""What became of mails that were to be moved.

    `places`: where they now stand, by their old uids, as far as the server told or their Message-ID was found.
    `missing`: those that were not there any more. `only_flagged`: this server cannot take single mails away (no
    UIDPLUS): they were copied, and stand marked \\Deleted in their old folder until a mail client cleans it up.
    """

    places: Mapping[int, Place]
    missing: tuple[int, ...] = ()
    only_flagged: bool = False


class Source(Protocol):
    """One mailbox. Reading marks nothing. Commands may be given whether or not the mailbox is being watched; each
    raises Temporary where it is away now, Permanent where it refuses for good.
    """

    failure: BridgeError | None
    """Why it cannot be watched now; None while it is."""

    @property
    def last_heard(self) -> datetime | None:
        """When it last gave any sign of life."""

    def arrivals(self, cursor: Cursor | None) -> AsyncGenerator[Batch, None]:
        """The inbox's mails from that place on, in the order of their uids, without end: at most 50 or 8 MB a batch.

        What was given counts as durable when the next batch is asked for. The first batch may hold only the cursor that
        is to be committed. A mail that was moved back arrives again, under its new place.
        """

    def changes(self, known: Iterable[Change] = ()) -> AsyncGenerator[Change, None]:
        """What other mail programs do to the inbox's mails of `known`, and to those that `arrivals` gives from now on.

        Where what is known is no longer so, that is told first. Our own commands are no changes.
        """

    async def since(self, cursor: Cursor | None, *, folder: str) -> Batch:
        """The next mails of a folder from that place on, at most 50 or 8 MB; without one, or where the folder was
        numbered anew, none, and where to go on from. What was given counts as durable when its cursor is handed back.
        """

    async def set_flags(
        self,
        uids: Sequence[int],
        *,
        uidvalidity: int,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        folder: str | None = None,
    ) -> None:
        r"""Add and remove flags such as `\Seen`; mails that are gone are left out. `folder`: the inbox if not said."""

    async def move(self, uids: Sequence[int], *, uidvalidity: int, to: str, folder: str | None = None) -> Moved:
        """Move mails to the folder `to`. Raises Uncertain where it is not known how far it came."""

    async def remove(self, uids: Sequence[int], *, uidvalidity: int, folder: str | None = None) -> bool:
        """Take mails away for good, and no other. False where this server cannot (no UIDPLUS): they are marked as
        deleted, until a mail client cleans up.
        """

    async def append(self, raw: bytes, *, to: str, flags: Collection[str] = ("\\Seen",)) -> Place | None:
        """Store a mail in the folder `to`; its place where that is told. Raises Uncertain where it may stand there."""

    async def find(self, message_id: str, *, folder: str) -> list[Place]:
        """Where a folder has mails of this Message-ID (with its angle brackets), the oldest first."""

    async def fetch(self, uid: int, *, uidvalidity: int, folder: str | None = None) -> Arrival | None:
        """A mail, as `arrivals` gives it; None where it is not there."""

    async def uids(self, first: int, *, uidvalidity: int) -> list[int]:
        """The uids of the inbox's mails from that one on, in order."""

    async def search_since(self, day: date) -> list[Place]:
        """The inbox's mails that were taken in on this day or later, the oldest first."""

    async def folders(self) -> Mapping[Role, str]:
        """The names of the folders by role, for each role that there is one for."""
