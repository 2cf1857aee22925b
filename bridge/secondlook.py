"""A second look: what the author of an answer should know before it leaves, and is asked about once.

Somebody wrote or answered while they were writing; an address looks like another. Nothing of it forbids anything:
submitting again sends the mail.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.addressees import difference
from bridge.errors import Refused
from bridge.model import Address, Automatic, DraftKind, DraftState, Line, MailId, Number
from bridge.rules import Difference
from bridge.sentences import say
from bridge.slack import richtext
from bridge.slack.forms import Carried, News, sign
from bridge.store import correspondents, drafts, mails

DOMAINS = 2000  # of those ever written to, that a new one is compared with
FIRST_WORDS = 500  # characters
GONE = frozenset({DraftState.CANCELLED, DraftState.FAILED})


class AskAgain(Refused):
    """Something that the person should know first; submitting `carried`'s form again sends it.

    `news` is what happened since they began, `alike` the recipients whose domain looks like a known one.
    """

    def __init__(self, carried: Carried, *, news: Sequence[News], alike: Sequence[tuple[Address, str]]) -> None:
        super().__init__(
            say(
                "Nothing was sent yet, since a recipient's address looks like another: "
                "look again, and submit again to send it."
            )
            if alike
            else say(
                "Nothing was sent yet, since the conversation has changed meanwhile: "
                "look again, and submit again to send it."
            )
        )
        self.carried = carried
        self.news = tuple(news)
        self.alike = tuple(alike)


async def look(
    conn: AsyncConnection,
    carried: Carried,
    *,
    to: Sequence[Address],
    bcc: Sequence[Address],
    own: Collection[str],
    at: datetime,
) -> None:
    """Raise AskAgain where there is something that the form's author has not been shown."""
    answers = carried.answers if carried.kind is not DraftKind.FORWARD else None
    told = await differs(conn, answers, to=to, bcc=bcc, own=own)
    unasked = [(one, like) for one, like in told.alike if sign(one) not in carried.asked]
    news, seen = await _news(conn, carried)
    if news or unasked:
        asked = (*carried.asked, *(sign(one) for one, _ in unasked))
        raise AskAgain(replace(carried, seen=seen, opened=at, asked=asked), news=news, alike=unasked)


async def differs(
    conn: AsyncConnection,
    answers: MailId | None,
    *,
    to: Sequence[Address],
    bcc: Sequence[Address],
    own: Collection[str],
) -> Difference:
    """Recipients against those of the mail that is answered; `own` are our mailboxes' addresses, in lower case."""
    mail = await mails.get(conn, answers) if answers else None
    return difference(
        to,
        hidden=bcc,
        answered=mail.message if mail else None,
        own=own,
        written_to=await correspondents.known(conn, [one.email for one in (*to, *bcc)]),
        domains=await correspondents.domains(conn, limit=DOMAINS),
    )


async def _news(conn: AsyncConnection, carried: Carried) -> tuple[list[News], MailId | None]:
    """What came and went since the form was opened, the oldest first; and the newest mail."""
    if carried.number is None or carried.seen is None or carried.opened is None:
        return [], carried.seen
    number = Number(carried.number)
    stored = await mails.of_conversation(conn, number)
    answers = await drafts.of_conversation(conn, number)
    ours = {one.message_id for one in answers}  # as they left: the answer itself is told of
    news = [
        News(at=one.received, words=_first_words(one.reading.new), who=one.message.author)
        for one in stored
        if one.id > carried.seen and one.message.message_id not in ours
    ]
    news += [
        News(at=one.created, words=_first_words(richtext.lines(one.rich_text)), by=one.author)
        for one in answers
        if one.created > carried.opened and one.state not in GONE and one.automatic is Automatic.NO
    ]
    return sorted(news, key=lambda one: one.at), max((one.id for one in stored), default=carried.seen)


def _first_words(lines: Sequence[Line]) -> str:
    return " ".join(one.text for one in lines if one.text.strip())[:FIRST_WORDS]
