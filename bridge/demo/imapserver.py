"""A small IMAP server on loopback (RFC 3501): it behaves, and says something else where it is told to.

It stands at the other end of tests and benchmarks: any user may come in, all see the same folders, and a new mail is
pushed at once. `says` maps a command's first words (`SELECT`, `UID FETCH`; `GREETING` for what comes first) to what is
done instead.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

CAPABILITIES = "IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 IDLE UIDPLUS MOVE ID LITERAL+"

Script = Callable[["Conversation", str, str], Awaitable[None]]
"""Gets the connection, the command's tag and its arguments."""


LONGEST_LINE = 1 << 26
"""Bytes: above any mail that is appended."""

_UID = attrgetter("uid")


@dataclass(slots=True)
class Mail:
    """A mail and its flags."""

    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Box:
    """A folder: its mails in the order of their uids."""

    uidvalidity: int
    mails: list[Mail] = field(default_factory=list)
    uidnext: int = 1

    def add(self, raw: bytes, *flags: str) -> int:
        """Put a mail in; its uid."""
        self.mails.append(Mail(self.uidnext, raw, set(flags)))
        self.uidnext += 1
        return self.uidnext - 1


class Double:
    """The server. `connections` are those that stand, `commands` all it was told, without tags."""

    def __init__(self, *, capabilities: str = CAPABILITIES, says: dict[str, Script] | None = None) -> None:
        self.capabilities = capabilities
        self.says = says or {}
        self.boxes = {"INBOX": Box(7), "Sent": Box(8), "Trash": Box(9)}
        self.listing = ['(\\Sent) "/" Sent', '(\\Trash) "/" Trash', '() "/" INBOX']
        self.connections: list[Conversation] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.made = 0
        self.commands: list[str] = []
        self.logins: list[str] = []
        self.port = 0
        self.changed = asyncio.Condition()

    @property
    def inbox(self) -> Box:
        """The folder that new mails come to."""
        return self.boxes["INBOX"]

    async def deliver(self, *raws: bytes) -> None:
        """New mails, told to those who wait in IDLE before anything else happens."""
        for raw in raws:
            self.inbox.add(raw)
        for connection in self.connections:
            if connection.idling:
                await connection.tell()

    async def push(self, *lines: str) -> None:
        """Say this to those who wait in IDLE."""
        for connection in self.connections:
            if connection.idling:
                await connection.say(*lines)

    async def heard(self, command: str, *, times: int = 1) -> None:
        """Waits until a command that begins like this was given so often."""
        async with self.changed:
            await self.changed.wait_for(lambda: sum(one.startswith(command) for one in self.commands) >= times)

    async def resting(self) -> None:
        """Waits until a connection is in IDLE."""
        async with self.changed:
            await self.changed.wait_for(lambda: any(connection.idling for connection in self.connections))

    async def note(self, command: str) -> None:
        """Remember what was told."""
        async with self.changed:
            self.commands.append(command)
            self.changed.notify_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its greeting to its end."""
        connection = Conversation(self, reader, writer)
        self.connections.append(connection)
        self.made += 1
        if task := asyncio.current_task():
            self.tasks.append(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await connection.converse()
        finally:
            self.connections.remove(connection)
            writer.transport.abort()


class Conversation:
    """One connection. `do_...` answer a command each: they are given its tag and its arguments."""

    def __init__(self, double: Double, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.double = double
        self.reader = reader
        self.writer = writer
        self.selected = "INBOX"
        self.idling = False
        self.told_of = 0

    @property
    def box(self) -> Box:
        """The folder that was selected."""
        return self.double.boxes[self.selected]

    async def say(self, *lines: str) -> None:
        """Send lines; surrogates stand for bytes that are no UTF-8."""
        await self.send("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    async def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def hang_up(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()
        raise ConnectionResetError

    async def tell(self) -> None:
        """New mails, if there are any that were not told of."""
        if len(self.box.mails) > self.told_of:
            await self.say(f"* {len(self.box.mails)} EXISTS")
        self.told_of = len(self.box.mails)

    async def silence(self) -> None:
        """Reads and says nothing more."""
        while await self.reader.read(65536):
            pass
        raise ConnectionResetError

    async def converse(self) -> None:
        """Greet, then answer command after command."""
        if greeting := self.double.says.get("GREETING"):
            await greeting(self, "*", "")
        else:
            await self.say(f"* OK [CAPABILITY {self.double.capabilities}] ready")
        while True:
            tag, _, command = (await self.line()).partition(" ")
            if not command:  # a DONE for an IDLE that has ended
                await self.say("* BAD nothing to do")
                continue
            words = command.split(" ", 2)
            name = " ".join(words[: 2 if words[0].upper() == "UID" else 1]).upper()
            arguments = command[len(name) :].strip()
            await self.double.note(command)
            await self.double.says.get(name, getattr(Conversation, f"do_{name.replace(' ', '_').lower()}"))(
                self, tag, arguments
            )

    async def line(self) -> str:
        """A command, its literals put where they stand."""
        text = (await self.reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "surrogateescape")
        while found := re.search(r"\{(\d+)(\+?)\}$", text):
            if not found[2]:
                await self.say("+ go on")
            literal = (await self.reader.readexactly(int(found[1]))).decode("utf-8", "surrogateescape")
            rest = (await self.reader.readuntil(b"\r\n"))[:-2].decode()
            text = f"{text[: found.start()]}{literal}{rest}"
        return text

    # --- commands ---------------------------------------------------------------------------------------------------

    async def do_capability(self, tag: str, _: str) -> None:
        """RFC 3501 section 6.1.1."""
        await self.say(f"* CAPABILITY {self.double.capabilities}", f"{tag} OK done")

    async def do_authenticate(self, tag: str, mechanism: str) -> None:
        """PLAIN and XOAUTH2; a token with "stale" in it is refused."""
        await self.say("+ ")
        said = base64.b64decode(await self.reader.readuntil(b"\r\n")).decode()
        self.double.logins.append(said)
        if mechanism == "XOAUTH2" and "stale" in said:
            await self.say("+ eyJzdGF0dXMiOiI0MDEifQ==")
            if await self.reader.readuntil(b"\r\n") != b"\r\n":
                await self.hang_up()
            await self.say(f"{tag} NO [AUTHENTICATIONFAILED] token refused")
        else:
            await self.say(f"{tag} OK [CAPABILITY {self.double.capabilities}] welcome")

    async def do_login(self, tag: str, arguments: str) -> None:
        """Anybody may come in."""
        self.double.logins.append(arguments)
        await self.say(f"{tag} OK welcome")

    async def do_id(self, tag: str, _: str) -> None:
        """RFC 2971."""
        await self.say("* ID NIL", f"{tag} OK done")

    async def do_enable(self, tag: str, words: str) -> None:
        """RFC 5161."""
        await self.say(f"* ENABLED {words}", f"{tag} OK done")

    async def do_noop(self, tag: str, _: str) -> None:
        """Tells of new mails."""
        await self.tell()
        await self.say(f"{tag} OK done")

    async def do_logout(self, _tag: str, _arguments: str) -> None:
        """RFC 3501 section 6.1.3."""
        await self.say("* BYE see you")
        await self.hang_up()

    async def do_list(self, tag: str, _: str) -> None:
        """What `listing` says."""
        await self.say(*(f"* LIST {one}" for one in self.double.listing), f"{tag} OK done")

    async def do_select(self, tag: str, name: str) -> None:
        """RFC 3501 section 6.3.1."""
        self.selected = name.strip('"')
        box, self.told_of = self.box, len(self.box.mails)
        await self.say(
            f"* {len(box.mails)} EXISTS",
            f"* OK [UIDVALIDITY {box.uidvalidity}] valid",
            f"* OK [UIDNEXT {box.uidnext}] next",
            f"{tag} OK [READ-WRITE] done",
        )

    do_examine = do_select

    async def do_idle(self, tag: str, _: str) -> None:
        """RFC 2177."""
        await self.say("+ idling")
        await self.idle(tag)

    async def idle(self, tag: str) -> None:
        """After the `+`: push until DONE."""
        await self.tell()
        self.idling = True
        async with self.double.changed:
            self.double.changed.notify_all()
        try:
            if await self.reader.readuntil(b"\r\n") != b"DONE\r\n":
                await self.hang_up()
        finally:
            self.idling = False
        await self.say(f"{tag} OK idle done")

    async def do_uid_search(self, tag: str, criteria: str) -> None:
        """As far as `matching` understands it."""
        uids = " ".join(str(mail.uid) for mail in self.matching(criteria))
        await self.say(f"* SEARCH {uids}".strip(), f"{tag} OK done")

    async def do_uid_fetch(self, tag: str, arguments: str) -> None:
        """As far as `told` understands it."""
        uids, _, items = arguments.partition(" ")
        for mail in self.among(uids):
            await self.send(self.told(mail, items))
        await self.say(f"{tag} OK done")

    async def do_fetch(self, tag: str, arguments: str) -> None:
        """The same by number."""
        numbers, _, items = arguments.partition(" ")
        for number in numbers.split(","):
            await self.send(self.told(self.box.mails[int(number) - 1], items))
        await self.say(f"{tag} OK done")

    async def do_uid_store(self, tag: str, arguments: str) -> None:
        """Adds or removes flags."""
        uids, change, flags = arguments.split(" ", 2)
        for mail in self.among(uids):
            words = set(flags.strip("()").split())
            mail.flags = mail.flags | words if change.startswith("+") else mail.flags - words
            if "SILENT" not in change:
                await self.send(self.told(mail, "(FLAGS)"))
        await self.say(f"{tag} OK done")

    async def do_uid_copy(self, tag: str, arguments: str) -> None:
        """COPYUID stands in the tagged answer (RFC 4315)."""
        await self.say(f"{tag} OK [COPYUID {self.copy(arguments)}] copied [all]")

    async def do_uid_move(self, tag: str, arguments: str) -> None:
        """COPYUID stands in an untagged one (RFC 6851)."""
        await self.say(f"* OK [COPYUID {self.copy(arguments)}] moved [all]")
        await self.remove(self.among(arguments.partition(" ")[0]))
        await self.say(f"{tag} OK done")

    async def do_uid_expunge(self, tag: str, uids: str) -> None:
        """RFC 4315."""
        await self.remove([mail for mail in self.among(uids) if "\\Deleted" in mail.flags])
        await self.say(f"{tag} OK done")

    async def do_append(self, tag: str, arguments: str) -> None:
        """APPENDUID stands in the answer (RFC 4315)."""
        name, _, rest = arguments.replace('"', "").partition(" ")
        flags, _, raw = rest.partition(")")
        box = self.double.boxes[name]
        uid = box.add(raw.strip().encode("utf-8", "surrogateescape"), *flags.strip("(").split())
        await self.say(f"{tag} OK [APPENDUID {box.uidvalidity} {uid}] stored")

    # --- what they mean -----------------------------------------------------------------------------------------------

    def among(self, uids: str) -> list[Mail]:
        """The mails of a set of uids; the last one always belongs to `n:*`."""
        mails, found = self.box.mails, dict[int, Mail]()
        last = mails[-1].uid if mails else 0
        for run in uids.split(","):
            first, _, end = run.replace("*", str(last)).partition(":")
            low, high = sorted((int(first), int(end or first)))
            between = mails[bisect_left(mails, low, key=_UID) : bisect_right(mails, high, key=_UID)]
            found |= {mail.uid: mail for mail in between}
        return [found[uid] for uid in sorted(found)]

    def matching(self, criteria: str) -> list[Mail]:
        """The mails that a search finds: by uid, Message-ID or flag."""
        mails = self.box.mails
        if uids := re.search(r"\bUID (\S+)", criteria):
            mails = self.among(uids[1])
        if header := re.search(r'HEADER Message-ID "?([^"]+)"?', criteria):
            mails = [mail for mail in mails if header[1].strip("<>").encode() in mail.raw]
        for word in ("Seen", "Flagged", "Answered", "Deleted"):
            if re.search(rf"\b{word.upper()}\b", criteria):
                mails = [mail for mail in mails if f"\\{word}" in mail.flags]
        return mails

    def told(self, mail: Mail, items: str) -> bytes:
        """A FETCH response."""
        head = mail.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        told = [f"UID {mail.uid} FLAGS ({' '.join(sorted(mail.flags))})".encode()]
        if "RFC822.SIZE" in items:
            told.append(b"RFC822.SIZE %d" % len(mail.raw))
        if part := re.search(r"BODY\.PEEK\[(HEADER)?\]<0\.(\d+)>", items):
            name = f"BODY[{part[1] or ''}]<0>".encode()
            told.append(literal(name, (head if part[1] else mail.raw)[: int(part[2])]))
        elif "BODY.PEEK[]" in items:
            told.append(literal(b"BODY[]", mail.raw))
        elif "HEADER.FIELDS" in items:
            found = re.search(rb"(?im)^message-id:.*$", head)
            told.append(
                literal(b"BODY[HEADER.FIELDS (MESSAGE-ID)]", (found[0].strip() if found else b"") + b"\r\n\r\n")
            )
        return b"* %d FETCH (%s)\r\n" % (bisect_right(self.box.mails, mail.uid, key=_UID), b" ".join(told))

    def copy(self, arguments: str) -> str:
        """Copies mails; what COPYUID says of it."""
        uids, _, name = arguments.partition(" ")
        target = self.double.boxes[name.strip('"')]
        mails = self.among(uids)
        new = [target.add(mail.raw, *mail.flags) for mail in mails]
        return f"{target.uidvalidity} {','.join(str(mail.uid) for mail in mails)} {','.join(map(str, new))}"

    async def remove(self, mails: list[Mail]) -> None:
        """Takes mails away, telling of each."""
        for mail in mails:
            number = self.box.mails.index(mail) + 1
            self.box.mails.remove(mail)
            await self.say(f"* {number} EXPUNGE")


def literal(name: bytes, content: bytes) -> bytes:
    """An item with its content as a literal."""
    return b"%s {%d}\r\n%s" % (name, len(content), content)


@contextlib.asynccontextmanager
async def running(*, tls: ssl.SSLContext | None = None, **more: Any) -> AsyncIterator[Double]:
    """The server on a free port of loopback; `more` goes to `Double`."""
    double = Double(**more)
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0, ssl=tls, limit=LONGEST_LINE, backlog=1024)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()
        for connection in list(double.connections):
            connection.writer.transport.abort()
        await asyncio.gather(*double.tasks)
