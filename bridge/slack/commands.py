"""What is typed after `/mail`: words in, a verb with its number and the rest out. Pure.

Slack escapes what it knows (`should_escape`): a person comes as <@U123|name>, a channel as <#C123|name>, an address as
<mailto:a@b|a@b>.
"""

import html
import re
from dataclasses import dataclass

from bridge.errors import Refused
from bridge.model import ChannelId, Mark, Number, Priority, UserId
from bridge.sentences import mark, say
from bridge.settings.rules import tag

USAGE = {
    "inbox": mark("inbox — what is not closed: what is overdue first, then the longest untouched"),
    "read": mark("read N — the newest mail that came in"),
    "search": mark(
        "search WORDS — mails that hold every word; also from: to: has: is: before: after: in: tag: and -word"
    ),
    "new": mark("new [address] — write a new mail"),
    "reply": mark("reply N — answer conversation N"),
    "reply_all": mark("reply_all N — answer everybody"),
    "forward": mark("forward N — pass the newest mail on, with its attachments"),
    "show": mark("show N full or original — the whole text, or the mail as it came"),
    "mark": mark("mark N read, unread, flagged or unflagged — in the mailbox too"),
    "delete": mark("delete N — move its mails to the trash"),
    "restore": mark("restore N — back into the inbox"),
    "archive": mark("archive N — move its mails to the archive"),
    "spam": mark("spam N — move its mails to junk"),
    "claim": mark("claim N — make it yours"),
    "release": mark("release N — it is nobody's again"),
    "assign": mark("assign N @user — make it somebody's"),
    "close": mark("close N — nothing is left to do"),
    "reopen": mark("reopen N — there is something to do again"),
    "tag": mark("tag N WORDS — add tags; with - before one, take it away"),
    "priority": mark("priority N urgent, high, normal or low — how much it matters"),
    "merge": mark("merge N M — bring all of conversation N into M"),
    "split": mark("split N — make one of its mails, and those after it, a conversation of their own"),
    "move": mark("move N #channel — show all of it in that channel from now on"),
    "snooze": mark("snooze N WHEN — put it aside: “tomorrow 9am”, “in 3 hours”, “next Monday”"),
    "log": mark("log N — what was done to it, and by whom"),
    "templates": mark("templates — the canned answers"),
    "status": mark("status — how the mailboxes fare"),
    "help": mark("help — this list"),
}
"""Of each verb how it is typed, and after the dash what it does."""
NUMBERED = frozenset(USAGE) - {"inbox", "search", "new", "templates", "status", "help"}

_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_CHANNEL = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^>]*)?>")
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
            raise Refused(say("Say what to look for: `/mail {usage}`.", usage=_usage(self.verb)))
        return html.unescape(_LINK.sub(lambda found: found[2] or found[1], self.rest))

    @property
    def mark(self) -> Mark:
        """What to mark its mails as; `Refused` where the rest is none of the four."""
        try:
            return Mark(self.rest.strip().lower())
        except ValueError:
            raise Refused(say("Say how: `/mail {usage}`.", usage=_usage(self.verb))) from None

    @property
    def tags(self) -> tuple[list[str], list[str]]:
        """The tags that are to be added, and those to be taken away; `Refused` where there are none."""
        words = self.rest.replace(",", " ").split()
        try:
            found = [(one.startswith("-"), tag(one.lstrip("-#"))) for one in words]
        except ValueError:
            raise Refused(say("A tag is one word of letters, digits, dots and hyphens.")) from None
        if not found:
            raise Refused(say("Say how: `/mail {usage}`.", usage=_usage(self.verb)))
        return [one for minus, one in found if not minus], [one for minus, one in found if minus]

    @property
    def priority(self) -> Priority:
        """How much it is to matter; `Refused` where the rest is none of the four."""
        word = self.rest.strip().lower()
        try:
            return Priority.NORMAL if word == "normal" else Priority(word or "?")
        except ValueError:
            raise Refused(say("Say how: `/mail {usage}`.", usage=_usage(self.verb))) from None

    @property
    def other(self) -> Number:
        """The conversation that the rest names; `Refused` where it names none."""
        number = _number(self.rest)
        if number is None:
            usage = _usage(self.verb)
            raise Refused(say("Say which conversations: `/mail {usage}`, both as on their cards.", usage=usage))
        return number

    @property
    def channel(self) -> ChannelId:
        """The channel that the rest names; `Refused` where it names none."""
        found = _CHANNEL.search(self.rest)
        if not found:
            raise Refused(say("Say where to: `/mail {usage}`, a channel that Slack knows.", usage=_usage(self.verb)))
        return ChannelId(found[1])

    @property
    def original(self) -> bool:
        """Whether the mail is to be shown as it came; without a word, its full text. `Refused` for any other word."""
        word = self.rest.lower()
        if word not in {"", "full", "original"}:
            raise Refused(say("Say what to show: `/mail {usage}`.", usage=_usage(self.verb)))
        return word == "original"

    @property
    def user(self) -> UserId:
        """The person that the rest names; `Refused` where it names none."""
        found = _USER.search(self.rest)
        if not found:
            raise Refused(say("Say who: `/mail {usage}`.", usage=_usage(self.verb)))
        return UserId(found[1])


def parse_command(text: str) -> Command:
    """The command that was typed; `Refused` with the usage where it makes no sense. Nothing typed is `help`."""
    words = _MAILTO.sub(r"\1", text).split()
    verb = words[0].lower().replace("-", "_") if words else "help"
    if verb not in USAGE:
        raise Refused(say("`/mail` has no verb `{verb}`. `/mail help` lists them all.", verb=verb[:40]))
    if verb not in NUMBERED:
        return Command(verb=verb, rest=" ".join(words[1:]))
    number = _number(words[1]) if len(words) > 1 else None
    if number is None:
        raise Refused(say("Say which conversation: `/mail {usage}`, N as on its card.", usage=_usage(verb)))
    return Command(verb=verb, number=number, rest=" ".join(words[2:]))


def _number(typed: str) -> Number | None:
    """The number that was typed, with its sign or without."""
    typed = typed.strip().lstrip("#")
    good = typed.isascii() and typed.isdigit() and 0 < int(typed[:18]) < 10**15
    return Number(int(typed)) if good else None


def help_text() -> str:
    """All verbs, in mrkdwn."""
    told = [say(usage).partition(" — ") for usage in USAGE.values()]
    return "\n".join(f"• `/mail {typed}` — {does}" for typed, _, does in told)


def _usage(verb: str) -> str:
    return say(USAGE[verb]).partition(" — ")[0]
