"""The job "show": what the store says of a conversation becomes what Slack shows of it.

Idempotent: it compares what is shown with what is, and does what is missing, in this order: the card, each mail in its
thread, each mail's files, the lines of outgoing mails, the card's newest state. Every post has a key; after a crash the
engine asks Slack for that key before it posts again.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import holding
from bridge.channels import Channels
from bridge.desk import Mailbox
from bridge.errors import BridgeError, Temporary
from bridge.floods import Floods
from bridge.jobs import Engine
from bridge.metrics import Metrics
from bridge.model import (
    Conversation,
    Direction,
    Draft,
    DraftState,
    Folder,
    Job,
    MailboxName,
    MailId,
    Number,
    Resurface,
    StoredMessage,
    Ts,
    UserId,
    now,
)
from bridge.resurfacing import resurfaces
from bridge.sentences import say, speaking
from bridge.sharing import Sharing
from bridge.slack import blocks, modals, proposed, richtext
from bridge.slack.about import about
from bridge.slack.blocks import Surface
from bridge.slack.card import Busy, earlier_thread, pointer
from bridge.slack.card import card as card_of
from bridge.slack.faults import Gone, Malformed
from bridge.slack.gateway import Gateway
from bridge.slack.turns import hurried
from bridge.store import acquaintances, cards, conversations, drafts, forms, mails, spammers
from bridge.store.cards import Standing
from bridge.store.database import Store

log = structlog.get_logger()

Posted = dict[str, Any]
"""What is remembered of a post: its `ts`, and the `state` that it shows where that is known."""

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
        self._sharing = Sharing(store, engine=engine, gateway=gateway, channels=channels)

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
            earlier = await self._earlier(conn, messages)
            called_spam = await self._called_spam(conn, messages)
            busy = Busy(
                writing=tuple(await forms.writing(conn, number, at=now())),
                waiting=tuple(await drafts.waiting(conn, number)),
            )
        if conversation is None or standing is None or conversation.version <= standing.shown:
            return
        await self._channels.require_ours(conversation.channel)
        if conversation.card_ts is None and not await self._floods.gets_card(conversation):
            return
        surface = card_of(
            conversation,
            messages,
            mailbox=conversation.mailbox,
            busy=busy,
            earlier=earlier,
            called_spam=called_spam,
            late=conversation.late(now()),
        )
        try:
            await self._bring_up(conversation, standing, surface, messages, behind)
        except Gone as gone:
            # Somebody deleted the card, or its thread. What comes in now must not be lost with it.
            async with self._store.write() as conn:
                await conversations.forget_slack(conn, number)
            raise Temporary(say("The card was deleted in Slack and is posted again."), retry_after=0) from gone
        async with self._store.write() as conn:
            await conversations.mark_shown(conn, number, version=conversation.version)

    async def show_mail(self, job: Job) -> None:
        """The job "show_mail": a mail's message in the thread is drawn anew; `released`: the position of a file of it
        that comes in now.
        """
        async with self._store.read() as conn:
            stored = await mails.get(conn, MailId(job.payload["mail"]))
            conversation = await conversations.get(conn, stored.number) if stored else None
        if stored is None or conversation is None or conversation.card_ts is None or stored.thread_ts is None:
            return  # nothing shows it yet: it will be shown as it is
        await self._channels.require_ours(conversation.channel)
        with contextlib.suppress(Gone):  # somebody deleted the card or that post: what is posted anew is whole
            for position, file in await self._sharing.released(stored):
                if position == job.payload.get("released"):
                    await self._sharing.let_in(conversation.channel, conversation.card_ts, stored, (position, file))
            surface = blocks.mail(stored, about=about(stored))
            await self._update(conversation, stored.thread_ts, surface, key=f"mail:{stored.shown_as}")

    async def see_shared(self, job: Job) -> None:
        """The job "shares": whether Slack has made the message of a mail's files."""
        await self._sharing.see(job)

    async def _earlier(self, conn: AsyncConnection, messages: Sequence[StoredMessage]) -> int | None:
        """In how many conversations its customer wrote before; None of one without a customer's mail."""
        first = next((one for one in messages if one.direction is Direction.IN), None)
        if first is None:
            return None
        return await acquaintances.earlier(conn, first.mailbox, first.customer.email, before=first.number)

    async def _called_spam(self, conn: AsyncConnection, messages: Sequence[StoredMessage]) -> UserId | None:
        """Who called its customer's mail spam before, where it is not already in junk."""
        first = next((one for one in messages if one.direction is Direction.IN), None)
        if first is None or first.folder is Folder.JUNK:
            return None
        return next(iter((await spammers.among(conn, first.mailbox, [first.customer.email])).values()), None)

    async def _bring_up(
        self,
        conversation: Conversation,
        standing: Standing,
        surface: Surface,
        messages: Sequence[StoredMessage],
        behind: Sequence[tuple[Draft, int, str]],
    ) -> None:
        how, after = self._resurface(conversation)
        news = resurfaces(conversation, standing, messages, after=after, at=now())
        if news and how is Resurface.BUMP:
            conversation, standing = await self._bump(conversation, standing)
        card, is_current = conversation.card_ts, False
        if card is None:
            card, is_current = await self._post_card(conversation, standing, surface, messages)
        if standing.former:
            await self._point(conversation, standing, card)
        lines = list(behind)
        for stored in messages:
            if not stored.shared:
                while lines and lines[0][0].created < stored.received:  # those of a thread that moved here as a whole
                    await self._show_line(conversation, card, *lines.pop(0))
                broadcast = how is Resurface.BROADCAST and stored.id == news
                await self._show_mail(conversation, card, stored, broadcast=broadcast)
        for line in lines:
            await self._show_line(conversation, card, *line)
        if not is_current:
            await self._update(conversation, card, surface, key=cards.card_key(conversation.number, standing.bumps))

    async def _post_card(
        self, conversation: Conversation, standing: Standing, surface: Surface, messages: Sequence[StoredMessage]
    ) -> tuple[Ts, bool]:
        """Where the card stands, and whether it shows the conversation as it is now."""

        async def kept(conn: AsyncConnection, posted: Posted) -> None:
            await conversations.card_posted(conn, conversation.number, ts=Ts(posted["ts"]), bumps=standing.bumps)
            await cards.posted(conn, conversation, Ts(posted["ts"]))

        key = cards.card_key(conversation.number, standing.bumps)
        posted = await self._post(conversation, surface, key=key, state=conversation.version, kept=kept)
        if messages and messages[0].direction is Direction.IN:
            self._metrics.card_posted(after=now() - messages[0].received)
        return posted

    # --- visible again ------------------------------------------------------------------------------------------------

    def _resurface(self, conversation: Conversation) -> tuple[Resurface, timedelta]:
        """How its mailbox wants it, and after how long; one that is configured no more says nothing."""
        mailbox = self._mailboxes.get(conversation.mailbox)
        return (mailbox.resurface, mailbox.resurface_after) if mailbox else (Resurface.OFF, timedelta(0))

    async def _bump(self, conversation: Conversation, standing: Standing) -> tuple[Conversation, Standing]:
        async with self._store.write() as conn:
            if not await cards.bump(conn, conversation):
                return conversation, standing  # it has moved to another channel meanwhile, and is shown there
            return replace(conversation, card_ts=None), await cards.standing(conn, conversation.number)

    async def _point(self, conversation: Conversation, standing: Standing, card: Ts) -> None:
        """The former card leads to this one, and this one's thread to the mails before."""
        assert standing.former  # noqa: S101 - the caller looked
        number, channel = conversation.number, conversation.channel
        with contextlib.suppress(Gone):  # somebody deleted the former card: nothing leads from it
            here = await self._gateway.permalink(channel, card)
            there = await self._gateway.permalink(channel, standing.former)
            key = cards.card_key(number, standing.bumps - 1)
            await self._update(conversation, standing.former, pointer(conversation, link=here), key=key)
            back, key = earlier_thread(conversation, link=there), f"former:{number}:{standing.bumps}"
            await self._post(conversation, back, key=key, state=standing.bumps, thread=card)
        async with self._store.write() as conn:
            await cards.pointed(conn, number)

    # --- mails --------------------------------------------------------------------------------------------------------

    async def _show_mail(self, conversation: Conversation, card: Ts, stored: StoredMessage, *, broadcast: bool) -> None:
        files = await self._sharing.files(stored)
        released = await self._sharing.released(stored)
        text_first = stored.direction is Direction.IN or stored.elsewhere
        if text_first:
            await self._show_text(conversation, card, stored, alone=not (files or released), broadcast=broadcast)
        if files or released or not text_first or stored.thread_ts is not None:
            await self._sharing.share(conversation.channel, card, stored, files)
            for one in released:
                await self._sharing.let_in(conversation.channel, card, stored, one)
            async with self._store.write() as conn:
                await mails.files_shared(conn, stored)

    async def _show_text(
        self, conversation: Conversation, card: Ts, stored: StoredMessage, *, alone: bool, broadcast: bool
    ) -> None:
        """A mail's text as a message of the thread; a mail that the bridge sent has its draft's line.

        `alone`: there are no files to follow it; `broadcast`: the channel shows it too.
        """
        surface = blocks.mail(stored, about=about(stored))
        key = f"mail:{stored.shown_as}"

        async def kept(conn: AsyncConnection, posted: Posted) -> None:
            await mails.posted(conn, stored, ts=Ts(posted["ts"]), shared=alone)
            await cards.posted(conn, conversation, Ts(posted["ts"]))
            if broadcast:
                await cards.surfaced(conn, conversation.number, ts=Ts(posted["ts"]))

        ts, is_current = stored.thread_ts, stored.readings == 1
        if ts is None:
            ts, is_current = await self._post(
                conversation,
                surface,
                key=key,
                state=stored.readings,
                thread=card,
                broadcast=broadcast,
                kept=kept,
            )
        if not is_current:
            with contextlib.suppress(Gone):  # somebody deleted that post; the card and the rest stand
                await self._update(conversation, ts, surface, key=key)

    async def _show_line(self, conversation: Conversation, card: Ts, draft: Draft, revision: int, view_id: str) -> None:
        await self._show_draft(conversation, card, draft, revision=revision)
        await self._show_view(draft, view_id)

    async def _show_draft(self, conversation: Conversation, card: Ts, draft: Draft, *, revision: int) -> None:
        mailbox = self._mailboxes.get(draft.mailbox) if holding.waits_to_be_seen(draft) else None
        if mailbox:  # the line says when it leaves by a hold that begins with it
            async with self._store.read() as conn:
                draft = replace(draft, due=await holding.until(conn, mailbox.hold))
        drawn = proposed.line if draft.state in proposed.STATES else blocks.line
        surface = drawn(draft, words=richtext.lines(draft.rich_text))
        key = f"draft:{draft.shown_as}"
        try:
            ts, is_current = draft.line_ts, False
            if ts is None:
                ts, is_current = await self._post(conversation, surface, key=key, state=revision, thread=card)
            if not is_current:
                await self._update(conversation, ts, surface, key=key)
        except Gone:
            if not draft.line_ts:
                raise
            again = f"{key}:{revision}"
            ts, _ = await self._post(conversation, surface, key=again, state=revision, thread=card)
        async with self._store.write() as conn:
            await drafts.line_posted(conn, draft, ts=ts, revision=revision)
            await cards.posted(conn, conversation, ts)
            if mailbox:
                await holding.begins(conn, draft.id, hold=mailbox.hold)

    async def _show_view(self, draft: Draft, view_id: str) -> None:
        """The view that its author may still have open follows too; one that is closed is no loss.

        A held draft's view is what Send was answered with: to draw it again could undo an Undo.
        """
        if not view_id or draft.state is DraftState.HELD:
            return
        sender, words = self._mailboxes[draft.mailbox].address, richtext.lines(draft.rich_text)
        try:
            with speaking((await self._gateway.user(draft.author)).locale):
                view = modals.leaving(draft, sender=sender, words=words)
            await self._gateway.update_view(view_id, view)
        except BridgeError as gone:
            log.debug("a view was not updated", reason=str(gone))

    async def _update(self, conversation: Conversation, ts: Ts, surface: Surface, *, key: str) -> None:
        async def update(built: Surface) -> None:
            await self._channels.update(
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
        state: int,
        thread: Ts | None = None,
        broadcast: bool = False,
        kept: Callable[[AsyncConnection, Posted], Awaitable[None]] | None = None,
    ) -> tuple[Ts, bool]:
        """Post once under that key: where it stands, and whether it shows that state (a version, a revision).

        What was posted before a crash shows what was so then.
        """

        async def post(built: Surface) -> Posted:
            ts = await self._channels.post(
                conversation.channel,
                text=built.text,
                blocks=built.blocks,
                key=key,
                number=conversation.number,
                thread_ts=thread,
                broadcast=broadcast or None,
            )
            return {"ts": ts, "state": state}

        async def act() -> Posted:
            try:
                return await post(surface)
            except Malformed as refused:
                log.warning(PLAINLY, key=key, why=refused.detail)
                return await post(surface.bare())

        async def look(since: datetime) -> dict[str, str] | None:
            ts = await self._gateway.find(conversation.channel, key=key, since=since, thread_ts=thread)
            return {"ts": ts} if ts else None

        posted = await self._engine.once(key, act=act, find=look, kept=kept)
        return Ts(posted["ts"]), posted.get("state") == state
