"""What a value of the settings may look like, where several tables have it: each gives the value back, or raises
ValueError with the end of a sentence that began with the key.
"""

import re

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of `bridge.toml`: frozen, with no other keys than its own, and silent about values in its errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def address(value: str) -> str:
    """A mail address."""
    if not re.fullmatch(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+", value):
        raise ValueError("must be one plain mail address such as support@example.com")
    return value


def channel(value: str) -> str:
    """A channel of Slack."""
    if not re.fullmatch(r"[CG][A-Z0-9]{2,}|#[^\s#@<>]{1,80}", value):
        raise ValueError("must be a channel's id (it starts with C) or its name written as #name")
    return value


def user(value: str) -> str:
    """A person in Slack."""
    if not re.fullmatch(r"[UW][A-Z0-9]{2,}", value):
        raise ValueError("must hold ids of Slack users, which start with U or W")
    return value
