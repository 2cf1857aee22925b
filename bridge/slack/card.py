"""The card: the channel's one message for a conversation. Who wants what, whose turn it is, and what can be done.

Pure: records in, Block Kit out, within Slack's limits on any mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.model import (
    Automatic,
    Conversation,
    Direction,
    Draft,
    Folder,
    Line,
    Priority,
    Span,
    Status,
    StoredMessage,
    UserId,
)
from bridge.rules import waits_since
from bridge.sentences import mark, plural, say
from bridge.slack.about import acquaintance, doubts
from bridge.slack.blocks import (
    AUTOMATIC_WORDS,
    FALLBACK_LIMIT,
    Block,
    Surface,
    bounced,
    button,
    context,
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
LINK_LIMIT = 500  # characters of an address in it
LONG_WORD = 30  # characters: longer ones are cut
PREVIEW_LIMIT = 280  # characters of the newest mail: enough to decide, short enough to scan a channel
TROUBLE_LIMIT = 500  # characters
PEOPLE_NAMED = 5
MENU_LIMIT = 5  # options that Slack allows in one menu
TAGS_SHOWN = 10
FILES_NAMED = 3  # on the card; the thread has them all

STATUS_WORDS = {
    Status.OPEN: mark(":large_green_circle: Open"),
    Status.WAITING: mark(":hourglass_flowing_sand: Waiting for the customer"),
    Status.SNOOZED: mark(":zzz: Snoozed"),
    Status.CLOSED: mark(":white_check_mark: Closed"),
}
PRIORITY_WORDS = {
    Priority.URGENT: mark(":rotating_light: Urgent"),
    Priority.HIGH: mark(":arrow_up: High priority"),
    Priority.LOW: mark(":arrow_down: Low priority"),
}
FOLDER_WORDS = {
    Folder.ARCHIVE: mark(":file_cabinet: Archived"),
    Folder.TRASH: mark(":wastebasket: In the trash"),
    Folder.JUNK: mark(":no_entry_sign: In junk"),
    Folder.GONE: mark(":grey_question: No longer in the mailbox"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Who is at a conversation: who is writing an answer, and which answers leave at a time that their author named."""

    writing: tuple[UserId, ...] = ()
    waiting: tuple[Draft, ...] = ()

    def told(self) -> str:
        """In mrkdwn, or empty."""
        facts = [say(":pencil2: {who} is writing an answer", who=person(one)) for one in self.writing[:PEOPLE_NAMED]]
        facts += [
            say(":clock3: {who}'s answer leaves {moment}", who=person(one.author), moment=moment(one.due))
            for one in self.waiting[:PEOPLE_NAMED]
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
    called_spam: UserId | None = None,
    late: bool = False,
) -> Surface:
    """The card of a conversation. `earlier`: in how many its customer wrote before, where that was asked;
    `called_spam`: who called their mail spam before; `late`: an answer should have been given by now.
    """
    subject = shorten(conversation.subject, HEADER_LIMIT) or say("(no subject)")
    inbound = [one for one in messages if one.direction is Direction.IN]
    latest = shows(messages)
    blocks: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": subject, "emoji": False}}]
    if latest:
        reading = overflow("more", _options(conversation, reading_menu(latest, inbound)))
        blocks += [section(from_line(latest), accessory=reading), section(_preview(latest))]
        warnings = [*judged(latest), *doubts(latest), *held_in_short(latest)]
        if called_spam:
            by = person(called_spam)
            warnings.append(say(":no_entry_sign: Mail of this sender was called spam before, by {who}.", who=by))
        blocks += [section("\n".join(warnings))] if warnings else []
        if facts := _about(messages, earlier):
            blocks.append(context(facts))
    blocks.append(
        context(_state(conversation, messages, inbound, mailbox=mailbox, waits=waits_since(messages), late=late))
    )
    if conversation.merged_into:
        there = f"*#{conversation.merged_into}*"
        blocks.append(section(say(":twisted_rightwards_arrows: Merged into {there}: it goes on there.", there=there)))
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
    subject = inert(shorten(conversation.subject, HEADER_LIMIT)) or say("(no subject)")
    text = f":arrow_down: *#{conversation.number}*  {subject}  ·  <{link}|{say('goes on here')}>"
    bare = say("#{number} goes on further below", number=conversation.number)
    return Surface(text=escape(bare), blocks=[context(text)])


def moved(conversation: Conversation, *, link: str) -> Surface:
    """What stands in place of the card of a conversation that shows in another channel now: where it goes on."""
    subject = inert(shorten(conversation.subject, HEADER_LIMIT)) or say("(no subject)")
    there = say("moved to {channel}", channel=f"<#{conversation.channel}>")
    text = f":arrow_right: *#{conversation.number}*  {subject}  ·  {there}  ·  <{link}|{say('goes on here')}>"
    bare = say("#{number} goes on in another channel", number=conversation.number)
    return Surface(text=escape(bare), blocks=[context(text)])


def earlier_thread(conversation: Conversation, *, link: str) -> Surface:
    """The first message in the thread of a card that was posted anew: where the mails before it are."""
    before = f"<{link}|{say('The mails before')}>"
    text = say(":arrow_up: {before} are in the thread of the former card.", before=before)
    bare = say("#{number} began further above", number=conversation.number)
    return Surface(text=escape(bare), blocks=[context(text)])


def shows(messages: Sequence[StoredMessage]) -> StoredMessage | None:
    """The mail that the card shows, and that its menus mean: the newest that came in; of a conversation that we began
    and nobody has answered, our own.
    """
    inbound = (one for one in reversed(messages) if one.direction is Direction.IN)
    return next(inbound, None) or next(reversed(messages), None)


def _preview(mail: StoredMessage) -> str:
    """The newest words in one paragraph: what is laid out over ten lines would push other cards out of sight."""
    if mail.message.bounce:
        return bounced(mail.message.bounce, mail.message.automatic)
    words = [line for line in mail.reading.new if line.text.strip()]
    flowing = [span for line in words for span in (*_marker(line), *line.spans, Span(text=" "))]
    pieces, _ = sections([Line(spans=_beginning(flowing))], total=2900)
    return pieces[0] if words and pieces else say("_(no text)_")


def _marker(line: Line) -> tuple[Span, ...]:
    return (Span(text=f"{line.marker} "),) if line.marker else ()


def _beginning(spans: Sequence[Span]) -> tuple[Span, ...]:
    """As much as a preview has room for, cut between words. An address that would fill the card leads nowhere."""
    text = "".join(span.text for span in spans).rstrip()
    end, left = len(text), ""
    if end > PREVIEW_LIMIT:
        between = text.rfind(" ", PREVIEW_LIMIT - LONG_WORD, PREVIEW_LIMIT + 1)
        end, left = between if between >= 0 else PREVIEW_LIMIT, "…"
    kept: list[Span] = []
    for span in spans:
        words, end = span.text[:end], end - len(span.text)
        href = span.href if len(span.href) <= LINK_LIMIT else ""
        kept.append(replace(span, text=words if end > 0 else words + left, href=href))
        if end <= 0:
            break
    return tuple(kept)


def _about(messages: Sequence[StoredMessage], earlier: int | None) -> str:
    """What to know before opening it: how well its author is known, and what is attached."""
    first = next((one for one in messages if one.direction is Direction.IN), None)
    known = acquaintance(first, earlier) if first else ""
    facts = [known] if known else []
    if files := {(file.filename, file.size): file for one in reversed(messages) for file in one.files}:
        facts.append(f":paperclip: {names(list(files.values()), most=FILES_NAMED)}")
    return "  ·  ".join(facts)


# --- how it stands ----------------------------------------------------------------------------------------------------


def _state(
    conversation: Conversation,
    messages: Sequence[StoredMessage],
    inbound: Sequence[StoredMessage],
    *,
    mailbox: str,
    waits: datetime | None,
    late: bool,
) -> str:
    facts = [f"*#{conversation.number}*", inert(mailbox), status(conversation), *_sorted(conversation)]
    waits = waits if conversation.status in (Status.OPEN, Status.SNOOZED) else None
    if waits:
        facts.append(say(":alarm_clock: waits since {moment}", moment=moment(waits)))
    if waits and conversation.due:
        facts.append(answer_due(conversation.due, late=late))
    facts.append(person(conversation.owner) if conversation.owner else say("nobody's yet"))
    facts += _in_mailbox(inbound)
    if len(messages) > 1:
        facts.append(plural(len(messages), "{n} mail", "{n} mails"))
    if not waits:
        facts.append(moment(conversation.updated))
    latest = next(reversed(messages), None)
    if latest and latest.direction is Direction.IN and latest.message.automatic is not Automatic.NO:
        facts.append(say(AUTOMATIC_WORDS[latest.message.automatic]))
    return "  ·  ".join(facts)


def _sorted(conversation: Conversation) -> list[str]:
    """What it was sorted under: how much it matters, and its tags."""
    facts = [say(PRIORITY_WORDS[conversation.priority])] if conversation.priority in PRIORITY_WORDS else []
    tags = " ".join(inert(f"#{one}") for one in conversation.tags[:TAGS_SHOWN])
    return [*facts, f":label: {tags}"] if tags else facts


def status(conversation: Conversation) -> str:
    """Whose turn it is, in mrkdwn; of a snoozed one until when."""
    if conversation.status is Status.SNOOZED and conversation.wakes:
        return say(":zzz: Snoozed until {moment}", moment=moment(conversation.wakes))
    return say(STATUS_WORDS[conversation.status])


def answer_due(due: datetime, *, late: bool) -> str:
    """Until when a customer who waits is to have an answer, in mrkdwn; marked where that has passed."""
    if late:
        return say(":rotating_light: *an answer was due {moment}*", moment=moment(due))
    return say("an answer is due {moment}", moment=moment(due))


def _in_mailbox(inbound: Sequence[StoredMessage]) -> list[str]:
    """What any mail client would show of these mails: unread, flagged, and where they are if not in the inbox."""
    facts = []
    if unread := sum(not one.seen and one.folder is Folder.INBOX for one in inbound):
        facts.append(say(":envelope: {n} unread", n=unread))
    if any(one.flagged for one in inbound):
        facts.append(say(":triangular_flag_on_post: Flagged"))
    for folder, words in FOLDER_WORDS.items():
        if there := sum(one.folder is folder for one in inbound):
            where, every = say(words), len(inbound)
            some = plural(
                there, "{where}: {n} mail of {every}", "{where}: {n} mails of {every}", where=where, every=every
            )
            facts.append(where if there == every else some)
    return facts


# --- what can be done -------------------------------------------------------------------------------------------------


def _actions(conversation: Conversation, inbound: Sequence[StoredMessage]) -> Block:
    number = str(conversation.number)
    closed = conversation.status is Status.CLOSED
    last = (say("Reopen"), "reopen") if closed else (say("Close"), "close")
    elements = [
        button(say("Reply"), "reply", number, style="primary"),
        button(say("Take over") if conversation.owner else say("Claim"), "claim", number),
        button(*last, number),
    ]
    if conversation.owner:
        elements.append(button(say("Release"), "release", number))
    if filing := _options(conversation, filing_menu(conversation, inbound)):
        elements.append(overflow("more", filing))
    return {"type": "actions", "elements": elements}


def reading_menu(latest: StoredMessage, inbound: Sequence[StoredMessage]) -> list[tuple[str, str]]:
    """What can be done with the newest mail's words, beside it: verb and words each."""
    message = latest.message
    menu = [("reply_all", say("Reply to all"))] if len({*message.to, *message.cc, *message.reply_to}) > 1 else []
    menu += [
        ("forward", say("Forward")),
        ("show_full", say("Show full text")),
        ("show_original", say("Show original")),
    ]
    if inbound:
        flagged = any(one.flagged for one in inbound)
        menu.append(("unflag", say("Remove the flag")) if flagged else ("flag", say("Flag")))
    return menu[:MENU_LIMIT]


def filing_menu(conversation: Conversation, inbound: Sequence[StoredMessage]) -> list[tuple[str, str]]:
    """What can be done with the conversation's mails: verb and words each."""
    snooze = [("snooze", say("Snooze …"))] if conversation.status is not Status.CLOSED else []
    if not inbound:
        return snooze
    here = {one.folder for one in inbound}
    menu = [("restore", say("Back to the inbox"))] if here != {Folder.INBOX} else []
    if any(not one.seen for one in inbound):
        menu.append(("mark_read", say("Mark as read")))
    else:
        menu.append(("mark_unread", say("Mark as unread")))
    menu += snooze
    moves = (
        (Folder.ARCHIVE, "archive", say("Archive")),
        (Folder.TRASH, "delete", say("Delete …")),
        (Folder.JUNK, "spam", say("Spam")),
    )
    menu += [(verb, words) for folder, verb, words in moves if here != {folder}]
    return menu[:MENU_LIMIT]


def _options(conversation: Conversation, menu: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(f"{verb}:{conversation.number}", words) for verb, words in menu]
