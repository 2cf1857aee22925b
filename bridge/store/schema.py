"""The tables, once, for both databases. What they hold is asked and changed only by the modules beside this one."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

from bridge.model import Automatic, Folder

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware datetime, to the microsecond, in UTC. SQLite keeps it as text whose order is the order in time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To UTC; a naive datetime is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone was to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Always aware, whatever the driver gives back."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
"""A row's own number: only INTEGER counts by itself in SQLite."""

Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

# --- mails ----------------------------------------------------------------------------------------------------------

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("folder", Text, primary_key=True),  # "inbox", or "sent": what other mail clients send is looked for there
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uidnext", BigInteger, nullable=False),
    Column("first_uid", BigInteger, nullable=True),  # from here on the ledger must have every uid; unknown in old rows
)

watches = Table(  # which replica watches a mailbox, where several could
    "watches",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("lease_until", Utc, nullable=False),
    Column("fence", BigInteger, nullable=False),  # grows with every claim: an owner who lost it commits nothing
)

reconciliations = Table(  # how the ledger last compared with the server
    "reconciliations",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("standing", BigInteger, nullable=False),  # mails on the server since the first watch
    Column("missing", BigInteger, nullable=False),  # of them not in the ledger
    Column("repaired", BigInteger, nullable=False),  # and taken in then
)

canaries = Table(  # the mails that the bridge writes to itself, to see that mail goes round
    "canaries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("sent", Utc, nullable=False),
    Column("came", Utc, nullable=True),  # back into the inbox
    Column("failure", Text, nullable=False, default=""),  # why it could not leave, a sentence
)

tokens = Table(  # OAuth2 sign-ins, sealed with BRIDGE_SECRET_KEY
    "tokens",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("at", Utc, nullable=False),
)

troubles = Table(  # what a person must mend, while it lasts
    "troubles",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("since", Utc, nullable=False),
    Column("reason", Text, nullable=False),
)

raw_mails = Table(
    "raw_mails",
    metadata,
    Column("id", Id, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("stored", Utc, nullable=False),
)

raw_chunks = Table(
    "raw_chunks",
    metadata,
    Column("raw_id", ForeignKey("raw_mails.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

arrivals = Table(  # the ledger: every place a mail was ever seen at ends in a named state
    "arrivals",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("mail_id", ForeignKey("messages.id"), nullable=True, index=True),
    Column("seen", Utc, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("number", ForeignKey("conversations.number"), nullable=False, index=True),
    Column("direction", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("people", Text, nullable=False),  # names and addresses: what the version before searches
    Column("head", Json, nullable=False),  # addresses, dates, kinds: what is shown and answered, not searched
    Column("text", Text, nullable=False),
    Column("reading", Json, nullable=False),
    Column("raw_id", ForeignKey("raw_mails.id"), nullable=True, index=True),
    Column("received", Utc, nullable=False),
    Column("thread_ts", Text, nullable=True),
    Column("shared", Boolean, nullable=False, default=False),  # its files stand in the thread
    Column("quarantined", Boolean, nullable=False, default=False),  # it could not be read: only its bytes are known
    Column("readings", Integer, nullable=False, default=1),
    Column("folder", Text, nullable=False, default=Folder.INBOX),  # how it is to stand in the mailbox, with its flags
    Column("seen", Boolean, nullable=False, default=False),
    Column("flagged", Boolean, nullable=False, default=False),
    Column("answered", Boolean, nullable=False, default=False),
    Column("elsewhere", Boolean, nullable=False, default=False),  # another mail client sent it
    Column("author", Text, nullable=False, default="", index=True),  # whose words: an address in lower case
    Column("written_by", Json, nullable=True),  # the customer, where a teammate passed it on: name and address
    Column("joined", Text, nullable=False, default=""),  # why it came to its conversation
    Column("moved", Integer, nullable=False, default=0),  # how often it went on to another
    Column("checked", Json, nullable=True),  # the verdicts of the filters that were asked about it
    UniqueConstraint("mailbox", "digest"),
    Index(
        None, "mailbox", "received", "direction", "number"
    ),  # for numbers: texts would have to be read past otherwise
)

former_digests = Table(  # that a mail was known by before it was read again
    "former_digests",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("mail_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
)

erased = Table(  # digests of mails that were taken out for good, so that they are not taken in again
    "erased",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
)

places = Table(  # where a mail really is; a mail that was delivered twice is in two places
    "places",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("folder", Text, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("mail_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("flags", Text, nullable=False, default=""),
)

# Beside `messages` stands `search_words`, the index of their words: each database has its own kind (`search.py`).

attachments = Table(
    "attachments",
    metadata,
    Column("mail_id", ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("inline", Boolean, nullable=False),
    Column("held", Text, nullable=False, default=""),  # why it is kept out of Slack, or nothing
    Column("released", Text, nullable=False, default=""),  # the agent who let it in all the same
)

message_refs = Table(  # every Message-ID that was seen or spoken of, and the conversation it belongs to
    "message_refs",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("number", ForeignKey("conversations.number"), nullable=False),
)

# --- conversations ----------------------------------------------------------------------------------------------------

conversations = Table(
    "conversations",
    metadata,
    Column("number", Id, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("owner", Text, nullable=True),
    Column("card_ts", Text, nullable=True),
    Column("version", Integer, nullable=False),
    Column("shown", Integer, nullable=False, default=0),  # the version that the card shows
    Column("created", Utc, nullable=False),
    Column("updated", Utc, nullable=False),
    Column("trouble", Text, nullable=False, default=""),  # why the mailbox did not do what was last asked for
    Column("wakes", Utc, nullable=True),
    Column("surfaced", Text, nullable=True),  # the newest message by which its channel shows it
    Column("former_ts", Text, nullable=True),  # the card before this one, which has yet to point to it
    Column("bumps", Integer, nullable=False, default=0),  # how often its card was posted anew
    Column("carded", Utc, nullable=True),  # when a card was decided on; before, it is new or in a digest
    Column("digest", Id, nullable=True, index=True),  # in `digests`; a key would make SQLite copy the table
    Index(None, "channel", "carded"),
    Column("merged_into", Id, nullable=True),  # the number of the conversation that has its mails now
    Column("due", Utc, nullable=True),  # when a customer who waits is to have an answer; nobody waits unless it is open
    Column("split_from", Id, nullable=True),  # the number of the conversation that it was a part of
    Column("priority", Text, nullable=False, default=""),
    Column("tags", Text, nullable=False, default=""),  # each between two blanks
    sqlite_autoincrement=True,  # a number is never given twice
)

digests = Table(  # what stands for many cards that came at once
    "digests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Text, nullable=False, index=True),
    Column("ts", Text, nullable=True),
    Column("touched", Utc, nullable=False),  # when something last went into it
    Column("stale", Boolean, nullable=False, default=False),  # it has changed, and a job will show it
)

posts = Table(  # every message of ours that is about a conversation, also those that were deleted since
    "posts",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("ts", Text, primary_key=True),
    Column("number", ForeignKey("conversations.number"), nullable=False),
)

people = Table(  # what agents have chosen for themselves
    "people",
    metadata,
    Column("user", Text, primary_key=True),
    Column("signature", Text, nullable=False, default=""),
    Column("reminders", Boolean, nullable=False, default=True),
)

acts = Table(  # the audit log
    "acts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", ForeignKey("conversations.number"), nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("actor", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Column("place", Text, nullable=False, default=""),  # from where: a button, a command, another mail client
)

desk_acts = Table(  # its other half: what was done to the desk itself, by admins
    "desk_acts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("actor", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Column("place", Text, nullable=False, default=""),
)

agents = Table(  # whom admins have named, beside those of bridge.toml
    "agents",
    metadata,
    Column("user", Text, primary_key=True),
    Column("acts", Boolean, nullable=False),
    Column("admin", Boolean, nullable=False),
)

# --- people -----------------------------------------------------------------------------------------------------------

# --- drafts -----------------------------------------------------------------------------------------------------------

drafts = Table(
    "drafts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("number", ForeignKey("conversations.number"), nullable=False, index=True),
    Column("answers", ForeignKey("messages.id"), nullable=True),
    Column("author", Text, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("recipients", Json, nullable=False),
    Column("subject", Text, nullable=False),
    Column("rich_text", Json, nullable=False),
    Column("quote", Boolean, nullable=False),
    Column("message_id", Text, nullable=False, index=True),
    Column("due", Utc, nullable=False),
    Column("created", Utc, nullable=False),
    Column("line_ts", Text, nullable=True),
    Column("automatic", Text, nullable=False, default=Automatic.NO, server_default=Automatic.NO.value),
    Column("revision", Integer, nullable=False),  # grows with every change
    Column("shown", Integer, nullable=False, default=0),  # the revision that the thread's line shows
    Column("view_id", Text, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("outcome", Json, nullable=False),
    Column(
        "raw_id", ForeignKey("raw_mails.id"), nullable=True, index=True
    ),  # as composed; every try sends the same bytes
    Column("moved", Integer, nullable=False, default=0),  # how often it went on to another conversation
    Column("closes", Boolean, nullable=False, default=False),
    Column("later", Boolean, nullable=False, default=False),
    Column("said_channel", Text, nullable=False, default=""),  # the thread's message it was made of
    Column("said_ts", Text, nullable=False, default="", index=True),
    Column("note", Text, nullable=False, default=""),
    Column("html", Text, nullable=True),  # says what rich_text says, where a template gave HTML of its own
)

forms = Table(  # compose modals: while one is open it has a lease; what was typed into one that was closed is kept
    "forms",
    metadata,
    Column("draft_id", Text, primary_key=True),  # the draft that it would become
    Column("number", ForeignKey("conversations.number"), nullable=True, index=True),
    Column("author", Text, nullable=False, index=True),
    Column("opened", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("kept", Json, nullable=True),
)

correspondents = Table(  # who was ever written to
    "correspondents",
    metadata,
    Column("email", Text, primary_key=True),
    Column("domain", Text, nullable=False, index=True),
    Column("since", Utc, nullable=False),
)

bounced = Table(  # addresses that nothing reaches any more, as far as is known
    "bounced",
    metadata,
    Column("email", Text, primary_key=True),
    Column("status", Text, nullable=False),  # the enhanced code of the bounce (RFC 3463)
    Column("at", Utc, nullable=False),
)

spammers = Table(  # senders of what an agent called spam
    "spammers",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("email", Text, primary_key=True),
    Column("marked_by", Text, nullable=False),
    Column("at", Utc, nullable=False),
)

templates = Table(  # canned answers that admins have made, beside those of bridge.toml
    "templates",
    metadata,
    Column("id", Id, primary_key=True),
    Column("folded", Text, nullable=False, unique=True),  # the name, to know it again in any case
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # grows with every change: two admins do not write over each other
)

template_uses = Table(
    "template_uses",
    metadata,
    Column("name", Text, primary_key=True),
    Column("count", Integer, nullable=False),
)

draft_files = Table(
    "draft_files",
    metadata,
    Column("draft_id", ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("slack_id", Text, nullable=True),
    Column("mail_id", ForeignKey("messages.id"), nullable=True),
    Column("mail_position", Integer, nullable=False, default=0),
    Column("raw_id", ForeignKey("raw_mails.id"), nullable=True, index=True),  # its bytes, once fetched from Slack
)

# --- what the bridge says by itself ----------------------------------------------------------------------------------

automatic_answers = Table(  # automatic mail by whom it went to: what its limit is counted from
    "automatic_answers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("number", ForeignKey("conversations.number"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("kind", Text, nullable=False, server_default="answer"),  # bridge.store.automatics.Kind
    Index(None, "mailbox", "email", "at"),
    Index(None, "mailbox", "at"),
)

quiet = Table(  # who gets no automatic answers, by `rules.one_spelling`: a loop was seen, or an agent said so
    "quiet",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("mailbox", "email"),
)

# --- rules ------------------------------------------------------------------------------------------------------------

rules = Table(  # those that admins made in Slack; they come after those of bridge.toml
    "rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_on", Boolean, nullable=False, default=False),
    Column("rule", Json, nullable=False),  # bridge.routing.packed
    Column("changed_by", Text, nullable=False),
    Column("changed", Utc, nullable=False),
)

given = Table(  # when a rule last gave a conversation to somebody: whose turn it is
    "given",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("at", Utc, nullable=False),
)

# --- the durable engine ---------------------------------------------------------------------------------------------

last_ids = Table(  # SQLite's: the highest id that a table's rows ever had (see `database.insert_all`)
    "last_ids",
    metadata,
    Column("name", Text, primary_key=True),
    Column("id", Id, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("rank", Integer, nullable=False, default=1),  # 0: a person waits for it
    Column("payload", Json, nullable=False),
    Column("since", Utc, nullable=False),  # when it was first due: what its place in the lane goes by
    Column("due", Utc, nullable=False),  # when it is to be tried next
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text),
    Column("owner", Text),
    Column("lease_until", Utc),
    Column("fence", Integer, nullable=False),  # grows with every claim: an owner who lost the job changes nothing
    Column("finished", Utc),
    # A partial index would be smaller, but SQLite uses one only where the state is no parameter.
    Index(None, "state", "due"),
    Index(None, "state", "rank", "due", "id"),
    Index(None, "lane", "state", "id"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("begun", Utc, nullable=False),
    Column("result", Json),
    Column("done", Utc),
    Column("attempt", Text),  # one of which nobody knows whether it has come to an end
    Column("tried", Utc),  # when that began
)
