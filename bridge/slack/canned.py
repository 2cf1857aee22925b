"""Canned answers: the menu from which one is chosen, and for admins the windows in which they are made and looked at.

Pure. A template goes by its key: its id, or for one of `bridge.toml` its name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge import languages
from bridge.canned import Template, by_folder, fits, place
from bridge.errors import Refused
from bridge.model import TemplateId
from bridge.sentences import plural, say
from bridge.slack import modals
from bridge.slack.blocks import Block, button, context, field, inert, marked, overflow, plain, section, shorten
from bridge.slack.markdown import plain_words, rich_text
from bridge.slack.mrkdwn import escape
from bridge.templates import Values

View = dict[str, Any]

OPTIONS = 100  # of one group of a menu
GROUPS = 100
MENU_SIZE = 120_000  # characters of JSON: a view may have 250 kB, and the mail's text stands in it too
PAGE = 25  # templates of a page of the window: with as many folders they take less than 100 blocks
FIRST_WORDS = 120  # characters of a template's text in the window
NAME_MOST, FOLDER_MOST, SUBJECT_MOST, TEXT_MOST = 60, 60, 250, 3000  # characters; the last is Slack's
ANY = "any"  # the language of a template that is for all of them

_VARIABLES = ", ".join(
    f"`{{{{ {name} }}}}`"
    for name in ("number", "subject", "sender.name", "sender.email", "mailbox.name", "mailbox.email", "agent.name",
                 "agent.email", "hours.open", "hours.opens", "hours.text")
)  # fmt: skip


# --- the menu of the compose modal ------------------------------------------------------------------------------------


def menu(templates: Sequence[Template], *, chosen: str, first: frozenset[str]) -> Block:
    """The input in which a template is chosen, which tells us at once: they stand in their folders, those in the
    languages `first` in folders of their own before the others. `chosen`: one by its name, or none.
    """
    groups = _within(MENU_SIZE, [part for group in _groups(templates, first) for part in _parts(*group)])
    element: Block = {"type": "static_select", "action_id": "value", "placeholder": plain(say("A canned answer"))}
    element |= {"options": groups[0]["options"]} if len(groups) == 1 else {"option_groups": groups}
    offered = [option for group in groups for option in group["options"]]
    if found := next((option for option in offered if option["value"] == chosen), None):
        element["initial_option"] = found
    made = field("template", say("Template"), element, optional=True) | {"dispatch_action": True}
    if left := len(templates) - len(offered):
        told = plural(
            left,
            "{n} more has no room here: shorter names make some.",
            "{n} more have no room here: shorter names make some.",
        )
        made["hint"] = plain(told)
    return made


def _groups(templates: Sequence[Template], first: frozenset[str]) -> Iterator[tuple[str, list[Template]]]:
    """Titles, each with what stands under it."""
    fitting: dict[str, list[Template]] = {}
    for one in templates:
        if fits(one, first):
            titles = filter(None, (shorten(one.folder, 40), languages.name(one.language)))
            fitting.setdefault(" · ".join(titles), []).append(one)
    yield from fitting.items()
    for folder, inside in by_folder(one for one in templates if not fits(one, first)):
        yield folder or say("Others"), inside


def _parts(title: str, inside: Sequence[Template]) -> Iterator[Block]:
    """A folder as groups of as many options as Slack takes in one."""
    for number, start in enumerate(range(0, len(inside), OPTIONS), start=1):
        label = shorten(title, 60) if number == 1 else f"{shorten(title, 60)} ({number})"
        yield {"label": plain(label), "options": [_option(one) for one in inside[start : start + OPTIONS]]}


def _option(one: Template) -> Block:
    words = f"{one.name} ({languages.name(one.language)})" if one.language else one.name
    option: Block = {"text": plain(shorten(words, 75)), "value": one.name}
    return option | ({"description": plain(_sent(one))} if one.uses else {})


def _within(limit: int, groups: Sequence[Block]) -> list[Block]:
    """The groups up to that size together, the last one perhaps cut."""
    kept: list[Block] = []
    for group in groups[:GROUPS]:
        options = []
        for option in group["options"]:
            limit -= len(json.dumps(option, ensure_ascii=False).encode())
            if limit < 0:
                break
            options.append(option)
        kept += [{**group, "options": options}] if options else []
    return kept


def _sent(one: Template) -> str:
    return plural(one.uses, "sent {n} time", "sent {n} times")


# --- the window with all of them --------------------------------------------------------------------------------------


def key(one: Template) -> str:
    """What a template goes by in a menu's value."""
    return str(one.id) if one.id else f"file:{one.name}"


def picked(templates: Sequence[Template], by: str) -> Template:
    """The template that goes by that key. Raises Refused where it is gone."""
    if found := next((one for one in templates if key(one) == by), None):
        return found
    raise Refused(say("This template is not there any more."))


def page_of(templates: Sequence[Template], template: Template) -> int:
    """The page of the window on which a template stands, or stood, from 0."""
    return sum(place(one) < place(template) for one in templates) // PAGE


def window(templates: Sequence[Template], *, page: int = 0) -> View:
    """All of them by folder, a page at a time, each with what can be done with it."""
    page = max(0, min(page, (len(templates) - 1) // PAGE))
    made = {one.name.casefold() for one in templates if one.id}
    blocks: list[Block] = [
        {"type": "actions", "elements": [button(say("New template"), "new_template", "new", style="primary")]}
    ]
    if not templates:
        blocks.append(section(say("There are none yet. A template is an answer that is written once and sent often.")))
    for folder, inside in by_folder(templates[page * PAGE : (page + 1) * PAGE]):
        blocks.append({"type": "header", "text": plain(shorten(folder, 140) or say("In no folder"))})
        blocks += [_row(one, covered=one.id is None and one.name.casefold() in made) for one in inside]
    turns = [button(say("Previous"), "templates_previous", str(page - 1))] if page else []
    turns += [button(say("Next"), "templates_next", str(page + 1))] if (page + 1) * PAGE < len(templates) else []
    blocks += [{"type": "actions", "elements": turns}] if turns else []
    return {"type": "modal", "title": plain(say("Templates")), "close": plain(say("Close")), "blocks": blocks}


def _row(one: Template, *, covered: bool) -> Block:
    facts = [languages.name(one.language)] if one.language else []
    facts += [_sent(one)] if one.uses else []
    told = ["", *map(inert, facts)]
    told += [say("in `bridge.toml`")] if one.id is None else []
    told += [say("covered by the one of this name that was made here")] if covered else []
    head = f"*{inert(one.name)}*" + "  ·  ".join(told)
    verbs = [("edit", say("Edit …"))] if one.id else []
    verbs.append(("preview", say("Preview")))
    verbs += [("remove", say("Remove …"))] if one.id else []
    menu = overflow("template_menu", [(f"{verb}:{key(one)}", words) for verb, words in verbs])
    return section(f"{head}\n{inert(shorten(plain_words(one.text, most=FIRST_WORDS), FIRST_WORDS))}", accessory=menu)


# --- making and changing one ------------------------------------------------------------------------------------------


def form(template: Template | None) -> View:
    """The modal in which a template is written; None for a new one."""
    one = template or Template(name="", text="")
    text = _input(one.text, most=TEXT_MOST, example="Hi {{ sender.name }},") | {"multiline": True}
    told = say("Markdown formats it: `**bold**`, `[words](https://…)`. It may speak of {names}.", names=_VARIABLES)
    folder = _input(one.folder, most=FOLDER_MOST, example=say("Shipping"))
    subject = field("subject", say("Subject"), _input(one.subject, most=SUBJECT_MOST), optional=True)
    subject["hint"] = plain(say("For new mails; an answer keeps the subject of its mail."))
    return {
        "type": "modal",
        "callback_id": "template",
        "title": plain(say("Edit template") if template else say("New template")),
        "submit": plain(say("Save")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps({"id": one.id, "revision": one.revision}),
        "blocks": [
            field("name", say("Name"), _input(one.name, most=NAME_MOST, example=say("Sorry, a new one leaves today"))),
            field("folder", say("Folder"), folder, optional=True),
            field("language", say("Language"), _languages(one.language)),
            subject,
            field("text", say("Text"), text),
            context(told),
            {"type": "actions", "elements": [button(say("Preview"), "preview_template", "preview")]},
        ],
    }


def typed(view: Mapping[str, Any]) -> Template:
    """A template as it was typed into that modal."""
    carried = json.loads(view["private_metadata"])
    values = {block: held["value"] for block, held in view["state"]["values"].items() if "value" in held}
    words = {name: (values[name].get("value") or "").strip() for name in ("name", "folder", "subject", "text")}
    language = (values["language"].get("selected_option") or {}).get("value") or ANY
    return Template(
        name=words["name"],
        text=words["text"],
        subject=words["subject"],
        folder=words["folder"],
        language="" if language == ANY else language,
        id=TemplateId(carried["id"]) if carried["id"] else None,
        revision=carried["revision"],
    )


def _input(initial: str, *, most: int, example: str = "") -> Block:
    element: Block = {"type": "plain_text_input", "action_id": "value", "max_length": most}
    element |= {"initial_value": initial[:most]} if initial else {}
    return element | ({"placeholder": plain(example)} if example else {})


def _languages(chosen: str) -> Block:
    options = [{"text": plain(say("For any language")), "value": ANY}]
    for code, (english, own) in languages.LANGUAGES.items():
        words = own if own == english else f"{own} ({english})"
        options.append({"text": plain(words), "value": code})
    initial = next((one for one in options if one["value"] == chosen), options[0])
    return {"type": "static_select", "action_id": "value", "options": options, "initial_option": initial}


# --- looking at one, and taking it away -------------------------------------------------------------------------------


def preview(filled: Template, values: Values) -> View:
    """A template as it would stand in a mail, with the made-up facts that it was filled in with."""
    told = say(
        "As if {who} had written about “{subject}”, in #{number}.",
        who=escape(str(values.sender)),
        subject=escape(values.subject),
        number=values.number,
    )
    blocks = [context(told)]
    if filled.subject:
        blocks.append(section(say("*Subject:*  {subject}", subject=inert(filled.subject))))
    blocks += [{"type": "divider"}, rich_text(filled.text)]
    return {"type": "modal", "title": plain(say("Preview")), "close": plain(say("Close")), "blocks": blocks}


def refusal(sentence: str) -> View:
    """Why a template could not be removed."""
    return modals.notice(say("Remove template"), sentence)


def confirm_remove(one: Template) -> View:
    """The question before a template goes."""
    told = [say("Remove *{name}*? What was written from it stays as it is.", name=inert(one.name))]
    told += [_sent(one)] if one.uses else []
    return {
        "type": "modal",
        "callback_id": "remove_template",
        "title": plain(say("Remove template")),
        "submit": plain(say("Remove")),
        "close": plain(say("Cancel")),
        "private_metadata": key(one),
        "blocks": [{"type": "section", "text": marked("\n".join(told))}],
    }
