"""What Slack says of answers that are written and on their way: the compose modal, and the buttons of what leaves.

As everywhere: what changes something is committed before it is acknowledged. Whatever is refused, the modal stays as it
was filled in.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from bridge.answers import Answers, Invalid
from bridge.desk import Desk
from bridge.errors import BridgeError, Temporary
from bridge.model import Address, ChannelId, Draft, DraftId, DraftKind, DraftState, MailboxName, Number, Ts
from bridge.proposals import Proposals
from bridge.secondlook import AskAgain
from bridge.sentences import say
from bridge.slack import compose, modals, richtext
from bridge.slack.acting import Acting
from bridge.slack.forms import Form, submission, tells_words
from bridge.slack.gateway import Gateway
from bridge.slack.windows import Body, View, Windows, modal_of, user_of, value_of
from bridge.writing import Writing


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
            return found.with_words(words, said=(channel, Ts(said["ts"]))) if words else found

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
        typed = submission(body["view"])
        try:
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

    async def _asked_again(self, body: Body, asked: AskAgain) -> View:
        """The modal as it was filled in, with what its author should know above it."""
        form = await self._writing.refilled(submission(body["view"]), user=user_of(body))
        told = compose.asked_again(asked.news, asked.alike, asked.bounced)
        return compose.compose(form.asking(told, carried=asked.carried))

    async def closed(self, ack: AsyncAck, body: Body) -> None:
        """The modal was closed: what was typed is kept."""
        typed = submission(body["view"])
        try:
            if tells_words(body["view"]):
                await self._writing.put_down(typed, user=user_of(body))
            else:
                await self._writing.end(typed.carried)
        finally:
            await ack()

    async def template(self, ack: AsyncAck, body: Body) -> None:
        """A canned answer was chosen: its text is filled in."""
        await ack()
        typed = submission(body["view"])
        try:
            form = await self._writing.with_template(typed, user=user_of(body))
        except BridgeError as error:
            form = (await self._writing.refilled(typed, user=user_of(body))).telling(f":warning: {error}")
        view = compose.compose(form)
        await self._gateway.update_view(typed.view_id, compose.without_body(view))
        await self._gateway.update_view(typed.view_id, view)

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
                await self._gateway.update_view(view_id, view)
            else:
                await self._gateway.open_view(body["trigger_id"], view)
        except BridgeError as error:
            await self._writing.put_down(form.submitted(), user=user_of(body))
            kept = say("It was undone, and nothing was sent; Reply has its words again.")
            await self._windows.tell({**body, "view": None}, f"{error} {kept}")

    async def send_now(self, ack: AsyncAck, body: Body) -> None:
        """Send now."""
        await self._decide(ack, body, self._answers.send_now)

    async def resend(self, ack: AsyncAck, body: Body) -> None:
        """Send again, after a failure or where delivery is uncertain."""
        await self._decide(ack, body, self._answers.resend)

    async def mark_delivered(self, ack: AsyncAck, body: Body) -> None:
        """It arrived."""
        await self._decide(ack, body, self._answers.mark_delivered)

    async def _decide(self, ack: AsyncAck, body: Body, verb: Callable[..., Awaitable[Draft]]) -> None:
        draft_id, _, seen = value_of(body).partition(":")
        about = {"seen": int(seen)} if seen else {}
        try:
            draft = await verb(DraftId(draft_id), user=user_of(body), **about)
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
            return
        await ack()
        if view_id := modal_of(body):
            await self._gateway.update_view(view_id, await self._leaving(draft))

    async def _leaving(self, draft: Draft) -> dict[str, Any]:
        words, told = richtext.lines(draft.rich_text), None
        if draft.state is DraftState.HELD:
            with contextlib.suppress(BridgeError):  # it stands already: that it does is what must be said
                told = await self._answers.difference(draft)
        return modals.leaving(draft, sender=self._senders[draft.mailbox], words=words, difference=told)
