"""The payloads of interactions and commands, in Slack's exact shapes. Pure, save that trigger ids are made here."""

from typing import Any

from bridge.demo.double.inputs import first_value, holding
from bridge.demo.double.site import Site
from bridge.demo.double.stored import Json

_BUTTON = ("text", "value", "style", "url", "confirm", "accessibility_label")
_CHOICE = ("placeholder", "confirm")


def common(site: Site, user: str, kind: str) -> Json:
    """What every interaction says: who, where, which app."""
    workspace = site.workspace
    person = workspace.users[user]
    name = person["name"]
    return {
        "type": kind,
        "user": {"id": user, "username": name, "name": name, "team_id": person["team_id"]},
        "api_app_id": workspace.app_id,
        "token": "demo-verification-token",
        "team": {"id": workspace.team_id, "domain": workspace.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def action(site: Site, block: Json, element: Json, held: Json) -> Json:
    """One entry of `actions`: the element, and what was chosen in it."""
    kept = _BUTTON if element["type"] == "button" else _CHOICE
    return {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        **{key: element[key] for key in kept if key in element},
        **held,
        "type": element["type"],
        "action_ts": site.workspace.next_ts(),
    }


def block_actions_on_message(site: Site, user: str, channel: str, message: Json, actions: list[Json]) -> Json:
    """A click or a choice on a message; an ephemeral one is not told back to the app."""
    ephemeral = bool(message.get("is_ephemeral"))
    thread_ts = message.get("thread_ts", "")
    container = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel,
        "is_ephemeral": ephemeral,
        **({"thread_ts": thread_ts} if thread_ts else {}),
    }
    values: dict[str, Json] = {}
    for block, element in holding(message.get("blocks", [])):
        values.setdefault(block["block_id"], {})[element["action_id"]] = first_value(element)
    for one in actions:
        if one["block_id"] in values and one["action_id"] in values[one["block_id"]]:
            held = {key: value for key, value in one.items() if key == "type" or key.startswith(("selected", "value"))}
            values[one["block_id"]][one["action_id"]] = held
    return {
        **common(site, user, "block_actions"),
        "container": container,
        "trigger_id": site.workspace.screens.trigger(user),
        "channel": {"id": channel, "name": site.workspace.channels[channel]["name"]},
        **({} if ephemeral else {"message": message}),
        "state": {"values": values},
        "response_url": site.response_url(
            channel=channel, user=user, message_ts=message["ts"], ephemeral=ephemeral, thread_ts=thread_ts
        ),
        "actions": actions,
    }


def block_actions_in_view(site: Site, user: str, view: Json, actions: list[Json]) -> Json:
    """A click or a choice in a modal or on a home tab."""
    modal = view["id"] if view["type"] == "modal" else ""
    return {
        **common(site, user, "block_actions"),
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": site.workspace.screens.trigger(user, view=modal),
        "view": view,
        "actions": actions,
    }


def view_submission(site: Site, user: str, view: Json) -> Json:
    """A modal that was submitted, with what its inputs hold."""
    trigger = site.workspace.screens.trigger(user, view=view["id"])
    return {**common(site, user, "view_submission"), "trigger_id": trigger, "view": view, "response_urls": []}


def view_closed(site: Site, user: str, view: Json, *, is_cleared: bool) -> Json:
    """A modal that was closed without being submitted."""
    return {**common(site, user, "view_closed"), "view": view, "is_cleared": is_cleared}


def shortcut(site: Site, user: str, callback_id: str) -> Json:
    """A global shortcut."""
    told = common(site, user, "shortcut")
    trigger = site.workspace.screens.trigger(user)
    return {**told, "callback_id": callback_id, "trigger_id": trigger, "action_ts": site.workspace.next_ts()}


def message_action(site: Site, user: str, callback_id: str, channel: str, message: Json) -> Json:
    """A message shortcut."""
    return {
        **common(site, user, "message_action"),
        "callback_id": callback_id,
        "trigger_id": site.workspace.screens.trigger(user),
        "action_ts": site.workspace.next_ts(),
        "message_ts": message["ts"],
        "message": message,
        "channel": {"id": channel, "name": site.workspace.channels[channel]["name"]},
        "response_url": site.response_url(channel=channel, user=user, message_ts=message["ts"]),
    }


def command(site: Site, user: str, channel: str, name: str, text: str) -> dict[str, Any]:
    """A slash command; its fields travel as a form in HTTP mode."""
    workspace = site.workspace
    entry = workspace.channels[channel]
    return {
        "token": "demo-verification-token",
        "team_id": workspace.team_id,
        "team_domain": workspace.domain,
        "channel_id": channel,
        "channel_name": "directmessage" if entry["is_im"] else entry["name"],
        "user_id": user,
        "user_name": workspace.users[user]["name"],
        "command": name,
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": site.response_url(channel=channel, user=user),
        "trigger_id": workspace.screens.trigger(user),
    }
