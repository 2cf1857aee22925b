"""The index of every mail's words, in each database's own kind of full-text index. Named questions and changes.

`search_words` holds a row for each mail, made in the transaction that keeps the mail and gone with it: in SQLite a
table of FTS5, in PostgreSQL a tsvector with a GIN index. Both hold the tokens of `words.py` and nothing that the
database would take apart itself, so that both find the same. What is asked of it stands in `search.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, column, exists, literal, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import MailId, Message
from bridge.store.schema import attachments, messages
from bridge.store.words import tokens

BATCH = 100
"""Mails that are entered in one transaction: a tenth of a second, in which nothing else is written. Their words are
made before it.
"""

INDEXED = 100_000
"""Characters of a mail's text that can be found: the first. To take more apart would hold up other work."""

MOST_BYTES = 400_000
"""Of a mail's tokens: PostgreSQL takes a tsvector of 1 MiB, and so many can never make a larger one."""

MOST_POSITIONS = 200
"""Of one word in one mail. PostgreSQL keeps 255."""

LAST_POSITION = 16_383
"""That PostgreSQL can tell apart (its manual, section 8.11.1)."""

_FIELDS = ("subject", "sender", "recipients", "text")

_index = table("search_words", column("rowid"), column("mail_id"))


class Words:
    """A mail's tokens by field, written out once as each kind of index takes them."""

    def __init__(self, fields: Sequence[Sequence[str]]) -> None:
        self.by_field = {name: " ".join(field) for name, field in zip(_FIELDS, fields, strict=True)}
        self.tsvector = _tsvector(fields)


def words(message: Message) -> Words:
    """A mail's words; pure. For the longest texts it takes a quarter of a second."""
    packed = {name: [(one.name, one.email) for one in getattr(message, name)] for name in _PEOPLE}
    files = [one.filename for one in message.attachments]
    return Words(_words(subject=message.subject, people=packed, files=files, body=message.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unindexed:
    """A mail that the index does not know, as far as its words matter; `people` as its head keeps them."""

    id: MailId
    subject: str
    people: Mapping[str, Any]
    files: Sequence[str]
    body: str


async def index(conn: AsyncConnection, mails: Iterable[tuple[MailId, Words]]) -> None:
    """Enter mails' words, in place of those that stood for them."""
    await _enter(conn, [*mails])


async def missing(conn: AsyncConnection) -> bool:
    """Whether mails are kept that the index does not know: those of a version that had none."""
    return bool(await conn.scalar(_unindexed(conn).limit(1)))


async def unindexed(conn: AsyncConnection, *, below: int | None = None) -> list[Unindexed]:
    """Mails that the index does not know, up to BATCH of them, the newest first: of all, or of those below an id."""
    question = _unindexed(conn).order_by(messages.c.id.desc()).limit(BATCH)
    if below is not None:
        question = question.where(messages.c.id < below)
    ids = (await conn.execute(question)).scalars().all()
    files: dict[int, list[str]] = {}
    listed = select(attachments.c.mail_id, attachments.c.filename).where(attachments.c.mail_id.in_(ids))
    for one in await conn.execute(listed):
        files.setdefault(one.mail_id, []).append(one.filename)
    kept = select(messages.c.id, messages.c.subject, messages.c.head, messages.c.text).where(messages.c.id.in_(ids))
    return [
        Unindexed(id=MailId(row.id), subject=row.subject, people=row.head, files=files.get(row.id, []), body=row.text)
        for row in await conn.execute(kept)
    ]


def words_of(mails: Iterable[Unindexed]) -> list[tuple[MailId, Words]]:
    """Their words; pure. It takes seconds where the texts are long."""
    return [
        (one.id, Words(_words(subject=one.subject, people=one.people, files=one.files, body=one.body))) for one in mails
    ]


async def index_missing(conn: AsyncConnection, mails: Sequence[tuple[MailId, Words]]) -> None:
    """Enter mails that the index still does not know; those that were deleted meanwhile are passed over."""
    ids = [mail_id for mail_id, _ in mails]
    missing = set((await conn.execute(_unindexed(conn).where(messages.c.id.in_(ids)))).scalars())
    if rows := [one for one in mails if one[0] in missing]:
        await _enter(conn, rows)


MERGED = 500
"""Pages of SQLite's index that are put together in one step: a few hundredths of a second."""


async def drop_deleted(conn: AsyncConnection, *, pages: int) -> bool:
    """One step of having the words of deleted mails stand nowhere in SQLite's index, where they stay beside a mark that
    they do not count. `pages`: -MERGED at the first step, MERGED from then on, as FTS5 asks for it; True while there is
    more to do.
    """
    if is_postgresql(conn):
        return False
    changes = text("SELECT total_changes()")
    before = (await conn.execute(changes)).scalar_one()
    await conn.execute(text("INSERT INTO search_words (search_words, rank) VALUES ('merge', :pages)"), {"pages": pages})
    return int((await conn.execute(changes)).scalar_one()) - int(before) > 1


_PEOPLE = ("from_", "sender", "reply_to", "to", "cc", "bcc")


def _words(
    *, subject: str, people: Mapping[str, Any], files: Iterable[str], body: str
) -> tuple[list[str], list[str], list[str], list[str]]:
    """A mail's tokens by field, as many as may be kept."""

    def of(*names: str) -> list[str]:
        return tokens(" ".join(f"{one} {email}" for name in names for one, email in people.get(name, ())))

    told = [tokens(subject), of("from_", "sender", "reply_to"), of("to", "cc", "bcc"), tokens(" ".join(files))]
    room = MOST_BYTES
    kept: list[list[str]] = []
    for field in (*told, tokens(body[:INDEXED])):
        size = 0
        for place, token in enumerate(field):
            size += len(token.encode()) + 1
            if size > room:
                field = field[:place]  # noqa: PLW2901 - as much of it as there is room for
                break
        room -= min(size, room)
        kept.append(field)
    return kept[0], kept[1], kept[2], kept[3] + kept[4]


async def _enter(conn: AsyncConnection, rows: Sequence[tuple[MailId, Words]]) -> None:
    if is_postgresql(conn):
        statement = (
            "INSERT INTO search_words (mail_id, words) VALUES (:mail_id, CAST(CAST(:words AS text) AS tsvector)) "
            "ON CONFLICT (mail_id) DO UPDATE SET words = excluded.words"
        )
        made = [{"mail_id": mail_id, "words": found.tsvector} for mail_id, found in rows]
    else:
        statement = (
            "INSERT OR REPLACE INTO search_words (rowid, subject, sender, recipients, text) "
            "VALUES (:mail_id, :subject, :sender, :recipients, :text)"
        )
        made = [{"mail_id": mail_id, **found.by_field} for mail_id, found in rows]
    await conn.execute(text(statement), made)


def _tsvector(fields: Sequence[Sequence[str]]) -> str:
    """Tokens as PostgreSQL writes a tsvector: `'bag':3A,17D`. They hold no quotes, so none is escaped."""
    places: dict[str, list[str]] = {}
    position = 0
    for label, field in zip("ABCD", fields, strict=True):
        for token in field:
            position += 1
            found = places.setdefault(token, [])
            if len(found) < MOST_POSITIONS:
                found.append(f"{min(position, LAST_POSITION)}{label}")
        position += 1  # no phrase goes from one field into the next
    return " ".join(f"'{token}':{','.join(found)}" for token, found in places.items())


def _unindexed(conn: AsyncConnection) -> Select[Any]:
    known = select(literal(1)).where(_index.c[_key(conn)] == messages.c.id)
    return select(messages.c.id).where(~exists(known.select_from(_index)))


def _key(conn: AsyncConnection) -> str:
    return "mail_id" if is_postgresql(conn) else "rowid"


def is_postgresql(conn: AsyncConnection) -> bool:
    """Whether it is PostgreSQL's index, or SQLite's."""
    return conn.dialect.name == "postgresql"
