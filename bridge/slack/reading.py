"""What a person is shown who asks: lists, one mail, its full text, its original. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge import languages
from bridge.canned import Template, by_folder
from bridge.errors import Refused
from bridge.model import Act, Conversation, Direction, Line, MailId, StoredMessage, UserId
from bridge.sentences import plural, say
from bridge.slack import blocks, deeds, modals
from bridge.slack.about import about
from bridge.slack.card import STATUS_WORDS, answer_due, shows
from bridge.slack.markdown import plain_words
from bridge.slack.mrkdwn import escape

View = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """Who gets no automatic answers from a mailbox, since when; `token`: what a button calls that."""

    email: str
    mailbox: str
    at: datetime
    token: str


TEXT_LIMIT = 3900  # characters of an answer's text
SECTION_LIMIT = 2900  # of one that stands in a section, beside others

WORDS = 80  # characters of a canned answer in a list

MOST_REASONS = 5  # sentences that say why things could not be done; most often it is one

ORIGINAL_LIMIT = 60_000  # characters of a raw mail in a modal: its headers and text; the rest is attachments in base64


def chosen(messages: Sequence[StoredMessage], mail_id: MailId | None) -> StoredMessage:
    """The mail of that id, or the one that the card shows."""
    found = shows(messages) if mail_id is None else next((one for one in messages if one.id == mail_id), None)
    if found is None:
        raise Refused(say("There is no such mail in this conversation."))
    return found


def full(conversation: Conversation, stored: StoredMessage) -> View:
    """All of a mail's text, quotes and signature included."""
    head = f"*{escape(blocks.shorten(stored.message.subject, 250)) or say('(no subject)')}*"
    lines = (*stored.reading.new, Line(), *stored.reading.folded)
    return modals.full_text(f"#{conversation.number}", head=head, lines=lines)


def original(conversation: Conversation, raw: bytes | None, *, way: Direction) -> View:
    """A mail as it came, or as it left, its headers first."""
    if raw is None:
        raise Refused(say("The original is not kept here; open it in the mailbox."))
    text = raw[:ORIGINAL_LIMIT].decode("utf-8", "replace")
    lines = [Line(spans=Line.of(one).spans, pre=True) for one in text.splitlines()]
    size = blocks.size(len(raw))
    came = way is Direction.IN
    head = say("The mail as it came, {size}", size=size) if came else say("The mail as it left, {size}", size=size)
    return modals.full_text(f"#{conversation.number}", head=head, lines=lines)


def newest(messages: Sequence[StoredMessage]) -> dict[str, Any]:
    """The mail that a conversation's card shows, as an answer to a command."""
    stored = chosen(messages, None)
    surface = blocks.mail(stored, about=about(stored))
    return {"response_type": "ephemeral", "text": surface.text, "blocks": surface.blocks}


def listing(title: str, found: Sequence[Conversation], *, at: datetime) -> dict[str, Any]:
    """Conversations as they stand at that time, a line each, as an answer to a command."""
    if not found:
        return sentence(say("{title}: nothing.", title=escape(title)))
    return sentence("\n".join([f"*{escape(title)}*", *(row(one, at=at) for one in found)]))


def log(conversation: Conversation, done: Sequence[Act]) -> dict[str, Any]:
    """What was done to a conversation, the newest first, as an answer to a command."""
    if not done:
        return sentence(say("Nobody has done anything to #{number} yet.", number=conversation.number))
    head = say("*What was done to #{number}*", number=conversation.number)
    return sentence("\n".join([head, *(deeds.line(one) for one in done)])[:TEXT_LIMIT])


def status(
    mailboxes: Iterable[Mapping[str, str | None]],
    *,
    waiting: int,
    parked: int,
    reasons: Sequence[str],
    numbers: Sequence[str] = (),
    silent: Sequence[str] = (),
    muted: Sequence[Muted] = (),
) -> dict[str, Any]:
    """How the mailboxes fare, and what is still to be done, as an answer to a command. `reasons`: why some is not;
    `silent`: of filters that do not answer; `numbers`: the mailboxes', in words, a paragraph each;
    `muted`: who gets no automatic answers, each with a button that takes it back.
    """
    lines = [_fares(one) for one in mailboxes]
    lines += [f":warning: {blocks.inert(one)}" for one in silent]
    lines.append(plural(waiting, "{n} thing still to be done", "{n} things still to be done"))
    if parked:
        lines.append(
            plural(parked, ":warning: {n} thing could not be done:", ":warning: {n} things could not be done:")
        )
        lines += [f"• {blocks.inert(one)}" for one in reasons[:MOST_REASONS]]
    told = sentence("\n".join([*lines, *numbers])[:TEXT_LIMIT])
    if not muted:
        return told
    shown = [blocks.section(blocks.shorten(told["text"], SECTION_LIMIT))]
    shown.append(blocks.section(say(":mute: These senders get no automatic answers:")))
    return told | {"blocks": [*shown, *(_muted(one) for one in muted)]}


def _muted(one: Muted) -> blocks.Block:
    facts = (blocks.inert(blocks.shorten(one.email, blocks.NAME_LIMIT)), blocks.inert(one.mailbox))
    resume = blocks.button(say("Resume"), "resume_sender", one.token)
    return blocks.section("  ·  ".join((*facts, say("since {moment}", moment=blocks.moment(one.at)))), accessory=resume)


def _fares(mailbox: Mapping[str, str | None]) -> str:
    name = f"*{blocks.inert(mailbox['name'] or '')}*"
    entered = f"\n{blocks.inert(mailbox.get('ledger') or '')}".rstrip()
    if mailbox["state"] == "failing":
        return f":warning: {name}: {blocks.inert(mailbox['reason'] or '')}{entered}"
    if mailbox["state"] == "watched elsewhere":
        return say(":large_green_circle: {name} is watched by another replica", name=name) + entered
    if not (heard := mailbox["last_heard"]):
        return say(":large_green_circle: {name} is watched", name=name) + entered
    at = blocks.moment(datetime.fromisoformat(heard))
    return say(":large_green_circle: {name} is watched, last heard {moment}", name=name, moment=at) + entered


def templates(found: Sequence[Template]) -> dict[str, Any]:
    """The canned answers by their folders, with how often each was sent, as an answer to a command."""
    if not found:
        return sentence(say("There are no canned answers yet: an admin makes them on this app's Home."))
    lines = []
    for folder, inside in by_folder(found):
        lines.append(f"*{blocks.inert(folder)}*" if folder else say("*Canned answers*"))
        for one in inside:
            language = f" ({blocks.inert(languages.name(one.language))})" if one.language else ""
            used = f"  ·  {plural(one.uses, 'sent {n} time', 'sent {n} times')}" if one.uses else ""
            words = blocks.inert(blocks.shorten(plain_words(one.text, most=WORDS), WORDS))
            lines.append(f"• *{blocks.inert(one.name)}*{language}{used}  ·  {words}")
    shown = "\n".join(lines)
    if len(shown) > TEXT_LIMIT:
        rest = say("… and more, in the compose modal")
        shown = f"{shown[: shown.rindex(chr(10), 0, TEXT_LIMIT - len(rest))]}\n{rest}"
    return sentence(shown)


def claimed(before: Conversation, *, user: UserId) -> str:
    """What whoever claims a conversation is told of it, in mrkdwn; `before` is how it stood."""
    if before.owner is None:
        return say("#{number} is yours.", number=before.number)
    if before.owner == user:
        return say("#{number} is yours already.", number=before.number)
    owner = blocks.person(before.owner)
    return say("#{number} was {who}'s, and is yours now.", number=before.number, who=owner)


def row(one: Conversation, *, at: datetime) -> str:
    """A conversation on one line, in mrkdwn; `at`: by when it is overdue, if it is."""
    subject = escape(blocks.shorten(one.subject, 80)) or say("(no subject)")
    facts = [f"*#{one.number}*  {subject}", say(STATUS_WORDS[one.status])]
    facts += [answer_due(one.due, late=one.late(at))] if one.due else []
    facts += [blocks.person(one.owner) if one.owner else say("nobody's yet"), blocks.moment(one.updated)]
    return "  ·  ".join(facts)


def moved(conversation: Conversation) -> str:
    """Where a conversation shows from now on, for whoever moved it."""
    return say("#{number} shows in <#{channel}> now.", number=conversation.number, channel=conversation.channel)


def sentence(text: str) -> dict[str, Any]:
    """An answer to a command that only its sender sees."""
    return {"response_type": "ephemeral", "text": text}
