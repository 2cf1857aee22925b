"""What the bridge writes by itself: a draft like any other, held, shown in the thread, undone and sent as all are.

Whoever promises one has looked before whether a robot may answer that mail (`rules.unanswerable`) and how many its
sender had; here it is counted.
"""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules, templates
from bridge.desk import Acknowledgement, Mailbox, changed_by_itself
from bridge.mail.identifiers import new_message_id
from bridge.model import BRIDGE, Automatic, Conversation, Draft, DraftId, DraftKind, DraftState, StoredMessage, now
from bridge.slack import richtext
from bridge.store import automatics, drafts, jobs, mails

A_DAY = timedelta(hours=24)


async def has_had_enough(conn: AsyncConnection, mailbox: Mailbox, stored: StoredMessage, *, per_sender: int) -> bool:
    """Whether a mail's author has had as many automatic mails in a day as one may have."""
    email = stored.message.author.email.lower()
    return await automatics.count(conn, mailbox.name, email, since=now() - A_DAY) >= per_sender


async def promise(
    conn: AsyncConnection,
    draft_id: DraftId,
    conversation: Conversation,
    stored: StoredMessage,
    *,
    words: Acknowledgement,
    mailbox: Mailbox,
    hold: timedelta,
    key: bytes,
    closes: bool = False,
) -> bool:
    """Promise a mail to whoever wrote that one, once for each `draft_id`; False where it was promised before.

    `closes`: nothing is left to do once it has left, and it does not leave where anything happens before.
    """
    if await drafts.get(conn, draft_id):
        return False
    at = now()
    values = templates.Values.of(conversation, stored.message, mailbox=mailbox.address)
    domain = mailbox.address.email.rpartition("@")[2]
    message_id = new_message_id(number=conversation.number, draft=draft_id, domain=domain, key=key)
    draft = Draft(
        id=draft_id,
        kind=DraftKind.REPLY,
        state=DraftState.HELD,
        mailbox=mailbox.name,
        number=conversation.number,
        answers=stored.id,
        author=BRIDGE,
        author_name=str(mailbox.address.name or mailbox.address.email),
        to=rules.recipients(DraftKind.REPLY, stored, own=[]).to[:1],
        subject=" ".join(templates.render(words.subject, values).split()),
        rich_text=richtext.from_text(templates.render(words.text, values)),
        message_id=message_id,
        due=at + hold,
        created=at,
        automatic=Automatic.REPLY,
        closes=closes,
        later=closes,
    )
    await drafts.add(conn, draft, view_id="")
    await mails.refer(conn, mailbox=mailbox.name, number=conversation.number, ids=[message_id])
    payload, lane = {"draft": draft_id}, f"draft:{draft_id}"
    await jobs.add(conn, key=f"send:{draft_id}", kind="send", lane=lane, payload=payload, due=draft.due)
    await automatics.add(conn, mailbox.name, stored.message.author.email.lower(), number=conversation.number, at=at)
    await changed_by_itself(conn, conversation.number)
    return True
