"""What an agent is asked and shown: what leaves, a mail's full text, a sentence; delete, snooze and move.

Pure: records in, views out. Block and action ids are the contract's. The compose modal is in `bridge/slack/compose.py`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.model import Address, ChannelId, Conversation, Draft, DraftState, Line, Number
from bridge.rules import Difference
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import (
    REASON_LIMIT,
    Block,
    addresses,
    came_back,
    channel_menu,
    clock,
    context,
    draft_buttons,
    field,
    inert,
    marked,
    moment,
    names,
    plain,
    shorten,
)
from bridge.slack.mrkdwn import escape, sections
from bridge.slack.unreadable import expected

FULL_TEXT_SECTIONS = 90  # of the 100 blocks of a modal


# --- delete, snooze and move ------------------------------------------------------------------------------------------


def confirm_delete(conversation: Conversation, *, mails: int) -> Block:
    """The question before a conversation's mails go to the trash."""
    subject = escape(shorten(conversation.subject, 200)) or say("(no subject)")
    question = plural(
        mails,
        "Move its mail to the trash? It can be brought back.",
        "Move all {n} mails of it to the trash? They can be brought back.",
    )
    sentence = f"*#{conversation.number}*  {subject}\n\n{question}"
    return {
        "type": "modal",
        "callback_id": "confirm_delete",
        "title": plain(say("Delete")),
        "submit": plain(say("Move to the trash")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps({"number": conversation.number}),
        "blocks": [{"type": "section", "text": marked(sentence)}],
    }


def snooze(conversation: Conversation) -> Block:
    """The modal that asks until when a conversation is put aside."""
    morning = say("tomorrow 9am")
    element = {"type": "plain_text_input", "action_id": "value", "initial_value": morning, "max_length": 100}
    until = field("until", say("Until"), element)
    hint = say("“tomorrow 9am”, “in 3 hours”, “next Monday”, “2027-01-31 14:30”. A new mail ends it before.")
    until["hint"] = plain(hint)
    return {
        "type": "modal",
        "callback_id": "snooze",
        "title": plain(say("Snooze #{number}", number=conversation.number)[:24]),
        "submit": plain(say("Snooze")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps({"number": conversation.number}),
        "blocks": [until],
    }


def move(conversation: Conversation) -> Block:
    """The modal that asks in which channel a conversation is to show."""
    channel = field("channel", say("Channel"), channel_menu())
    channel["hint"] = plain(say("All of it shows there from then on, and whoever may act there handles it."))
    return {
        "type": "modal",
        "callback_id": "move",
        "title": plain(say("Move #{number}", number=conversation.number)[:24]),
        "submit": plain(say("Move")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps({"number": conversation.number}),
        "blocks": [channel],
    }


def chosen_channel(view: Mapping[str, Any]) -> ChannelId:
    """The channel that was chosen."""
    return ChannelId(view["state"]["values"]["channel"]["value"]["selected_conversation"])


def carried_number(view: Mapping[str, Any]) -> Number:
    """The conversation that one of these modals is about."""
    with expected("number"):
        return Number(int(json.loads(view["private_metadata"])["number"]))


def typed_until(view: Mapping[str, Any]) -> str:
    """What was typed as the time."""
    with expected("time"):
        return (view["state"]["values"]["until"]["value"].get("value") or "").strip()


# --- what leaves ------------------------------------------------------------------------------------------------------


def leaving(draft: Draft, *, sender: Address, words: Sequence[Line], difference: Difference | None = None) -> Block:
    """What exactly leaves, to whom, what a glance at the recipients would miss, and what can still be done about it."""
    facts = [(say("From"), addresses([sender])), (say("To"), addresses(draft.to))]
    facts += [(say("Cc"), addresses(draft.cc))] if draft.cc else []
    facts += [(say("Bcc"), addresses(draft.bcc))] if draft.bcc else []
    facts += [(say("Subject"), escape(shorten(draft.subject, 250)) or say("_(none)_"))]
    facts += [(say("Files"), names(draft.files))] if draft.files else []
    pieces, _ = sections(words, limit=2900, total=2900)
    blocks: list[Block] = [
        {"type": "section", "text": marked(_where(draft))},
        {"type": "divider"},
        {"type": "section", "text": marked("\n".join(f"*{name}:*  {what}" for name, what in facts)[:3000])},
    ]
    blocks += [context(one) for one in _told_apart(difference)] if difference else []
    blocks += [{"type": "divider"}, {"type": "section", "text": marked(pieces[0])}] if pieces else []
    if buttons := draft_buttons(draft):
        blocks.append({"type": "actions", "elements": buttons})
    return {
        "type": "modal",
        "callback_id": "leaving",
        "title": plain(say("Your mail")),
        "close": plain(say("Close")),
        "private_metadata": json.dumps({"draft": draft.id}),
        "blocks": blocks,
    }


WHERE = {
    DraftState.PROPOSED: mark(":memo: *Proposed.* It leaves only when somebody sends it."),
    DraftState.HELD: mark(":hourglass_flowing_sand: *Leaves at {clock}.* Until then it can be undone."),
    DraftState.QUEUED: mark(":outbox_tray: *Waiting for the mail server.* {reason}"),
    DraftState.HANDING_OVER: mark(":outbox_tray: *On its way.* It can no longer be undone."),
    DraftState.SENT: mark(":white_check_mark: *Sent.*"),
    DraftState.FAILED: mark(":x: *Not sent.* {reason}"),
    DraftState.UNCERTAIN: mark(":grey_question: *Perhaps delivered.* {reason}"),
    DraftState.CANCELLED: mark(":leftwards_arrow_with_hook: *Undone.* Nothing was sent."),
}


def _where(draft: Draft) -> str:
    reason = escape(shorten(draft.reason, REASON_LIMIT))
    told = say(WHERE[draft.state], clock=clock(draft.due), reason=reason).rstrip()
    if draft.later and draft.state is DraftState.HELD:
        at = moment(draft.due)
        told = say(":hourglass_flowing_sand: *Leaves {moment}.* Until then it can be undone.", moment=at)
    closes = draft.closes and draft.state is DraftState.HELD
    return f"{told} {say('Then the conversation is closed.')}" if closes else told


def _told_apart(difference: Difference) -> list[str]:
    """The recipients against the mail that is answered, a line each, in mrkdwn."""
    told = (
        (say(":heavy_plus_sign: *Not on the mail you answer:*"), difference.added),
        (say(":heavy_minus_sign: *On it, and left out:*"), difference.dropped),
        (say(":sparkles: *Written to for the first time:*"), difference.first),
        (say(":house: *Inside your organisation, and seen by the others:*"), difference.inside),
    )
    lines = [f"{words} {addresses(whom)}" for words, whom in told if whom]
    lines += [
        say(
            ":warning: *{address}* looks like an address at *{domain}*, and is another.",
            address=inert(one.email),
            domain=inert(like),
        )
        for one, like in difference.alike
    ]
    return lines + [came_back(one) for one in difference.bounced]


# --- reading ----------------------------------------------------------------------------------------------------------


def loading(title: str) -> Block:
    """What stands there while the real view is made: Slack gives three seconds for opening one."""
    return notice(title, say(":hourglass_flowing_sand: One moment …"))


def notice(title: str, sentence: str) -> Block:
    """A modal that says one thing, in mrkdwn."""
    blocks = [{"type": "section", "text": marked(sentence[:3000])}]
    return {"type": "modal", "title": plain(title[:24]), "close": plain(say("Close")), "blocks": blocks}


def full_text(title: str, *, head: str, lines: Sequence[Line]) -> Block:
    """All of a mail's text, quotes and signature included. `head` is mrkdwn."""
    pieces, cut = sections(lines, limit=2900, total=2900 * FULL_TEXT_SECTIONS // 2)
    texts = [head, *pieces[:FULL_TEXT_SECTIONS]]
    if cut or len(pieces) > FULL_TEXT_SECTIONS:
        texts.append(say("_The rest stands in the original._"))
    blocks = [{"type": "section", "text": marked(text)} for text in texts if text]
    return {"type": "modal", "title": plain(shorten(title, 24)), "close": plain(say("Close")), "blocks": blocks}
