"""Settling: what became of a mail whose delivery is uncertain, as far as the mailbox tells without being asked.

    our Message-ID in Sent, or in the inbox; the customer's answer; a receipt -> it arrived
    a bounce                                                                  -> it came back, with the server's words
    either -> job "settle", in the draft's lane -> the draft is sent or failed, and its buttons go

Whatever comes in is asked in the transaction that keeps it (`hear`), so a crash loses no evidence. Until some comes,
the agent has the two buttons.
"""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.mail.identifiers import may_be_own
from bridge.model import Automatic, DraftId, DraftState, Job, Message
from bridge.outbox import Outbox
from bridge.sentences import say
from bridge.store import drafts, jobs
from bridge.store.database import Store

UNSETTLED = frozenset({DraftState.HANDING_OVER, DraftState.UNCERTAIN})


async def hear(conn: AsyncConnection, message: Message) -> None:
    """A mail came in: where it speaks of one of ours that is uncertain, promise to settle that."""
    if message.bounce and message.automatic is Automatic.BOUNCE:
        said = {"recipient": message.bounce.recipient, "reason": message.bounce.reason or message.bounce.status}
        await _promise(conn, [message.bounce.about], **said)
        return
    about = message.bounce.about if message.bounce else ""
    await _promise(conn, (message.message_id, *message.in_reply_to, *message.references, about))


async def found(conn: AsyncConnection, message_id: str) -> None:
    """A mail of ours stands where the mail server files what has left."""
    await _promise(conn, [message_id])


async def _promise(conn: AsyncConnection, message_ids: Iterable[str], **bounced: str) -> None:
    asked = [one for one in dict.fromkeys(message_ids) if may_be_own(one)]
    for draft_id in await drafts.of_message_ids(conn, asked, states=UNSETTLED) if asked else ():
        key = f"settle:{draft_id}:{'bounced' if bounced else 'arrived'}"
        payload = {"draft": draft_id, **bounced}
        await jobs.add(conn, key=key, kind="settle", lane=f"draft:{draft_id}", payload=payload)


class Settling:
    """The job "settle"."""

    def __init__(self, store: Store, *, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    async def settle(self, job: Job) -> None:
        """End a draft by what was heard of it, unless a person has decided meanwhile."""
        async with self._store.read() as conn:
            draft = await drafts.get(conn, DraftId(job.payload["draft"]))
        if draft is None or draft.state not in UNSETTLED:
            return
        everybody = draft.recipients
        if "reason" not in job.payload:
            outcome = [(one, "accepted") for one in everybody]
            await self._outbox.end(draft, DraftState.SENT, outcome=outcome, out_of=UNSETTLED)
            return
        recipient, reason = job.payload["recipient"], say("It came back: {why}", why=job.payload["reason"])
        if len(everybody) > 1 and recipient.lower() in {one.lower() for one in everybody}:
            outcome = [(one, reason if one.lower() == recipient.lower() else "accepted") for one in everybody]
            await self._outbox.end(draft, DraftState.SENT, outcome=outcome, out_of=UNSETTLED)
        else:
            await self._outbox.end(draft, DraftState.FAILED, reason=reason, out_of=UNSETTLED)
