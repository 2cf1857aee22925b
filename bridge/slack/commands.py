"""What is typed after `/mail`: words in, a verb with its number and the rest out. Pure.

Slack escapes what it knows (`should_escape`): a person comes as <@U123|name>, a channel as <#C123|name>, an address as
<mailto:a@b|a@b>.
"""

import html
import re
from dataclasses import dataclass

from bridge.errors import Refused
from bridge.model import Mark, Number, UserId

USAGE = {
    "inbox": "inbox — what is open, the longest waiting first",
    "read": "read N — the newest mail of conversation N",
    "search": "search WORDS — mails that hold every word; also from: to: has: is: before: after: in: and -word",
    "new": "new [address] — write a new mail",
    "reply": "reply N — answer conversation N",
    "reply_all": "reply_all N — answer everybody",
    "forward": "forward N — pass the newest mail on, with its attachments",
    "show": "show N full or original — the whole text, or the mail as it came",
    "mark": "mark N read, unread, flagged or unflagged — in the mailbox too",
    "delete": "delete N — move its mails to the trash",
    "restore": "restore N — back into the inbox",
    "archive": "archive N — move its mails to the archive",
    "spam": "spam N — move its mails to junk",
    "claim": "claim N — make it yours",
    "release": "release N — it is nobody's again",
    "assign": "assign N @user — make it somebody's",
    "close": "close N — nothing is left to do",
    "reopen": "reopen N — there is something to do again",
    "merge": "merge N M — bring all of conversation N into M",
    "split": "split N — make one of its mails, and those after it, a conversation of their own",
    "snooze": "snooze N WHEN — put it aside: “tomorrow 9am”, “in 3 hours”, “next Monday”",
    "log": "log N — what was done to it, and by whom",
    "templates": "templates — the canned answers",
    "status": "status — how the mailboxes fare",
    "help": "help — this list",
}
NUMBERED = frozenset(USAGE) - {"inbox", "search", "new", "templates", "status", "help"}

_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_LINK = re.compile(r"<((?:https?|tel|ftp)[^|>]*)(?:\|([^>]*))?>")
_MAILTO = re.compile(r"<mailto:([^|>]+)(?:\|[^>]*)?>")


_NONE = Number(0)  # where a verb needs no number


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One `/mail` command. `number` is set for the verbs that need one."""

    verb: str
    number: Number = _NONE
    rest: str = ""

    @property
    def sought(self) -> str:
        """What is looked for, without Slack's escapes; `Refused` where it is nothing."""
        if not self.rest:
            raise Refused("Say what to look for: `/mail search WORDS`.")
        return html.unescape(_LINK.sub(lambda found: found[2] or found[1], self.rest))

    @property
    def mark(self) -> Mark:
        """What to mark its mails as; `Refused` where the rest is none of the four."""
        try:
            return Mark(self.rest.strip().lower())
        except ValueError:
            raise Refused(f"Say how: `/mail {USAGE['mark'].partition(' — ')[0]}`.") from None

    @property
    def other(self) -> Number:
        """The conversation that the rest names; `Refused` where it names none."""
        number = _number(self.rest)
        if number is None:
            usage = USAGE[self.verb].partition(" — ")[0]
            raise Refused(f"Say which conversations: `/mail {usage}`, both as on their cards.")
        return number

    @property
    def original(self) -> bool:
        """Whether the mail is to be shown as it came; without a word, its full text. `Refused` for any other word."""
        word = self.rest.lower()
        if word not in {"", "full", "original"}:
            raise Refused(f"Say what to show: `/mail {USAGE['show'].partition(' — ')[0]}`.")
        return word == "original"

    @property
    def user(self) -> UserId:
        """The person that the rest names; `Refused` where it names none."""
        found = _USER.search(self.rest)
        if not found:
            raise Refused(f"Say who: `/mail {USAGE[self.verb].partition(' — ')[0]}`.")
        return UserId(found[1])


def parse_command(text: str) -> Command:
    """The command that was typed; `Refused` with the usage where it makes no sense. Nothing typed is `help`."""
    words = _MAILTO.sub(r"\1", text).split()
    verb = words[0].lower().replace("-", "_") if words else "help"
    if verb not in USAGE:
        raise Refused(f"`/mail` has no verb `{verb[:40]}`. `/mail help` lists them all.")
    if verb not in NUMBERED:
        return Command(verb=verb, rest=" ".join(words[1:]))
    number = _number(words[1]) if len(words) > 1 else None
    if number is None:
        raise Refused(f"Say which conversation: `/mail {USAGE[verb].partition(' — ')[0]}`, N as on its card.")
    return Command(verb=verb, number=number, rest=" ".join(words[2:]))


def _number(typed: str) -> Number | None:
    """The number that was typed, with its sign or without."""
    typed = typed.strip().lstrip("#")
    good = typed.isascii() and typed.isdigit() and 0 < int(typed[:18]) < 10**15
    return Number(int(typed)) if good else None


def help_text() -> str:
    """All verbs, in mrkdwn."""
    return "\n".join(f"• `/mail {verb.partition(' — ')[0]}` — {verb.partition(' — ')[2]}" for verb in USAGE.values())
