"""Send later: a mail that waits for the time its author named does not leave if the customer writes before."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Automatic, DraftId, DraftKind, DraftState, Number, StoredMessage
from bridge.notices import tell
from bridge.sentences import mark, say
from bridge.store import drafts, jobs

FIRST = mark("The customer wrote before it was to leave, so it was not sent.")


async def customer_wrote(conn: AsyncConnection, number: Number) -> None:
    """Stop what was to leave later, in the transaction that takes the customer's mail in; its author is told.

    It counts as failed, not as undone: its author can still send it as it is, or write it anew.
    """
    await nothing_by_itself(conn, number)
    for draft in await drafts.waiting(conn, number):
        if await drafts.move(conn, draft.id, DraftState.FAILED, out_of={DraftState.HELD}, reason=say(FIRST)):
            await jobs.cancel(conn, f"send:{draft.id}")
            sentence = say("the customer wrote before your mail was to leave, so it was not sent. Read that first.")
            await tell(conn, number, key=f"{draft.id}:stopped", whom=draft.author, sentence=sentence)


async def nothing_by_itself(conn: AsyncConnection, number: Number) -> None:
    """Something has happened to a conversation: what the bridge was to say because nothing did does not leave."""
    for draft in await drafts.waiting(conn, number):
        if draft.automatic is not Automatic.NO and await drafts.move(
            conn, draft.id, DraftState.CANCELLED, out_of={DraftState.HELD}
        ):
            await jobs.cancel(conn, f"send:{draft.id}")


async def not_acknowledged(conn: AsyncConnection, number: Number) -> None:
    """Its sender needs no word that the mail has come, or is to have none: what has not left does not leave."""
    draft_id = DraftId(f"ack-{number}")
    await jobs.cancel(conn, f"acknowledge:{number}")
    await _stop(conn, draft_id)


async def nothing_because_of(conn: AsyncConnection, mail: StoredMessage, *, kinds: Collection[DraftKind]) -> None:
    """That mail is not what it was taken for: what the bridge was to send of these kinds because of it does not leave,
    where it has not left.
    """
    await jobs.cancel(conn, f"acknowledge:{mail.number}")
    for draft in await drafts.of_conversation(conn, mail.number):
        if draft.answers == mail.id and draft.automatic is not Automatic.NO and draft.kind in kinds:
            await _stop(conn, draft.id)


async def _stop(conn: AsyncConnection, draft_id: DraftId) -> None:
    if await drafts.move(conn, draft_id, DraftState.CANCELLED, out_of={DraftState.HELD, DraftState.QUEUED}):
        await jobs.cancel(conn, f"send:{draft_id}")
