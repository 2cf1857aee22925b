"""Templates: an operator's words with the conversation's facts filled in (pure).

Jinja in its sandbox: a template can show what it is given and nothing else. An unknown name is an error when the
template is read, not a hole in a customer's mail. What is filled in comes from strangers, and is never read as a
template itself; in HTML it is escaped, and no template can have it otherwise.
"""

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge import languages
from bridge.automation.hours import ALWAYS, Hours, read
from bridge.errors import Refused
from bridge.model import Address, Conversation, Message, Number, now
from bridge.sentences import Language, say

NAMES = frozenset({"number", "subject", "sender", "mailbox", "agent", "hours"})
"""What a template may speak of. `sender`, `mailbox` and `agent` have a `name` and an `email`; `hours` have `open` (true
or false), `opens` (when next, in words; nothing while they are) and `text` (nothing round the clock).
"""

LONGEST = 20_000  # characters of what comes of one
LONGEST_HTML = 200_000  # HTML says little with many of them, and cannot be cut

_TAGS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_RAW = ("safe", "tojson")
"""Jinja's filters that would have what is filled in stand in HTML as it is."""

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The facts that are filled in. `number` is None where there is no conversation yet; `hours` are the mailbox's, as
    they stand `at` the moment at which they are filled in.
    """

    number: Number | None
    subject: str
    sender: Address
    mailbox: Address
    agent: Address | None = None
    hours: Hours = ALWAYS
    at: datetime = field(default_factory=now)

    @classmethod
    def of(
        cls, conversation: Conversation, mail: Message, *, sender: Address, mailbox: Address, hours: Hours
    ) -> "Values":
        """Those of a mail in its conversation, for one that leaves by itself; `sender`: whom it goes to."""
        subject, sender = mail.subject or conversation.subject, repeatable(sender)
        return cls(number=conversation.number, subject=subject, sender=sender, mailbox=mailbox, hours=hours)


def repeatable(sender: Address) -> Address:
    """The address as mail that leaves by itself may name it: without a name that is long or leads somewhere, since
    whoever writes such a name may have others written to than themselves.
    """
    leads = len(sender.name) > _LONGEST_NAME or _LINK.search(sender.name)
    return replace(sender, name="") if leads else sender


_LONGEST_NAME = 60  # characters
_LINK = re.compile(r"://|\bwww\.|[^\W_]{2,}\.[^\W\d_]{2,24}(?![\w.])", re.IGNORECASE)

_SOMEBODY = Address(name="A", email="a@example.com")
_TUESDAY = datetime(2026, 1, 6, tzinfo=UTC)
_OPEN = Values(number=Number(1), subject="S", sender=_SOMEBODY, mailbox=_SOMEBODY, agent=_SOMEBODY, at=_TUESDAY)
_CLOSED = replace(_OPEN, hours=Hours(spans=read(["mon 9:00-10:00"])))


def check(template: str) -> None:
    """Raises Refused with what is wrong where it is no template, or speaks of what there is not."""
    _check(template, _environment(str))
    for values in (_OPEN, _CLOSED):  # what stands behind an `if` is read as well
        render(template, values)


def check_html(template: str) -> None:
    """As `check`, of a template of HTML."""
    tree = _check(template, _html())
    if tree.find(nodes.EvalContextModifier):
        raise Refused(say("what is filled in is escaped in all of it: take `autoescape` out."))
    for values in (_OPEN, _CLOSED):
        if len(_filled(_html(), template, _named(values, "en"))) > LONGEST_HTML:
            raise Refused(say("it is longer than {most} characters.", most=LONGEST_HTML))


def render(
    template: str, values: Values, *, written: Callable[[str], str] = str, language: Language | None = None
) -> str:
    """The words; `written` is how what is filled in is written, `language` what a time is said in: where nothing is
    said, the template's own. Raises Refused where it speaks of what there is not.
    """
    return _filled(_environment(written), template, _named(values, language or language_of(template)))[:LONGEST]


def render_html(template: str, values: Values, *, language: Language | None = None) -> str:
    """The HTML, what is filled in escaped; nothing where it would be too long, or blank. Raises as `render` does."""
    made = _filled(_html(), template, _named(values, language or language_of(template)))
    return made if made.strip() and len(made) <= LONGEST_HTML else ""


def language_of(template: str) -> Language:
    """What times are said in within a template: Korean where it is Korean, else English."""
    return "ko" if "ko" in languages.of(_TAGS.sub(" ", template)) else "en"


def _check(template: str, environment: ImmutableSandboxedEnvironment) -> nodes.Template:
    try:
        tree = environment.parse(template)
        names = meta.find_undeclared_variables(tree)
    except TemplateError as error:
        raise Refused(say("line {line}: {why}.", line=getattr(error, "lineno", 1), why=_why(error))) from None
    if unknown := sorted(names - NAMES):
        raise _no(unknown[0], NAMES)
    facts = _named(_OPEN, "en")
    for node in _attributes(tree):
        owner, part = node.node, _part(node)
        if not (isinstance(owner, nodes.Name) and owner.name in names and part is not None):
            continue
        fact = facts[owner.name]
        if not ((isinstance(fact, dict) and part in fact) or hasattr(fact, part)):
            known = {f"{owner.name}.{one}" for one in fact} if isinstance(fact, dict) else NAMES
            raise _no(f"{owner.name}.{part}", known)
    return tree


def _attributes(tree: nodes.Template) -> Iterator[nodes.Getattr | nodes.Getitem]:
    yield from tree.find_all(nodes.Getattr)
    yield from tree.find_all(nodes.Getitem)


def _part(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """What a template wants of a fact, where it says so by a name."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None


def _no(name: str, known: frozenset[str] | set[str]) -> Refused:
    return Refused(say("there is no {name}; it may speak of {names}.", name=name, names=", ".join(sorted(known))))


def _filled(environment: ImmutableSandboxedEnvironment, template: str, facts: dict[str, Any]) -> str:
    try:
        return environment.from_string(template).render(facts)
    except TemplateError as error:
        raise Refused(say("The template cannot be filled in: {why}.", why=_why(error))) from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise Refused(say("The template cannot be filled in: {why}.", why=error)) from None


def _why(error: TemplateError) -> str:
    return (error.message or "").rstrip(".")


def _named(values: Values, language: Language) -> dict[str, Any]:
    sender, mailbox, agent, hours = values.sender, values.mailbox, values.agent, values.hours
    is_open = hours.open_at(values.at)
    opens = "" if is_open else _in_words(hours.after(values.at, timedelta()).astimezone(hours.zone), language)
    return {
        "number": values.number or "",
        "subject": values.subject,
        "sender": {"name": sender.name, "email": sender.email},
        "mailbox": {"name": mailbox.name or mailbox.email, "email": mailbox.email},
        "agent": {"name": agent.name if agent else "", "email": agent.email if agent else ""},
        "hours": {
            "open": is_open,
            "opens": opens,
            "text": "; ".join(one.strip() for one in hours.written),
        },
    }


def _in_words(at: datetime, language: Language) -> str:
    """A time by the clock on the wall, for a customer: nobody in Slack reads it, so the catalogue has no part in it."""
    time = f"{at.hour}:{at:%M}"
    if language == "ko":
        return f"{at.month}월 {at.day}일 {'월화수목금토일'[at.weekday()]}요일 {time}"
    return f"{_WEEKDAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}, {time}"


@functools.cache
def _environment(written: Callable[[str], str]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, finalize=lambda value: written(str(value))
    )


@functools.cache
def _html() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    for name in _RAW:
        del environment.filters[name]
    return environment
