"""The modal in which an admin writes a rule, and the rule that was written. Pure.

A pattern stands on a line of its own; everything that is filled in must hold, of several lines one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.model import Priority, UserId
from bridge.routing.matching import LONGEST, PATTERNS, On, Rule, Share, Then, When
from bridge.sentences import say
from bridge.settings import values
from bridge.settings.rules import MOST_TAGS, tag
from bridge.slack.blocks import Block, channel_menu, context, field, plain, shorten
from bridge.slack.ruling import PRIORITIES, signs

View = dict[str, Any]

OPTIONS = 100  # of a menu, or of a group in it, at most
TEXT = 3000  # characters of an input, at most

SIGNS: Mapping[str, tuple[str, bool]] = {
    "first_time": ("first_time", True),
    "known": ("first_time", False),
    "spam": ("spam", True),
    "not_spam": ("spam", False),
    "automatic": ("automatic", True),
    "person": ("automatic", False),
    "open": ("open", True),
    "closed": ("open", False),
}
"""The values of the menu of signs, each with the field of `When` that it sets; in the order of `signs`."""


class Unwritten(ValueError):
    """What was filled in is no rule; `fields` says why, by block id."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


def form(
    rule: Rule | None,
    *,
    rule_id: int | None,
    mailboxes: Sequence[str],
    templates: Sequence[str],
    webhooks: Sequence[str],
) -> View:
    """The modal; `rule` is None for a new one."""
    one = rule or Rule(name="")
    blocks = [
        field("name", say("Name"), _line(one.name, most=60)),
        {"type": "header", "text": plain(say("When"))},
        *_when(one, mailboxes),
        {"type": "divider"},
        {"type": "header", "text": plain(say("Then"))},
        *_then(one, templates, webhooks),
    ]
    if rule_id is not None:
        blocks.append({"type": "actions", "elements": [_remove(rule_id)]})
    return {
        "type": "modal",
        "callback_id": "rule",
        "title": plain(say("Edit rule") if rule_id is not None else say("New rule")),
        "submit": plain(say("Save and try")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps({"id": rule_id}),
        "blocks": blocks,
    }


def _when(one: Rule, mailboxes: Sequence[str]) -> list[Block]:
    when = one.when
    on = [(str(On.NEW), say("New conversations")), (str(On.EVERY), say("Every mail that comes in"))]
    headers = [f"{name}: {pattern}" for name, patterns in when.headers for pattern in patterns or ("*",)]
    told = say("All that is filled in must hold; of several lines, one. `*` stands for anything: `*@example.com`.")
    blocks = [field("on", say("Looks at"), _menu(on, one.on)), context(told)]
    if len(mailboxes) > 1 or when.mailboxes:
        wanted = {box.casefold() for box in when.mailboxes}
        known = {name.casefold() for name in mailboxes}
        chosen = [name for name in mailboxes if name.casefold() in wanted]
        chosen += [name for name in when.mailboxes if name.casefold() not in known]
        blocks.append(field("mailbox", say("Mailboxes"), _menus(_named(mailboxes, chosen), chosen), optional=True))
    blocks += [
        field("from", say("From"), _lines(when.from_), optional=True),
        field("to", say("To or Cc"), _lines(when.to), optional=True),
        field("subject", say("Subject"), _lines(when.subject), optional=True),
        field("text", say("Text"), _lines(when.text), optional=True),
        field("attachment", say("Attachment (name or type)"), _lines(when.attachments), optional=True),
        field("header", say("Header (Name: value)"), _lines(headers), optional=True),
    ]
    chosen_signs = [value for value, (name, wanted) in SIGNS.items() if getattr(when, name) is wanted]
    options = [(value, words[:75]) for value, (_, words) in zip(SIGNS, signs(when), strict=True)]
    return [*blocks, field("signs", say("And"), _menus(options, chosen_signs), optional=True)]


def _then(one: Rule, templates: Sequence[str], webhooks: Sequence[str]) -> list[Block]:
    then = one.then
    where = channel_menu()
    where |= {"initial_conversation": then.channel} if then.channel.startswith(("C", "G")) else {}
    people: Block = {"type": "multi_users_select", "action_id": "value", "max_selected_items": PATTERNS}
    people |= {"initial_users": list(then.owners)} if then.owners else {}
    share = [(str(Share.TURN), say("In turn")), (str(Share.LOAD), say("To who has the fewest open"))]
    whose = field("owners", say("Owners"), people, optional=True)
    whose["hint"] = plain(say("Nobody chosen: all who may act in the channel. Who may not act there is left out."))
    priorities = [(str(value), say(PRIORITIES[value])) for value in (Priority.URGENT, Priority.HIGH, Priority.LOW)]
    blocks = [
        field("channel", say("Show it in"), where, optional=True),
        field("share", say("Give it"), _menu(share, then.share), optional=True),
        whose,
        field("tag", say("Tags"), _line(" ".join(then.tags), most=400), optional=True),
        field("priority", say("Priority"), _menu(priorities, then.priority), optional=True),
    ]
    if templates or then.template:
        how = [("draft", say("As a draft that somebody sends")), ("send", say("Sent by itself, never to machines"))]
        blocks += [
            field(
                "template",
                say("Answer with the template"),
                _menu(_named(templates, [then.template]), then.template),
                optional=True,
            ),
            field("how", say("How it is answered"), _menu(how, "send" if then.sends else "draft")),
        ]
    blocks.append(field("forward", say("Pass on to (addresses)"), _lines(then.forward), optional=True))
    if webhooks or then.webhook:
        options = _named(webhooks, [then.webhook])
        blocks.append(field("webhook", say("Call"), _menu(options, then.webhook), optional=True))
    acts = [("close", say("Close it")), ("spam", say("Move it to junk")), ("stop", say("Try no further rules"))]
    done = [name for name, is_so in (("close", then.close), ("spam", then.spam), ("stop", one.stop)) if is_so]
    return [*blocks, field("acts", say("And"), _menus(acts, done, kind="checkboxes"), optional=True)]


# --- what was written -------------------------------------------------------------------------------------------------


def rule_id_of(view: Mapping[str, Any]) -> int | None:
    """The rule that is changed there; None for a new one."""
    found: int | None = json.loads(view["private_metadata"])["id"]
    return found


def typed(view: Mapping[str, Any]) -> Rule:
    """The rule as it was written. Raises Unwritten with what is wrong at which input."""
    held = {block: one["value"] for block, one in view["state"]["values"].items() if "value" in one}
    wrong: dict[str, str] = {}
    rule = Rule(
        name=" ".join((held["name"].get("value") or "").split()),
        on=On(_chosen(held, "on") or On.NEW),
        stop="stop" in _many(held, "acts"),
        when=_typed_when(held, wrong),
        then=_typed_then(held, wrong),
    )
    if not rule.name:
        wrong["name"] = say("Give the rule a name to find it by.")
    if rule.then == Then() and not rule.stop and not wrong:
        wrong["acts"] = say("Say what is to be done.")
    if wrong:
        raise Unwritten(wrong)
    return rule


def _typed_when(held: Mapping[str, Any], wrong: dict[str, str]) -> When:
    patterns = {
        name: _patterns(held, name, wrong) for name in ("from", "to", "subject", "text", "attachment", "header")
    }
    headers: dict[str, list[str]] = {}
    for line in patterns["header"]:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not (name and colon):
            wrong["header"] = say("Write a header as `Name: value`, each on a line.")
        headers.setdefault(name, []).append(value or "*")
    signs_set: dict[str, bool] = {}
    for name, wanted in (SIGNS[one] for one in _many(held, "signs")):
        if signs_set.setdefault(name, wanted) is not wanted:
            wrong["signs"] = say("Both cannot be so at once: choose one of the two.")
    return When(
        mailboxes=tuple(_many(held, "mailbox")),
        from_=patterns["from"],
        to=patterns["to"],
        subject=patterns["subject"],
        text=patterns["text"],
        attachments=patterns["attachment"],
        headers=tuple((name, tuple(found)) for name, found in headers.items()),
        **signs_set,
    )


def _typed_then(held: Mapping[str, Any], wrong: dict[str, str]) -> Then:
    tags = (held["tag"].get("value") or "").replace(",", " ").replace("#", " ").split()
    share, owners = _chosen(held, "share"), (held["owners"].get("selected_users") or ())
    if owners and not share:
        wrong["share"] = say("Say how it is given to them.")
    priority = _chosen(held, "priority")
    template = _chosen(held, "template")
    acts = _many(held, "acts")
    return Then(
        channel=held["channel"].get("selected_conversation") or "",
        share=Share(share) if share else None,
        owners=tuple(UserId(one) for one in owners),
        tags=_each(tags[:MOST_TAGS], tag, wrong, "tag", say("A tag is one word of letters, digits, dots and hyphens.")),
        priority=Priority(priority) if priority else None,
        template=template,
        sends=bool(template) and _chosen(held, "how") == "send",
        close="close" in acts,
        spam="spam" in acts,
        forward=_each(
            _patterns(held, "forward", wrong), values.address, wrong, "forward", say("Write one address on each line.")
        ),
        webhook=_chosen(held, "webhook"),
    )


def _patterns(held: Mapping[str, Any], block: str, wrong: dict[str, str]) -> tuple[str, ...]:
    lines = tuple(line.strip() for line in (held[block].get("value") or "").splitlines() if line.strip())
    if len(lines) > PATTERNS or any(len(line) > LONGEST for line in lines):
        wrong[block] = say("At most {lines} lines of {most} characters.", lines=PATTERNS, most=LONGEST)
    return lines


def _each(
    words: Sequence[str], read: Callable[[str], str], wrong: dict[str, str], block: str, sentence: str
) -> tuple[str, ...]:
    """Each of the words as it is kept; where one is none, the sentence stands at its input."""
    try:
        return tuple(dict.fromkeys(read(one) for one in words))
    except ValueError:
        wrong[block] = sentence
        return ()


def _chosen(held: Mapping[str, Any], block: str) -> str:
    return str((held.get(block, {}).get("selected_option") or {}).get("value", ""))


def _many(held: Mapping[str, Any], block: str) -> list[str]:
    return [str(one["value"]) for one in held.get(block, {}).get("selected_options") or ()]


# --- inputs -----------------------------------------------------------------------------------------------------------


def _line(initial: str, *, most: int) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": "value", "max_length": most}
    return element | ({"initial_value": initial[:most]} if initial else {})


def _lines(initial: Sequence[str]) -> Block:
    return _line("\n".join(initial), most=TEXT) | {"multiline": True}


def _named(there: Sequence[str], kept: Sequence[str]) -> list[tuple[str, str]]:
    """Options of those names. One that the rule names stays among them where it is gone: saving would drop it else, and
    the rule would mean something else.
    """
    gone = [name for name in kept if name and name not in there]
    return [(name, name) for name in there] + [(name, say("{name} (not there now)", name=name)) for name in gone]


def _options(named: Sequence[tuple[str, str]]) -> tuple[Block, list[Block]]:
    """The options as an element has them, in groups where they are more than a menu holds; and all of them."""
    options = [{"text": plain(shorten(words, 75)), "value": value} for value, words in named]
    if len(options) <= OPTIONS:
        return {"options": options}, options
    groups = [
        {
            "label": plain(f"{start + 1} – {min(start + OPTIONS, len(options))}"),
            "options": options[start : start + OPTIONS],
        }
        for start in range(0, len(options), OPTIONS)
    ]
    return {"option_groups": groups}, options


def _menu(named: Sequence[tuple[str, str]], chosen: str | None) -> Block:
    held, options = _options(named)
    element: Block = {"type": "static_select", "action_id": "value"} | held
    initial = next((one for one in options if one["value"] == chosen), None)
    return element | ({"initial_option": initial} if initial else {})


def _menus(named: Sequence[tuple[str, str]], chosen: Sequence[str], *, kind: str = "multi_static_select") -> Block:
    held, options = _options(named)
    element: Block = {"type": kind, "action_id": "value"} | held
    initial = [one for one in options if one["value"] in chosen]
    return element | ({"initial_options": initial} if initial else {})


def _remove(rule_id: int) -> Block:
    return {
        "type": "button",
        "text": plain(say("Remove this rule")),
        "action_id": "remove_rule",
        "value": str(rule_id),
        "style": "danger",
        "confirm": {
            "title": plain(say("Remove this rule")),
            "text": plain(say("What it did stays as it is.")),
            "confirm": plain(say("Remove")),
            "deny": plain(say("Cancel")),
        },
    }
