"""Search as people type it, and what it finds. Pure: words in, a Query out.

    refund "two bags" -sample from:dana to:sales@ has:attachment is:open before:2024-05-01 after:monday in:help

Every word must stand in one mail, at the beginning of a word; in quotes, exactly so. What begins with - must not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.errors import Refused
from bridge.model import Conversation, Direction, MailId, Status
from bridge.sentences import say

MOST_TERMS = 30
LONGEST = 500  # characters of a query: it travels in the value of a button
PAGE = 10  # conversations

_QUOTES = str.maketrans("“”„‟«»", '""""""')
_TERM = re.compile(r'(-)?(?:(from|to|has|is|before|after|in|tag):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)


class Field(StrEnum):
    """Where a word is to stand."""

    ANY = "any"
    FROM = "from"
    TO = "to"


class Trait(StrEnum):
    """What a mail or its conversation can be, or have."""

    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    CLOSED = "closed"
    UNREAD = "unread"
    FLAGGED = "flagged"
    MINE = "mine"
    UNOWNED = "unowned"
    OVERDUE = "overdue"
    URGENT = "urgent"
    HIGH = "high"
    LOW = "low"
    ATTACHMENT = "attachment"

    @property
    def status(self) -> Status | None:
        """The status that it names, if it names one."""
        return Status(self.value) if self.value in list(Status) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word or a phrase. `whole`: it was in quotes, so its last word is no beginning of another."""

    text: str
    field: Field = Field.ANY
    whole: bool = False
    unwanted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for. `typed` as it was typed. Of several statuses one is enough; of `mailboxes` likewise. All of
    `tags` must be there, and none of `without_tags`.
    """

    typed: str
    terms: tuple[Term, ...] = ()
    traits: frozenset[Trait] = frozenset()
    without: frozenset[Trait] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    without_tags: frozenset[str] = frozenset()
    before: datetime | None = None
    after: datetime | None = None

    @property
    def statuses(self) -> frozenset[Status]:
        """The statuses that are asked for; none means any."""
        return frozenset(status for one in self.traits if (status := one.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A conversation that was found, by its mail that fits best. `around`: that mail's text before the word that was
    found, the word, and the text behind; without such a word all is behind.
    """

    conversation: Conversation
    mail_id: MailId
    direction: Direction
    who: str
    at: datetime
    around: tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of what was found, the best first. `more`: only the newest that fit were weighed."""

    hits: tuple[Hit, ...]
    total: int
    page: int
    more: bool = False

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PAGE))


def parse_query(typed: str, *, at: datetime, zone: str = "") -> Query:
    """What was typed. `zone`: the person's (an IANA name), by which days begin; `at`: now.

    Raises Refused with the sentence for what cannot be understood, and where nothing is left to look for.
    """
    text = typed.translate(_QUOTES).strip()
    if len(text) > LONGEST:
        raise Refused(say("That is too long to look for; a few words find more."))
    terms: list[Term] = []
    traits: dict[bool, set[Trait]] = {True: set(), False: set()}
    mailboxes: set[str] = set()
    tags: dict[bool, set[str]] = {True: set(), False: set()}
    times: dict[str, datetime] = {}
    for minus, key, quoted, bare in _TERM.findall(text):
        name, value = key.lower(), quoted or bare
        if name in ("has", "is"):
            traits[bool(minus)].add(_trait(name, value))
        elif name in ("before", "after"):
            times[name] = _day(value, at=at, zone=zone_of(zone))
        elif name == "in":
            mailboxes.add(value.casefold())
        elif name == "tag":
            tags[bool(minus)].add(value.lstrip("#").casefold())
        elif value:
            field = Field(name) if name else Field.ANY
            terms.append(Term(text=value, field=field, whole=bool(quoted), unwanted=bool(minus)))
    if len(terms) > MOST_TERMS:
        raise Refused(say("Those are too many words to look for; a few find more."))
    if not (terms or any(traits.values()) or any(tags.values()) or mailboxes or times):
        raise Refused(say("Say what to look for: words, or one of from: to: has: is: before: after: in: tag:."))
    return Query(
        typed=text,
        terms=tuple(terms),
        traits=frozenset(traits[False]),
        without=frozenset(traits[True]),
        mailboxes=frozenset(mailboxes),
        tags=frozenset(tags[False]),
        without_tags=frozenset(tags[True]),
        before=times.get("before"),
        after=times.get("after"),
    )


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that IANA name; UTC where there is none of it."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _trait(key: str, value: str) -> Trait:
    has = key == "has"
    known = [one for one in Trait if (one is Trait.ATTACHMENT) == has]
    wanted = value.lower().removesuffix("s") if has else value.lower()
    found = next((one for one in known if one == wanted), None)
    if found is None:
        typed = f"{key}:{value[:40]}"
        raise Refused(say("“{typed}” means nothing here; there is {known}.", typed=typed, known=_listed(key, known)))
    return found


def _listed(key: str, known: Iterable[Trait]) -> str:
    return ", ".join(f"{key}:{one}" for one in known)


def _day(value: str, *, at: datetime, zone: ZoneInfo) -> datetime:
    """When a day began that somebody typed: a date, a month or a year, or "yesterday", "last monday", "3 weeks ago"."""
    here = at.astimezone(zone)
    written = _written(value) or _spoken(value, here=here)
    if written is None:
        raise Refused(
            say("“{typed}” is no day: write 2024-05-31, “yesterday” or “last monday”, in quotes.", typed=value[:40])
        )
    return datetime.combine(written, time(), tzinfo=zone).astimezone(UTC)


def _written(value: str) -> date | None:
    parts = re.fullmatch(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?[-/.]?", value.strip())
    if not parts:
        return None
    try:
        return date(int(parts[1]), int(parts[2] or 1), int(parts[3] or 1))
    except ValueError:
        return None


def _spoken(value: str, *, here: datetime) -> date | None:
    import dateparser  # noqa: PLC0415 - a third of a second, which only this needs

    words = re.sub(r"^last\s+", "", value.strip().lower()) if re.search(r"day$", value.strip().lower()) else value
    settings = {"PREFER_DATES_FROM": "past", "RELATIVE_BASE": here.replace(tzinfo=None), "PREFER_DAY_OF_MONTH": "first"}
    found = dateparser.parse(words, languages=["en", "ko"], settings=settings) if len(words) <= LONGEST else None
    return (
        found.date() if found and found.replace(tzinfo=None) <= here.replace(tzinfo=None) + timedelta(days=1) else None
    )
