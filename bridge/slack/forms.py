"""What an agent fills in, as records: what the compose modal is filled with, what comes back from it, what it carries.

Pure. Recipients and times are the text as typed: nothing that a person wrote is changed by showing the modal again.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bridge.canned import Template
from bridge.model import (
    Address,
    ChannelId,
    DraftFile,
    DraftId,
    DraftKind,
    FileId,
    MailboxName,
    MailId,
    Number,
    Ts,
    UserId,
)
from bridge.slack.unreadable import expected

ASKED_MOST = 100  # signs of addresses that private_metadata, of 3,000 characters, carries
NOTHING: dict[str, Any] = {"type": "rich_text", "elements": []}


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
class News:
    """What happened in a conversation while its answer was being written: a mail that came or went, with its first
    words, or an answer of an agent (`by`) that is on its way.
    """

    at: datetime
    words: str
    who: Address | None = None
    by: UserId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a compose modal carries besides its inputs: what it was made from, so that what is new can be told.

    `seen`: the conversation's newest mail, and `opened` when the person began (both move on with each warning that they
    were shown); `asked`: signs of the addresses that they were asked about already; `said`: the message in a thread
    that it was made of, and `files`: those that hang on that message, which Slack can be asked about; `proposal`: the
    assistant's draft that it was.
    """

    draft: DraftId
    kind: DraftKind
    channel: ChannelId
    mailbox: MailboxName
    number: Number | None = None
    answers: MailId | None = None
    seen: MailId | None = None
    opened: datetime | None = None
    asked: tuple[str, ...] = ()
    said: tuple[ChannelId, Ts] | None = None
    files: tuple[FileId, ...] = ()
    proposal: DraftId | None = None

    def packed(self) -> str:
        """As `private_metadata`."""
        return json.dumps(
            {
                "draft": self.draft,
                "kind": self.kind,
                "channel": self.channel,
                "mailbox": self.mailbox,
                "number": self.number,
                "answers": self.answers,
                "seen": self.seen,
                "opened": self.opened.timestamp() if self.opened else None,
                "asked": self.asked[-ASKED_MOST:],
                "said": self.said,
                "files": self.files,
                "proposal": self.proposal,
            }
        )

    @classmethod
    def unpacked(cls, text: str) -> "Carried":
        """From `private_metadata`, which an older version may have written."""
        told = json.loads(text)
        said = told.get("said")
        opened = told.get("opened")
        return cls(
            draft=DraftId(told["draft"]),
            kind=DraftKind(told["kind"]),
            channel=ChannelId(told["channel"]),
            mailbox=MailboxName(told["mailbox"]),
            number=told["number"],
            answers=told["answers"],
            seen=told.get("seen"),
            opened=datetime.fromtimestamp(opened, UTC) if opened else None,
            asked=tuple(told.get("asked") or ()),
            said=(ChannelId(said[0]), Ts(said[1])) if said else None,
            files=tuple(told.get("files") or ()),
            proposal=told.get("proposal"),
        )


def sign(address: Address) -> str:
    """A short sign of an address, to know it again: eight hex digits."""
    return f"{zlib.crc32(address.email.lower().encode()):08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the compose modal is filled with. `quote` is None where there is nothing to quote; `mailboxes` are offered
    when a new mail is written (name and label each). `languages`: those, by code, that the mail which is answered could
    be in: its `templates` are the first. `told`: sentences above it, in mrkdwn; `again`: it was submitted, and asks
    whether it is to be sent all the same.
    """

    carried: Carried
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    rich_text: dict[str, Any] | None = None
    quote: bool | None = None
    closes: bool = False
    later: str = ""
    originals: tuple[Kept, ...] = ()
    mailboxes: tuple[tuple[MailboxName, str], ...] = ()
    templates: tuple[Template, ...] = ()
    languages: frozenset[str] = frozenset()
    template: str = ""
    told: tuple[str, ...] = ()
    again: bool = False

    def made_of(
        self, rich_text: dict[str, Any] | None, *, said: tuple[ChannelId, Ts], files: Sequence[DraftFile]
    ) -> "Form":
        """The same form with the text of a message filled in, and its files, which go along unless that is undone."""
        carried = replace(self.carried, said=said, files=tuple(one.slack_id for one in files if one.slack_id))
        offered = (*(Kept(file=one, checked=True) for one in files), *self.originals)
        return replace(self, rich_text=rich_text, originals=offered, carried=carried)

    def telling(self, sentence: str) -> "Form":
        """The same form with a sentence above it, in mrkdwn."""
        return replace(self, told=(*self.told, sentence))

    def asking(self, told: tuple[str, ...], *, carried: Carried) -> "Form":
        """The same form, asking whether it is to be sent although those things are so."""
        return replace(self, told=told, again=True, carried=carried)

    def submitted(self, *, uploads: Sequence[DraftFile] = ()) -> "Submission":
        """As it would come back from the modal, were it sent as it is filled in."""
        return Submission(
            carried=self.carried,
            mailbox=self.carried.mailbox,
            view_id="",
            to=self.to,
            cc=self.cc,
            bcc=self.bcc,
            subject=self.subject,
            rich_text=self.rich_text or NOTHING,
            quote=bool(self.quote),
            closes=self.closes,
            later=self.later,
            template=self.template,
            uploads=tuple(uploads),
            originals=tuple(one.value for one in self.originals if one.checked),
            said_files=tuple(one.file for one in self.originals if one.value in self._said),
        )

    @property
    def _said(self) -> set[str]:
        return {f"slack:{one}" for one in self.carried.files}

    def refilled(self, typed: "Submission") -> "Form":
        """The same form as a person has filled it in; uploads stay in their input, which nothing can fill."""
        checked = set(typed.originals)
        return replace(
            self,
            carried=replace(typed.carried, mailbox=typed.mailbox),
            to=typed.to,
            cc=typed.cc,
            bcc=typed.bcc,
            subject=typed.subject,
            rich_text=typed.rich_text,
            quote=None if self.quote is None else typed.quote,
            closes=typed.closes,
            later=typed.later,
            template=typed.template,
            originals=tuple(replace(one, checked=one.value in checked) for one in self.originals),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What came back from the compose modal, before it is judged: recipients and the time are the text as typed."""

    carried: Carried
    mailbox: MailboxName
    view_id: str
    to: str
    cc: str
    bcc: str
    subject: str
    rich_text: dict[str, Any]
    quote: bool
    closes: bool
    later: str
    template: str
    uploads: tuple[DraftFile, ...]
    originals: tuple[str, ...]  # values of the checked ones
    said_files: tuple[DraftFile, ...] = ()  # of the message that it was made of, checked or not, once Slack was asked

    @property
    def files(self) -> bool:
        """Whether anything goes along."""
        return bool(self.uploads or self.originals)


# --- what comes back --------------------------------------------------------------------------------------------------


def submission(view: Mapping[str, Any]) -> Submission:
    """What an agent typed, from the view of any payload about it: submitted, closed, or a template chosen."""
    with expected("form"):
        carried = Carried.unpacked(view["private_metadata"])
    found = ((view.get("state") or {}).get("values") or {}).items()
    values: dict[str, Any] = {block_id: held["value"] for block_id, held in found if "value" in held}
    return Submission(
        carried=carried,
        mailbox=MailboxName(_chosen(values, "mailbox") or carried.mailbox),
        view_id=view["id"],
        to=_words(values, "to"),
        cc=_words(values, "cc"),
        bcc=_words(values, "bcc"),
        subject=_words(values, "subject"),
        rich_text=(values.get("body") or {}).get("rich_text_value") or NOTHING,
        quote=bool(_checked(values, "quote")),
        closes=bool(_checked(values, "then")),
        later=_words(values, "later"),
        template=_chosen(values, "template"),
        uploads=tuple(upload(one) for one in (values.get("files") or {}).get("files") or ()),
        originals=_checked(values, "originals"),
    )


def tells_words(view: Mapping[str, Any]) -> bool:
    """Whether a payload's view says what was typed at all."""
    return "body" in ((view.get("state") or {}).get("values") or {})


def _words(values: Mapping[str, Any], block_id: str) -> str:
    return ((values.get(block_id) or {}).get("value") or "").strip()


def _chosen(values: Mapping[str, Any], block_id: str) -> str:
    return str(((values.get(block_id) or {}).get("selected_option") or {}).get("value") or "")


def _checked(values: Mapping[str, Any], block_id: str) -> tuple[str, ...]:
    return tuple(one["value"] for one in (values.get(block_id) or {}).get("selected_options") or ())


def upload(file: Mapping[str, Any]) -> DraftFile:
    """A file in Slack, by its file object in any payload."""
    return DraftFile(
        slack_id=FileId(file["id"]),
        filename=file.get("name") or "file",
        content_type=file.get("mimetype") or "application/octet-stream",
        size=file.get("size") or 0,
    )
