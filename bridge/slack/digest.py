"""A digest: one message in place of many cards that came at once, and the window that lists all of them.

Pure: records in, Block Kit out. A conversation gets its card when somebody does something with its line.
"""

import json
from collections.abc import Sequence
from typing import Any

from bridge.model import Address, Conversation, Status
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import (
    FALLBACK_LIMIT,
    Block,
    Surface,
    button,
    context,
    inert,
    overflow,
    person,
    plain,
    section,
    shorten,
)
from bridge.slack.card import STATUS_WORDS
from bridge.slack.mrkdwn import escape
from bridge.slack.unreadable import expected

IN_MESSAGE = 12  # lines of the message, which all have to fit into 13,000 characters
IN_WINDOW = 20  # lines of one page of the window
SUBJECT_LIMIT = 100  # characters
AUTHOR_LIMIT = 60

VERBS = (("open", mark("Show its card")), ("claim", mark("Claim")), ("close", mark("Close")))


def message(digest: int, lines: Sequence[tuple[Conversation, Address]], *, every: int, left: int) -> Surface:
    """The message: the first conversations that have no card yet. `every` are in the digest, `left` without a card."""
    if not every:
        nothing = say("Nothing of this list is left.")
        return Surface(text=nothing.rstrip("."), blocks=[context(nothing)])
    head = plural(
        every,
        ":incoming_envelope: *{n} new conversation* came at once.",
        ":incoming_envelope: *{n} new conversations* came at once.",
    )
    told = say("{n} of them have no card yet; one is posted when somebody does something with it.", n=left)
    blocks: list[Block] = [section(f"{head} {told if left else say('All of them have their cards.')}")]
    blocks += [_line(conversation, author) for conversation, author in lines[:IN_MESSAGE]]
    if left > IN_MESSAGE:
        blocks.append(context(say("and {n} more", n=left - IN_MESSAGE)))
    every_one = button(say("List all {n}", n=every), "digest_list", str(digest))
    blocks.append({"type": "actions", "elements": [every_one]})
    bare = plural(every, "{n} new conversation came at once", "{n} new conversations came at once")
    return Surface(text=escape(shorten(bare, FALLBACK_LIMIT)), blocks=blocks)


def window(
    digest: int, lines: Sequence[tuple[Conversation, Address, bool]], *, every: int, page: int, told: str = ""
) -> dict[str, Any]:
    """The window: a page of all of them, in the order in which they came. `told`: what was just done, or refused."""
    pages = max(1, -(-every // IN_WINDOW))
    blocks: list[Block] = [context(told)] if told else []
    blocks += [_line(conversation, author, carded=carded) for conversation, author, carded in lines[:IN_WINDOW]]
    turning = [button(say("Back"), "digest_page_back", f"{digest}:{page - 1}")] if page else []
    turning += [button(say("Next"), "digest_page_next", f"{digest}:{page + 1}")] if page + 1 < pages else []
    if turning:
        where = say("Page {page} of {pages}", page=page + 1, pages=pages)
        blocks += [context(where), {"type": "actions", "elements": turning}]
    return {
        "type": "modal",
        "callback_id": "digest",
        "title": plain(say("New conversations")),
        "close": plain(say("Close")),
        "private_metadata": json.dumps({"digest": digest, "page": page}),
        "blocks": blocks or [context(say("Nothing is here."))],
    }


def carried(view: dict[str, Any]) -> tuple[int, int]:
    """The digest and the page that a window shows."""
    with expected("page"):
        kept = json.loads(view["private_metadata"])
        return int(kept["digest"]), int(kept["page"])


def _line(conversation: Conversation, author: Address, *, carded: bool = False) -> Block:
    who = inert(shorten(author.name or author.email, AUTHOR_LIMIT)) or say("(unknown sender)")
    subject = inert(shorten(conversation.subject, SUBJECT_LIMIT)) or say("(no subject)")
    facts = [f"*#{conversation.number}*  *{who}*  {subject}"]
    if conversation.status is not Status.OPEN:
        facts.append(say(STATUS_WORDS[conversation.status]))
    if conversation.owner:
        facts.append(person(conversation.owner))
    if carded:
        facts.append(say("has its card"))
    options = [(f"{verb}:{conversation.number}", say(words)) for verb, words in VERBS]
    return section("  ·  ".join(facts), accessory=overflow("digest", options))
