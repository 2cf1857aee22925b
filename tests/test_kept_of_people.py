"""What is kept of a person is found wherever it stands, on both databases; and what is taken away is away."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from test_batches import Desk, mail
from test_store import a_draft, begin

from bridge.automation.housekeeping import tidy
from bridge.commands.personal import Held, Personal
from bridge.config import RetentionSettings
from bridge.metrics import Metrics
from bridge.model import Address, DraftId, DraftState, Number, now
from bridge.reception import Reception
from bridge.store import drafts, effects, raws
from bridge.store.database import Store
from bridge.store.schema import effects as effects_table
from bridge.store.schema import raw_mails

KIM = "kim@person.example"
FORWARDED = b"""From: Bob <bob@desk.example>\r
To: help@acme.example\r
Subject: Fwd: My matter\r
Message-ID: <f1@desk.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=q\r
\r
--q\r
Content-Type: text/plain\r
\r
please help\r
--q\r
Content-Type: message/rfc822\r
\r
From: Kim <kim@person.example>\r
To: bob@desk.example\r
Subject: My matter\r
Message-ID: <k1@person.example>\r
\r
I have a matter\r
\r
--q--\r
"""


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def people(store: Store) -> Personal:
    return Personal(store, own=frozenset({"help@acme.example"}))


async def held(store: Store, email: str) -> Held:
    return await people(store).held(email)


async def is_teammate(email: str) -> bool:
    return email.endswith("@desk.example")


async def test_the_customer_whose_mail_a_teammate_passed_on_is_found_and_erased(desk: Desk) -> None:
    desk.reception = Reception(desk.store, keys=[b"k"], metrics=Metrics(), is_teammate=is_teammate)
    await desk.takes(FORWARDED)
    found = await held(desk.store, KIM)
    assert len(found.theirs) == 1
    await people(desk.store).erase(found)
    assert await desk.threads() == []


async def test_whoever_stands_in_bcc_or_sent_it_for_another_is_found(desk: Desk) -> None:
    await desk.takes(
        mail("a").replace(b"\r\nSubject", b"\r\nBcc: Kim <kim@person.example>\r\nSubject"),
        mail("b").replace(b"\r\nSubject", b"\r\nSender: kim@person.example\r\nSubject"),
    )
    found = await held(desk.store, KIM)
    assert [one.message.subject for one in found.theirs] == ["b"]
    assert [one.message.subject for one in found.others] == ["a"]


@pytest.mark.parametrize("asked", ["JÖRG_50%@Straße.example", "jörg_50%@straße.example"])
async def test_an_address_is_found_in_any_case_of_any_letters(desk: Desk, asked: str) -> None:
    there = "Jörg_50%@Straße.example"
    await desk.takes(mail("a", author=there), mail("b", author="j.rg_50x@strasse.example"))
    assert [one.message.subject for one in (await held(desk.store, asked)).theirs] == ["a"]


async def draft_to(store: Store, *emails: str, name: str, **values: object) -> Number:
    number = await begin(store)
    people = tuple(Address(email=one) for one in emails)
    draft = replace(a_draft(number), id=DraftId(name), message_id=f"<{name}@us>", to=people, bcc=(), **values)  # type: ignore[arg-type]
    async with store.write() as conn:
        await drafts.add(conn, draft, view_id="")
        await drafts.composed(conn, draft.id, raw_id=await raws.save(conn, b"composed", at=now()))
        await drafts.file_fetched(conn, draft.id, 0, raw_id=await raws.save(conn, b"a file", at=now()))
    return number


async def bytes_kept(store: Store) -> int:
    async with store.read() as conn:
        return len((await conn.execute(select(raw_mails.c.id))).all())


@pytest.mark.parametrize("state", [DraftState.CANCELLED, DraftState.FAILED, DraftState.HELD])
async def test_an_answer_that_is_no_mail_goes_with_its_bytes_and_files(
    store: Store, state: DraftState, tmp_path: Path
) -> None:
    number = await draft_to(store, "Kim@Person.example", "help@acme.example", name="alone", state=state)
    await draft_to(store, KIM, "ben@example.org", name="beside")
    found = await held(store, KIM)
    assert ([one.id for one in found.unsent], found.numbers) == (["alone"], [number])
    assert await bytes_kept(store) == 4
    await people(store).export(found, tmp_path / "kim.zip")
    await people(store).erase(found)
    assert await bytes_kept(store) == 2
    async with store.read() as conn:
        assert await drafts.get(conn, DraftId("alone")) is None
        assert await drafts.get(conn, DraftId("beside"))


def words_in(folder: Path, words: Sequence[bytes]) -> set[bytes]:
    """Which of these words stand in the files of a database."""
    files = [file.read_bytes() for file in folder.iterdir() if file.is_file()]
    return {word for word in words if any(word in file for file in files)}


async def test_what_is_erased_stands_in_no_file_of_the_database(sqlite_url: str, tmp_path: Path) -> None:
    words = [b"zarquonia", b"xylographer", b"frobnicator"]
    store = await Store.open(sqlite_url)
    desk = Desk(store)
    said = mail("her", author="zarquonia@person.example", subject="xylographer").replace(b"About", b"frobnicator")
    for turn in range(6):
        await desk.takes(*(mail(f"{turn} {one}", author=f"a{one}@o.example") for one in range(20)))
        await desk.takes(said if turn == 3 else mail(f"{turn}"))
    assert words_in(tmp_path / "data", words) == {*words}
    await people(store).erase(await held(store, "zarquonia@person.example"))
    assert words_in(tmp_path / "data", words) == set()
    with sqlite3.connect(tmp_path / "data" / "bridge.db") as database:
        assert (
            database.execute("SELECT count(*) FROM search_words WHERE search_words MATCH 'about'").fetchone()[0] > 100
        )
        database.execute("INSERT INTO search_words (search_words) VALUES ('integrity-check')")
    database.close()
    await store.close()


async def test_what_shows_a_mail_in_slack_is_known_as_long_as_the_mail(store: Store) -> None:
    async with store.write() as conn:
        for key in ("file:1:1:0", "mail:1", "draft:a", "card:1"):
            await effects.begin(conn, key)
            await effects.finish(conn, key, {"id": "F1"})
    await tidy(store, retention=RetentionSettings(raw=0, jobs=1), at=now() + timedelta(days=2))
    async with store.read() as conn:
        assert set((await conn.execute(select(effects_table.c.key))).scalars()) == {"file:1:1:0", "mail:1", "draft:a"}


async def test_bytes_of_answers_that_never_left_go_in_their_time(desk: Desk) -> None:
    store = desk.store
    await desk.takes(mail("a"))  # whose bytes go by themselves
    await draft_to(store, KIM, name="undone", state=DraftState.CANCELLED)
    await draft_to(store, KIM, name="held", state=DraftState.HELD)
    await draft_to(store, KIM, name="later", state=DraftState.CANCELLED, due=now() + timedelta(days=9))
    retention = RetentionSettings(raw=1, jobs=0)
    assert (await tidy(store, retention=retention, at=now()))["unsent"] == 0
    gone = await tidy(store, retention=retention, at=now() + timedelta(days=2))
    assert (gone["mails"], gone["unsent"], await bytes_kept(store)) == (1, 2, 4)
    async with store.read() as conn:
        assert await drafts.raw_id(conn, DraftId("undone")) is None
        assert await drafts.file_raws(conn, DraftId("undone")) == [None]
        assert await drafts.raw_id(conn, DraftId("held"))
