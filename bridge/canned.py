"""Canned answers: templates that agents choose in the compose modal.

Where they come from is others' business (`bridge.toml`, or what an admin makes in Slack): here they are found and
filled in. Their text is Markdown, and what is filled in can format nothing and link nowhere.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bridge import templates
from bridge.errors import Refused
from bridge.sentences import say
from bridge.templates import Values


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


class Templates:
    """Those that there are. `all_` is asked each time, so that what an admin has just changed is used."""

    def __init__(self, all_: Callable[[], Sequence[Template]]) -> None:
        self._all = all_

    def listed(self) -> list[Template]:
        """All of them, by folder and name; of several with one name, the first."""
        return sorted(self._by_name().values(), key=lambda one: (one.folder.casefold(), one.name.casefold()))

    def find(self, name: str) -> Template:
        """The one of that name, in any case. Raises Refused where there is none."""
        if found := self._by_name().get(name.strip().casefold()):
            return found
        raise Refused(say("There is no template “{name}”. `/mail templates` lists them.", name=name[:60]))

    def _by_name(self) -> dict[str, Template]:
        return {one.name.casefold(): one for one in reversed(self._all())}


def filled(template: Template, values: Values, *, literal: Callable[[str], str]) -> Template:
    """The template with the facts filled in; who has no name is called by the address.

    `literal` writes words so that in Markdown they are only words. Raises Refused, with a sentence that names the
    template, where it speaks of what there is not.
    """
    sender = replace(values.sender, name=values.sender.name or values.sender.email)
    values = replace(values, sender=sender)
    try:
        text = templates.render(template.text, values, written=literal)
        subject = " ".join(templates.render(template.subject, values).split())
    except Refused as refused:
        raise Refused(f"“{template.name}”: {refused}") from None
    return replace(template, text=text.strip(), subject=subject)


def by_folder(found: Iterable[Template]) -> Iterator[tuple[str, list[Template]]]:
    """The templates of each folder, in their order; those in none under an empty name."""
    folders: dict[str, list[Template]] = {}
    for one in found:
        folders.setdefault(one.folder, []).append(one)
    yield from folders.items()
