"""The manifest asks for what the code uses, no more and no less, and Slack takes it as it is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bridge.slack import manifest

PACKAGE = Path(manifest.__file__).parents[1]
LISTENERS = [
    PACKAGE / "slack" / name
    for name in (
        "administering.py",
        "aside.py",
        "composer.py",
        "events.py",
        "homes.py",
        "listeners.py",
        "releasing.py",
        "rulings.py",
    )
]

CHANNELS_READ = {"channels:read", "groups:read"}  # a mail channel is public or private
CHANNELS_HISTORY = {"channels:history", "groups:history"}
NEEDS: dict[str, set[str]] = {
    # https://docs.slack.dev/reference/methods; an empty set needs no scope of the bot's.
    "apps.connections.open": set(),
    "auth.test": set(),
    "chat.delete": {"chat:write"},
    "chat.getPermalink": set(),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": CHANNELS_HISTORY,
    "conversations.info": CHANNELS_READ,
    "conversations.join": {"channels:join"},
    "conversations.list": CHANNELS_READ,
    "conversations.members": CHANNELS_READ,
    "conversations.open": {"im:write"},
    "conversations.replies": CHANNELS_HISTORY,
    "files.completeUploadExternal": {"files:write"},
    "files.delete": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "files.info": {"files:read"},
    "team.info": {"team:read"},
    "users.info": {"users:read"},
    "users.list": {"users:read"},
    "users.lookupByEmail": {"users:read.email"},
    "views.open": set(),
    "views.publish": set(),
    "views.push": set(),
    "views.update": set(),
}
EVENT_NEEDS: dict[str, set[str]] = {
    "app_home_opened": set(),
    "app_uninstalled": set(),
    "channel_archive": {"channels:read"},
    "channel_deleted": {"channels:read"},
    "channel_left": {"channels:read"},
    "channel_rename": {"channels:read"},
    "channel_shared": CHANNELS_READ,
    "channel_unarchive": {"channels:read"},
    "channel_unshared": CHANNELS_READ,
    "group_archive": {"groups:read"},
    "group_deleted": {"groups:read"},
    "group_left": {"groups:read"},
    "group_rename": {"groups:read"},
    "group_unarchive": {"groups:read"},
    "member_joined_channel": CHANNELS_READ,
    "member_left_channel": CHANNELS_READ,
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "reaction_added": {"reactions:read"},
    "tokens_revoked": set(),
    "user_change": {"users:read"},
}
ALWAYS = {
    "commands": "the slash command and the shortcuts",
    "files:read": "what an agent attaches is fetched from its url_private",
    "metadata.message:read": "the key of a message of ours is read back after a crash",
}

made = manifest.load()
scopes: set[str] = set(made["oauth_config"]["scopes"]["bot"])
subscribed: set[str] = set(made["settings"]["event_subscriptions"]["bot_events"])


def trees() -> Iterator[ast.Module]:
    """The modules that may talk to Slack."""
    for file in (PACKAGE / "app.py", *sorted((PACKAGE / "slack").rglob("*.py"))):
        yield ast.parse(file.read_text("utf-8"))


def methods_called() -> set[str]:
    """Every Web API method that the code names: as the SDK's (`chat_postMessage`) or as Slack's own."""
    sdk = {
        name
        for name in dir(AsyncWebClient)
        if re.match(r"(apps|auth|chat|conversations|files|team|users|views)_", name)
    }
    own = {name.replace("_", ".") for name in sdk}
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in sdk:
                found.add(node.attr.replace("_", "."))
            elif isinstance(node, ast.Constant) and node.value in own:
                found.add(str(node.value))
    return found


def registered(*kinds: str) -> set[str]:
    """The names that the listeners give to `app.command`, `app.event` and the like."""
    names = set()
    for node in (node for file in LISTENERS for node in ast.walk(ast.parse(file.read_text("utf-8")))):
        match node:
            case ast.Call(func=ast.Attribute(attr=kind), args=[ast.Constant(value=str(name)), *_]) if kind in kinds:
                names.add(name)
    return names


def test_every_method_used_has_its_scope() -> None:
    unknown = methods_called() - NEEDS.keys()
    assert not unknown, f"say in NEEDS which scope these need: {unknown}"
    needed = {scope for method in methods_called() for scope in NEEDS[method]}
    assert needed <= scopes


def test_every_event_has_its_scope() -> None:
    assert subscribed <= EVENT_NEEDS.keys()
    assert {scope for event in subscribed for scope in EVENT_NEEDS[event]} <= scopes


def test_no_scope_is_asked_for_that_nothing_needs() -> None:
    needed = {scope for method in methods_called() for scope in NEEDS[method]}
    needed |= {scope for event in subscribed for scope in EVENT_NEEDS[event]}
    assert scopes <= needed | ALWAYS.keys()


def test_what_slack_may_say_is_what_the_code_listens_to() -> None:
    events = {"message" if event.startswith("message.") else event for event in subscribed}
    assert events == registered("event")
    commands = {command["command"] for command in made["features"]["slash_commands"]}
    assert commands == registered("command")
    shortcuts = {shortcut["callback_id"] for shortcut in made["features"]["shortcuts"]}
    assert shortcuts == registered("shortcut", "global_shortcut", "message_shortcut")


def test_the_contracts_names_are_there() -> None:
    (command,) = made["features"]["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/mail", True)
    kinds = {shortcut["callback_id"]: shortcut["type"] for shortcut in made["features"]["shortcuts"]}
    assert kinds == {"send_as_email": "message", "new_email": "global"}
    assert made["features"]["app_home"]["home_tab_enabled"]
    assert made["settings"]["interactivity"]["is_enabled"]
    assert made["settings"]["socket_mode_enabled"]


def lengths() -> Iterator[tuple[str, int]]:
    shown, features = made["display_information"], made["features"]
    yield shown["name"], 35
    yield shown["description"], 140
    yield shown["long_description"], 4000
    yield features["bot_user"]["display_name"], 80
    for shortcut in features["shortcuts"]:
        yield shortcut["name"], 24
        yield shortcut["description"], 150
    for command in features["slash_commands"]:
        yield command["command"], 32
        yield command["description"], 2000
        yield command["usage_hint"], 1000


@pytest.mark.parametrize(("text", "most"), list(lengths()))
def test_every_text_fits(text: str, most: int) -> None:
    """Slack refuses a whole manifest for one text that is too long."""
    assert 0 < len(text) <= most


def test_the_long_description_is_as_long_as_slack_wants_it() -> None:
    assert len(made["display_information"]["long_description"]) >= 175


def test_nothing_is_listed_twice() -> None:
    lists: list[list[Any]] = [
        made["oauth_config"]["scopes"]["bot"],
        made["settings"]["event_subscriptions"]["bot_events"],
    ]
    assert all(len(one) == len(set(one)) for one in lists)


def test_what_is_pasted_into_slack_is_the_file_in_the_repository() -> None:
    assert manifest.text() == (PACKAGE.parent / "manifest.yml").read_text("utf-8")
