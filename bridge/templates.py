"""Templates: an operator's words with the conversation's facts filled in (pure).

Jinja in its sandbox: a template can show what it is given and nothing else. An unknown name is an error when the
template is read, not a hole in a customer's mail.
"""

from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.errors import Refused
from bridge.model import Address, Conversation, Message

NAMES = frozenset({"number", "subject", "sender", "mailbox", "agent"})
"""What a template may speak of; `sender`, `mailbox` and `agent` have a `name` and an `email`."""

LONGEST = 20_000  # characters of what comes of one

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The facts that are filled in."""

    conversation: Conversation
    mail: Message
    mailbox: Address
    agent: Address | None = None


def check(template: str) -> None:
    """Raises Refused with what is wrong where it is no template, or speaks of what there is not."""
    try:
        names = meta.find_undeclared_variables(_ENVIRONMENT.parse(template))
    except TemplateError as error:
        raise Refused(f"line {getattr(error, 'lineno', 1)}: {error.message}.") from None
    if unknown := sorted(names - NAMES):
        raise Refused(f"there is no {unknown[0]}; it may speak of {', '.join(sorted(NAMES))}.")


def render(template: str, values: Values) -> str:
    """The words. Raises Refused where it speaks of what there is not."""
    mail, mailbox, agent = values.mail, values.mailbox, values.agent
    named = {
        "number": values.conversation.number,
        "subject": mail.subject or values.conversation.subject,
        "sender": {"name": mail.author.name, "email": mail.author.email},
        "mailbox": {"name": mailbox.name or mailbox.email, "email": mailbox.email},
        "agent": {"name": agent.name if agent else "", "email": agent.email if agent else ""},
    }
    try:
        return _ENVIRONMENT.from_string(template).render(named)[:LONGEST]
    except TemplateError as error:
        raise Refused(f"The template cannot be filled in: {error.message}.") from None
