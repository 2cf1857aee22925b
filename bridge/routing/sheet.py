"""A mail's sheet, while rules act on it: how its conversation stands, what is to be set of it, what is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.desk import Mailbox, told, write_down
from bridge.model import BRIDGE, Act, Conversation, DraftId, StoredMessage
from bridge.routing.matching import Rule

BY = "rule: "


@dataclass(slots=True, kw_only=True)
class Sheet:
    """What comes of a mail. `why_not`: why no machine may answer it ("unanswerable") or pass it on ("unsendable");
    `is_shown`: its channel shows the conversation, or is about to; `values`: its columns to be set; `spam`: its mails
    are to go where junk is kept; `sent`: how many drafts were made of it, `turn`: what tells their ids from those of an
    earlier turn.
    """

    conversation: Conversation
    mail: StoredMessage
    mailbox: Mailbox
    why_not: Mapping[str, str]
    is_shown: bool
    values: dict[str, Any] = field(default_factory=dict)
    spam: bool = False
    sent: int = 0
    turn: str = ""

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, with those that are to be set."""
        found: tuple[str, ...] = self.values.get("tags", self.conversation.tags)
        return found

    def next_draft(self) -> DraftId:
        """The id of the next draft that is made of it."""
        self.sent += 1
        return DraftId(f"rule-{self.mail.id}-{self.turn}{self.sent}")

    async def set(self, conn: AsyncConnection, rule: Rule, verb: str, **values: object) -> None:
        """Have columns set that are not so already, and write it down."""
        before = self.conversation
        differs = {name: one for name, one in values.items() if self.values.get(name, getattr(before, name)) != one}
        if differs:
            self.values |= differs
            await self.note(conn, rule, verb, told(before, differs))

    async def amiss(self, conn: AsyncConnection, rule: Rule, trouble: str) -> None:
        """Something that a rule wants cannot be done: the card and the log say why."""
        self.values["trouble"] = trouble
        await self.note(conn, rule, "not done", trouble)

    async def note(self, conn: AsyncConnection, rule: Rule, verb: str, detail: str = "") -> None:
        """Write an act down, with the rule's name."""
        whole = ", ".join(filter(None, (f"{BY}{rule.name}", detail)))
        await write_down(conn, self.conversation.number, verb, user=BRIDGE, detail=whole)


def by_rule(act: Act, name: str) -> bool:
    """Whether the rule of that name did it, by what `Sheet.note` wrote down."""
    return f"{act.detail}, ".startswith(f"{BY}{name}, ")
