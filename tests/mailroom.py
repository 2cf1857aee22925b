"""The team's mailbox as another mail client sees it: over a real Dovecot, or as files of the embedded mailbox."""

import asyncio
import contextlib
import email
import imaplib
import itertools
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from collections.abc import Set as AbstractSet
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

import pytest
from dovecot import PASSWORD, Dovecot, running_dovecot
from onstage import ENOUGH, Desk, nodes

from bridge.demo.stage import CHANNEL, Stage

T = TypeVar("T")

Stands = tuple[str, AbstractSet[str]]
"""A mail's folder (inbox, trash, archive, junk, sent) and its flags."""


def imap_source(dovecot: Dovecot, user: str) -> str:
    server = dovecot.server(user)
    return (
        f'source = "imap"\nimap = {{ host = "{server.host}", port = {server.port}, security = "{server.security}", '
        f'username = "{user}", password_env = "MAILBOX_PASSWORD", ca_file = "{server.ca_file}" }}'
    )


def user_of(folder: Path) -> str:
    """A mailbox of its own for each test."""
    return f"user{abs(hash(str(folder)))}"


def written(subject: str, *, in_reply_to: str = "") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Dana <dana@example.com>", "hello@fernhill.example.com", subject
    mail["Message-ID"] = f"<{subject.replace(' ', '-')}@example.com>"
    if in_reply_to:
        mail["In-Reply-To"] = in_reply_to
    mail.set_content(f"About {subject}.")
    return mail.as_bytes()


def other_client(dovecot: Dovecot, user: str) -> imaplib.IMAP4_SSL:
    """What a phone is to the team's mailbox."""
    server = dovecot.server(user)
    context = ssl.create_default_context(cafile=str(server.ca_file))
    client = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context)
    client.login(user, PASSWORD)
    return client


async def until(look: Callable[[], T]) -> T:
    """Ask what stands outside until the answer is a true one."""
    async with asyncio.timeout(ENOUGH):
        while not (found := await asyncio.to_thread(look)):  # noqa: ASYNC110 - a server is asked, not a task
            await asyncio.sleep(0.05)
    return found


class Mailroom(Protocol):
    """What people do to the mailbox elsewhere. Mails are named by their subjects."""

    source: str

    def deliver(self, *mails: bytes) -> None: ...
    def stands(self) -> dict[str, Stands]: ...
    def mark(self, subject: str, *, add: str = "", remove: str = "") -> None: ...
    def move(self, subject: str, to: str, *, out_of: str = "inbox") -> None: ...
    def remove(self, subject: str) -> None: ...
    def file_sent(self, mail: bytes) -> None: ...


class ImapRoom:
    """A mailbox on Dovecot, and a phone."""

    NAMES: ClassVar = {"inbox": "INBOX", "trash": "Trash", "archive": "Ablage", "junk": "Junk", "sent": "Sent"}

    def __init__(self, dovecot: Dovecot, user: str) -> None:
        self._dovecot, self._user = dovecot, user
        self.source = imap_source(dovecot, user)
        with self._phone() as phone:
            phone.create("Junk")

    def deliver(self, *mails: bytes) -> None:
        self._dovecot.deliver(self._user, *mails)

    def stands(self) -> dict[str, Stands]:
        found: dict[str, Stands] = {}
        with self._phone() as phone:
            for role, name in self.NAMES.items():
                phone.select(name, readonly=True)
                found |= {subject: (role, flags) for subject, flags, _ in self._listed(phone)}
        return found

    def mark(self, subject: str, *, add: str = "", remove: str = "") -> None:
        with self._phone() as phone:
            phone.select("INBOX")
            uid = self._uid(phone, subject)
            if add:
                phone.uid("STORE", uid, "+FLAGS", add)
            if remove:
                phone.uid("STORE", uid, "-FLAGS", remove)

    def move(self, subject: str, to: str, *, out_of: str = "inbox") -> None:
        with self._phone() as phone:
            phone.select(self.NAMES[out_of])
            uid = self._uid(phone, subject)
            phone.uid("COPY", uid, self.NAMES[to])
            phone.uid("STORE", uid, "+FLAGS", "\\Deleted")
            phone.expunge()

    def remove(self, subject: str) -> None:
        with self._phone() as phone:
            phone.select("INBOX")
            phone.uid("STORE", self._uid(phone, subject), "+FLAGS", "\\Deleted")
            phone.expunge()

    def file_sent(self, mail: bytes) -> None:
        with self._phone() as phone:
            phone.append("Sent", "\\Seen", "", mail)

    def count(self, role: str) -> int:
        """How many mails a folder has."""
        with self._phone() as phone:
            return int(phone.select(self.NAMES[role], readonly=True)[1][0] or 0)

    @contextlib.contextmanager
    def _phone(self) -> Iterator[imaplib.IMAP4_SSL]:
        phone = other_client(self._dovecot, self._user)
        try:
            yield phone
        finally:
            phone.logout()

    def _listed(self, phone: imaplib.IMAP4_SSL) -> Iterator[tuple[str, frozenset[str], str]]:
        """Of each mail its subject, flags and uid."""
        for one in phone.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
            if isinstance(one, tuple):
                said = one[0].decode()
                flags = re.search(r"FLAGS \(([^)]*)\)", said)
                uid = re.search(r"UID (\d+)", said)
                assert flags
                assert uid
                subject = str(email.message_from_bytes(one[1])["Subject"])
                yield subject, frozenset(flags[1].split()) - {"\\Recent"}, uid[1]

    def _uid(self, phone: imaplib.IMAP4_SSL, subject: str) -> str:
        return next(uid for found, _, uid in self._listed(phone) if found == subject)


class LocalRoom:
    """The embedded mailbox's folder, and a mail program that works on its files."""

    source = 'source = "local"'
    NAMES: ClassVar = {"inbox": "", "trash": ".Trash", "archive": ".Archive", "junk": ".Junk", "sent": ".Sent"}
    FLAGS: ClassVar = {"S": "\\Seen", "F": "\\Flagged", "R": "\\Answered", "T": "\\Deleted"}

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def deliver(self, *mails: bytes) -> None:
        for mail in mails:
            self._put(mail, "inbox", "new", "")

    def stands(self) -> dict[str, Stands]:
        found: dict[str, Stands] = {}
        for role, file, subject in self._seen():
            letters = file.name.partition(":2,")[2]
            found[subject] = (role, frozenset(self.FLAGS[one] for one in letters))
        return found

    def mark(self, subject: str, *, add: str = "", remove: str = "") -> None:
        _, file = self._file(subject)
        base, _, letters = file.name.partition(":2,")
        wanted = {one for one in letters if self.FLAGS[one] != remove}
        wanted |= {letter for letter, flag in self.FLAGS.items() if flag == add}
        file.rename(self._folder / "cur" / f"{base}:2,{''.join(sorted(wanted))}")

    def move(self, subject: str, to: str, *, out_of: str = "inbox") -> None:
        role, file = self._file(subject)
        assert role == out_of
        self._put(file.read_bytes(), to, "cur", ":2,S")
        file.unlink()

    def remove(self, subject: str) -> None:
        self._file(subject)[1].unlink()

    def file_sent(self, mail: bytes) -> None:
        self._put(mail, "sent", "cur", ":2,S")

    def _put(self, mail: bytes, role: str, place: str, flags: str) -> None:
        home = self._folder / self.NAMES[role]
        for name in ("tmp", "new", "cur"):
            (home / name).mkdir(parents=True, exist_ok=True)
        name = f"{next(self._numbers):06}.elsewhere"
        (home / "tmp" / name).write_bytes(mail)
        (home / "tmp" / name).rename(home / place / f"{name}{flags}")

    def _files(self) -> Iterator[tuple[str, Path]]:
        for role, name in self.NAMES.items():
            for place in ("new", "cur"):
                for file in sorted((self._folder / name / place).glob("*")):
                    yield role, file

    def _file(self, subject: str) -> tuple[str, Path]:
        return next((role, file) for role, file, found in self._seen() if found == subject)

    def _seen(self) -> list[tuple[str, Path, str]]:
        """Of each mail its folder, file and subject. The bridge renames files meanwhile: then everything is read again."""
        while True:
            with contextlib.suppress(FileNotFoundError):
                return [(role, file, self._subject(file)) for role, file in self._files()]

    def _subject(self, file: Path) -> str:
        return str(email.message_from_bytes(file.read_bytes())["Subject"])


# --- the same story over both -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="dovecot")
def dovecot_fixture() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture(params=["local", "imap"], name="room")
def room_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Mailroom:
    if request.param == "local":
        return LocalRoom(tmp_path / "mail" / "support")
    return ImapRoom(request.getfixturevalue("dovecot"), f"user{os.urandom(4).hex()}")


@pytest.fixture(name="stage")
async def stage_fixture(tmp_path: Path, room: Mailroom) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source = room.source
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    await made.start()
    yield made
    await made.stop()


async def has_card(mina: Desk, room: Mailroom, subject: str = "Two bags") -> dict[str, object]:
    """A mail has come, and all of it is shown."""
    room.deliver(written(subject))
    card = await mina.sees_card(subject)
    await mina.sees(lambda: mina.line(card, f"About {subject}"))
    return card


def options(card: dict[str, object]) -> list[str]:
    return [str(node["value"]) for node in nodes(card) if ":" in str(node.get("value", ""))]


async def choose(mina: Desk, option: str) -> None:
    """Choose from a card's menus, once it is offered."""
    card = await mina.sees(lambda: next((one for one in mina.cards() if option in options(one)), None))
    assert card
    await mina.person.choose(CHANNEL, card["ts"], "more", option)
