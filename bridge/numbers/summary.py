"""The weekly summary: one message with one picture in each mailbox's channel, on Monday at nine.

    the service starts -> `begin`: the next Monday's job, by the week's key, which only one can have
    -> the job "summary": the next one is promised, then the week before is drawn and posted, once

A Monday on which nothing ran is made up for by the job that waits; one that was never promised is not.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from bridge.channels import Channels
from bridge.desk import Mailbox
from bridge.jobs import Engine
from bridge.model import FileId, Job, MailboxName, now
from bridge.numbers.figures import Figures
from bridge.numbers.gathering import figures, week
from bridge.sentences import say
from bridge.slack.gateway import Gateway
from bridge.slack.numbers import weekly
from bridge.store import jobs
from bridge.store.database import Store

AT = time(9)
WEEK = timedelta(days=7)


class Summary:
    """Tells each mailbox's channel its week."""

    def __init__(
        self,
        store: Store,
        *,
        engine: Engine,
        gateway: Gateway,
        channels: Channels,
        mailboxes: Mapping[MailboxName, Mailbox],
        zone: tzinfo | None,
    ) -> None:
        """`zone`: by whose clock it is Monday; None where no summary is wanted."""
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._channels = channels
        self._mailboxes = mailboxes
        self._zone = zone

    async def begin(self) -> None:
        """Promise every mailbox's next summary; one that is promised already stays."""
        if self._zone:
            for mailbox in self._mailboxes:
                await self._promise(mailbox, monday=next_monday(now(), zone=self._zone))

    async def tell(self, job: Job) -> None:
        """The job "summary"."""
        mailbox = self._mailboxes.get(MailboxName(job.payload["mailbox"]))
        if mailbox is None or self._zone is None:
            return
        monday = date.fromisoformat(job.payload["monday"])
        after = max(now(), _nine(monday, self._zone))  # by a clock that is behind, it is this Monday that comes next
        await self._promise(mailbox.name, monday=next_monday(after, zone=self._zone))
        if now() - _nine(monday, self._zone) > WEEK:  # nothing ran for so long that the next one says more
            return
        days = week(monday - timedelta(days=1))
        told = await figures(self._store, mailbox.name, days=days, until=monday, zone=self._zone, at=now())
        await self._post(mailbox, told, key=job.key)

    async def _promise(self, mailbox: MailboxName, *, monday: date) -> None:
        if self._zone is None:
            return
        payload = {"mailbox": mailbox, "monday": monday.isoformat()}
        key, due = f"summary:{mailbox}:{monday:%G-W%V}", _nine(monday, self._zone)
        async with self._store.write() as conn:
            await jobs.add(conn, key=key, kind="summary", lane=f"summary:{mailbox}", payload=payload, due=due)

    async def _post(self, mailbox: Mailbox, told: Figures, *, key: str) -> None:
        """As `bridge/show.py` posts files: brought to Slack first, where nobody sees it; then shown, and looked for."""
        words = weekly(told)
        name = f"{mailbox.name}-{told.days[-1].date:%G-W%V}.png"

        async def upload() -> dict[str, str]:
            from bridge.numbers import picture  # noqa: PLC0415 - it needs an extra, which only this needs

            content = await asyncio.to_thread(picture.draw, told)
            return {"id": await self._gateway.put_file(filename=name, content=content)}

        async def unseen(since: datetime) -> None:  # noqa: ARG001 - a file that nothing shares is nowhere to be seen
            return None

        file = FileId((await self._engine.once(f"{key}:file", act=upload, find=unseen))["id"])

        async def share() -> dict[str, str]:
            title = say("The week of {name}", name=mailbox.name)
            await self._channels.share_files(mailbox.channel, thread_ts=None, files=[(file, title)], comment=words)
            return {}

        async def look(since: datetime) -> dict[str, str] | None:  # noqa: ARG001 - a file id says it all
            return {} if await self._gateway.wait_shared(file, mailbox.channel) else None

        await self._engine.once(key, act=share, find=look)


def next_monday(at: datetime, *, zone: tzinfo) -> date:
    """The day of the next Monday whose nine o'clock is still to come."""
    today = at.astimezone(zone).date()
    monday = today + timedelta(days=-today.weekday() % 7)
    return monday if _nine(monday, zone) > at else monday + WEEK


def _nine(monday: date, zone: tzinfo) -> datetime:
    return datetime.combine(monday, AT, tzinfo=zone).astimezone(UTC)
