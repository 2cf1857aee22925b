"""Where a mailbox's server is, and how many connections to one may be begun at a time."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bridge.mail.imap.wire import Bell
from bridge.settings.providers import Security

_AT_A_TIME = 4  # connections being set up at one host: providers count simultaneous ones, and a start wants them all
_GLANCE = 0.2  # seconds between looks at the bell while waiting for the gate


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapServer:
    """How a mailbox is read. Either `password` or `token`, which gives an access token for XOAUTH2: called with the
    one that was refused where another is wanted; it may take its time, and raises what `bridge.errors` has.

    `connect_timeout`: seconds for the connection; `timeout`: seconds without a byte while an answer is due.
    """

    host: str
    port: int
    security: Security
    username: str
    password: str = field(default="", repr=False)
    token: Callable[[str], str] | None = field(default=None, repr=False)
    ca_file: Path | None = None
    connect_timeout: float = 15.0
    timeout: float = 60.0


class Gate:
    """Lets only a few connections at a time be set up at one host. One for all mailboxes of a process."""

    def __init__(self, *, at_a_time: int = _AT_A_TIME) -> None:
        self._at_a_time = at_a_time
        self._lock = threading.Lock()
        self._hosts: dict[str, threading.Semaphore] = {}

    @contextlib.contextmanager
    def passing(self, host: str, *, bell: Bell) -> Iterator[None]:
        """Holds a place while one is set up. Raises Stopped where the bell says so before it has one."""
        with self._lock:
            places = self._hosts.setdefault(host.lower(), threading.Semaphore(self._at_a_time))
        while not places.acquire(timeout=_GLANCE):
            bell.listen()
        try:
            yield
        finally:
            places.release()
