"""A small language for the shapes that Slack accepts: each rule reads one JSON value and reports what Slack would say.

A rule is a function of the value, its JSON pointer and the list it adds complaints to. Rules never raise and never
change what they read. The sentences are Slack's own (`[ERROR] must be less than 3001 characters
[json-pointer:/blocks/0/text/text]`), because whoever reads a failing test will search for them.
"""

from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[Any, str, list[str]], None]


def complain(found: list[str], at: str, sentence: str) -> None:
    """Add one complaint about the value at this JSON pointer."""
    found.append(f"[ERROR] {sentence} [json-pointer:{at}]")


def listed(value: Any) -> list[Any]:
    """An array as it is; anything else, which its own rule reports, as an empty one."""
    return value if isinstance(value, list) else []


def records(value: Any) -> list[dict[str, Any]]:
    """The objects in an array, in order."""
    return [item for item in listed(value) if isinstance(item, dict)]


def string(*, most: int, least: int = 1) -> Rule:
    """A string of that many characters."""

    def rule(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, str):
            complain(found, at, "must be a string")
        elif len(value) < least:
            complain(found, at, f"must be more than {least - 1} characters")
        elif len(value) > most:
            complain(found, at, f"must be less than {most + 1} characters")

    return rule


def matching(pattern: Callable[[str], object], *, most: int, sentence: str) -> Rule:
    """A string for which `pattern` answers something true, else `sentence`."""
    sized = string(most=most)

    def rule(value: Any, at: str, found: list[str]) -> None:
        before = len(found)
        sized(value, at, found)
        if len(found) == before and not pattern(value):
            complain(found, at, sentence)

    return rule


def flag(value: Any, at: str, found: list[str]) -> None:
    """A boolean."""
    if not isinstance(value, bool):
        complain(found, at, "must be a boolean")


def number(*, least: int, most: int) -> Rule:
    """A whole number within bounds, both included."""

    def rule(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            complain(found, at, "must be an integer")
        elif not least <= value <= most:
            complain(found, at, f"must be between {least} and {most}")

    return rule


def one_of(*allowed: str) -> Rule:
    """One of these words."""

    def rule(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, str) or value not in allowed:
            complain(found, at, f"must be one of {', '.join(allowed)}")

    return rule


def items(rule: Rule, *, most: int, least: int = 1) -> Rule:
    """An array of that many values, each of which keeps the rule."""

    def each(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, list):
            complain(found, at, "must be an array")
            return
        if len(value) < least:
            complain(found, at, f"no fewer than {least} items allowed")
        if len(value) > most:
            complain(found, at, f"no more than {most} items allowed")
        for position, item in enumerate(value):
            rule(item, f"{at}/{position}", found)

    return each


def record(*, required: Mapping[str, Rule] | None = None, optional: Mapping[str, Rule] | None = None) -> Rule:
    """An object with these fields and no others; `type` is for `variant` to judge."""
    must = dict(required or {})
    fields = {**must, **(optional or {})}

    def rule(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, dict):
            complain(found, at, "must be an object")
            return
        for name in must:
            if name not in value:
                complain(found, at, f"missing required field: {name}")
        for name, part in value.items():
            if name == "type":
                continue
            if name not in fields:
                complain(found, at, f"invalid additional property: {name}")
                continue
            fields[name](part, f"{at}/{name}", found)

    return rule


def variant(kinds: Mapping[str, Rule]) -> Rule:
    """An object whose `type` names which of these rules it keeps."""

    def rule(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, dict):
            complain(found, at, "must be an object")
            return
        kind = value.get("type")
        if not isinstance(kind, str):
            complain(found, at, "missing required field: type")
        elif kind not in kinds:
            complain(found, f"{at}/type", f"unsupported type: {kind}")
        else:
            kinds[kind](value, at, found)

    return rule


def both(*rules: Rule) -> Rule:
    """A value that keeps every one of these rules."""

    def rule(value: Any, at: str, found: list[str]) -> None:
        for part in rules:
            part(value, at, found)

    return rule
