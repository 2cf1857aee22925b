"""What Home asks across conversations, on each database."""

from datetime import timedelta

from bridge.model import (
    Address,
    Automatic,
    ChannelId,
    Conversation,
    Direction,
    Draft,
    DraftId,
    DraftKind,
    DraftState,
    MailboxName,
    Message,
    Number,
    Reading,
    Status,
    UserId,
    now,
)
from bridge.store import conversations, drafts, mails, overview
from bridge.store.database import Store

BOX = MailboxName("support")
HERE = [ChannelId("C1")]
HOUR = timedelta(hours=1)
MINA = UserId("U0MINA0001")


async def asked(
    store: Store,
    *,
    ago: timedelta,
    due_in: timedelta | None = None,
    owner: UserId | None = None,
    channel: ChannelId = HERE[0],
    automatic: Automatic = Automatic.NO,
) -> Number:
    """A conversation of one mail that came so long ago, and how soon an answer to it is due."""
    mail = Message(from_=(Address(email="dana@example.com"),), text="Where?", automatic=automatic)
    async with store.write() as conn:
        number = await conversations.create(
            conn, mailbox=BOX, channel=channel, subject="Bags", status=Status.OPEN, at=now() - ago
        )
        await mails.add(
            conn,
            mail,
            reading=Reading(),
            mailbox=BOX,
            number=number,
            direction=Direction.IN,
            digest=f"d{number}",
            raw_id=None,
            at=now() - ago,
        )
        if due_in is not None:
            await conversations.becomes_due(conn, number, now() + due_in)
        if owner:
            await conversations.change(conn, number, at=now() - ago, owner=owner)
    return number


def numbers(found: overview.Briefs) -> list[Number]:
    return [one.conversation.number for one in found.shown]


async def test_what_is_overdue_comes_before_what_waits_longer(store: Store) -> None:
    longest = await asked(store, ago=9 * HOUR)
    due = await asked(store, ago=8 * HOUR, due_in=HOUR)
    late = await asked(store, ago=2 * HOUR, due_in=-HOUR)
    latest = await asked(store, ago=HOUR, due_in=-HOUR / 2)
    mine = [await asked(store, ago=7 * HOUR, owner=MINA), await asked(store, ago=HOUR, due_in=-HOUR / 4, owner=MINA)]
    await asked(store, ago=20 * HOUR, due_in=-HOUR, channel=ChannelId("C2"))
    async with store.read() as conn:
        assert numbers(await overview.unowned(conn, channels=HERE, limit=9)) == [late, latest, longest, due]
        assert numbers(await overview.waiting(conn, channels=HERE, limit=4)) == [late, latest, mine[1], longest]
        assert numbers(await overview.of_owner(conn, MINA, channels=HERE, limit=9)) == mine[::-1]
        assert await overview.overdue(conn, channels=HERE) == 3
        since = await overview.waits_longest(conn, channels=HERE)
        first = await mails.of_conversation(conn, longest)
        inbox = await conversations.unfinished(conn, channels=HERE, limit=9)
    assert since == first[0].received
    assert [one.number for one in inbox] == [late, latest, mine[1], longest, due, mine[0]]


async def proposed(store: Store, number: Number, name: str, *, state: DraftState, ago: timedelta) -> DraftId:
    draft = Draft(
        id=DraftId(name),
        kind=DraftKind.REPLY,
        state=state,
        mailbox=BOX,
        number=number,
        answers=None,
        author=UserId("mcp:helper"),
        author_name="helper",
        to=(Address(email="dana@example.com"),),
        subject="Re: Bags",
        rich_text={},
        message_id=f"<{name}@x>",
        due=now() - ago,
        created=now() - ago,
    )
    async with store.write() as conn:
        await drafts.add(conn, draft, view_id="")
    return draft.id


async def test_what_only_a_person_sends_is_listed_the_newest_first(store: Store) -> None:
    here, elsewhere = await asked(store, ago=HOUR), await asked(store, ago=HOUR, channel=ChannelId("C2"))
    closed = await asked(store, ago=HOUR)
    rule = await proposed(store, here, "rule", state=DraftState.PROPOSED, ago=3 * HOUR)
    assistant = await proposed(store, here, "assistant", state=DraftState.SUGGESTED, ago=2 * HOUR)
    newest = await proposed(store, here, "newest", state=DraftState.PROPOSED, ago=HOUR)
    for state in (DraftState.DISCARDED, DraftState.TAKEN_UP, DraftState.HELD, DraftState.SENT, DraftState.FAILED):
        await proposed(store, here, state, state=state, ago=HOUR)
    for place, other in enumerate((elsewhere, closed)):
        await proposed(store, other, f"other {place}", state=DraftState.SUGGESTED, ago=HOUR)
    async with store.write() as conn:
        await conversations.change(conn, closed, at=now(), status=Status.CLOSED)
    async with store.read() as conn:
        every = await overview.proposed(conn, channels=HERE, limit=9)
        first = await overview.proposed(conn, channels=HERE, limit=2)
    assert [one.id for one, _ in every.shown] == [newest, assistant, rule]
    assert {about.number for _, about in every.shown} == {here}
    assert ([one.id for one, _ in first.shown], first.total) == ([newest, assistant], 3)


async def test_where_nobody_waits_there_is_nothing_to_tell(store: Store) -> None:
    async with store.read() as conn:
        assert await overview.waits_longest(conn, channels=HERE) is None
        assert await overview.overdue(conn, channels=HERE) == 0


async def test_a_machine_waits_for_no_answer(store: Store) -> None:
    """As its card says, which shows nothing of the kind."""
    number = await asked(store, ago=9 * HOUR, automatic=Automatic.LIST)
    async with store.read() as conn:
        assert numbers(await overview.waiting(conn, channels=HERE, limit=9)) == []
        [brief] = (await overview.unowned(conn, channels=HERE, limit=9)).shown
        assert (brief.conversation.number, brief.since) == (number, None)
        assert await overview.waits_longest(conn, channels=HERE) is None


def test_an_answer_is_late_from_when_it_was_due() -> None:
    at = now()
    one = Conversation(
        number=Number(1),
        mailbox=BOX,
        channel=HERE[0],
        subject="Bags",
        status=Status.OPEN,
        owner=None,
        card_ts=None,
        version=1,
        created=at,
        updated=at,
        due=at,
    )
    assert [one.late(at - HOUR), one.late(at), one.late(at + HOUR)] == [False, True, True]
