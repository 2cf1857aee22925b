"""When a conversation shows in its channel again. Pure: records in, a decision out; `bridge/show.py` carries it out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bridge.model import Automatic, Conversation, Direction, MailId, Status, StoredMessage
from bridge.store.cards import Standing

NEAR = 3
"""A conversation seen by the channel after fewer others than this is still in sight..."""

FRESH = timedelta(hours=4)
"""... for so long: by then people have talked, or the day has gone on."""


def resurfaces(
    conversation: Conversation,
    standing: Standing,
    messages: Sequence[StoredMessage],
    *,
    after: timedelta,
    at: datetime,
) -> MailId | None:
    """The new mail with which a conversation is to show in its channel again; None where it is not needed.

    A person's mail, or a bounce, in an open conversation that the channel last saw so long ago: until then the team has
    it in mind, what is among the newest few is seen anyway, and what nobody has to do anything about calls nobody.
    """
    if not (conversation.card_ts and standing.surfaced) or conversation.status is not Status.OPEN:
        return None
    seen = at.timestamp() - float(standing.surfaced)
    if seen < after.total_seconds() or (standing.newer < NEAR and seen < FRESH.total_seconds()):
        return None
    calling = {Automatic.NO, Automatic.BOUNCE}
    news = [
        one.id
        for one in messages
        if one.direction is Direction.IN and one.thread_ts is None and one.message.automatic in calling
    ]
    return news[-1] if news else None
