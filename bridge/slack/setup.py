"""How the desk is set up, for admins: their part of Home, who is named as agent or admin, what was done to the desk.

Pure.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bridge.canned import Template
from bridge.model import Act, Named, UserId
from bridge.sentences import plural, say
from bridge.slack import deeds
from bridge.slack.blocks import Block, button, context, field, inert, moment, person, plain, section, shorten

View = dict[str, Any]

PEOPLE_SHOWN = 30  # of one list on Home
PEOPLE_MOST = 100  # of one list: as many as Slack fills an input with
DETAIL = 300  # characters of an act

_PERSON = re.compile(r"\b[UW](?=[A-Z]*[0-9])[A-Z0-9]{7,}\b")


def home(templates: Sequence[Template], named: Named, *, rules: Sequence[Block] = ()) -> list[Block]:
    """Their part of Home. `named`: whoever is, here or in bridge.toml; `rules`: the line about them."""
    return [
        {"type": "header", "text": plain(say("This desk"))},
        section(_templates(templates), accessory=button(say("Change …"), "templates", "all")),
        *rules,
        section(_agents(named), accessory=button(say("Change …"), "agents", "change")),
        section(say("*Log*\nWhat admins changed here, and when"), accessory=button(say("Show"), "desk_log", "show")),
    ]


def _templates(templates: Sequence[Template]) -> str:
    made = sum(1 for one in templates if one.id)
    told = plural(len(templates), "{n} template", "{n} templates") if templates else say("none yet")
    where = say("{made} made here, {others} in `bridge.toml`", made=made, others=len(templates) - made)
    return f"*{say('Templates')}*\n{told}" + (f"  ·  {where}" if templates else "")


def _agents(named: Named) -> str:
    who = _people(named.users) or say("the full members of each mailbox's channel")
    also = [say("the workspace's admins"), *([_people(named.admins)] if named.admins else [])]
    return "\n".join(
        [f"*{say('Agents')}*", say("Who may act: {who}", who=who), say("Admins: {who}", who=", ".join(also))]
    )


def _people(users: Collection[UserId]) -> str:
    named = sorted(users)
    told = ", ".join(person(one) for one in named[:PEOPLE_SHOWN])
    more = len(named) - PEOPLE_SHOWN
    return told if more <= 0 else say("{people} and {n} more", people=told, n=more)


# --- who is named -----------------------------------------------------------------------------------------------------


def agents(named: Named, *, operators: Named) -> View:
    """The modal in which agents and admins are named; `operators`: whom bridge.toml names, who stay."""
    who = field("users", say("Who may act"), _choice(named.users), optional=True)
    who["hint"] = plain(
        say("Nobody named: every full member of a mailbox's channel. Who is named must be in the channel as well.")
    )
    lead = field("admins", say("Who is an admin of this desk"), _choice(named.admins), optional=True)
    lead["hint"] = plain(say("Admins change how this desk is set up. The workspace's admins always can."))
    told = [say("`bridge.toml` also names {who}.", who=_people(operators.users))] if operators.users else []
    if operators.admins:
        told.append(say("`bridge.toml` also names {who} as admins.", who=_people(operators.admins)))
    never = say("Guests, people of other organisations and channels that are shared outside are never let in.")
    return {
        "type": "modal",
        "callback_id": "agents",
        "title": plain(say("Agents")),
        "submit": plain(say("Save")),
        "close": plain(say("Cancel")),
        "blocks": [who, lead, *(context(one) for one in (*told, never))],
    }


def _choice(users: Collection[UserId]) -> Block:
    element: Block = {"type": "multi_users_select", "action_id": "value", "max_selected_items": PEOPLE_MOST}
    return element | ({"initial_users": sorted(users)[:PEOPLE_MOST]} if users else {})


def moved(view: Mapping[str, Any], block_id: str) -> tuple[frozenset[UserId], frozenset[UserId]]:
    """Who was put into one of its inputs, and who was taken out, since the modal was opened: what another admin did
    meanwhile stays.
    """
    element = next(one["element"] for one in view["blocks"] if one.get("block_id") == block_id)
    before = frozenset(UserId(one) for one in element.get("initial_users") or ())
    chosen = view["state"]["values"][block_id]["value"].get("selected_users") or ()
    after = frozenset(UserId(one) for one in chosen)
    return after - before, before - after


# --- what was done ----------------------------------------------------------------------------------------------------


def log(done: Sequence[Act]) -> View:
    """What was done to the desk, the newest first."""
    lines = [_line(one) for one in done] or [say("Nobody has changed anything here yet.")]
    blocks = [section(line) for line in lines]
    return {"type": "modal", "title": plain(say("Log")), "close": plain(say("Close")), "blocks": blocks}


def _line(act: Act) -> str:
    verb, detail = deeds.of_desk(act)
    return f"{moment(act.at)}  ·  {person(act.actor)}  ·  *{inert(verb)}*  {_detail(detail)}"


def _detail(text: str) -> str:
    """What an act changed, its people by their names as Slack shows them."""
    return _PERSON.sub(lambda found: person(UserId(found[0])), inert(shorten(text, DETAIL)))
