"""Rules: what is done with mail as it comes in, by who wrote what to whom. Pure: facts in, the rules that act out.

    [[rule]] in bridge.toml, or what an admin makes in Slack -> Rule
    a mail's facts, all rules in their order -> those that act on it

All that a rule names must hold; of several values for one thing, one is enough. Every rule that fits acts, in order,
until one says `stop`. Where two rules say what there can be only one of (channel, owner, priority, a template's
answer), the first decides. How rules that joining goes by are is another matter, in `bridge/rules.py`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bridge.model import Address, Automatic, MailboxName, Message, Priority, UserId

LOOKED_AT = 100_000  # characters of a mail's text: what search finds, a rule finds
PATTERNS = 100  # of one thing, at most
LONGEST = 200  # characters of a pattern


class On(StrEnum):
    """Which mails a rule looks at."""

    NEW = "new"  # those that begin a conversation
    EVERY = "every"  # and those that join one


class Share(StrEnum):
    """How conversations are shared out."""

    TURN = "turn"  # to whom none was given for longest
    LOAD = "load"  # to who has the fewest that are not closed


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What must hold. A pattern is found anywhere, in any case; with a `*` in it, it must fit the whole.

    `from_` and `to` (Cc among it) look at names and addresses, `attachments` at file names and content types,
    `headers` are names with the patterns of their values. None where it does not matter: `first_time`, whether its
    sender never wrote to that mailbox before; `spam`, the mail server's own verdict; `automatic`, whether no person
    wrote it; `open`, whether it came within the mailbox's office hours.
    """

    mailboxes: tuple[str, ...] = ()
    from_: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    attachments: tuple[str, ...] = ()
    first_time: bool | None = None
    spam: bool | None = None
    automatic: bool | None = None
    open: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """What is done. `channel`: as it is written in the settings, an id or `#name`; `share` without `owners` shares out
    among all who may act in the channel; `template`: by name, as a draft that a person sends, unless `sends`;
    `forward`: addresses; `webhook`: by name.
    """

    channel: str = ""
    share: Share | None = None
    owners: tuple[UserId, ...] = ()
    tags: tuple[str, ...] = ()
    priority: Priority | None = None
    template: str = ""
    sends: bool = False
    close: bool = False
    spam: bool = False
    forward: tuple[str, ...] = ()
    webhook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `stop`: where it acts, no rule behind it does."""

    name: str
    when: When = When()
    then: Then = Then()
    on: On = On.NEW
    stop: bool = False


@dataclass(slots=True, kw_only=True)
class Facts:
    """What rules look at of a mail. `customer` wrote it, also where a teammate passed it on; `begins`: it begins a
    conversation; `files`: names and content types. `headers`, `spam`, `first_time` and `open` are asked for only where
    a rule looks at them and all else fits: they may be dear.
    """

    mailbox: MailboxName
    message: Message
    customer: Address
    files: Sequence[tuple[str, str]]
    begins: bool
    headers: Callable[[], Iterable[tuple[str, str]]]
    spam: Callable[[], bool]
    first_time: Callable[[], bool]
    open: Callable[[], bool]
    _text: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """Its text as patterns are held against it; folded once for all rules."""
        if self._text is None:
            self._text = folded(self.message.text[:LOOKED_AT])
        return self._text


def acting(rules: Iterable[Rule], facts: Facts) -> list[Rule]:
    """The rules that act on a mail, in their order."""
    found = []
    for rule in rules:
        if fits(rule, facts):
            found.append(rule)
            if rule.stop:
                break
    return found


def fits(rule: Rule, facts: Facts) -> bool:
    """Whether all that the rule names holds. What is dear to find out comes last."""
    when, message = rule.when, facts.message
    if rule.on is On.NEW and not facts.begins:
        return False
    if when.mailboxes and facts.mailbox.casefold() not in {one.casefold() for one in when.mailboxes}:
        return False
    people = [(one.email, one.name) for one in (*message.to, *message.cc, *message.bcc)]
    return (
        _any(when.from_, (facts.customer.email, facts.customer.name))
        and _any(when.to, (words for pair in people for words in pair))
        and _any(when.subject, (message.subject,))
        and _is(when.automatic, lambda: message.automatic is not Automatic.NO)
        and _any(when.attachments, (words for pair in facts.files for words in pair))
        and (not when.text or any(matches(pattern, facts.text) for pattern in when.text))
        and (not when.headers or _headers(when, facts))
        and _is(when.spam, facts.spam)
        and _is(when.open, facts.open)
        and _is(when.first_time, facts.first_time)
    )


def _headers(when: When, facts: Facts) -> bool:
    """Whether each header that is named is there, with a value that fits."""
    there = list(facts.headers())
    return all(
        _any(patterns or ("*",), [value for name, value in there if name.lower() == wanted.lower()], some=True)
        for wanted, patterns in when.headers
    )


def _any(patterns: Sequence[str], words: Iterable[str], *, some: bool = False) -> bool:
    """Whether one of the patterns fits one of the words; without patterns it does not matter. `some`: there must be
    words, even for a `*`.
    """
    if not patterns:
        return True
    there = [folded(one) for one in words if one or some]
    return any(matches(pattern, one) for pattern in patterns for one in there)


def _is(wanted: bool | None, found: Callable[[], bool]) -> bool:
    return wanted is None or found() is wanted


def folded(words: str) -> str:
    """Words as they are compared: in no case, with single blanks between them."""
    return " ".join(words.casefold().split())


def matches(pattern: str, words: str) -> bool:
    """Whether a pattern fits words that are folded: found anywhere, or, with a `*`, fitting the whole.

    In linear time, whatever is written: each piece is looked for once, behind the one before.
    """
    first, *others = (_folded_piece(one) for one in pattern.strip().split("*"))
    if not others:
        return first in words
    *between, last = others
    if not words.startswith(first) or len(words) < len(first) + len(last) or not words.endswith(last):
        return False
    at, end = len(first), len(words) - len(last)
    for piece in between:
        found = words.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _folded_piece(piece: str) -> str:
    """A part of a pattern, folded; blanks at its ends count, since there the words go on."""
    inner = folded(piece)
    if not inner:
        return " " if piece else ""
    return f"{' ' * piece[:1].isspace()}{inner}{' ' * piece[-1:].isspace()}"


# --- what comes of them -----------------------------------------------------------------------------------------------


def keeps_silent(rules: Iterable[Rule]) -> bool:
    """Whether what these rules do takes the place of an acknowledgement: an answer of their own, or none at all."""
    return any(rule.then.spam or (rule.then.template and rule.then.sends) for rule in rules)


def unsendable(message: Message, *, spam: bool) -> str:
    """Why no rule may pass that mail on by itself, in a few words; empty where one may.

    As for answers (RFC 3834): what is automatic is not passed on automatically, else two machines go on for ever.
    Who sends it may be a machine that reads no answers, such as a shop's: those are what is passed on most.
    """
    if message.automatic is not Automatic.NO:
        return f"it is automatic mail ({message.automatic})"
    if spam:
        return "the mail server calls it spam"
    if message.authenticity and message.authenticity.dmarc == "fail":
        return "its sender is forged"
    return ""


# --- as it is kept ----------------------------------------------------------------------------------------------------


def packed(rule: Rule) -> dict[str, Any]:
    """A rule as JSON; what it does not say is left out."""
    when = {name: value for name in When.__dataclass_fields__ if (value := getattr(rule.when, name)) not in ((), None)}
    then = {name: value for name in Then.__dataclass_fields__ if (value := getattr(rule.then, name))}
    return {"name": rule.name, "on": rule.on, "stop": rule.stop, "when": when, "then": then}


def version(rule: Rule) -> str:
    """Another one for whatever else a rule says, in 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(packed(rule), sort_keys=True).encode()).hexdigest()[:16]


def unpacked(kept: dict[str, Any]) -> Rule:
    """The rule that `packed` packed."""
    when, then = ({name: _hard(value) for name, value in kept[part].items()} for part in ("when", "then"))
    then |= {name: kind(then[name]) for name, kind in (("share", Share), ("priority", Priority)) if name in then}
    return Rule(name=kept["name"], on=On(kept["on"]), stop=bool(kept["stop"]), when=When(**when), then=Then(**then))


def _hard(value: Any) -> Any:
    """JSON's lists as tuples, within each other too."""
    return tuple(_hard(one) for one in value) if isinstance(value, list | tuple) else value
