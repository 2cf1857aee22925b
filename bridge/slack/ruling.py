"""Rules, for admins: their line on Home, the window that lists them in order, and what one would have matched.

Pure. How a rule is written is in `bridge/slack/ruleform.py`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.model import Conversation, Number, Priority
from bridge.routing.matching import On, Rule, Share, Then, When, version
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import Block, button, context, inert, overflow, person, plain, section, shorten
from bridge.slack.mrkdwn import whole
from bridge.slack.results import linked_number

View = dict[str, Any]

OF_FILE_SHOWN = 40  # rules of bridge.toml in the window; as many may be made in Slack, and each takes one block
NAMED = 12  # conversations that are named of those that a rule would have matched
WORDS = 300  # characters of each line of what a rule says: eighty rules stand in one window
TOLD = 2_900  # characters of a section

PRIORITIES = {
    Priority.URGENT: mark("urgent"),
    Priority.HIGH: mark("high"),
    Priority.LOW: mark("low"),
    Priority.NORMAL: mark("normal"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A rule in the window. `id`: None of one of `bridge.toml`, which is always on."""

    rule: Rule
    id: int | None = None
    is_on: bool = True


def home(rules: Sequence[Shown]) -> list[Block]:
    """Their line on Home."""
    told = plural(len(rules), "{n} rule", "{n} rules") if rules else say("none yet")
    off = sum(not one.is_on for one in rules)
    told += "  ·  " + plural(off, "{n} off", "{n} off") if off else ""
    return [section(f"*{say('Rules')}*\n{told}", accessory=button(say("Change …"), "rules", "open"))]


def window(rules: Sequence[Shown]) -> View:
    """All of them in their order, each with what can be done with it."""
    of_file = [one for one in rules if one.id is None]
    made = [one for one in rules if one.id is not None]
    blocks: list[Block] = [
        {"type": "actions", "elements": [button(say("New rule"), "new_rule", "new", style="primary")]},
        context(say("They are tried in this order on mail that comes in; all that fit act, unless one says stop.")),
    ]
    if not rules:
        blocks.append(section(say("There are none yet. A rule says what is done with mail by who wrote what to whom.")))
    blocks += [_row(one, at) for at, one in enumerate(of_file[:OF_FILE_SHOWN], start=1)]
    if more := len(of_file[OF_FILE_SHOWN:]):
        blocks.append(context(plural(more, "… and {n} more in `bridge.toml`", "… and {n} more in `bridge.toml`")))
    blocks += [_row(one, at) for at, one in enumerate(made, start=len(of_file) + 1)]
    return {
        "type": "modal",
        "callback_id": "rules",
        "title": plain(say("Rules")),
        "close": plain(say("Close")),
        "blocks": blocks,
    }


def _row(one: Shown, at: int) -> Block:
    state = say(":large_green_circle: on") if one.is_on else say(":white_circle: off")
    if one.id is None:
        state += "  ·  " + say("in `bridge.toml`")
        menu = [(f"try:file:{one.rule.name}", say("Try it"))]
    else:
        tried = say("Try it") if one.is_on else say("Try it and switch it on …")
        menu = [(f"edit:{one.id}", say("Edit …")), (f"try:{one.id}", tried)]
        menu += [(f"off:{one.id}", say("Switch off"))] if one.is_on else []
        menu += [(f"up:{one.id}", say("Move up")), (f"down:{one.id}", say("Move down"))]
    head = f"*{at}. {inert(one.rule.name)}*  ·  {state}"
    return section(f"{head}\n{in_words(one.rule)}"[:TOLD], accessory=overflow("rule_menu", menu))


# --- what one would have matched --------------------------------------------------------------------------------------


def trial(
    one: Shown,
    matched: Sequence[Number],
    *,
    of: int,
    unknown: int,
    known: Mapping[Number, Conversation],
    workspace: str,
) -> View:
    """What a rule would have matched of so many mails, and the button that switches it on.

    `known`: those of the conversations that whoever tries it may see: one may show in a channel that they are not in.
    `workspace`: its address, for links to cards.
    """
    told = plural(
        len(matched),
        "Would have matched *{n}* of the last {of} mails.",
        "Would have matched *{n}* of the last {of} mails.",
        of=of,
    )
    blocks = [section(told)]
    if numbers := list(dict.fromkeys(matched)):
        lines = [_matched(number, known.get(number), workspace) for number in numbers[:NAMED]]
        blocks.append(section(whole(lines, TOLD)))
        if (more := len(numbers) - NAMED) > 0:
            blocks.append(context(say("and {n} more", n=more)))
    if unknown:
        blocks.append(
            context(
                plural(
                    unknown,
                    "{n} cannot be told: its headers are kept no more.",
                    "{n} cannot be told: their headers are kept no more.",
                )
            )
        )
    return _trial(one, blocks)


def untried(one: Shown, why: str) -> View:
    """As `trial`, for who may not be told what it would have matched."""
    return _trial(one, [section(why)])


def _trial(one: Shown, told: Sequence[Block]) -> View:
    blocks = [section(f"*{inert(one.rule.name)}*\n{in_words(one.rule)}"[:TOLD]), *told]
    if one.id is not None and not one.is_on:
        blocks.append({"type": "actions", "elements": [_switch_on(one.id, one.rule)]})
    elif one.is_on:
        blocks.append(context(say("It is on.")))
    return {
        "type": "modal",
        "callback_id": "rule_trial",
        "title": plain(say("Try it")),
        "close": plain(say("Close")),
        "private_metadata": json.dumps({"id": one.id}),
        "blocks": blocks,
    }


def _matched(number: Number, conversation: Conversation | None, workspace: str) -> str:
    if conversation is None:
        return f"*#{number}*"
    subject = inert(shorten(conversation.subject, 80)) or say("(no subject)")
    return f"{linked_number(conversation, workspace=workspace)}  {subject}"


def _switch_on(rule_id: int, rule: Rule) -> Block:
    """What is switched on is what was looked at: the button's value is `id:version`."""
    return button(say("Switch on"), "switch_rule_on", f"{rule_id}:{version(rule)}", style="primary")


# --- a rule in words --------------------------------------------------------------------------------------------------


def in_words(rule: Rule) -> str:
    """What a rule says, in two lines of mrkdwn."""
    when, then = _when(rule), _then(rule.then)
    then += [say("no further rules")] if rule.stop else []
    return f"{say('When')}: {_line(when)}\n{say('Then')}: {_line(then)}"


def _line(facts: Sequence[str]) -> str:
    return shorten("  ·  ".join(facts), WORDS)


def _when(rule: Rule) -> list[str]:
    when = rule.when
    facts = [say("every mail that comes in") if rule.on is On.EVERY else say("a new conversation")]
    named: Mapping[str, Sequence[str]] = {
        say("mailbox"): when.mailboxes,
        say("from"): when.from_,
        say("to"): when.to,
        say("subject"): when.subject,
        say("text"): when.text,
        say("attachment"): when.attachments,
        **{name: patterns or ("*",) for name, patterns in when.headers},
    }
    facts += [f"{inert(name)}: {' | '.join(map(inert, patterns))}" for name, patterns in named.items() if patterns]
    return facts + [words for value, words in signs(when) if value]


def signs(when: When) -> list[tuple[bool, str]]:
    """What may matter beside its words: whether it does, and how it is called."""
    return [
        (when.first_time is True, say("the sender writes for the first time")),
        (when.first_time is False, say("the sender wrote before")),
        (when.spam is True, say("the mail server calls it spam")),
        (when.spam is False, say("the mail server does not call it spam")),
        (when.automatic is True, say("a machine wrote it")),
        (when.automatic is False, say("a person wrote it")),
        (when.open is True, say("within office hours")),
        (when.open is False, say("outside office hours")),
    ]


def _then(then: Then) -> list[str]:
    facts = [say("to {channel}", channel=_channel(then.channel))] if then.channel else []
    if then.share:
        people = ", ".join(map(person, then.owners)) or say("all who may act there")
        by_load = then.share is Share.LOAD
        facts.append(
            say("to who has least of {people}", people=people) if by_load else say("in turn to {people}", people=people)
        )
    facts += [f":label: {' '.join(inert(f'#{one}') for one in then.tags)}"] if then.tags else []
    facts += [say("priority: {priority}", priority=say(PRIORITIES[then.priority]))] if then.priority is not None else []
    if then.template:
        name = inert(then.template)
        facts.append(say("send “{name}”", name=name) if then.sends else say("draft “{name}”", name=name))
    facts += [say("pass on to {people}", people=", ".join(map(inert, then.forward)))] if then.forward else []
    facts += [say("call {name}", name=inert(then.webhook))] if then.webhook else []
    facts += [say("close")] if then.close else []
    facts += [say("to junk")] if then.spam else []
    return facts


def _channel(name: str) -> str:
    return inert(name) if name.startswith("#") else f"<#{name}>"
