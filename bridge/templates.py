"""Templates: an operator's words with the conversation's facts filled in (pure).

Of Jinja only what is listed here, in its sandbox: a template can show what it is given and choose by it, and nothing
that takes longer than its own text is long, for it is filled in between two clicks of somebody else. An unknown name is
an error when the template is read, not a hole in a mail. What is filled in comes from strangers, and is never read as a
template itself; in HTML it is escaped, and no template can have it otherwise.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
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

FILTERS = ("default", "e", "escape", "lower", "replace", "title", "trim", "upper")
"""None of them makes much of little, nor lets stand in HTML as it is what is filled in."""

DEEPEST = 50  # nodes above a node
MOST_NODES = 2_000
LONGEST_NEW = 100  # characters that `replace` puts in a place

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Getattr, nodes.Const,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Filter,
)  # fmt: skip
"""No loops, calls, sums, macros, names of one's own or parts by number: each of them can be made to take for ever."""

_TOO_MUCH = (RecursionError, MemoryError, SyntaxError)
"""What Python says of text that is nested too deep."""

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
_NAMELESS = replace(_CLOSED, number=None, subject="", sender=Address(email="a@example.com"), agent=None)
_SORTS = (_OPEN, _CLOSED, replace(_NAMELESS, hours=ALWAYS), _NAMELESS)
"""Whoever it may be filled in for: what stands behind an `if` is tried as well."""


def check(template: str) -> None:
    """Raises Refused with what is wrong where it is no template, or speaks of what there is not."""
    for values in _SORTS:  # who has no name is somebody's customer too
        _filled(_environment(str), template, _named(values, "en"))


def check_html(template: str) -> None:
    """As `check`, of a template of HTML."""
    for values in _SORTS:
        if len(_filled(_html(), template, _named(values, "en"))) > LONGEST_HTML:
            raise _too_long()


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


@functools.lru_cache(maxsize=512)
def _read(environment: ImmutableSandboxedEnvironment, template: str) -> Template:
    """The template, of which nothing was carried out yet; raises Refused where it is none.

    It is looked at before Jinja makes a program of it: that works out what is constant, however long it takes.
    """
    if len(template) > LONGEST_HTML:
        raise _too_long()
    try:
        tree = environment.parse(template)
        _look(tree)
        return environment.from_string(template)
    except TemplateError as error:
        raise Refused(say("line {line}: {why}.", line=getattr(error, "lineno", 1), why=_why(error))) from None
    except _TOO_MUCH:
        raise Refused(say("it is nested too deep, or has too many parts.")) from None


def _look(tree: nodes.Template) -> None:
    """Raises Refused at the first thing that a template may not have, and at the first fact that there is not."""
    facts = _named(_OPEN, "en")
    level: list[nodes.Node] = [tree]
    seen = 0
    for _ in range(DEEPEST):
        seen += len(level)
        if seen > MOST_NODES:
            break
        for node in level:
            _look_at(node, facts)
        level = [inner for node in level for inner in node.iter_child_nodes()]
        if not level:
            return
    raise Refused(say("it is nested too deep, or has too many parts."))


def _look_at(node: nodes.Node, facts: Mapping[str, Any]) -> None:
    if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.Filter) and not _is_harmless(node)):
        only = say(
            "line {line}: beside words and facts it may have `if`, comparisons, `~` and the filters {filters}.",
            line=node.lineno,
            filters=", ".join(FILTERS),
        )
        raise Refused(only)
    if isinstance(node, nodes.Name) and node.name not in facts:
        raise _no(node.name, NAMES)
    if isinstance(node, nodes.Getattr):
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        fact = facts.get(name)
        if name in facts and not (isinstance(fact, dict) and node.attr in fact):
            known = {f"{name}.{one}" for one in fact} if isinstance(fact, dict) else NAMES
            raise _no(f"{name}.{node.attr}", known)
        if not name:
            raise _no(node.attr, NAMES)


def _is_harmless(node: nodes.Filter) -> bool:
    """One of the list, given constants; a replacement is short, and not of what was replaced before."""
    told = [one.value for one in node.args if isinstance(one, nodes.Const)]
    if node.name not in FILTERS or len(told) < len(node.args) or node.kwargs or node.dyn_args or node.dyn_kwargs:
        return False
    if node.name != "replace":
        return True
    inner = node.node.find_all(nodes.Filter) if node.node else ()
    nested = isinstance(node.node, nodes.Filter) and node.node.name == "replace"
    return (
        len(told) == len(("old", "new"))
        and all(isinstance(one, str) for one in told)
        and bool(told[0])
        and len(told[1]) <= LONGEST_NEW
        and not nested
        and all(one.name != "replace" for one in inner)
    )


def _too_long() -> Refused:
    return Refused(say("it is longer than {most} characters.", most=LONGEST_HTML))


def _no(name: str, known: frozenset[str] | set[str]) -> Refused:
    return Refused(say("there is no {name}; it may speak of {names}.", name=name, names=", ".join(sorted(known))))


def _filled(environment: ImmutableSandboxedEnvironment, template: str, facts: dict[str, Any]) -> str:
    """What comes of it. Raises Refused where it is no template, or fails with these facts."""
    readable = _read(environment, template)
    try:
        return readable.render(facts)
    except TemplateError as error:
        raise Refused(say("The template cannot be filled in: {why}.", why=_why(error))) from None
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, MemoryError) as error:
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
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
