"""The world outside: the mail server that customers read their mail at, and what their mail program sends.

An aiosmtpd server on the running loop takes whatever the bridge hands over (RFC 5321) and files it under each
recipient; `write` composes a customer's mail and hands it to the bridge's intake. `faults` makes the server refuse,
fall silent or dawdle, as real ones do. It reads no mail for the bridge and never listens beyond loopback.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses, make_msgid
from enum import StrEnum
from typing import Any

import aiosmtplib
import structlog
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from bridge.errors import Misconfigured, Refused
from bridge.model import Attachment, now

log = structlog.get_logger()

LARGEST_MAIL = 64 * 1024 * 1024
"""Bytes the server takes: above the bridge's own limit, so that the bridge's is the one that is met."""


class Stage(StrEnum):
    """Where in the dialogue the server can refuse."""

    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


class Silence(StrEnum):
    """What became of a mail whose DATA was never answered."""

    TAKEN = "taken"
    LOST = "lost"


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is wrong with the server. Nothing, until a test or a person says so.

    `replies`: the answers a stage gives next, e.g. `iter(["451 4.3.0 Busy"])` once, `repeat("550 5.7.1 No")` for
    ever; None in between lets one through. `recipients`: the answer to RCPT for one address (lower case).
    `silences`: each DATA takes the next and is not answered: the connection drops. `delays`: each takes the next, in
    seconds, before its answer.
    """

    replies: dict[Stage, Iterator[str | None]] = field(default_factory=dict)
    recipients: dict[str, str] = field(default_factory=dict)
    silences: Iterator[Silence | None] = field(default_factory=lambda: iter(()))
    delays: Iterator[float] = field(default_factory=lambda: iter(()))

    def reply(self, stage: Stage) -> str | None:
        """The refusal that is due at this stage, or None."""
        return next(self.replies.get(stage, iter(())), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One mail as handed over: envelope sender, envelope recipients, the bytes."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)


class Direction(StrEnum):
    """Which way a letter went, as its owner sees it."""

    RECEIVED = "received"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail in a customer's mail program: whose (address, lower case), which way, when, the bytes."""

    id: int
    owner: str
    direction: Direction
    raw: bytes = field(repr=False)
    at: datetime


class World:
    """The customers' mail server and mail program.

    `inbox` holds the raw mails each address (lower case) received, `envelopes` each mail as handed over, `letters`
    both directions in order. `intake` is where the bridge takes mail in (host, port); set it before `write`.
    """

    def __init__(self, *, intake: tuple[str, int] | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.intake = intake
        self.faults = Faults()
        self.inbox: defaultdict[str, list[bytes]] = defaultdict(list)
        self.envelopes: list[Delivery] = []
        self.letters: list[Letter] = []
        self._server: asyncio.Server | None = None
        self._talks: set[SMTP] = set()
        self._watchers: list[asyncio.Queue[Letter]] = []

    async def start(self, *, smtp_port: int = 0) -> None:
        """Listen on loopback; `smtp_port` 0 takes any free one, which `port` then says."""
        self._server = await asyncio.get_running_loop().create_server(self._talk, self.host, smtp_port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every open dialogue."""
        if self._server is None:
            return
        self._server.close()
        for talk in self._talks:
            if talk.transport is not None:
                talk.transport.close()
        await self._server.wait_closed()
        self._server = None

    def subscribe(self) -> asyncio.Queue[Letter]:
        """Every letter from now on, received and written."""
        queue: asyncio.Queue[Letter] = asyncio.Queue()
        self._watchers.append(queue)
        return queue

    async def write(
        self,
        *,
        from_: str,
        to: str,
        subject: str,
        text: str,
        cc: str = "",
        html: str | None = None,
        files: Sequence[Attachment] = (),
        in_reply_to: str | None = None,
        references: Sequence[str] = (),
    ) -> str:
        """Send a customer's mail to the bridge's intake and return its Message-ID, angle brackets included.

        `from_`, `to`, `cc` are header values ("Dana Reyes <dana@example.com>, ..."). Raises Refused where the
        intake does not take it, Misconfigured where there is no intake.
        """
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["Message-ID"] = message_id = make_msgid(domain=_bare(from_).partition("@")[2])
        mail["Date"] = format_datetime(now())
        mail["From"], mail["To"], mail["Subject"] = from_, to, subject
        if cc:
            mail["Cc"] = cc
        if in_reply_to:
            mail["In-Reply-To"] = in_reply_to
            mail["References"] = " ".join([*references, in_reply_to])
        mail.set_content(text)
        if html is not None:
            mail.add_alternative(html, subtype="html")
        for file in files:
            main, _, sub = file.content_type.partition("/")
            mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.filename)
        recipients = [address for _, address in getaddresses([to, cc]) if address]
        await self.hand_over(mail.as_bytes(), sender=_bare(from_), recipients=recipients)
        return message_id

    async def hand_over(self, raw: bytes, *, sender: str, recipients: Sequence[str]) -> None:
        """Hand a finished mail to the bridge's intake over SMTP; recipients it does not know are customers'.

        `sender` may be empty (a bounce's). Raises Refused with the intake's words, Misconfigured without an intake.
        """
        if self.intake is None:
            raise Misconfigured("The mail world does not know the bridge's intake; set `World.intake` first.")
        host, port = self.intake
        try:
            async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as intake:
                refused, _ = await intake.sendmail(sender, list(recipients), raw)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise Refused(f"The bridge's intake refused the mail: {error.recipients[0].message}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Refused(f"The mail did not reach the bridge's intake: {error}") from error
        self._file(sender, Direction.WRITTEN, raw)
        for address in refused:
            self._deliver(address, raw)

    def _deliver(self, address: str, raw: bytes) -> None:
        self.inbox[address.lower()].append(raw)
        self._file(address, Direction.RECEIVED, raw)

    def _file(self, owner: str, direction: Direction, raw: bytes) -> None:
        letter = Letter(id=len(self.letters) + 1, owner=owner.lower(), direction=direction, raw=raw, at=now())
        self.letters.append(letter)
        for queue in self._watchers:
            queue.put_nowait(letter)

    def _talk(self) -> SMTP:
        talk = SMTP(
            self,
            hostname="mx.example.com",
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            authenticator=self._authenticate,
            auth_require_tls=False,
        )
        self._talks.add(talk)
        return talk

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, _data: Any) -> AuthResult:
        reply = self.faults.reply(Stage.AUTH)
        return AuthResult(success=reply is None, handled=False, message=reply)

    # aiosmtpd calls these by name.

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the envelope's sender, unless a fault is due."""
        if reply := self.faults.reply(Stage.MAIL):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, unless a fault is due for it."""
        if reply := self.faults.recipients.get(address.lower()) or self.faults.reply(Stage.RCPT):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """File the mail under each recipient, unless a fault is due."""
        if delay := next(self.faults.delays, 0.0):
            await asyncio.sleep(delay)
        if reply := self.faults.reply(Stage.DATA):
            return reply
        silence = next(self.faults.silences, None)
        if silence is not Silence.LOST:
            raw = bytes(envelope.original_content or b"")
            recipients = tuple(envelope.rcpt_tos)
            sender = (envelope.mail_from or "").strip("<>")  # aiosmtpd leaves the empty reverse-path as it came
            self.envelopes.append(Delivery(sender=sender, recipients=recipients, raw=raw))
            for address in recipients:
                self._deliver(address, raw)
        if silence is not None and server.transport is not None:
            server.transport.close()
        return "250 2.0.0 Taken"


def _bare(header: str) -> str:
    """The first addr-spec of an address header's value."""
    return getaddresses([header])[0][1]
