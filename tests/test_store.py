"""What is kept of mails, conversations and drafts, on each database."""

from dataclasses import replace
from datetime import timedelta

from bridge.model import (
    Address,
    Attachment,
    ChannelId,
    Cursor,
    Direction,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    FileId,
    Line,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Status,
    Ts,
    UserId,
    now,
)
from bridge.store import conversations, drafts, mails, raws, troubles
from bridge.store.database import Store

BOX = MailboxName("support")
CHANNEL = ChannelId("C1")
A_MAIL = Message(
    message_id="<1@x>",
    references=("<0@x>",),
    from_=(Address(name="Dana", email="dana@example.com"),),
    subject="Wo ist mein Paket?",
    text="Hallo, 안녕",
    attachments=(Attachment(filename="a.pdf", content_type="application/pdf", content=b"%PDF"),),
)


async def begin(store: Store) -> Number:
    async with store.write() as conn:
        return await conversations.create(
            conn, mailbox=BOX, channel=CHANNEL, subject="Wo ist mein Paket?", status=Status.OPEN, at=now()
        )


async def keep(store: Store, number: Number, *, message: Message = A_MAIL, digest: str = "d1") -> MailId:
    async with store.write() as conn:
        return await mails.add(
            conn,
            message,
            reading=Reading(new=(Line.of("Hallo"),)),
            mailbox=BOX,
            number=number,
            direction=Direction.IN,
            digest=digest,
            raw_id=await raws.save(conn, b"raw", at=now()),
            at=now(),
        )


def a_draft(number: Number) -> Draft:
    return Draft(
        id=DraftId("0123456789abcdef"),
        kind=DraftKind.REPLY,
        state=DraftState.HELD,
        mailbox=BOX,
        number=number,
        answers=None,
        author=UserId("U1"),
        author_name="Mina",
        to=(Address(name="Dana", email="dana@example.com"),),
        bcc=(Address(email="ben@example.org"),),
        subject="Re: Paket",
        rich_text={"type": "rich_text", "elements": []},
        files=(DraftFile(filename="a.pdf", content_type="application/pdf", size=4, slack_id=FileId("F1")),),
        message_id="<1.0123456789abcdef.0123456789abcdef@example.com>",
        due=now(),
        created=now(),
    )


async def test_a_raw_mail_comes_back_byte_for_byte(store: Store) -> None:
    for raw in (b"", b"\x00\xff", b"x" * (raws.CHUNK * 2 + 1)):
        async with store.write() as conn:
            raw_id = await raws.save(conn, raw, at=now())
        async with store.read() as conn:
            assert await raws.load(conn, raw_id) == raw


async def test_a_message_comes_back_with_its_files_and_its_reading(store: Store) -> None:
    mail_id = await keep(store, await begin(store))
    async with store.read() as conn:
        stored = await mails.get(conn, mail_id)
    assert stored
    assert stored.message == replace(A_MAIL, attachments=())
    assert [(one.filename, one.size) for one in stored.files] == [("a.pdf", 4)]
    assert stored.reading == Reading(new=(Line.of("Hallo"),))


async def test_html_of_a_draft_comes_back_until_its_words_are_others(store: Store) -> None:
    draft = replace(a_draft(await begin(store)), html="<p>안녕 &amp; hello</p>")
    async with store.write() as conn:
        await drafts.add(conn, draft, view_id="")
        kept = await drafts.get(conn, draft.id)
        assert kept
        assert kept.html == draft.html
        assert await drafts.reword(conn, draft.id, {"type": "rich_text", "elements": [{}]})
        kept = await drafts.get(conn, draft.id)
    assert kept
    assert kept.html == ""


async def test_every_id_that_a_mail_speaks_of_leads_to_its_conversation(store: Store) -> None:
    number = await begin(store)
    await keep(store, number)
    async with store.read() as conn:
        found = await mails.referred(conn, mailbox=BOX, ids=["<1@x>", "<0@x>", "<other@x>"])
        elsewhere = await mails.referred(conn, mailbox=MailboxName("sales"), ids=["<1@x>"])
    assert found == {"<1@x>": number, "<0@x>": number}
    assert elsewhere == {}


async def test_an_id_stays_with_the_conversation_that_had_it_first(store: Store) -> None:
    first, second = await begin(store), await begin(store)
    await keep(store, first)
    await keep(store, second, message=replace(A_MAIL, message_id="<2@x>"), digest="d2")
    async with store.read() as conn:
        assert await mails.referred(conn, mailbox=BOX, ids=["<0@x>", "<2@x>"]) == {"<0@x>": first, "<2@x>": second}


async def test_a_known_mail_is_known_by_its_digest_in_its_mailbox(store: Store) -> None:
    mail_id = await keep(store, await begin(store))
    async with store.read() as conn:
        assert await mails.known(conn, BOX, "d1") == mail_id
        assert await mails.known(conn, BOX, "d2") is None
        assert await mails.known(conn, MailboxName("sales"), "d1") is None


async def test_the_cursor_and_the_ledger_say_what_was_taken_in(store: Store) -> None:
    mail_id = await keep(store, await begin(store))
    async with store.write() as conn:
        assert await mails.cursor(conn, BOX) is None
        await mails.record_arrival(conn, mailbox=BOX, place=(7, 3), state="taken", mail_id=mail_id, at=now())
        await mails.move_cursor(conn, BOX, Cursor(uidvalidity=7, uidnext=4))
    async with store.write() as conn:
        await mails.move_cursor(conn, BOX, Cursor(uidvalidity=7, uidnext=5))
    async with store.read() as conn:
        assert await mails.cursor(conn, BOX) == Cursor(uidvalidity=7, uidnext=5)
        assert await mails.seen_places(conn, BOX, uidvalidity=7, uids=[3, 4]) == {3}
        assert await mails.next_uid(conn, BOX, uidvalidity=7) == 4
        assert await mails.next_uid(conn, BOX, uidvalidity=8) == 1


async def test_a_mailbox_may_hold_more_mails_than_a_database_takes_values_at_once(store: Store) -> None:
    async with store.write() as conn:
        await mails.record_arrival(conn, mailbox=BOX, place=(7, 299_999), state="own", mail_id=None, at=now())
    async with store.read() as conn:  # it takes longer than a change may
        assert await mails.seen_places(conn, BOX, uidvalidity=7, uids=range(1, 300_000)) == {299_999}


async def test_a_change_raises_the_version_that_the_card_has_yet_to_show(store: Store) -> None:
    number = await begin(store)
    async with store.write() as conn:
        await conversations.mark_shown(conn, number, version=1)
        assert await conversations.change(conn, number, at=now(), status=Status.CLOSED) == 2
        await conversations.card_posted(conn, number, ts=Ts("1.2"), bumps=0)
    async with store.read() as conn:
        found = await conversations.get(conn, number)
        assert found
        assert (found.status, found.version, found.card_ts) == (Status.CLOSED, 2, "1.2")
        assert await conversations.shown(conn, number) == 1
        assert await conversations.by_card(conn, channel=CHANNEL, ts=Ts("1.2")) == found


async def test_the_inbox_is_what_is_not_closed_the_longest_untouched_first(store: Store) -> None:
    first, second, third = await begin(store), await begin(store), await begin(store)
    async with store.write() as conn:
        await conversations.change(conn, second, at=now(), status=Status.CLOSED)
        await conversations.change(conn, first, at=now() + timedelta(seconds=5), owner="U1")
    async with store.read() as conn:
        found = await conversations.unfinished(conn, channels=[CHANNEL], limit=10)
        assert [one.number for one in found] == [third, first]
        assert await conversations.unfinished(conn, channels=[ChannelId("C2")], limit=10) == []


async def test_a_draft_comes_back_as_it_was_submitted(store: Store) -> None:
    draft = a_draft(await begin(store))
    async with store.write() as conn:
        await drafts.add(conn, draft, view_id="V1")
    async with store.read() as conn:
        assert await drafts.get(conn, draft.id) == draft
        assert await drafts.unshown(conn, draft.number) == [(draft, 1, "V1")]
        assert await drafts.by_message_id(conn, draft.message_id) == draft.id
        assert await drafts.file_raws(conn, draft.id) == [None]


async def test_of_two_who_decide_about_a_draft_one_wins(store: Store) -> None:
    draft = a_draft(await begin(store))
    async with store.write() as conn:
        await drafts.add(conn, draft, view_id="")
    held = {DraftState.HELD}
    async with store.write() as conn:
        assert await drafts.move(conn, draft.id, DraftState.CANCELLED, out_of=held)
    async with store.write() as conn:
        assert not await drafts.move(conn, draft.id, DraftState.QUEUED, out_of=held)
        assert not await drafts.hold_until(conn, draft.id, now())
    async with store.read() as conn:
        found = await drafts.get(conn, draft.id)
    assert found
    assert found.state is DraftState.CANCELLED


async def test_a_trouble_begins_once_and_ends_once(store: Store) -> None:
    since = now()
    async with store.write() as conn:
        assert await troubles.begin(conn, BOX, reason="The password is wrong.", at=since)
        assert not await troubles.begin(conn, BOX, reason="It still is.", at=now())
    async with store.write() as conn:
        assert await troubles.end(conn, BOX) == since
        assert await troubles.end(conn, BOX) is None
        assert await troubles.begin(conn, BOX, reason="Again.", at=now())
