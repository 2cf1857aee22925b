"""A person's data, by their address: given out (`bridge export`), or taken away (`bridge erase`).

    erase: one change of the store takes the mails, drafts and empty conversations out, and promises the job "erase"
    "erase" -> the cards, posts and files that showed them go from Slack (bridge/erasure.py)

Theirs is what they wrote, what was written to them alone, sent or not, and the reports of mails that did not reach
them. Works beside a running service, which does the part in Slack.
"""

import asyncio
import contextlib
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge.commands.scripts import conversation_json, draft_json, message_json
from bridge.config import Settings
from bridge.desk import changed
from bridge.errors import Refused
from bridge.mail.html import plain_lines
from bridge.model import Draft, DraftId, MailId, Number, StoredMessage
from bridge.slack import richtext
from bridge.store import conversations, drafts, jobs, mails, personal, raws, wordindex
from bridge.store.database import Store

log = structlog.get_logger()

BREATH = 0.05  # seconds in which others may write, between two steps of what takes long
AT_ONCE = 200  # mails taken out in one transaction: others may write between two of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the bridge holds of a person: their mails, the answers to them alone that are no mails (yet, or never were),
    and the mails of others that name them, which stay.
    """

    email: str
    theirs: tuple[StoredMessage, ...]
    unsent: tuple[Draft, ...]
    others: tuple[StoredMessage, ...]

    @property
    def numbers(self) -> list[Number]:
        """The conversations of their mails, and of the answers."""
        return sorted({one.number for one in self.theirs} | {one.number for one in self.unsent})

    def __str__(self) -> str:
        """How much of it is theirs."""
        mails = f"{len(self.theirs)} mails"
        kept = f"{mails} and {len(self.unsent)} answers that were not sent" if self.unsent else mails
        return f"{kept} in {len(self.numbers)} conversations"


class Personal:
    """Finds, gives out and takes away."""

    def __init__(self, store: Store, *, own: frozenset[str]) -> None:
        """`own`: our mailboxes' addresses, lower case."""
        self._store = store
        self._own = own

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Personal"]:
        """On the database of these settings."""
        store = await Store.open(settings.database_url.get_secret_value())
        try:
            yield cls(store, own=frozenset(one.address.lower() for one in settings.mailboxes))
        finally:
            await store.close()

    async def held(self, email: str) -> Held:
        """What is held of that person. Raises Refused where it is no address, or one of ours."""
        email = email.strip().lower()
        if "@" not in email:
            raise Refused("Name the person by one mail address.")
        if email in self._own:
            raise Refused("That is a mailbox of this desk: everything here is its mail.")
        async with self._store.read() as conn:
            naming = await personal.naming(conn, email)
            unsent = await personal.unsent(conn, email)
        mine = tuple(one for one in unsent if personal.recipients(one) - self._own == {email})
        theirs = [one for one in naming if personal.written_to_or_by(one, email, own=self._own)]
        known = {one.id for one in theirs}
        others = tuple(one for one in naming if one.id not in known)
        return Held(email=email, theirs=tuple(theirs), unsent=mine, others=others)

    async def export(self, held: Held, file: Path) -> None:
        """Write it all into a ZIP file: `mails.json`, what else is known of the address (`address.json`), and each mail
        as it came where it is still kept.
        """
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            told = []
            for number in held.numbers:
                async with self._store.read() as conn:
                    conversation = await conversations.get(conn, number)
                mine = [one for one in held.theirs if one.number == number]
                unsent = [{**draft_json(one), "text": _text(one)} for one in held.unsent if one.number == number]
                if conversation:
                    kept = {"mails": [message_json(one) for one in mine], "unsent": unsent}
                    told.append({**conversation_json(conversation), **kept})
            archive.writestr("mails.json", json.dumps(told, ensure_ascii=False, indent=2))
            async with self._store.read() as conn:
                beside = await personal.known_of(conn, held.email)
            if beside:
                archive.writestr("address.json", json.dumps(beside, ensure_ascii=False, indent=2))
            for one in held.theirs:
                async with self._store.read() as conn:
                    raw = await raws.load(conn, one.raw_id) if one.raw_id else None
                if raw is not None:
                    archive.writestr(f"{one.number}/{one.id}.eml", raw)
            for draft in held.unsent:
                for name, raw_id in await self._bytes_of(draft):
                    async with self._store.read() as conn:
                        archive.writestr(f"{draft.number}/{draft.id}/{name}", await raws.load(conn, raw_id))

    async def _bytes_of(self, draft: Draft) -> list[tuple[str, int]]:
        """What is kept of an answer: as it was composed, and its files, each by a name and the id of its bytes."""
        async with self._store.read() as conn:
            composed = await drafts.raw_id(conn, draft.id)
            fetched = await drafts.file_raws(conn, draft.id)
        files = [(f"file-{place}", raw_id) for place, raw_id in enumerate(fetched, 1) if raw_id]
        return [("composed.eml", composed), *files] if composed else files

    async def erase(self, held: Held) -> None:
        """Take it out of the store and its files, and promise that Slack will show it no more."""
        ids, unsent = [one.id for one in held.theirs], [one.id for one in held.unsent]
        for start in range(0, max(len(ids), len(unsent)), AT_ONCE):
            await self._erase(ids[start : start + AT_ONCE], unsent[start : start + AT_ONCE])
        async with self._store.write() as conn:
            await personal.forget_address(conn, held.email)
        await self._leave_no_trace()

    async def _leave_no_trace(self) -> None:
        """What is deleted stands in the database's files for a while: in the index of words, and in the log."""
        pages, more = -wordindex.MERGED, True
        while more:
            async with self._store.write() as conn:
                more = await wordindex.drop_deleted(conn, pages=pages)
            pages = wordindex.MERGED
            await asyncio.sleep(BREATH)
        if not await self._store.empty_log():
            log.warning("what was erased stands in the database's log until it is written anew")

    async def _erase(self, ids: list[MailId], unsent: list[DraftId]) -> None:
        async with self._store.write() as conn:
            posts, files = await personal.shown_in_slack(conn, ids, unsent)
            numbers = {one.number for mail_id in ids if (one := await mails.get(conn, mail_id))}
            numbers |= {draft.number for one in unsent if (draft := await drafts.get(conn, one))}
            empty = await personal.take_out(conn, ids, unsent)
            posts += [(channel, card) for _, channel, card in empty if card]
            for number in numbers - {number for number, _, _ in empty}:
                await changed(conn, number)
            payload = {"posts": posts, "files": files}
            await jobs.add(conn, key=f"erase:{[*ids, *unsent][0]}", kind="erase", lane="erase", payload=payload)


def _text(draft: Draft) -> str:
    return plain_lines(richtext.lines(draft.rich_text))


def stays(held: Held) -> list[str]:
    """What erasing does not reach, a line each."""
    lines = ["What stays elsewhere:"]
    if held.others:
        numbers = ", ".join(f"#{one}" for one in sorted({one.number for one in held.others}))
        lines.append(f"- {len(held.others)} mails of others that name the address, in {numbers}.")
    lines += [
        "- The mailbox itself: delete the mails there with any mail program, the Sent folder included.",
        "- What people wrote in the threads in Slack: only they, or an admin, can delete it.",
        "- Backups of the database, until they are replaced.",
    ]
    return lines
