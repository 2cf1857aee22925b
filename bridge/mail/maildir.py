"""A Maildir whose mails have uids, as IMAP has them (https://cr.yp.to/proto/maildir.html, folders as in Maildir++).

A delivery is durable when `deliver` returns: the file is written to `tmp` and synced, its uid is appended to the list
and synced, and only then it is renamed to where it can be seen, and that is synced. A move is the same from there on:
the list of its new folder first, then the file. Other delivery agents and mail programs may put files into `new` and
`cur`, rename them there and remove them: `sweep` gives uids to what it has not met, and notes what has left.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bridge.errors import Temporary
from bridge.mail.infoflags import base_of, flags_of, renamed
from bridge.mail.uidlist import Entry, UidList, sync_folder
from bridge.model import Arrival

_LIST = "bridge-uidlist"
_BATCH_MAILS = 50
_BATCH_BYTES = 8_000_000
_LONGEST_HEAD = 262_144  # bytes read in search of the end of a header block
_SETTLED = 2.0  # seconds: a folder that changed less long ago may change again within the same tick of its clock
_ABANDONED = 36 * 3600.0  # seconds after which a file in `tmp` is nobody's any more (Maildir's own rule)

_TRIES = 3  # looks at a file that is renamed while it is looked for

_UNREAD = "new/{}"
_READ = "cur/{}:2,S"

_delivery = count()


class Maildir:
    """One Maildir, opened and held until `close`.

    Every method raises Temporary where the files cannot be reached: no room, no permission, another process.
    """

    def __init__(self, path: Path, *, place: str = _UNREAD, moving: asyncio.Lock | None = None) -> None:
        """`moving` is shared by the folders of a mailbox: of two moves that cross, each would wait for the other."""
        self._path = path
        self._place = place
        with _reachable():
            for name in ("tmp", "new", "cur"):
                (path / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._clean()
            self._list = UidList(path / _LIST)
        self._there: dict[str, str] = {}  # each mail's file, seen from the Maildir, by its name without flags
        self._swept_at: tuple[int, int] | None = None  # when `new` and `cur` had changed last, if all is known since
        self._waiting: list[_Delivery] = []
        self._running: set[asyncio.Task[int]] = set()
        self._turn = asyncio.Lock()
        self._moving = moving or asyncio.Lock()
        self._folders: dict[str, Maildir] = {}
        self.arrived = asyncio.Event()  # set by what brings a mail; cleared by the one who waits for it

    @property
    def uidvalidity(self) -> int:
        """Under which its uids stand (RFC 3501 section 2.3.1.1)."""
        return self._list.uidvalidity

    @property
    def uidnext(self) -> int:
        """One more than the highest uid that can be read now."""
        return self._list.uidnext

    async def deliver(self, raw: bytes, *, folder: str = "") -> int:
        """Stores a mail and returns its uid once it is durable.

        In a `folder` it counts as read. A delivery that has begun is finished, even where its caller is cancelled.
        """
        if folder:
            return await self.folder(folder).deliver(raw)
        task = asyncio.create_task(self._store(raw))
        self._running.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    async def sweep(self) -> None:
        """Looks for what others have delivered, renamed or taken away. Cheap where nothing has changed."""
        async with self._turn:
            with _reachable():
                seen = await asyncio.to_thread(self._scan)
            if seen:
                self._there, left, strangers = seen
                self._list.forget(left)
                self._list.remember(strangers)
                if strangers:
                    self.arrived.set()

    def standing(self) -> dict[int, frozenset[str]]:
        """The flags of every mail that was there when it was last looked, by uid."""
        uids = ((self._list.uid_of(base), place) for base, place in self._there.items())
        return {uid: flags_of(place) for uid, place in uids if uid is not None}

    async def load(self, uid: int, *, max_bytes: int) -> tuple[list[Arrival], int]:
        """The next mails from this uid on, at most 50 or 8 MB (one at least), and the uid to go on from.

        Mails of more than `max_bytes`, and those that cannot be read, come by their head alone.
        """
        entries = self._list.following(uid, most=_BATCH_MAILS)
        if not entries:
            return [], uid
        with _reachable():
            return await asyncio.to_thread(self._read_batch, entries, max_bytes=max_bytes)

    async def fetch(self, uid: int, *, max_bytes: int) -> Arrival | None:
        """One mail; None where it is not there."""
        base = self._list.base_of(uid)
        if base is None:
            return None
        with _reachable():
            return await asyncio.to_thread(self._fetch, uid, base, places={}, max_bytes=max_bytes)

    async def heads(self) -> list[tuple[int, bytes, datetime]]:
        """Of every mail its uid, its header block and when it came, the oldest uid first."""
        await self.sweep()
        with _reachable():
            return await asyncio.to_thread(self._heads, dict(self._there))

    async def set_flags(self, uids: Sequence[int], *, add: Collection[str], remove: Collection[str]) -> None:
        """Adds and removes flags; mails that are gone are left out."""
        async with self._turn:
            with _reachable():
                self._there |= await asyncio.to_thread(self._rename, uids, add=add, remove=remove)

    async def move(self, uids: Sequence[int], *, to: "Maildir") -> dict[int, int]:
        """Moves mails to another folder of the same mailbox; their new uids by the old ones, of those that were there.

        A crash leaves each mail in one of the two folders, never in both.
        """
        async with self._moving, self._turn:
            with _reachable():
                found = await asyncio.to_thread(self._found, uids)
                uids_there = await to.adopt([(base, self._path / place) for _, base, place in found])
                left = [base for _, base, _ in found]
                await asyncio.to_thread(self._list.leave, left)
            self._list.forget(left)
            for base in left:
                self._there.pop(base, None)
        return dict(zip([uid for uid, _, _ in found], uids_there, strict=True))

    async def adopt(self, files: Sequence[tuple[str, Path]]) -> list[int]:
        """Takes over mails from elsewhere on this disk: of each its name without flags, and its file. Their uids."""
        async with self._turn:
            with _reachable():
                entries, places = await asyncio.to_thread(self._adopt, files)
            self._list.remember(entries)
            self._there |= places
        self.arrived.set()
        return [uid for uid, _ in entries]

    async def close(self) -> None:
        """Finishes what has begun and lets go of the list."""
        for folder in self._folders.values():
            await folder.close()
        if self._running:
            await asyncio.wait(self._running)
        self._list.close()

    def folder(self, name: str) -> "Maildir":
        """A folder of this mailbox, such as `.Sent`, with its own uids; made where it is not there."""
        if not name.startswith(".") or "/" in name or name.strip(".") == "":
            raise ValueError("a folder's name is a dot and a word")
        if name not in self._folders:
            self._folders[name] = Maildir(self._path / name, place=_READ, moving=self._moving)
        return self._folders[name]

    def _over(self, task: asyncio.Task[int]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may be gone

    async def _store(self, raw: bytes) -> int:
        """Writes in parallel with others, then becomes visible together with those that wait: one sync for all."""
        base = _new_base()
        with _reachable():
            await asyncio.to_thread(self._write, base, raw)
        delivery = _Delivery(base)
        self._waiting.append(delivery)
        async with self._turn:
            if not delivery.uid.done():
                batch, self._waiting = self._waiting, []
                await self._commit(batch)
        return await delivery.uid

    async def _commit(self, batch: Sequence["_Delivery"]) -> None:
        entries: list[Entry] = []
        try:
            with _reachable():
                entries = await asyncio.to_thread(self._list.append, [delivery.base for delivery in batch])
                await asyncio.to_thread(self._show, [delivery.base for delivery in batch])
        except Temporary as error:
            self._list.remember([(uid, "") for uid, _ in entries])  # these uids are spent
            for delivery in batch:
                delivery.uid.set_exception(error)
            return
        # Only now: a reader that met a uid before its mail would go past it for ever.
        self._list.remember(entries)
        self._there |= {delivery.base: self._place.format(delivery.base) for delivery in batch}
        for delivery, (uid, _) in zip(batch, entries, strict=True):
            delivery.uid.set_result(uid)
        self.arrived.set()

    # --- files, in threads ------------------------------------------------------------------------------------------

    def _clean(self) -> None:
        for entry in os.scandir(self._path / "tmp"):
            if entry.stat().st_mtime < time.time() - _ABANDONED:
                Path(entry).unlink(missing_ok=True)

    def _write(self, base: str, raw: bytes) -> None:
        path = self._path / "tmp" / base
        try:
            with path.open("xb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _show(self, bases: Sequence[str]) -> None:
        for base in bases:
            (self._path / "tmp" / base).rename(self._path / self._place.format(base))
        sync_folder((self._path / self._place).parent)

    def _scan(self) -> tuple[dict[str, str], list[str], list[Entry]] | None:
        """What is there, what has left, and the uids of mails met for the first time; None where nothing can have
        changed since the last time.
        """
        changed_at = ((self._path / "new").stat().st_mtime_ns, (self._path / "cur").stat().st_mtime_ns)
        if changed_at == self._swept_at:
            return None
        there = self._places()
        if any(base not in there for base in self._list.known):
            there |= self._places()  # a file that is renamed while its folder is read may be passed over, once
        left = [base for base in self._list.known if base not in there]
        self._list.leave(left)
        strangers = {base: place for base, place in there.items() if base not in self._list}
        entries = self._list.append(sorted(strangers, key=lambda base: (self._age(strangers[base]), base)))
        settled = max(changed_at) / 1e9 < time.time() - _SETTLED
        self._swept_at = changed_at if settled else None
        return there, left, entries

    def _found(self, uids: Sequence[int]) -> list[tuple[int, str, str]]:
        """Of these mails uid, name without flags and file, of those that are there."""
        there = self._places()
        bases = [(uid, self._list.base_of(uid)) for uid in uids]
        return [(uid, base, there[base]) for uid, base in bases if base is not None and base in there]

    def _rename(self, uids: Sequence[int], *, add: Collection[str], remove: Collection[str]) -> dict[str, str]:
        places = {}
        for _, base, place in self._found(uids):
            places[base] = renamed(place, add=add, remove=remove)
            (self._path / place).rename(self._path / places[base])
        sync_folder(self._path / "cur")
        return places

    def _adopt(self, files: Sequence[tuple[str, Path]]) -> tuple[list[Entry], dict[str, str]]:
        places = {base: renamed(f"{file.parent.name}/{file.name}", add=(), remove=()) for base, file in files}
        entries = self._list.append([base for base, _ in files])
        for base, file in files:
            file.rename(self._path / places[base])
        sync_folder(self._path / "cur")
        return entries, places

    def _heads(self, there: dict[str, str]) -> list[tuple[int, bytes, datetime]]:
        found = []
        for base, place in there.items():
            uid = self._list.uid_of(base)
            with contextlib.suppress(OSError), (self._path / place).open("rb") as file:
                came = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                if uid is not None:
                    found.append((uid, _head(file.read(_LONGEST_HEAD)), came))
        return sorted(found)

    def _places(self) -> dict[str, str]:
        """Every mail's file, seen from the Maildir, by its name without flags."""
        places: dict[str, str] = {}
        for folder in ("new", "cur"):  # mails move from new to cur: in this order none is missed
            with os.scandir(self._path / folder) as entries:
                names = [
                    entry.name
                    for entry in entries
                    if not entry.name.startswith((".", ":")) and entry.is_file(follow_symlinks=False)
                ]
            places |= {base_of(name): f"{folder}/{name}" for name in names}
        return places

    def _age(self, place: str) -> int:
        try:
            return (self._path / place).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _read_batch(self, entries: Sequence[Entry], *, max_bytes: int) -> tuple[list[Arrival], int]:
        arrivals: list[Arrival] = []
        room = _BATCH_BYTES
        places: dict[str, str] = {}
        for uid, base in entries:
            if self._list.uid_of(base) not in (uid, None):
                continue  # it has left and come back since
            arrival = self._fetch(uid, base, places=places, max_bytes=max_bytes)
            if arrival is None:
                continue
            room -= len(arrival.raw or arrival.head)
            if room < 0 and arrivals:
                return arrivals, uid
            arrivals.append(arrival)
        return arrivals, entries[-1][0] + 1

    def _fetch(self, uid: int, base: str, *, places: dict[str, str], max_bytes: int) -> Arrival | None:
        """The mail, looked for again where a mail program has renamed it just now; None where it is gone.

        `places` is filled the first time a mail is not where it was put.
        """
        arrival = self._read(f"new/{base}", uid=uid, max_bytes=max_bytes)
        for _ in range(_TRIES):
            if arrival is not None:
                break
            if not places:
                places |= self._places()
            if base not in places:
                break
            arrival = self._read(places[base], uid=uid, max_bytes=max_bytes)
            if arrival is None:
                places.clear()
        return arrival

    def _read(self, place: str, *, uid: int, max_bytes: int) -> Arrival | None:
        try:
            with (self._path / place).open("rb") as file:
                status = os.fstat(file.fileno())
                small = status.st_size <= max_bytes
                content = file.read() if small else file.read(_LONGEST_HEAD)
        except FileNotFoundError:
            return None
        except OSError:
            # One file that cannot be read must not hold up all that come after it: people see that it is there.
            return Arrival(uidvalidity=self.uidvalidity, uid=uid, size=0, raw=None)
        return Arrival(
            uidvalidity=self.uidvalidity,
            uid=uid,
            size=status.st_size,
            raw=content if small else None,
            head=b"" if small else _head(content),
            received=datetime.fromtimestamp(status.st_mtime, UTC),
        )


class _Delivery:
    """A mail in `tmp` that waits for its uid."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.uid: asyncio.Future[int] = asyncio.get_running_loop().create_future()


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:
        raise Temporary("Another process is using the local mailbox: only one can at a time.") from error
    except OSError as error:
        raise Temporary(
            f"The local mailbox cannot be used ({error.strerror}): check its folder and the room on the disk.",
            detail=repr(error),
        ) from error


def _new_base() -> str:
    """A file name that no other delivery has, on this machine or on another one that shares the folder."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    return f"{seconds}.M{nanoseconds // 1000}P{os.getpid()}Q{next(_delivery)}R{secrets.token_hex(4)}.{host}"


def _head(content: bytes) -> bytes:
    """The header block, its empty line left out."""
    ends = [end for end in (content.find(b"\r\n\r\n"), content.find(b"\n\n")) if end >= 0]
    return content[: min(ends)] if ends else content
