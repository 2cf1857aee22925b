"""The Slack app's manifest, `manifest.yml`: the names and rights that the app is installed with.

One file, at the top of the repository where people look for it; a wheel carries it inside the package.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import yaml


def load() -> dict[str, Any]:
    """The manifest as Slack takes it (`apps.manifest.create`)."""
    manifest: dict[str, Any] = yaml.safe_load(text())
    return manifest


def text() -> str:
    """The manifest as it is pasted into Slack, comments included."""
    in_wheel = resources.files("bridge").joinpath("manifest.yml")
    if in_wheel.is_file():
        return in_wheel.read_text("utf-8")
    return Path(__file__).parents[2].joinpath("manifest.yml").read_text("utf-8")
