"""A file in the workspace, and the object that Slack tells of it."""

import mimetypes
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file. `shares` has Slack's shape: public or private, channel id, list of places.

    `uploaded` (its bytes are there) and `completed` are the steps of an upload; `for_app` says that a person handed it
    to the app in a modal; `external_url` is set for a file that another company keeps.
    """

    id: str
    name: str
    title: str
    content: bytes = field(repr=False)
    size: int
    user: str
    created: int
    shares: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    external_url: str = ""
    for_app: bool = False
    uploaded: bool = True
    completed: bool = True
    deleted: bool = False

    @property
    def mimetype(self) -> str:
        """The media type, by the name, as Slack guesses it."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def channels(self) -> list[str]:
        """Ids of the channels in which it can be seen."""
        return [channel for places in self.shares.values() for channel in places]

    def described(self, *, url: str, team_id: str) -> Json:
        """Slack's file object; `url` is the base of the addresses in it."""
        place = f"{url}/files-pri/{team_id}-{self.id}"
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title,
            "mimetype": self.mimetype,
            "filetype": self.name.rpartition(".")[2].lower() if "." in self.name else "binary",
            "user": self.user,
            "user_team": team_id,
            "size": self.size,
            "mode": "external" if self.external_url else "hosted",
            "is_external": bool(self.external_url),
            "external_type": "gdrive" if self.external_url else "",
            "is_public": "public" in self.shares,
            "url_private": self.external_url or f"{place}/{self.name}",
            "url_private_download": self.external_url or f"{place}/download/{self.name}",
            "permalink": f"{url}/files/{self.user}/{self.id}/{self.name}",
            "file_access": "visible",
            "shares": self.shares,
        }
