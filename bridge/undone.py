"""What could not be done, for those who may know: why a job is parked names files and addresses of somebody's mail."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.desk import Mailbox
from bridge.model import ChannelId, DraftId, Job, MailboxName, MailId, Number
from bridge.store import conversations, drafts, mails


def visible(mailboxes: Mapping[MailboxName, Mailbox], channels: Collection[ChannelId]) -> Mapping[MailboxName, Mailbox]:
    """The mailboxes of which somebody may know who may act in these channels. One whose channel cannot be found has no
    mail that anybody could have seen: that it has none is for all to know.
    """
    return {name: box for name, box in mailboxes.items() if not box.channel or box.channel in channels}


async def of_channels(
    conn: AsyncConnection,
    parked: Iterable[tuple[Job, str]],
    *,
    mailboxes: Mapping[MailboxName, Mailbox],
    channels: Collection[ChannelId],
) -> Sequence[str]:
    """Why jobs are parked, of those about these channels' mail. What is about no conversation, channel or mailbox is
    told to whoever may know of all mailboxes.
    """
    knows_all = len(visible(mailboxes, channels)) == len(mailboxes)
    found = []
    for job, reason in parked:
        channel = await _channel(conn, job, mailboxes)
        if channel in channels if channel else knows_all:
            found.append(reason)
    return found


async def _channel(conn: AsyncConnection, job: Job, mailboxes: Mapping[MailboxName, Mailbox]) -> ChannelId | None:
    """Where that is shown which a job is about."""
    about = job.payload
    number = about.get("number")
    if number is None and "draft" in about:
        draft = await drafts.get(conn, DraftId(about["draft"]))
        number = draft.number if draft else None
    if number is None and "mail" in about:
        mail = await mails.get(conn, MailId(about["mail"]))
        number = mail.number if mail else None
    if number is not None:
        conversation = await conversations.get(conn, Number(number))
        return conversation.channel if conversation else None
    if about.get("channel"):
        return ChannelId(about["channel"])
    box = mailboxes.get(MailboxName(about.get("mailbox", "")))
    return box.channel if box else None
