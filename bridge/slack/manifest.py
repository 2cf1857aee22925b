"""The Slack app's manifest, `manifest.yml`: the names and rights that the app is installed with.

One file, at the top of the repository where people look for it; a wheel carries it inside the package.
"""

from pathlib import Path
from typing import Any

import yaml


def load() -> dict[str, Any]:
    """The manifest as Slack takes it (`apps.manifest.create`)."""
    manifest: dict[str, Any] = yaml.safe_load(text())
    return manifest


def text() -> str:
    """The manifest as it is pasted into Slack, comments included."""
    return path().read_text("utf-8")


def path() -> Path:
    """Where the manifest is on this machine."""
    in_wheel = Path(__file__).parents[1] / "manifest.yml"
    return in_wheel if in_wheel.is_file() else Path(__file__).parents[2] / "manifest.yml"


def scopes() -> frozenset[str]:
    """What the bot has to be allowed."""
    return frozenset(load()["oauth_config"]["scopes"]["bot"])
