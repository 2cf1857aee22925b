"""A person's data is given out whole, and taken away everywhere the bridge keeps it; nobody else's goes with it."""

import io
import json
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mailroom import until
from onstage import Desk, ask, received, rich, said

from bridge.automation.housekeeping import tidy
from bridge.commands.personal import Personal, stays
from bridge.config import RetentionSettings
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Refused
from bridge.model import Attachment, now
from bridge.store.database import Store

SECRET = "the walnut cabinet"
PHOTO = Attachment(filename="cabinet.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n" + b"c" * 90)


async def a_day_at_the_desk(stage: Stage, mina: Desk) -> None:
    """Dana's matter, answered; and Ben's, who names Dana."""
    await ask(stage, subject=f"About {SECRET}", text=f"Hello, {SECRET} came.", files=[PHOTO])
    card = await mina.sees_card(SECRET)
    await mina.sees(lambda: any(one.get("files") for one in mina.thread(card)))
    await mina.opens(card)
    await mina.person.submit({"body": rich(f"We are sorry about {SECRET}.")})
    await received(stage, "dana@example.com")
    await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    await ask(stage, from_="Ben <ben@example.org>", cc="dana@example.com", subject="Another matter")
    await mina.sees_card("Another matter")


def kept(stage: Stage) -> str:
    """Everything in the database, as text."""
    with sqlite3.connect(stage.database) as database:
        dump = "\n".join(database.iterdump())
    database.close()
    return dump


async def test_what_is_erased_is_gone_from_the_database_and_from_slack(stage: Stage, mina: Desk) -> None:
    await a_day_at_the_desk(stage, mina)
    raw = stage.world.letters[0].raw
    files = stage.slack.workspace.files
    photos = [key for key, one in files.items() if one.name == PHOTO.filename]
    async with Personal.open(stage.settings()) as personal:
        held = await personal.held("Dana@Example.com")
        assert (len(held.theirs), held.numbers, len(held.others)) == (2, [1], 1)
        await personal.erase(held)
    await mina.sees(lambda: [SECRET in said(one) for one in mina.cards()] == [False])
    await mina.sees(lambda: not any(SECRET in json.dumps(one) for one in stage.slack.workspace.history(CHANNEL)))
    await mina.sees(lambda: all(files[one].deleted for one in photos))
    assert SECRET not in kept(stage)
    assert "Another matter" in kept(stage)
    assert any("#2" in line for line in stays(held))

    await stage.world.hand_over(raw, sender="dana@example.com", recipients=[SHOP.email])
    await ask(stage, subject="Something new")
    await mina.sees_card("Something new")
    assert not mina.card(SECRET)


async def test_what_moved_to_another_conversation_is_erased_from_both_threads(stage: Stage, mina: Desk) -> None:
    await a_day_at_the_desk(stage, mina)
    old = await mina.sees_card(SECRET)
    await mina.person.command(CHANNEL, "/mail", "merge 1 2")
    new = await mina.sees_card("Another matter")
    await mina.sees(lambda: mina.line(new, f"Hello, {SECRET}"))
    await mina.sees(lambda: mina.line(new, f"We are sorry about {SECRET}"))
    await mina.sees(lambda: next((one for one in mina.thread(new) if one.get("files")), None))
    async with Personal.open(stage.settings()) as personal:
        await personal.erase(await personal.held("dana@example.com"))
    await mina.sees(lambda: not any(SECRET in said(one) for one in (*mina.thread(old), *mina.thread(new))))
    await mina.sees(lambda: [SECRET in said(one) for one in mina.cards()] == [False])
    assert SECRET not in kept(stage)
    files = stage.slack.workspace.files.values()
    await mina.sees(lambda: all(one.deleted for one in files if one.name == PHOTO.filename))


async def test_what_moved_to_another_channel_is_erased_from_both(stage: Stage, mina: Desk) -> None:
    here, billing = stage.slack.workspace, "C0BILLING1"
    here.add_channel("billing", channel_id=billing, members=[MINA, here.bot_user_id])
    await a_day_at_the_desk(stage, mina)
    old = await mina.sees_card(SECRET)
    await mina.person.command(CHANNEL, "/mail", "merge 2 1")  # so that not all of the conversation goes
    await mina.person.command(CHANNEL, "/mail", "move 1 #billing")

    def thread() -> list[dict[str, Any]]:
        return [one for card in here.history(billing) for one in here.replies(billing, card["ts"])]

    await mina.sees(lambda: any(f"We are sorry about {SECRET}" in said(one) for one in thread()))
    await mina.sees(lambda: any(one.get("files") for one in thread()))
    async with Personal.open(stage.settings()) as personal:
        await personal.erase(await personal.held("dana@example.com"))
    await mina.sees(lambda: not any(SECRET in said(one) for one in (*mina.thread(old), *thread())))
    await mina.sees(thread)
    files = here.files.values()
    await mina.sees(lambda: all(one.deleted for one in files if one.name == PHOTO.filename))


ACK = """
auto_ack = true
ack = { text = "About {{ subject }}", html = "<p>About <em>{{ subject }}</em></p>" }
"""


@pytest.fixture
async def acknowledging(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A stage whose acknowledgements have HTML of their own; a test's parameter is for how long they are held."""
    made = Stage(tmp_path / "stage", hold=getattr(request, "param", 0))
    made.source += ACK
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("acknowledging", [0, 600], indirect=True, ids=["sent", "held"])
async def test_html_of_an_answer_is_given_out_and_erased_with_it(acknowledging: Stage, tmp_path: Path) -> None:
    stage, mina = acknowledging, Desk(acknowledging)
    await ask(stage, subject=f"Where is {SECRET}?")
    card = await mina.sees_card(SECRET)
    state = "Leaves at" if stage.hold else ":white_check_mark: Sent"
    await mina.sees(lambda: mina.line(card, state))
    assert f"<em>Where is {SECRET}?</em>" in kept(stage)
    async with Personal.open(stage.settings()) as personal:
        held = await personal.held("dana@example.com")
        await personal.export(held, tmp_path / "dana.zip")
        await personal.erase(held)
    archive = zipfile.ZipFile(tmp_path / "dana.zip")
    given = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".eml"))
    assert (b"text/html" in given) is not bool(stage.hold)  # what has not left is nobody's mail yet
    assert SECRET not in kept(stage)
    await mina.sees(lambda: not any(SECRET in json.dumps(one) for one in stage.slack.workspace.history(CHANNEL)))


async def test_html_of_an_answer_is_kept_as_long_as_the_answer_is_as_it_left(acknowledging: Stage) -> None:
    stage, mina = acknowledging, Desk(acknowledging)
    await ask(stage, subject=f"Where is {SECRET}?")
    card = await mina.sees_card(SECRET)
    await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    store = await Store.open(f"sqlite:///{stage.database}")
    retention = RetentionSettings(raw=1, jobs=0)
    await tidy(store, retention=retention, at=now())
    assert "<em>" in kept(stage)
    await tidy(store, retention=retention, at=now() + timedelta(days=2))
    await store.close()
    assert "<em>" not in kept(stage)
    assert f"About Where is {SECRET}?" in kept(stage), "its text stays"


async def test_what_is_given_out_is_their_mail_as_it_came(stage: Stage, mina: Desk, tmp_path: Path) -> None:
    await a_day_at_the_desk(stage, mina)
    async with Personal.open(stage.settings()) as personal:
        await personal.export(await personal.held("dana@example.com"), tmp_path / "dana.zip")
    archive = zipfile.ZipFile(io.BytesIO((tmp_path / "dana.zip").read_bytes()))
    told = json.loads(archive.read("mails.json"))
    assert [one["number"] for one in told] == [1]
    assert [mail["direction"] for mail in told[0]["mails"]] == ["in", "out"]
    mails = [archive.read(name) for name in archive.namelist() if name.endswith(".eml")]
    assert len(mails) == 2
    assert all(SECRET.encode() in mail for mail in mails)


@pytest.mark.parametrize("address", ["dana", SHOP.email.upper()])
async def test_neither_nobody_nor_the_whole_desk_is_erased(stage: Stage, address: str) -> None:
    async with Personal.open(stage.settings()) as personal:
        with pytest.raises(Refused):
            await personal.held(address)


async def test_a_mail_whose_bytes_went_on_schedule_is_had_from_the_mailbox(stage: Stage, mina: Desk) -> None:
    """Shown as it came, and forwarded with its files."""
    await ask(stage, subject="With a photo", files=[PHOTO])
    card = await mina.sees_card("With a photo")
    await mina.sees(lambda: any(one.get("files") for one in mina.thread(card)))
    store = await Store.open(f"sqlite:///{stage.database}")
    gone = await tidy(store, retention=RetentionSettings(raw=1, jobs=0), at=now() + timedelta(days=2))
    await store.close()
    assert gone["mails"] == 1
    await mina.person.choose(CHANNEL, card["ts"], "more", "show_original:1")
    assert await mina.sees(lambda: "Content-Transfer-Encoding" in json.dumps(mina.person.view()))
    await mina.person.choose(CHANNEL, card["ts"], "more", "forward:1")
    await mina.sees_compose()
    await mina.person.submit({"to": "repairs@example.net"})
    mail = await received(stage, "repairs@example.net")
    assert [part.get_content() for part in mail.iter_attachments()] == [PHOTO.content]


async def test_what_was_done_long_ago_goes_and_the_card_still_changes(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await until(lambda: "'done'" in kept(stage))
    store = await Store.open(f"sqlite:///{stage.database}")
    gone = await tidy(store, retention=RetentionSettings(raw=0, jobs=1), at=now() + timedelta(days=2))
    await store.close()
    assert gone["mails"] == 0
    assert gone["jobs"] > 0
    await mina.person.click(CHANNEL, card["ts"], "close")
    await mina.sees(lambda: "Closed" in said(mina.cards()[0]))
    assert len(mina.cards()) == 1


async def test_the_next_mail_after_the_newest_was_erased_is_shown(stage: Stage, mina: Desk) -> None:
    await ask(stage, subject="Delete my data", files=[PHOTO])
    card = await mina.sees_card("Delete my data")
    await mina.sees(lambda: any(one.get("files") for one in mina.thread(card)))
    async with Personal.open(stage.settings()) as personal:
        await personal.erase(await personal.held("dana@example.com"))
    await mina.sees(lambda: not mina.card("Delete my data"))
    await ask(stage, from_="Ben <ben@example.org>", subject="A new matter", text="The words of Ben.", files=[PHOTO])
    card = await mina.sees_card("A new matter")
    await mina.sees(lambda: mina.line(card, "The words of Ben."))
    await mina.sees(lambda: any(one.get("files") for one in mina.thread(card)))


async def draft_to(stage: Stage, mina: Desk, address: str, words: str) -> None:
    """A mail to that address that was undone: nothing of it is a mail."""
    await mina.person.command(CHANNEL, "/mail", f"new {address}")
    await mina.sees_compose()
    await mina.person.submit({"subject": words, "body": rich(words)})


async def test_what_was_written_to_somebody_and_not_sent_is_given_out_and_erased(
    stage: Stage, mina: Desk, tmp_path: Path
) -> None:
    stage.hold = 3600
    await stage.stop_bridge()
    await stage.start_bridge()
    await draft_to(stage, mina, "Eve@Example.com", SECRET)
    await mina.sees_card(SECRET)
    await draft_to(stage, mina, "ben@example.org", "Another matter")
    await mina.sees_card("Another matter")
    async with Personal.open(stage.settings()) as personal:
        held = await personal.held("eve@example.com")
        assert (len(held.theirs), len(held.unsent), held.numbers) == (0, 1, [1])
        await personal.export(held, tmp_path / "eve.zip")
        told = json.loads(zipfile.ZipFile(tmp_path / "eve.zip").read("mails.json"))
        assert [one["text"].strip() for one in told[0]["unsent"]] == [SECRET]
        await personal.erase(held)
    await mina.sees(lambda: not mina.card(SECRET))
    await mina.sees(lambda: not any(SECRET in json.dumps(one) for one in stage.slack.workspace.history(CHANNEL)))
    assert SECRET not in kept(stage)
    assert "Another matter" in kept(stage)
