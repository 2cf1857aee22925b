"""Mail that nobody wrote: a Draft like any other, held, shown in the thread and undone like it; and no more than so
many to one address in a day, after which the channel is asked (`bridge/automation/acknowledge.py`).

It is counted by the address that it goes to, whoever the sender says to be, and by its kind: who is passed mail on is
answered all the same.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import holding, templates
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
from bridge.sentences import say
from bridge.slack import richtext
from bridge.slack.blocks import inert, moment
from bridge.store import automatics, drafts, jobs, mails
from bridge.store.automatics import Kind

log = structlog.get_logger()

A_DAY = timedelta(hours=24)
PER_HOUR = 60
"""Answers of one mailbox in an hour, where its acknowledgement says no other number: who writes under ever new
addresses passes what one sender may have.
"""


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


async def allowed(
    conn: AsyncConnection, conversation: Conversation, to: Address, *, most: int, per_hour: int | None = None
) -> bool:
    """Whether one more answer may go to that address, which counts it then. Where it had as many as it may in a day, it
    gets no more, and the channel is asked, once. `per_hour`: how many may go to all together, where that is to count;
    then there are none until the hour is over, and the channel is told. `automatics.hold` comes first.
    """
    mailbox = conversation.mailbox
    if await automatics.is_quiet(conn, mailbox, to.email):
        return False
    if await automatics.count(conn, mailbox, to.email, kinds=_ANSWERS, since=now() - A_DAY) >= most:
        await _stop(conn, conversation, to)
        return False
    kind = Kind.LAST if per_hour is None else Kind.ANSWER
    hour = now().replace(minute=0, second=0, microsecond=0)
    if per_hour is not None and await automatics.count_all(conn, mailbox, kind=kind, since=hour) >= per_hour:
        await _pause(conn, conversation, until=hour + timedelta(hours=1), most=per_hour)
        return False
    await automatics.add(conn, mailbox, to.email, kind=kind, number=conversation.number, at=now())
    return True


_ANSWERS = (Kind.ANSWER, Kind.LAST)


async def may_pass_on(
    conn: AsyncConnection, conversation: Conversation, to: Address, *, most: int, zone: tzinfo
) -> bool:
    """Whether one more mail may be passed on to that address, which counts it then. Where it had as many as it may in a
    day of that zone, the next day goes on by itself, and the channel is told. `automatics.hold` comes first.
    """
    mailbox, today = conversation.mailbox, now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if await automatics.count(conn, mailbox, to.email, kinds=[Kind.FORWARD], since=today) >= most:
        sentence = say(
            ":outbox_tray: Rules have passed on {most} mails from {mailbox} to {email} today, as many as may go to one "
            "address in a day: from tomorrow on they are passed on again.",
            most=most,
            mailbox=inert(mailbox),
            email=inert(to.email),
        )
        await _tell(conn, conversation, key=f"full:{mailbox}:{to.email.lower()}:{today.date()}", sentence=sentence)
        log.warning("rules pass on no more to an address today", mailbox=mailbox)
        return False
    await automatics.add(conn, mailbox, to.email, kind=Kind.FORWARD, number=conversation.number, at=now())
    return True


async def _stop(conn: AsyncConnection, conversation: Conversation, to: Address) -> None:
    sender = await automatics.make_quiet(conn, conversation.mailbox, to.email, at=now())
    await jobs.add(
        conn,
        key=f"loop:{sender.token}",
        kind="loop",
        lane=f"loop:{conversation.mailbox}",
        payload={"quiet": sender.token, "channel": conversation.channel},
    )
    await write_down(conn, conversation.number, "stop acknowledging", user=BRIDGE, detail="too many in a day")
    log.warning("a sender had too many automatic mails and gets no more", mailbox=conversation.mailbox)


async def _pause(conn: AsyncConnection, conversation: Conversation, *, until: datetime, most: int) -> None:
    sentence = say(
        ":double_vertical_bar: {mailbox} has sent {most} automatic answers within this hour, as many as it may: "
        "whoever writes now gets none until {moment}. Mail is shown as ever.",
        mailbox=inert(conversation.mailbox),
        most=most,
        moment=moment(until),
    )
    await _tell(conn, conversation, key=f"pause:{conversation.mailbox}:{until.isoformat()}", sentence=sentence)
    await write_down(conn, conversation.number, "not acknowledged", user=BRIDGE, detail="too many in this hour")
    log.warning("a mailbox sends no automatic answers until the hour is over", mailbox=conversation.mailbox)


async def _tell(conn: AsyncConnection, conversation: Conversation, *, key: str, sentence: str) -> None:
    """Promise to tell the channel, once."""
    payload = {"sentence": sentence, "channel": conversation.channel}
    await jobs.add(conn, key=key, kind="loop", lane=f"loop:{conversation.mailbox}", payload=payload)


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
    """A draft by nobody, `about` a mail that it answers or passes on; when it leaves is for `promise` to say."""
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
        to=tuple(templates.repeatable(one) for one in to),
        subject=words.subject,
        rich_text=words.rich_text,
        html=words.html,
        files=files,
        message_id=new_message_id(number=conversation.number, draft=draft_id, domain=domain, key=key),
        due=at,
        created=at,
        automatic=automatic,
        note=note,
    )


async def propose(conn: AsyncConnection, draft: Draft) -> None:
    """Keep a draft that leaves only when a person says so; then it is theirs. What was proposed to earlier mail of that
    conversation is withdrawn.
    """
    await drafts.withdraw(conn, draft.number)
    await _keep(conn, replace(draft, state=DraftState.PROPOSED, automatic=Automatic.NO))


async def promise(conn: AsyncConnection, draft: Draft, *, hold: timedelta) -> None:
    """Keep a draft, and promise to send it after its hold."""
    unseen = hold and not draft.later  # without a hold there is nothing to be seen for
    due = await holding.until(conn, hold + holding.UNSEEN if unseen else hold)
    await _keep(conn, replace(draft, due=due))
    lane, payload = f"draft:{draft.id}", {"draft": draft.id}
    await jobs.add(conn, key=f"send:{draft.id}", kind="send", lane=lane, payload=payload, due=due)


async def _keep(conn: AsyncConnection, draft: Draft) -> None:
    await drafts.add(conn, draft, view_id="")
    await mails.refer(conn, mailbox=draft.mailbox, number=draft.number, ids=[draft.message_id])
