"""The files of one Maildir: written, looked for, read and renamed (talks). Every call blocks and may raise OSError.

A mail's `base` is its file's name without flags, its `place` is where the file is, seen from the Maildir (`infoflags`).
Mail programs rename files at any time: what is not where it was is looked for before it counts as gone.
"""

import contextlib
import os
import secrets
import socket
import stat
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

from bridge.mail.infoflags import base_of
from bridge.mail.uidlist import sync_folder
from bridge.model import Arrival, now

T = TypeVar("T")

_LONGEST_HEAD = 262_144  # bytes read in search of the end of a header block
_PIECE = 16_384  # bytes of it read at a time: most are shorter
_ABANDONED = 36 * 3600.0  # seconds after which a file in `tmp` is nobody's any more (Maildir's own rule)
_TRIES = 20  # looks for a file that is renamed while it is looked for

_written = count()


class MaildirFiles:
    """The folders `tmp`, `new` and `cur` at `path`; made where they are missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("tmp", "new", "cur"):
            (path / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in os.scandir(path / "tmp"):
            if entry.stat().st_mtime < time.time() - _ABANDONED:
                Path(entry).unlink(missing_ok=True)

    # --- putting ------------------------------------------------------------------------------------------------------

    def write(self, base: str, raw: bytes) -> None:
        """Writes a mail to `tmp`, where nobody sees it yet; it is on the disk when this returns."""
        path = self.path / "tmp" / base
        try:
            with path.open("xb") as file:
                file.write(raw)
                file.flush()
                came = now().timestamp()  # by the bridge's clock, which the demo sets ahead of the disk's
                os.utime(path, (came, came))
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def show(self, places: dict[str, str]) -> None:
        """Puts written mails where they can be seen, by their bases; durable when this returns."""
        for base, place in places.items():
            (self.path / "tmp" / base).rename(self.path / place)
        self.sync(places.values())

    def rename(
        self, base: str, place: str, act: Callable[[str], str], *, to: "MaildirFiles | None" = None
    ) -> str | None:
        """Renames a mail to what `act` makes of its place, here or among the files `to`; not durable yet.

        Its new place, or None where it is gone.
        """
        path = (to or self).path

        def move(place: str) -> str:
            target = act(place)
            (self.path / place).rename(path / target)
            return target

        return self._reach(base, place, move)

    def remove(self, mails: Iterable[tuple[int, str, str]]) -> None:
        """Deletes mails, wherever their files are by now."""
        for _, base, place in mails:
            self._reach(base, place, lambda place: (self.path / place).unlink())

    def sync(self, places: Iterable[str]) -> None:
        """Makes what was renamed to, or from, these places durable: `cur` first, so that what is moved is not lost."""
        for folder in sorted({place.partition("/")[0] for place in places}):
            sync_folder(self.path / folder)

    # --- looking ------------------------------------------------------------------------------------------------------

    def changed_at(self) -> tuple[int, int]:
        """When `new` and `cur` were changed last, in nanoseconds."""
        return (self.path / "new").stat().st_mtime_ns, (self.path / "cur").stat().st_mtime_ns

    def places(self) -> dict[str, str]:
        """Where every mail is, by its base. One that is renamed meanwhile may be passed over."""
        places: dict[str, str] = {}
        for folder in ("new", "cur"):  # mails move from new to cur: in this order none of those is missed
            with os.scandir(self.path / folder) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith((".", ":"))]
            places |= {base_of(name): f"{folder}/{name}" for name in names}
        return places

    def came(self, base: str, place: str) -> datetime | None:
        """When a mail was taken in; None where it is gone, or is no file."""
        status = self._reach(base, place, lambda place: (self.path / place).lstat())
        return _time(status) if status and stat.S_ISREG(status.st_mode) else None

    def head(self, base: str, place: str) -> bytes:
        """A mail's header block; empty where it is gone or cannot be read."""

        def read(place: str) -> bytes:
            with (self.path / place).open("rb") as file:
                content = file.read(_PIECE)
                while len(_head(content)) == len(content) < _LONGEST_HEAD and (more := file.read(_PIECE)):
                    content += more
            return _head(content)

        try:
            return self._reach(base, place, read) or b""
        except OSError:
            return b""

    def read(self, base: str, place: str, *, uidvalidity: int, uid: int, max_bytes: int) -> Arrival | None:
        """A mail, by its head alone where it has more than `max_bytes`, and with nothing where it cannot be read: one
        file must not hold up all that come after it. None where it is gone.
        """

        def read(place: str) -> Arrival:
            with (self.path / place).open("rb") as file:
                status = os.fstat(file.fileno())
                small = status.st_size <= max_bytes
                content = file.read() if small else file.read(_LONGEST_HEAD)
            return Arrival(
                uidvalidity=uidvalidity,
                uid=uid,
                size=status.st_size,
                raw=content if small else None,
                head=b"" if small else _head(content),
                received=_time(status),
            )

        try:
            return self._reach(base, place, read)
        except OSError:
            return Arrival(uidvalidity=uidvalidity, uid=uid, size=0, raw=None)

    def _reach(self, base: str, place: str, act: Callable[[str], T]) -> T | None:
        """Acts on a mail's file, wherever a mail program has renamed it to just now; None where it is gone."""
        for _ in range(_TRIES):
            with contextlib.suppress(FileNotFoundError):
                return act(place)
            found = self.places().get(base) or self.places().get(base)  # it may have been passed over, once
            if found is None:
                return None
            place = found
        return act(place)


def new_base() -> str:
    """A name that no other mail has, on this machine or on another one that shares the folder."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    return f"{seconds}.M{nanoseconds // 1000}P{os.getpid()}Q{next(_written)}R{secrets.token_hex(4)}.{host}"


def _time(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)


def _head(content: bytes) -> bytes:
    """The header block, its empty line left out."""
    ends = [end for end in (content.find(b"\r\n\r\n"), content.find(b"\n\n")) if end >= 0]
    return content[: min(ends)] if ends else content
