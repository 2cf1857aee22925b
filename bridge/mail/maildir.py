"""A Maildir whose mails have uids, as IMAP has them (https://cr.yp.to/proto/maildir.html, folders as in Maildir++).

A delivery is durable when `deliver` returns: the file is written to `tmp` and synced, its uid is appended to the list
and synced, and only then it is renamed to where it can be seen, and that is synced. A move is the same from there on:
the list of its new folder first, then the file, under a name of its own there; a crash before the rename leaves the
mail where it was, one after it where it was to be, and a uid that nobody was told of. Other delivery agents and mail
programs may put files into `new` and `cur`, rename them there and remove them: `sweep` gives uids to what it has not
met, and notes what has left.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Collection, Coroutine, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bridge.errors import Temporary
from bridge.mail.infoflags import flags_of, place_of, renamed
from bridge.mail.maildirfiles import MaildirFiles, new_base
from bridge.mail.uidlist import Entry, UidList
from bridge.model import Arrival
from bridge.sentences import say

T = TypeVar("T")

_LIST = "bridge-uidlist"
_MARKER = "maildirfolder"  # an empty file, by which Maildir++ knows a folder from a mailbox
_BATCH_MAILS = 50
_BATCH_BYTES = 8_000_000
_SETTLED = 2.0  # seconds: a folder that changed less long ago may change again within the same tick of its clock
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)

Mail = tuple[int, str, str]
"""A mail's uid, its base and its place (`maildirfiles`)."""


class Maildir:
    """One Maildir, opened and held until `close`.

    Every method raises Temporary where the files cannot be reached: no room, no permission, another process. What
    changes anything is finished once it has begun, even where its caller is cancelled.
    """

    def __init__(self, path: Path, *, moving: asyncio.Lock | None = None) -> None:
        """`moving` is shared by the folders of a mailbox: of two moves that cross, each would wait for the other."""
        with _reachable():
            self._files = MaildirFiles(path)
            self._list = UidList(path / _LIST)
        self._there: dict[str, str] = {}  # the place of each mail that is known to be there, by its base
        self._message_ids: dict[str, bytes] = {}  # by base, as far as they were asked for
        self._swept_at: tuple[int, int] | None = None  # when `new` and `cur` had changed last, if all is known since
        self._waiting: list[_Delivery] = []
        self._running: set[asyncio.Task[Any]] = set()
        self._turn = asyncio.Lock()
        self._moving = moving or asyncio.Lock()
        self._folders: dict[str, Maildir] = {}
        self.version = 0  # grows whenever there may be something new in `standing`
        self.arrived = asyncio.Event()  # set by what brings a mail; cleared by the one who waits for it

    @property
    def uidvalidity(self) -> int:
        """Under which its uids stand (RFC 3501 section 2.3.1.1)."""
        return self._list.uidvalidity

    @property
    def uidnext(self) -> int:
        """One more than the highest uid that can be read now."""
        return self._list.uidnext

    def folder(self, name: str) -> "Maildir":
        """A folder of this mailbox, such as `.Sent`, with its own uids; made where it is not there."""
        if not name.startswith(".") or "/" in name or name.strip(".") == "":
            raise ValueError("a folder's name is a dot and a word")
        if name not in self._folders:
            path = self._files.path / name
            self._folders[name] = Maildir(path, moving=self._moving)
            with _reachable():
                (path / _MARKER).touch(mode=0o600)
        return self._folders[name]

    async def close(self) -> None:
        """Finishes what has begun and lets go of the list."""
        while self._running:
            await asyncio.wait(self._running)
        for folder in self._folders.values():
            await folder.close()
        self._list.close()

    # --- looking ------------------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Looks for what others have delivered, renamed or taken away. Cheap where nothing has changed."""
        await self._whole(self._sweep())

    def standing(self) -> dict[int, frozenset[str]]:
        """The flags of every mail that was there when it was last looked, by uid."""
        uids = ((self._list.uid_of(base), place) for base, place in self._there.items())
        return {uid: flags_of(place) for uid, place in uids if uid is not None}

    async def load(self, uid: int, *, max_bytes: int) -> tuple[list[Arrival], int]:
        """The next mails from this uid on, at most 50 or 8 MB (one at least), and the uid to go on from.

        Mails of more than `max_bytes` come by their head alone, and those that cannot be read with nothing.
        """
        entries = self._list.following(uid, most=_BATCH_MAILS)
        if not entries:
            return [], max(uid, self.uidnext)
        with _reachable():
            return await asyncio.to_thread(self._read, self._mails(entries), max_bytes=max_bytes)

    async def fetch(self, uid: int, *, max_bytes: int) -> Arrival | None:
        """One mail, as `load` gives it; None where it is not there."""
        base = self._list.base_of(uid)
        if base is None:
            return None
        with _reachable():
            found, _ = await asyncio.to_thread(self._read, self._mails([(uid, base)]), max_bytes=max_bytes)
        return found[0] if found else None

    async def find(self, message_id: str) -> list[int]:
        """The uids of the mails of this Message-ID (with its angle brackets), in order."""
        await self.sweep()
        unread = {base: place for base, place in self._there.items() if base not in self._message_ids}
        self._message_ids |= await asyncio.to_thread(self._read_ids, unread)
        wanted = message_id.encode()
        found = (self._list.uid_of(base) for base in self._there if self._message_ids.get(base) == wanted)
        return sorted(uid for uid in found if uid is not None)

    async def since(self, day: date) -> list[int]:
        """The uids of the mails that came on this day (this machine's) or later, in order."""
        await self.sweep()
        with _reachable():
            came = await asyncio.to_thread(self._came, self._mails(self._list.following(1)))
        return [uid for uid, at in came if at.astimezone().date() >= day]

    # --- changing -----------------------------------------------------------------------------------------------------

    async def deliver(self, raw: bytes, *, flags: Collection[str] = ()) -> int:
        """Stores a mail and returns its uid once it is durable."""
        return await self._whole(self._store(raw, flags))

    async def set_flags(self, uids: Sequence[int], *, add: Collection[str], remove: Collection[str]) -> None:
        """Adds and removes flags; mails that are gone are left out, and flags that a Maildir does not know."""
        await self._whole(self._set_flags(uids, add=add, remove=remove))

    async def move(self, uids: Sequence[int], *, to: "Maildir") -> dict[int, int]:
        """Moves mails to another folder of the same mailbox; their new uids by the old ones, of those that were there.

        A crash leaves each mail in one of the two folders, never in both.
        """
        return await self._whole(self._move(uids, to=to))

    async def remove(self, uids: Sequence[int]) -> None:
        """Takes mails away for good; those that are gone already are as wanted."""
        await self._whole(self._remove(uids))

    async def adopt(self, mails: Sequence[Mail], *, out_of: MaildirFiles) -> dict[str, int]:
        """Takes over mails from other files on this disk; their uids here, by the bases that they had."""
        async with self._turn:
            with _reachable():
                entries = await asyncio.to_thread(self._list.append, [new_base() for _ in mails])
                taken = await asyncio.to_thread(self._take, mails, entries, out_of=out_of)
            # Only now: a reader that met a uid before its mail would go past it for ever.
            self._list.remember([(uid, base) for uid, base, _ in taken.values()])
            self._there |= {base: place for _, base, place in taken.values()}
            self.version += 1
        self.arrived.set()
        return {base: uid for base, (uid, _, _) in taken.items()}

    async def _whole(self, act: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(act)
        self._running.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may be gone

    async def _sweep(self) -> None:
        async with self._turn:
            with _reachable():
                seen = await asyncio.to_thread(self._scan)
            if seen is None:
                return
            there, left, strangers = seen
            self.version += there != self._there
            self._there = there
            self._list.forget(left)
            for base in left:
                self._message_ids.pop(base, None)
            self._list.remember(strangers)
            if strangers:
                self.arrived.set()

    async def _set_flags(self, uids: Sequence[int], *, add: Collection[str], remove: Collection[str]) -> None:
        async with self._turn:
            with _reachable():
                self._there |= await asyncio.to_thread(self._mark, self._of(uids), add=add, remove=remove)
            self.version += 1

    async def _move(self, uids: Sequence[int], *, to: "Maildir") -> dict[int, int]:
        async with self._moving, self._turn:
            mails = self._of(uids)
            if to is self:
                return {uid: uid for uid, _, _ in mails}
            taken = await to.adopt(mails, out_of=self._files)
            with _reachable():
                await asyncio.to_thread(self._list.leave, list(taken))
            self._list.forget(list(taken))
            for base in taken:
                self._there.pop(base, None)
                self._message_ids.pop(base, None)
        return {uid: taken[base] for uid, base, _ in mails if base in taken}

    async def _remove(self, uids: Sequence[int]) -> None:
        async with self._turn:
            mails = self._of(uids)
            bases = [base for _, base, _ in mails]
            with _reachable():
                await asyncio.to_thread(self._files.remove, mails)
                await asyncio.to_thread(self._list.leave, bases)
            self._list.forget(bases)
            for base in bases:
                self._there.pop(base, None)
                self._message_ids.pop(base, None)

    async def _store(self, raw: bytes, flags: Collection[str]) -> int:
        """Writes in parallel with others, then becomes visible together with those that wait: one sync for all."""
        base = new_base()
        with _reachable():
            await asyncio.to_thread(self._files.write, base, raw)
        delivery = _Delivery(base, place_of(base, flags))
        self._waiting.append(delivery)
        async with self._turn:
            if not delivery.uid.done():
                batch, self._waiting = self._waiting, []
                await self._commit(batch)
        return await delivery.uid

    async def _commit(self, batch: Sequence["_Delivery"]) -> None:
        places = {delivery.base: delivery.place for delivery in batch}
        try:
            with _reachable():
                entries = await asyncio.to_thread(self._list.append, list(places))
                await asyncio.to_thread(self._files.show, places)
        except Temporary as error:
            for delivery in batch:
                delivery.uid.set_exception(error)
            return
        self._list.remember(entries)
        self._there |= places
        self.version += 1
        for delivery, (uid, _) in zip(batch, entries, strict=True):
            delivery.uid.set_result(uid)
        self.arrived.set()

    def _of(self, uids: Sequence[int]) -> list[Mail]:
        """Those of these mails that have not left, as far as is known."""
        bases = ((uid, self._list.base_of(uid)) for uid in dict.fromkeys(uids))
        return self._mails([(uid, base) for uid, base in bases if base is not None])

    def _mails(self, entries: Sequence[Entry]) -> list[Mail]:
        return [(uid, base, self._there.get(base, f"new/{base}")) for uid, base in entries]

    # --- in threads ---------------------------------------------------------------------------------------------------

    def _scan(self) -> tuple[dict[str, str], list[str], list[Entry]] | None:
        """What is there, what has left, and the uids of mails met for the first time; None where nothing can have
        changed since the last time.
        """
        changed_at = self._files.changed_at()
        if changed_at == self._swept_at:
            return None
        there = self._files.places()
        if any(base not in there for base in self._list.known):
            there |= self._files.places()  # one that was passed over is there the next time
        left = [base for base in self._list.known if base not in there]
        self._list.leave(left)
        came = {base: self._files.came(base, there[base]) for base in there if base not in self._list}
        strangers = sorted((at, base) for base, at in came.items() if at is not None)
        entries = self._list.append([base for _, base in strangers])
        settled = max(changed_at) / 1e9 < time.time() - _SETTLED
        self._swept_at = changed_at if settled else None
        return there, left, entries

    def _read(self, mails: Sequence[Mail], *, max_bytes: int) -> tuple[list[Arrival], int]:
        arrivals: list[Arrival] = []
        room = _BATCH_BYTES
        for uid, base, place in mails:
            arrival = self._files.read(base, place, uidvalidity=self.uidvalidity, uid=uid, max_bytes=max_bytes)
            if arrival is None:
                continue
            room -= len(arrival.raw or arrival.head)
            if room < 0 and arrivals:
                return arrivals, uid
            arrivals.append(arrival)
        return arrivals, mails[-1][0] + 1

    def _read_ids(self, there: dict[str, str]) -> dict[str, bytes]:
        """Those of these mails by their bases; what cannot be read now is left out."""
        heads = {base: self._files.head(base, place) for base, place in there.items()}
        found = {base: _MESSAGE_ID.search(head) for base, head in heads.items() if head}
        return {base: match[1] if match else b"" for base, match in found.items()}

    def _came(self, mails: Sequence[Mail]) -> list[tuple[int, datetime]]:
        came = ((uid, self._files.came(base, place)) for uid, base, place in mails)
        return [(uid, at) for uid, at in came if at is not None]

    def _mark(self, mails: Sequence[Mail], *, add: Collection[str], remove: Collection[str]) -> dict[str, str]:
        """Where these mails are then, by base."""
        places = {}
        for _, base, place in mails:
            marked = self._files.rename(base, place, partial(renamed, add=add, remove=remove))
            if marked:
                places[base] = marked
        self._files.sync([*places.values(), *(place for _, base, place in mails if base in places)])
        return places

    def _take(self, mails: Sequence[Mail], entries: Sequence[Entry], *, out_of: MaildirFiles) -> dict[str, Mail]:
        """What these mails are here, by the bases that they had; without those that are gone."""
        taken = {}
        for (_, base, place), (uid, name) in zip(mails, entries, strict=True):
            to = out_of.rename(base, place, partial(renamed, add=(), remove=(), base=name), to=self._files)
            if to:
                taken[base] = (uid, name, to)
        self._files.sync(place for _, _, place in taken.values())
        out_of.sync(place for _, _, place in mails)
        return taken


class _Delivery:
    """A mail in `tmp` that waits for its uid."""

    def __init__(self, base: str, place: str) -> None:
        self.base = base
        self.place = place
        self.uid: asyncio.Future[int] = asyncio.get_running_loop().create_future()


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:
        raise Temporary(say("Another process is using the local mailbox: only one can at a time.")) from error
    except OSError as error:
        raise Temporary(
            say(
                "The local mailbox cannot be used ({why}): check its folder and the room on the disk.",
                why=error.strerror,
            ),
            detail=repr(error),
        ) from error
