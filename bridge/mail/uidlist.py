"""Which uid each mail of a Maildir has: one file, appended only, that survives a crash in the middle of a line.

A line `uidvalidity N`, then a line `UID NAME` for each mail, NAME without its flags and percent-encoded; `0 NAME` says
that the mail has left, so that it gets another uid should it come back. What `append` returned is on the disk. A last
line that a crash has torn is cut off: nobody was told of it. A list whose first line cannot be read is begun anew,
under another uidvalidity. One process holds it at a time.
"""

import fcntl
import os
import secrets
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_LEFT = 0  # no mail has this uid

Entry = tuple[int, str]
"""A uid and the mail's name without flags."""


class UidList:
    """The list, opened. `append` writes (call it in a thread); what it returns counts only once it is remembered.

    Raises OSError where the file cannot be used, BlockingIOError where another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._uid_of: dict[str, int] = {}
            self.uidvalidity, entries = self._read()
        except OSError:
            os.close(self._file)
            raise
        sync_folder(path.parent)
        self._uids = [uid for uid, _ in entries]
        self._bases = [base for _, base in entries]
        self._next = self.uidnext  # the next uid to be given: what was given but never remembered is spent

    def __contains__(self, base: str) -> bool:
        return base in self._uid_of

    @property
    def known(self) -> tuple[str, ...]:
        """The mails that have not left."""
        return tuple(self._uid_of)

    def uid_of(self, base: str) -> int | None:
        """The uid that a mail has now; None for one that is not in the list, or has left."""
        return self._uid_of.get(base)

    def base_of(self, uid: int) -> str | None:
        """The mail that has this uid now; None where it has left."""
        found = self.following(uid, most=1)
        return found[0][1] if found and found[0][0] == uid else None

    @property
    def uidnext(self) -> int:
        """One more than the highest uid that is known."""
        return self._uids[-1] + 1 if self._uids else 1

    def following(self, uid: int, *, most: int | None = None) -> list[Entry]:
        """The next entries from this uid on, in order, without those of mails that have left."""
        start = bisect_left(self._uids, uid)
        later = zip(islice(self._uids, start, None), islice(self._bases, start, None), strict=True)
        return list(islice(((uid, base) for uid, base in later if self._uid_of.get(base) == uid), most))

    def append(self, bases: Sequence[str]) -> list[Entry]:
        """Gives uids to these mails, durably; where it fails, the list is as before. No uid is given twice."""
        entries = list(enumerate(bases, self._next))
        self._write(entries)
        self._next += len(entries)
        return entries

    def leave(self, bases: Sequence[str]) -> None:
        """Notes that these mails have left; where it fails, the list is as before."""
        self._write([(_LEFT, base) for base in bases])

    def _write(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        text = "".join(f"{uid} {quote_from_bytes(os.fsencode(base))}\n" for uid, base in entries)
        length = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write_all(self._file, text.encode())
        except OSError:
            os.ftruncate(self._file, length)
            raise

    def remember(self, entries: Sequence[Entry]) -> None:
        """Takes appended entries among the known ones."""
        for uid, base in entries:
            self._uids.append(uid)
            self._bases.append(base)
            self._uid_of[base] = uid

    def forget(self, bases: Sequence[str]) -> None:
        """Takes those that have left from the known ones."""
        for base in bases:
            self._uid_of.pop(base, None)

    def close(self) -> None:
        """Lets another process have it."""
        os.close(self._file)

    def _read(self) -> tuple[int, list[Entry]]:
        whole, _, torn = self._content().rpartition(b"\n")
        first, *rows = whole.split(b"\n")
        word, _, number = first.partition(b" ")
        if word != b"uidvalidity" or not number.isdigit():
            uidvalidity = 1 + secrets.randbelow(2**31 - 1)
            os.ftruncate(self._file, 0)
            _write_all(self._file, f"uidvalidity {uidvalidity}\n".encode())
            return uidvalidity, []
        if torn:
            os.ftruncate(self._file, len(whole) + 1)
        entries: list[Entry] = []
        for row in rows:
            uid, _, name = row.partition(b" ")
            base = os.fsdecode(unquote_to_bytes(name))
            if name and uid == b"%d" % _LEFT:
                self._uid_of.pop(base, None)
            elif name and uid.isdigit() and int(uid) > (entries[-1][0] if entries else 0):
                entries.append((int(uid), base))
                self._uid_of[base] = int(uid)
        return int(number), entries

    def _content(self) -> bytes:
        os.lseek(self._file, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._file), "rb") as file:
            return file.read()


def _write_all(file: int, content: bytes) -> None:
    """Writes at the file's position, and syncs."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable: a renamed file is only then where it was put."""
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
