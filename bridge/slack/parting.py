"""The modal in which an agent says with which mail another matter begins. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.errors import Refused
from bridge.model import Conversation, MailId, StoredMessage
from bridge.sentences import say
from bridge.slack.blocks import Block, marked, plain, shorten
from bridge.slack.unreadable import expected, number_in

MOST = 100  # options of a menu
LABEL_LIMIT = 75  # characters of one


def split(conversation: Conversation, messages: Sequence[StoredMessage], *, chosen: MailId | None = None) -> Block:
    """The modal; its submission carries what `asked_split` reads. `Refused` where there is nothing to split."""
    offered = [_option(one) for one in messages[1:][-MOST:]]
    if not offered:
        raise Refused(say("#{number} has only one mail, so there is nothing to split.", number=conversation.number))
    menu: Block = {"type": "static_select", "action_id": "value", "options": offered}
    if initial := next((one for one in offered if one["value"] == str(chosen)), None):
        menu["initial_option"] = initial
    told = say("This mail and all after it become a conversation of their own, with a card of their own.")
    return {
        "type": "modal",
        "callback_id": "split",
        "title": plain(say("Split #{number}", number=conversation.number)[:24]),
        "submit": plain(say("Split")),
        "close": plain(say("Cancel")),
        "private_metadata": json.dumps({"number": conversation.number}),
        "blocks": [
            {"type": "section", "text": marked(told)},
            {"type": "input", "block_id": "mail", "label": plain(say("The other matter begins with")), "element": menu},
        ],
    }


def asked_split(view: Mapping[str, Any]) -> MailId:
    """The mail that was chosen, from the view of a `view_submission` payload."""
    with expected("mail"):
        return MailId(number_in(view["state"]["values"]["mail"]["value"]["selected_option"]["value"]))


def _option(mail: StoredMessage) -> Block:
    who = mail.customer.name or mail.customer.email or "?"
    words = next((line.text for line in mail.reading.new if line.text.strip()), mail.message.subject)
    label = shorten(f"{mail.received:%m-%d %H:%M} {who}: {words}", LABEL_LIMIT)
    return {"text": plain(label), "value": str(mail.id)}
