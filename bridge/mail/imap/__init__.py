"""A mailbox on an IMAP server: `ImapSource` is all that the rest of the bridge knows of it."""

from bridge.mail.imap.source import Change, Gate, ImapServer, ImapSource, Moved, Place, Role

__all__ = ["Change", "Gate", "ImapServer", "ImapSource", "Moved", "Place", "Role"]
