"""A second look: what the author of an answer should know before it leaves, and is asked about once.

Somebody wrote or answered while they were writing; an address looks like another, or a mail to it came back. Nothing
of it forbids anything: submitting again sends the mail.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.addressees import difference
from bridge.errors import Refused
from bridge.model import Address, Automatic, Draft, DraftKind, DraftState, Line, MailId, Number
from bridge.rules import Difference
from bridge.sentences import say
from bridge.slack import richtext
from bridge.slack.forms import Carried, News, sign
from bridge.store import bounced, correspondents, drafts, mails

DOMAINS = 2000  # of those ever written to, that a new one is compared with
FIRST_WORDS = 500  # characters
GONE = frozenset(
    {
        DraftState.CANCELLED,
        DraftState.FAILED,
        DraftState.PROPOSED,
        DraftState.SUGGESTED,
        DraftState.TAKEN_UP,
        DraftState.DISCARDED,
    }
)
"""Nothing of these is on its way."""


class AskAgain(Refused):
    """Something that the person should know first; submitting `carried`'s form again sends it.

    `news` is what happened since they began, `alike` the recipients whose domain looks like a known one, `bounced`
    those to whom a mail came back for good.
    """

    def __init__(
        self,
        carried: Carried,
        *,
        news: Sequence[News],
        alike: Sequence[tuple[Address, str]],
        bounced: Sequence[Address] = (),
    ) -> None:
        what = say(
            "Nothing was sent yet, since the conversation has changed meanwhile: "
            "look again, and submit again to send it."
        )
        if bounced:
            what = say(
                "Nothing was sent yet, since a mail to a recipient came back: look again, and submit again to send it."
            )
        elif alike:
            what = say(
                "Nothing was sent yet, since a recipient's address looks like another: "
                "look again, and submit again to send it."
            )
        super().__init__(what)
        self.carried = carried
        self.news = tuple(news)
        self.alike = tuple(alike)
        self.bounced = tuple(bounced)


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
    came_back = [one for one in told.bounced if _sign_of_bounced(one) not in carried.asked]
    news, seen = await _news(conn, carried)
    if news or unasked or came_back:
        asked = (*carried.asked, *(sign(one) for one, _ in unasked), *map(_sign_of_bounced, came_back))
        carried = replace(carried, seen=seen, opened=at, asked=asked)
        raise AskAgain(carried, news=news, alike=unasked, bounced=came_back)


def _sign_of_bounced(address: Address) -> str:
    """Another sign than that of an address which looks like another: they are two questions."""
    return sign(Address(email=f"bounced:{address.email}"))


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
    told = difference(
        to,
        hidden=bcc,
        answered=mail.message if mail else None,
        own=own,
        written_to=await correspondents.known(conn, [one.email for one in (*to, *bcc)]),
        domains=await correspondents.domains(conn, limit=DOMAINS),
    )
    return replace(told, bounced=await gone(conn, (*to, *bcc)))


async def gone(conn: AsyncConnection, recipients: Sequence[Address]) -> tuple[Address, ...]:
    """Those of the recipients to whom a mail came back for good."""
    found = {one.email for one in await bounced.among(conn, [one.email for one in recipients])}
    return tuple(one for one in recipients if one.email.lower() in found)


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


def refuse_unseen(draft: Draft, decided: Collection[DraftState], seen: int | None) -> None:
    """Where a decision was about what it was before, whoever made it looks once more."""
    if seen is not None and draft.state in decided and draft.revision != seen:
        raise Refused(say("This mail has changed since you looked: see its line in the thread, then decide."))
