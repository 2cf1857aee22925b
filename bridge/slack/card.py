"""The card: the channel's one message for a conversation. Who wants what, whose turn it is, and what can be done.

Pure: records in, Block Kit out, within Slack's limits on any mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.model import (
    Automatic,
    Conversation,
    Direction,
    Draft,
    Folder,
    Line,
    Span,
    Status,
    StoredMessage,
    UserId,
)
from bridge.rules import waits_since
from bridge.slack.about import acquaintance, doubts
from bridge.slack.blocks import (
    AUTOMATIC_WORDS,
    FALLBACK_LIMIT,
    Block,
    Surface,
    bounced,
    button,
    context,
    count,
    from_line,
    inert,
    moment,
    names,
    overflow,
    person,
    section,
    shorten,
)
from bridge.slack.guarding import held_in_short, judged
from bridge.slack.mrkdwn import escape, sections

HEADER_LIMIT = 150  # characters of a header block
PREVIEW_LIMIT = 280  # characters of the newest mail: enough to decide, short enough to scan a channel
TROUBLE_LIMIT = 500  # characters
PEOPLE_NAMED = 5
MENU_LIMIT = 5  # options that Slack allows in one menu
FILES_NAMED = 3  # on the card; the thread has them all

STATUS_WORDS = {
    Status.OPEN: ":large_green_circle: Open",
    Status.WAITING: ":hourglass_flowing_sand: Waiting for the customer",
    Status.SNOOZED: ":zzz: Snoozed",
    Status.CLOSED: ":white_check_mark: Closed",
}
FOLDER_WORDS = {
    Folder.ARCHIVE: ":file_cabinet: Archived",
    Folder.TRASH: ":wastebasket: In the trash",
    Folder.JUNK: ":no_entry_sign: In junk",
    Folder.GONE: ":grey_question: No longer in the mailbox",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Who is at a conversation: who is writing an answer, and which answers leave at a time that their author named."""

    writing: tuple[UserId, ...] = ()
    waiting: tuple[Draft, ...] = ()

    def told(self) -> str:
        """In mrkdwn, or empty."""
        facts = [f":pencil2: {person(one)} is writing an answer" for one in self.writing[:PEOPLE_NAMED]]
        facts += [
            f":clock3: {person(one.author)}'s answer leaves {moment(one.due)}" for one in self.waiting[:PEOPLE_NAMED]
        ]
        return "  ·  ".join(facts)


NOBODY = Busy()


def card(
    conversation: Conversation,
    messages: Sequence[StoredMessage],
    *,
    mailbox: str,
    busy: Busy = NOBODY,
    earlier: int | None = None,
) -> Surface:
    """The card of a conversation. `earlier`: in how many its customer wrote before, where that was asked."""
    subject = shorten(conversation.subject, HEADER_LIMIT) or "(no subject)"
    inbound = [one for one in messages if one.direction is Direction.IN]
    latest = next(reversed(inbound), None) or next(reversed(messages), None)
    blocks: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": subject, "emoji": False}}]
    if latest:
        reading = overflow("more", _options(conversation, reading_menu(latest, inbound)))
        blocks += [section(from_line(latest), accessory=reading), section(_preview(latest))]
        warnings = [*judged(latest), *doubts(latest), *held_in_short(latest)]
        blocks += [section("\n".join(warnings))] if warnings else []
        if facts := _about(messages, earlier):
            blocks.append(context(facts))
    blocks.append(context(_state(conversation, messages, inbound, mailbox=mailbox, waits=waits_since(messages))))
    if conversation.merged_into:
        there = f"*#{conversation.merged_into}*"
        blocks.append(section(f":twisted_rightwards_arrows: Merged into {there}: it goes on there."))
        return Surface(text=escape(shorten(f"#{conversation.number} {subject}", FALLBACK_LIMIT)), blocks=blocks)
    if told := busy.told():
        blocks.append(context(told))
    if conversation.trouble:
        blocks.append(section(f":warning: {inert(shorten(conversation.trouble, TROUBLE_LIMIT))}"))
    blocks.append(_actions(conversation, inbound))
    who = latest.customer if latest else None
    sender = (who.name or who.email) if who else mailbox
    return Surface(text=escape(shorten(f"#{conversation.number} {sender}: {subject}", FALLBACK_LIMIT)), blocks=blocks)


def pointer(conversation: Conversation, *, link: str) -> Surface:
    """What stands in place of a card that was posted anew: where it goes on."""
    subject = inert(shorten(conversation.subject, HEADER_LIMIT)) or "(no subject)"
    text = f":arrow_down: *#{conversation.number}*  {subject}  ·  <{link}|goes on here>"
    return Surface(text=escape(f"#{conversation.number} goes on further below"), blocks=[context(text)])


def earlier_thread(conversation: Conversation, *, link: str) -> Surface:
    """The first message in the thread of a card that was posted anew: where the mails before it are."""
    text = f":arrow_up: <{link}|The mails before> are in the thread of the former card."
    return Surface(text=escape(f"#{conversation.number} began further above"), blocks=[context(text)])


def _preview(mail: StoredMessage) -> str:
    """The newest words in one paragraph: what is laid out over ten lines would push other cards out of sight."""
    if mail.message.bounce:
        return bounced(mail.message.bounce, mail.message.automatic)
    words = [line for line in mail.reading.new if line.text.strip()]
    flowing = Line(spans=tuple(span for line in words for span in (*line.spans, Span(text=" "))))
    pieces, _ = sections([flowing], limit=PREVIEW_LIMIT, total=PREVIEW_LIMIT)
    return pieces[0] if words and pieces else "_(no text)_"


def _about(messages: Sequence[StoredMessage], earlier: int | None) -> str:
    """What to know before opening it: how well its author is known, and what is attached."""
    first = next((one for one in messages if one.direction is Direction.IN), None)
    known = acquaintance(first, earlier) if first else ""
    facts = [known] if known else []
    if files := [file for one in reversed(messages) for file in one.files]:
        facts.append(f":paperclip: {names(files, most=FILES_NAMED)}")
    return "  ·  ".join(facts)


# --- how it stands ----------------------------------------------------------------------------------------------------


def _state(
    conversation: Conversation,
    messages: Sequence[StoredMessage],
    inbound: Sequence[StoredMessage],
    *,
    mailbox: str,
    waits: datetime | None,
) -> str:
    facts = [f"*#{conversation.number}*", inert(mailbox), _status(conversation)]
    if waits and conversation.status in (Status.OPEN, Status.SNOOZED):
        facts.append(f":alarm_clock: waits since {moment(waits)}")
    facts.append(person(conversation.owner) if conversation.owner else "nobody's yet")
    facts += _in_mailbox(inbound)
    if len(messages) > 1:
        facts.append(f"{len(messages)} mails")
    if not waits:
        facts.append(moment(conversation.updated))
    latest = next(reversed(messages), None)
    if latest and latest.message.automatic is not Automatic.NO:
        facts.append(AUTOMATIC_WORDS[latest.message.automatic])
    return "  ·  ".join(facts)


def _status(conversation: Conversation) -> str:
    until = (
        f" until {moment(conversation.wakes)}" if conversation.status is Status.SNOOZED and conversation.wakes else ""
    )
    return STATUS_WORDS[conversation.status] + until


def _in_mailbox(inbound: Sequence[StoredMessage]) -> list[str]:
    """What any mail client would show of these mails: unread, flagged, and where they are if not in the inbox."""
    facts = []
    if unread := sum(not one.seen and one.folder is Folder.INBOX for one in inbound):
        facts.append(f":envelope: {unread} unread")
    if any(one.flagged for one in inbound):
        facts.append(":triangular_flag_on_post: Flagged")
    for folder, words in FOLDER_WORDS.items():
        if there := sum(one.folder is folder for one in inbound):
            facts.append(words if there == len(inbound) else f"{words}: {count(there, 'mail')} of {len(inbound)}")
    return facts


# --- what can be done -------------------------------------------------------------------------------------------------


def _actions(conversation: Conversation, inbound: Sequence[StoredMessage]) -> Block:
    number = str(conversation.number)
    closed = conversation.status is Status.CLOSED
    last = ("Reopen", "reopen") if closed else ("Close", "close")
    elements = [
        button("Reply", "reply", number, style="primary"),
        button("Take over" if conversation.owner else "Claim", "claim", number),
        button(*last, number),
    ]
    if conversation.owner:
        elements.append(button("Release", "release", number))
    if filing := _options(conversation, filing_menu(conversation, inbound)):
        elements.append(overflow("more", filing))
    return {"type": "actions", "elements": elements}


def reading_menu(latest: StoredMessage, inbound: Sequence[StoredMessage]) -> list[tuple[str, str]]:
    """What can be done with the newest mail's words, beside it: verb and words each."""
    message = latest.message
    menu = [("reply_all", "Reply to all")] if len({*message.to, *message.cc, *message.reply_to}) > 1 else []
    menu += [("forward", "Forward"), ("show_full", "Show full text"), ("show_original", "Show original")]
    if inbound:
        menu.append(("unflag", "Remove the flag") if any(one.flagged for one in inbound) else ("flag", "Flag"))
    return menu[:MENU_LIMIT]


def filing_menu(conversation: Conversation, inbound: Sequence[StoredMessage]) -> list[tuple[str, str]]:
    """What can be done with the conversation's mails: verb and words each."""
    snooze = [("snooze", "Snooze …")] if conversation.status is not Status.CLOSED else []
    if not inbound:
        return snooze
    here = {one.folder for one in inbound}
    menu = [("restore", "Back to the inbox")] if here != {Folder.INBOX} else []
    if any(not one.seen for one in inbound):
        menu.append(("mark_read", "Mark as read"))
    else:
        menu.append(("mark_unread", "Mark as unread"))
    menu += snooze
    moves = (
        (Folder.ARCHIVE, "archive", "Archive"),
        (Folder.TRASH, "delete", "Delete …"),
        (Folder.JUNK, "spam", "Spam"),
    )
    menu += [(verb, words) for folder, verb, words in moves if here != {folder}]
    return menu[:MENU_LIMIT]


def _options(conversation: Conversation, menu: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(f"{verb}:{conversation.number}", words) for verb, words in menu]
