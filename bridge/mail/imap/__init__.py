"""A mailbox on an IMAP server: `ImapSource` is all that the rest of the bridge knows of it."""

from bridge.mail.imap.server import Gate, ImapServer
from bridge.mail.imap.source import ImapSource

__all__ = ["Gate", "ImapServer", "ImapSource"]
