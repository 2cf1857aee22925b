"""Mail that nobody wrote: a Draft like any other, held, shown in the thread and undone like it; and no more than so
many to one address in a day, after which the channel is asked (`bridge/automation/acknowledge.py`).
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import templates
from bridge.desk import Acknowledgement, Mailbox, write_down
from bridge.mail.identifiers import new_message_id
from bridge.model import (
    BRIDGE,
    Address,
    Automatic,
    Conversation,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    StoredMessage,
    now,
)
from bridge.slack import richtext
from bridge.store import automatics, drafts, jobs, mails

log = structlog.get_logger()

A_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a draft says; `html`: in HTML of its own, where it has any."""

    subject: str
    rich_text: dict[str, Any] = field(repr=False)
    html: str = field(default="", repr=False)


def filled(mail: Acknowledgement, values: templates.Values) -> Words:
    """What these templates say with the facts filled in; its times in one language, that of the text."""
    language = templates.language_of(mail.text)
    return Words(
        subject=" ".join(templates.render(mail.subject, values, language=language).split()),
        rich_text=richtext.from_text(templates.render(mail.text, values, language=language)),
        html=templates.render_html(mail.html, values, language=language),
    )


async def allowed(conn: AsyncConnection, conversation: Conversation, email: str, *, most: int) -> bool:
    """Whether one more may go to that address (lower case), which counts it then. Where it had as many as it may in a
    day, it gets no more, and the channel is asked, once.
    """
    mailbox = conversation.mailbox
    if await automatics.is_quiet(conn, mailbox, email):
        return False
    if await automatics.count(conn, mailbox, email, since=now() - A_DAY) >= most:
        await _stop(conn, conversation, email)
        return False
    await automatics.add(conn, mailbox, email, number=conversation.number, at=now())
    return True


async def _stop(conn: AsyncConnection, conversation: Conversation, email: str) -> None:
    quiet_id = await automatics.make_quiet(conn, conversation.mailbox, email, at=now())
    payload = {"quiet": quiet_id, "channel": conversation.channel}
    await jobs.add(conn, key=f"loop:{quiet_id}", kind="loop", lane=f"loop:{conversation.mailbox}", payload=payload)
    await write_down(conn, conversation.number, "stop acknowledging", user=BRIDGE, detail="too many in a day")
    log.warning("a sender had too many automatic mails and gets no more", mailbox=conversation.mailbox)


def draft_of(
    draft_id: DraftId,
    conversation: Conversation,
    about: StoredMessage,
    *,
    mailbox: Mailbox,
    key: bytes,
    kind: DraftKind,
    to: tuple[Address, ...],
    words: Words,
    automatic: Automatic,
    files: tuple[DraftFile, ...] = (),
    note: str = "",
) -> Draft:
    """A draft by nobody, `about` a mail that it answers or passes on; it leaves after the mailbox's hold."""
    at = now()
    domain = mailbox.address.email.rpartition("@")[2]
    return Draft(
        id=draft_id,
        kind=kind,
        state=DraftState.HELD,
        mailbox=mailbox.name,
        number=conversation.number,
        answers=about.id,
        author=BRIDGE,
        author_name=str(mailbox.address.name or mailbox.address.email),
        to=to,
        subject=words.subject,
        rich_text=words.rich_text,
        html=words.html,
        files=files,
        message_id=new_message_id(number=conversation.number, draft=draft_id, domain=domain, key=key),
        due=at + mailbox.hold,
        created=at,
        automatic=automatic,
        note=note,
    )


async def propose(conn: AsyncConnection, draft: Draft) -> None:
    """Keep a draft that leaves only when a person says so; then it is theirs."""
    await _keep(conn, replace(draft, state=DraftState.PROPOSED, automatic=Automatic.NO))


async def promise(conn: AsyncConnection, draft: Draft) -> None:
    """Keep a draft, and promise to send it after its hold."""
    await _keep(conn, draft)
    lane, payload = f"draft:{draft.id}", {"draft": draft.id}
    await jobs.add(conn, key=f"send:{draft.id}", kind="send", lane=lane, payload=payload, due=draft.due)


async def _keep(conn: AsyncConnection, draft: Draft) -> None:
    await drafts.add(conn, draft, view_id="")
    await mails.refer(conn, mailbox=draft.mailbox, number=draft.number, ids=[draft.message_id])
