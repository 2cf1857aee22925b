"""A mailbox on an IMAP server (RFC 3501): its mails as they come, what others do to them, and what agents want done.

source     what the bridge uses: one mailbox, on the event loop
watch      its thread: connects, watches, reads, obeys, connects again
reader     mails from a cursor on, in batches; feeds brings them to the loop
commands   what agents do to mails, as IMAP commands
view       what other mail clients did; folders which folder is the trash
session    questions and commands, each answered whole
wire       imaplib and IMAPClient with their own reading and writing; answers are what servers say, as values
faults     what went wrong, by kind
"""

from bridge.mail.imap.commands import Moved, Place
from bridge.mail.imap.folders import Role
from bridge.mail.imap.session import Gate, ImapServer
from bridge.mail.imap.source import ImapSource
from bridge.mail.imap.view import Change

__all__ = ["Change", "Gate", "ImapServer", "ImapSource", "Moved", "Place", "Role"]
