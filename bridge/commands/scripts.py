"""The verbs without Slack, for scripts: what `bridge mail` does. Works beside a running service, which shows and sends.

Everything is committed to the same database, and the jobs' runner is woken; nothing here talks to Slack or to a mail
server, except that the channel of a mailbox that has no conversation yet is asked of Slack where it is given by name.
"""

import asyncio
import contextlib
import getpass
import mimetypes
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge import mailboxes as mailboxes_of
from bridge.admins import all_templates
from bridge.agents import Operator
from bridge.answers import Answers
from bridge.canned import Templates
from bridge.config import MailboxSettings, Settings
from bridge.desk import Desk, Mailbox
from bridge.errors import Misconfigured, Refused
from bridge.filing import Filing
from bridge.lookup import parse_query
from bridge.model import (
    ChannelId,
    Conversation,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    MailboxName,
    Number,
    StoredMessage,
    UserId,
    Where,
    now,
)
from bridge.secondlook import AskAgain
from bridge.sentences import house, speaking
from bridge.slack import richtext
from bridge.slack.forms import Form
from bridge.slack.gateway import Gateway
from bridge.store import conversations, drafts, search
from bridge.store.database import Store
from bridge.where import acting
from bridge.writing import Writing

Json = dict[str, Any]

LOOK = 0.2  # seconds between looks at a draft that is waited for
ENDED = frozenset({DraftState.SENT, DraftState.FAILED, DraftState.UNCERTAIN, DraftState.CANCELLED})

_CHANNEL_ID = re.compile(r"[CG][A-Z0-9]{6,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be sent. Addresses are as typed; `None` leaves what the answer is filled in with."""

    text: str
    files: Sequence[Path] = ()
    to: str | None = None
    cc: str | None = None
    bcc: str | None = None
    subject: str | None = None
    quote: bool = True
    at_once: bool = False


class Scripts:
    """The verbs, as the person who types them. Each raises Refused with a sentence where it cannot be done."""

    def __init__(self, store: Store, *, settings: Settings, gateway: Gateway, mailboxes: Sequence[Mailbox]) -> None:
        self.user = UserId(f"cli:{getpass.getuser()}")
        self._store = store
        self._settings = settings
        self._gateway = gateway
        self._mailboxes = {one.name: one for one in mailboxes}
        self.desk = Desk(store, agents=Operator(), mailboxes=self._mailboxes)
        self.filing = Filing(store, desk=self.desk, posts={})
        templates = Templates(lambda: all_templates(store, ()))
        self._writing = Writing(
            store, desk=self.desk, agents=Operator(), mailboxes=self._mailboxes, templates=templates
        )
        self._answers = Answers(
            store,
            desk=self.desk,
            agents=Operator(),
            gateway=gateway,
            mailboxes=self._mailboxes,
            key=settings.secret_keys[0],
        )

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Scripts"]:
        """Beside a running service or without one."""
        async with contextlib.AsyncExitStack() as closing:
            closing.enter_context(acting(Where.CLI))
            house(settings.language)  # what is left in Slack
            closing.enter_context(speaking("en"))  # whoever types is answered in English, as all commands are
            store = await Store.open(settings.database_url.get_secret_value())
            closing.push_async_callback(store.close)
            token = settings.slack.bot_token.get_secret_value()
            gateway = await closing.enter_async_context(Gateway.open(token=token, api_url=settings.slack.api_url))
            if not settings.mailboxes:
                raise Misconfigured("No mailbox is configured: `bridge init` asks what it needs and writes it down.")
            boxes = [await _mailbox(one, settings=settings, store=store) for one in settings.mailboxes]
            yield cls(store, settings=settings, gateway=gateway, mailboxes=boxes)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def listed(self, *, mailbox: str | None, closed: bool, limit: int) -> list[Json]:
        """What there is to do, the longest untouched first; with `closed`, what was done too."""
        name = self._named(mailbox).name if mailbox else None
        async with self._store.read() as conn:
            found = await conversations.listed(conn, mailbox=name, closed=closed, limit=limit)
        return [conversation_json(one) for one in found]

    async def search(self, words: Sequence[str], *, limit: int) -> list[Json]:
        """Conversations that fit what would be typed after `/mail search`, the best first."""
        query = parse_query(" ".join(words), at=now())
        async with self._store.read() as conn:
            found = await search.find(conn, query, channels=None, user=self.user, size=limit)
        return [
            {**conversation_json(one.conversation), "mail": one.mail_id, "snippet": "".join(one.around)}
            for one in found.hits
        ]

    async def log(self, number: Number, *, limit: int) -> list[Json]:
        """What was done to a conversation, by whom and from where, the newest first."""
        _, done = await self.desk.log(number, user=self.user, limit=limit)
        return [
            {"at": one.at.isoformat(), "actor": one.actor, "place": one.place, "verb": one.verb, "detail": one.detail}
            for one in done
        ]

    async def read(self, number: Number) -> Json:
        """A conversation with its mails, the oldest first."""
        conversation, messages = await self.desk.messages(number, user=self.user)
        return {**conversation_json(conversation), "mails": [message_json(one) for one in messages]}

    # --- writing ------------------------------------------------------------------------------------------------------

    async def reply(self, number: Number, letter: Letter, *, everybody: bool) -> Json:
        """Answer a conversation's newest mail; it is held as one from Slack is, unless it is to leave at once."""
        kind = DraftKind.REPLY_ALL if everybody else DraftKind.REPLY
        return await self._submit(await self._writing.form(kind, number, user=self.user), letter)

    async def send(self, letter: Letter, *, mailbox: str | None) -> Json:
        """Write a new mail, from that mailbox or from the only one."""
        box = self._named(mailbox)
        if not box.channel:
            configured = next(one for one in self._settings.mailboxes if one.name == box.name)
            box = await known_mailbox(configured, settings=self._settings, store=self._store, gateway=self._gateway)
            self._mailboxes[box.name] = box
        form = await self._writing.blank_form(box.channel, user=self.user)
        return await self._submit(replace(form, carried=replace(form.carried, mailbox=box.name)), letter)

    async def sent(self, draft_id: DraftId, *, within: float) -> Json:
        """Wait until a draft has left or failed. Raises Refused where it has not been tried by then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    async with self._store.read() as conn:
                        draft = await drafts.get(conn, draft_id)
                    if draft and draft.state in ENDED:
                        return draft_json(draft)
                    await asyncio.sleep(LOOK)
        raise Refused("The mail has not left yet; it does once `bridge run` runs and the mail server answers.")

    async def _submit(self, form: Form, letter: Letter) -> Json:
        typed = {name: getattr(letter, name) for name in ("to", "cc", "bcc")}
        changes: Json = {name: text for name, text in typed.items() if text is not None}
        if letter.subject is not None:
            changes["subject"] = letter.subject
        if form.quote is not None:
            changes["quote"] = letter.quote
        contents = [await asyncio.to_thread(_content, file) for file in letter.files]
        uploads = [_upload(file, len(content)) for file, content in zip(letter.files, contents, strict=True)]
        filled = replace(form, rich_text=richtext.from_text(letter.text.rstrip("\n")), **changes)
        submitted = filled.submitted(uploads=uploads)
        try:
            draft = await self._answers.submit(submitted, user=self.user, contents=contents)
        except AskAgain as asked:  # there is nobody to ask: what a script says is meant
            submitted = replace(submitted, carried=asked.carried)
            draft = await self._answers.submit(submitted, user=self.user, contents=contents)
        if letter.at_once:
            await self._answers.send_now(draft.id, user=self.user)
        else:
            await self._answers.seen(draft)
        async with self._store.read() as conn:
            return draft_json(await drafts.get(conn, draft.id) or draft)

    def _named(self, mailbox: str | None) -> Mailbox:
        if mailbox is None and len(self._mailboxes) == 1:
            return next(iter(self._mailboxes.values()))
        found = self._mailboxes.get(MailboxName(mailbox or ""))
        if found is None:
            names = ", ".join(sorted(self._mailboxes)) or "none is configured"
            raise Refused(f"Say which mailbox with --mailbox: {names}.")
        return found


async def known_mailbox(one: MailboxSettings, *, settings: Settings, store: Store, gateway: Gateway) -> Mailbox:
    """A mailbox, with its channel."""
    box = await _mailbox(one, settings=settings, store=store)
    return box if box.channel else replace(box, channel=await gateway.resolve_channel(one.channel))


async def _mailbox(one: MailboxSettings, *, settings: Settings, store: Store) -> Mailbox:
    """A mailbox; its channel is empty where only Slack knows it."""
    channel = ChannelId(one.channel) if _CHANNEL_ID.fullmatch(one.channel) else None
    if channel is None:
        async with store.read() as conn:
            channel = await conversations.channel_of(conn, MailboxName(one.name))
    return mailboxes_of.mailbox(one, channel=channel or ChannelId(""), max_bytes=settings.max_bytes)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(f"The file {file.name} cannot be read ({error.strerror}).") from error


def _upload(file: Path, size: int) -> DraftFile:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return DraftFile(filename=file.name, content_type=kind, size=size)


# --- as JSON ----------------------------------------------------------------------------------------------------------


def conversation_json(one: Conversation) -> Json:
    """A conversation, for programs."""
    return {
        "number": one.number,
        "mailbox": one.mailbox,
        "subject": one.subject,
        "status": one.status,
        "owner": one.owner,
        "channel": one.channel,
        "created": one.created.isoformat(),
        "updated": one.updated.isoformat(),
        "trouble": one.trouble,
    }


def message_json(one: StoredMessage) -> Json:
    """A mail, as `--json` gives it (docs/cli.md)."""
    message = one.message
    return {
        "id": one.id,
        "direction": one.direction,
        "message_id": message.message_id,
        "from": str(message.author),
        "to": [str(address) for address in message.to],
        "cc": [str(address) for address in message.cc],
        "date": (message.date or one.received).isoformat(),
        "subject": message.subject,
        "new": "\n".join(line.text for line in one.reading.new),
        "text": message.text,
        "automatic": message.automatic,
        "files": [{"name": file.filename, "type": file.content_type, "size": file.size} for file in one.files],
        "folder": one.folder,
        "seen": one.seen,
        "flagged": one.flagged,
        "answered": one.answered,
        "notes": list(message.notes),
    }


def draft_json(draft: Draft) -> Json:
    """An answer on its way out, as `--json` gives it."""
    return {
        "draft": draft.id,
        "number": draft.number,
        "state": draft.state,
        "due": draft.due.isoformat(),
        "to": [str(one) for one in draft.to],
        "cc": [str(one) for one in draft.cc],
        "bcc": [str(one) for one in draft.bcc],
        "subject": draft.subject,
        "message_id": draft.message_id,
        "reason": draft.reason,
    }
