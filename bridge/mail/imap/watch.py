"""The thread of one mailbox: it connects, watches, reads, obeys, and connects again (talks).

A round: what agents asked for, then new mails, then what others did to the old ones, then rest in IDLE. Rest ends by
the server's word, by the bell, and every few minutes by the clock: the folder is then selected anew and looked through,
because servers forget to say things, and a connection may have been dead for long without anybody having noticed.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import structlog

from bridge.errors import BridgeError, Temporary
from bridge.mail.imap.faults import Backoff
from bridge.mail.imap.feeds import Follow, Watch
from bridge.mail.imap.server import Gate, ImapServer
from bridge.mail.imap.session import News, Session
from bridge.mail.imap.wire import Bell, Stopped
from bridge.mail.source import FOLLOWED, Change
from bridge.mail.view import View
from bridge.sentences import say, to_everyone

_LINGER = 30.0  # seconds that a connection is kept after the last command, where nothing is watched
_MOMENT = 3.0  # seconds that a command waits for the next connection
_STOOD = 60.0  # seconds after which a connection counts as having been a good one
_KEYWORDS = {flag: flag.removeprefix("\\").upper().encode() for flag in FOLLOWED}  # \Seen is searched for as SEEN

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Command:
    """Something to be done in a session."""

    act: Callable[[Session], Any]
    result: Future[Any]

    def refuse(self, error: Exception) -> None:
        """It is not done."""
        if not self.result.done():
            self.result.set_exception(error)


class Watcher:
    """The thread's own side of a mailbox. Others set `watch` and `follow`, append `commands`, and ring the bell."""

    def __init__(
        self,
        server: ImapServer,
        *,
        inbox: str,
        gate: Gate,
        sweep_seconds: float,
        retry_seconds: float,
        told: Callable[[BridgeError | None], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self.bell = Bell()
        self.commands: deque[Command] = deque()
        self.watch: Watch | None = None
        self.follow: Follow | None = None
        self.heard_at: float | None = None
        self._server = server
        self._inbox = inbox
        self._gate = gate
        self._sweep_seconds = sweep_seconds
        self._backoff = Backoff(base=retry_seconds)
        self._told = told
        self._ended = ended
        self._sweep_at = 0.0
        self._looked: object = None  # at which selection, for whom

    def start(self) -> None:
        """Begins. The thread holds up no exit of the process."""
        with to_everyone():  # whoever asks first
            house = copy_context()
        threading.Thread(target=house.run, args=(self._run,), name=f"imap {self._inbox}", daemon=True).start()

    @property
    def _wanted(self) -> bool:
        return bool(self.watch or self.follow or self.commands)

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            while True:
                if self._wanted:
                    self._connect()
                else:
                    self.bell.wait(until=None)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - handed on to those who wait
            failure = error
        self.bell.close()
        self._ended(failure)

    # --- connections ------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """One connection, from its beginning to its end, and the wait after it."""
        try:
            session = Session.open(self._server, bell=self.bell, gate=self._gate)
        except BridgeError as error:
            self._refuse(error)
            self._pause(error)
            return
        opened, self._looked = time.monotonic(), None
        try:
            self._serve(session)
        except BridgeError as error:
            if time.monotonic() > opened + _STOOD:
                self._backoff.reset()
            self._pause(error)
        finally:
            session.close()

    def _pause(self, error: BridgeError) -> None:
        """Waits for its time to try again; where that is long, commands do not wait for it too.

        What trying again does not change ends what is watched, so that a person hears of it.
        """
        log.warning("a mailbox is not watched", host=self._server.host, reason=str(error), detail=error.detail)
        self._told(error)
        if not isinstance(error, Temporary):
            self.watch = self.follow = None
            self._refuse(error)
            return
        until = time.monotonic() + self._backoff.next(asked=error.retry_after)
        while (left := until - time.monotonic()) > 0:
            if left > _MOMENT:
                self._refuse(Temporary(str(error), detail=error.detail, retry_after=left))
            self.bell.wait(until=until)

    def _refuse(self, error: BridgeError) -> None:
        while self.commands:
            self.commands.popleft().refuse(error)

    def _serve(self, session: Session) -> None:
        while self._wanted:
            self.bell.heed()
            self._obey(session)
            self.heard_at = session.heard_at
            if self.watch or self.follow:
                self._attend(session)
            else:
                self._linger()

    def _linger(self) -> None:
        until = time.monotonic() + _LINGER
        while not self._wanted and time.monotonic() < until:
            self.bell.wait(until=until)

    def _obey(self, session: Session) -> None:
        while self.commands:
            command = self.commands.popleft()
            if not command.result.set_running_or_notify_cancel():
                continue
            try:
                command.result.set_result(command.act(session))
            except Stopped:
                command.refuse(Temporary(say("The mailbox is not watched any more.")))
                raise
            except Exception as error:
                command.refuse(error)
                if isinstance(error, Temporary) and error.retry_after is not None:
                    raise  # it asks to be left alone: the commands behind this one wait too
                if session.broken or not isinstance(error, BridgeError):
                    raise Temporary(say("The connection to the mail server was lost."), detail=repr(error)) from error

    # --- one round --------------------------------------------------------------------------------------------------

    def _attend(self, session: Session) -> None:
        if self._looked != (session.selections, self.watch, self.follow) or time.monotonic() >= self._sweep_at:
            self._look_anew(session)
        self._begin(session)
        while not self.commands and (self._take_in(session) or session.news):
            self._hear(session, session.take_news())
        if not self.commands:
            session.rest(until=self._sweep_at)

    def _look_anew(self, session: Session) -> None:
        watch, follow = self.watch, self.follow
        session.select(self._inbox)
        self._looked = (session.selections, watch, follow)
        self._told(None)
        self._sweep_at = time.monotonic() + self._sweep_seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        if view := self.view(session):
            self._compare(session, view)

    def _begin(self, session: Session) -> None:
        watch = self.watch
        if watch and (first := watch.reader.begin(session)):
            watch.give(first, follow=None)

    def _take_in(self, session: Session) -> bool:
        """Whether mails were found and handed over."""
        watch, follow = self.watch, self.follow
        if watch is None or watch.full:
            return False
        taken = watch.reader.take_pushed(session) if session.news.exists else None
        taken = taken or watch.reader.take(session)
        if taken is None:
            return False
        if follow:
            view = follow.view_of(session.uidvalidity)
            for uid, flags in taken.flags.items():
                taken.flags[uid] = view.follow(uid, flags)
        watch.give(taken, follow=follow)
        return True

    # --- what others do ---------------------------------------------------------------------------------------------

    def view(self, session: Session) -> View | None:
        """The followed mails, if the session is at them."""
        if self.follow is None or session.selected != self._inbox:
            return None
        return self.follow.view_of(session.uidvalidity)

    def _hear(self, session: Session, news: News) -> None:
        """Tells what the news mean. Where mails were told of by their numbers, the answer comes as news again."""
        view = self.view(session)
        if view is None:
            return
        changes = view.saw({uid: flags for _, uid, flags in news.flags if uid is not None}) + view.lost(news.vanished)
        if numbers := {number for number, uid, _ in news.flags if uid is None}:
            session.ask_flags(numbers)
        if news.expunged:
            changes += view.only(self._there(session, view))
        self._tell(changes)

    def _compare(self, session: Session, view: View) -> None:
        """Finds what was done while nobody listened: by MODSEQ where the server counts (RFC 7162), else by SEARCH."""
        before, view.modseq = view.modseq, session.modseq
        if before is None or session.modseq is None:
            there: set[int] = set()
            for span in view.spans():
                run = b"%d:%d" % span
                there.update(session.search(b"UID", run))
                marked = {flag: set(session.search(b"UID", run, word)) for flag, word in _KEYWORDS.items()}
                self._tell(view.saw({uid: [flag for flag in FOLLOWED if uid in marked[flag]] for uid in there}))
            self._tell(view.only(there))
            return
        if before != session.modseq:
            for first, last in view.spans():
                session.ask_flags_since(before, uids=b"%d:%d" % (first, last))
        if before != session.modseq or not session.qresync:  # with QRESYNC, what is taken away counts too
            self._tell(view.only(self._there(session, view)))

    def _there(self, session: Session, view: View) -> set[int]:
        return {uid for first, last in view.spans() for uid in session.search(b"UID", b"%d:%d" % (first, last))}

    def _tell(self, changes: list[Change]) -> None:
        if changes and self.follow:
            self.follow.give(changes)
