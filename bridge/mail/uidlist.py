"""Which uid each mail of a Maildir has: one file, appended only, that survives a crash in the middle of a line.

A line `uidvalidity N`, then a line `UID NAME` for each mail, NAME without its flags and percent-encoded. What `append`
returned is on the disk. A last line that a crash has torn is cut off: nobody was told of it. A list whose first line
cannot be read is begun anew, under another uidvalidity. One process holds it at a time.
"""

import fcntl
import os
import secrets
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

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
            self.uidvalidity, entries = self._read()
        except OSError:
            os.close(self._file)
            raise
        sync_folder(path.parent)
        self._uids = [uid for uid, _ in entries]
        self._bases = [base for _, base in entries]
        self._known = set(self._bases)

    def __contains__(self, base: str) -> bool:
        return base in self._known

    @property
    def uidnext(self) -> int:
        """The uid that the next mail will have."""
        return self._uids[-1] + 1 if self._uids else 1

    def following(self, uid: int, *, most: int) -> list[Entry]:
        """The next entries from this uid on, in order."""
        start = bisect_left(self._uids, uid)
        return list(zip(self._uids[start : start + most], self._bases[start : start + most], strict=True))

    def append(self, bases: Sequence[str]) -> list[Entry]:
        """Gives uids to these mails, durably; where it fails, the list is as before."""
        if not bases:
            return []
        entries = list(enumerate(bases, self.uidnext))
        text = "".join(f"{uid} {quote_from_bytes(os.fsencode(base))}\n" for uid, base in entries)
        length = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write_all(self._file, text.encode())
        except OSError:
            os.ftruncate(self._file, length)
            raise
        return entries

    def remember(self, entries: Sequence[Entry]) -> None:
        """Takes appended entries among the known ones."""
        for uid, base in entries:
            self._uids.append(uid)
            self._bases.append(base)
            self._known.add(base)

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
            if name and uid.isdigit() and int(uid) > (entries[-1][0] if entries else 0):
                entries.append((int(uid), os.fsdecode(unquote_to_bytes(name))))
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
