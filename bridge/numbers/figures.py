"""A mailbox in numbers: what `gathering.py` finds out, and what is said, drawn and exported of it. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from bridge.model import MailboxName

AGES = (timedelta(days=7), timedelta(days=3), timedelta(days=1))
"""Where the ages of what is open are parted: older than a week, three days to a week, one to three, under one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Mails of one day: how many came in, how many people sent."""

    date: date
    came: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One mailbox in a time. `begun`: conversations that began in it, `answered` of them got a response by a person;
    `median` and `most` (nine in ten were no slower) of how long that took, None without any. `ages`: open
    conversations, the oldest first, as AGES parts them.
    """

    mailbox: MailboxName
    days: tuple[Day, ...]
    begun: int
    answered: int
    median: timedelta | None
    most: timedelta | None
    ages: tuple[int, ...]

    @property
    def came(self) -> int:
        """Mails that came in."""
        return sum(one.came for one in self.days)

    @property
    def sent(self) -> int:
        """Mails that people sent."""
        return sum(one.sent for one in self.days)
