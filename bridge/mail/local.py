"""The embedded mailbox's way in: mail handed in over SMTP or LMTP, kept in a Maildir (talks).

`Intake` listens (RFC 5321, RFC 2033) for configured addresses only and is no relay; it says 250 once the mail is
durable, never before. It stands behind a real mail server or beside a demo: it has no queue, no limits of rate and no
opinion about spam. `maildirsource` reads what has come, whoever delivered it.
"""

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import Mapping
from email.utils import format_datetime

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from bridge.errors import Refused, Temporary
from bridge.mail.maildir import Maildir
from bridge.mail.recipients import wire_address
from bridge.model import now
from bridge.sentences import say

_LONGEST_LINE = 1 << 20  # bytes: mails with lines over the 998 of RFC 5322 are common, and losing one is worse
_TRACE_ROOM = 2_000  # bytes that Return-Path and Received may add to a mail of the largest size
_RECIPIENTS = 100  # at a time; RFC 5321 section 4.5.3.1.8 asks for as many
_FAREWELL = 5.0  # seconds that a mail in the middle of its transfer may take when we stop

log = structlog.get_logger()


class Intake:
    """SMTP and LMTP listeners in front of Maildirs, on the running loop.

    `mailboxes`: the Maildir of each address. A port of None is not opened, 0 is any free one; once started,
    `smtp_port` and `lmtp_port` are the real ones. `max_bytes` is the largest mail that a source may take in.
    """

    def __init__(
        self,
        mailboxes: Mapping[str, Maildir],
        *,
        max_bytes: int,
        host: str = "127.0.0.1",
        smtp_port: int | None = None,
        lmtp_port: int | None = None,
    ) -> None:
        self.host = host
        self.smtp_port = smtp_port
        self.lmtp_port = lmtp_port
        self._reception = _Reception(mailboxes)
        self._limit = max_bytes - _TRACE_ROOM
        self._servers: list[asyncio.Server] = []
        self._connections: set[_Smtp] = set()

    async def start(self) -> None:
        """Listens. Raises Temporary where a port is taken or cannot be had."""
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells it every address, as news
        try:
            if self.smtp_port is not None:
                self.smtp_port = await self._listen(_Smtp, port=self.smtp_port)
            if self.lmtp_port is not None:
                self.lmtp_port = await self._listen(_Lmtp, port=self.lmtp_port)
        except OSError as error:
            await self.stop()
            raise Temporary(
                say(
                    "The mail intake cannot listen on {host} ({why}): choose another port in [intake].",
                    host=self.host,
                    why=error.strerror,
                ),
                detail=repr(error),
            ) from error

    async def stop(self) -> None:
        """Takes no new connections, lets mails in the middle of their transfer end for 5 s, and closes the others."""
        for server in self._servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await asyncio.gather(*(connection.idle.wait() for connection in self._connections))
        for connection in list(self._connections):
            await connection.hang_up()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _listen(self, kind: type["_Smtp"], *, port: int) -> int:
        server = await asyncio.get_running_loop().create_server(
            lambda: kind(self._reception, connections=self._connections, limit=self._limit), self.host, port
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])


class _Reception:
    """What is said to RCPT and to the mail itself; the names of its methods are aiosmtpd's."""

    def __init__(self, mailboxes: Mapping[str, Maildir]) -> None:
        self._mailboxes = {_key(address): maildir for address, maildir in mailboxes.items()}

    async def handle_RCPT(  # noqa: N802
        self, _connection: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= _RECIPIENTS:
            return "452 4.5.3 Too many recipients at a time"
        if self._home(address) is None:
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient taken"

    async def handle_DATA(self, connection: "_Smtp", session: Session, envelope: Envelope) -> str:  # noqa: N802
        """One answer: for LMTP a line for each recipient, for SMTP the worst of them."""
        homes: dict[Maildir, list[str]] = {}
        for address in envelope.rcpt_tos:
            if home := self._home(address):
                homes.setdefault(home, []).append(address)
        stored = await asyncio.gather(
            *(
                _store(home, _trace(connection.protocol_name, session, envelope, addresses))
                for home, addresses in homes.items()
            )
        )
        answers = {address: answer for answer, home in zip(stored, homes, strict=True) for address in homes[home]}
        return connection.answer([answers[address] for address in envelope.rcpt_tos])

    async def handle_exception(self, error: Exception) -> str:
        log.error("The mail intake met an error it does not know", exc_info=error)
        return "451 4.3.0 Local error, try again later"

    def _home(self, address: str) -> Maildir | None:
        """The Maildir of an address, in any case, with or without a +tag."""
        try:
            key = _key(address)
        except Refused:
            return None
        local, _, domain = key.rpartition("@")
        return self._mailboxes.get(key) or self._mailboxes.get(f"{local.partition('+')[0]}@{domain}")


class _Smtp(SMTP):
    """One connection, among the open ones while it lasts; `idle` unless a mail is being transferred."""

    line_length_limit = _LONGEST_LINE
    protocol_name = "SMTP"

    def __init__(self, reception: _Reception, *, connections: set["_Smtp"], limit: int) -> None:
        super().__init__(
            reception,
            data_size_limit=limit,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="ready",
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections
        self._ended = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.discard(self)
        self._ended.set()

    async def hang_up(self) -> None:
        """Closes the connection, whatever it was doing."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        await self._ended.wait()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        self.idle.clear()
        try:
            await super().smtp_DATA(arg)
        finally:
            self.idle.set()

    def answer(self, answers: list[str]) -> str:
        """One answer for all: what failed for one is to be sent again for all, and known again by its content."""
        return next((answer for answer in answers if not answer.startswith("250")), answers[0])


class _Lmtp(_Smtp):
    """The same in LMTP: another greeting, and after the mail an answer for each recipient (RFC 2033 section 4.2).

    aiosmtpd's own class answers once, and clients wait for the others until they give up.
    """

    protocol_name = "LMTP"
    _due = 0  # answers that the client waits for, once it may send the mail

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, _arg: str) -> None:  # noqa: N802
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def smtp_EHLO(self, _arg: str) -> None:  # noqa: N802
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def push(self, status: str | bytes) -> None:
        text = status if isinstance(status, str) else status.decode()
        recipients = self.envelope.rcpt_tos if self.envelope else []
        due, self._due = self._due, len(recipients) if text.startswith("354") else 0
        await super().push("\r\n".join([text] * due) if due and "\r\n" not in text else text)

    def answer(self, answers: list[str]) -> str:
        return "\r\n".join(answers)


def _key(address: str) -> str:
    return wire_address(address).casefold()


async def _store(home: Maildir, raw: bytes) -> str:
    try:
        await home.deliver(raw)
    except Temporary as error:
        log.warning("A mail could not be stored and was put off", reason=str(error), detail=error.detail)
        return "452 4.3.1 The mail cannot be stored now, try again later"
    return "250 2.0.0 Stored"


def _trace(protocol: str, session: Session, envelope: Envelope, addresses: list[str]) -> bytes:
    """The mail under its trace fields (RFC 5321 section 4.4), as final delivery writes them."""
    extended = {"SMTP": "ESMTP" if session.extended_smtp else "SMTP"}.get(protocol, protocol)
    peer = session.peer[0] if isinstance(session.peer, tuple) else "local"
    said = re.sub(r"[^A-Za-z0-9.:_\[\]-]", "?", session.host_name or "")
    lines = [
        f"Return-Path: <{(envelope.mail_from or '').strip('<>')}>",
        f"Received: from {said} ([{peer}])",
        f"\tby {socket.gethostname()} with {f'UTF8{protocol}' if envelope.smtp_utf8 else extended}",
        *([f"\tfor <{addresses[0]}>"] if len(addresses) == 1 else []),
    ]
    head = "\r\n".join(lines) + f";\r\n\t{format_datetime(now())}\r\n"
    return head.encode("utf-8", "surrogateescape") + (envelope.original_content or b"")
