"""What the store keeps of merges and splits, on both databases: nothing is lost on the way, and no circle is made."""

import itertools
from datetime import UTC, datetime

from bridge.model import Address, ChannelId, Direction, MailboxName, MailId, Message, Number, Reading, Status, Ts
from bridge.store import acquaintances, conversations, mails, moves
from bridge.store.database import Store

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
BOX, DANA = MailboxName("support"), Address(email="Dana@example.com")


async def begun(store: Store, *ids: str) -> tuple[Number, list[MailId]]:
    """A conversation with mails of these Message-IDs."""
    async with store.write() as conn:
        number = await conversations.create(
            conn, mailbox=BOX, channel=ChannelId("C1"), subject="x", status=Status.OPEN, at=AT
        )
        made = [
            await mails.add(
                conn,
                Message(message_id=one, from_=(DANA,), references=("<never@x>",)),
                reading=Reading(),
                mailbox=BOX,
                number=number,
                direction=Direction.IN,
                digest=one,
                raw_id=None,
                at=AT,
            )
            for one in ids
        ]
    return number, made


async def test_a_mail_moves_with_its_id_and_what_shows_the_old_post_is_told_no_more(store: Store) -> None:
    one, (first, second) = await begun(store, "<1@x>", "<2@x>")
    other, _ = await begun(store, "<3@x>")
    async with store.write() as conn:
        before = await mails.get(conn, second)
        assert before
        await moves.move(conn, [second], to=other)
        await mails.posted(conn, before, ts=Ts("1.1"), shared=False)  # a job that was under way tells of the old thread
        await mails.files_shared(conn, before)
        moved = await mails.get(conn, second)
        assert moved
        assert (moved.number, moved.moved, moved.thread_ts, moved.shared) == (other, 1, None, False)
        assert moved.shown_as == f"{second}.1"
        known = await mails.referred(conn, mailbox=BOX, ids=["<1@x>", "<2@x>", "<never@x>"])
        assert known == {"<1@x>": one, "<2@x>": other, "<never@x>": one}
        assert [found.id for found in await mails.of_conversation(conn, one)] == [first]
        assert await mails.holds(conn, other, "<2@x>")
        assert not await mails.holds(conn, one, "<never@x>")
        assert await acquaintances.earlier(conn, BOX, "dana@EXAMPLE.com", before=other) == 1


async def test_what_was_merged_leads_to_what_has_its_mails_however_often(store: Store) -> None:
    numbers = [(await begun(store, f"<{n}@x>"))[0] for n in range(3)]
    async with store.write() as conn:
        await conversations.hold(conn, numbers)
        for one, into in itertools.pairwise(numbers):
            await conversations.change(conn, one, at=AT, merged_into=into)
        found = await conversations.current(conn, numbers[0])
        assert found
        assert found.number == numbers[2]
        assert await conversations.current(conn, Number(99)) is None


async def test_what_was_split_knows_all_that_it_was_a_part_of(store: Store) -> None:
    first, second, third = [(await begun(store, f"<{n}@x>"))[0] for n in range(3)]
    async with store.write() as conn:
        await conversations.split_off(conn, second, of=first)
        await conversations.split_off(conn, third, of=second)
        assert await conversations.splits(conn, [third]) == {third: second, second: first}
        assert await conversations.splits(conn, [first]) == {}
