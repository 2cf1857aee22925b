"""What a card's thread shows: a mail, the line of an answer on its way out; alarms; and the pieces that all share.

Pure: records in, Block Kit out, within Slack's limits on any mail (50 blocks, 3,000 characters a section, about 13,000
a message). Text that came by mail goes through `mrkdwn` and is posted `verbatim`, so it can neither ping nor link.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.guard import undelivered
from bridge.model import (
    BRIDGE,
    Address,
    Automatic,
    Bounce,
    Direction,
    Draft,
    DraftState,
    Line,
    MailId,
    Number,
    StoredFile,
    StoredMessage,
    UserId,
)
from bridge.sentences import mark, plural, say
from bridge.slack.mrkdwn import escape, sections

Block = dict[str, Any]

FALLBACK_LIMIT = 300  # characters of `text`: notifications and screen readers; chat.update refuses over 4,000
WORDS_LIMIT = 5000  # characters of an answer in its line: as JSON they may be twice as many, beside much else
ADDRESSES_SHOWN = 10  # of one header; the rest is counted, and all stand in "show original"
FILES_NAMED = 10
_SLACK_USER = re.compile(r"[UW][A-Z0-9]+")
NAME_LIMIT = 120  # characters of a name or an address in a line of ours
REASON_LIMIT = 500  # characters: a server's refusal may be a page

AUTOMATIC_WORDS = {
    Automatic.BOUNCE: mark(":warning: Could not be delivered"),
    Automatic.DELAYED: mark(":hourglass: Delivery delayed"),
    Automatic.REPLY: mark(":robot_face: Automatic answer"),
    Automatic.LIST: mark(":newspaper: List mail"),
    Automatic.RECEIPT: mark(":eyes: Read receipt"),
    Automatic.CHALLENGE: mark(":warning: The other side asks for a confirmation"),
    Automatic.OTHER: mark(":robot_face: Automatic mail"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One Slack message: its blocks, and the plain `text` for notifications and screen readers."""

    text: str
    blocks: list[Block]

    def bare(self) -> "Surface":
        """The same message as plainly as can be: its fallback text and its buttons, for where Slack takes no more."""
        words = {"type": "section", "text": marked(self.text)}
        return Surface(text=self.text, blocks=[words, *(one for one in self.blocks if one["type"] == "actions")])


# --- a mail in the thread ---------------------------------------------------------------------------------------------


def mail(stored: StoredMessage, *, about: Sequence[Block] = ()) -> Surface:
    """A mail as its thread message: head, what is to be known `about` it, the new words, what was folded or goes on
    elsewhere.
    """
    message = stored.message
    pieces, cut = sections(stored.reading.new)
    blocks = [context(_head(stored)), *about]
    blocks += [section(bounced(message.bounce, message.automatic))] if message.bounce else []
    first, *rest = pieces or [say("_(no text)_")]
    blocks += [section(first, accessory=_menu(stored)), *(section(piece) for piece in rest)]
    if notes := _notes(stored, cut):
        blocks.append(context(notes))
    if stored.reading.folded or cut:
        show = button(say("Show full text"), "show_mail", mail_value(stored.number, stored.id))
        blocks.append({"type": "actions", "elements": [show]})
    who = stored.customer
    text = f"{who.name or who.email}: {_first_words(stored.reading.new) or message.subject}"
    return Surface(text=escape(shorten(text, FALLBACK_LIMIT)), blocks=blocks)


def bounced(bounce: Bounce, kind: Automatic) -> str:
    """Whom a mail did not reach, why, and what to do: all that a delivery report is read for."""
    delayed = kind is Automatic.DELAYED
    who = f"*{inert(shorten(bounce.recipient, NAME_LIMIT))}*" if bounce.recipient else say("The recipient")
    reason = say(undelivered.meaning(bounce).reason)
    lines = [
        say(":hourglass: {who} is not reached yet: {reason}.", who=who, reason=reason)
        if delayed
        else say(":warning: {who} was not reached: {reason}.", who=who, reason=reason),
        say(":bulb: {advice}", advice=say(undelivered.advice(bounce, delayed=delayed))),
    ]
    status = bounce.status if bounce.status not in bounce.reason else ""
    if told := shorten(f"{status} {bounce.reason}", REASON_LIMIT):
        lines.append(say("_The server's words:_ {words}", words=inert(told)))
    return "\n".join(lines)


def came_back(recipient: Address) -> str:
    """That the last mail to an address bounced for good."""
    who = f"*{inert(recipient.email)}*"
    return say(":warning: The last mail to {who} came back: nothing reaches that address, as far as we know.", who=who)


def _menu(stored: StoredMessage) -> Block:
    value = mail_value(stored.number, stored.id)
    verbs = (
        ("show_full", say("Show full text")),
        ("show_original", say("Show original")),
        ("split", say("Split from here …")),
        ("move", say("Move to another channel …")),
        ("labels", say("Owner, tags, priority, log …")),
    )
    return overflow("mail", [(f"{verb}:{value}", words) for verb, words in verbs])


def mail_value(number: Number, mail_id: MailId) -> str:
    """The value of a button that means one mail of a conversation."""
    return f"{number}:{mail_id}"


def from_line(mail: StoredMessage) -> str:
    """Who wrote a mail; where it is one of ours, whom it went to."""
    who = mail.customer
    shown = mail.message.to[0] if mail.direction is Direction.OUT and mail.message.to else who
    name = f"*{inert(shorten(shown.name, NAME_LIMIT))}*  " if shown.name else ""
    told = f"{name}{inert(shorten(shown.email, NAME_LIMIT)) or say('(unknown sender)')}"
    return say("To {whom}", whom=told) if mail.direction is Direction.OUT else told


def _head(stored: StoredMessage) -> str:
    message = stored.message
    facts = [f":incoming_envelope: {from_line(stored)}"]
    if stored.direction is Direction.OUT:
        author = inert(shorten(str(message.author), NAME_LIMIT))
        how = say(":outbox_tray: Sent from another mail client") if stored.elsewhere else say(WHERE[DraftState.SENT])
        facts = [f"{how}  ·  {author}"]
    if message.to:
        facts.append(say("to {whom}", whom=addresses(message.to)))
    if message.cc:
        facts.append(say("cc {whom}", whom=addresses(message.cc)))
    facts.append(moment(message.date or stored.received))
    if message.automatic is not Automatic.NO:
        facts.append(say(AUTOMATIC_WORDS[message.automatic]))
    return "  ·  ".join(facts)


def _notes(stored: StoredMessage, cut: bool) -> str:
    facts = []
    if cut:
        facts.append(say(":scroll: The text goes on in the file below"))
    if stored.reading.folded:
        folded = plural(
            len(stored.reading.folded),
            ":left_speech_bubble: {n} line of quotes or signature folded",
            ":left_speech_bubble: {n} lines of quotes or signature folded",
        )
        facts.append(folded)
    if stored.files:
        facts.append(f":paperclip: {names(stored.files)}")
    facts += [f":information_source: {inert(shorten(say(note), 300))}" for note in stored.message.notes[:3]]
    return "  ·  ".join(facts)


# --- an answer on its way out -----------------------------------------------------------------------------------------


def line(draft: Draft, *, words: Sequence[Line]) -> Surface:
    """The thread's line of an answer: who sends what to whom, where it is on its way, and the buttons that fit."""
    pieces, cut = sections(words, total=WORDS_LIMIT)
    by_a_person = draft.automatic is Automatic.NO
    who = person(draft.author) if by_a_person and draft.author != BRIDGE else say(":robot_face: by itself")
    blocks = [context(f"{_where(draft)}  ·  {who}  ·  {recipients(draft)}")]
    first, *rest = pieces or [""]
    blocks += [section(first, accessory=_sent_menu(draft))] if first else []
    blocks += [section(piece) for piece in rest]
    if draft.html:
        blocks.append(context(say(":art: Beside this text it has HTML of its own, from the mailbox's settings")))
    if draft.files:
        blocks.append(context(f":paperclip: {names(draft.files)}"))
    if cut:
        blocks.append(context(say(":scroll: The whole text is in the mail")))
    if draft.reason:
        blocks.append(section(f":warning: {inert(shorten(draft.reason, REASON_LIMIT))}"))
    if draft.note:
        blocks.append(context(f":information_source: {inert(draft.note)}"))
    refused = [f"{address}: {said}" for address, said in draft.outcome if said != "accepted"]
    if refused and draft.state is DraftState.SENT:
        told = inert(shorten("; ".join(refused), 1000))
        blocks.append(section(say(":warning: Not accepted for {whom}", whom=told)))
    if buttons := draft_buttons(draft):
        blocks.append({"type": "actions", "elements": buttons})
    text = say(
        "{who} answers: {words} ({state})",
        who=draft.author_name,
        words=_first_words(words),
        state=say(STATE_WORDS[draft.state]),
    )
    return Surface(text=escape(shorten(text, FALLBACK_LIMIT)), blocks=blocks)


def _sent_menu(draft: Draft) -> Block | None:
    """Once it has left, it can be seen exactly as it did."""
    options = [(f"show_sent:{draft.number}:{draft.id}", say("Show original"))]
    return overflow("mail", options) if draft.state is DraftState.SENT else None


def draft_buttons(draft: Draft) -> list[Block]:
    """The buttons that fit an outgoing mail's state; their value is the draft's id, and where a person decides what
    became of it, the revision that they see: a line may lag behind.
    """
    seen = f"{draft.id}:{draft.revision}"
    match draft.state:
        case DraftState.PROPOSED:
            return [
                button(say("Send"), "send_now", draft.id, style="primary"),
                button(say("Edit"), "cancel_send", draft.id),
            ]
        case DraftState.HELD:
            return [
                button(say("Undo"), "cancel_send", draft.id),
                button(say("Send now"), "send_now", draft.id, style="primary"),
            ]
        case DraftState.QUEUED:
            return [button(say("Undo"), "cancel_send", draft.id)]
        case DraftState.UNCERTAIN:
            return [
                button(say("Send again"), "resend", seen),
                button(say("It arrived"), "mark_delivered", seen),
            ]
        case DraftState.FAILED:
            return [
                button(say("Try again"), "resend", seen),
                button(say("Write anew"), "cancel_send", draft.id),
            ]
        case _:
            return []


WHERE = {
    DraftState.PROPOSED: mark(":memo: Proposed: it leaves only when somebody sends it"),
    DraftState.HELD: mark(":hourglass_flowing_sand: Leaves at {clock}"),
    DraftState.QUEUED: mark(":outbox_tray: Waiting for the mail server"),
    DraftState.HANDING_OVER: mark(":outbox_tray: Sending"),
    DraftState.SENT: mark(":white_check_mark: Sent"),
    DraftState.FAILED: mark(":x: Not sent"),
    DraftState.UNCERTAIN: mark(":grey_question: Perhaps delivered"),
    DraftState.CANCELLED: mark(":leftwards_arrow_with_hook: Undone"),
}
STATE_WORDS = {
    DraftState.PROPOSED: mark("proposed"),
    DraftState.HELD: mark("held"),
    DraftState.QUEUED: mark("queued"),
    DraftState.HANDING_OVER: mark("handing over"),
    DraftState.SENT: mark("sent"),
    DraftState.FAILED: mark("failed"),
    DraftState.UNCERTAIN: mark("uncertain"),
    DraftState.CANCELLED: mark("cancelled"),
}
"""The same for notifications, in a word."""


def _where(draft: Draft) -> str:
    if draft.later and draft.state is DraftState.HELD:
        return say(":hourglass_flowing_sand: Leaves {moment}", moment=moment(draft.due))
    return say(WHERE[draft.state], clock=clock(draft.due))


def recipients(draft: Draft) -> str:
    """The exact recipients of an answer, in mrkdwn."""
    parts = [say("to {whom}", whom=addresses(draft.to))] if draft.to else []
    parts += [say("cc {whom}", whom=addresses(draft.cc))] if draft.cc else []
    parts += [say("bcc {whom}", whom=addresses(draft.bcc))] if draft.bcc else []
    return ", ".join(parts)


# --- small pieces -----------------------------------------------------------------------------------------------------


def button(words: str, action_id: str, value: str, *, style: str = "") -> Block:
    """A button element."""
    made: Block = {"type": "button", "text": plain(words), "action_id": action_id, "value": value}
    return made | {"style": style} if style else made


def overflow(action_id: str, options: Sequence[tuple[str, str]]) -> Block:
    """A menu of up to five options: value and words each."""
    shown = [{"text": plain(words), "value": value} for value, words in options]
    return {"type": "overflow", "action_id": action_id, "options": shown}


def field(block_id: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """An input of a modal."""
    made: Block = {"type": "input", "block_id": block_id, "label": plain(label), "element": element}
    return made | {"optional": optional}


def channel_menu() -> Block:
    """A menu of the channels that mail may show in."""
    inside = {"include": ["public", "private"], "exclude_external_shared_channels": True}
    return {"type": "conversations_select", "action_id": "value", "filter": inside}


def plain(words: str) -> Block:
    """A plain_text object."""
    return {"type": "plain_text", "text": words, "emoji": True}


def marked(text: str) -> Block:
    """A mrkdwn object in which nothing but our own marks means anything."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def person(user: UserId) -> str:
    """Somebody who acts: a person in Slack, or whoever else (`cli:root`)."""
    return f"<@{user}>" if in_slack(user) else inert(user)


def in_slack(user: UserId) -> bool:
    """Whether that is a person in Slack."""
    return _SLACK_USER.fullmatch(user) is not None


def addresses(of: Sequence[Address]) -> str:
    """Addresses for a person to read, in mrkdwn."""
    shown = ", ".join(inert(shorten(str(one), NAME_LIMIT)) for one in of[:ADDRESSES_SHOWN])
    return and_more(shown, len(of) - ADDRESSES_SHOWN)


def names(files: Sequence[StoredFile] | Sequence[Any], *, most: int = FILES_NAMED) -> str:
    """Files by name and size, in mrkdwn."""
    shown = ", ".join(f"{inert(shorten(one.filename, 80))} ({size(one.size)})" for one in files[:most])
    return and_more(shown, len(files) - most)


def and_more(shown: str, left: int) -> str:
    """The first of some things, and how many are left out, if any are."""
    return say("{shown} and {n} more", shown=shown, n=left) if left > 0 else shown


def size(count: int) -> str:
    """A number of bytes for a person to read."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


def moment(at: datetime) -> str:
    """A time in the reader's own zone, as Slack draws it."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def clock(at: datetime) -> str:
    """A time of day to the second, in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{time_secs}}|{at:%H:%M:%S} UTC>"


def shorten(text: str, limit: int) -> str:
    """The text on one line, cut at `limit` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def inert(text: str) -> str:
    """Foreign words within a line of ours: on one line, and without a meaning to Slack, whatever they hold."""
    pieces, _ = sections([Line.of(shorten(text, 1000))], limit=2900, total=2900)
    return pieces[0] if pieces else ""


def _first_words(lines: Iterable[Line]) -> str:
    return next((one.text for one in lines if one.text.strip()), "")


def section(text: str, *, accessory: Block | None = None) -> Block:
    """A section of mrkdwn, with an element beside it."""
    made: Block = {"type": "section", "text": marked(text)}
    return made | {"accessory": accessory} if accessory else made


def context(text: str) -> Block:
    """A line of small mrkdwn."""
    return {"type": "context", "elements": [marked(text[:3000])]}
