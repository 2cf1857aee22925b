"""What an agent fills in and is shown: the compose modal, what leaves, a mail's full text, a sentence.

Pure: records in, views out, and the submitted values back into records. Block and action ids are the contract's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.model import (
    Address,
    ChannelId,
    Conversation,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    FileId,
    Line,
    MailboxName,
    MailId,
    Number,
)
from bridge.slack.blocks import (
    REASON_LIMIT,
    Block,
    addresses,
    clock,
    draft_buttons,
    marked,
    names,
    plain,
    shorten,
    size,
)
from bridge.slack.mrkdwn import escape, sections

TITLES = {
    DraftKind.REPLY: "Reply",
    DraftKind.REPLY_ALL: "Reply to all",
    DraftKind.FORWARD: "Forward",
    DraftKind.NEW: "New mail",
}
CHECKBOXES = 10  # options of one group
FULL_TEXT_SECTIONS = 90  # of the 100 blocks of a modal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that can go along without being uploaded: an attachment of the original, or one of an undone draft."""

    file: DraftFile
    checked: bool

    @property
    def value(self) -> str:
        """Its option's value."""
        one = self.file
        return f"mail:{one.mail_id}:{one.position}" if one.mail_id else f"slack:{one.slack_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the compose modal is filled with. `quote` is None where there is nothing to quote; `mailboxes` are offered
    when a new mail is written (name and label each).
    """

    draft: DraftId
    kind: DraftKind
    channel: ChannelId
    mailbox: MailboxName
    number: Number | None = None
    answers: MailId | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""
    rich_text: dict[str, Any] | None = None
    quote: bool | None = None
    originals: tuple[Kept, ...] = ()
    mailboxes: tuple[tuple[MailboxName, str], ...] = ()

    def with_words(self, rich_text: dict[str, Any]) -> "Form":
        """The same form with a text filled in."""
        return replace(self, rich_text=rich_text)

    def submitted(self, *, uploads: Sequence[DraftFile] = ()) -> "Submission":
        """As it would come back from the modal, were it sent as it is filled in."""
        return Submission(
            draft=self.draft,
            kind=self.kind,
            channel=self.channel,
            mailbox=self.mailbox,
            number=self.number,
            answers=self.answers,
            view_id="",
            to=_typed(self.to),
            cc=_typed(self.cc),
            bcc=_typed(self.bcc),
            subject=self.subject,
            rich_text=self.rich_text or {"type": "rich_text", "elements": []},
            quote=bool(self.quote),
            uploads=tuple(uploads),
            originals=tuple(one.value for one in self.originals if one.checked),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What came back from the compose modal, before it is judged: recipients are the text as typed."""

    draft: DraftId
    kind: DraftKind
    channel: ChannelId
    mailbox: MailboxName
    number: Number | None
    answers: MailId | None
    view_id: str
    to: str
    cc: str
    bcc: str
    subject: str
    rich_text: dict[str, Any]
    quote: bool
    uploads: tuple[DraftFile, ...]
    originals: tuple[str, ...]  # values of the checked ones


# --- compose ----------------------------------------------------------------------------------------------------------


def compose(form: Form) -> Block:
    """The compose modal, filled in."""
    blocks: list[Block] = []
    if form.mailboxes:
        blocks.append(_mailbox(form))
    blocks += [
        _input("to", "To", _text(_typed(form.to), placeholder="dana@example.com, Ben <ben@example.org>")),
        _input("cc", "Cc", _text(_typed(form.cc)), optional=True),
        _input("bcc", "Bcc", _text(_typed(form.bcc)), optional=True),
        _input("subject", "Subject", _text(form.subject), optional=True),
        _input("body", "Message", _rich(form.rich_text), optional=form.kind is DraftKind.FORWARD),
    ]
    if form.originals:
        label = "Attachments of the original" if form.kind is DraftKind.FORWARD else "Files to go along"
        blocks.append(_input("originals", label, _originals(form.originals), optional=True))
    blocks.append(
        _input("files", "Files", {"type": "file_input", "action_id": "value", "max_files": 10}, optional=True)
    )
    if form.quote is not None:
        blocks.append(_input("quote", "Quote", _quote(form.quote), optional=True))
    about = f"#{form.number}" if form.number else ""
    return {
        "type": "modal",
        "callback_id": "compose",
        "title": plain(f"{TITLES[form.kind]} {about}".strip()[:24]),
        "submit": plain("Send"),
        "close": plain("Cancel"),
        "private_metadata": json.dumps(
            {
                "draft": form.draft,
                "kind": form.kind,
                "channel": form.channel,
                "mailbox": form.mailbox,
                "number": form.number,
                "answers": form.answers,
            }
        ),
        "blocks": blocks,
    }


def submission(view: Mapping[str, Any]) -> Submission:
    """What an agent submitted, from the view of a `view_submission` payload."""
    carried = json.loads(view["private_metadata"])
    values: dict[str, Any] = {block_id: found["value"] for block_id, found in view["state"]["values"].items()}
    chosen = (values.get("mailbox") or {}).get("selected_option") or {}
    return Submission(
        draft=DraftId(carried["draft"]),
        kind=DraftKind(carried["kind"]),
        channel=ChannelId(carried["channel"]),
        mailbox=MailboxName(chosen.get("value") or carried["mailbox"]),
        number=carried["number"],
        answers=carried["answers"],
        view_id=view["id"],
        to=_words(values, "to"),
        cc=_words(values, "cc"),
        bcc=_words(values, "bcc"),
        subject=_words(values, "subject"),
        rich_text=(values.get("body") or {}).get("rich_text_value") or {"type": "rich_text", "elements": []},
        quote=bool(_checked(values, "quote")),
        uploads=tuple(_upload(one) for one in (values.get("files") or {}).get("files") or ()),
        originals=_checked(values, "originals"),
    )


def _words(values: Mapping[str, Any], block_id: str) -> str:
    return ((values.get(block_id) or {}).get("value") or "").strip()


def _checked(values: Mapping[str, Any], block_id: str) -> tuple[str, ...]:
    return tuple(one["value"] for one in (values.get(block_id) or {}).get("selected_options") or ())


def _upload(file: Mapping[str, Any]) -> DraftFile:
    return DraftFile(
        slack_id=FileId(file["id"]),
        filename=file.get("name") or "file",
        content_type=file.get("mimetype") or "application/octet-stream",
        size=file.get("size") or 0,
    )


def _input(block_id: str, label: str, element: Block, *, optional: bool = False) -> Block:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": element,
        "optional": optional,
    }


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


def _quote(initial: bool) -> Block:
    option = {"text": plain("Quote the mail below the answer"), "value": "quote"}
    element: Block = {"type": "checkboxes", "action_id": "value", "options": [option]}
    return element | {"initial_options": [option]} if initial else element


def _originals(kept: Sequence[Kept]) -> Block:
    options = [_kept(one) for one in kept[:CHECKBOXES]]
    initial = [option for option, one in zip(options, kept, strict=False) if one.checked]
    element: Block = {"type": "checkboxes", "action_id": "value", "options": options}
    return element | {"initial_options": initial} if initial else element


def _kept(one: Kept) -> Block:
    return {
        "text": plain(shorten(f"{one.file.filename or 'file'} ({size(one.file.size)})", 75)),
        "value": one.value,
    }


def _mailbox(form: Form) -> Block:
    options = [{"text": plain(shorten(label, 75)), "value": name} for name, label in form.mailboxes]
    initial = next((option for option in options if option["value"] == form.mailbox), options[0])
    element = {"type": "static_select", "action_id": "value", "options": options, "initial_option": initial}
    return _input("mailbox", "From", element)


def _typed(of: Sequence[Address]) -> str:
    """Addresses as a person would type them: a display name with a special character is quoted (RFC 5322 3.2.4)."""
    return ", ".join(_quoted(one) for one in of)


def _quoted(one: Address) -> str:
    if any(sign in one.name for sign in ',;:<>@()[]"\\.'):
        name = one.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{one.email}>'
    return str(one)


# --- delete and snooze ------------------------------------------------------------------------------------------------


def confirm_delete(conversation: Conversation, *, mails: int) -> Block:
    """The question before a conversation's mails go to the trash."""
    subject = escape(shorten(conversation.subject, 200)) or "(no subject)"
    what = "its mail" if mails == 1 else f"all {mails} mails of it"
    sentence = f"*#{conversation.number}*  {subject}\n\nMove {what} to the trash? They can be brought back."
    return {
        "type": "modal",
        "callback_id": "confirm_delete",
        "title": plain("Delete"),
        "submit": plain("Move to the trash"),
        "close": plain("Cancel"),
        "private_metadata": json.dumps({"number": conversation.number}),
        "blocks": [{"type": "section", "text": marked(sentence)}],
    }


def snooze(conversation: Conversation) -> Block:
    """The modal that asks until when a conversation is put aside."""
    element = {"type": "plain_text_input", "action_id": "value", "initial_value": "tomorrow 9am", "max_length": 100}
    until = _input("until", "Until", element)
    until["hint"] = plain("“tomorrow 9am”, “in 3 hours”, “next Monday”, “2027-01-31 14:30”. A new mail ends it before.")
    return {
        "type": "modal",
        "callback_id": "snooze",
        "title": plain(f"Snooze #{conversation.number}"[:24]),
        "submit": plain("Snooze"),
        "close": plain("Cancel"),
        "private_metadata": json.dumps({"number": conversation.number}),
        "blocks": [until],
    }


def carried_number(view: Mapping[str, Any]) -> Number:
    """The conversation that one of these two modals is about."""
    return Number(json.loads(view["private_metadata"])["number"])


def typed_until(view: Mapping[str, Any]) -> str:
    """What was typed as the time."""
    return _words({"until": view["state"]["values"]["until"]["value"]}, "until")


# --- what leaves ------------------------------------------------------------------------------------------------------


def leaving(draft: Draft, *, sender: Address, words: Sequence[Line]) -> Block:
    """What exactly leaves, to whom, and what can still be done about it."""
    facts = [("From", addresses([sender])), ("To", addresses(draft.to))]
    facts += [("Cc", addresses(draft.cc))] if draft.cc else []
    facts += [("Bcc", addresses(draft.bcc))] if draft.bcc else []
    facts += [("Subject", escape(shorten(draft.subject, 250)) or "_(none)_")]
    facts += [("Files", names(draft.files))] if draft.files else []
    pieces, _ = sections(words, limit=2900, total=2900)
    blocks: list[Block] = [
        {"type": "section", "text": marked(_where(draft))},
        {"type": "divider"},
        {"type": "section", "text": marked("\n".join(f"*{name}:*  {what}" for name, what in facts)[:3000])},
    ]
    blocks += [{"type": "divider"}, {"type": "section", "text": marked(pieces[0])}] if pieces else []
    if buttons := draft_buttons(draft):
        blocks.append({"type": "actions", "elements": buttons})
    return {
        "type": "modal",
        "callback_id": "leaving",
        "title": plain("Your mail"),
        "close": plain("Close"),
        "private_metadata": json.dumps({"draft": draft.id}),
        "blocks": blocks,
    }


WHERE = {
    DraftState.HELD: ":hourglass_flowing_sand: *Leaves at {clock}.* Until then it can be undone.",
    DraftState.QUEUED: ":outbox_tray: *Waiting for the mail server.* {reason}",
    DraftState.HANDING_OVER: ":outbox_tray: *On its way.* It can no longer be undone.",
    DraftState.SENT: ":white_check_mark: *Sent.*",
    DraftState.FAILED: ":x: *Not sent.* {reason}",
    DraftState.UNCERTAIN: ":grey_question: *Perhaps delivered.* {reason}",
    DraftState.CANCELLED: ":leftwards_arrow_with_hook: *Undone.* Nothing was sent.",
}


def _where(draft: Draft) -> str:
    reason = escape(shorten(draft.reason, REASON_LIMIT))
    return WHERE[draft.state].format(clock=clock(draft.due), reason=reason).rstrip()


# --- reading ----------------------------------------------------------------------------------------------------------


def loading(title: str) -> Block:
    """What stands there while the real view is made: Slack gives three seconds for opening one."""
    return notice(title, ":hourglass_flowing_sand: One moment …")


def notice(title: str, sentence: str) -> Block:
    """A modal that says one thing, in mrkdwn."""
    blocks = [{"type": "section", "text": marked(sentence[:3000])}]
    return {"type": "modal", "title": plain(title[:24]), "close": plain("Close"), "blocks": blocks}


def full_text(title: str, *, head: str, lines: Sequence[Line]) -> Block:
    """All of a mail's text, quotes and signature included. `head` is mrkdwn."""
    pieces, cut = sections(lines, limit=2900, total=2900 * FULL_TEXT_SECTIONS // 2)
    texts = [head, *pieces[:FULL_TEXT_SECTIONS]]
    if cut or len(pieces) > FULL_TEXT_SECTIONS:
        texts.append("_The rest stands in the original._")
    blocks = [{"type": "section", "text": marked(text)} for text in texts if text]
    return {"type": "modal", "title": plain(shorten(title, 24)), "close": plain("Close"), "blocks": blocks}
