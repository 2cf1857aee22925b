"""What Slack says, each thing to one verb of the desk.

The order is always the same: what a click changes is committed before it is acknowledged; what only opens something is
acknowledged at once, since a trigger lives three seconds, and filled when it is ready. Every refusal is a sentence,
told to nobody but the person who asked.
"""

import functools
from collections.abc import Awaitable, Callable

import structlog
from slack_bolt.async_app import AsyncAck

from bridge.desk import Desk
from bridge.errors import BridgeError
from bridge.filing import Filing
from bridge.model import (
    ChannelId,
    Conversation,
    Direction,
    DraftId,
    DraftKind,
    MailId,
    Mark,
    Number,
)
from bridge.moving import Moving
from bridge.originals import Originals
from bridge.regroup import Regroup
from bridge.sentences import say
from bridge.slack import labels, modals, parting, reading
from bridge.slack.acting import Acting, Listener
from bridge.slack.commands import Command, parse_command
from bridge.slack.composer import Composer
from bridge.slack.typed import Typed
from bridge.slack.unreadable import number_in
from bridge.slack.windows import Body, View, Windows, number_of, option_of, parts_of, user_of, value_of

log = structlog.get_logger()

Verb = Callable[..., Awaitable[Conversation]]

WRITING = {
    "reply": DraftKind.REPLY,
    "reply_all": DraftKind.REPLY_ALL,
    "forward": DraftKind.FORWARD,
}


class Listeners:
    """Registers itself with a bolt app."""

    def __init__(
        self,
        app: Acting,
        *,
        windows: Windows,
        desk: Desk,
        composer: Composer,
        filing: Filing,
        originals: Originals,
        typed: Typed,
        regroup: Regroup,
        moving: Moving,
    ) -> None:
        self._windows = windows
        self._desk = desk
        self._composer = composer
        self._filing = filing
        self._originals = originals
        self._typed = typed
        self._regroup = regroup
        self._moving = moving
        self._menu: dict[str, Verb] = {
            "mark_read": functools.partial(filing.mark, mark=Mark.READ),
            "mark_unread": functools.partial(filing.mark, mark=Mark.UNREAD),
            "flag": functools.partial(filing.mark, mark=Mark.FLAGGED),
            "unflag": functools.partial(filing.mark, mark=Mark.UNFLAGGED),
            "restore": filing.restore,
            "archive": filing.archive,
            "spam": filing.spam,
        }
        app.action("new_mail")(composer.new_email)
        app.action("reply")(self._here(self.reply))
        app.action("claim")(self._here(self.claim))
        app.action("release")(self._here(self.release))
        app.action("close")(self._here(self.close))
        app.action("reopen")(self._here(self.reopen))
        app.action("snooze")(self._here(self.ask_snooze))
        app.action("more")(self._here(self.more))
        app.action("mail")(self.of_mail)
        app.action("show_mail")(self.show_mail)
        app.view("confirm_delete")(self.confirm_delete)
        app.view("snooze")(self.snooze)
        app.view("split")(self.split)
        app.view("move")(self.move)
        app.view("labels")(self.labels)
        app.command("/mail")(self.mail)

    def _here(self, listener: Listener) -> Listener:
        """What is pressed on a card, or on what was said beside it, is done there; where the conversation has moved to
        another channel since, whoever pressed is told where to.
        """

        async def pressed(ack: AsyncAck, body: Body) -> None:
            if channel := (body.get("channel") or {}).get("id"):  # on Home there is none
                pressed = body["actions"][0]
                value = option_of(body).rpartition(":")[2] if "selected_option" in pressed else value_of(body)
                if sentence := await self._moving.gone_from(ChannelId(channel), Number(number_in(value))):
                    await ack()
                    await self._windows.tell(body, sentence)
                    return
            await listener(ack, body)

        return pressed

    # --- buttons on a card --------------------------------------------------------------------------------------------

    async def reply(self, ack: AsyncAck, body: Body) -> None:
        """Reply: the compose modal."""
        await ack()
        await self._composer.write(body, DraftKind.REPLY, Number(number_of(body)))

    async def claim(self, ack: AsyncAck, body: Body) -> None:
        """Claim, or take over: who had it is said."""
        number, user = Number(number_of(body)), user_of(body)
        try:
            before = await self._desk.conversation(number, user=user)
            await self._desk.claim(number, user=user)
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
            return
        await ack()
        if before.owner:
            await self._windows.tell(body, reading.claimed(before, user=user))

    async def release(self, ack: AsyncAck, body: Body) -> None:
        """Release."""
        await self._change(ack, body, self._desk.release)

    async def close(self, ack: AsyncAck, body: Body) -> None:
        """Close."""
        await self._change(ack, body, self._desk.close)

    async def reopen(self, ack: AsyncAck, body: Body) -> None:
        """Reopen."""
        await self._change(ack, body, self._desk.reopen)

    async def ask_snooze(self, ack: AsyncAck, body: Body) -> None:
        """Snooze, of a nudge: until when is asked."""
        await ack()
        await self._ask_snooze(body, Number(number_of(body)))

    async def more(self, ack: AsyncAck, body: Body) -> None:
        """The card's menus: `verb:number`."""
        verb, _, typed = option_of(body).partition(":")
        number = Number(number_in(typed))
        if act := self._menu.get(verb):
            await self._change(ack, body, act, number)
            return
        await ack()
        if verb in WRITING:
            await self._composer.write(body, WRITING[verb], number)
        elif verb == "delete":
            await self._ask_delete(body, number)
        elif verb == "snooze":
            await self._ask_snooze(body, number)
        else:
            await self._read(body, number, original=verb == "show_original")

    async def of_mail(self, ack: AsyncAck, body: Body) -> None:
        """The menu of one mail in the thread: `verb:number:mail`; of one that was sent, with its draft's id."""
        await ack()
        verb, typed, which = parts_of(option_of(body), count=3)
        number = Number(number_in(typed))
        if verb == "split":
            await self._ask_split(body, number, chosen=MailId(number_in(which)))
        elif verb == "move":
            await self._ask_move(body, number)
        elif verb == "labels":
            await self._ask_labels(body, number)
        elif verb == "show_sent":
            await self._read_sent(body, number, DraftId(which))
        else:
            await self._read(body, number, mail_id=MailId(number_in(which)), original=verb == "show_original")

    async def show_mail(self, ack: AsyncAck, body: Body) -> None:
        """The full text of one mail."""
        await ack()
        number, _, mail_id = value_of(body).partition(":")
        await self._read(body, Number(number_in(number)), mail_id=MailId(number_in(mail_id)))

    async def _change(self, ack: AsyncAck, body: Body, verb: Verb, number: Number | None = None) -> None:
        try:
            await verb(number or Number(number_of(body)), user=user_of(body))
        except BridgeError as error:
            await ack()
            await self._windows.tell(body, str(error))
        else:
            await ack()

    # --- delete, snooze, split and move -------------------------------------------------------------------------------

    async def _ask_delete(self, body: Body, number: Number) -> None:
        async def view() -> View:
            conversation, messages = await self._desk.messages(number, user=user_of(body))
            inbound = [one for one in messages if one.direction is Direction.IN]
            return modals.confirm_delete(conversation, mails=len(inbound))

        await self._windows.open(body, say("Delete"), view)

    async def _ask_snooze(self, body: Body, number: Number) -> None:
        async def view() -> View:
            return modals.snooze(await self._desk.conversation(number, user=user_of(body)))

        await self._windows.open(body, say("Snooze"), view)

    async def _ask_move(self, body: Body, number: Number) -> None:
        async def view() -> View:
            return modals.move(await self._desk.conversation(number, user=user_of(body)))

        await self._windows.open(body, say("Move"), view)

    async def move(self, ack: AsyncAck, body: Body) -> None:
        """To that channel."""
        try:
            number, channel = modals.carried_number(body["view"]), modals.chosen_channel(body["view"])
            found = await self._moving.move(number, channel, user=user_of(body))
        except BridgeError as error:
            await ack(response_action="push", view=modals.notice(say("Move"), str(error)))  # an error names no channel
        else:
            await ack(response_action="update", view=modals.notice(say("Move"), reading.moved(found)))

    async def _ask_labels(self, body: Body, number: Number) -> None:
        async def view() -> View:
            return labels.window(*await self._desk.log(number, user=user_of(body), limit=labels.SHOWN))

        await self._windows.open(body, say("Sort"), view)

    async def labels(self, ack: AsyncAck, body: Body) -> None:
        """What was changed in that window, one verb after the other: each says what it says when it is typed."""
        told: list[str] = []
        try:
            for command in labels.changes(body["view"]):
                said = await self._typed.say(command, user=user_of(body))
                told.append(said["text"])
        except BridgeError as error:
            view = modals.notice(say("Sort"), "\n".join([*told, str(error)]))
            await ack(response_action="push", view=view)  # what was typed stays beneath
        else:
            view = modals.notice(say("Sort"), "\n".join(told) or say("Nothing changed."))
            await ack(response_action="update", view=view)

    async def _ask_split(self, body: Body, number: Number, *, chosen: MailId | None = None) -> None:
        async def view() -> View:
            return parting.split(*await self._desk.messages(number, user=user_of(body)), chosen=chosen)

        await self._windows.open(body, say("Split"), view)

    async def split(self, ack: AsyncAck, body: Body) -> None:
        """From that mail on."""
        try:
            number = modals.carried_number(body["view"])
            new = await self._regroup.split(number, parting.asked_split(body["view"]), user=user_of(body))
        except BridgeError as error:
            await ack(response_action="errors", errors={"mail": str(error)})
        else:
            sentence = say("It goes on as *#{number}*, with a card of its own.", number=new.number)
            await ack(response_action="update", view=modals.notice(say("Split"), sentence))

    async def confirm_delete(self, ack: AsyncAck, body: Body) -> None:
        """Yes, to the trash."""
        try:
            await self._filing.delete(modals.carried_number(body["view"]), user=user_of(body))
        except BridgeError as error:
            await ack(response_action="update", view=modals.notice(say("Delete"), str(error)))
        else:
            await ack()

    async def snooze(self, ack: AsyncAck, body: Body) -> None:
        """Until then."""
        try:
            typed = modals.typed_until(body["view"])
            await self._typed.snooze(modals.carried_number(body["view"]), typed, user=user_of(body))
        except BridgeError as error:
            await ack(response_action="errors", errors={"until": str(error)})
        else:
            await ack()

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, body: Body, number: Number, *, mail_id: MailId | None = None, original: bool = False) -> None:
        async def view() -> View:
            conversation, messages = await self._desk.messages(number, user=user_of(body))
            stored = reading.chosen(messages, mail_id)
            if original:
                raw = await self._originals.of(stored)
                return reading.original(conversation, raw, way=stored.direction)
            return reading.full(conversation, stored)

        await self._windows.open(body, f"#{number}", view)

    async def _read_sent(self, body: Body, number: Number, draft_id: DraftId) -> None:
        async def view() -> View:
            conversation = await self._desk.conversation(number, user=user_of(body))
            raw = await self._originals.sent(number, draft_id)
            return reading.original(conversation, raw, way=Direction.OUT)

        await self._windows.open(body, f"#{number}", view)

    # --- /mail and the shortcuts --------------------------------------------------------------------------------------

    async def mail(self, ack: AsyncAck, body: Body) -> None:
        """`/mail`, with its verbs."""
        try:
            command = parse_command(body.get("text") or "")
            if opens := self._opens(body, command):
                await ack()
                await opens()
            else:
                await ack(**await self._typed.say(command, user=user_of(body)))
        except BridgeError as error:
            await ack(response_type="ephemeral", text=str(error))

    def _opens(self, body: Body, command: Command) -> Callable[[], Awaitable[None]] | None:
        """What a command opens; None where it is answered in words."""
        number = command.number
        match command.verb:
            case "new":
                return lambda: self._composer.write_new(body, to=command.rest)
            case "show":
                original = command.original
                return lambda: self._read(body, number, original=original)
            case "delete" | "split" as verb:
                ask = self._ask_delete if verb == "delete" else self._ask_split
                return lambda: ask(body, number)
            case "snooze" | "move" as verb if not command.rest:
                ask_for = self._ask_snooze if verb == "snooze" else self._ask_move
                return lambda: ask_for(body, number)
            case verb if verb in WRITING:
                return lambda: self._composer.write(body, WRITING[verb], number)
        return None
