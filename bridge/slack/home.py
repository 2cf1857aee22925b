"""The app's Home: what waits for a person, how the mailboxes fare, their own settings; for admins, how it is set up.

Pure. The words, verbs and buttons are those of the cards. Slack shows a hundred blocks; even the fullest Home has less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.model import Brief, Conversation, Draft, DraftState, MailboxName, Status, UserId
from bridge.sentences import plural, say
from bridge.slack.blocks import (
    REASON_LIMIT,
    WHERE,
    Block,
    button,
    clock,
    context,
    draft_buttons,
    inert,
    marked,
    moment,
    overflow,
    person,
    plain,
    recipients,
    section,
    shorten,
)
from bridge.slack.card import answer_due, status
from bridge.slack.mrkdwn import escape, whole
from bridge.slack.results import linked_number

View = dict[str, Any]

SHOWN = 8  # conversations of a list: each takes two blocks
LONGEST_SHOWN = 5
TROUBLED_SHOWN = 5
PROPOSED_SHOWN = 5
MAILBOXES_SHOWN = 20
SIGNATURE_LIMIT = 2_000  # characters
TOLD_LIMIT = 2_900  # characters of a section


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxState:
    """How a mailbox fares: `trouble` says why it is not read, `heard` when its server last gave a sign of life."""

    name: MailboxName
    open: int
    trouble: str = ""
    heard: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What a person's Home shows at that time. Of each list the first, and how many there are. `workspace`: its
    address, for links to cards; `longest`: since when the customer waits who waits longest; `overdue`: how many should
    have an answer by now.
    """

    user: UserId
    at: datetime
    workspace: str
    mine: Sequence[Brief]
    mine_total: int
    unowned: Sequence[Brief]
    unowned_total: int
    waiting: Sequence[Brief]
    longest: datetime | None
    overdue: int
    troubled: Sequence[Draft]
    proposed: Sequence[tuple[Draft, Conversation]]
    proposed_total: int
    mailboxes: Sequence[MailboxState]
    signature: str
    reminders: bool


def home(board: Board, *, setup: Sequence[Block] = ()) -> View:
    """The Home of somebody who may act; `setup`: what they see of it as an admin."""
    blocks = [section(_summary(board)), _search(), _new_mail()]
    blocks += _troubled(board)
    blocks += _proposed(board)
    blocks += _conversations(say("Mine"), board.mine, board.mine_total, board=board, more="is:mine -is:closed")
    blocks += _conversations(
        say("Nobody's yet"), board.unowned, board.unowned_total, board=board, more="is:unowned is:open"
    )
    blocks += _waiting(board)
    blocks += _mailboxes(board.mailboxes)
    blocks += _settings(board)
    blocks += setup
    return {"type": "home", "blocks": blocks}


def closed(sentence: str, *, setup: Sequence[Block] = ()) -> View:
    """The Home of somebody who may not see the mail, and may be an admin all the same."""
    return {"type": "home", "blocks": [{"type": "section", "text": marked(sentence)}, *setup]}


# --- what waits -------------------------------------------------------------------------------------------------------


def _summary(board: Board) -> str:
    if not (board.mine_total or board.unowned_total or board.troubled or board.proposed or board.waiting):
        return say("*Nothing waits for you.* New mail shows here, and as a card in its channel.")
    facts = [say("*{n}* yours", n=board.mine_total), say("*{n}* nobody's yet", n=board.unowned_total)]
    if board.overdue:
        facts.append(say(":rotating_light: *{n}* overdue", n=board.overdue))
    if board.longest:
        facts.append(say("the longest waits since {moment}", moment=moment(board.longest)))
    return "  ·  ".join(facts)


def _search() -> Block:
    words = "refund from:dana is:open has:attachment before:2024-06-01"
    element = {
        "type": "plain_text_input",
        "action_id": "search",
        "max_length": 500,
        "placeholder": plain(words),
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
    }
    return {
        "type": "input",
        "block_id": "search",
        "dispatch_action": True,
        "label": plain(say("Search all mail")),
        "element": element,
    }


def _new_mail() -> Block:
    return {"type": "actions", "elements": [button(say("New mail"), "new_mail", "new", style="primary")]}


def _troubled(board: Board) -> list[Block]:
    if not board.troubled:
        return []
    blocks = [_header(say("Somebody must decide"))]
    for draft in board.troubled[:TROUBLED_SHOWN]:
        subject = escape(shorten(draft.subject, 100)) or say("(no subject)")
        where = say(WHERE[draft.state], clock=clock(draft.due))
        told = [f"{where}  ·  *#{draft.number}*  {subject}", f"{person(draft.author)}, {recipients(draft)}"]
        told += [inert(shorten(draft.reason, REASON_LIMIT))] if draft.reason else []
        blocks += [section("\n".join(told)[:TOLD_LIMIT]), {"type": "actions", "elements": draft_buttons(draft)}]
    return blocks


def _proposed(board: Board) -> list[Block]:
    """What a rule or an assistant wrote: it is read, and sent or discarded, in its thread."""
    lines = []
    for draft, conversation in board.proposed[:PROPOSED_SHOWN]:
        number = linked_number(conversation, workspace=board.workspace, line=draft.line_ts)
        subject = escape(shorten(conversation.subject, 60)) or say("(no subject)")
        rule = inert(shorten(draft.note, 100).rstrip(".")) or say(":robot_face: by itself")
        who = person(draft.author) if draft.state is DraftState.SUGGESTED else rule
        lines.append(f"{moment(draft.created)}  ·  {number}  {subject}  ·  {who}")
    title = say("Proposed, and waits for a person")
    return [_header(f"{title} ({board.proposed_total})"), section(whole(lines, TOLD_LIMIT))] if lines else []


def _conversations(title: str, shown: Sequence[Brief], total: int, *, board: Board, more: str) -> list[Block]:
    if not shown:
        return []
    blocks = [_header(f"{title} ({total})")]
    for one in shown[:SHOWN]:
        blocks += [section(_told(one, board), accessory=_menu(one)), _buttons(one, board.user)]
    if total > SHOWN:
        blocks.append(context(say("… and {n} more: search for `{query}`", n=total - SHOWN, query=more)))
    return blocks


def _told(one: Brief, board: Board) -> str:
    conversation = one.conversation
    subject = escape(shorten(conversation.subject, 120)) or say("(no subject)")
    facts = [inert(shorten(one.who, 80))] if one.who else []
    facts.append(status(conversation))
    if conversation.status is Status.OPEN and one.since:
        facts.append(say("waits since {moment}", moment=moment(one.since)))
        facts += _due(one, board)
    facts.append(inert(conversation.mailbox))
    return f"{linked_number(conversation, workspace=board.workspace)}  *{subject}*\n{'  ·  '.join(facts)}"


def _due(one: Brief, board: Board) -> list[str]:
    """Until when its customer is to have an answer, as its card says it."""
    conversation = one.conversation
    return [answer_due(conversation.due, late=conversation.late(board.at))] if one.since and conversation.due else []


def _buttons(one: Brief, user: UserId) -> Block:
    number = str(one.conversation.number)
    claim = [] if one.conversation.owner == user else [button(say("Claim"), "claim", number)]
    reply, close = button(say("Reply"), "reply", number), button(say("Close"), "close", number)
    return {"type": "actions", "elements": [reply, *claim, close]}


def _menu(one: Brief) -> Block:
    verbs = (
        ("show_full", say("Show full text")),
        ("snooze", say("Snooze …")),
        ("archive", say("Archive")),
        ("delete", say("Delete …")),
        ("spam", say("Spam")),
    )
    return overflow("more", [(f"{verb}:{one.conversation.number}", words) for verb, words in verbs])


def _waiting(board: Board) -> list[Block]:
    lines = []
    for one in board.waiting[:LONGEST_SHOWN]:
        conversation = one.conversation
        owner = person(conversation.owner) if conversation.owner else say("nobody's yet")
        since = moment(one.since) if one.since else ""
        number = linked_number(conversation, workspace=board.workspace)
        subject = escape(shorten(conversation.subject, 60)) or say("(no subject)")
        facts = [since, f"{number}  {subject}", inert(shorten(one.who, 60)), *_due(one, board), owner]
        lines.append("  ·  ".join(facts))
    title = say("Overdue, and waiting longest") if board.overdue else say("Waiting longest")
    return [_header(title), section(whole(lines, TOLD_LIMIT))] if lines else []


# --- the mailboxes, and what is set up --------------------------------------------------------------------------------


def _mailboxes(mailboxes: Sequence[MailboxState]) -> list[Block]:
    if not mailboxes:
        return []
    lines = [_fares(one) for one in mailboxes[:MAILBOXES_SHOWN]]
    return [_header(say("Mailboxes")), section(whole(lines, TOLD_LIMIT))]


def _fares(mailbox: MailboxState) -> str:
    name = f"*{inert(mailbox.name)}*"
    if mailbox.trouble:
        return f":warning: {name}  ·  {inert(shorten(mailbox.trouble, REASON_LIMIT))}"
    facts = [f":large_green_circle: {name}", plural(mailbox.open, "{n} conversation open", "{n} conversations open")]
    facts += [say("last heard {moment}", moment=moment(mailbox.heard))] if mailbox.heard else []
    return "  ·  ".join(facts)


def _settings(board: Board) -> list[Block]:
    signature = f"“{inert(shorten(board.signature, 200))}”" if board.signature else say("none of your own")
    reminders = say("Reminders: on") if board.reminders else say("Reminders: off")
    told = f"{say('Signature: {signature}', signature=signature)}\n{reminders}"
    return [_header(say("My settings")), section(told, accessory=button(say("Change"), "my_settings", "change"))]


def settings(*, signature: str, reminders: bool) -> View:
    """The modal in which a person changes their own settings."""
    text = {"type": "plain_text_input", "action_id": "value", "multiline": True, "max_length": SIGNATURE_LIMIT}
    option = {"text": plain(say("Remind me of what is mine and waits")), "value": "on"}
    boxes: Block = {"type": "checkboxes", "action_id": "value", "options": [option]}
    return {
        "type": "modal",
        "callback_id": "my_settings",
        "title": plain(say("My settings")),
        "submit": plain(say("Save")),
        "close": plain(say("Cancel")),
        "blocks": [
            {
                "type": "input",
                "block_id": "signature",
                "optional": True,
                "label": plain(say("Signature")),
                "hint": plain(say("Stands below the mails that you send.")),
                "element": text | ({"initial_value": signature} if signature else {}),
            },
            {
                "type": "input",
                "block_id": "reminders",
                "optional": True,
                "label": plain(say("Reminders")),
                "element": boxes | ({"initial_options": [option]} if reminders else {}),
            },
        ],
    }


def chosen(view: Mapping[str, Any]) -> tuple[str, bool]:
    """Signature and reminders, as that modal was submitted."""
    values = view["state"]["values"]
    signature = values["signature"]["value"].get("value") or ""
    return signature.strip(), bool(values["reminders"]["value"].get("selected_options"))


def _header(title: str) -> Block:
    return {"type": "header", "text": plain(title)}
