"""A mailbox in numbers: mails by day, how soon people first answer, and how long what is open has been so.

    `/mail status`, the weekly summary (`summary.py`), `bridge numbers` -> `figures`; `bridge numbers --csv` ->
    `rows`, a conversation each

What counts as what is told in `docs/numbers.md`.
"""

import contextlib
import csv
import io
import statistics
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from bridge.config import Settings
from bridge.desk import Mailbox
from bridge.errors import Misconfigured
from bridge.model import ChannelId, MailboxName, MailId, Status, now
from bridge.numbers.figures import AGES, Day, Figures
from bridge.store import numbers
from bridge.store.database import Store
from bridge.store.numbers import Handled

COLUMNS = (
    *("number", "mailbox", "status", "owner", "asked", "answered", "first_response_seconds"),
    *("mails_in", "mails_out", "closed"),
)
DETAILS = ("subject", "customer")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""


async def figures(
    store: Store, mailbox: MailboxName, *, days: Sequence[date], until: date, zone: tzinfo, at: datetime
) -> Figures:
    """The numbers from the first of these days to before `until`, by that zone's clock; what is open, as it is now.

    Mails are counted from each of the days to the next.
    """
    begins = [midnight(one, zone) for one in (*days, until)]
    async with store.read() as conn:
        volume = await numbers.volume(conn, mailbox, begins=begins)
        handled = await numbers.handled(conn, [mailbox], since=begins[0], until=begins[-1])
        ages = await numbers.open_by_age(conn, mailbox, edges=[at - age for age in AGES])
    waits = sorted((one.answered - one.asked).total_seconds() for one in handled if one.answered)
    return Figures(
        mailbox=mailbox,
        days=tuple(Day(date=one, came=came, sent=sent) for one, (came, sent) in zip(days, volume, strict=True)),
        begun=len(handled),
        answered=len(waits),
        median=timedelta(seconds=statistics.median(waits)) if waits else None,
        most=timedelta(seconds=waits[-(-len(waits) * 9 // 10) - 1]) if waits else None,
        ages=tuple(ages),
    )


def week(last: date) -> list[date]:
    """The seven days that end with that one."""
    return [last - timedelta(days=back) for back in reversed(range(7))]


async def lately(
    store: Store,
    mailboxes: Mapping[MailboxName, Mailbox],
    channels: Collection[ChannelId],
    *,
    zone: tzinfo,
) -> list[Figures]:
    """The numbers of the last seven days, today among them, of each mailbox that shows in one of these channels."""
    at = now()
    today = at.astimezone(zone).date()
    until = today + timedelta(days=1)
    return [
        await figures(store, box.name, days=week(today), until=until, zone=zone, at=at)
        for box in mailboxes.values()
        if box.channel in channels
    ]


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins there, in UTC."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


# --- one row for each conversation ------------------------------------------------------------------------------------


def rows(handled: Iterable[Handled], *, customers: Mapping[MailId, str] | None = None) -> list[dict[str, Any]]:
    """Each conversation as a row, for programs. Where its `customers` are given, with what is personal."""
    return [
        _row(one) | ({} if customers is None else {"subject": one.subject, "customer": customers.get(one.first, "")})
        for one in handled
    ]


def _row(one: Handled) -> dict[str, Any]:
    return {
        "number": one.number,
        "mailbox": one.mailbox,
        "status": one.status,
        "owner": one.owner,
        "asked": one.asked.isoformat(),
        "answered": one.answered.isoformat() if one.answered else None,
        "first_response_seconds": round((one.answered - one.asked).total_seconds()) if one.answered else None,
        "mails_in": one.came,
        "mails_out": one.sent,
        "closed": one.changed.isoformat() if one.status is Status.CLOSED else None,
    }


def as_csv(rows: Iterable[Mapping[str, Any]], *, details: bool) -> str:
    """The rows as RFC 4180 has them, with a header. What came by mail is no formula, whatever it begins with."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *(DETAILS if details else ())])
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(value) for name, value in row.items()})
    return text.getvalue()


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


# --- for programs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `bridge numbers` was asked for: whole days from `since` to `until`, both included; no mailbox means all."""

    since: date
    until: date
    mailbox: str | None
    details: bool


async def export(settings: Settings, asked: Asked) -> list[dict[str, Any]]:
    """A row for every conversation that began then."""
    zone = ZoneInfo(settings.summary.zone)
    begin, end = midnight(asked.since, zone), midnight(asked.until + timedelta(days=1), zone)
    async with _opened(settings) as store, store.read() as conn:
        handled = await numbers.handled(conn, _named(settings, asked), since=begin, until=end)
        customers = await numbers.customers(conn, [one.first for one in handled]) if asked.details else None
    return rows(handled, customers=customers)


async def overall(settings: Settings, asked: Asked) -> list[Figures]:
    """Each mailbox's numbers of that time."""
    zone, until = ZoneInfo(settings.summary.zone), asked.until + timedelta(days=1)
    async with _opened(settings) as store:
        return [
            await figures(store, name, days=[asked.since], until=until, zone=zone, at=now())
            for name in _named(settings, asked)
        ]


def _named(settings: Settings, asked: Asked) -> list[MailboxName]:
    if asked.until < asked.since:
        raise Misconfigured("--until is a day before --since: give the later one as --until.")
    there = [MailboxName(one.name) for one in settings.mailboxes]
    if asked.mailbox and asked.mailbox not in there:
        raise Misconfigured(f"--mailbox {asked.mailbox} is not configured: there is {', '.join(there) or 'none'}.")
    return [MailboxName(asked.mailbox)] if asked.mailbox else there


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Store]:
    store = await Store.open(settings.database_url.get_secret_value())
    try:
        yield store
    finally:
        await store.close()
