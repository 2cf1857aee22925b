"""What was done to a conversation, a line each: the audit log in its reader's words. Pure.

The log keeps verbs and states by the names that the bridge has for them, in whichever language it is read later. What
has no word here is shown as it was kept.
"""

import re
from datetime import datetime

from bridge.model import BRIDGE, ELSEWHERE, Act, Where
from bridge.sentences import mark, say
from bridge.slack import details
from bridge.slack.blocks import inert, moment, person

PLACES = {
    Where.BUTTON: mark("button"),
    Where.MENU: mark("menu"),
    Where.MODAL: mark("modal"),
    Where.COMMAND: mark("command"),
    Where.SHORTCUT: mark("shortcut"),
    Where.HOME: mark("home"),
    Where.REACTION: mark("reaction"),
    Where.CLI: mark("cli"),
    Where.MCP: mark("mcp"),
    Where.RULE: mark("rule"),
}
VERBS = frozenset({
    mark("claim"), mark("release"), mark("assign"), mark("close"), mark("reopen"), mark("snooze"), mark("wake"),
    mark("reply"), mark("reply_all"), mark("forward"), mark("new"), mark("answer"), mark("acknowledge"),
    mark("release file"), mark("checked"),
    mark("send now"), mark("undo"), mark("resend"), mark("mark delivered"), mark("stop acknowledging"),
    mark("mark read"), mark("mark unread"), mark("mark flagged"), mark("mark unflagged"), mark("not done"),
    mark("archive"), mark("restore"), mark("delete"), mark("spam"), mark("remove"), mark("merge"), mark("split"),
    mark("move"), mark("stay"), mark("tag"), mark("priority"), mark("propose"), mark("call"), mark("not answered"),
    mark("not passed on"), mark("not sent"), mark("list"), mark("search"), mark("read"), mark("take up"),
    mark("discard"), mark("nudge"), mark("last mail"), mark("reword"),
    mark("rule made"), mark("rule changed"), mark("rule switched on"), mark("rule switched off"), mark("rule moved"),
    mark("rule removed"), mark("template made"), mark("template changed"), mark("template removed"),
    mark("agents changed"), mark("settings changed"),
})  # fmt: skip
STATES = frozenset({
    mark("status"), mark("open"), mark("waiting"), mark("snoozed"), mark("closed"), mark("wakes"), mark("owner"),
    mark("folder"), mark("inbox"), mark("archive"), mark("trash"), mark("junk"), mark("gone"),
    mark("seen"), mark("flagged"), mark("answered"), mark("yes"), mark("no"), mark("none"),
    mark("held"), mark("due"), mark("queued"), mark("handing over"), mark("sent"), mark("failed"),
    mark("uncertain"), mark("cancelled"), mark("proposed"), mark("suggested"), mark("taken up"),
    mark("discarded"),
    mark("channel"), mark("tags"), mark("priority"), mark("urgent"), mark("high"), mark("low"),
    mark("program"), mark("script"), mark("macro"), mark("shortcut"), mark("disk image"), mark("page"),
    mark("admins"), mark("released"),
})  # fmt: skip
_CHANGE = re.compile(r"(\w+: )?[^→,]+ → [^→,]+(, \w+: [^→,]+ → [^→,]+)*")
_WORD = re.compile(r"[a-z]+( [a-z]+)?")
_BY_RULE = re.compile(r"rule: (.+?)(?:, (.*))?", re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00:00")
_IN_SLACK = re.compile(r"\b[CGUW](?=[A-Z]*\d)[A-Z0-9]{7,}\b")  # a word in capitals has no digit


def line(act: Act) -> str:
    """When, who and from where, what, and from what to what, in mrkdwn."""
    verb, detail, by = _said(act.verb), act.detail, ""
    if ruled := _BY_RULE.fullmatch(detail):
        by, detail = say("by the rule “{rule}”", rule=inert(ruled[1])) + "  ", ruled[2] or ""
    detail = details.told(detail, otherwise=_in_words)
    return f"{moment(act.at)}  ·  {_actor(act)}  ·  *{inert(verb)}*  {by}{_drawn(inert(detail))}"


def of_desk(act: Act) -> tuple[str, str]:
    """What an admin did to the desk, and its detail, in words."""
    return _said(act.verb), details.of_desk(act.detail, otherwise=_in_words)


def _in_words(detail: str) -> str:
    """From what to what, or one of our words by itself."""
    return _WORD.sub(lambda found: _said(found[0]), detail) if _CHANGE.fullmatch(detail) else _said(detail)


def _drawn(detail: str) -> str:
    """Times in the reader's zone, channels and people by their names, as Slack shows them."""
    detail = _TIME.sub(lambda found: moment(datetime.fromisoformat(found[0])), detail)
    return _IN_SLACK.sub(lambda found: f"<{'@' if found[0][0] in 'UW' else '#'}{found[0]}>", detail)


def _said(word: str) -> str:
    return say(word) if word in VERBS | STATES else word


def _actor(act: Act) -> str:
    """Who, and from where; where both say the same, it is said once."""
    if act.actor == BRIDGE:
        return say("the bridge")
    if act.actor == ELSEWHERE:
        return say("another mail client")
    return person(act.actor) + (f" ({say(PLACES.get(act.place, act.place))})" if act.place else "")
