"""What agents do to mails, as IMAP commands (RFC 3501, RFC 4315, RFC 6851), each within one session.

Every uid is given with its uidvalidity: a folder that was numbered anew has other mails under the same uids. What may
have happened although the answer was lost is Uncertain where doing it again would do it twice.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from bridge.errors import Temporary, Uncertain
from bridge.mail.imap.answers import copied
from bridge.mail.imap.reader import Reader, load
from bridge.mail.imap.session import Session
from bridge.mail.source import Moved, Place, Renumbered
from bridge.mail.view import View
from bridge.model import Arrival, Batch, Cursor
from bridge.sentences import say

_AT_A_TIME = 500  # uids in one command: under 6 kB, which every server's command line takes
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def enter(session: Session, folder: str, *, uidvalidity: int | None = None) -> None:
    """Selects a folder for writing. Raises Renumbered where its uids are no longer those of this uidvalidity."""
    if session.selected != folder or session.readonly:
        session.select(folder)
    if uidvalidity not in (None, session.uidvalidity):
        raise Renumbered(detail=f"uidvalidity {session.uidvalidity}, not {uidvalidity}")


def set_flags(
    session: Session, uids: Sequence[int], *, add: Sequence[str], remove: Sequence[str], view: View | None
) -> None:
    """Adds and removes flags; mails that are gone are left out."""
    if view is not None:
        view.expect(uids, add=add, remove=remove)
    for some in _chunks(uids):
        if add:
            session.store(some, change=b"+FLAGS", flags=add)
        if remove:
            session.store(some, change=b"-FLAGS", flags=remove)


def move(session: Session, uids: Sequence[int], *, to: str, view: View | None) -> Moved:
    """Moves mails to another folder. Raises Uncertain where it is not known how far it came."""
    ids: dict[int, str] = {}
    for some in _chunks(uids):
        ids |= session.message_ids(some)
    there = [uid for uid in uids if uid in ids]
    places: dict[int, Place] = {}
    silence = say("The mail server fell silent while it was to move mails: they may have been moved.")
    with _unrepeatable(session, silence):
        for some in _chunks(there):
            places |= _relocate(session, some, to=to)
    leaves_them = not (session.can("MOVE") or session.can("UIDPLUS"))
    if view is not None and not leaves_them:
        view.forget(there)
    if view is not None and leaves_them:
        view.expect(there, add=["\\Deleted"], remove=[])
    if lost := [uid for uid in there if uid not in places and ids[uid]]:
        home = session.selected
        places |= {uid: found[-1] for uid in lost if (found := find(session, ids[uid], folder=to))}
        session.select(home or to)
    return Moved(
        places=places, missing=tuple(uid for uid in uids if uid not in ids), only_flagged=bool(there) and leaves_them
    )


def _relocate(session: Session, uids: Sequence[int], *, to: str) -> dict[int, Place]:
    if session.can("MOVE"):
        return copied(session.relocate(b"MOVE", uids, to=to), most=len(uids))
    places = copied(session.relocate(b"COPY", uids, to=to), most=len(uids))
    # Not silent: what the server says last of a mail counts, whatever it said on the way here.
    session.store(uids, change=b"+FLAGS", flags=["\\Deleted"])
    if session.can("UIDPLUS"):
        session.expunge(uids)
    return places


def remove(session: Session, uids: Sequence[int], *, view: View | None) -> bool:
    r"""Takes mails away, by their uids alone; False where they could only be marked as \Deleted."""
    set_flags(session, uids, add=["\\Deleted"], remove=[], view=view)
    if not session.can("UIDPLUS"):
        return False
    for some in _chunks(uids):
        session.expunge(some)
    if view is not None:
        view.forget(uids)
    return True


def append(session: Session, raw: bytes, *, to: str, flags: Sequence[str]) -> Place | None:
    """Stores a mail; its place where the server tells it. Raises Uncertain where it may stand there."""
    silence = say("The mail server fell silent while it was to store a mail in {folder}: it may be there.", folder=to)
    with _unrepeatable(session, silence):
        return session.append(raw, to=to, flags=flags)


def find(session: Session, message_id: str, *, folder: str) -> list[Place]:
    """Where a folder has mails of this Message-ID, the oldest first. Servers search for words; only whole ids count."""
    if session.selected != folder:
        session.select(folder, readonly=True)
    uids = session.search_message_id(message_id)[-_AT_A_TIME:]
    ids = session.message_ids(uids) if uids else {}
    return [(session.uidvalidity, uid) for uid in uids if ids.get(uid) == message_id]


def fetch(session: Session, uid: int, *, max_bytes: int) -> Arrival | None:
    """A mail of the selected folder, as a source gives it; None where it is not there."""
    told = [one for one in session.peek(b"%d" % uid) if one.uid == uid]
    return load(session, told[0], uid=uid, max_bytes=max_bytes) if told else None


def since(
    session: Session, cursor: Cursor | None, *, folder: str, readers: dict[str, Reader], new: Callable[[Cursor], Reader]
) -> Batch:
    """The next mails of a folder from that place on; without one that holds, none, and where to go on from.

    `readers`, by folder, is what is remembered of those mails that the server would not hand over; `new` makes one.
    """
    session.select(folder, readonly=True)
    if cursor is None or cursor.uidvalidity != session.uidvalidity:
        return Batch(cursor=Cursor(uidvalidity=session.uidvalidity, uidnext=session.next_uid()))
    if folder not in readers or readers[folder].cursor != cursor:
        readers[folder] = new(cursor)
    reader = readers[folder]
    reader.begin(session)
    if session.uidnext is not None and session.uidnext <= reader.cursor.uidnext:
        return Batch(cursor=reader.cursor)  # the folder was selected just now, so its uidnext is of now
    taken = reader.take(session)
    return taken.batch if taken else Batch(cursor=reader.cursor)


def uids_from(session: Session, first: int) -> list[int]:
    """The uids of the selected folder's mails from that one on. A range to `*` always has the last mail in it."""
    return [uid for uid in session.search(b"UID", b"%d:*" % first) if uid >= first]


def search_since(session: Session, day: date) -> list[Place]:
    """The mails of the selected folder that came on this day or later, the oldest first."""
    written = f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}".encode()
    return [(session.uidvalidity, uid) for uid in session.search(b"SINCE", written)]


@contextlib.contextmanager
def _unrepeatable(session: Session, sentence: str) -> Iterator[None]:
    try:
        yield
    except Temporary as error:
        if session.broken:
            raise Uncertain(sentence, detail=error.detail) from error
        raise


def _chunks(uids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (uids[start : start + _AT_A_TIME] for start in range(0, len(uids), _AT_A_TIME))
