"""What Slack says, each thing to one verb of the desk.

The order is always the same: what a click changes is committed before it is acknowledged; what only opens something is
acknowledged at once, since a trigger lives three seconds, and filled when it is ready. Every refusal is a sentence,
told to nobody but the person who asked.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.answers import Answers, Invalid
from bridge.desk import Desk
from bridge.errors import BridgeError, Refused
from bridge.filing import Filing
from bridge.model import (
    Address,
    ChannelId,
    Conversation,
    Direction,
    Draft,
    DraftId,
    DraftKind,
    MailboxName,
    MailId,
    Mark,
    Number,
    Ts,
    UserId,
)
from bridge.originals import Originals
from bridge.slack import modals, reading, richtext
from bridge.slack.commands import Command, parse_command
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.slack.typed import Typed

log = structlog.get_logger()

Body = Mapping[str, Any]
View = dict[str, Any]
Verb = Callable[..., Awaitable[Conversation]]

WRITING = {
    "reply": DraftKind.REPLY,
    "reply_all": DraftKind.REPLY_ALL,
    "forward": DraftKind.FORWARD,
}


class Listeners:
    """Registers itself with a bolt app. `senders` are the mailboxes' own addresses, as mail leaves from them."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        gateway: Gateway,
        desk: Desk,
        answers: Answers,
        filing: Filing,
        originals: Originals,
        typed: Typed,
        senders: Mapping[MailboxName, Address],
    ) -> None:
        self._gateway = gateway
        self._desk = desk
        self._answers = answers
        self._filing = filing
        self._originals = originals
        self._typed = typed
        self._senders = senders
        self._menu: dict[str, Verb] = {
            "mark_read": functools.partial(filing.mark, mark=Mark.READ),
            "mark_unread": functools.partial(filing.mark, mark=Mark.UNREAD),
            "flag": functools.partial(filing.mark, mark=Mark.FLAGGED),
            "unflag": functools.partial(filing.mark, mark=Mark.UNFLAGGED),
            "restore": filing.restore,
            "archive": filing.archive,
            "spam": filing.spam,
        }
        app.action("reply")(self.reply)
        app.action("claim")(self.claim)
        app.action("close")(self.close)
        app.action("reopen")(self.reopen)
        app.action("more")(self.more)
        app.action("mail")(self.of_mail)
        app.action("show_mail")(self.show_mail)
        app.action("cancel_send")(self.cancel_send)
        app.action("send_now")(self.send_now)
        app.action("resend")(self.resend)
        app.action("mark_delivered")(self.mark_delivered)
        app.view("compose")(self.compose)
        app.view("confirm_delete")(self.confirm_delete)
        app.view("snooze")(self.snooze)
        app.command("/mail")(self.mail)
        app.shortcut("send_as_email")(self.send_as_email)
        app.shortcut("new_email")(self.new_email)

    # --- buttons on a card --------------------------------------------------------------------------------------------

    async def reply(self, ack: AsyncAck, body: Body) -> None:
        """Reply: the compose modal."""
        await ack()
        await self._write(body, DraftKind.REPLY, Number(int(_value(body))))

    async def claim(self, ack: AsyncAck, body: Body) -> None:
        """Claim."""
        await self._change(ack, body, self._desk.claim)

    async def close(self, ack: AsyncAck, body: Body) -> None:
        """Close."""
        await self._change(ack, body, self._desk.close)

    async def reopen(self, ack: AsyncAck, body: Body) -> None:
        """Reopen."""
        await self._change(ack, body, self._desk.reopen)

    async def more(self, ack: AsyncAck, body: Body) -> None:
        """The card's menus: `verb:number`."""
        verb, _, typed = _option(body).partition(":")
        number = Number(int(typed))
        if act := self._menu.get(verb):
            await self._change(ack, body, act, number)
            return
        await ack()
        if verb in WRITING:
            await self._write(body, WRITING[verb], number)
        elif verb == "delete":
            await self._ask_delete(body, number)
        elif verb == "snooze":
            await self._ask_snooze(body, number)
        else:
            await self._read(body, number, original=verb == "show_original")

    async def of_mail(self, ack: AsyncAck, body: Body) -> None:
        """The menu of one mail in the thread: `verb:number:mail`."""
        await ack()
        verb, number, mail_id = _option(body).split(":")
        await self._read(body, Number(int(number)), mail_id=MailId(int(mail_id)), original=verb == "show_original")

    async def show_mail(self, ack: AsyncAck, body: Body) -> None:
        """The full text of one mail."""
        await ack()
        number, _, mail_id = _value(body).partition(":")
        await self._read(body, Number(int(number)), mail_id=MailId(int(mail_id)))

    async def _change(self, ack: AsyncAck, body: Body, verb: Verb, number: Number | None = None) -> None:
        try:
            await verb(number or Number(int(_value(body))), user=_user(body))
        except BridgeError as error:
            await ack()
            await self._tell(body, str(error))
        else:
            await ack()

    # --- delete and snooze --------------------------------------------------------------------------------------------

    async def _ask_delete(self, body: Body, number: Number) -> None:
        async def view() -> View:
            conversation, messages = await self._desk.messages(number, user=_user(body))
            inbound = [one for one in messages if one.direction is Direction.IN]
            return modals.confirm_delete(conversation, mails=len(inbound))

        await self._open(body, "Delete", view)

    async def _ask_snooze(self, body: Body, number: Number) -> None:
        async def view() -> View:
            return modals.snooze(await self._desk.conversation(number, user=_user(body)))

        await self._open(body, "Snooze", view)

    async def confirm_delete(self, ack: AsyncAck, body: Body) -> None:
        """Yes, to the trash."""
        try:
            await self._filing.delete(modals.carried_number(body["view"]), user=_user(body))
        except BridgeError as error:
            await ack(response_action="update", view=modals.notice("Delete", str(error)))
        else:
            await ack()

    async def snooze(self, ack: AsyncAck, body: Body) -> None:
        """Until then."""
        try:
            typed = modals.typed_until(body["view"])
            await self._typed.snooze(modals.carried_number(body["view"]), typed, user=_user(body))
        except BridgeError as error:
            await ack(response_action="errors", errors={"until": str(error)})
        else:
            await ack()

    # --- writing ------------------------------------------------------------------------------------------------------

    async def _write(self, body: Body, kind: DraftKind, number: Number) -> None:
        async def view() -> View:
            return modals.compose(await self._answers.form(kind, number, user=_user(body)))

        await self._open(body, modals.TITLES[kind], view)

    async def _write_new(self, body: Body, *, to: str = "", rich_text: dict[str, Any] | None = None) -> None:
        async def view() -> View:
            channel = ChannelId(body.get("channel_id") or (body.get("channel") or {}).get("id") or "")
            form = await self._answers.blank_form(channel, user=_user(body), to=to, rich_text=rich_text)
            return modals.compose(form)

        await self._open(body, modals.TITLES[DraftKind.NEW], view)

    async def compose(self, ack: AsyncAck, body: Body) -> None:
        """Send was pressed: the Draft is committed, then the view shows what leaves and to whom."""
        try:
            draft = await self._answers.submit(modals.submission(body["view"]), user=_user(body))
        except Invalid as wrong:
            await ack(response_action="errors", errors=wrong.fields)
        except BridgeError as error:
            await ack(response_action="errors", errors={"body": f"{error} Nothing was sent."})
        else:
            await ack(response_action="update", view=self._leaving(draft))
            await self._answers.seen(draft)

    async def cancel_send(self, ack: AsyncAck, body: Body) -> None:
        """Undo: nothing leaves, and the modal is there again with everything kept."""
        view_id = (body.get("view") or {}).get("id", "")
        try:
            form = await self._answers.cancel(DraftId(_value(body)), user=_user(body), view_id=view_id)
        except BridgeError as error:
            await ack()
            await self._tell(body, str(error))
            return
        await ack()
        if view_id:
            await self._draw(view_id, modals.compose(form))
            return
        try:
            await self._gateway.open_view(body["trigger_id"], modals.compose(form))
        except BridgeError as error:
            await self._tell(body, f"It is undone and nothing was sent. {error}")

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
        try:
            draft = await verb(DraftId(_value(body)), user=_user(body))
        except BridgeError as error:
            await ack()
            await self._tell(body, str(error))
            return
        await ack()
        if "view" in body:
            await self._draw(body["view"]["id"], self._leaving(draft))

    def _leaving(self, draft: Draft) -> View:
        words = richtext.lines(draft.rich_text)
        return modals.leaving(draft, sender=self._senders[draft.mailbox], words=words)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, body: Body, number: Number, *, mail_id: MailId | None = None, original: bool = False) -> None:
        async def view() -> View:
            conversation, messages = await self._desk.messages(number, user=_user(body))
            stored = reading.chosen(messages, mail_id)
            if original:
                return reading.original(conversation, await self._originals.of(stored))
            return reading.full(conversation, stored)

        await self._open(body, f"#{number}", view)

    # --- /mail and the shortcuts --------------------------------------------------------------------------------------

    async def mail(self, ack: AsyncAck, body: Body) -> None:
        """`/mail`, with its verbs."""
        try:
            command = parse_command(body.get("text") or "")
            if opens := self._opens(body, command):
                await ack()
                await opens()
            else:
                await ack(**await self._typed.say(command, user=_user(body)))
        except BridgeError as error:
            await ack(response_type="ephemeral", text=str(error))

    def _opens(self, body: Body, command: Command) -> Callable[[], Awaitable[None]] | None:
        """What a command opens; None where it is answered in words."""
        number = command.number
        match command.verb:
            case "new":
                return lambda: self._write_new(body, to=command.rest)
            case "show":
                original = command.original
                return lambda: self._read(body, number, original=original)
            case "delete":
                return lambda: self._ask_delete(body, number)
            case "snooze" if not command.rest:
                return lambda: self._ask_snooze(body, number)
            case verb if verb in WRITING:
                return lambda: self._write(body, WRITING[verb], number)
        return None

    async def send_as_email(self, ack: AsyncAck, body: Body) -> None:
        """The message shortcut: a person's words in a thread become an answer, once they submit the modal."""
        await ack()
        said = body["message"]
        rich_text = next((one for one in said.get("blocks") or () if one["type"] == "rich_text"), None)
        if rich_text is None and not said.get("bot_id"):  # what the bridge itself posted is nobody's answer
            rich_text = richtext.from_text(said.get("text") or "")
        channel = ChannelId(body["channel"]["id"])
        thread = Ts(said.get("thread_ts") or said["ts"])

        async def view() -> View:
            conversation = await self._desk.of_thread(channel, thread)
            if conversation is None:
                return modals.compose(await self._answers.blank_form(channel, user=_user(body), rich_text=rich_text))
            form = await self._answers.form(DraftKind.REPLY, conversation.number, user=_user(body))
            return modals.compose(form.with_words(rich_text) if rich_text else form)

        await self._open(body, modals.TITLES[DraftKind.REPLY], view)

    async def new_email(self, ack: AsyncAck, body: Body) -> None:
        """The global shortcut: a new mail."""
        await ack()
        await self._write_new(body)

    # --- answering the person -----------------------------------------------------------------------------------------

    async def _open(self, body: Body, title: str, make: Callable[[], Awaitable[View]]) -> None:
        """Open a view at once and fill it when it is ready; a refusal is shown where the view would be."""
        try:
            view_id = await self._gateway.open_view(body["trigger_id"], modals.loading(title))
        except BridgeError as error:
            await self._tell(body, str(error))
            return
        try:
            view = await make()
        except BridgeError as error:
            view = modals.notice(title, str(error))
        await self._draw(view_id, view)

    async def _tell(self, body: Body, sentence: str) -> None:
        """Tell the person who asked, and nobody else."""
        if "view" in body:
            await self._draw(body["view"]["id"], modals.notice("Mail", sentence))
            return
        channel = body.get("channel_id") or (body.get("channel") or {}).get("id")
        if not channel:
            return
        try:
            await self._gateway.ephemeral(ChannelId(channel), _user(body), text=sentence, thread_ts=_thread(body))
        except BridgeError as error:  # they have left the channel, or it is archived: there is nowhere to tell them
            log.warning("a person could not be told", sentence=sentence, reason=str(error))

    async def _draw(self, view_id: str, view: View) -> None:
        """Show this in an open window; one that was closed meanwhile, or shows something newer, is no loss."""
        try:
            await self._gateway.update_view(view_id, view)
        except (Gone, Refused) as error:
            log.debug("a window was not updated", reason=str(error))


def _user(body: Body) -> UserId:
    return UserId(body.get("user_id") or body["user"]["id"])


def _option(body: Body) -> str:
    return str(body["actions"][0]["selected_option"]["value"])


def _value(body: Body) -> str:
    return str(body["actions"][0]["value"])


def _thread(body: Body) -> Ts | None:
    """The thread in which a person pressed; None on a card, whose own thread need not be open."""
    message = body.get("message") or {}
    thread = message.get("thread_ts")
    return Ts(thread) if thread and thread != message["ts"] else None
