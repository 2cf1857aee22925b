"""A mailbox that is a Maildir: its mails as they come, what others do to them, and what agents want done (talks)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from bridge.errors import BridgeError
from bridge.mail.maildir import Maildir
from bridge.mail.source import Change, Moved, Place, Renumbered, Role
from bridge.mail.view import View
from bridge.model import Arrival, Batch, Cursor, now

_SWEEP = 2.0  # seconds between looks at what others do in the folder

_INBOX = "INBOX"
_FOLDERS = {
    Role.INBOX: _INBOX,
    Role.SENT: ".Sent",
    Role.TRASH: ".Trash",
    Role.ARCHIVE: ".Archive",
    Role.JUNK: ".Junk",
}


class LocalSource:
    """One Maildir and its folders, which are made when they are first needed.

    `last_heard`: when it was last looked at; what goes wrong ends `arrivals`, so there is no `failure` beside it.
    """

    def __init__(self, maildir: Maildir, *, max_bytes: int, sweep_seconds: float = _SWEEP) -> None:
        self._maildir = maildir
        self._max_bytes = max_bytes
        self._sweep_seconds = sweep_seconds
        self._view: View | None = None
        self._compared: int | None = None  # with which version of the folder
        self.failure: BridgeError | None = None
        self.last_heard: datetime | None = None

    # --- reading ------------------------------------------------------------------------------------------------------

    async def arrivals(self, cursor: Cursor | None) -> AsyncGenerator[Batch, None]:
        """Batches of mails, in the order of their uids: at most 50 or 8 MB, never empty, without end.

        Begins at the cursor, or at the first mail where there is none or it is of another uidvalidity. Mails of more
        than `max_bytes` come by their head alone. Raises Temporary where the folder cannot be read.
        """
        maildir, clock = self._maildir, asyncio.get_running_loop().time
        uid = cursor.uidnext if cursor and cursor.uidvalidity == maildir.uidvalidity else 1
        sweep_at = clock()
        while True:
            maildir.arrived.clear()
            if clock() >= sweep_at:
                await maildir.sweep()
                self.last_heard = now()
                sweep_at = clock() + self._sweep_seconds
            while uid < maildir.uidnext:
                batch, uid = await maildir.load(uid, max_bytes=self._max_bytes)
                if batch:
                    cursor = Cursor(uidvalidity=maildir.uidvalidity, uidnext=uid)
                    yield Batch(cursor=cursor, arrivals=tuple(batch))
                    self._follow(batch)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(sweep_at):
                    await maildir.arrived.wait()

    def _follow(self, durable: Iterable[Arrival]) -> None:
        if self._view is not None:
            for arrival in durable:
                self._view.follow(arrival.uid, ())
            self._compared = None  # the flags that they brought along are their first change

    async def changes(self, known: Iterable[Change] = ()) -> AsyncGenerator[Change, None]:
        """What other mail programs do to the mails of `known`, and to those that `arrivals` gives from now on.

        Told with the next look at the folder. Raises Temporary where it cannot be read.
        """
        maildir = self._maildir
        view = self._view = View(maildir.uidvalidity, known=known)
        self._compared = None
        try:
            while True:
                await maildir.sweep()
                if self._compared != maildir.version:
                    self._compared, standing = maildir.version, maildir.standing()
                    for change in (*view.saw(standing), *view.only(standing)):
                        yield change
                await asyncio.sleep(self._sweep_seconds)
        finally:
            if self._view is view:
                self._view = None

    async def since(self, cursor: Cursor | None, *, folder: str) -> Batch:
        """The next mails of a folder from that place on, at most 50 or 8 MB; without one, or where the folder was
        numbered anew, none, and where to go on from.
        """
        maildir = await self._of(folder)
        if cursor is None or cursor.uidvalidity != maildir.uidvalidity:
            return Batch(cursor=Cursor(uidvalidity=maildir.uidvalidity, uidnext=maildir.uidnext))
        found, uid = await maildir.load(cursor.uidnext, max_bytes=self._max_bytes)
        return Batch(cursor=Cursor(uidvalidity=maildir.uidvalidity, uidnext=uid), arrivals=tuple(found))

    async def fetch(self, uid: int, *, uidvalidity: int, folder: str | None = None) -> Arrival | None:
        """A mail, as `arrivals` gives it; None where it is not there."""
        maildir = await self._of(folder, uidvalidity=uidvalidity)
        return await maildir.fetch(uid, max_bytes=self._max_bytes)

    async def find(self, message_id: str, *, folder: str) -> list[Place]:
        """Where a folder has mails of this Message-ID (with its angle brackets), the oldest first."""
        maildir = await self._of(folder)
        return [(maildir.uidvalidity, uid) for uid in await maildir.find(message_id)]

    async def uids(self, first: int, *, uidvalidity: int) -> list[int]:
        """The uids of the inbox's mails from that one on, in order."""
        maildir = await self._of(None, uidvalidity=uidvalidity)
        await maildir.sweep()
        return sorted(uid for uid in maildir.standing() if uid >= first)

    async def search_since(self, day: date) -> list[Place]:
        """The inbox's mails that came on this day (this machine's) or later, the oldest first."""
        maildir = await self._of(_INBOX)
        return [(maildir.uidvalidity, uid) for uid in await maildir.since(day)]

    async def folders(self) -> Mapping[Role, str]:
        """The names of the folders by role."""
        return _FOLDERS

    # --- what agents want done ----------------------------------------------------------------------------------------

    async def set_flags(
        self,
        uids: Sequence[int],
        *,
        uidvalidity: int,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        folder: str | None = None,
    ) -> None:
        r"""Add and remove flags such as `\Seen`; mails that are gone are left out."""
        maildir = await self._of(folder, uidvalidity=uidvalidity)
        await maildir.set_flags(uids, add=add, remove=remove)
        if maildir is self._maildir and self._view is not None:
            self._view.expect(uids, add=add, remove=remove)

    async def move(self, uids: Sequence[int], *, uidvalidity: int, to: str, folder: str | None = None) -> Moved:
        """Move mails to the folder `to`; their new places are always told."""
        maildir, target = await self._of(folder, uidvalidity=uidvalidity), await self._of(to)
        moved = await maildir.move(uids, to=target)
        if maildir is self._maildir and target is not maildir and self._view is not None:
            self._view.forget(moved)
        places = {uid: (target.uidvalidity, new) for uid, new in moved.items()}
        return Moved(places=places, missing=tuple(uid for uid in uids if uid not in moved))

    async def remove(self, uids: Sequence[int], *, uidvalidity: int, folder: str | None = None) -> bool:
        """Take mails away for good."""
        maildir = await self._of(folder, uidvalidity=uidvalidity)
        await maildir.remove(uids)
        if maildir is self._maildir and self._view is not None:
            self._view.forget(uids)
        return True

    async def append(self, raw: bytes, *, to: str, flags: Collection[str] = ("\\Seen",)) -> Place:
        """Store a mail in the folder `to`; its place there."""
        maildir = await self._of(to)
        return maildir.uidvalidity, await maildir.deliver(raw, flags=flags)

    async def _of(self, folder: str | None, *, uidvalidity: int | None = None) -> Maildir:
        """A folder, looked at just now. Raises Temporary where its uids are no longer those of this uidvalidity."""
        maildir = self._maildir if folder in (None, _INBOX) else self._maildir.folder(folder)
        if uidvalidity not in (None, maildir.uidvalidity):
            raise Renumbered
        await maildir.sweep()
        return maildir
