"""Search: what is asked of the index of words (`wordindex.py`), and of everything else that is known of a mail.

How it is ranked: of the newest WEIGHED mails that fit, by where the words stand (subject before sender before
recipients before text), as the database weighs it (SQLite: bm25, so rare words count for more; PostgreSQL: ts_rank); an
old mail counts down to half as much as a new one (HALVED). A conversation stands where its best mail does.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Text, TextClause, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.lookup import PAGE, Field, Found, Hit, Query, Term, Trait
from bridge.model import Automatic, ChannelId, Conversation, Direction, Folder, MailId, Number, UserId, now
from bridge.store import conversations
from bridge.store.packing import unpack_addresses
from bridge.store.schema import Utc, messages
from bridge.store.wordindex import INDEXED, is_postgresql
from bridge.store.words import Sought, sought, spots

WEIGHED = 2_000
"""How many mails are weighed: the newest. A word that more of them hold tells little by where it stands."""

BY_ITSELF = 0.1
"""What a mail counts that the bridge wrote by itself, of what another would: nobody looks for an acknowledgement."""

HALVED = timedelta(days=90)
"""In which the part of a mail's weight that age can take falls by half; the other half of it stays."""

_WEIGHTS = (8.0, 4.0, 2.0, 1.0)
"""One for each field of the index; of PostgreSQL's labels A, B, C and D."""

_BEFORE, _AFTER = 70, 170
"""Characters that are shown before and after a word that was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    mail_id: MailId
    number: Number
    received: datetime
    score: float


async def find(
    conn: AsyncConnection,
    query: Query,
    *,
    channels: Collection[ChannelId] | None,
    user: UserId,
    page: int = 1,
    size: int = PAGE,
) -> Found:
    """A page of the conversations that fit, the best first. `channels`: only those that show there; `user`: who "mine"
    speaks of. A page behind the last is the last.
    """
    wanted = [(term, one) for term in query.terms if (one := sought(term.text, whole=term.whole))]
    candidates = await _candidates(conn, query, wanted, channels=channels, user=user)
    best = _best(candidates, at=now())
    page = max(1, min(page, -(-len(best) // size)))
    shown = best[(page - 1) * size : page * size]
    look_for = [one for term, one in wanted if not term.unwanted]
    return Found(
        hits=tuple(await _hits(conn, shown, look_for)), total=len(best), page=page, more=len(candidates) == WEIGHED
    )


def _best(candidates: Sequence[_Candidate], *, at: datetime) -> list[_Candidate]:
    """The best mail of each conversation, the best conversation first."""
    highest = max((one.score for one in candidates), default=0.0) or 1.0

    def weight(one: _Candidate) -> tuple[float, datetime]:
        fresh = 0.5 ** (max(timedelta(0), at - one.received) / HALVED)
        return one.score / highest * (1 + fresh) / 2, one.received

    best: dict[Number, _Candidate] = {}
    for one in sorted(candidates, key=weight, reverse=True):
        best.setdefault(one.number, one)
    return list(best.values())


async def _candidates(
    conn: AsyncConnection,
    query: Query,
    wanted: Sequence[tuple[Term, Sought]],
    *,
    channels: Collection[ChannelId] | None,
    user: UserId,
) -> list[_Candidate]:
    """The newest mails that fit, each with how well."""
    if query.terms and not wanted:
        return []  # nothing but signs was typed
    write = _tsquery if is_postgresql(conn) else _fts5
    words = [write(term, one) for term, one in wanted if not term.unwanted]
    mailboxes = await _meant(conn, query.mailboxes) if query.mailboxes else []
    conditions, values = _conditions(query, mailboxes=mailboxes, channels=channels, user=user)
    unwanted = [write(term, one) for term, one in wanted if term.unwanted]
    if words:
        both, without = (" & ", " & !") if is_postgresql(conn) else (" AND ", " NOT ")
        values["words"] = without.join([f"({both.join(words)})", *unwanted])
    elif unwanted:
        conditions.append(_WITHOUT[is_postgresql(conn)])
        values["unwanted"] = (" | " if is_postgresql(conn) else " OR ").join(unwanted)
    question = _question(conn, " AND ".join(conditions) or "1 = 1", by_words=bool(words))
    if is_postgresql(conn):
        # A plan for any words would walk through all mails by their ids, or through all that hold a common word.
        await conn.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    found = await conn.execute(_typed(question, values), values)
    return [
        _Candidate(
            mail_id=MailId(row.id),
            number=Number(row.number),
            received=row.received,
            score=abs(float(row.score)) * (BY_ITSELF if row.by_itself else 1.0),
        )
        for row in found
    ]


async def _meant(conn: AsyncConnection, folded: Collection[str]) -> list[str]:
    """The mailboxes of these names without their case, which each database takes away in its own way."""
    return [name for name in await conversations.mailboxes(conn) if name.casefold() in folded]


_MAILS = "messages JOIN conversations ON conversations.number = messages.number"
_WITHOUT = {
    True: (
        "messages.id NOT IN (SELECT mail_id FROM search_words WHERE words @@ CAST(CAST(:unwanted AS text) AS tsquery))"
    ),
    False: "messages.id NOT IN (SELECT rowid FROM search_words WHERE search_words MATCH :unwanted)",
}
"""Where nothing but unwanted words was typed, on PostgreSQL or not."""
_BY_ITSELF = {
    True: f"(messages.direction = '{Direction.OUT}' AND messages.head ->> 'automatic' <> '{Automatic.NO}')",
    False: (
        f"(messages.direction = '{Direction.OUT}' AND json_extract(messages.head, '$.automatic') <> '{Automatic.NO}')"
    ),
}
"""Whether the bridge wrote a mail by itself, likewise."""


def _question(conn: AsyncConnection, conditions: str, *, by_words: bool) -> str:
    """The SQL. It differs with the database and with whether there are words, and is plain for that reason."""
    told = f"messages.id, messages.number, messages.received, {_BY_ITSELF[is_postgresql(conn)]} AS by_itself"
    if not by_words:
        return (
            f"SELECT {told}, 1.0 AS score FROM {_MAILS} WHERE {conditions} "  # noqa: S608 - of our own parts alone
            f"ORDER BY messages.id DESC LIMIT {WEIGHED}"
        )
    if is_postgresql(conn):
        ranks = ", ".join(str(one / _WEIGHTS[0]) for one in reversed(_WEIGHTS))
        asked = "CAST(CAST(:words AS text) AS tsquery)"
        return (
            f"WITH newest AS MATERIALIZED (SELECT {told} FROM search_words "  # noqa: S608 - likewise
            "JOIN messages ON messages.id = search_words.mail_id "
            "JOIN conversations ON conversations.number = messages.number "
            f"WHERE search_words.words @@ {asked} AND {conditions} ORDER BY search_words.mail_id DESC LIMIT {WEIGHED}) "
            f"SELECT newest.*, ts_rank('{{{ranks}}}', search_words.words, {asked}) AS score "
            "FROM newest JOIN search_words ON search_words.mail_id = newest.id"
        )
    ranks = ", ".join(map(str, _WEIGHTS))
    return (  # CROSS JOIN keeps SQLite from turning the joins round: the index gives its rows in order, and ends early
        f"SELECT {told}, bm25(search_words, {ranks}) AS score FROM search_words "  # noqa: S608 - likewise
        "CROSS JOIN messages ON messages.id = search_words.rowid "
        "CROSS JOIN conversations ON conversations.number = messages.number "
        f"WHERE search_words MATCH :words AND {conditions} ORDER BY search_words.rowid DESC LIMIT {WEIGHED}"
    )


def _typed(question: str, values: Mapping[str, Any]) -> TextClause:
    kinds = [bindparam(name, type_=Utc) for name, value in values.items() if isinstance(value, datetime)]
    lists: list[Any] = [
        bindparam(name, expanding=True, type_=Text) for name, value in values.items() if isinstance(value, list)
    ]
    made: Any = text(question).bindparams(*kinds, *lists).columns(id=Integer, number=Integer, received=Utc)
    clause: TextClause = made
    return clause


_TRAITS = {
    Trait.UNREAD: (
        f"(messages.direction = '{Direction.IN}' AND NOT messages.seen AND messages.folder = '{Folder.INBOX}')"
    ),
    Trait.FLAGGED: "messages.flagged",
    Trait.MINE: "(conversations.owner IS NOT NULL AND conversations.owner = :user)",
    Trait.UNOWNED: "conversations.owner IS NULL",
    Trait.OVERDUE: "(conversations.due IS NOT NULL AND conversations.due <= :now)",
    **{one: f"conversations.priority = '{one}'" for one in (Trait.URGENT, Trait.HIGH, Trait.LOW)},
    Trait.ATTACHMENT: (
        "EXISTS (SELECT 1 FROM attachments WHERE attachments.mail_id = messages.id AND NOT attachments.inline)"
    ),
}
"""What stands for each trait that is no status."""


def _conditions(
    query: Query, *, mailboxes: Sequence[str], channels: Collection[ChannelId] | None, user: UserId
) -> tuple[list[str], dict[str, Any]]:
    """Everything but the words, as SQL and the values in it. `mailboxes`: those that the query means, by their names as
    they are.
    """
    made: list[str] = []
    values: dict[str, Any] = {}

    def add(condition: str, **named: Any) -> None:
        made.append(condition)
        values.update(named)

    if channels is not None:
        add("conversations.channel IN :channels", channels=list(channels))
    if query.mailboxes:
        add("conversations.mailbox IN :mailboxes", mailboxes=mailboxes)
    if query.statuses:
        add("conversations.status IN :statuses", statuses=sorted(query.statuses))
    if unwanted := [str(status) for one in query.without if (status := one.status)]:
        add("conversations.status NOT IN :not_statuses", not_statuses=unwanted)
    made += [_TRAITS[one] for one in sorted(query.traits) if one in _TRAITS]
    made += [f"NOT {_TRAITS[one]}" for one in sorted(query.without) if one in _TRAITS]
    if Trait.MINE in query.traits | query.without:
        values["user"] = user
    if Trait.OVERDUE in query.traits | query.without:
        values["now"] = now()
    for sign, tags in (("LIKE", query.tags), ("NOT LIKE", query.without_tags)):
        for one in sorted(tags):
            name = f"tag_{len(values)}"
            add(f"conversations.tags {sign} :{name} ESCAPE '!'", **{name: f"% {_literally(one)} %"})
    if query.before:
        add("messages.received < :before", before=query.before)
    if query.after:
        add("messages.received >= :after", after=query.after)
    return made, values


def _literally(words: str) -> str:
    """Words as LIKE looks for them and for nothing else."""
    return words.replace("!", "!!").replace("%", "!%").replace("_", "!_")


_IN_FTS5 = {Field.ANY: "", Field.FROM: "{sender} : ", Field.TO: "{recipients} : "}
_IN_TSQUERY = {Field.ANY: "", Field.FROM: "B", Field.TO: "C"}


def _fts5(term: Term, wanted: Sought) -> str:
    """A term as FTS5 asks for it. One that stands as typed counts twice, so it comes before what only begins so."""
    phrase = f'"{" ".join(wanted.tokens)}"'
    asked = f"({phrase} OR {phrase} *)" if wanted.begins else f"({phrase})"
    return f"({_IN_FTS5[term.field]}{asked})"


def _tsquery(term: Term, wanted: Sought) -> str:
    """The same, as PostgreSQL asks for it."""
    label = _IN_TSQUERY[term.field]
    *before, last = wanted.tokens
    start = "".join(f"'{one}':{label} <-> " if label else f"'{one}' <-> " for one in before)
    phrase = f"{start}'{last}'" + (f":{label}" if label else "")
    return f"({phrase} | {start}'{last}':*{label})" if wanted.begins else f"({phrase})"


# --- what is shown of it ----------------------------------------------------------------------------------------------


async def _hits(conn: AsyncConnection, shown: Sequence[_Candidate], wanted: Sequence[Sought]) -> list[Hit]:
    question = select(
        messages.c.id, messages.c.number, messages.c.direction, messages.c.head, messages.c.text, messages.c.received
    )
    rows = {
        row.id: row for row in await conn.execute(question.where(messages.c.id.in_([one.mail_id for one in shown])))
    }
    found = await conversations.of_numbers(conn, [one.number for one in shown])
    return [
        _hit(rows[one.mail_id], found[one.number], wanted)
        for one in shown
        if one.mail_id in rows and one.number in found
    ]


def _hit(row: Any, conversation: Conversation, wanted: Sequence[Sought]) -> Hit:
    direction = Direction(row.direction)
    names = ("to",) if direction is Direction.OUT else ("from_", "sender")
    who = next((one for name in names for one in unpack_addresses(row.head[name])), None)
    return Hit(
        conversation=conversation,
        mail_id=MailId(row.id),
        direction=direction,
        who=(who.name or who.email) if who else "",
        at=row.received,
        around=_around(row.text, wanted),
    )


def _around(body: str, wanted: Sequence[Sought]) -> tuple[str, str, str]:
    """The words around the first place of a text that holds what was looked for; else its beginning."""
    looked_through = body[:INDEXED]
    places = (place for one in wanted for place in spots(looked_through, one))
    begin, end = next(places, (0, 0))
    start, stop = max(0, begin - _BEFORE), end + _AFTER
    before = f"… {body[start:begin].partition(' ')[2]}" if start else body[:begin]
    after = f"{body[end:stop].rpartition(' ')[0]} …" if stop < len(body) else body[end:]
    return before, body[begin:end], after
