"""What people look for is found, on each database: words, beginnings, phrases, people, files, and two-letter words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from bridge.errors import Refused
from bridge.lookup import Found, Trait, parse_query
from bridge.model import (
    Address,
    Attachment,
    Automatic,
    ChannelId,
    Direction,
    Line,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Status,
    UserId,
    now,
)
from bridge.store import conversations, mails, search, wordindex
from bridge.store.database import Store
from bridge.store.rows import ready
from bridge.store.schema import messages
from bridge.store.words import sought, tokens

BOX, CHANNEL, MINA = MailboxName("support"), ChannelId("C1"), UserId("U1")
A_MAIL = Message(
    from_=(Address(name="Zoë Dana", email="dana@example.com"),),
    to=(Address(email="sales@fernhill.example.com"),),
    subject="Wo ist mein Paket?",
    text="Hallo, 배송문의 드립니다. iPhone手机坏了. Where are my two bags? 100% sure, Straße, refunds",
    attachments=(Attachment(filename="invoice-2024.pdf", content_type="application/pdf", content=b"%PDF"),),
)


async def keep(
    store: Store,
    message: Message = A_MAIL,
    *,
    number: Number | None = None,
    channel: ChannelId = CHANNEL,
    at: datetime | None = None,
    direction: Direction = Direction.IN,
) -> tuple[Number, MailId]:
    async with store.write() as conn:
        number = number or await conversations.create(
            conn, mailbox=BOX, channel=channel, subject=message.subject, status=Status.OPEN, at=now()
        )
        mail_id = await mails.add(
            conn,
            message,
            reading=Reading(new=(Line.of(message.text),)),
            mailbox=BOX,
            number=number,
            direction=direction,
            digest=str(hash((message.subject, message.text, number))),
            raw_id=None,
            at=at or now(),
        )
    return number, mail_id


async def find(
    store: Store, typed: str, *, channels: Sequence[ChannelId] | None = (CHANNEL,), page: int = 1, zone: str = ""
) -> Found:
    query = parse_query(typed, at=now(), zone=zone)
    async with store.read() as conn:
        return await search.find(conn, query, channels=channels, user=MINA, page=page)


async def numbers(store: Store, typed: str, **more: object) -> list[Number]:
    return [one.conversation.number for one in (await find(store, typed, **more)).hits]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "hits"),
    [
        ("PAKET", 1), ("pake", 1), ("aket", 0), ("paket unicorn", 0), ("hallo paket", 1),
        ("배송", 1), ("문의", 1), ("송문", 1), ("배송문의", 1), ("문배", 0), ("배", 1), ("手机", 1), ("坏了", 1), ("了", 1), ("机了", 0),
        ("iphone手机", 1), ("zoe", 1), ("ZOË", 1), ("strasse", 1), ("dana@example.com", 1),
        ('"two bags"', 1), ('"two bag"', 0), ('"bags two"', 0), ("“two bags”", 1), ("two ba", 1),
        ("invoice", 1), ("invoice-2024.pdf", 1), ("100%", 1), ("_ %", 0),
        ("from:dana", 1), ("from:sales", 0), ("to:sales", 1), ("to:dana", 0), ('from:"zoe dana" paket', 1),
        ("-paket", 0), ("hallo -unicorn", 1), ("hallo -paket", 0), ("-from:ben", 1), ("-from:dana", 0),
        ("has:attachment", 1), ("-has:attachments", 0), ("is:open", 1), ("is:waiting is:open", 1), ("is:closed", 0),
        ("is:unread", 1), ("-is:unread", 0), ("is:flagged", 0), ("is:mine", 0), ("-is:mine", 1), ("is:unowned", 1),
        ("in:support", 1), ("in:SUPPORT paket", 1), ("in:sales", 0),
        ("before:2020", 0), ("after:2020-05-01", 1), ("after:yesterday before:2100/1/1", 1), ("https://x", 0),
    ],
)  # fmt: skip
async def test_what_is_typed_finds_what_is_meant(store: Store, typed: str, hits: int) -> None:
    await keep(store)
    assert len(await numbers(store, typed)) == hits


async def test_only_channels_that_one_may_act_in_are_looked_through(store: Store) -> None:
    mine, _ = await keep(store)
    other, _ = await keep(store, replace(A_MAIL, text="The other paket"), channel=ChannelId("C2"))
    assert await numbers(store, "paket") == [mine]
    assert await numbers(store, "is:open", channels=[ChannelId("C2")]) == [other]
    assert await numbers(store, "paket", channels=[]) == []
    assert set(await numbers(store, "paket", channels=None)) == {mine, other}


async def test_the_best_come_first_and_of_equal_ones_the_newest(store: Store) -> None:
    year = timedelta(days=365)
    old, _ = await keep(store, replace(A_MAIL, subject="Nothing", text="a refund was asked"), at=now() - year)
    new, _ = await keep(store, replace(A_MAIL, subject="Nothing", text="a refund was asked for"))
    named, _ = await keep(store, replace(A_MAIL, subject="Refund", text="please"), at=now() - timedelta(days=1))
    assert await numbers(store, "refund") == [named, new, old]


async def test_a_conversation_is_found_once_by_its_best_mail_and_shows_the_place(store: Store) -> None:
    number, _ = await keep(store, replace(A_MAIL, text="nothing here"))
    _, told = await keep(
        store, replace(A_MAIL, text=f"{'before ' * 90}the parcel arrived {'after ' * 90}"), number=number
    )
    found = await find(store, "parcel")
    assert [(one.conversation.number, one.mail_id) for one in found.hits] == [(number, told)]
    before, word, after = found.hits[0].around
    assert before.endswith("before the ")
    assert (word, after[:14]) == ("parcel", " arrived after")
    assert len(before) + len(after) < 260


@pytest.mark.parametrize("typed", ["paket", "is:open", "is:open -unicorn", "-is:closed paket"])
async def test_a_conversation_shows_by_what_people_wrote_and_not_by_its_acknowledgement(
    store: Store, typed: str
) -> None:
    number, asked = await keep(store)
    receipt = Message(
        from_=A_MAIL.to, to=A_MAIL.from_, subject="Re: Wo ist mein Paket?", text="Paket", automatic=Automatic.REPLY
    )
    later = now() + timedelta(minutes=1)
    await keep(store, receipt, number=number, direction=Direction.OUT, at=later)
    assert [one.mail_id for one in (await find(store, typed)).hits] == [asked]
    answer = replace(receipt, text="Paket, found", automatic=Automatic.NO)
    _, answered = await keep(store, answer, number=number, direction=Direction.OUT, at=later)
    assert [one.mail_id for one in (await find(store, "paket to:dana")).hits] == [answered]


async def test_there_are_pages_and_none_behind_the_last(store: Store) -> None:
    kept = [(await keep(store, replace(A_MAIL, text=f"mail {place}")))[0] for place in range(23)]
    pages = [await find(store, "paket", page=page) for page in (1, 2, 3, 9)]
    assert [len(one.hits) for one in pages] == [10, 10, 3, 3]
    assert {(one.total, one.pages) for one in pages} == {(23, 3)}
    assert {hit.conversation.number for one in pages[:3] for hit in one.hits} == set(kept)


async def test_a_mailbox_is_found_by_its_name_in_any_case_of_any_letters(store: Store) -> None:
    async with store.write() as conn:
        number = await conversations.create(
            conn, mailbox=MailboxName("ÜBER Straße"), channel=CHANNEL, subject="x", status=Status.OPEN, at=now()
        )
    await keep(store, number=number)
    assert await numbers(store, 'in:"über STRASSE"') == [number]
    assert await numbers(store, "in:uber") == []


async def test_what_is_read_anew_is_found_by_its_new_words_and_what_is_deleted_by_none(store: Store) -> None:
    number, mail_id = await keep(store)
    mended = replace(A_MAIL, text="mended at last")
    async with store.write() as conn:
        await mails.reread(conn, mail_id, mended, made=ready(mended, Reading()), digest="another")
    assert await numbers(store, "mended") == [number]
    assert await numbers(store, "iphone") == []
    async with store.write() as conn:
        await conn.execute(delete(messages).where(messages.c.id == mail_id))
    async with store.read() as conn:
        assert not await wordindex.missing(conn)
    _, again = await keep(store, replace(A_MAIL, text="another"), number=number)
    assert (await find(store, "paket")).hits[0].mail_id == again


async def test_mails_of_a_version_without_an_index_are_entered_the_newest_first(store: Store) -> None:
    from bridge.store.bench import CHANNEL as THERE  # noqa: PLC0415
    from bridge.store.bench import fill  # noqa: PLC0415

    await fill(store, 240)
    assert await numbers(store, "hello", channels=[THERE]) == []
    below, rounds = None, 0
    while True:
        async with store.read() as conn:
            found = await wordindex.unindexed(conn, below=below)
        if not found:
            break
        below = min(one.id for one in found)
        async with store.write() as conn:
            gone = max(one.id for one in found) + 1_000  # deleted meanwhile
            made = wordindex.words_of([*found, replace(found[0], id=MailId(gone))])
            await wordindex.index_missing(conn, made)
        rounds += 1
        assert (await find(store, "hello", channels=[THERE])).total == min(rounds * 25, 60)
    assert rounds == 3


async def test_a_mail_of_any_size_is_kept_and_its_beginning_found(store: Store) -> None:
    huge = "".join(chr(0x4E00 + place * 7 % 20_000) for place in range(200_000))
    words = " ".join(f"{place:064}" for place in range(20_000))
    number, _ = await keep(store, replace(A_MAIL, text=f"beginning {huge}"))
    other, _ = await keep(store, replace(A_MAIL, text=f"start {words}"))
    assert await numbers(store, "beginning") == [number]
    assert await numbers(store, "start") == [other]


# --- what is typed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Say what to look for"),
        ("is:purple", "is:open, is:waiting"),
        ("has:fun", "has:attachment"),
        ("before:noday", "is no day"),
        ("x" * 501, "too long"),
        (" ".join("x" for _ in range(40)), "too many"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(typed: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        parse_query(typed, at=now())


def test_days_are_those_of_the_persons_own_zone() -> None:
    at = datetime(2024, 5, 15, 20, tzinfo=UTC)  # the 16th in Seoul, a Thursday
    query = parse_query('after:yesterday before:2024-05-31 after:"last monday"', at=at, zone="Asia/Seoul")
    assert query.before == datetime(2024, 5, 30, 15, tzinfo=UTC)
    assert query.after == datetime(2024, 5, 12, 15, tzinfo=UTC)
    assert parse_query("after:yesterday", at=at, zone="Asia/Seoul").after == datetime(2024, 5, 14, 15, tzinfo=UTC)
    assert parse_query("after:2024-03", at=at).after == datetime(2024, 3, 1, tzinfo=UTC)


def test_a_colon_in_a_word_is_only_a_colon() -> None:
    query = parse_query("Re: order:7 IS:Open", at=now())
    assert [one.text for one in query.terms] == ["Re:", "order:7"]
    assert query.traits == {Trait.OPEN}


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_part_of_a_run_of_characters_is_found(before: str, after: str) -> None:
    """Whatever stands around it: the tokens that are looked for follow each other among those that are kept."""
    for word in ("배송", "退款", "了", "order"):
        wanted = sought(word, whole=True)
        assert wanted
        kept = tokens(f"{before} {word} {after}")
        wide = len(wanted.tokens)
        runs = [tuple(kept[place : place + wide]) for place in range(len(kept))]
        begins = [run for run in runs if run[:-1] == wanted.tokens[:-1] and run[-1:][0].startswith(wanted.tokens[-1])]
        assert wanted.tokens in runs or (wanted.begins and begins)
