"""Handing one mail to the mailbox's SMTP server (RFC 5321), once (talks, keeps nothing).

Its duty is to know what happened. Until the server has asked for the mail's bytes (354), nothing was sent: a failure
is Temporary (network, 4xx) or Permanent (5xx). Once a byte of the mail has left, only the server's own answer decides;
where none comes, or none that can be read, the mail may be on its way: Uncertain. A mail counts from its last line, the
dot (RFC 5321 section 4.1.1.4): whoever stops before it takes back all of it, so what is given up is cut off, and never
finished by a buffer that empties itself. It never tries again by itself.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from bridge.errors import BridgeError, Permanent, Temporary, Uncertain
from bridge.mail.recipients import wire_address
from bridge.mail.smtpsession import Server, by_code, cut, one_line, session, step
from bridge.sentences import say

_PIECE = 1 << 18  # bytes written before other tasks get their turn
_SLOWEST = 16_000  # bytes a second: the slowest line that a large mail is waited for
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)
_END = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said to one recipient: the reply's code and words."""

    recipient: str
    code: int
    words: str

    @property
    def accepted(self) -> bool:
        """Whether the server took the mail for this recipient."""
        return 200 <= self.code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A mail that was taken for at least one recipient: an answer for each, in their order.

    `words` are the server's last reply, which often holds its own id of the mail.
    """

    answers: tuple[Answer, ...]
    words: str


async def _nothing(*_: object) -> None:
    """Nobody asked to be told."""


async def send(
    server: Server,
    *,
    raw: bytes,
    sender: str,
    recipients: Sequence[str],
    handing_over: Callable[[], Awaitable[None]] = _nothing,
    last_look: Callable[[], Awaitable[None]] = _nothing,
    taken: Callable[[Outcome], Awaitable[None]] = _nothing,
) -> Outcome:
    """Hands the mail over for its recipients, in one transaction.

    `handing_over` is awaited before the first byte of the mail leaves, `last_look` before its last: what they raise
    stops the mail, and it is certain that nobody has it. `taken` is awaited as soon as the server has taken it for at
    least one recipient, before the farewell, which may take a while. Raises Temporary or Permanent where it was taken
    for nobody, Uncertain where that is not known, Refused for what is no address, and Misconfigured where the settings
    forbid to try.
    """
    from_, to = wire_address(sender), [wire_address(recipient) for recipient in recipients]
    content = raw if _is_normal(raw) else _LINE_END.sub(b"\r\n", raw)
    content = content if content.endswith(b"\r\n") else content + b"\r\n"
    async with session(server, heard=[]) as client:
        options = _options(client, content, addresses=[from_, *to])
        with step("took the sender"):
            await client.mail(from_, options=options, encoding="utf-8")
        answers = tuple(
            [await _recipient(client, wire, shown=shown) for wire, shown in zip(to, recipients, strict=True)]
        )
        if not any(answer.accepted for answer in answers):
            raise _nobody(answers)
        with step("asked for the mail"):
            asked = await client.execute_command(b"DATA")
            if asked.code != 354:
                raise aiosmtplib.SMTPDataError(asked.code, asked.message)
        with _cut_off(client):
            await handing_over()
            code, words = await _hand_over(client, content, patience=server.patience, last_look=last_look)
        if not 200 <= code < 300:
            raise by_code("took the mail", code, words)
        outcome = Outcome(answers=answers, words=words)
        await taken(outcome)
        return outcome


def _options(client: aiosmtplib.SMTP, content: bytes, *, addresses: Sequence[str]) -> list[str]:
    """What MAIL says of the mail; raises Permanent where this server cannot take such a mail."""
    options = []
    limit = client.esmtp_extensions.get("size", "")
    if client.supports_extension("size"):
        options.append(f"SIZE={len(content)}")
    if limit.isdecimal() and 0 < int(limit) < len(content):
        raise Permanent(
            say(
                "The mail has {size} and the mail server takes {limit}: send fewer or smaller files.",
                size=_megabytes(len(content)),
                limit=_megabytes(int(limit)),
            )
        )
    if not content[: content.find(b"\r\n\r\n")].isascii() or not "".join(addresses).isascii():
        if not client.supports_extension("smtputf8"):
            raise Permanent(
                say(
                    "The mail server cannot send to an address with letters outside ASCII before the @ (no SMTPUTF8): "
                    "ask the recipient for another address."
                )
            )
        options.append("SMTPUTF8")
    if not content.isascii():
        if not client.supports_extension("8bitmime"):
            raise Permanent(say("The mail server takes only 7-bit mails (no 8BITMIME), and this one has other bytes."))
        options.append("BODY=8BITMIME")
    return options


async def _recipient(client: aiosmtplib.SMTP, wire: str, *, shown: str) -> Answer:
    with step("took the recipients"):
        try:
            code, message = await client.rcpt(wire, encoding="utf-8")
        except aiosmtplib.SMTPRecipientRefused as refused:
            if not client.is_connected:
                raise
            code, message = refused.code, refused.message
    return Answer(recipient=shown, code=code, words=one_line(message))


def _nobody(answers: Sequence[Answer]) -> BridgeError:
    """Every recipient was refused: for good only if each was."""
    said = "; ".join(f"{answer.recipient}: {answer.code} {answer.words}" for answer in answers)
    if all(answer.code >= 500 for answer in answers):
        return Permanent(say("The mail server took the mail for nobody ({words}). Check the addresses.", words=said))
    return Temporary(say("The mail server took the mail for nobody ({words}).", words=said))


async def _hand_over(
    client: aiosmtplib.SMTP, content: bytes, *, patience: float, last_look: Callable[[], Awaitable[None]]
) -> tuple[int, str]:
    """The mail's bytes, and the server's answer to all of them.

    It is listened for from the first byte on: a server may refuse a mail in the middle of it.
    """
    protocol = client.protocol
    if protocol is None or not protocol.is_connected:
        raise Temporary(say("The mail server hung up before it took the mail."))
    stuffed = _DOT.sub(b"..", content.removesuffix(b"\r\n"))
    reply = asyncio.create_task(protocol.read_response())
    whole = False
    try:
        async with asyncio.timeout(patience + len(stuffed) / _SLOWEST):
            if await _written(protocol, stuffed, unless=reply):
                await last_look()
                protocol.write(_END)
                whole = True
            code, message = await reply
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Uncertain(
            say("The mail was handed to the mail server, which then fell silent: it may have been delivered."),
            detail=repr(error),
        ) from error
    finally:
        reply.cancel()
    words = one_line(message)
    if whole and (200 <= code < 300 or 400 <= code < 600):
        return code, words
    if 400 <= code < 600:
        raise by_code("took the mail", code, words)
    raise Uncertain(
        say("The mail server gave no clear answer to the mail: it may have been delivered."), detail=f"{code}"
    )


async def _written(protocol: SMTPProtocol, content: bytes, *, unless: asyncio.Task[SMTPResponse]) -> bool:
    """Whether all of it is on its way, none left in our own buffer. Not where the server answers in the middle."""
    cast("asyncio.WriteTransport", protocol.transport).set_write_buffer_limits(high=0)
    for start in range(0, len(content), _PIECE):
        if unless.done():
            return False
        protocol.write(content[start : start + _PIECE])
        flushed = asyncio.ensure_future(protocol._drain_helper())  # noqa: SLF001 - what StreamWriter.drain awaits
        await asyncio.wait((flushed, unless), return_when=asyncio.FIRST_COMPLETED)
        if not flushed.done():
            flushed.cancel()
            return False
        flushed.result()
    return not unless.done()


@contextlib.contextmanager
def _cut_off(client: aiosmtplib.SMTP) -> Iterator[None]:
    """Within it the server reads a mail: whatever goes wrong, the connection ends there. A QUIT would be read as a part
    of the mail, and closing politely would send what is still in our buffer, to the last line.
    """
    try:
        yield
    except BaseException:
        cut(client)
        raise


def _is_normal(raw: bytes) -> bool:
    return raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
