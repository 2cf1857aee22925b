"""The compose modal: how a form is drawn, and what is told above it.

Pure: records in, views out. Block and action ids are the contract's.
"""

import functools
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bridge.model import Address, DraftKind, UserId
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import Block, came_back, context, field, inert, moment, person, plain, section, shorten, size
from bridge.slack.canned import menu
from bridge.slack.forms import Form, Kept, News

TITLES = {
    DraftKind.REPLY: mark("Reply"),
    DraftKind.REPLY_ALL: mark("Reply to all"),
    DraftKind.FORWARD: mark("Forward"),
    DraftKind.NEW: mark("New mail"),
}
CHECKBOXES = 10  # options of one group
NEWS_SHOWN = 5
NEWS_WORDS = 200  # characters of each


# --- the view ---------------------------------------------------------------------------------------------------------


def compose(form: Form) -> Block:
    """The compose modal, filled in."""
    carried = form.carried
    about = f"#{carried.number}" if carried.number else ""
    return {
        "type": "modal",
        "callback_id": "compose",
        "title": plain(f"{say(TITLES[carried.kind])} {about}".strip()[:24]),
        "submit": plain(say("Send anyway") if form.again else say("Send")),
        "close": plain(say("Cancel")),
        "notify_on_close": True,  # so that nobody counts as writing who is not, and what was typed is kept
        "private_metadata": carried.packed(),
        "blocks": _blocks(form),
    }


def without_body(view: Block) -> Block:
    """The view without its text, for a moment: Slack keeps what was typed into an input for as long as a view has it,
    whatever it is filled with. Only an input that was away is filled anew.
    """
    return {**view, "blocks": [one for one in view["blocks"] if one.get("block_id") != "body"]}


def _blocks(form: Form) -> list[Block]:
    kind = form.carried.kind
    forward = kind is DraftKind.FORWARD
    blocks = [section(one) if form.again else context(one) for one in form.told]
    blocks += [{"type": "divider"}] if form.again else []
    blocks += [_mailbox(form)] if form.mailboxes else []
    blocks += [
        field("to", say("To"), _text(form.to, placeholder="dana@example.com, Ben <ben@example.org>")),
        field("cc", say("Cc"), _text(form.cc), optional=True),
        field("bcc", say("Bcc"), _text(form.bcc), optional=True),
        field("subject", say("Subject"), _text(form.subject), optional=True),
    ]
    blocks += [menu(form.templates, chosen=form.template, first=form.languages)] if form.templates else []
    blocks.append(field("body", say("Message"), _rich(form.rich_text), optional=forward))
    if form.originals:
        kept = any(not one.file.mail_id for one in form.originals)
        label = say("Files to go along") if kept else say("Attachments of the original")
        blocks.append(field("originals", label, _originals(form.originals), optional=True))
    uploads = {"type": "file_input", "action_id": "value", "max_files": 10}
    blocks.append(field("files", say("Files"), uploads, optional=True))
    if form.quote is not None:
        words = say("Quote the mail below the answer")
        blocks.append(field("quote", say("Quote"), _box("quote", words, checked=form.quote), optional=True))
    words = say("Close the conversation once this has left")
    blocks.append(field("then", say("Once it has left"), _box("close", words, checked=form.closes), optional=True))
    later = field("later", say("Send later"), _text(form.later, placeholder=say("tomorrow 9am")), optional=True)
    hint = say(
        "Empty: now. “in 3 hours”, “next Monday”, “내일 오전 9시”. If the customer writes first, it does not leave."
    )
    later["hint"] = plain(hint)
    return [*blocks, later]


def _text(initial: str, *, placeholder: str = "") -> Block:
    element: Block = {"type": "plain_text_input", "action_id": "value", "max_length": 3000}
    if initial:
        element["initial_value"] = initial[:3000]
    if placeholder:
        element["placeholder"] = plain(placeholder)
    return element


def _rich(initial: dict[str, Any] | None) -> Block:
    element: Block = {"type": "rich_text_input", "action_id": "value"}
    return element | {"initial_value": initial} if initial and initial.get("elements") else element


def _box(value: str, words: str, *, checked: bool) -> Block:
    option = {"text": plain(words), "value": value}
    element: Block = {"type": "checkboxes", "action_id": "value", "options": [option]}
    return element | {"initial_options": [option]} if checked else element


def _originals(kept: Sequence[Kept]) -> Block:
    options = [_kept(one) for one in kept[:CHECKBOXES]]
    initial = [option for option, one in zip(options, kept, strict=False) if one.checked]
    element: Block = {"type": "checkboxes", "action_id": "value", "options": options}
    return element | {"initial_options": initial} if initial else element


def _kept(one: Kept) -> Block:
    return {
        "text": plain(shorten(f"{one.file.filename or say('file')} ({size(one.file.size)})", 75)),
        "value": one.value,
    }


def _mailbox(form: Form) -> Block:
    options = [_option(label, name) for name, label in form.mailboxes]
    initial = next((option for option in options if option["value"] == form.carried.mailbox), options[0])
    element = {"type": "static_select", "action_id": "value", "options": options, "initial_option": initial}
    return field("mailbox", say("From"), element)


def _option(words: str, value: str) -> Block:
    return {"text": plain(shorten(words, 75)), "value": value}


def typed(of: Iterable[Address]) -> str:
    """Addresses as a person would type them: a display name with a special character is quoted (RFC 5322 3.2.4)."""
    return ", ".join(_quoted(one) for one in of)


def _quoted(one: Address) -> str:
    if any(sign in one.name for sign in ',;:<>@()[]"\\.'):
        name = one.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{one.email}>'
    return str(one)


# --- what is told above it --------------------------------------------------------------------------------------------


def asked_again(
    news: Sequence[News], alike: Sequence[tuple[Address, str]], bounced: Sequence[Address] = ()
) -> tuple[str, ...]:
    """Why a submission asks whether it is to be sent all the same, in mrkdwn."""
    told = []
    if news:
        lines = [_news(one) for one in news[-NEWS_SHOWN:]]
        if more := len(news) - len(lines):
            lines.insert(0, say("and {n} more before that:", n=more))
        told.append("\n".join([say(":wave: *This has changed while you were writing:*"), *lines]))
    for one, like in alike:
        doubt = say(
            ":warning: *{address}* looks like an address at *{domain}*, and is another. Is it the one that you mean?",
            address=inert(one.email),
            domain=inert(like),
        )
        told.append(doubt)
    told += [came_back(one) for one in bounced]
    return tuple(one[:3000] for one in told)


def _news(one: News) -> str:
    words = f"\n> {inert(shorten(one.words, NEWS_WORDS))}" if one.words.strip() else ""
    if one.by:
        return f"{say('{who} answers already', who=person(one.by))}  ·  {moment(one.at)}{words}"
    who = inert(shorten(one.who.name or one.who.email, 120)) if one.who else say("Somebody")
    return f"{say('*{who}* wrote', who=who)}  ·  {moment(one.at)}{words}"


def taken_up(at: datetime) -> str:
    """That what was typed before is there again."""
    return say(
        ":arrows_counterclockwise: What you wrote {moment} and did not send is here again.",
        moment=moment(at),
    )


def also_writing(others: Sequence[UserId]) -> str:
    """That somebody else is at it."""
    names = functools.reduce(lambda some, one: say("{some} and {one}", some=some, one=one), map(person, others[:3]))
    return plural(
        len(others),
        ":pencil2: {names} is writing an answer to this as well.",
        ":pencil2: {names} are writing an answer to this as well.",
        names=names,
    )
