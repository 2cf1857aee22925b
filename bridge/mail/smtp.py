"""Handing one mail to the mailbox's SMTP server (RFC 5321), once (talks, keeps nothing).

Its duty is to know what happened. Until the server has asked for the mail's bytes (354), nothing was sent: a failure
is Temporary (network, 4xx) or Permanent (5xx). Once a byte of the mail has left, only the server's own answer decides;
where none comes, or none that can be read, the mail may be on its way: Uncertain. It never tries again by itself, never
goes on without the TLS that was asked for, and never accepts a certificate that cannot be verified.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiosmtplib

from bridge.errors import BridgeError, Permanent, Temporary, Uncertain
from bridge.mail.recipients import wire_address
from bridge.mail.trust import tls_context
from bridge.sentences import say
from bridge.settings.providers import Security, token_refused

_OURSELVES = "[127.0.0.1]"  # what EHLO says: no look-up, and nothing told about the network behind us
_PIECE = 1 << 18  # bytes written before other tasks get their turn
_SLOWEST = 16_000  # bytes a second: the slowest line that a large mail is waited for
_FAREWELL = 5.0  # seconds for QUIT, whose answer changes nothing
_SHOWN = 300  # characters of a server's words that are worth repeating
_SIGN_IN = ("plain", "login", "cram-md5")  # the first that is offered; each failure counts against the account
_UNKNOWN_MECHANISM = 504
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How a mailbox sends. Without `username`, no sign-in. `token`, in place of `password`, gives an access token for
    XOAUTH2: it is given the one that was refused where another is wanted, and raises what `bridge.errors` has.

    `timeout`: seconds for each step; `patience`: seconds for the answer to the mail itself (RFC 5321 section
    4.5.3.2.6 asks for ten minutes: giving up earlier makes mails uncertain that were delivered).
    """

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    token: Callable[[str], Awaitable[str]] | None = field(default=None, repr=False)
    ca_file: Path | None = None
    timeout: float = 60.0
    patience: float = 600.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """How far a sign-in came: the capabilities offered before and after TLS, and what stopped it, if anything did."""

    before_tls: tuple[str, ...] = ()
    after_tls: tuple[str, ...] = ()
    signed_in: bool = False
    failure: BridgeError | None = None


async def _nothing() -> None:
    """Nobody asked to be told."""


async def send(
    server: Server,
    *,
    raw: bytes,
    sender: str,
    recipients: Sequence[str],
    handing_over: Callable[[], Awaitable[None]] = _nothing,
) -> Outcome:
    """Hands the mail over for its recipients, in one transaction.

    `handing_over` is awaited before the first byte of the mail leaves: until then it is certain that nobody has it, and
    what it raises stops the mail. Returns once the server has answered for it, and has taken it for at least one
    recipient. Raises Temporary or Permanent where it was taken for nobody, Uncertain where that is not known, Refused
    for what is no address, and Misconfigured where the settings forbid to try.
    """
    from_, to = wire_address(sender), [wire_address(recipient) for recipient in recipients]
    content = raw if _is_normal(raw) else _LINE_END.sub(b"\r\n", raw)
    content = content if content.endswith(b"\r\n") else content + b"\r\n"
    async with _session(server, heard=[]) as client:
        options = _options(client, content, addresses=[from_, *to])
        with _step("took the sender"):
            await client.mail(from_, options=options, encoding="utf-8")
        answers = tuple(
            [await _recipient(client, wire, shown=shown) for wire, shown in zip(to, recipients, strict=True)]
        )
        if not any(answer.accepted for answer in answers):
            raise _nobody(answers)
        with _step("asked for the mail"):
            asked = await client.execute_command(b"DATA")
            if asked.code != 354:
                raise aiosmtplib.SMTPDataError(asked.code, asked.message)
        await handing_over()
        return Outcome(answers=answers, words=await _hand_over(client, content, patience=server.patience))


async def probe(server: Server) -> Dialogue:
    """Connects and signs in as `send` would, and sends nothing. Raises nothing but Misconfigured."""
    heard: list[tuple[str, ...]] = []
    failure: BridgeError | None = None
    try:
        async with _session(server, heard=heard):
            pass
    except (Temporary, Permanent) as error:
        failure = error
    if server.security == "tls":
        heard.insert(0, ())
    before, after, *_ = (*heard, (), ())
    return Dialogue(
        before_tls=before, after_tls=after, signed_in=failure is None and bool(server.username), failure=failure
    )


@contextlib.asynccontextmanager
async def _session(server: Server, *, heard: list[tuple[str, ...]]) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection on which a mail can be sent. `heard` gathers what the server offers, at each EHLO."""
    token = await server.token("") if server.token else ""
    context = await asyncio.to_thread(
        tls_context, server.host, security=server.security, ca_file=server.ca_file, setting="MAIL_SMTP_SECURITY"
    )
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=context,
        local_hostname=_OURSELVES,
        timeout=server.timeout,
    )
    try:
        with _step("answered"):
            await client.connect()
        await _greet(client, heard=heard)
        if server.security == "starttls":
            await _upgrade(client)
            await _greet(client, heard=heard)
        if server.token:
            await _sign_in_by_token(client, server.username, token=token, another=server.token)
        elif server.username:
            await _sign_in(client, server)
        yield client
    except asyncio.CancelledError:
        client.close()
        raise
    finally:
        await _leave(client)


async def _greet(client: aiosmtplib.SMTP, *, heard: list[tuple[str, ...]]) -> None:
    with _step("greeted"):
        response = await client.ehlo()
    heard.append(tuple(line.strip() for line in response.message.split("\n")[1:]))


async def _upgrade(client: aiosmtplib.SMTP) -> None:
    if not client.supports_extension("starttls"):
        raise Permanent(
            say(
                "The mail server does not offer STARTTLS, and nothing is sent without encryption: "
                "set MAIL_SMTP_SECURITY to tls (port 465) if the provider has that."
            )
        )
    with _step("started TLS"):
        await client.starttls()


async def _sign_in(client: aiosmtplib.SMTP, server: Server) -> None:
    """Signs in by one mechanism; by another only where the server does not know the first after all."""
    offered = [name for name in _SIGN_IN if name in client.server_auth_methods]
    ways = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    for name in offered:
        try:
            with _step("signed us in"):
                await ways[name](server.username, server.password)
        except Permanent as error:
            cause = error.__cause__
            if isinstance(cause, aiosmtplib.SMTPAuthenticationError) and cause.code == _UNKNOWN_MECHANISM:
                continue
            raise Permanent(
                say(
                    "The mail server refused the sign-in ({words}): check MAIL_USERNAME and MAIL_PASSWORD; "
                    "some providers ask for an app password.",
                    words=error.detail,
                ),
                detail=error.detail,
            ) from cause
        return
    raise Permanent(
        say(
            "The mail server offers no way to sign in that is known here: check MAIL_SMTP_PORT and MAIL_SMTP_SECURITY."
        ),
        detail=" ".join(client.server_auth_methods),
    )


async def _sign_in_by_token(
    client: aiosmtplib.SMTP, username: str, *, token: str, another: Callable[[str], Awaitable[str]]
) -> None:
    """With the token at hand, then once with a new one: the first may have run out in between."""
    if "xoauth2" not in client.server_auth_methods:
        raise Permanent(
            say(
                "The mail server offers no sign-in by token (XOAUTH2): check MAIL_SMTP_HOST, or set a password for it."
            ),
            detail=" ".join(client.server_auth_methods),
        )
    try:
        with _step("signed us in"):
            await client.auth_xoauth2(username, token)
    except Permanent:
        token = await another(token)
    else:
        return
    try:
        with _step("signed us in"):
            await client.auth_xoauth2(username, token)
    except Permanent as error:
        raise Permanent(token_refused(error.detail), detail=error.detail) from error


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
    with _step("took the recipients"):
        try:
            code, message = await client.rcpt(wire, encoding="utf-8")
        except aiosmtplib.SMTPRecipientRefused as refused:
            if not client.is_connected:
                raise
            code, message = refused.code, refused.message
    return Answer(recipient=shown, code=code, words=_one_line(message))


def _nobody(answers: Sequence[Answer]) -> BridgeError:
    """Every recipient was refused: for good only if each was."""
    said = "; ".join(f"{answer.recipient}: {answer.code} {answer.words}" for answer in answers)
    if all(answer.code >= 500 for answer in answers):
        return Permanent(say("The mail server took the mail for nobody ({words}). Check the addresses.", words=said))
    return Temporary(say("The mail server took the mail for nobody ({words}).", words=said))


async def _hand_over(client: aiosmtplib.SMTP, content: bytes, *, patience: float) -> str:
    """The mail's bytes, and the server's words once it has taken them.

    The answer is listened for from the first byte on: a server may refuse a mail in the middle of it.
    """
    protocol = client.protocol
    if protocol is None or not protocol.is_connected:
        raise Temporary(say("The mail server hung up before it took the mail."))
    stuffed = _DOT.sub(b"..", content) + b".\r\n"
    reply = asyncio.create_task(protocol.read_response())
    whole = False
    try:
        async with asyncio.timeout(patience + len(stuffed) / _SLOWEST):
            for start in range(0, len(stuffed), _PIECE):
                if reply.done():
                    break
                protocol.write(stuffed[start : start + _PIECE])
                await asyncio.sleep(0)
            else:
                whole = True
            code, message = await reply
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        raise Uncertain(
            say("The mail was handed to the mail server, which then fell silent: it may have been delivered."),
            detail=repr(error),
        ) from error
    finally:
        reply.cancel()
    if not whole:
        client.close()  # a QUIT would be read as part of the mail
    words = _one_line(message)
    if whole and 200 <= code < 300:
        return words
    if 400 <= code < 600:
        raise _by_code("took the mail", code, words)
    client.close()
    raise Uncertain(
        say("The mail server gave no clear answer to the mail: it may have been delivered."), detail=f"{code}"
    )


async def _leave(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=_FAREWELL)
    client.close()


@contextlib.contextmanager
def _step(done: str) -> Iterator[None]:
    """A step before any byte of the mail leaves: what goes wrong in it is Temporary or Permanent.

    `done` is what the server would have done, in the past: "signed us in".
    """
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        raise _by_code(done, error.code, _one_line(error.message)) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        for cause in (error, error.__cause__):
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise Permanent(
                    say(
                        "The mail server's certificate is not to be trusted ({why}): "
                        "check MAIL_SMTP_HOST, or name its authority in MAIL_CA_FILE.",
                        why=cause.verify_message,
                    ),
                    detail=repr(cause),
                ) from error
        raise Temporary(
            say("The mail server cannot be reached or fell silent; nothing was sent."), detail=f"not {done}: {error!r}"
        ) from error


def _by_code(done: str, code: int, words: str) -> Temporary | Permanent:
    """A refusal by its first digit; a reply that is none is the network's fault."""
    said = f"{code} {words}"
    if 500 <= code < 600:
        return Permanent(say("The mail server refused: {words}", words=said), detail=said)
    return Temporary(say("The mail server put us off: {words}", words=said), detail=f"not {done}: {said}")


def _is_normal(raw: bytes) -> bool:
    return raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")


def _one_line(words: str) -> str:
    """A server's words as they may stand in a sentence."""
    line = " ".join(words.split())[:_SHOWN]
    return "".join(character if character.isprintable() else "?" for character in line)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
