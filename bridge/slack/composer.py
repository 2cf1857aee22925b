"""What Slack says of answers that are written and on their way: the compose modal, and the buttons of what leaves.

As everywhere: what changes something is committed before it is acknowledged. Whatever is refused, the modal stays as it
was filled in.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncAck

from bridge.answers import Answers, Invalid
from bridge.desk import Desk
from bridge.errors import BridgeError, Temporary
from bridge.model import (
    Address,
    ChannelId,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    FileId,
    MailboxName,
    Number,
    Ts,
)
from bridge.proposals import Proposals
from bridge.secondlook import AskAgain
from bridge.sentences import say
from bridge.slack import compose, modals, richtext
from bridge.slack.acting import Acting
from bridge.slack.faults import Gone
from bridge.slack.forms import Form, Submission, submission, tells_words, upload
from bridge.slack.gateway import Gateway
from bridge.slack.unreadable import number_in
from bridge.slack.windows import Body, View, Windows, modal_of, user_of, value_of
from bridge.writing import Writing

NO_FILE = frozenset({"tombstone", "hidden_by_limit"})
"""Modes of a file object behind which there is no file to be had."""


class Composer:
    """Registers itself with a bolt app. `senders` are the mailboxes' own addresses, as mail leaves from them."""

    def __init__(
        self,
        app: Acting,
        *,
        gateway: Gateway,
        windows: Windows,
        desk: Desk,
        writing: Writing,
        answers: Answers,
        proposals: Proposals,
        senders: Mapping[MailboxName, Address],
    ) -> None:
        self._gateway = gateway
        self._windows = windows
        self._desk = desk
        self._writing = writing
        self._answers = answers
        self._proposals = proposals
        self._senders = senders
        app.view("compose")(self.submitted)
        app.view_closed("compose")(self.closed)
        app.action({"block_id": "template", "action_id": "value"})(self.template)
        app.action("cancel_send")(self.cancel_send)
        app.action("send_now")(self.send_now)
        app.action("resend")(self.resend)
        app.action("mark_delivered")(self.mark_delivered)
        app.action("send_proposal")(self.send_proposal)
        app.action("discard_proposal")(self.discard_proposal)
        app.shortcut("send_as_email")(self.send_as_email)
        app.shortcut("new_email")(self.new_email)

    # --- opening the modal --------------------------------------------------------------------------------------------

    async def write(self, body: Body, kind: DraftKind, number: Number) -> None:
        """An answer to a conversation."""

        async def form() -> Form:
            return await self._writing.form(kind, number, user=user_of(body))

        await self._open(body, kind, form)

    async def write_new(self, body: Body, *, to: str = "") -> None:
        """A new mail."""

        async def form() -> Form:
            channel = ChannelId(body.get("channel_id") or (body.get("channel") or {}).get("id") or "")
            return await self._writing.blank_form(channel, user=user_of(body), to=to)

        await self._open(body, DraftKind.NEW, form)

    async def send_as_email(self, ack: AsyncAck, body: Body) -> None:
        """The message shortcut: a person's words in a thread become an answer, once they submit the modal."""
        await ack()
        said = body["message"]
        channel = ChannelId(body["channel"]["id"])
        thread = Ts(said.get("thread_ts") or said["ts"])

        async def form() -> Form:
            conversation = await self._desk.of_thread(channel, thread)
            if conversation is None:
                found = await self._writing.blank_form(channel, user=user_of(body))
            else:
                found = await self._writing.form(DraftKind.REPLY, conversation.number, user=user_of(body))
            words = richtext.of_message(said)
            words = None if words is None or richtext.is_blank(words) else words
            files = [upload(one) for one in said.get("files") or () if one.get("mode") not in NO_FILE]
            return found.made_of(words, said=(channel, Ts(said["ts"])), files=files) if words or files else found

        await self._open(body, DraftKind.REPLY, form)

    async def send_proposal(self, ack: AsyncAck, body: Body) -> None:
        """An assistant's draft, in the modal: nothing of it leaves unless a person submits that."""
        await ack()

        async def form() -> Form:
            return await self._proposals.form(DraftId(value_of(body)), user=user_of(body))

        await self._open(body, DraftKind.REPLY, form)

    async def discard_proposal(self, ack: AsyncAck, body: Body) -> None:
        """Nobody sends it."""
        try:
            await self._proposals.discard(DraftId(value_of(body)), user=user_of(body))
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
        else:
            await ack()

    async def new_email(self, ack: AsyncAck, body: Body) -> None:
        """The global shortcut: a new mail."""
        await ack()
        await self.write_new(body)

    async def _open(self, body: Body, kind: DraftKind, make: Callable[[], Awaitable[Form]]) -> None:
        begun: list[Form] = []

        async def view() -> View:
            form = await make()
            begun.append(form)
            return await self._begun(form, body)

        if not await self._windows.open(body, say(compose.TITLES[kind]), view):
            for form in begun:
                await self._writing.end(form.carried)

    async def _begun(self, form: Form, body: Body) -> View:
        return compose.compose(await self._writing.begin(form, user=user_of(body)))

    # --- in the modal -------------------------------------------------------------------------------------------------

    async def submitted(self, ack: AsyncAck, body: Body) -> None:
        """Send was pressed: the Draft is committed, then the view shows what leaves and to whom."""
        try:
            typed = await self._typed(body)
            draft = await self._answers.submit(typed, user=user_of(body))
            view = await self._leaving(draft)
        except Invalid as wrong:
            await ack(response_action="errors", errors=wrong.fields)
        except AskAgain as asked:
            await ack(response_action="update", view=await self._asked_again(body, asked))
        except Temporary as error:  # nobody knows whether it was written down: the same form again is the same mail
            again = say("{error} Send again from here: it leaves once.", error=error)
            await ack(response_action="errors", errors={"body": again})
        except BridgeError as error:
            await ack(response_action="errors", errors={"body": say("{error} Nothing was sent.", error=error)})
        else:
            await ack(response_action="update", view=view)
            await self._answers.seen(draft)

    async def _typed(self, body: Body) -> Submission:
        """What was typed, and what Slack knows of the files of the message that it was made of.

        Raises Gone where one that is to go along was deleted, and what else Slack says.
        """
        typed = submission(body["view"])

        async def ask(file_id: FileId) -> DraftFile | None:
            try:
                found = await self._gateway.file(file_id)
            except Gone:
                if f"slack:{file_id}" in typed.originals:
                    raise
                return None
            return DraftFile(slack_id=found.id, filename=found.name, content_type=found.mimetype, size=found.size)

        found = await asyncio.gather(*map(ask, typed.carried.files))
        return replace(typed, said_files=tuple(one for one in found if one))

    async def _asked_again(self, body: Body, asked: AskAgain) -> View:
        """The modal as it was filled in, with what its author should know above it."""
        form = await self._writing.refilled(await self._typed(body), user=user_of(body))
        told = compose.asked_again(asked.news, asked.alike, asked.bounced)
        return compose.compose(form.asking(told, carried=asked.carried))

    async def closed(self, ack: AsyncAck, body: Body) -> None:
        """The modal was closed: what was typed is kept."""
        typed = submission(body["view"])
        try:
            if tells_words(body["view"]):
                with contextlib.suppress(BridgeError):  # words are worth more than files that Slack no longer has
                    typed = await self._typed(body)
                await self._writing.put_down(typed, user=user_of(body))
            else:
                await self._writing.end(typed.carried)
        finally:
            await ack()

    async def template(self, ack: AsyncAck, body: Body) -> None:
        """A canned answer was chosen: its text is filled in."""
        await ack()
        try:
            typed = await self._typed(body)
        except BridgeError as error:
            channel = submission(body["view"]).carried.channel
            await self._windows.instead(body, "", str(error), channel=channel)
            return
        try:
            form = await self._writing.with_template(typed, user=user_of(body))
        except BridgeError as error:
            form = (await self._writing.refilled(typed, user=user_of(body))).telling(f":warning: {error}")
        view = compose.compose(form)
        try:
            await self._windows.redraw(typed.view_id, compose.without_body(view))
            await self._windows.redraw(typed.view_id, view)
        except BridgeError as error:  # nobody knows which of the two views stands there, and one of them has no text
            kept = say("Everything that you typed is kept, and is there again when you open it again.")
            await self._kept(body, form, f"{error} {kept}", view_id=typed.view_id)

    # --- what is on its way -------------------------------------------------------------------------------------------

    async def cancel_send(self, ack: AsyncAck, body: Body) -> None:
        """Undo: nothing leaves, and the modal is there again with everything kept."""
        view_id = modal_of(body)
        try:
            form = await self._answers.cancel(DraftId(value_of(body)), user=user_of(body), view_id=view_id)
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
            return
        await ack()
        try:
            view = await self._begun(form, body)
            if view_id:
                await self._windows.redraw(view_id, view)
            else:
                await self._gateway.open_view(body["trigger_id"], view)
        except BridgeError as error:
            kept = say("It was undone, and nothing was sent; Reply has its words again.")
            await self._kept(body, form, f"{error} {kept}", view_id=view_id)

    async def _kept(self, body: Body, form: Form, sentence: str, *, view_id: str) -> None:
        """Put down what cannot be shown in its modal, and say so."""
        await self._writing.put_down(form.submitted(), user=user_of(body))
        await self._windows.instead(body, view_id, sentence, channel=form.carried.channel)

    async def send_now(self, ack: AsyncAck, body: Body) -> None:
        """Send now."""
        await self._decide(ack, body, self._answers.send_now)

    async def _look_again(self, body: Body, draft_id: DraftId, asked: AskAgain) -> None:
        """What a rule proposed, in the modal, with what should be known before it is sent from there."""

        async def form() -> Form:
            made = await self._answers.proposed(draft_id, user=user_of(body))
            told = compose.asked_again(asked.news, asked.alike, asked.bounced)
            carried = replace(made.carried, seen=asked.carried.seen, asked=asked.carried.asked)
            return made.asking(told, carried=carried)

        await self._open(body, DraftKind.REPLY, form)

    async def resend(self, ack: AsyncAck, body: Body) -> None:
        """Send again, after a failure or where delivery is uncertain."""
        await self._decide(ack, body, self._answers.resend)

    async def mark_delivered(self, ack: AsyncAck, body: Body) -> None:
        """It arrived."""
        await self._decide(ack, body, self._answers.mark_delivered)

    async def _decide(self, ack: AsyncAck, body: Body, verb: Callable[..., Awaitable[Draft]]) -> None:
        draft_id, _, seen = value_of(body).partition(":")
        about = {"seen": number_in(seen)} if seen else {}
        try:
            draft = await verb(DraftId(draft_id), user=user_of(body), **about)
        except AskAgain as asked:
            await ack()
            await self._look_again(body, DraftId(draft_id), asked)
            return
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
            return
        await ack()
        if view_id := modal_of(body):
            done = say("It is done; the window could not show it, the conversation's thread does.")
            await self._windows.draw(body, view_id, await self._leaving(draft), otherwise=done)

    async def _leaving(self, draft: Draft) -> dict[str, Any]:
        words, told = richtext.lines(draft.rich_text), None
        if draft.state is DraftState.HELD:
            with contextlib.suppress(BridgeError):  # it stands already: that it does is what must be said
                told = await self._answers.difference(draft)
        return modals.leaving(draft, sender=self._senders[draft.mailbox], words=words, difference=told)
