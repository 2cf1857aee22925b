"""A signed-in IMAP session: questions and commands, each answered whole (talks).

What the server tells unasked is gathered as news, whichever command it came with. Mails are fetched with PEEK: nothing
here marks one as seen. Never a plain EXPUNGE, which would take away what other programs have marked.
"""

import contextlib
import imaplib
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imapclient.exceptions import LoginError
from imapclient.imap_utf7 import encode as encode_utf7

from bridge import __version__
from bridge.errors import Permanent, Temporary
from bridge.mail.imap.answers import Fetched, Folder, Response, code, fetched, folder, found, number, ranges
from bridge.mail.imap.faults import NotDone, asks_to_wait, named, passes, refused_login
from bridge.mail.imap.server import Gate, ImapServer
from bridge.mail.imap.wire import Bell, Client, astring, quoted
from bridge.mail.trust import tls_context
from bridge.mail.view import Range
from bridge.sentences import mark, say

FIRST_PART = 65_536
"""Bytes of each mail that are fetched together with its size: most mails are smaller, and one round trip is enough."""

_LONGEST_HEAD = 262_144  # bytes of a header block that are asked for
_POLL = 30.0  # seconds between looks where the server has no IDLE


@dataclass(slots=True)
class News:
    """What the server told unasked of the selected folder. `flags`: a mail's number, its uid where told, its flags."""

    exists: bool = False
    expunged: bool = False
    vanished: list[Range] = field(default_factory=list)
    flags: list[tuple[int, int | None, frozenset[str]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.exists or self.expunged or bool(self.vanished) or bool(self.flags)


class Session:
    """A session, signed in. After `select`: `selected`, its `uidvalidity`, its `uidnext` and `modseq` where told.
    `selections` counts them: what is told of a folder while another one is selected is not told later.

    Every method raises Temporary or Permanent. Where `broken`, the session is of no more use.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._idles = client.has_capability("IDLE")
        self._folders: list[Folder] | None = None
        self.qresync = False
        self.broken = False
        self.selected: str | None = None
        self.readonly = False
        self.selections = 0
        self.uidvalidity = 0
        self.uidnext: int | None = None
        self.modseq: int | None = None
        self.news = News()

    @classmethod
    def open(cls, server: ImapServer, *, bell: Bell, gate: Gate) -> "Session":
        """Connects and signs in. Raises Temporary, Permanent or Misconfigured, and Stopped."""
        tls = tls_context(server.host, security=server.security, ca_file=server.ca_file, setting="MAIL_IMAP_SECURITY")
        token = server.token("") if server.token else ""  # the provider's trouble keeps nobody else out
        with gate.passing(server.host, bell=bell), named(doing=mark("let us in")):
            client = Client(
                server.host,
                server.port,
                bell=bell,
                tls=tls if server.security == "tls" else None,
                timeouts=(server.connect_timeout, server.timeout),
            )
            try:
                if server.security == "starttls" and tls is not None:
                    _upgrade(client, tls)
                _sign_in(client, server, token=token)
                if client.has_capability("ID"):
                    client.introduce({"name": "mail-bridge", "version": __version__})
                session = cls(client)
                session.qresync = _enable_qresync(client)
            except BaseException:
                client.leave()
                raise
        return session

    def close(self) -> None:
        """Leaves without waiting."""
        self._client.leave()

    @property
    def heard_at(self) -> float:
        """When the server last said anything, on the monotonic clock."""
        return self._client.wire.heard_at

    def can(self, capability: str) -> bool:
        """Whether the server has it."""
        return bool(self._client.has_capability(capability))

    # --- folders ----------------------------------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """All folders, with their SPECIAL-USE where the server tells (RFC 6154)."""
        if self._folders is None:
            more = [b"RETURN", b"(SPECIAL-USE)"] if self.can("SPECIAL-USE") and self.can("LIST-EXTENDED") else []
            responses = self._ask(b"LIST", b'""', b'"*"', *more, doing=mark("list its folders"))
            read = (folder(response) for response in responses if response.kind == "LIST")
            self._folders = [one for one in read if one is not None]
        return self._folders

    def select(self, name: str, *, readonly: bool = False) -> None:
        """Makes a folder the one that uids are about; news of another one are dropped."""
        command, wire = b"EXAMINE" if readonly else b"SELECT", astring(self._wire_name(name))
        self.selected = None
        try:
            responses = self._ask(command, wire, doing=say("open the folder {folder}", folder=name))
        except Temporary as refused:
            if self.broken or passes(refused.detail) or self._lists(name):
                raise
            raise Permanent(
                say(
                    "The mailbox has no folder {folder}: make it there, or correct its name in bridge.toml (folders).",
                    folder=name,
                ),
                detail=refused.detail,
            ) from refused
        self._client.wire.state = "SELECTED"
        self.selected, self.readonly = name, readonly
        self.selections += 1
        self.uidvalidity = number(responses, "UIDVALIDITY") or 1
        self.uidnext = number(responses, "UIDNEXT")
        self.modseq = number(responses, "HIGHESTMODSEQ")
        self.news = News()

    def next_uid(self) -> int:
        """The uid that the next mail of the selected folder will have, or one that no mail before it has."""
        return self.uidnext or max(self.search(b"UID", b"*"), default=0) + 1

    # --- mails ------------------------------------------------------------------------------------------------------

    def search(self, *criteria: bytes) -> list[int]:
        """The uids that match, in order. Strings among the criteria are quoted by the caller."""
        return found(self._ask(b"SEARCH", *criteria, uid=True, doing=mark("search the mailbox")))

    def search_message_id(self, message_id: str) -> list[int]:
        """The uids of mails with these words in their Message-ID."""
        word = message_id.encode()
        charset = [] if word.isascii() else [b"CHARSET", b"UTF-8"]
        return self.search(*charset, b"HEADER", b"Message-ID", astring(word))

    def peek(self, uids: bytes) -> list[Fetched]:
        """Size, flags, time and first part of each of these mails that is there."""
        items = f"(UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[]<0.{FIRST_PART}>)".encode()
        return self._mails(uids, items)

    def whole(self, uid: int) -> bytes | None:
        """A mail's bytes, or None where the server does not give them."""
        return self._body(uid, item=b"BODY.PEEK[]", name=b"BODY[]")

    def head(self, uid: int) -> bytes | None:
        """A mail's header block, or its beginning where it is too long; None where the server does not give it."""
        head = self._body(uid, item=b"BODY.PEEK[HEADER]<0.%d>" % _LONGEST_HEAD, name=b"BODY[HEADER]")
        return head[:_LONGEST_HEAD] if head else head

    def message_ids(self, uids: Sequence[int]) -> dict[int, str]:
        """The Message-ID of each of these mails that is there, angle brackets included, or an empty string."""
        name = b"BODY[HEADER.FIELDS"  # some servers quote the field's name behind it
        told = self._mails(_listed(uids), b"(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        return {one.uid: _field(one.body(name)[0] or b"") for one in told if one.uid is not None}

    def ask_flags(self, numbers: Iterable[int]) -> None:
        """Asks for the uids and flags of mails by number, which may by now be another mail's; they come as news."""
        self._mails(_listed(numbers), b"(UID FLAGS)", uid=False)

    def ask_flags_since(self, modseq: int, *, uids: bytes) -> None:
        """Asks for the flags that have changed since (RFC 7162); they come as news."""
        self._mails(uids, b"(FLAGS)", f"(CHANGEDSINCE {modseq})".encode())

    def store(self, uids: Sequence[int], *, change: bytes, flags: Iterable[str]) -> None:
        """Adds (`+FLAGS`) or removes (`-FLAGS`) flags; what the mails have then comes as news."""
        words = f"({' '.join(flags)})".encode()
        self._ask(b"STORE", _listed(uids), change, words, uid=True, doing=mark("change the flags"))

    def relocate(self, command: bytes, uids: Sequence[int], *, to: str) -> list[Response]:
        """MOVE or COPY; the answer has COPYUID where the server tells it."""
        doing = say("move mails to the folder {folder}", folder=to)
        return self._ask(command, _listed(uids), astring(self._wire_name(to)), uid=True, doing=doing)

    def expunge(self, uids: Sequence[int]) -> None:
        r"""Takes away these mails, as far as they are marked \\Deleted (RFC 4315)."""
        self._ask(b"EXPUNGE", _listed(uids), uid=True, doing=mark("take mails away"))

    def append(self, raw: bytes, *, to: str, flags: Sequence[str]) -> tuple[int, int] | None:
        """Puts a mail into a folder; its place, where the server tells it."""
        wire = quoted(self._wire_name(to))
        with self._talking(say("store a mail in the folder {folder}", folder=to)):
            responses = self._client.append_mail(wire, raw, flags=flags)
        self._listen(responses)
        words = (code(responses, "APPENDUID") or b"").split()
        told = len(words) == 2 and words[0].isdigit() and words[1].isdigit()
        return (int(words[0]), int(words[1])) if told else None

    # --- news -------------------------------------------------------------------------------------------------------

    def rest(self, *, until: float) -> None:
        """Until there is news, until the bell rings, or until that time of the monotonic clock.

        Where the server has no IDLE, or ends it by itself, it is asked every 30 s.
        """
        if self._idles:
            with self._talking(mark("watch the mailbox")):
                self._idles = self._idle(until=until)
            return
        with self._talking(mark("watch the mailbox")):
            self._client.wire.wait(until=min(until, time.monotonic() + _POLL))
        self._ask(b"NOOP", doing=mark("watch the mailbox"))

    def take_news(self) -> News:
        """What was told since the last time."""
        news, self.news = self.news, News()
        return news

    def _idle(self, *, until: float) -> bool:
        """Whether the server kept to IDLE."""
        try:
            tag = self._client.begin_idle()
        except NotDone as refused:
            if asks_to_wait(str(refused)):
                raise
            return False
        self._listen(self._client.take())
        kept = True
        while kept and not self.news and self._client.wire.wait(until=until):
            kept = self._client.hear(tag)
            self._listen(self._client.take())
        self._listen(self._client.end_idle(tag))
        return kept

    def _lists(self, name: str) -> bool:
        """Whether the server has such a folder now: many say it in words alone when one is opened that is not there."""
        self._folders = None
        return name.upper() == "INBOX" or any(one.name == name for one in self.folders())

    def _wire_name(self, name: str) -> bytes:
        """A folder's name in the server's own bytes, as far as it lists it."""
        if name.upper() == "INBOX":
            return b"INBOX"
        listed = (one.wire for one in self.folders() if one.name == name)
        encoded: bytes = encode_utf7(name)
        return next(listed, encoded)

    def _ask(self, name: bytes, *arguments: bytes, uid: bool = False, doing: str) -> list[Response]:
        with self._talking(doing):
            responses = self._client.ask(name, *arguments, uid=uid)
        self._listen(responses)
        return responses

    def _mails(self, *arguments: bytes, uid: bool = True) -> list[Fetched]:
        """What FETCH gives. A refusal is often about one mail of many: the others are returned."""
        with self._talking(mark("hand over mails")):
            try:
                responses: Sequence[Response] = self._client.ask(b"FETCH", *arguments, uid=uid)
            except NotDone as refused:
                if asks_to_wait(str(refused)):
                    raise
                responses = refused.responses
        return self._listen(responses)

    @contextlib.contextmanager
    def _talking(self, doing: str) -> Iterator[None]:
        """After anything but a refusal it is not known what the server will say next."""
        with named(doing=doing):
            try:
                yield
            except NotDone as refused:
                self._listen(refused.responses)
                raise
            except BaseException:
                self.broken = True
                raise

    def _body(self, uid: int, *, item: bytes, name: bytes) -> bytes | None:
        told = self._mails(str(uid).encode(), b"(UID " + item + b")")
        bodies = (one.body(name)[0] for one in told if one.uid == uid)
        return next((body for body in bodies if body is not None), None)

    def _listen(self, responses: Iterable[Response]) -> list[Fetched]:
        """Takes down what is news, and returns what was told of mails."""
        told = []
        for response in responses:
            if response.kind == "EXISTS":
                self.news.exists = True
            elif response.kind == "EXPUNGE":
                self.news.expunged = True
            elif response.kind == "VANISHED":
                self.news.vanished += ranges(response.text)
            elif response.kind == "FETCH" and (one := fetched(response)):
                told.append(one)
                if one.flags is not None:
                    self.news.flags.append((one.number, one.uid, one.flags))
        return told


class _Token:
    """XOAUTH2's side of the dialogue: the token, then an empty line where the server explains its refusal."""

    def __init__(self, username: str, token: str) -> None:
        self._words = [f"user={username}\1auth=Bearer {token}\1\1".encode()]

    def __call__(self, _challenge: bytes) -> bytes:
        return self._words.pop() if self._words else b""


def _upgrade(client: Client, tls: ssl.SSLContext) -> None:
    if not client.has_capability("STARTTLS"):
        raise Permanent(
            say(
                "The mail server does not offer STARTTLS, and nothing is said to it without encryption: "
                "set MAIL_IMAP_SECURITY to tls (port 993) if the provider has that."
            )
        )
    client.starttls(tls)


def _sign_in(client: Client, server: ImapServer, *, token: str) -> None:
    if client.wire.state == "AUTH":  # PREAUTH: the server knows us by the connection
        return
    try:
        if server.token is not None:
            _sign_in_by_token(client, server.username, token=token, another=server.token)
        elif client.has_capability("AUTH=PLAIN"):
            client.plain_login(server.username, server.password)
        else:
            client.login_plainly(server.username, server.password)
    except (LoginError, NotDone) as error:
        if isinstance(error.__context__, imaplib.IMAP4.abort):  # no refusal: the connection went away
            raise error.__context__ from error
        raise refused_login(str(error), host=server.host, by_token=server.token is not None) from error


def _sign_in_by_token(client: Client, username: str, *, token: str, another: Callable[[str], str]) -> None:
    """With the token at hand, then once with a new one: the first may have run out in between."""
    try:
        client.sasl_login("XOAUTH2", _Token(username, token))
    except LoginError as error:
        if isinstance(error.__context__, imaplib.IMAP4.abort):
            raise
        client.sasl_login("XOAUTH2", _Token(username, another(token)))


def _enable_qresync(client: Client) -> bool:
    """With it, changes name their mails by uid (RFC 7162), which numbers that shift do not."""
    if not (client.has_capability("ENABLE") and client.has_capability("QRESYNC")):
        return False
    try:
        answers = client.ask(b"ENABLE", b"QRESYNC")
    except NotDone:
        return False
    return any(response.kind == "ENABLED" and b"QRESYNC" in response.text.upper() for response in answers)


def _listed(numbers: Iterable[int]) -> bytes:
    return b",".join(b"%d" % one for one in numbers)


def _field(block: bytes) -> str:
    """The value of the one field in a header block, unfolded."""
    return b" ".join(block.partition(b":")[2].split()).decode("utf-8", "replace")
