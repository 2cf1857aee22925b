"""The job "show": what the store says of a conversation becomes what Slack shows of it.

Idempotent: it compares what is shown with what is, and does what is missing, in this order: the card, each mail in its
thread, each mail's files, the lines of outgoing mails, the card's newest state. Every post has a key; after a crash the
engine asks Slack for that key before it posts again.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bridge.channels import Channels
from bridge.desk import Mailbox
from bridge.errors import BridgeError, Permanent, Temporary
from bridge.floods import Floods
from bridge.jobs import Engine
from bridge.mail.html import plain_lines
from bridge.mail.parse import parse
from bridge.metrics import Metrics
from bridge.model import (
    Automatic,
    Conversation,
    Direction,
    Draft,
    DraftState,
    FileId,
    Job,
    MailboxName,
    MailId,
    Number,
    Resurface,
    Status,
    StoredMessage,
    Ts,
    now,
)
from bridge.rules import waits_since
from bridge.slack import blocks, modals, richtext
from bridge.slack.blocks import Surface
from bridge.slack.card import Background, earlier_thread, pointer
from bridge.slack.card import card as card_of
from bridge.slack.faults import Gone, Malformed
from bridge.slack.gateway import Gateway
from bridge.slack.mrkdwn import sections
from bridge.slack.turns import hurried
from bridge.store import cards, conversations, drafts, mails
from bridge.store.cards import Standing
from bridge.store.database import Store

log = structlog.get_logger()

NEAR = 3
"""A conversation seen by the channel after fewer others than this is still in sight..."""

FRESH = timedelta(hours=4)
"""... for so long: by then people have talked, or the day has gone on."""

PLAINLY = "a message is shown plainly, since Slack refused how it was built"


class Show:
    """Brings Slack in step with the store, one conversation at a time."""

    def __init__(
        self,
        store: Store,
        *,
        engine: Engine,
        gateway: Gateway,
        mailboxes: Mapping[MailboxName, Mailbox],
        floods: Floods,
        channels: Channels,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._mailboxes = mailboxes
        self._floods = floods
        self._channels = channels
        self._metrics = metrics

    async def show(self, job: Job) -> None:
        """Show a conversation as it stands now; a job whose version is shown already has nothing to do."""
        with hurried() if job.urgent else contextlib.nullcontext():
            await self._show(job)

    async def _show(self, job: Job) -> None:
        number = Number(job.payload["number"])
        async with self._store.read() as conn:
            conversation = await conversations.get(conn, number)
            standing = await cards.standing(conn, number) if conversation else None
            messages = await mails.of_conversation(conn, number)
            behind = await drafts.unshown(conn, number)
        if conversation is None or standing is None or conversation.version <= standing.shown:
            return
        await self._channels.require_ours(conversation.channel)
        if conversation.card_ts is None and not await self._floods.gets_card(conversation):
            return
        try:
            await self._bring_up(conversation, standing, messages, behind)
        except Gone as gone:
            # Somebody deleted the card, or its thread. What comes in now must not be lost with it.
            async with self._store.write() as conn:
                await conversations.forget_slack(conn, number)
            raise Temporary("The card was deleted in Slack and is posted again.", retry_after=0) from gone
        async with self._store.write() as conn:
            await conversations.mark_shown(conn, number, version=conversation.version)

    async def _bring_up(
        self,
        conversation: Conversation,
        standing: Standing,
        messages: Sequence[StoredMessage],
        behind: Sequence[tuple[Draft, int, str]],
    ) -> None:
        background = await self._background(conversation, messages)
        surface = card_of(conversation, messages, mailbox=conversation.mailbox, background=background)
        news, how = resurfaces(conversation, standing, messages, at=now()), self._resurface(conversation)
        if news and how is Resurface.BUMP:
            conversation, standing = await self._bump(conversation)
        card = conversation.card_ts or await self._post_card(conversation, standing, surface, messages)
        if standing.former:
            await self._point(conversation, standing, card)
        for stored in messages:
            if not stored.shared:
                broadcast = how is Resurface.BROADCAST and stored.id == news
                await self._show_mail(conversation, card, stored, broadcast=broadcast)
        for draft, revision, view_id in behind:
            await self._show_draft(conversation, card, draft, revision=revision)
            await self._show_view(draft, view_id)
        if conversation.card_ts:
            await self._update(conversation, card, surface, key=_card_key(conversation.number, standing.bumps))

    async def _background(self, conversation: Conversation, messages: Sequence[StoredMessage]) -> Background:
        inbound = (one.message for one in messages if one.direction is Direction.IN)
        first = next((one.author.email for one in inbound if one.automatic is Automatic.NO), "")
        if not first:
            return Background()
        async with self._store.read() as conn:
            earlier = await cards.earlier(conn, conversation.mailbox, first, before=conversation.number)
        return Background(earlier=earlier, waits=waits_since(messages))

    async def _post_card(
        self, conversation: Conversation, standing: Standing, surface: Surface, messages: Sequence[StoredMessage]
    ) -> Ts:
        ts = await self._post(conversation, surface, key=_card_key(conversation.number, standing.bumps))
        async with self._store.write() as conn:
            await conversations.card_posted(conn, conversation.number, ts=ts)
            await cards.posted(conn, conversation, ts)
        if messages and messages[0].direction is Direction.IN:
            self._metrics.card_posted(after=now() - messages[0].received)
        return ts

    # --- visible again ------------------------------------------------------------------------------------------------

    def _resurface(self, conversation: Conversation) -> Resurface:
        """How its mailbox wants it; one that is configured no more says nothing."""
        mailbox = self._mailboxes.get(conversation.mailbox)
        return mailbox.resurface if mailbox else Resurface.OFF

    async def _bump(self, conversation: Conversation) -> tuple[Conversation, Standing]:
        async with self._store.write() as conn:
            await cards.bump(conn, conversation.number)
            return replace(conversation, card_ts=None), await cards.standing(conn, conversation.number)

    async def _point(self, conversation: Conversation, standing: Standing, card: Ts) -> None:
        """The former card leads to this one, and this one's thread to the mails before."""
        assert standing.former  # noqa: S101 - the caller looked
        number, channel = conversation.number, conversation.channel
        with contextlib.suppress(Gone):  # somebody deleted the former card: nothing leads from it
            here = await self._gateway.permalink(channel, card)
            there = await self._gateway.permalink(channel, standing.former)
            key = _card_key(number, standing.bumps - 1)
            await self._update(conversation, standing.former, pointer(conversation, link=here), key=key)
            back = earlier_thread(conversation, link=there)
            await self._post(conversation, back, key=f"former:{number}:{standing.bumps}", thread=card)
        async with self._store.write() as conn:
            await cards.pointed(conn, number)

    # --- mails --------------------------------------------------------------------------------------------------------

    async def _show_mail(self, conversation: Conversation, card: Ts, stored: StoredMessage, *, broadcast: bool) -> None:
        if stored.direction is Direction.IN or stored.elsewhere:
            await self._show_text(conversation, card, stored, broadcast=broadcast)
        await self._share_files(conversation, card, stored)
        async with self._store.write() as conn:
            await mails.files_shared(conn, stored.id)

    async def _show_text(self, conversation: Conversation, card: Ts, stored: StoredMessage, *, broadcast: bool) -> None:
        """A mail's text as a message of the thread; a mail that the bridge sent has its draft's line.

        `broadcast`: the channel shows it too.
        """
        surface = blocks.mail(stored)
        key = f"mail:{stored.id}"
        if stored.thread_ts is None:
            ts = await self._post(conversation, surface, key=key, thread=card, broadcast=broadcast)
            async with self._store.write() as conn:
                await mails.posted(conn, stored.id, ts=ts)
                await cards.posted(conn, conversation, ts)
                if broadcast:
                    await cards.surfaced(conn, conversation.number, ts=ts)
        elif stored.readings > 1:
            with contextlib.suppress(Gone):  # somebody deleted that post; the card and the rest stand
                await self._update(conversation, stored.thread_ts, surface, key=key)

    async def _share_files(self, conversation: Conversation, card: Ts, stored: StoredMessage) -> None:
        """Put a mail's attachments, and the rest of a long text, into the thread, in one message."""
        put: list[tuple[FileId, str]] = []
        for position, (filename, content) in enumerate(await self._files(stored)):
            uploaded = await self._put(f"file:{stored.id}:{stored.readings}:{position}", filename, content)
            if uploaded:
                put.append((uploaded, filename))
        if not put:
            return

        async def share() -> dict[str, str]:
            await self._gateway.share_files(conversation.channel, thread_ts=card, files=put)
            return {}

        async def look(since: datetime) -> dict[str, str] | None:  # noqa: ARG001 - a file id says it all
            return {} if await self._gateway.wait_shared(put[0][0], conversation.channel) else None

        await self._engine.once(f"files:{stored.id}:{stored.readings}", act=share, find=look)

    async def _put(self, key: str, filename: str, content: bytes) -> FileId | None:
        async def upload() -> dict[str, str]:
            try:
                return {"id": await self._gateway.put_file(filename=filename, content=content)}
            except Permanent as refused:  # one file that Slack refuses must not keep the mail's text away
                log.warning("a file was refused by Slack and stays in the mailbox", reason=str(refused))
                return {"id": ""}

        async def look(since: datetime) -> None:  # noqa: ARG001 - a file that nothing shares is nowhere to be seen
            return None

        found = await self._engine.once(key, act=upload, find=look)
        return FileId(found["id"]) if found["id"] else None

    async def _files(self, stored: StoredMessage) -> list[tuple[str, bytes]]:
        files: list[tuple[str, bytes]] = []
        if sections(stored.reading.new)[1]:
            text = plain_lines((*stored.reading.new, *stored.reading.folded))
            files.append((f"mail-{stored.number}.txt", text.encode()))
        if stored.files and stored.raw_id:
            async with self._store.read() as conn:
                raw = await mails.load_raw(conn, stored.raw_id)
            message = await asyncio.to_thread(parse, raw)
            files += [(one.filename, one.content) for one in message.attachments if one.content]
        elif stored.quarantined and stored.raw_id:
            async with self._store.read() as conn:
                files.append((f"mail-{stored.number}.eml", await mails.load_raw(conn, stored.raw_id)))
        return files

    async def _show_draft(self, conversation: Conversation, card: Ts, draft: Draft, *, revision: int) -> None:
        surface = blocks.line(draft, words=richtext.lines(draft.rich_text))
        key = f"draft:{draft.id}"
        try:
            ts = draft.line_ts or await self._post(conversation, surface, key=key, thread=card)
            if draft.line_ts:
                await self._update(conversation, ts, surface, key=key)
        except Gone:
            if not draft.line_ts:
                raise
            ts = await self._post(conversation, surface, key=f"{key}:{revision}", thread=card)
        async with self._store.write() as conn:
            await drafts.line_posted(conn, draft.id, ts=ts)
            await cards.posted(conn, conversation, ts)
            await drafts.mark_shown(conn, draft.id, revision=revision)

    async def _show_view(self, draft: Draft, view_id: str) -> None:
        """The view that its author may still have open follows too; one that is closed is no loss.

        A held draft's view is what Send was answered with: to draw it again could undo an Undo.
        """
        if not view_id or draft.state is DraftState.HELD:
            return
        view = modals.leaving(
            draft, sender=self._mailboxes[draft.mailbox].address, words=richtext.lines(draft.rich_text)
        )
        try:
            await self._gateway.update_view(view_id, view)
        except BridgeError as gone:
            log.debug("a view was not updated", reason=str(gone))

    async def _update(self, conversation: Conversation, ts: Ts, surface: Surface, *, key: str) -> None:
        async def update(built: Surface) -> None:
            await self._gateway.update(
                conversation.channel,
                ts,
                text=built.text,
                blocks=built.blocks,
                key=key,
                number=conversation.number,
            )

        try:
            await update(surface)
        except Malformed as refused:
            log.warning(PLAINLY, key=key, why=refused.detail)
            await update(surface.bare())

    async def _post(
        self,
        conversation: Conversation,
        surface: Surface,
        *,
        key: str,
        thread: Ts | None = None,
        broadcast: bool = False,
    ) -> Ts:
        async def post(built: Surface) -> dict[str, str]:
            ts = await self._gateway.post(
                conversation.channel,
                text=built.text,
                blocks=built.blocks,
                key=key,
                number=conversation.number,
                thread_ts=thread,
                broadcast=broadcast or None,
            )
            return {"ts": ts}

        async def act() -> dict[str, str]:
            try:
                return await post(surface)
            except Malformed as refused:
                log.warning(PLAINLY, key=key, why=refused.detail)
                return await post(surface.bare())

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(conversation.channel, key=key, since=since, thread_ts=thread)
            return {"ts": ts} if ts else None

        return Ts((await self._engine.once(key, act=act, find=look))["ts"])


def resurfaces(
    conversation: Conversation, standing: Standing, messages: Sequence[StoredMessage], *, at: datetime
) -> MailId | None:
    """The new mail with which a conversation is to show in its channel again; None where it is not needed.

    A person's mail, or a bounce, in an open conversation that the channel last saw a while ago: what is among the
    newest few is seen anyway, and what nobody has to do anything about need not call anybody.
    """
    if not (conversation.card_ts and standing.surfaced) or conversation.status is not Status.OPEN:
        return None
    if standing.newer < NEAR and at.timestamp() - float(standing.surfaced) < FRESH.total_seconds():
        return None
    calling = {Automatic.NO, Automatic.BOUNCE}
    news = [
        one.id
        for one in messages
        if one.direction is Direction.IN and one.thread_ts is None and one.message.automatic in calling
    ]
    return news[-1] if news else None


def _card_key(number: Number, bumps: int) -> str:
    return f"card:{number}:{bumps}" if bumps else f"card:{number}"
