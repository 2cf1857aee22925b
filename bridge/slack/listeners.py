"""What Slack says, each thing to one verb of the desk.

The order is always the same: what a click changes is committed before it is acknowledged; what only opens something is
acknowledged at once, since a trigger lives three seconds, and filled when it is ready. Every refusal is a sentence,
told to nobody but the person who asked. What people say in channels and threads is internal: it is acknowledged, and
nothing else ever happens to it.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp

from bridge.answers import Answers, Invalid
from bridge.desk import Desk
from bridge.errors import BridgeError
from bridge.model import (
    Address,
    ChannelId,
    Conversation,
    Draft,
    DraftId,
    DraftKind,
    MailboxName,
    MailId,
    Number,
    Ts,
    UserId,
)
from bridge.slack import home, modals, reading, richtext
from bridge.slack.commands import Command, help_text, parse_command
from bridge.slack.gateway import Gateway

log = structlog.get_logger()

Body = Mapping[str, Any]
View = dict[str, Any]

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
        senders: Mapping[MailboxName, Address],
    ) -> None:
        self._gateway = gateway
        self._desk = desk
        self._answers = answers
        self._senders = senders
        app.action("reply")(self.reply)
        app.action("claim")(self.claim)
        app.action("close")(self.close)
        app.action("reopen")(self.reopen)
        app.action("more")(self.more)
        app.action("show_mail")(self.show_mail)
        app.action("cancel_send")(self.cancel_send)
        app.action("send_now")(self.send_now)
        app.action("resend")(self.resend)
        app.action("mark_delivered")(self.mark_delivered)
        app.view("compose")(self.compose)
        app.command("/mail")(self.mail)
        app.shortcut("send_as_email")(self.send_as_email)
        app.shortcut("new_email")(self.new_email)
        app.event("app_home_opened")(self.home)
        app.event("member_joined_channel")(self.channel_changed)
        app.event("member_left_channel")(self.channel_changed)
        app.event("channel_archive")(self.channel_changed)
        app.event("channel_rename")(self.channel_changed)
        app.event("channel_shared")(self.channel_changed)
        app.event("channel_unarchive")(self.channel_changed)
        app.event("channel_unshared")(self.channel_changed)
        app.event("group_archive")(self.channel_changed)
        app.event("group_rename")(self.channel_changed)
        app.event("group_unarchive")(self.channel_changed)
        app.event("user_change")(self.person_changed)
        app.event("tokens_revoked")(self.tokens_revoked)
        app.event("app_uninstalled")(self.uninstalled)
        app.event("message")(self.internal_talk)
        app.event(re.compile(".*"))(self.internal_talk)  # what nobody acknowledges comes again and again

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
        """The card's menu: `verb:number`."""
        await ack()
        verb, _, number = body["actions"][0]["selected_option"]["value"].partition(":")
        if verb in WRITING:
            await self._write(body, WRITING[verb], Number(int(number)))
        else:
            await self._read(body, Number(int(number)), original=verb == "show_original")

    async def show_mail(self, ack: AsyncAck, body: Body) -> None:
        """The full text of one mail."""
        await ack()
        number, _, mail_id = _value(body).partition(":")
        await self._read(body, Number(int(number)), mail_id=MailId(int(mail_id)))

    async def _change(self, ack: AsyncAck, body: Body, verb: Callable[..., Awaitable[Conversation]]) -> None:
        try:
            await verb(Number(int(_value(body))), user=_user(body))
        except BridgeError as error:
            await ack()
            await self._tell(body, str(error))
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
            await self._gateway.update_view(view_id, modals.compose(form))
        else:
            await self._gateway.open_view(body["trigger_id"], modals.compose(form))

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
            await self._gateway.update_view(body["view"]["id"], self._leaving(draft))

    def _leaving(self, draft: Draft) -> View:
        words = richtext.lines(draft.rich_text)
        return modals.leaving(draft, sender=self._senders[draft.mailbox], words=words)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, body: Body, number: Number, *, mail_id: MailId | None = None, original: bool = False) -> None:
        async def view() -> View:
            conversation, messages = await self._desk.messages(number, user=_user(body))
            stored = reading.chosen(messages, mail_id)
            if original:
                return reading.original(conversation, await self._desk.original(stored.id))
            return reading.full(conversation, stored)

        await self._open(body, f"#{number}", view)

    # --- /mail and the shortcuts --------------------------------------------------------------------------------------

    async def mail(self, ack: AsyncAck, body: Body) -> None:
        """`/mail`, with its verbs."""
        try:
            command = parse_command(body.get("text") or "")
            if command.verb in WRITING or command.verb in ("new", "show"):
                await ack()
                await self._open_for(body, command)
            else:
                await ack(**await self._say(command, user=_user(body)))
        except BridgeError as error:
            await ack(response_type="ephemeral", text=str(error))

    async def _open_for(self, body: Body, command: Command) -> None:
        if command.verb == "new":
            await self._write_new(body, to=command.rest)
        elif command.verb == "show":
            await self._read(body, command.number, original=command.rest.lower() == "original")
        else:
            await self._write(body, WRITING[command.verb], command.number)

    async def _say(self, command: Command, *, user: UserId) -> dict[str, Any]:
        """What a command's sender is told, and nobody else."""
        number = command.number
        match command.verb:
            case "inbox":
                said = reading.listing("Open conversations", await self._desk.inbox(user=user))
            case "search":
                found = await self._desk.search(command.words, user=user)
                said = reading.listing(f"Found for “{command.rest}”", found)
            case "read":
                _, messages = await self._desk.messages(number, user=user)
                said = reading.newest(messages)
            case "claim":
                await self._desk.claim(number, user=user)
                said = reading.sentence(f"#{number} is yours.")
            case "assign":
                await self._desk.assign(number, user=user, to=command.user)
                said = reading.sentence(f"#{number} is <@{command.user}>'s now.")
            case "close":
                await self._desk.close(number, user=user)
                said = reading.sentence(f"#{number} is closed.")
            case "reopen":
                await self._desk.reopen(number, user=user)
                said = reading.sentence(f"#{number} is open again.")
            case _:
                said = reading.sentence(help_text())
        return said

    async def send_as_email(self, ack: AsyncAck, body: Body) -> None:
        """The message shortcut: a person's words in a thread become an answer, once they submit the modal."""
        await ack()
        said = body["message"]
        rich_text = next((one for one in said.get("blocks") or () if one["type"] == "rich_text"), None)
        rich_text = rich_text or richtext.from_text(said.get("text") or "")
        channel = ChannelId(body["channel"]["id"])
        thread = Ts(said.get("thread_ts") or said["ts"])

        async def view() -> View:
            conversation = await self._desk.of_thread(channel, thread)
            if conversation is None:
                return modals.compose(await self._answers.blank_form(channel, user=_user(body), rich_text=rich_text))
            form = await self._answers.form(DraftKind.REPLY, conversation.number, user=_user(body))
            return modals.compose(form.with_words(rich_text))

        await self._open(body, modals.TITLES[DraftKind.REPLY], view)

    async def new_email(self, ack: AsyncAck, body: Body) -> None:
        """The global shortcut: a new mail."""
        await ack()
        await self._write_new(body)

    # --- events -------------------------------------------------------------------------------------------------------

    async def home(self, event: Body) -> None:
        """The app's Home: what is open, mine first."""
        user = UserId(event["user"])
        try:
            view = home.home(await self._desk.inbox(user=user, limit=40), user=user)
        except BridgeError as error:
            view = home.closed(str(error))
        await self._gateway.publish_home(user, view)

    async def channel_changed(self, event: Body) -> None:
        """Who is in a channel has changed, or whether it may be used: what was known of it is asked anew."""
        changed = event["channel"]  # a renamed one comes as an object
        self._gateway.forget_channel(ChannelId(changed["id"] if isinstance(changed, Mapping) else changed))

    async def person_changed(self, event: Body) -> None:
        """A person's name has changed, or they have become a guest, or left."""
        self._gateway.forget_member(UserId(event["user"]["id"]))

    async def tokens_revoked(self, event: Body) -> None:
        """Somebody took the bot's token away; a person's own tokens are none of ours."""
        if event["tokens"].get("bot"):
            self._gateway.revoked = True
            log.error("Slack has revoked the bot token: reinstall the app and put its new token into SLACK_BOT_TOKEN")

    async def uninstalled(self) -> None:
        """The app was removed from the workspace."""
        self._gateway.revoked = True
        log.error("The app was uninstalled: install it again and put its new token into SLACK_BOT_TOKEN")

    async def internal_talk(self) -> None:
        """What people say among themselves never leaves."""

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
        await self._gateway.update_view(view_id, view)

    async def _tell(self, body: Body, sentence: str) -> None:
        """Tell the person who asked, and nobody else."""
        if "view" in body:
            await self._gateway.update_view(body["view"]["id"], modals.notice("Mail", sentence))
            return
        channel = body.get("channel_id") or (body.get("channel") or {}).get("id")
        if channel:
            await self._gateway.ephemeral(ChannelId(channel), _user(body), text=sentence, thread_ts=_thread(body))


def _user(body: Body) -> UserId:
    return UserId(body.get("user_id") or body["user"]["id"])


def _value(body: Body) -> str:
    return str(body["actions"][0]["value"])


def _thread(body: Body) -> Ts | None:
    """The thread in which a person pressed; None on a card, whose own thread need not be open."""
    message = body.get("message") or {}
    thread = message.get("thread_ts")
    return Ts(thread) if thread and thread != message["ts"] else None
