"""One connection to an IMAP server: imaplib and IMAPClient with their own reading and writing (talks).

The libraries know the protocol's grammar; how bytes come and go is done here, because theirs loses half lines, turns
in circles on a closed connection, waits for ever for a stopped server, gives up on lines over 1 MB and cannot be
interrupted. Every wait here ends by what it waits for, by its deadline, or by the bell. What the server says is kept in
its order, each response whole, and nothing of it is left behind in the library.

Used by one thread; only the bell may be rung by others.
"""

import contextlib
import imaplib
import io
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from imapclient import IMAPClient
from imapclient.imapclient import _literal

from bridge.mail.imap.answers import Response
from bridge.mail.imap.faults import NotDone

T = TypeVar("T")

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

_PIECE = 1 << 16  # bytes read or written at a time
_LONGEST_LINE = 1 << 26  # bytes: a SEARCH answer of eight million uids
_KEPT_BY_IMAPLIB = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY"})  # what it asks itself for
_DEAF_AFTER = 120  # seconds: kernel's limit for bytes nobody acknowledges, and for a silent peer's keepalives


class Stopped(Exception):
    """The bell rang for the last time."""


class Bell:
    """Wakes the thread that waits at a connection. `ring` and `stop` may be called from any thread, at any time.

    A ring is kept until it is heeded, also where it came while something else was being waited for.
    """

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._stopping = False
        self.rung = False

    def ring(self) -> None:
        """Ends the rest that stands, or the next one."""
        with contextlib.suppress(OSError):  # full: it rings already; closed: nobody waits any more
            self._far.send(b"!")

    def stop(self) -> None:
        """Ends this wait and all that follow, by Stopped."""
        self._stopping = True
        self.ring()

    def listen(self) -> None:
        """Notes whether it rings. Raises Stopped where that is its meaning."""
        with contextlib.suppress(BlockingIOError):
            while self._near.recv(4096):
                self.rung = True
        if self._stopping:
            raise Stopped

    def heed(self) -> None:
        """Now everything is looked at that it may have rung for. Raises Stopped."""
        self.listen()
        self.rung = False

    def wait(self, *, until: float | None) -> None:
        """Until it rings, or until this time of the monotonic clock. Raises Stopped."""
        ring = select.poll()
        ring.register(self._near, select.POLLIN)
        if not self.rung:
            ring.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000)
        self.heed()

    def fileno(self) -> int:
        """What becomes readable when it rings."""
        return self._near.fileno()

    def close(self) -> None:
        """Nobody listens any more."""
        self._near.close()
        self._far.close()


class _Wire(imaplib.IMAP4):
    """imaplib over a socket of ours. `heard` are the responses in their order; whoever reads them empties it."""

    def __init__(
        self, host: str, port: int, *, bell: Bell, tls: ssl.SSLContext | None, timeouts: tuple[float, float]
    ) -> None:
        self.heard: list[Response] = []
        self.heard_at = time.monotonic()
        self._bell = bell
        self._tls = tls
        self._patience = timeouts[1]
        self._arrived = bytearray()
        self._leaving: list[bytes] = []
        self._parts: list[bytes | tuple[bytes, bytes]] = []
        super().__init__(host, port, timeouts[0])

    # --- what imaplib lets us bring along ---------------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connects, and agrees on TLS where it comes first."""
        self.host, self.port = host, port
        self.sock = socket.create_connection((host, port), timeout)
        _tune(self.sock)
        self.sock.setblocking(False)
        if self._tls is not None:
            self.secure(self._tls)

    def secure(self, context: ssl.SSLContext) -> None:
        """Goes on in TLS. What was said before it counts for nothing: anybody may have put it in."""
        self._arrived.clear()
        self.heard.clear()
        self.untagged_responses.clear()
        plain = self.sock
        try:
            secured = context.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = secured
            self._patiently(secured.do_handshake)
        except BaseException:
            self.sock.close()
            plain.close()
            raise

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Sent together with what follows it, at the next read."""
        self._leaving.append(bytes(data))

    def readline(self) -> bytes:
        """The next line with its end; empty where the connection has ended."""
        looked = 0
        while (end := self._arrived.find(b"\n", looked)) < 0:
            looked = len(self._arrived)
            if looked > _LONGEST_LINE:
                raise self.abort("socket error: a line without end")
            piece = self._receive(_PIECE)
            if not piece:
                return b""
            self._arrived += piece
        line = bytes(self._arrived[: end + 1])
        del self._arrived[: end + 1]
        return line

    def read(self, size: int) -> bytes:
        """So many bytes, held once."""
        whole = io.BytesIO()
        whole.write(self._arrived[:size])
        del self._arrived[:size]
        while missing := size - whole.tell():
            piece = self._receive(min(missing, _PIECE))
            if not piece:
                raise self.abort("socket error: EOF")
            whole.write(piece)
        return whole.getvalue()

    def shutdown(self) -> None:
        """Closes the connection, politely only as far as that takes no time."""
        self.sock.close()

    def _append_untagged(self, typ: str, dat: bytes | tuple[bytes, bytes] | None) -> None:
        """Keeps a response once its last part is there; a part without a literal is the last."""
        if typ in _KEPT_BY_IMAPLIB:
            super()._append_untagged(typ, dat)  # type: ignore[misc]
        self._parts.append(dat or b"")
        if not isinstance(dat, tuple):
            self.heard.append(Response(typ, tuple(self._parts)))
            self._parts = []

    # --- waiting ----------------------------------------------------------------------------------------------------

    def wait(self, *, until: float) -> bool:
        """Whether something came before that time of the monotonic clock; False too where the bell rang."""
        self._flush()
        if self._bell.rung:
            return False
        if self._arrived or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        return self._ready(select.POLLIN, seconds=until - time.monotonic()) is self.sock

    def _receive(self, most: int) -> bytes:
        self._flush()
        piece = self._patiently(lambda: self.sock.recv(most))
        self.heard_at = time.monotonic()
        return piece

    def _flush(self) -> None:
        leaving, self._leaving = self._leaving, []
        small = all(len(piece) < _PIECE for piece in leaving)
        for piece in [b"".join(leaving)] if small else leaving:
            view = memoryview(piece)
            while view:
                start = view[:_PIECE]
                sent = self._patiently(lambda start=start: self.sock.send(start), otherwise=select.POLLOUT)  # type: ignore[misc]
                view = view[sent:]

    def _patiently(self, act: Callable[[], T], *, otherwise: int = select.POLLIN) -> T:
        """Acts as soon as the socket lets us. Raises TimeoutError, or Stopped."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                awaited = select.POLLIN
            except ssl.SSLWantWriteError:
                awaited = select.POLLOUT
            except BlockingIOError:
                awaited = otherwise
            while (ready := self._ready(awaited, seconds=until - time.monotonic())) is not self.sock:
                if ready is None:
                    raise TimeoutError(f"nothing for {self._patience:g} s")

    def _ready(self, awaited: int, *, seconds: float) -> "socket.socket | Bell | None":
        """The socket, the bell, or None where the time is over."""
        poll = select.poll()
        poll.register(self.sock, awaited)
        poll.register(self._bell, select.POLLIN)
        ready = {file for file, _ in poll.poll(max(0.0, seconds) * 1000)}
        if self._bell.fileno() in ready:
            self._bell.listen()
            return self._bell
        return self.sock if ready else None


def quoted(word: bytes) -> bytes:
    """A quoted string (RFC 3501 section 4.3)."""
    return b'"' + word.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def astring(word: bytes) -> bytes:
    """A word as an argument: quoted, or in a literal where quotes cannot hold it."""
    plain = word.isascii() and not _CONTROL.search(word)
    return quoted(word) if plain else _literal(word)


def _text(data: Sequence[object]) -> str:
    words = data[0] if data else b""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def _tune(sock: socket.socket) -> None:
    """No waiting for a fuller packet (it costs 40 ms), and an end to connections whose other side is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    values = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": _DEAF_AFTER * 1000}
    for name, value in values.items():
        if option := getattr(socket, name, None):  # each system has some of them
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


class Client(IMAPClient):  # type: ignore[misc]
    """IMAPClient over that wire: what it offers for signing in, and commands with whole answers."""

    def __init__(
        self, host: str, port: int, *, bell: Bell, tls: ssl.SSLContext | None, timeouts: tuple[float, float]
    ) -> None:
        self._made: Callable[[], _Wire] = lambda: _Wire(host, port, bell=bell, tls=tls, timeouts=timeouts)
        self._idle = False
        super().__init__(host, port, ssl=False)
        self.wire: _Wire = self._imap
        self.wire.debug = 0  # else each line is written out for a log that nobody keeps, passwords too

    def _create_IMAP4(self) -> _Wire:  # noqa: N802
        return self._made()

    def _set_read_timeout(self) -> None:
        """Each wait has its own deadline; the socket itself never blocks."""

    def ask(self, name: bytes, *arguments: bytes, uid: bool = False) -> list[Response]:
        """Gives a command and returns everything that was said since the last one, up to its end.

        Raises NotDone where the server answers NO or BAD, and what `faults.named` knows otherwise.
        """
        return self._done(lambda: self._raw_command(name, list(arguments), uid=uid))

    def login_plainly(self, username: str, password: str) -> None:
        """LOGIN, with both words quoted, which imaplib does for one of them. Raises NotDone."""
        if _CONTROL.search((username + password).encode()):
            raise NotDone("the username or the password has a control character in it")
        words = [quoted(word.encode()) for word in (username, password)]
        self._done(lambda: self.wire._simple_command("LOGIN", *words))  # noqa: SLF001
        self.wire.state = "AUTH"

    def starttls(self, ssl_context: ssl.SSLContext) -> None:
        """Goes on in TLS; the capabilities are then asked for again. Raises NotDone."""
        self._done(lambda: self.wire._simple_command("STARTTLS"))  # noqa: SLF001
        self.wire.secure(ssl_context)
        self._starttls_done = True

    def append_mail(self, folder: bytes, raw: bytes, *, flags: Sequence[str]) -> list[Response]:
        """APPEND; answers as `ask` does."""
        words = f"({' '.join(flags)})"
        return self._done(lambda: self.wire.append(folder, words, None, raw))  # type: ignore[arg-type]

    def introduce(self, who: Mapping[str, str]) -> None:
        """ID (RFC 2971), which some servers want before they open a mailbox; what they answer changes nothing."""
        with contextlib.suppress(NotDone):
            self.ask(b"ID", b"(" + b" ".join(quoted(word.encode()) for pair in who.items() for word in pair) + b")")

    def begin_idle(self) -> bytes:
        """IDLE (RFC 2177), up to the server's "+", before which it may say other things. Returns the tag.

        Raises NotDone where the server refuses.
        """
        tag: bytes = self.wire._command("IDLE")  # noqa: SLF001
        while self.wire._get_response() is not None:  # noqa: SLF001
            if self.wire.tagged_commands[tag]:
                self._done(lambda: self.wire._command_complete("IDLE", tag))  # noqa: SLF001
                raise NotDone("the server ended IDLE before it began")
            self._part_if_bye()
        self._idle = True
        return tag

    def hear(self, tag: bytes) -> bool:
        """Reads one response while idle; False where the server has ended IDLE by itself."""
        self.wire._get_response()  # noqa: SLF001
        self._part_if_bye()
        return self.wire.tagged_commands[tag] is None

    def end_idle(self, tag: bytes) -> list[Response]:
        """DONE, up to its end; answers as `ask` does."""
        self._idle = False
        if self.wire.tagged_commands[tag] is None:
            self.wire.send(b"DONE\r\n")
        return self._done(lambda: self.wire._command_complete("IDLE", tag))  # noqa: SLF001

    def take(self) -> list[Response]:
        """What was heard and not yet taken."""
        heard, self.wire.heard = self.wire.heard, []
        return heard

    def leave(self) -> None:
        """Says LOGOUT without waiting for an answer, and closes."""
        with contextlib.suppress(OSError, Stopped):
            self.wire.send(b"DONE\r\nBYE LOGOUT\r\n" if self._idle else b"BYE LOGOUT\r\n")
            self.wire.sock.send(b"".join(self.wire._leaving))  # noqa: SLF001
        self.wire.shutdown()

    def _done(self, act: Callable[[], tuple[str, Sequence[object]]]) -> list[Response]:
        try:
            status, data = act()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:  # BAD
            raise NotDone(str(error), responses=self.take()) from error
        if status != "OK":
            raise NotDone(_text(data), responses=self.take())
        return self.take()

    def _part_if_bye(self) -> None:
        if goodbye := self.wire.untagged_responses.get("BYE"):
            raise imaplib.IMAP4.abort(_text(goodbye))
