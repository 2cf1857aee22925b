"""A session with the mailbox's SMTP server, up to where a mail may be sent: TLS, sign-in, and how it is left (talks).

It never goes on without the TLS that was asked for, and never accepts a certificate that cannot be verified. A failure
is Temporary (network, 4xx) or Permanent (5xx): no byte of a mail has left.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import aiosmtplib

from bridge.errors import BridgeError, Permanent, Temporary
from bridge.mail.trust import tls_context
from bridge.sentences import say
from bridge.settings.providers import Security, token_refused

_OURSELVES = "[127.0.0.1]"  # what EHLO says: no look-up, and nothing told about the network behind us
_FAREWELL = 5.0  # seconds for QUIT, whose answer changes nothing
_SHOWN = 300  # characters of a server's words that are worth repeating
_SIGN_IN = ("plain", "login", "cram-md5")  # the first that is offered; each failure counts against the account
_UNKNOWN_MECHANISM = 504


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
class Dialogue:
    """How far a sign-in came: the capabilities offered before and after TLS, and what stopped it, if anything did."""

    before_tls: tuple[str, ...] = ()
    after_tls: tuple[str, ...] = ()
    signed_in: bool = False
    failure: BridgeError | None = None


async def probe(server: Server) -> Dialogue:
    """Connects and signs in as `send` would, and sends nothing. Raises nothing but Misconfigured."""
    heard: list[tuple[str, ...]] = []
    failure: BridgeError | None = None
    try:
        async with session(server, heard=heard):
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
async def session(server: Server, *, heard: list[tuple[str, ...]]) -> AsyncIterator[aiosmtplib.SMTP]:
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
        with step("answered"):
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
        cut(client)
        raise
    finally:
        await _leave(client)


async def _greet(client: aiosmtplib.SMTP, *, heard: list[tuple[str, ...]]) -> None:
    with step("greeted"):
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
    with step("started TLS"):
        await client.starttls()


async def _sign_in(client: aiosmtplib.SMTP, server: Server) -> None:
    """Signs in by one mechanism; by another only where the server does not know the first after all."""
    offered = [name for name in _SIGN_IN if name in client.server_auth_methods]
    ways = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    for name in offered:
        try:
            with step("signed us in"):
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
        with step("signed us in"):
            await client.auth_xoauth2(username, token)
    except Permanent:
        token = await another(token)
    else:
        return
    try:
        with step("signed us in"):
            await client.auth_xoauth2(username, token)
    except Permanent as error:
        raise Permanent(token_refused(error.detail), detail=error.detail) from error


async def _leave(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        if client.is_connected:
            await client.quit(timeout=_FAREWELL)
    client.close()


@contextlib.contextmanager
def step(done: str) -> Iterator[None]:
    """A step before any byte of the mail leaves: what goes wrong in it is Temporary or Permanent.

    `done` is what the server would have done, in the past: "signed us in".
    """
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        raise by_code(done, error.code, one_line(error.message)) from error
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


def by_code(done: str, code: int, words: str) -> Temporary | Permanent:
    """A refusal by its first digit; a reply that is none is the network's fault."""
    said = f"{code} {words}"
    if 500 <= code < 600:
        return Permanent(say("The mail server refused: {words}", words=said), detail=said)
    return Temporary(say("The mail server put us off: {words}", words=said), detail=f"not {done}: {said}")


def cut(client: aiosmtplib.SMTP) -> None:
    """End the connection at once. `close` alone would first send what is still in our buffer."""
    if client.transport is not None:
        cast("asyncio.WriteTransport", client.transport).abort()
    client.close()


def one_line(words: str) -> str:
    """A server's words as they may stand in a sentence."""
    line = " ".join(words.split())[:_SHOWN]
    return "".join(character if character.isprintable() else "?" for character in line)
