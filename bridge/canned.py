"""Canned answers: templates that agents choose in the compose modal.

Where they come from is others' business (`bridge.toml`, and what admins make in Slack): here they are found and filled
in. Their text is Markdown, and what is filled in can format nothing and link nowhere.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bridge import languages, templates
from bridge.errors import Refused
from bridge.model import TemplateId
from bridge.sentences import Language, say
from bridge.templates import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A canned answer. `text` is Markdown with variables; `subject` is for new mails, and may be empty; `language` and
    `folder` say where people look for it. `id` and `revision`: of one that was made in Slack, else None and 0. `uses`:
    how often it was sent.
    """

    name: str
    text: str
    subject: str = ""
    language: str = ""
    folder: str = ""
    id: TemplateId | None = None
    revision: int = 0
    uses: int = 0


class Templates:
    """Those that there are. `all_` is asked each time, so that what an admin has just changed is used."""

    def __init__(self, all_: Callable[[], Awaitable[Sequence[Template]]]) -> None:
        """`all_`: of several with one name, the first is the one that is found."""
        self._all = all_

    async def listed(self, *, first: frozenset[str] = frozenset()) -> list[Template]:
        """All that can be found, by folder and name; those in the languages of these codes before all others."""
        found = (await self._by_name()).values()
        return sorted(found, key=lambda one: (not fits(one, first), *place(one)))

    async def every(self) -> list[Template]:
        """Those too that another of the same name covers, beside it."""
        return sorted(await self._all(), key=place)

    async def find(self, name: str) -> Template:
        """The one of that name, in any case. Raises Refused where there is none."""
        if found := (await self._by_name()).get(name.strip().casefold()):
            return found
        raise Refused(say("There is no template “{name}”. `/mail templates` lists them.", name=name[:60]))

    async def _by_name(self) -> dict[str, Template]:
        return {one.name.casefold(): one for one in reversed(await self._all())}


def place(one: Template) -> tuple[str, str]:
    """Where it stands in a list: by folder, then by name."""
    return (one.folder.casefold(), one.name.casefold())


def fits(template: Template, among: frozenset[str]) -> bool:
    """Whether it is in one of these languages."""
    return bool(template.language) and languages.code(template.language) in among


def filled(template: Template, values: Values, *, literal: Callable[[str], str]) -> Template:
    """The template with the facts filled in; who has no name is called by the address.

    `literal` writes words so that in Markdown they are only words. Raises Refused, with a sentence that names the
    template, where it speaks of what there is not.
    """
    sender = replace(values.sender, name=values.sender.name or values.sender.email)
    values = replace(values, sender=sender)
    told: Language = "ko" if languages.code(template.language) == "ko" else "en"
    language = told if template.language else templates.language_of(template.text)
    try:
        text = templates.render(template.text, values, written=literal, language=language)
        subject = " ".join(templates.render(template.subject, values, language=language).split())
    except Refused as refused:
        raise Refused(f"“{template.name}”: {refused}") from None
    return replace(template, text=text.strip(), subject=subject)


def by_folder(found: Iterable[Template]) -> Iterator[tuple[str, list[Template]]]:
    """The templates of each folder, in their order; those in none under an empty name."""
    folders: dict[str, list[Template]] = {}
    for one in found:
        folders.setdefault(one.folder, []).append(one)
    yield from folders.items()
