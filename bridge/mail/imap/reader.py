"""The mails of a watched folder, from a cursor on, in batches (talks, through a session).

No mail is passed over: the cursor that goes with a batch never stands behind one that was not given out. A mail that
the server does not hand over, or that it dies of, holds up no other: it is tried alone, then put off, tried again with
each sweep, and at last given out without its bytes, so that people see that it is there. Mails that are too large come
by their head alone.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import structlog

from bridge.errors import BridgeError, Temporary
from bridge.mail.imap.answers import Fetched
from bridge.mail.imap.session import FIRST_PART, Session
from bridge.mail.imap.wire import Stopped
from bridge.model import Arrival, Batch, Cursor
from bridge.sentences import say

T = TypeVar("T")

_MAILS = 50
_BYTES = 8_000_000
_WINDOW = 20_000  # uids asked about at a time: an answer of 160 kB at most
_TRIES = 3  # before a mail is given out without its bytes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A batch, and the flags that its mails had, by uid."""

    batch: Batch
    flags: dict[int, frozenset[str]]


@dataclass(slots=True)
class _Awaited:
    """A mail that would not come: tries so far, when the next is due (monotonic clock), its size where known."""

    tries: int = 0
    due: float = 0.0
    size: int = 0


def load(session: Session, one: Fetched, *, uid: int, max_bytes: int) -> Arrival | None:
    """A mail of which the first part is known, whole, or by its head where it is larger than `max_bytes`.

    None where the server does not give it.
    """
    size, (first, is_part) = one.size, one.body(b"BODY[]")
    raw = None
    if size <= max_bytes:
        lacks = first is None or (is_part and (len(first) >= FIRST_PART or len(first) < size))
        raw = session.whole(uid) if lacks else first
        if raw is None:
            return None
        size = len(raw)  # what servers say before is an estimate
    small = size <= max_bytes
    return Arrival(
        uidvalidity=session.uidvalidity,
        uid=uid,
        size=size,
        raw=raw if small else None,
        head=b"" if small else session.head(uid) or b"",
        received=one.received,
    )


class Reader:
    """How far a folder has been given out. Used by one thread, with one session after the other."""

    def __init__(self, cursor: Cursor | None, *, max_bytes: int, retry_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._retry_seconds = retry_seconds
        self._begun = False
        self._uidvalidity = cursor.uidvalidity if cursor else None
        self._next = cursor.uidnext if cursor else 1
        self._awaited: dict[int, _Awaited] = {}
        self._alone: set[int] = set()  # mails that one answer could not hold together with others

    @property
    def cursor(self) -> Cursor:
        """Everything before it was given out."""
        assert self._uidvalidity is not None  # noqa: S101 - `begin` comes first
        return Cursor(uidvalidity=self._uidvalidity, uidnext=min([*self._awaited, self._next]))

    def begin(self, session: Session) -> Taken | None:
        """The folder is selected: where to go on. A batch without arrivals, the first time and when it is new.

        A first watch begins with the next mail; a folder that was numbered anew is read from its first mail.
        """
        if self._begun and self._uidvalidity == session.uidvalidity:
            return None
        if self._uidvalidity is None:
            self._next = session.next_uid()
        elif self._uidvalidity != session.uidvalidity:
            log.warning("a mailbox was numbered anew and is read from its start", uidvalidity=session.uidvalidity)
            self._next = 1
            self._awaited.clear()
            self._alone.clear()
        self._begun, self._uidvalidity = True, session.uidvalidity
        return self._taken([], {})

    def take_pushed(self, session: Session) -> Taken | None:
        """The next batch, where it has the very next uids: one question instead of two. None says nothing."""
        told = self._attempt([], lambda: session.peek(b"%d:%d" % (self._next, self._next + _MAILS - 1)))
        uids = self._fresh(one.uid for one in told if one.uid is not None)
        if not uids or uids != list(range(self._next, self._next + len(uids))) or self._alone.intersection(uids):
            return None  # where one is missing, only a search can say whether it is there
        return self._gather(session, uids, told)

    def take(self, session: Session) -> Taken | None:
        """The next batch, or None: there is nothing more now. New mails come before those that would not come."""
        while True:
            uids = self._company(self._look(session)) or self._due()
            if not uids:
                return None
            if uids[0] in self._awaited and self._awaited[uids[0]].tries >= _TRIES:
                return self._give_up(uids[0], uidvalidity=session.uidvalidity)
            listed = b",".join(b"%d" % uid for uid in uids)
            told = self._attempt(uids, lambda listed=listed: session.peek(listed))  # type: ignore[misc]
            if taken := self._gather(session, uids, told):
                return taken

    # --- which ------------------------------------------------------------------------------------------------------

    def _look(self, session: Session) -> list[int]:
        """Uids from here on, as many as one window holds. The last mail always answers `n:*`, whatever its uid."""
        while session.uidnext is not None and self._next + _WINDOW < session.uidnext:
            last = self._next + _WINDOW - 1
            if uids := self._fresh(session.search(b"UID", b"%d:%d" % (self._next, last))):
                return uids
            self._next = last + 1
        return self._fresh(session.search(b"UID", b"%d:*" % self._next))

    def _fresh(self, uids: Iterable[int]) -> list[int]:
        return sorted({uid for uid in uids if uid >= self._next and uid not in self._awaited})

    def _due(self) -> list[int]:
        """One mail that would not come and whose time it is, or that is to be given up."""
        clock = time.monotonic()
        due = (uid for uid, awaited in self._awaited.items() if awaited.due <= clock or awaited.tries >= _TRIES)
        return list(islice(due, 1))

    def _company(self, uids: Sequence[int]) -> list[int]:
        """The first of them, as many as may be asked for together."""
        company = list(uids[:_MAILS])
        for place, uid in enumerate(company):
            if uid in self._alone:
                return company[: max(place, 1)]
        return company

    # --- what -------------------------------------------------------------------------------------------------------

    def _gather(self, session: Session, uids: Sequence[int], told: Sequence[Fetched]) -> Taken | None:
        """A batch of these mails, up to the first that is to be asked for alone, or that there is no room for."""
        by_uid = {one.uid: one for one in told if one.body(b"BODY[]")[0] is not None}
        arrivals: list[Arrival] = []
        flags: dict[int, frozenset[str]] = {}
        room, reached = _BYTES, self._next
        for uid in uids:
            one = by_uid.get(uid)
            if one is None and len(uids) > 1:
                self._alone.add(uid)
                break
            if one and arrivals and min(one.size, self._max_bytes) > room:
                break
            arrival = self._load(session, one, uid=uid) if one else None
            if arrival is None:
                self._put_off(session, uid, size=one.size if one else 0)
            else:
                arrivals.append(arrival)
                flags[uid] = (one.flags if one else None) or frozenset()
                room -= len(arrival.raw or arrival.head)
                self._awaited.pop(uid, None)
                self._alone.discard(uid)
            reached = max(reached, uid + 1)
        self._next = reached
        return self._taken(arrivals, flags) if arrivals else None

    # --- what would not come ----------------------------------------------------------------------------------------

    def _load(self, session: Session, one: Fetched, *, uid: int) -> Arrival | None:
        return self._attempt([uid], lambda: load(session, one, uid=uid, max_bytes=self._max_bytes))

    def _attempt(self, uids: Sequence[int], act: Callable[[], T]) -> T:
        """Notes which mails were being asked for when the connection was lost, or whatever else went wrong: no mail
        ends the watch of its mailbox.
        """
        try:
            return act()
        except BridgeError as error:
            if isinstance(error, Temporary) and error.retry_after is None:
                self._suspect(uids)
            raise
        except Stopped:
            raise
        except Exception as error:
            self._suspect(uids)
            raise Temporary(say("The mail server said something that makes no sense."), detail=repr(error)) from error

    def _suspect(self, uids: Sequence[int]) -> None:
        if len(uids) == 1:
            self._fail(uids[0])
        self._alone.update(uids)

    def _put_off(self, session: Session, uid: int, *, size: int) -> None:
        if session.search(b"UID", b"%d" % uid) == [uid]:
            self._fail(uid).size = size
        else:  # taken away by somebody else in the meantime
            self._awaited.pop(uid, None)
            self._alone.discard(uid)

    def _fail(self, uid: int) -> _Awaited:
        awaited = self._awaited.setdefault(uid, _Awaited())
        awaited.tries += 1
        # The first time it may have been the connection's fault, and the next one may do.
        awaited.due = time.monotonic() + (self._retry_seconds if awaited.tries > 1 else 0.0)
        return awaited

    def _give_up(self, uid: int, *, uidvalidity: int) -> Taken:
        log.error("the mail server does not hand over a mail", uid=uid, tries=_TRIES)
        size = self._awaited.pop(uid).size
        self._alone.discard(uid)
        self._next = max(self._next, uid + 1)
        return self._taken([Arrival(uidvalidity=uidvalidity, uid=uid, size=size, raw=None)], {})

    def _taken(self, arrivals: Sequence[Arrival], flags: dict[int, frozenset[str]]) -> Taken:
        return Taken(batch=Batch(cursor=self.cursor, arrivals=tuple(arrivals)), flags=flags)
