"""The mail that the bridge writes to itself: making it, and knowing it again (pure).

It is known by an id that only the bridge can make (`identifiers`), in its Message-ID and in a field of its own, since
some providers put their own Message-ID in place of ours. Its number, 0, is no conversation's.
"""

from collections.abc import Sequence
from datetime import datetime

from bridge.mail.compose import Outgoing, compose
from bridge.mail.identifiers import new_message_id, own_message_id
from bridge.model import Address, Automatic, Line, Message, Span

FIELD = "X-Bridge-Canary"

_MARK = "canary-"
_SUBJECT = "Bridge: is mail going round?"
_WORDS = (
    "The bridge sends this mail to its own mailbox every few minutes, to see that mail leaves and comes in, and takes "
    "it away as soon as it has come. It is of no use to anybody else."
)


def message_id_of(canary_id: str, *, domain: str, key: bytes) -> str:
    """The Message-ID of that one, angle brackets included."""
    return new_message_id(number=0, draft=f"{_MARK}{canary_id}", domain=domain, key=key)


def written(message_id: str, *, address: Address, at: datetime) -> bytes:
    """The mail: from the mailbox to itself, and generated (RFC 3834), so that nothing answers it."""
    mail = Outgoing(
        message_id=message_id,
        date=at,
        from_=address,
        to=(address,),
        subject=_SUBJECT,
        lines=(Line(spans=(Span(text=_WORDS),)),),
        automatic=Automatic.OTHER,
    )
    return f"{FIELD}: {message_id}\r\n".encode() + compose(mail)


def of(message: Message, *, keys: Sequence[bytes]) -> str | None:
    """Whose id of ours a mail bears: the canary itself, or a robot's answer to it. None for any other mail."""
    ids = [message.message_id, message.header(FIELD)]
    if message.automatic is not Automatic.NO:
        ids += [message.bounce.about if message.bounce else "", *message.in_reply_to]
    for one in ids:
        own = own_message_id(one, keys=keys) if one else None
        if own and own[0] == 0 and own[1].startswith(_MARK):
            return own[1].removeprefix(_MARK)
    return None
