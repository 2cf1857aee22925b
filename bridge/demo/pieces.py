"""What the page shows, as pieces: JSON values by name, read afresh from the workspace and the mail world.

A piece is complete in itself, so a page that missed some needs only the newest of each name. Pure but for reading;
the names and shapes are those of `page/state.js`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.demo.double.workspace import Workspace
from bridge.demo.letters import Reading, read
from bridge.demo.world import Letter, World
from bridge.model import CLOCK, Address

Json = dict[str, Any]


class Pieces:
    """The pieces of one demo. `address_of` turns a path on the page's server into one that may be fetched."""

    def __init__(
        self,
        workspace: Workspace,
        world: World,
        *,
        customers: Sequence[Address],
        mailboxes: Sequence[Address],
        manifest: Mapping[str, Any],
        address_of: Callable[[str], str],
    ) -> None:
        self._workspace, self._world, self._address_of = workspace, world, address_of
        features = manifest.get("features", {})
        self._still: Json = {
            "customers": [_person(address) for address in customers],
            "mailboxes": [_person(address) for address in mailboxes],
            "commands": features.get("slash_commands", []),
            "shortcuts": features.get("shortcuts", []),
        }
        self._readings: dict[int, Reading] = {}
        self._sent: dict[str, str] = {}

    def changed(self) -> dict[str, str]:
        """The pieces that are not what they were at the last call, as JSON text by name."""
        texts = {name: json.dumps(value, ensure_ascii=False) for name, value in self._all().items()}
        fresh = {name: text for name, text in texts.items() if self._sent.get(name) != text}
        self._sent = texts
        return fresh

    def current(self) -> dict[str, str]:
        """Every piece as of the last `changed`."""
        return dict(self._sent)

    def reading(self, letter: Letter) -> Reading:
        """The letter as read, once."""
        if letter.id not in self._readings:
            self._readings[letter.id] = read(letter)
        return self._readings[letter.id]

    def _all(self) -> Json:
        workspace = self._workspace
        pieces = {
            **self._still,
            "ahead": CLOCK.ahead.total_seconds(),
            "team": {
                "name": workspace.team_name,
                "url": f"https://{workspace.domain}.slack.com/",
                "appUser": workspace.bot_user_id,
                "appId": workspace.app_id,
            },
            "users": list(workspace.users.values()),
            "channels": [
                {**channel, "members": workspace.members(channel_id)}
                for channel_id, channel in workspace.channels.items()
            ],
        }
        for channel_id in workspace.channels:
            pieces[f"messages:{channel_id}"] = self._messages(channel_id)
        for user_id in workspace.users:
            pieces[f"ephemerals:{user_id}"] = {
                channel_id: shown
                for channel_id in workspace.channels
                if (shown := workspace.ephemerals(channel_id, user_id))
            }
            pieces[f"view:{user_id}"] = workspace.view_of(user_id)
            pieces[f"home:{user_id}"] = workspace.screens.home(user_id)
        for letter in self._world.letters:
            pieces[f"letter:{letter.id}"] = self._letter(letter)
        return pieces

    def _messages(self, channel_id: str) -> Json:
        top = self._workspace.history(channel_id)
        return {
            "top": [self._with_addresses(message) for message in top],
            "replies": {
                message["ts"]: [
                    self._with_addresses(reply) for reply in self._workspace.replies(channel_id, message["ts"])
                ]
                for message in top
                if message.get("reply_count")
            },
        }

    def _with_addresses(self, message: Json) -> Json:
        """The message with `href` in its files: Slack's own addresses want the app's token."""
        if not message.get("files"):
            return message
        files = [{**file, "href": self._address_of(f"/files/{file['id']}")} for file in message["files"]]
        return {**message, "files": files}

    def _letter(self, letter: Letter) -> Json:
        reading = self.reading(letter)
        path = f"/letters/{letter.id}"
        return {
            "id": letter.id,
            "owner": letter.owner,
            "direction": letter.direction,
            **reading.head,
            "text": reading.text,
            "html": self._address_of(f"{path}/html") if reading.html else "",
            "files": [
                {
                    "name": file.name,
                    "type": file.content_type,
                    "size": len(file.content),
                    "href": self._address_of(f"{path}/files/{position}"),
                }
                for position, file in enumerate(reading.files)
            ],
        }


def _person(address: Address) -> dict[str, str]:
    return {"name": address.name, "email": address.email}
