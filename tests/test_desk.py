"""What goes wrong on the way of a mail to its card: nothing of it is lost, and nothing behind it waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from onstage import Desk, actions, ask, rich, said

from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, Stage
from bridge.desk import Mailbox, changed
from bridge.mail.parse import parse
from bridge.metrics import Metrics
from bridge.model import Arrival, Batch, ChannelId, Cursor, DraftState, MailboxName, Message, Status, Ts
from bridge.reception import Reception
from bridge.store import conversations, drafts, jobs, mails
from bridge.store.database import Store


async def test_a_card_deleted_by_hand_comes_back_with_the_next_mail_and_all_before(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they?"))
    stage.slack.workspace.delete(CHANNEL, card["ts"])
    await ask(stage, text="Hello again", in_reply_to=first)
    again = await mina.sees(lambda: next((one for one in mina.cards() if one["ts"] != card["ts"]), None))
    assert again
    assert await mina.sees(lambda: mina.line(again, "where are they?"))
    assert await mina.sees(lambda: mina.line(again, "Hello again"))


async def test_a_message_that_slack_refuses_is_shown_plainly_rather_than_not_at_all(stage: Stage, mina: Desk) -> None:
    stage.slack.faults.refuse("chat.postMessage", error="invalid_blocks")
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert "reply" in actions(card)
    assert await mina.sees(lambda: mina.line(card, "where are they?"))


@pytest.mark.parametrize("fault", ["error", "rate_limited", "drop_before"])
async def test_slack_in_trouble_delays_and_loses_nothing(stage: Stage, mina: Desk, fault: str) -> None:
    knobs: dict[str, Callable[..., Any]] = {
        "error": stage.slack.faults.error,
        "rate_limited": stage.slack.faults.rate_limited,
        "drop_before": stage.slack.faults.drop_before,
    }
    knobs[fault]("chat.postMessage", times=2)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    assert len(mina.cards()) == 1


async def test_a_mail_server_that_is_away_is_told_and_the_mail_leaves_when_it_is_back(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    port = stage.world.port
    await stage.world.stop()
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words")})
    line = await mina.sees(lambda: mina.line(card, "Waiting for the mail server"))
    assert line
    assert "cancel_send" in actions(line)
    await stage.world.start(smtp_port=port)
    assert await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(stage.world.envelopes) == 1


async def test_a_file_that_cannot_be_fetched_is_told_while_the_mail_is_held(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    upload = await mina.person.upload("gone.pdf", b"%PDF")
    stage.slack.workspace.delete_file(upload["id"])
    await mina.person.submit({"body": rich("See the file"), "files": [upload]})
    line = await mina.sees(lambda: mina.line(card, "Not sent"))
    assert "gone.pdf" in said(line or {})
    assert stage.world.envelopes == []


async def test_a_channel_without_the_bot_is_served_once_the_bot_is_back(stage: Stage, mina: Desk) -> None:
    bot = stage.slack.workspace.bot_user_id
    stage.slack.workspace.leave(CHANNEL, bot)
    await ask(stage)
    async with asyncio.timeout(20):
        while not stage.slack.faults.calls["chat.postMessage"]:  # noqa: ASYNC110 - a refusal changes nothing to wait for
            await asyncio.sleep(0.02)
    await stage.stop_bridge()
    stage.slack.workspace.join(CHANNEL, bot)
    await stage.start_bridge()
    assert await mina.sees_card("Two bags")


async def test_a_card_posted_by_a_bridge_that_died_shows_what_has_become_of_it_since(
    stage: Stage, mina: Desk, beside: "Beside"
) -> None:
    """It died after it posted the card and before it knew where the card stands."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they?"))
    await stage.stop_bridge()
    async with beside.store.write() as conn:
        found = await conversations.by_card(conn, channel=ChannelId(CHANNEL), ts=card["ts"])
        assert found
        await changed(conn, found.number, card_ts=None, status=Status.CLOSED)
    await stage.start_bridge()
    assert await mina.sees(lambda: "reopen" in actions(mina.card("Two bags")))
    assert len(mina.cards()) == 1


async def test_a_line_posted_by_a_bridge_that_died_says_what_has_become_of_the_mail_since(
    stage: Stage, mina: Desk, beside: "Beside"
) -> None:
    """Else an agent would never be asked about a mail whose delivery is uncertain."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words")})
    assert await mina.sees(lambda: mina.line(card, "Sent"))
    await stage.stop_bridge()
    async with beside.store.write() as conn:
        found = await conversations.by_card(conn, channel=ChannelId(CHANNEL), ts=card["ts"])
        assert found
        (draft,) = await drafts.of_conversation(conn, found.number)
        await drafts.line_posted(conn, draft, ts=Ts(""), revision=0)
        await drafts.move(conn, draft.id, DraftState.UNCERTAIN, out_of={DraftState.SENT}, reason="Nobody knows.")
        await changed(conn, found.number)
    await stage.start_bridge()
    assert await mina.sees(lambda: mina.line(card, "Nobody knows."))


class Beside:
    """A reception on the stage's database, beside the running bridge, whose reader can be spoilt."""

    def __init__(self, stage: Stage, store: Store) -> None:
        self.store = store
        self.mailbox = Mailbox(
            name=MailboxName("support"),
            address=SHOP,
            channel=ChannelId(CHANNEL),
            hold=timedelta(0),
            saves_sent=False,
            max_bytes=1 << 20,
        )
        self._keys = stage.settings().secret_keys

    def reception(self, reader: Callable[[bytes], Message] = parse) -> Reception:
        return Reception(self.store, keys=self._keys, metrics=Metrics(), parse_mail=reader)


@pytest.fixture
async def beside(stage: Stage) -> AsyncIterator[Beside]:
    store = await Store.open(stage.settings().database_url.get_secret_value())
    yield Beside(stage, store)
    await store.close()


def arrivals(*raws: bytes) -> Batch:
    came = [Arrival(uidvalidity=99, uid=uid, size=len(raw), raw=raw) for uid, raw in enumerate(raws, start=1)]
    return Batch(cursor=Cursor(uidvalidity=99, uidnext=len(raws) + 1), arrivals=tuple(came))


def spoilt(raw: bytes, **_: object) -> Message:
    if b"unreadable" in raw:
        raise ValueError("nobody foresaw this")
    return parse(raw)


BAD = b"From: dana@example.com\r\nSubject: The bad one\r\nMessage-ID: <bad@x>\r\n\r\nunreadable\r\n"
GOOD = b"From: ben@example.org\r\nSubject: The good one\r\nMessage-ID: <good@x>\r\n\r\nfine\r\n"


async def test_a_mail_that_cannot_be_read_is_a_bare_card_with_its_original_and_can_be_replayed(
    stage: Stage, mina: Desk, beside: Beside
) -> None:
    await beside.reception(spoilt).receive(beside.mailbox, arrivals(BAD, GOOD))
    assert await mina.sees_card("The good one")
    card = await mina.sees_card("(unreadable mail)")
    shared = await mina.sees(lambda: next((one for one in mina.thread(card) if one.get("files")), None))
    assert shared
    assert stage.slack.workspace.files[shared["files"][0]["id"]].content == BAD

    number = await beside.reception().take_again(beside.mailbox, BAD)
    assert await mina.sees_card("The bad one")
    assert await mina.sees(lambda: mina.line(card, "unreadable"))
    assert len(mina.cards()) == 2
    assert number > 0


async def test_a_mailbox_that_hands_the_same_place_over_again_changes_nothing(mina: Desk, beside: Beside) -> None:
    await beside.reception().receive(beside.mailbox, arrivals(GOOD))
    await beside.reception().receive(beside.mailbox, arrivals(GOOD))
    await mina.sees_card("The good one")
    async with beside.store.read() as conn:
        assert await mails.seen_places(conn, beside.mailbox.name, uidvalidity=99, uids=[1]) == {1}
        assert await jobs.find(conn, "show:1:1")
        assert not await jobs.find(conn, "show:1:2")
    assert len(mina.cards()) == 1
