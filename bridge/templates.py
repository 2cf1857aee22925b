"""Templates: answers that are written once and used often, with the conversation's names and numbers filled in.

Where they come from is others' business (`bridge.toml`, or what an admin makes in Slack): here they are found, and
rendered in a sandbox. A template is an operator's, what is filled in is a stranger's: that can format nothing, link
nowhere, and is never read as a template itself.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.errors import Refused
from bridge.model import Address, Number

VARIABLES = ("number", "sender.name", "sender.email", "subject", "mailbox.name", "agent.name")
LONGEST = 20_000  # characters of a rendered text: what a modal's input can hold and a person will read


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A canned answer. `text` is Markdown with variables; `subject` is for new mails, and may be empty; `language` and
    `folder` say where people look for it.
    """

    name: str
    text: str
    subject: str = ""
    language: str = ""
    folder: str = ""

    @property
    def title(self) -> str:
        """Its name with the folder it lies in."""
        return f"{self.folder} / {self.name}" if self.folder else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a template may speak of. `number` is None in a new mail, whose conversation has none yet."""

    number: Number | None
    sender: Address
    subject: str
    mailbox: str
    agent: str

    def told(self) -> dict[str, Any]:
        """By the names of `VARIABLES`."""
        return {
            "number": self.number or "",
            "sender": {"name": self.sender.name or self.sender.email, "email": self.sender.email},
            "subject": self.subject,
            "mailbox": {"name": self.mailbox},
            "agent": {"name": self.agent},
        }


class Templates:
    """Those that there are. `all_` is asked each time, so that what an admin has just changed is used."""

    def __init__(self, all_: Callable[[], Sequence[Template]]) -> None:
        self._all = all_

    def listed(self) -> list[Template]:
        """All of them, by folder and name."""
        return sorted(self._all(), key=lambda one: (one.folder.casefold(), one.name.casefold()))

    def find(self, name: str) -> Template:
        """The one of that name, in any case. Raises Refused where there is none."""
        for one in self._all():
            if one.name.casefold() == name.strip().casefold():
                return one
        raise Refused(f"There is no template “{name[:60]}”. `/mail templates` lists them.")


def render(template: Template, facts: Facts, *, literal: Callable[[str], str]) -> Template:
    """The template with the facts filled in. `literal` writes a stranger's words so that they are only words.

    Raises Refused, with the sentence, where it speaks of what is not known or cannot be read.
    """
    known = facts.told()
    text = _filled(template, template.text, known, literal=literal)
    return replace(template, text=text[:LONGEST], subject=_filled(template, template.subject, known, literal=_line))


def check(template: Template) -> None:
    """Raise Refused where the template could never be used: an unknown variable, a brace that is not closed."""
    nobody = Facts(number=Number(1), sender=Address(name="A", email="a@b.c"), subject="S", mailbox="M", agent="A")
    render(template, nobody, literal=_line)


def _filled(template: Template, source: str, facts: Mapping[str, Any], *, literal: Callable[[str], str]) -> str:
    try:
        return _environment(literal).from_string(source).render(facts).strip()
    except UndefinedError:
        names = ", ".join(f"{{{{ {one} }}}}" for one in VARIABLES)
        raise Refused(f"The template “{template.name}” speaks of something unknown; there are {names}.") from None
    except TemplateSyntaxError as error:
        sentence = f"The template “{template.name}” cannot be read in line {error.lineno}: mend what stands in braces."
        raise Refused(sentence) from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError):
        raise Refused(f"The template “{template.name}” cannot be filled in: mend what stands in braces.") from None


@functools.cache
def _environment(literal: Callable[[str], str]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        autoescape=False,  # it is Markdown, no HTML: `finalize` takes every meaning out of what is filled in
        undefined=StrictUndefined,
        finalize=lambda value: literal(str(value)),
        keep_trailing_newline=True,
    )


def _line(words: str) -> str:
    return " ".join(words.split())


def by_folder(templates: Iterable[Template]) -> Iterator[tuple[str, list[Template]]]:
    """The templates of each folder, in their order; those in none under an empty name."""
    folders: dict[str, list[Template]] = {}
    for one in templates:
        folders.setdefault(one.folder, []).append(one)
    yield from folders.items()
