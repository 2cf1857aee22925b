"""What a search found, a page at a time: as an answer that only its sender sees, and as a modal. Pure."""

from collections.abc import Sequence

from bridge.lookup import Found, Hit
from bridge.model import ChannelId, Conversation, Direction, Line, Span, Ts
from bridge.sentences import plural, say
from bridge.slack.blocks import Block, button, context, inert, mail_value, moment, plain, section, shorten
from bridge.slack.card import STATUS_WORDS
from bridge.slack.mrkdwn import escape, sections

SNIPPET = 400  # characters of mrkdwn
TYPED = 1900  # characters of what was typed, in a button's value of 2,000 at most


def answer(found: Found, typed: str, *, workspace: str) -> Block:
    """A page as an answer to a command. `workspace`: its address, for links to cards."""
    blocks = [section(_title(found, typed)), *page(found, typed, workspace=workspace)]
    return {"response_type": "ephemeral", "text": _title(found, typed), "blocks": blocks}


def modal(found: Found, typed: str, *, workspace: str) -> Block:
    """A page as a modal."""
    blocks = [section(_title(found, typed)), *page(found, typed, workspace=workspace)]
    return {"type": "modal", "title": plain(say("Search")), "close": plain(say("Close")), "blocks": blocks}


def page(found: Found, typed: str, *, workspace: str) -> list[Block]:
    """The conversations of a page, a section each, and the way to the pages beside it."""
    blocks = [section(_told(one, workspace), accessory=_show(one)) for one in found.hits]
    if found.more:
        many = say("There are many: only the newest that fit were weighed. Another word finds them sooner.")
        blocks.append(context(many))
    back, on = f"{found.page - 1}:{typed[:TYPED]}", f"{found.page + 1}:{typed[:TYPED]}"
    turns = [button(say("Previous"), "search_previous", back)] if found.page > 1 else []
    turns += [button(say("Next"), "search_next", on)] if found.page < found.pages else []
    if turns:
        blocks.append({"type": "actions", "elements": turns})
    return blocks


def linked_number(conversation: Conversation, *, workspace: str, line: Ts | None = None) -> str:
    """A conversation's number, as a link to its card; with `line`, to that message of its thread."""
    number = f"#{conversation.number}"
    if not (workspace and conversation.card_ts):
        return f"*{number}*"
    link = permalink(workspace, conversation.channel, line or conversation.card_ts)
    if line:
        link += f"?thread_ts={conversation.card_ts}&amp;cid={conversation.channel}"
    return f"*<{link}|{number}>*"


def permalink(workspace: str, channel: ChannelId, ts: Ts) -> str:
    """A message's address, as Slack's own "Copy link" writes it."""
    return f"{workspace.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"


def _title(found: Found, typed: str) -> str:
    words, total = inert(shorten(typed, 200)), found.total
    if not total:
        return say("Nothing found for “{words}”.", words=words)
    title = plural(total, "*{n} conversation for “{words}”*", "*{n} conversations for “{words}”*", words=words)
    if found.more:
        title = say("*over {n} conversations for “{words}”*", n=total, words=words)
    if found.pages > 1:
        return say("{title}, page {page} of {pages}", title=title, page=found.page, pages=found.pages)
    return title


def _told(hit: Hit, workspace: str) -> str:
    one = hit.conversation
    subject = escape(shorten(one.subject, 120)) or say("(no subject)")
    who = inert(shorten(hit.who, 80)) or say("(unknown sender)")
    who = say("To {whom}", whom=who) if hit.direction is Direction.OUT else who
    head = f"{linked_number(one, workspace=workspace)}  *{subject}*"
    facts = f"{who}  ·  {moment(hit.at)}  ·  {say(STATUS_WORDS[one.status])}"
    return "\n".join(filter(None, [head, facts, _snippet(hit.around)]))


def _snippet(around: Sequence[str]) -> str:
    """The words around, on one line, the one that was found in bold."""
    before, word, after = (" ".join(part.split()) for part in around)
    if not (word or after):
        return ""
    gap = " " if around[0][-1:].isspace() else ""
    next_gap = " " if word and around[2][:1].isspace() else ""
    spans = (Span(text=f"{before}{gap}"), Span(text=word, bold=True), Span(text=f"{next_gap}{after}"))
    pieces, _ = sections([Line(spans=tuple(one for one in spans if one.text), quote=1)], limit=SNIPPET, total=SNIPPET)
    return pieces[0] if pieces else ""


def _show(hit: Hit) -> Block:
    return button(say("Show"), "show_mail", mail_value(hit.conversation.number, hit.mail_id))
