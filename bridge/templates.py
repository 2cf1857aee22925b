"""Templates: an operator's words with the conversation's facts filled in (pure).

Jinja in its sandbox: a template can show what it is given and nothing else. An unknown name is an error when the
template is read, not a hole in a customer's mail. What is filled in comes from strangers, and is never read as a
template itself.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.errors import Refused
from bridge.model import Address, Conversation, Message, Number
from bridge.sentences import say

NAMES = frozenset({"number", "subject", "sender", "mailbox", "agent"})
"""What a template may speak of."""

PEOPLE, FACTS = frozenset({"sender", "mailbox", "agent"}), ("name", "email")
"""Which of them are people, and what of a person it may speak of."""

LONGEST = 20_000  # characters of what comes of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The facts that are filled in. `number` is None where there is no conversation yet."""

    number: Number | None
    subject: str
    sender: Address
    mailbox: Address
    agent: Address | None = None

    @classmethod
    def of(cls, conversation: Conversation, mail: Message, *, mailbox: Address) -> "Values":
        """Those of a mail in its conversation."""
        subject = mail.subject or conversation.subject
        return cls(number=conversation.number, subject=subject, sender=mail.author, mailbox=mailbox)


_SOMEBODY = Address(name="A", email="a@example.com")
_SOME = Values(number=Number(1), subject="S", sender=_SOMEBODY, mailbox=_SOMEBODY, agent=_SOMEBODY)


def check(template: str) -> None:
    """Raises Refused with what is wrong where it is no template, or speaks of what there is not."""
    try:
        read = _environment(str).parse(template)
        names = meta.find_undeclared_variables(read)
    except TemplateError as error:
        why = (error.message or "").rstrip(".")
        raise Refused(say("line {line}: {why}.", line=getattr(error, "lineno", 1), why=why)) from None
    if unknown := sorted(names - NAMES):
        raise Refused(
            say("there is no {name}; it may speak of {names}.", name=unknown[0], names=", ".join(sorted(NAMES)))
        )
    for found in read.find_all(nodes.Getattr):
        if isinstance(found.node, nodes.Name) and found.node.name in PEOPLE and found.attr not in FACTS:
            name = found.node.name
            told = ", ".join(f"{name}.{one}" for one in FACTS)
            raise Refused(say("there is no {name}; it may speak of {names}.", name=f"{name}.{found.attr}", names=told))
    render(template, _SOME)


def render(template: str, values: Values, *, written: Callable[[str], str] = str) -> str:
    """The words; `written` is how what is filled in is written. Raises Refused where it speaks of what there is not."""
    try:
        return _environment(written).from_string(template).render(_named(values))[:LONGEST]
    except TemplateError as error:
        raise Refused(say("The template cannot be filled in: {why}.", why=error.message)) from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise Refused(say("The template cannot be filled in: {why}.", why=error)) from None


def _named(values: Values) -> dict[str, Any]:
    sender, mailbox, agent = values.sender, values.mailbox, values.agent
    return {
        "number": values.number or "",
        "subject": values.subject,
        "sender": {"name": sender.name, "email": sender.email},
        "mailbox": {"name": mailbox.name or mailbox.email, "email": mailbox.email},
        "agent": {"name": agent.name if agent else "", "email": agent.email if agent else ""},
    }


@functools.cache
def _environment(written: Callable[[str], str]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, finalize=lambda value: written(str(value))
    )
