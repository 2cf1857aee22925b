"""Where the copies of sent mail are kept: the mailbox's own Sent folder (talks).

A copy is kept once: before it is made again after a crash, the folder is asked whether it is there.
"""

from bridge.errors import Permanent
from bridge.mail.source import Role, Source
from bridge.sentences import say


class SentFolder:
    """The folder that the mailbox calls Sent (RFC 6154), or the operator."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def has(self, message_id: str) -> bool:
        """Whether a mail of that Message-ID is there: then it left, whoever put it there. Raises Temporary."""
        folder = (await self._source.folders()).get(Role.SENT)
        return bool(folder and await self._source.find(message_id, folder=folder))

    async def keep(self, raw: bytes, *, message_id: str) -> None:
        """Put a copy there, marked as read, unless it is there. Raises Permanent where there is no such folder."""
        folder = (await self._source.folders()).get(Role.SENT)
        if folder is None:
            raise Permanent(
                say("The mailbox has no Sent folder: name one in bridge.toml (folders.sent), or MAIL_SAVE_SENT=off.")
            )
        if not await self._source.find(message_id, folder=folder):
            await self._source.append(raw, to=folder)


class LocalSent(SentFolder):
    """The embedded mailbox's. Only our own copies come there, after a mail has left: it proves nothing."""

    async def has(self, message_id: str) -> bool:  # noqa: ARG002 - see the class
        """Never known."""
        return False
