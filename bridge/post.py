"""Where a mailbox's mail comes from and goes: what talks to its servers, or to its folder (wiring)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bridge.errors import Temporary
from bridge.mail.imap import ImapSource
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.mail.sent import SentFolder
from bridge.mail.smtpsession import Server
from bridge.mail.source import Source
from bridge.model import MailboxName


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One mailbox's. `sent`: where copies of what it sent are kept; `maildir`: of a local one.

    `begun`: its cursor is committed, so that no mail from now on is missed; or it has been found failing, or another
    replica watches it. `rest`:
    waits so many seconds after a failure, or until there is a reason to try earlier.
    """

    name: MailboxName
    source: LocalSource | ImapSource
    smtp: Server
    sent: SentFolder
    maildir: Maildir | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep

    def reached(self) -> Source:
        """Its source. Raises Temporary at once where it is known to be away: jobs that wait would hold up others."""
        if isinstance(self.source.failure, Temporary):
            raise Temporary(str(self.source.failure), detail=self.source.failure.detail)
        return self.source

    async def close(self) -> None:
        """Let go of the folder, or of the server."""
        if self.maildir:
            await self.maildir.close()
        if isinstance(self.source, ImapSource):
            await self.source.stop()
