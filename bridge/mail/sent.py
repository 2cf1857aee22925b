"""Where the copies of sent mail are kept: a local folder or the server's own (talks).

A copy is kept once: before it is made again after a crash, the folder is asked whether it is there.
"""

from typing import Protocol

from bridge.errors import Permanent
from bridge.mail.imap import ImapSource
from bridge.mail.maildir import Maildir
from bridge.mail.source import Role


class SentFolder(Protocol):
    """A mailbox's Sent folder."""

    async def has(self, message_id: str) -> bool:
        """Whether a mail of that Message-ID is there: then it left, whoever put it there."""

    async def keep(self, raw: bytes, *, message_id: str) -> None:
        """Put a copy there, unless it is there."""


class LocalSent:
    """The folder `.Sent` of a Maildir. Only our own copies come there, after a mail has left: it proves nothing."""

    def __init__(self, maildir: Maildir) -> None:
        self._maildir = maildir

    async def has(self, message_id: str) -> bool:  # noqa: ARG002 - see the class
        """Never known."""
        return False

    async def keep(self, raw: bytes, *, message_id: str) -> None:  # noqa: ARG002
        """Put a copy there."""
        await self._maildir.deliver(raw, folder=".Sent")


class ImapSent:
    """The folder that the server calls Sent (RFC 6154), or the operator."""

    def __init__(self, source: ImapSource) -> None:
        self._source = source

    async def has(self, message_id: str) -> bool:
        """Look for it. Raises Temporary where the server is away."""
        folder = (await self._source.folders()).get(Role.SENT)
        return bool(folder and await self._source.find(message_id, folder=folder))

    async def keep(self, raw: bytes, *, message_id: str) -> None:
        """Append a copy, marked as read. Raises Permanent where there is no such folder."""
        folder = (await self._source.folders()).get(Role.SENT)
        if folder is None:
            raise Permanent(
                "The mailbox has no Sent folder: name one in bridge.toml (folders.sent), or MAIL_SAVE_SENT=off."
            )
        if not await self._source.find(message_id, folder=folder):
            await self._source.append(raw, to=folder)
