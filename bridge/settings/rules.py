"""`[[rule]]` of `bridge.toml`: how an operator writes a rule, and what of it can be told wrong without asking anybody.

They are read as the others are (`models.py`), and give what rules are matched by (`bridge.routing.matching`).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.model import Priority, UserId
from bridge.routing.matching import LONGEST, PATTERNS, On, Rule, Share, Then, When
from bridge.settings import values

MOST_TAGS = 10  # of one rule
LONGEST_TAG = 30  # characters
EVERYBODY = "channel"  # the owner's name that stands for all who may act in the conversation's channel


def _several(value: object) -> object:
    """One is written without brackets."""
    return (value,) if isinstance(value, str) else value


def _pattern(value: str) -> str:
    if not value.strip() or len(value) > LONGEST:
        raise ValueError(f"must be words of up to {LONGEST} characters, with a * for what may stand between")
    return value.strip()


def tag(value: str) -> str:
    """A tag as it is kept: in lower case."""
    if not re.fullmatch(rf"[\w.+-]{{1,{LONGEST_TAG}}}", value):
        raise ValueError("must hold short words of letters, digits, dots and hyphens")
    return value.casefold()


def _owner(value: str) -> str:
    """A person, or "channel": all who may act there."""
    return value if value == EVERYBODY else values.user(value)


def _name(value: str) -> str:
    if not " ".join(value.split()):
        raise ValueError("must be a name to find it by")
    return " ".join(value.split())


Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_several), Field(max_length=PATTERNS)
]
Tags = Annotated[
    tuple[Annotated[str, AfterValidator(tag)], ...], BeforeValidator(_several), Field(max_length=MOST_TAGS)
]
Owners = Annotated[
    tuple[Annotated[str, AfterValidator(_owner)], ...], BeforeValidator(_several), Field(max_length=PATTERNS)
]
Addresses = Annotated[
    tuple[Annotated[str, AfterValidator(values.address)], ...], BeforeValidator(_several), Field(max_length=PATTERNS)
]


class WhenSettings(values.Table):
    """What must hold; of several values for one key, one is enough."""

    mailbox: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    from_: Patterns = Field(default=(), alias="from")
    to: Patterns = ()
    subject: Patterns = ()
    text: Patterns = ()
    header: dict[str, Patterns] = Field(default_factory=dict)
    attachment: Patterns = ()
    first_time: bool | None = None
    spam: bool | None = None
    automatic: bool | None = None
    hours: Literal["open", "closed"] | None = None

    @property
    def when(self) -> When:
        """The same, to match by."""
        return When(
            mailboxes=self.mailbox,
            from_=self.from_,
            to=self.to,
            subject=self.subject,
            text=self.text,
            headers=tuple(self.header.items()),
            attachments=self.attachment,
            first_time=self.first_time,
            spam=self.spam,
            automatic=self.automatic,
            open=None if self.hours is None else self.hours == "open",
        )


class ThenSettings(values.Table):
    """What is done. `owner` names people, or is "channel" for all who may act in the conversation's channel; `by` says
    how it is shared out among them; `send` lets the template's answer leave by itself.
    """

    channel: Annotated[str, AfterValidator(values.channel)] | None = None
    owner: Owners = ()
    by: Share = Share.TURN
    tag: Tags = ()
    priority: Literal["urgent", "high", "low"] | None = None
    template: str = Field(default="", max_length=60)
    send: bool = False
    close: bool = False
    spam: bool = False
    forward: Addresses = ()
    webhook: str = Field(default="", max_length=60)

    @model_validator(mode="after")
    def _sends_something(self) -> "ThenSettings":
        if self.send and not self.template:
            raise ValueError("has `send` without a `template`: name the template that is to be sent")
        return self

    @property
    def then(self) -> Then:
        """The same, to carry out."""
        owners = () if EVERYBODY in self.owner else tuple(UserId(one) for one in self.owner)
        return Then(
            channel=self.channel or "",
            share=self.by if self.owner else None,
            owners=owners,
            tags=self.tag,
            priority=Priority(self.priority) if self.priority else None,
            template=self.template,
            sends=self.send,
            close=self.close,
            spam=self.spam,
            forward=self.forward,
            webhook=self.webhook,
        )


class RuleSettings(values.Table):
    """A rule. `on`: whether it looks at new conversations alone or at every mail that comes in; `stop`: where it acts,
    none behind it does.
    """

    name: Annotated[str, AfterValidator(_name)] = Field(min_length=1, max_length=60)
    when: WhenSettings = WhenSettings()
    then: ThenSettings = ThenSettings()
    on: On = On.NEW
    stop: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> "RuleSettings":
        if self.rule.then == Then() and not self.stop:
            raise ValueError("does nothing: say under `then` what is to be done")
        return self

    @property
    def rule(self) -> Rule:
        """The same, to match and carry out."""
        return Rule(name=self.name, when=self.when.when, then=self.then.then, on=self.on, stop=self.stop)
