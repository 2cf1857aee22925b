"""What a person does in Slack's client, and what the client lets them do.

Each act makes the payload that Slack would make, delivers it, and waits for the app under Slack's clock. What the
client does not offer raises `NotOffered` and reaches nobody; silence of the app raises `NoAck`; an answer that Slack
refuses raises `BadAck`.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from bridge.demo.double import payloads
from bridge.demo.double.blockkit import check_view, elements_of
from bridge.demo.double.delivery import Answer, Delivery
from bridge.demo.double.elements import options_of
from bridge.demo.double.events import Events
from bridge.demo.double.inputs import entered, holding, is_empty, option
from bridge.demo.double.markup import command_text, typed
from bridge.demo.double.methods import chat
from bridge.demo.double.refusals import BadAck, NotOffered, SlackRefusal
from bridge.demo.double.site import Arguments, ResponseUrl, Site
from bridge.demo.double.stored import Json

T = TypeVar("T")


class Person:
    """One person in the workspace, at their client."""

    def __init__(self, user_id: str, *, site: Site, delivery: Delivery, events: Events) -> None:
        if user_id not in site.workspace.users:
            raise KeyError(user_id)
        self.id = user_id
        self._site, self._delivery, self._events = site, delivery, events
        self._workspace = site.workspace

    # --- reading ----------------------------------------------------------------------------------------------------

    def view(self) -> Json | None:
        """The modal that this person sees; None if none is open."""
        return self._workspace.view_of(self.id)

    def home(self) -> Json | None:
        """The home tab of the app, as this person sees it; None before it was published."""
        return self._workspace.screens.home(self.id)

    def ephemerals(self, channel: str) -> list[Json]:
        """What only this person sees in the channel, oldest first."""
        return self._workspace.ephemerals(channel, self.id)

    async def sees(self, look: Callable[[], T], *, timeout: float = 5) -> T:  # noqa: ASYNC109 - the reader's patience
        """Wait until `look` answers something true, looking at every change; answer it. Raises TimeoutError."""
        changes = self._workspace.subscribe()
        try:
            async with asyncio.timeout(timeout):
                while not (seen := look()):
                    await changes.get()
                return seen
        finally:
            self._workspace.unsubscribe(changes)

    # --- messages ---------------------------------------------------------------------------------------------------

    async def say(self, channel: str, text: str, *, thread_ts: str | None = None, files: Sequence[Json] = ()) -> str:
        """Post a message, with file objects from `upload`; answers its ts. Mentions are tokens (`<@U123>`)."""
        self._must_be_in(channel)
        stored, block = typed(text)
        message: Json = {"user": self.id, "text": stored, "client_msg_id": self._workspace.new_id("m")}
        if text:
            message["blocks"] = chat.check_blocks([block])
        if thread_ts:
            chat.check_thread(self._site, channel, thread_ts)
            message["thread_ts"] = thread_ts
        if files:
            return str(self._workspace.share(channel, [file["id"] for file in files], message)["ts"])
        return str(self._workspace.post(channel, message)["ts"])

    async def edit(self, channel: str, ts: str, text: str) -> None:
        """Change one's own message."""
        before = self._own_message(channel, ts)
        stored, block = typed(text)
        edited = {"user": self.id, "ts": self._workspace.next_ts()}
        after = {**before, "text": stored, "blocks": chat.check_blocks([block]), "edited": edited}
        self._workspace.change(channel, ts, after)

    async def delete(self, channel: str, ts: str) -> None:
        """Delete one's own message."""
        self._own_message(channel, ts)
        self._workspace.delete(channel, ts)

    async def upload(self, name: str, content: bytes, *, external_url: str = "") -> Json:
        """Pick a file, for `say` or for a file input; `external_url` makes it one that another company keeps."""
        file = self._workspace.add_file(name, content, user=self.id, external_url=external_url)
        return self._workspace.describe(file)

    # --- the app's surfaces -----------------------------------------------------------------------------------------

    async def click(self, channel: str, ts: str, action_id: str, *, value: str | None = None) -> None:
        """Press a button on a message; `value` tells buttons with the same action_id apart."""
        message = self._message(channel, ts)
        block, element = _pick(message.get("blocks", []), action_id, value=value)
        if element["type"] != "button":
            raise NotOffered(f"{action_id} is no button.")
        await self._act_on(channel, message, payloads.action(self._site, block, element, {}))

    async def choose(self, channel: str, ts: str, action_id: str, value: Any) -> None:
        """Choose an option (by its value) of an overflow menu, or enter a value in a select, on a message."""
        message = self._message(channel, ts)
        block, element = _pick(message.get("blocks", []), action_id, value=value)
        await self._act_on(channel, message, payloads.action(self._site, block, element, _held(element, value)))

    async def command(self, channel: str, command: str, text: str = "") -> None:
        """Type a slash command; what the app answers at once appears as an ephemeral message."""
        self._must_be_in(channel)
        known = {entry["command"]: entry for entry in self._site.features("slash_commands") or []}
        if command not in known or "commands" not in self._site.scopes:
            raise NotOffered(f"{command} is not a valid command.")
        if known[command].get("should_escape"):
            users = {user["name"].lower(): user_id for user_id, user in self._workspace.users.items()}
            channels = {entry["name"]: entry["id"] for entry in self._workspace.channels.values() if entry["name"]}
            text = command_text(text, users=users, channels=channels)
        payload = payloads.command(self._site, self.id, channel, command, text.strip())
        answer = await self._delivery.interaction("slash_commands", payload, answerable=True)
        self._show_answer(channel, answer)

    async def global_shortcut(self, callback_id: str) -> None:
        """Pick a global shortcut."""
        self._must_offer(callback_id, "global")
        await self._interact(payloads.shortcut(self._site, self.id, callback_id))

    async def message_shortcut(self, callback_id: str, channel: str, ts: str) -> None:
        """Pick a shortcut on a message."""
        self._must_offer(callback_id, "message")
        message = self._message(channel, ts)
        if message.get("is_ephemeral"):
            raise NotOffered("Slack offers no shortcuts on ephemeral messages.")
        await self._interact(payloads.message_action(self._site, self.id, callback_id, channel, message))

    async def open_home(self) -> None:
        """Open the app's home tab."""
        if not (self._site.features("app_home") or {}).get("home_tab_enabled"):
            raise NotOffered("The app has no home tab.")
        self._events.home_opened(self.id)

    async def fill(self, values: dict[str, Any]) -> None:
        """Type into the modal on top, without sending it; `values` as in `submit`."""
        view = self.view()
        if view is None:
            raise NotOffered("No view is open.")
        inputs = {block["block_id"]: element for block, element in holding(view["blocks"])}
        for block_id, value in values.items():
            if block_id not in inputs:
                raise NotOffered(f"The view has no input {block_id}; it has {', '.join(inputs)}.")
            held = entered(inputs[block_id], value)
            for file in held.get("files", []):
                self._workspace.change_file(file["id"], for_app=True)
            self._workspace.screens.hold(self.id, block_id, inputs[block_id]["action_id"], held)

    async def click_view(self, action_id: str, *, value: Any = None, values: dict[str, Any] | None = None) -> None:
        """Press a button, or choose an option (by its value), in the modal on top, else on the home tab.

        `values` are typed into the modal before, as in `submit`.
        """
        if values:
            await self.fill(values)
        view = self.view() or self.home()
        if view is None:
            raise NotOffered("No view is open.")
        block, element = _pick(view["blocks"], action_id, value=value)
        if block["type"] == "input" and not block.get("dispatch_action"):
            raise NotOffered("Nobody hears of this input before the view is submitted.")
        held = {} if element["type"] == "button" else _held(element, value)
        if element["type"] not in {"button", "overflow"}:
            self._workspace.screens.hold(self.id, block["block_id"], action_id, {"type": element["type"], **held})
        current = self.view() or self.home() or view
        action = payloads.action(self._site, block, element, held)
        await self._interact(payloads.block_actions_in_view(self._site, self.id, current, [action]))

    async def submit(self, values: dict[str, Any] | None = None) -> Json | None:
        """Submit the modal on top. Answers what the app acknowledged with; None closed the modal.

        `values` by block_id: text, a rich_text object, a list of file objects, an option's value or a list of them, a
        user's or channel's id, a date. Inputs that are not named keep what they hold.
        """
        view = await self._filled(values or {})
        answer = await self._interact(payloads.view_submission(self._site, self.id, view))
        if not answer:
            self._workspace.screens.close(self.id)
            return None
        self._apply(answer, view)
        return dict(answer)

    async def close_view(self, values: dict[str, Any] | None = None) -> None:
        """Close the modal on top; the app hears of it if the view asked for that. `values` are typed into it before."""
        if values:
            await self.fill(values)
        view = self.view()
        if view is None:
            raise NotOffered("No view is open.")
        if view["clear_on_close"]:
            self._workspace.screens.clear(self.id)
        else:
            self._workspace.screens.close(self.id)
        if view["notify_on_close"]:
            told = payloads.view_closed(self._site, self.id, view, is_cleared=view["clear_on_close"])
            await self._interact(told)

    # --- within -----------------------------------------------------------------------------------------------------

    async def _act_on(self, channel: str, message: Json, action: Json) -> None:
        await self._interact(payloads.block_actions_on_message(self._site, self.id, channel, message, [action]))

    async def _interact(self, payload: Json) -> Answer:
        if not self._site.manifest.get("settings", {}).get("interactivity", {}).get("is_enabled"):
            raise NotOffered("The app is not set up for interactivity.")
        answerable = payload["type"] == "view_submission"
        return await self._delivery.interaction("interactive", payload, answerable=answerable)

    def _message(self, channel: str, ts: str) -> Json:
        """A message that this person can see."""
        entry = self._workspace.channels[channel]
        inside = self.id in self._workspace.members(channel)
        guest = self._workspace.users[self.id]["is_restricted"]
        if not inside and (entry["is_private"] or guest):
            raise NotOffered("This person does not see that channel.")
        mine = [message for message in self.ephemerals(channel) if message["ts"] == ts]
        message = mine[0] if mine else self._workspace.message(channel, ts)
        if message is None:
            raise NotOffered("There is no such message.")
        return message

    def _own_message(self, channel: str, ts: str) -> Json:
        message = self._message(channel, ts)
        if message.get("user") != self.id or message.get("bot_id"):
            raise NotOffered("Only one's own messages can be changed.")
        return message

    def _must_be_in(self, channel: str) -> None:
        entry = self._workspace.channels[channel]
        if self.id not in self._workspace.members(channel) or entry["is_archived"]:
            raise NotOffered("This person cannot write in that channel.")

    def _must_offer(self, callback_id: str, kind: str) -> None:
        offered = [(entry["callback_id"], entry["type"]) for entry in self._site.features("shortcuts") or []]
        if (callback_id, kind) not in offered or "commands" not in self._site.scopes:
            raise NotOffered(f"There is no {kind} shortcut {callback_id}.")

    def _show_answer(self, channel: str, answer: Answer) -> None:
        """Show what a command was acknowledged with."""
        told = {"text": answer} if isinstance(answer, str) else answer
        if not told:
            return
        url = ResponseUrl(channel=channel, user=self.id, made=self._workspace.clock())
        try:
            chat.answer(self._site, url, Arguments(told))
        except SlackRefusal as refusal:
            raise BadAck(f"{refusal.code}: {refusal.more}") from None

    async def _filled(self, values: dict[str, Any]) -> Json:
        """The view on top, holding these values too. Raises NotOffered for what the client does not send."""
        view = self.view()
        if view is None or view["submit"] is None:
            raise NotOffered("There is nothing to submit.")
        await self.fill(values)
        view = self.view() or view
        for block, element in holding(view["blocks"]):
            held = view["state"]["values"][block["block_id"]][element["action_id"]]
            if block["type"] == "input" and not block.get("optional") and is_empty(held):
                raise NotOffered(f"Please complete the required field {block['block_id']}.")
        return view

    def _apply(self, answer: Answer, view: Json) -> None:
        """Do what the app answered to a submission. Raises BadAck where Slack would refuse it."""
        action = answer.get("response_action") if isinstance(answer, dict) else None
        if action == "clear":
            self._workspace.screens.clear(self.id)
        elif action == "errors":
            _check_errors(answer.get("errors"), view)
        elif action in {"update", "push"}:
            self._show_view(action, answer.get("view"), view)
        else:
            raise BadAck(f"Slack knows no response_action {action!r}.")

    def _show_view(self, action: str, definition: Any, view: Json) -> None:
        found = check_view(definition)
        if found:
            raise BadAck("; ".join(found))
        try:
            if action == "push":
                self._workspace.screens.push(self.id, definition)
            else:
                self._workspace.screens.update(definition, view_id=view["id"])
        except SlackRefusal as refusal:
            raise BadAck(refusal.code) from None


def _check_errors(errors: Any, view: Json) -> None:
    """Slack shows errors beside input blocks only."""
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    if (
        not isinstance(errors, dict)
        or not errors
        or not all(isinstance(text, str) and text for text in errors.values())
    ):
        raise BadAck("`errors` must name a sentence for at least one input block.")
    unknown = set(errors) - inputs
    if unknown:
        raise BadAck(f"`errors` names what is no input block of the view: {', '.join(sorted(unknown))}.")


def _pick(blocks: list[Json], action_id: str, *, value: Any) -> tuple[Json, Json]:
    """The element with this action_id; among several, the one that has this value or offers it."""
    found = [(block, one) for block in blocks for one in elements_of(block) if one.get("action_id") == action_id]
    if len(found) > 1 or (found and value is not None and found[0][1]["type"] == "button"):
        found = [pair for pair in found if value in _values(pair[1])]
    if len(found) != 1:
        offered = sorted({one["action_id"] for block in blocks for one in elements_of(block)})
        raise NotOffered(f"{len(found)} elements {action_id} are shown; there are {', '.join(offered) or 'none'}.")
    return found[0]


def _values(element: Json) -> Iterator[Any]:
    yield element.get("value")
    for offered in options_of(element):
        yield offered["value"]


def _held(element: Json, value: Any) -> Json:
    if element["type"] == "overflow":
        return {"selected_option": option(element, value)}
    held = entered(element, value)
    return {key: what for key, what in held.items() if key != "type"}
