"""What came back: the mail that a bounce is about is told of it, and an address that nothing reaches is remembered.

    a bounce of one of our mails -> its line in the thread says so; for good -> the address is remembered
    a mail from that address, or an answer to a mail to it -> it is forgotten again

Asked of all mail in the transaction that keeps it. A bounce counts by the Message-ID of a mail that we sent: who has
not seen that mail cannot make one up.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.guard import undelivered
from bridge.model import Automatic, Bounce, Direction, Draft, DraftState, MailboxName, Message, now
from bridge.sentences import say, to_everyone
from bridge.store import bounced, drafts, mails

_REPORTS = frozenset({Automatic.BOUNCE, Automatic.DELAYED})


async def hear(conn: AsyncConnection, mailbox: MailboxName, messages: Sequence[Message]) -> None:
    """These mails came in, in this order."""
    bounces = [one.bounce for one in messages if one.bounce and one.automatic is Automatic.BOUNCE and one.bounce.about]
    if not bounces and not await bounced.any_known(conn):
        return
    for message in messages:
        if message.automatic not in _REPORTS:
            await _is_alive(conn, mailbox, message)
        elif message.bounce in bounces:
            await _came_back(conn, mailbox, message.bounce)


async def _came_back(conn: AsyncConnection, mailbox: MailboxName, bounce: Bounce) -> None:
    recipients = await _recipients(conn, mailbox, bounce.about)
    if not recipients:
        return
    named = bounce.recipient.lower()
    # Of an only recipient it tells also where another address failed, to which theirs is forwarded.
    whom = named if named in recipients else recipients[0] if len(recipients) == 1 else ""
    await _tell_its_line(conn, bounce, whom or named)
    if whom and undelivered.for_good(bounce):
        await bounced.remember(conn, whom, status=bounce.status, at=now())


async def _tell_its_line(conn: AsyncConnection, bounce: Bounce, whom: str) -> None:
    """The thread's line of that mail says that it came back, where it counted as sent."""
    for draft_id in await drafts.of_message_ids(conn, [bounce.about], states=[DraftState.SENT]):
        draft = await drafts.get(conn, draft_id)
        if draft is None:
            continue
        with to_everyone():
            words = say("It came back: {reason}.", reason=say(undelivered.meaning(bounce).reason))
            recipient = whom or say("a recipient")
        outcome = [one for one in draft.outcome if one[0].lower() != recipient]
        states = {DraftState.SENT}
        await drafts.move(conn, draft_id, DraftState.SENT, out_of=states, outcome=[*outcome, (recipient, words)])


async def _is_alive(conn: AsyncConnection, mailbox: MailboxName, message: Message) -> None:
    """Whoever writes can be reached; whoever answers got what was answered."""
    alive = [one.email for one in (message.author, *message.reply_to) if one.email]
    for one in message.in_reply_to:
        answered = await _recipients(conn, mailbox, one)
        alive += answered if len(answered) == 1 else []
    await bounced.forget(conn, alive)


async def _recipients(conn: AsyncConnection, mailbox: MailboxName, message_id: str) -> list[str]:
    """Whom the mail of ours went to that has that Message-ID, in lower case; nobody where it is none of ours."""
    draft_id = await drafts.by_message_id(conn, message_id)
    draft = await drafts.get(conn, draft_id) if draft_id else None
    sent: Draft | Message | None = draft
    if sent is None:  # another mail client may have sent it
        number = (await mails.referred(conn, mailbox=mailbox, ids=[message_id])).get(message_id)
        stored = await mails.of_conversation(conn, number) if number else []
        ours = (one.message for one in stored if one.direction is Direction.OUT)
        sent = next((one for one in ours if one.message_id == message_id), None)
    people = (*sent.to, *sent.cc, *sent.bcc) if sent else ()
    return [*dict.fromkeys(one.email.lower() for one in people)]
