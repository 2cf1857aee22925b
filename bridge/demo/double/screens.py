"""The views on people's screens: stacks of modals, home tabs, and the trigger ids that let an app open them.

State only. The rules are Slack's: a trigger opens one view within three seconds, a stack holds three modals, what a
person entered stays through an update where block_id and action_id stay, `hash` changes with every update.
"""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from bridge.demo.double.inputs import first_value, holding
from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.stored import Json

STACK_MOST = 3  # modals on top of one another
_FLAGS = ("clear_on_close", "notify_on_close", "submit_disabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A permit to open one view for one person; `view` is the modal in which it was made, if it was made in one."""

    user: str
    made: float
    view: str = ""
    used: bool = False


class Screens:
    """Every person's modals and home tab."""

    def __init__(self, *, announce: Callable[[Json], None], clock: Callable[[], float], common: dict[str, str]) -> None:
        self._announce, self._clock, self._common = announce, clock, common
        self.trigger_seconds = 3.0
        self._triggers: dict[str, Trigger] = {}
        self._stacks: dict[str, list[Json]] = {}
        self._homes: dict[str, Json] = {}
        self._count = itertools.count(1)

    # --- reading ----------------------------------------------------------------------------------------------------

    def top(self, user: str) -> Json | None:
        """The modal that the person sees; None if none is open."""
        stack = self._stacks.get(user)
        return stack[-1] if stack else None

    def stack(self, user: str) -> list[Json]:
        """The person's modals, the lowest first."""
        return list(self._stacks.get(user, []))

    def home(self, user: str) -> Json | None:
        """The person's home tab as last published; None before the first time."""
        return self._homes.get(user)

    # --- triggers ---------------------------------------------------------------------------------------------------

    def trigger(self, user: str, *, view: str = "") -> str:
        """Make a trigger id for what this person just did, in this modal if in one."""
        name = f"{next(self._count)}.{int(self._clock() * 1000)}.{secrets.token_hex(16)}"
        self._triggers[name] = Trigger(user=user, made=self._clock(), view=view)
        return name

    def exchange(self, name: str) -> Trigger:
        """Use a trigger id up. Raises SlackRefusal with Slack's code where it cannot be used."""
        trigger = self._triggers.get(name)
        if trigger is None:
            raise SlackRefusal("invalid_trigger_id")
        if trigger.used:
            raise SlackRefusal("exchanged_trigger_id")
        if self._clock() - trigger.made > self.trigger_seconds:
            raise SlackRefusal("expired_trigger_id")
        self._triggers[name] = replace(trigger, used=True)
        return trigger

    # --- changing ---------------------------------------------------------------------------------------------------

    def open(self, user: str, definition: Json) -> Json:
        """Show a modal in the place of whatever modals the person has."""
        self.clear(user)
        return self._put(user, definition)

    def push(self, user: str, definition: Json) -> Json:
        """Show a modal on top of the person's others."""
        stack = self._stacks.get(user, [])
        if not stack:
            raise SlackRefusal("not_found")
        if len(stack) >= STACK_MOST:
            raise SlackRefusal("push_limit_reached")
        return self._put(user, definition)

    def update(self, definition: Json, *, view_id: str = "", external_id: str = "", expected: str = "") -> Json:
        """Change a view that somebody sees; `expected` is the hash it must still have."""
        user, stack, position = self._find(view_id, external_id)
        before = stack[position]
        if expected and before["hash"] != expected:
            raise SlackRefusal("hash_conflict")
        if before["type"] != definition["type"]:
            raise SlackRefusal("not_found")
        self._check_external(definition, allowed=before["id"])
        fixed = {key: before[key] for key in ("id", "root_view_id", "previous_view_id")}
        view = {**self._view(definition), **fixed}
        view["state"] = {"values": _state(view["blocks"], before["state"]["values"])}
        self._replace(user, stack, position, view)
        return view

    def publish(self, user: str, definition: Json, *, expected: str = "") -> Json:
        """Show a home tab."""
        before = self._homes.get(user)
        if before and expected and before["hash"] != expected:
            raise SlackRefusal("hash_conflict")
        self._check_external(definition, allowed=before["id"] if before else "")
        view = self._view(definition)
        if before:
            view = {**view, "id": before["id"], "root_view_id": before["id"]}
            view["state"] = {"values": _state(view["blocks"], before["state"]["values"])}
        self._homes[user] = view
        self._announce({"type": "home", "user": user, "view": view})
        return view

    def hold(self, user: str, block_id: str, action_id: str, held: Json) -> None:
        """Keep what the person entered in the modal on top, else in their home tab; the hash stays."""
        stack = self._stacks.get(user) or []
        view = stack[-1] if stack else self._homes[user]
        values = view["state"]["values"]
        values = {**values, block_id: {**values.get(block_id, {}), action_id: held}}
        view = {**view, "state": {"values": values}}
        if stack:
            stack[-1] = view
        else:
            self._homes[user] = view

    def close(self, user: str) -> Json | None:
        """Take the modal on top away and answer it."""
        stack = self._stacks.get(user)
        if not stack:
            return None
        view = stack.pop()
        self._announce({"type": "view_closed", "user": user, "view": view})
        return view

    def clear(self, user: str) -> None:
        """Take all of the person's modals away."""
        while self.close(user):
            pass

    def _put(self, user: str, definition: Json) -> Json:
        self._check_external(definition)
        stack = self._stacks.setdefault(user, [])
        view = self._view(definition)
        if stack:
            view = {**view, "root_view_id": stack[0]["id"], "previous_view_id": stack[-1]["id"]}
        stack.append(view)
        self._announce({"type": "view_opened", "user": user, "view": view})
        return view

    def _view(self, definition: Json) -> Json:
        """Slack's view object: what the app gave, what it left out, and names for blocks and elements without one."""
        blocks = name_blocks(definition["blocks"])
        view_id = f"V0{next(self._count):08X}"
        return {
            **self._common,
            "id": view_id,
            "type": definition["type"],
            **{key: definition.get(key) for key in ("title", "submit", "close")},
            **{key: definition.get(key, "") for key in ("private_metadata", "callback_id", "external_id")},
            **{key: definition.get(key, False) for key in _FLAGS},
            "blocks": blocks,
            "state": {"values": _state(blocks, {})},
            "hash": f"{int(self._clock())}.{secrets.token_hex(4)}",
            "root_view_id": view_id,
            "previous_view_id": None,
        }

    def _find(self, view_id: str, external_id: str) -> tuple[str, list[Json], int]:
        for user, stack in self._stacks.items():
            for position, view in enumerate(stack):
                if view["id"] == view_id or (external_id and view["external_id"] == external_id):
                    return user, stack, position
        for user, home in self._homes.items():
            if home["id"] == view_id or (external_id and home["external_id"] == external_id):
                return user, [home], 0
        raise SlackRefusal("not_found")

    def _replace(self, user: str, stack: list[Json], position: int, view: Json) -> None:
        stack[position] = view
        if view["type"] == "home":
            self._homes[user] = view
        kind = "home" if view["type"] == "home" else "view_updated"
        self._announce({"type": kind, "user": user, "view": view})

    def _check_external(self, definition: Json, *, allowed: str = "") -> None:
        name = definition.get("external_id")
        if not name:
            return
        seen = [view for stack in self._stacks.values() for view in stack] + list(self._homes.values())
        if any(view["external_id"] == name and view["id"] != allowed for view in seen):
            raise SlackRefusal("duplicate_external_id")


def name_blocks(blocks: list[Json]) -> list[Json]:
    """Give a block_id to every block and an action_id to every element that came without, as Slack does."""
    named = []
    for given in blocks:
        block = {"block_id": secrets.token_urlsafe(4), **given}
        for part in ("accessory", "element"):
            if isinstance(block.get(part), dict):
                block[part] = _named(block[part])
        if block["type"] == "actions":
            block["elements"] = [_named(element) for element in block["elements"]]
        named.append(block)
    return named


def _named(element: Json) -> Json:
    return element if element["type"] == "image" else {"action_id": secrets.token_urlsafe(4), **element}


def _state(blocks: list[Json], before: dict[str, Json]) -> dict[str, Json]:
    """`state.values` of these blocks: first values, and what was entered where the names are still the same."""
    values: dict[str, Json] = {}
    for block, element in holding(blocks):
        name = element["action_id"]
        held = before.get(block["block_id"], {}).get(name)
        kept = held if held and held["type"] == element["type"] else first_value(element)
        values.setdefault(block["block_id"], {})[name] = kept
    return values
