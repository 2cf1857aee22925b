"""The app's Home: what waits for a person, how the mailboxes fare, their own settings; for admins, how it is set up.

Pure. The words, verbs and buttons are those of the cards. Slack shows a hundred blocks; even the fullest Home has less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.model import Brief, Draft, MailboxName, Status, UserId
from bridge.slack.blocks import (
    REASON_LIMIT,
    WHERE,
    Block,
    button,
    clock,
    context,
    count,
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
from bridge.slack.card import STATUS_WORDS
from bridge.slack.mrkdwn import escape
from bridge.slack.results import linked_number

View = dict[str, Any]

SHOWN = 8  # conversations of a list: each takes two blocks
LONGEST_SHOWN = 5
TROUBLED_SHOWN = 5
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
    """What a person's Home shows. Of each list the first, and how many there are. `workspace`: its address, for links
    to cards.
    """

    user: UserId
    workspace: str
    mine: Sequence[Brief]
    mine_total: int
    unowned: Sequence[Brief]
    unowned_total: int
    waiting: Sequence[Brief]
    troubled: Sequence[Draft]
    mailboxes: Sequence[MailboxState]
    signature: str
    reminders: bool


def home(board: Board, *, setup: Sequence[Block] = ()) -> View:
    """The Home of somebody who may act; `setup`: what they see of it as an admin."""
    blocks = [section(_summary(board)), _search(), _new_mail()]
    blocks += _troubled(board)
    blocks += _conversations("Mine", board.mine, board.mine_total, board=board, more="is:mine -is:closed")
    blocks += _conversations("Nobody's yet", board.unowned, board.unowned_total, board=board, more="is:unowned is:open")
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
    if not (board.mine_total or board.unowned_total or board.troubled or board.waiting):
        return "*Nothing waits for you.* New mail shows here, and as a card in its channel."
    facts = [f"*{board.mine_total}* yours", f"*{board.unowned_total}* nobody's yet"]
    if board.waiting and board.waiting[0].since:
        facts.append(f"the longest waits since {moment(board.waiting[0].since)}")
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
        "label": plain("Search all mail"),
        "element": element,
    }


def _new_mail() -> Block:
    return {"type": "actions", "elements": [button("New mail", "new_mail", "new", style="primary")]}


def _troubled(board: Board) -> list[Block]:
    if not board.troubled:
        return []
    blocks = [_header("Somebody must decide")]
    for draft in board.troubled[:TROUBLED_SHOWN]:
        subject = escape(shorten(draft.subject, 100)) or "(no subject)"
        where = WHERE[draft.state].format(clock=clock(draft.due))
        told = [f"{where}  ·  *#{draft.number}*  {subject}", f"{person(draft.author)}, {recipients(draft)}"]
        told += [inert(shorten(draft.reason, REASON_LIMIT))] if draft.reason else []
        blocks += [section("\n".join(told)[:TOLD_LIMIT]), {"type": "actions", "elements": draft_buttons(draft)}]
    return blocks


def _conversations(title: str, shown: Sequence[Brief], total: int, *, board: Board, more: str) -> list[Block]:
    if not shown:
        return []
    blocks = [_header(f"{title} ({total})")]
    for one in shown[:SHOWN]:
        blocks += [section(_told(one, board), accessory=_menu(one)), _buttons(one, board.user)]
    if total > SHOWN:
        blocks.append(context(f"… and {total - SHOWN} more: search for `{more}`"))
    return blocks


def _told(one: Brief, board: Board) -> str:
    conversation = one.conversation
    subject = escape(shorten(conversation.subject, 120)) or "(no subject)"
    facts = [inert(shorten(one.who, 80))] if one.who else []
    facts.append(STATUS_WORDS[conversation.status])
    if conversation.status is Status.SNOOZED and conversation.wakes:
        facts[-1] += f" until {moment(conversation.wakes)}"
    if conversation.status is Status.OPEN and one.since:
        facts.append(f"waits since {moment(one.since)}")
    facts.append(inert(conversation.mailbox))
    return f"{linked_number(conversation, workspace=board.workspace)}  *{subject}*\n{'  ·  '.join(facts)}"


def _buttons(one: Brief, user: UserId) -> Block:
    number = str(one.conversation.number)
    claim = [] if one.conversation.owner == user else [button("Claim", "claim", number)]
    return {"type": "actions", "elements": [button("Reply", "reply", number), *claim, button("Close", "close", number)]}


def _menu(one: Brief) -> Block:
    verbs = [("show_full", "Show full text"), ("snooze", "Snooze …"), ("archive", "Archive"), ("delete", "Delete …")]
    verbs.append(("spam", "Spam"))
    return overflow("more", [(f"{verb}:{one.conversation.number}", words) for verb, words in verbs])


def _waiting(board: Board) -> list[Block]:
    lines = []
    for one in board.waiting[:LONGEST_SHOWN]:
        conversation = one.conversation
        owner = person(conversation.owner) if conversation.owner else "nobody's yet"
        since = moment(one.since) if one.since else ""
        number = linked_number(conversation, workspace=board.workspace)
        subject = escape(shorten(conversation.subject, 60)) or "(no subject)"
        lines.append(f"{since}  ·  {number}  {subject}  ·  {inert(shorten(one.who, 60))}  ·  {owner}")
    return [_header("Waiting longest"), section("\n".join(lines)[:TOLD_LIMIT])] if lines else []


# --- the mailboxes, and what is set up --------------------------------------------------------------------------------


def _mailboxes(mailboxes: Sequence[MailboxState]) -> list[Block]:
    if not mailboxes:
        return []
    lines = [_fares(one) for one in mailboxes[:MAILBOXES_SHOWN]]
    return [_header("Mailboxes"), section("\n".join(lines)[:TOLD_LIMIT])]


def _fares(mailbox: MailboxState) -> str:
    name = f"*{inert(mailbox.name)}*"
    if mailbox.trouble:
        return f":warning: {name}  ·  {inert(shorten(mailbox.trouble, REASON_LIMIT))}"
    heard = f"  ·  last heard {moment(mailbox.heard)}" if mailbox.heard else ""
    return f":large_green_circle: {name}  ·  {count(mailbox.open, 'conversation')} open{heard}"


def _settings(board: Board) -> list[Block]:
    signature = f"“{inert(shorten(board.signature, 200))}”" if board.signature else "none of your own"
    told = f"Signature: {signature}\nReminders: {'on' if board.reminders else 'off'}"
    return [_header("My settings"), section(told, accessory=button("Change", "my_settings", "change"))]


def settings(*, signature: str, reminders: bool) -> View:
    """The modal in which a person changes their own settings."""
    text = {"type": "plain_text_input", "action_id": "value", "multiline": True, "max_length": SIGNATURE_LIMIT}
    option = {"text": plain("Remind me of what is mine and waits"), "value": "on"}
    boxes: Block = {"type": "checkboxes", "action_id": "value", "options": [option]}
    return {
        "type": "modal",
        "callback_id": "my_settings",
        "title": plain("My settings"),
        "submit": plain("Save"),
        "close": plain("Cancel"),
        "blocks": [
            {
                "type": "input",
                "block_id": "signature",
                "optional": True,
                "label": plain("Signature"),
                "hint": plain("Stands below the mails that you send."),
                "element": text | ({"initial_value": signature} if signature else {}),
            },
            {
                "type": "input",
                "block_id": "reminders",
                "optional": True,
                "label": plain("Reminders"),
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
