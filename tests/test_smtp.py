"""After a mail is handed over, it is known what happened, and where it is not known, that is said."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from bridge.errors import Misconfigured, Permanent, Refused, Temporary, Uncertain
from bridge.mail.smtp import Outcome, send
from bridge.mail.smtpsession import Server, probe

RAW = b"From: a@example.org\r\nTo: b@example.com\r\nSubject: x\r\n\r\nHello\r\n.\r\n..dots\r\n"
DROP = "drop the connection"
SILENCE = "say nothing more"
SECRET = "correct horse"
LARGE = RAW + (b"x" * 70 + b"\r\n") * 200_000  # more than any buffer on its way holds


@dataclass
class Scripted:
    """A mail server that says what it is told to at each stage, and remembers what it heard.

    Stages: the first word of a command, `GREETING`, and `BODY` for the answer to the mail. A stage not named gets an
    ordinary answer.
    """

    says: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    commands: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    connections: set[asyncio.Task[Any]] = field(default_factory=set)

    ordinary = {  # noqa: RUF012
        "GREETING": "220 scripted",
        "EHLO": "250-scripted\r\n250-8BITMIME\r\n250 AUTH PLAIN",
        "DATA": "354 go on",
        "BODY": "250 2.0.0 queued as 42",
        "QUIT": "221 bye",
        "AUTH": "235 welcome",
    }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.connections.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            stage = "GREETING"
            while await self.answer(stage, reader, writer):
                line = (await reader.readuntil(b"\r\n")).decode()
                self.commands.append(line.strip())
                stage = line.split()[0].upper()
                if stage == "DATA" and self.reply("DATA").startswith("354"):
                    await self.answer("DATA", reader, writer)
                    if self.reply("BODY") == DROP:
                        await reader.readexactly(1)
                    else:
                        self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                    stage = "BODY"
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def reply(self, stage: str) -> str:
        return self.says.get(stage, self.ordinary.get(stage, "250 fine"))

    async def answer(self, stage: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        reply = self.reply(stage)
        if reply == SILENCE:
            await reader.read()
            return False
        if reply == DROP:
            return False
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        return stage != "QUIT"


@contextlib.asynccontextmanager
async def scripted(says: Mapping[str, str] | None = None) -> AsyncIterator[Scripted]:
    script = Scripted(says=says or {})
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, limit=1 << 26)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
        await asyncio.gather(*script.connections)


def to(script: Scripted, **more: Any) -> Server:
    return replace(Server(host="127.0.0.1", port=script.port, security="none", timeout=20, patience=20), **more)


@contextlib.asynccontextmanager
async def reading_slowly() -> AsyncIterator[tuple[int, bytearray]]:
    """A server that reads a mail by the spoonful: its port, and what it has read of the mail when all is over."""
    heard, ended = bytearray(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(b"220 hi\r\n")
            for reply in (b"250 hi", b"250 ok", b"250 ok", b"354 go on"):
                await reader.readuntil(b"\r\n")
                writer.write(reply + b"\r\n")
            while piece := await reader.read(1 << 16):
                heard.extend(piece)
                await asyncio.sleep(0.001)
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
        async with asyncio.timeout(60):
            await ended.wait()


async def hand_over(server: Server, *, raw: bytes = RAW, recipients: Sequence[str] = ("b@example.com",)) -> Outcome:
    return await send(server, raw=raw, sender="a@example.org", recipients=recipients)


# --- what happened, by where it happened ----------------------------------------------------------------------------


async def test_a_mail_that_is_taken() -> None:
    async with scripted() as script:
        outcome = await hand_over(to(script))
    assert [(answer.recipient, answer.accepted) for answer in outcome.answers] == [("b@example.com", True)]
    assert outcome.words == "2.0.0 queued as 42"
    assert script.commands[-1] == "QUIT"


async def test_dots_and_line_ends_arrive_as_written() -> None:
    async with scripted() as script:
        await hand_over(to(script), raw=RAW.replace(b"\r\n", b"\n"))
    assert script.mails == [RAW.replace(b"\r\n.", b"\r\n..") + b".\r\n"]


BEFORE = ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("stage", BEFORE)
async def test_a_4xx_before_the_mail_left_is_temporary(stage: str) -> None:
    async with scripted({stage: "450 4.7.1 come back later"}) as script:
        with pytest.raises(Temporary, match="come back later"):
            await hand_over(to(script, username="u", password=SECRET))
    assert not script.mails


@pytest.mark.parametrize("stage", BEFORE)
async def test_a_5xx_before_the_mail_left_is_permanent(stage: str) -> None:
    async with scripted({stage: "550 5.7.1 not from you"}) as script:
        with pytest.raises(Permanent, match="not from you"):
            await hand_over(to(script, username="u", password=SECRET))
    assert not script.mails


@pytest.mark.parametrize("stage", BEFORE)
async def test_a_connection_that_is_lost_before_the_mail_left_is_temporary(stage: str) -> None:
    async with scripted({stage: DROP}) as script:
        with pytest.raises(Temporary, match="nothing was sent"):
            await hand_over(to(script, username="u", password=SECRET))


@pytest.mark.parametrize("stage", BEFORE)
async def test_a_server_that_falls_silent_before_the_mail_left_is_temporary(stage: str) -> None:
    async with scripted({stage: SILENCE}) as script:
        with pytest.raises(Temporary, match="nothing was sent"):
            await hand_over(to(script, username="u", password=SECRET, timeout=0.2))


@pytest.mark.parametrize("stage", BEFORE)
async def test_an_answer_that_is_none_before_the_mail_left_is_temporary(stage: str) -> None:
    async with scripted({stage: "HTTP/1.1 400 Bad Request"}) as script:
        with pytest.raises(Temporary):
            await hand_over(to(script, username="u", password=SECRET))


async def test_a_server_that_says_goodbye_is_temporary() -> None:
    async with scripted({"RCPT": "421 shutting down"}) as script:
        with pytest.raises(Temporary, match="shutting down"):
            await hand_over(to(script), recipients=["b@example.com", "c@example.com"])


async def test_nobody_listening_is_temporary() -> None:
    async with scripted() as script:
        pass
    with pytest.raises(Temporary):
        await hand_over(to(script))


@pytest.mark.parametrize("says", [DROP, SILENCE, "HTTP/1.1 400 Bad Request", "354 go on", "199 what"])
async def test_without_a_clear_answer_to_the_mail_it_is_uncertain(says: str) -> None:
    """The worst moment: the bytes are gone and nobody says whether they arrived. Never "failed", never "sent"."""
    async with scripted({"BODY": says}) as script:
        with pytest.raises(Uncertain, match="may have been delivered"):
            await hand_over(to(script, patience=0.3))


@pytest.mark.parametrize(("says", "kind"), [("451 4.3.0 try later", Temporary), ("554 5.7.1 spam", Permanent)])
async def test_a_refusal_of_the_mail_itself_is_believed(says: str, kind: type[Exception]) -> None:
    async with scripted({"BODY": says}) as script:
        with pytest.raises(kind, match=says[4:]):
            await hand_over(to(script))


async def test_a_goodbye_that_fails_changes_nothing() -> None:
    for says in (DROP, "500 what"):
        async with scripted({"QUIT": says}) as script:
            assert (await hand_over(to(script))).answers[0].accepted


async def test_being_stopped_while_waiting_closes_the_connection() -> None:
    async with scripted({"BODY": SILENCE}) as script:
        task = asyncio.create_task(hand_over(to(script)))
        async with asyncio.timeout(20):
            while not script.mails:  # noqa: ASYNC110
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_written_down_before_the_mail_leaves_can_still_stop_it() -> None:
    """The draft is "handing over" in the store before the first byte is: a crash in between sends nothing unnoticed."""

    async def written_down() -> None:
        raise Temporary("the database is away")

    async with scripted() as script:
        with pytest.raises(Temporary, match="database"):
            await send(
                to(script), raw=RAW, sender="a@example.org", recipients=["b@example.com"], handing_over=written_down
            )
    assert not script.mails
    assert script.commands[-1] == "DATA", "what is said after it is part of the mail, a farewell too"


async def test_a_mail_that_is_stopped_before_its_last_line_has_not_been_sent() -> None:
    """Whoever finds that the mail is no longer theirs to send finds it before the dot, however long the rest took."""

    async def not_ours() -> None:
        raise Temporary("another replica has it")

    async with reading_slowly() as (port, heard):
        with pytest.raises(Temporary, match="another"):
            await send(plain(port), raw=LARGE, sender="a@example.org", recipients=["b@example.com"], last_look=not_ours)
    assert len(heard) >= len(LARGE) - 5
    assert not heard.endswith(b"\r\n.\r\n")


async def test_a_mail_that_is_stopped_in_the_middle_goes_no_further() -> None:
    """A buffer that empties itself would bring all of it to the server, the last line too."""
    async with reading_slowly() as (port, heard):
        task = asyncio.create_task(hand_over(plain(port), raw=LARGE))
        async with asyncio.timeout(20):
            while not heard:  # noqa: ASYNC110
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not heard.endswith(b"\r\n.\r\n")


async def test_what_was_taken_is_known_before_the_farewell() -> None:
    """A server may take its time for a goodbye: the answer must not be lost in it."""

    async def known(outcome: Outcome) -> None:
        assert outcome.answers[0].accepted
        assert "QUIT" not in script.commands
        told.append(outcome)

    told: list[Outcome] = []
    async with scripted() as script:
        await send(to(script), raw=RAW, sender="a@example.org", recipients=["b@example.com"], taken=known)
    assert len(told) == 1
    assert script.commands[-1] == "QUIT"


# --- several recipients ---------------------------------------------------------------------------------------------


class Taking:
    """The handler of a real server: refuses whom it is told to, keeps what it takes."""

    def __init__(self, refusals: Mapping[str, str] | None = None) -> None:
        self.refusals = refusals or {}
        self.taken: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 2.0.0 taken"


class Connection(SMTP):
    """A connection to a real server, among the `open_` ones until it has ended."""

    def __init__(self, *arguments: Any, open_: set["Connection"], ended: asyncio.Event, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.open_, self.ended = open_, ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.open_.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.open_.discard(self)
        self.ended.set()


@contextlib.asynccontextmanager
async def real(handler: Taking, *, listen: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """A server of aiosmtpd on this loop; yields its port."""
    loop = asyncio.get_running_loop()
    open_: set[Connection] = set()
    ended = asyncio.Event()
    settings = {"enable_SMTPUTF8": True, "hostname": "localhost", "loop": loop, **options}
    server = await loop.create_server(
        lambda: Connection(handler, open_=open_, ended=ended, **settings), "127.0.0.1", 0, ssl=listen
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
        while open_:
            ended.clear()
            await ended.wait()


def plain(port: int) -> Server:
    return Server(host="127.0.0.1", port=port, security="none", timeout=20, patience=20)


async def test_one_bad_address_does_not_keep_the_others_from_their_mail() -> None:
    handler = Taking({"gone@example.com": "550 5.1.1 no such user", "full@example.com": "452 4.2.2 mailbox full"})
    async with real(handler) as port:
        outcome = await hand_over(plain(port), recipients=["gone@example.com", "b@example.com", "full@example.com"])
    assert [(answer.recipient, answer.code, answer.words) for answer in outcome.answers] == [
        ("gone@example.com", 550, "5.1.1 no such user"),
        ("b@example.com", 250, "OK"),
        ("full@example.com", 452, "4.2.2 mailbox full"),
    ]
    assert [envelope.rcpt_tos for envelope in handler.taken] == [["b@example.com"]]
    assert handler.taken[0].content == RAW


async def test_refused_for_everybody_is_permanent_only_if_all_are() -> None:
    refusals = {"gone@example.com": "550 no such user", "full@example.com": "452 mailbox full"}
    async with real(Taking(refusals)) as port:
        with pytest.raises(Permanent, match=r"gone@example\.com: 550 no such user"):
            await hand_over(plain(port), recipients=["gone@example.com"])
        with pytest.raises(Temporary, match=r"full@example\.com: 452 mailbox full"):
            await hand_over(plain(port), recipients=["gone@example.com", "full@example.com"])


@pytest.mark.parametrize("bad", ["a@x>\r\nRCPT TO:<evil@x", "not an address", "a@x.example SIZE=1"])
async def test_what_is_no_address_reaches_no_server(bad: str) -> None:
    async with scripted() as script:
        with pytest.raises(Refused):
            await hand_over(to(script), recipients=[bad])
    assert not script.commands


# --- what the server can take ---------------------------------------------------------------------------------------


async def test_a_mail_over_the_servers_limit_is_not_begun() -> None:
    async with scripted({"EHLO": "250-scripted\r\n250 SIZE 2500000"}) as script:
        with pytest.raises(Permanent, match=r"3\.0 MB .* 2\.5 MB"):
            await hand_over(to(script), raw=RAW + b"x" * 3_000_000)
    assert script.commands == ["EHLO [127.0.0.1]", "QUIT"]


async def test_a_mail_of_many_megabytes_arrives_whole() -> None:
    handler = Taking()
    raw = RAW + (b"." * 60 + b"\r\n") * 150_000
    async with real(handler) as port:
        await hand_over(plain(port), raw=raw)
    assert handler.taken[0].content == raw


async def test_a_refusal_in_the_middle_of_the_mail_is_heard() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for reply in (b"250 hi", b"250 ok", b"250 ok", b"354 go on"):
            await reader.readuntil(b"\r\n")
            writer.write(reply + b"\r\n")
        await reader.readexactly(1_000)
        writer.write(b"552 5.3.4 too big\r\n")
        await reader.read()
        writer.close()

        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        with pytest.raises(Permanent, match="too big"):
            await hand_over(plain(server.sockets[0].getsockname()[1]), raw=RAW + b"x" * 10_000_000)
        await ended.wait()


async def test_letters_outside_ascii_go_only_where_they_are_understood() -> None:
    handler = Taking()
    async with real(handler) as port:
        await hand_over(plain(port), recipients=["jürgen@müller.example"])
    assert handler.taken[0].rcpt_tos == ["jürgen@xn--mller-kva.example"]
    assert handler.taken[0].smtp_utf8
    async with scripted() as script:
        with pytest.raises(Permanent, match="SMTPUTF8"):
            await hand_over(to(script), recipients=["jürgen@example.com"])
        with pytest.raises(Permanent, match="SMTPUTF8"):
            await hand_over(to(script), raw="To: jürgen@example.com\r\n\r\nx\r\n".encode())
        await hand_over(to(script), recipients=["b@müller.example"])
    assert "RCPT TO:<b@xn--mller-kva.example>" in script.commands


async def test_8_bit_mail_goes_only_where_it_is_offered() -> None:
    raw = RAW + "Grüße\r\n".encode()
    async with scripted() as script:
        await hand_over(to(script), raw=raw)
    assert "MAIL FROM:<a@example.org> BODY=8BITMIME" in script.commands
    async with scripted({"EHLO": "250 scripted"}) as script:
        with pytest.raises(Permanent, match="8BITMIME"):
            await hand_over(to(script), raw=raw)


# --- signing in -----------------------------------------------------------------------------------------------------


def sign_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"desk", SECRET.encode()), handled=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def certificate(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


Secure = Callable[[str], contextlib.AbstractAsyncContextManager[Server]]


@pytest.fixture
def secured(authority: trustme.CA, ca_file: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Server]]:
    """A real server that asks for TLS, in one way or the other, and for a password."""

    @contextlib.asynccontextmanager
    async def start(security: str, handler: Taking, *, name: str = "localhost") -> AsyncIterator[Server]:
        context = certificate(authority, name)
        options: dict[str, Any] = {"authenticator": sign_in, "auth_required": True}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        else:
            options |= {"listen": context, "auth_require_tls": False}
        with pytest.warns() if security == "tls" else contextlib.nullcontext():
            async with real(handler, **options) as port:
                server = Server(
                    host="localhost",
                    port=port,
                    security="tls",
                    username="desk",
                    password=SECRET,
                    ca_file=ca_file,
                    timeout=20,
                )
                yield replace(server, security=security)  # type: ignore[arg-type]

    return start


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_mail_goes_out_signed_in_and_encrypted(secured: Any, security: str) -> None:
    handler = Taking()
    async with secured(security, handler) as server:
        await hand_over(server)
    assert handler.taken[0].content == RAW


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_wrong_password_is_permanent_and_says_what_to_check(secured: Any, security: str) -> None:
    async with secured(security, Taking()) as server:
        with pytest.raises(Permanent, match="MAIL_PASSWORD") as failure:
            await hand_over(replace(server, password="battery staple"))
    assert "535" in str(failure.value)
    assert "staple" not in repr(replace(server, password="battery staple")) + str(failure.value) + failure.value.detail


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_an_unknown_certificate_is_never_accepted(secured: Any, security: str) -> None:
    handler = Taking()
    async with secured(security, handler) as server:
        with pytest.raises(Permanent, match="certificate"):
            await hand_over(replace(server, ca_file=None))
    assert not handler.taken


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_of_another_name_is_never_accepted(secured: Any, security: str) -> None:
    async with secured(security, Taking(), name="elsewhere.example") as server:
        with pytest.raises(Permanent, match="certificate"):
            await hand_over(server)


async def test_without_starttls_nothing_is_sent_in_the_clear() -> None:
    async with scripted() as script:
        with pytest.raises(Permanent, match="STARTTLS"):
            await hand_over(to(script, security="starttls", username="u", password=SECRET))
    assert script.commands == ["EHLO [127.0.0.1]", "QUIT"]


@pytest.mark.parametrize("says", ["454 not now", DROP, SILENCE])
async def test_starttls_that_fails_is_never_gone_on_without(says: str) -> None:
    async with scripted({"EHLO": "250-hi\r\n250 STARTTLS", "STARTTLS": says}) as script:
        with pytest.raises(Temporary):
            await hand_over(to(script, security="starttls", username="u", password=SECRET, timeout=0.3))
    assert not any(command.startswith(("AUTH", "MAIL")) for command in script.commands)


async def test_without_encryption_only_to_this_machine() -> None:
    with pytest.raises(Misconfigured, match="MAIL_SMTP_SECURITY"):
        await hand_over(Server(host="mail.example.org", port=25, security="none"))


async def test_a_ca_file_that_is_none_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="MAIL_CA_FILE"):
        await hand_over(Server(host="localhost", port=1, security="tls", ca_file=tmp_path / "missing"))


async def test_a_password_is_tried_once() -> None:
    """Trying it by every mechanism counts as several failures, and locks accounts."""
    says = {"EHLO": "250-hi\r\n250 AUTH CRAM-MD5 LOGIN PLAIN", "AUTH": "535 5.7.8 no"}
    async with scripted(says) as script:
        with pytest.raises(Permanent, match=r"535 5\.7\.8 no"):
            await hand_over(to(script, username="u", password=SECRET))
    assert sum(command.startswith("AUTH") for command in script.commands) == 1


async def test_a_mechanism_that_is_offered_and_unknown_is_passed_over() -> None:
    async with scripted({"EHLO": "250-hi\r\n250 AUTH PLAIN LOGIN", "AUTH": "504 5.5.4 unknown"}) as script:
        with pytest.raises(Permanent, match="no way to sign in"):
            await hand_over(to(script, username="u", password=SECRET))
    assert [command.split()[1] for command in script.commands if command.startswith("AUTH")] == ["PLAIN", "LOGIN"]


async def test_a_token_is_offered_as_xoauth2() -> None:
    async def token(refused: str) -> str:
        return "token"

    async with scripted({"EHLO": "250-hi\r\n250 AUTH PLAIN XOAUTH2"}) as script:
        await hand_over(to(script, username="u", token=token))
    assert script.commands[1] == "AUTH XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHRva2VuAQE="


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    asked = []

    async def token(refused: str) -> str:
        asked.append(refused)
        return f"token{len(asked)}"

    says = {"EHLO": "250-hi\r\n250 AUTH PLAIN XOAUTH2", "AUTH": "535 5.7.8 no such token"}
    async with scripted(says) as script:
        with pytest.raises(Permanent, match="bridge login"):
            await hand_over(to(script, username="u", token=token))
    assert asked == ["", "token1"]


async def test_without_xoauth2_a_token_is_never_sent_as_a_password() -> None:
    async def token(refused: str) -> str:
        return "token"

    async with scripted() as script:
        with pytest.raises(Permanent, match="XOAUTH2"):
            await hand_over(to(script, username="u", token=token))
    assert not any(command.startswith("AUTH") for command in script.commands)


# --- what check shows -----------------------------------------------------------------------------------------------


async def test_probe_shows_what_is_offered_before_and_after_tls(secured: Any) -> None:
    async with secured("starttls", Taking()) as server:
        dialogue = await probe(server)
    assert "STARTTLS" in dialogue.before_tls
    assert not any(line.startswith("AUTH") for line in dialogue.before_tls)
    assert "AUTH LOGIN PLAIN" in dialogue.after_tls
    assert dialogue.signed_in
    assert dialogue.failure is None


async def test_probe_says_how_far_it_came(secured: Any) -> None:
    async with secured("tls", Taking()) as server:
        dialogue = await probe(replace(server, password="battery staple"))
    assert dialogue.before_tls == ()
    assert "AUTH LOGIN PLAIN" in dialogue.after_tls
    assert not dialogue.signed_in
    assert isinstance(dialogue.failure, Permanent)
