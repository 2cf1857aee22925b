"""The thread's line of a draft that an assistant proposes: its exact text and recipients, and what became of it. Pure.

It looks like no answer on its way: nothing of it leaves unless a person makes an answer of their own of it.
"""

from collections.abc import Sequence

from bridge.model import Draft, DraftState, Line
from bridge.sentences import mark, say
from bridge.slack.blocks import (
    FALLBACK_LIMIT,
    WORDS_LIMIT,
    Surface,
    button,
    context,
    person,
    recipients,
    section,
    shorten,
)
from bridge.slack.mrkdwn import escape, sections

STATES = {
    DraftState.SUGGESTED: mark(":memo: Proposed, and waits for a person"),
    DraftState.TAKEN_UP: mark(":memo: Proposed, and taken up by a person"),
    DraftState.DISCARDED: mark(":wastebasket: Proposed, and discarded"),
}


def line(draft: Draft, *, words: Sequence[Line]) -> Surface:
    """Who proposes what to whom. While it waits, it can be opened to be sent, or discarded."""
    pieces, cut = sections(words, total=WORDS_LIMIT)
    where = say(STATES[draft.state])
    blocks = [context(f"{where}  ·  {person(draft.author)}  ·  {recipients(draft)}")]
    blocks += [section(piece) for piece in pieces]
    if cut:
        blocks.append(context(say(":scroll: The whole text opens with “Send …”")))
    if draft.state is DraftState.SUGGESTED:
        buttons = [
            button(say("Send …"), "send_proposal", draft.id, style="primary"),
            button(say("Discard"), "discard_proposal", draft.id),
        ]
        blocks.append({"type": "actions", "elements": buttons})
    first = next((one.text for one in words if one.text.strip()), "")
    text = f"{where}: {escape(first)}"
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=blocks)
