"""Many conversations at once are one message, and nobody's click waits behind them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from onstage import Desk, actions, ask, nodes, said
from services import Service
from test_kills import deliver, service, subject_of

from bridge.demo.double.people import Person
from bridge.demo.stage import CHANNEL, GUEST, MINA, Stage
from bridge.desk import show_again
from bridge.model import ChannelId, MailboxName, Status, now
from bridge.store import conversations
from bridge.store.database import Store

__all__ = ["service"]

MOST = 5
PATIENCE = 30.0


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.2, flood=MOST)
    await made.start()
    yield made
    await made.stop()


async def flood(stage: Stage, count: int) -> None:
    for number in range(count):
        await deliver(stage, f"matter-{number}")


def cards(stage: Stage) -> list[dict[str, Any]]:
    """Whatever the bridge says in the channel: cards and digests."""
    return [one for one in stage.slack.workspace.history(CHANNEL) if one.get("bot_id")]


def digests(stage: Stage) -> list[dict[str, Any]]:
    return [one for one in cards(stage) if "digest_list" in actions(one)]


def alone(stage: Stage) -> list[str]:
    """The subjects of the conversations that have cards of their own."""
    return [subject_of(one) for one in cards(stage) if "reply" in actions(one)]


def listed(digest: dict[str, Any]) -> list[str]:
    """The numbers in a digest, in the order of its lines."""
    return [str(node["options"][0]["value"]).partition(":")[2] for node in nodes(digest) if node.get("options")]


async def sees_own_card(stage: Stage, person: Person, subject: str) -> dict[str, Any]:
    def own() -> dict[str, Any] | None:
        found = (one for one in cards(stage) if "reply" in actions(one))
        return next((one for one in found if subject_of(one) == subject), None)

    card = await person.sees(own, timeout=PATIENCE)
    assert card
    return card


async def sees_page(person: Person, words: str) -> dict[str, Any]:
    def page() -> dict[str, Any] | None:
        view = person.view()
        return view if view and words in said(view) else None

    view = await person.sees(page, timeout=PATIENCE)
    assert view
    return view


async def sees_digest(stage: Stage, person: Person, words: str) -> dict[str, Any]:
    found = await person.sees(lambda: [one for one in digests(stage) if words in said(one)], timeout=PATIENCE)
    return found[0]


async def test_beyond_the_limit_conversations_stand_in_one_digest_in_order(stage: Stage, mina: Desk) -> None:
    await flood(stage, 20)
    digest = await sees_digest(stage, mina.person, "15 of them have no card yet")
    assert len(digests(stage)) == 1
    own = alone(stage)
    assert len(own) == MOST
    rest = [str(number + 1) for number in range(20) if f"matter-{number}" not in own]
    assert listed(digest) == rest[:12]
    assert "and 3 more" in said(digest)


@pytest.mark.parametrize("verb", ["open", "claim", "close"])
async def test_a_line_gets_its_card_when_somebody_does_something_with_it(stage: Stage, mina: Desk, verb: str) -> None:
    await flood(stage, 9)
    digest = await sees_digest(stage, mina.person, "4 of them")
    first, chosen, *others = listed(digest)
    await mina.person.choose(CHANNEL, digest["ts"], "digest", f"{verb}:{chosen}")
    card = await sees_own_card(stage, mina.person, f"matter-{int(chosen) - 1}")
    assert await mina.sees(lambda: mina.line(card, f"Please help with matter-{int(chosen) - 1}"))
    told = {"open": "Open", "claim": f"<@{MINA}>", "close": "Closed"}[verb]
    assert told in said(card)
    assert len(alone(stage)) == MOST + 1
    assert listed(await sees_digest(stage, mina.person, "3 of them")) == [first, *others]


async def test_the_customers_next_mail_brings_the_card_too(stage: Stage, mina: Desk) -> None:
    await flood(stage, 8)
    digest = await sees_digest(stage, mina.person, "3 of them")
    matter, text = f"matter-{int(listed(digest)[1]) - 1}", "Hello, is anybody there?"
    await ask(stage, from_=f"{matter}@example.com", subject=matter, text=text, in_reply_to=f"<{matter}@example.com>")
    card = await sees_own_card(stage, mina.person, matter)
    assert await mina.sees(lambda: mina.line(card, text))
    assert await mina.sees(lambda: mina.line(card, f"Please help with {matter}"))


async def test_what_moves_to_another_channel_leaves_the_list_and_gets_its_card_there(stage: Stage, mina: Desk) -> None:
    here, billing = stage.slack.workspace, "C0BILLING1"
    here.add_channel("billing", channel_id=billing, members=[MINA, here.bot_user_id])
    await flood(stage, 8)
    chosen, *others = listed(await sees_digest(stage, mina.person, "3 of them"))
    await mina.person.command(CHANNEL, "/mail", f"move {chosen} #billing")
    assert await mina.sees(lambda: [subject_of(one) for one in here.history(billing) if "reply" in actions(one)])
    digest = await sees_digest(stage, mina.person, "2 of them")
    assert listed(digest) == others
    await mina.person.click(CHANNEL, digest["ts"], "digest_list")
    assert chosen not in listed(await sees_page(mina.person, f"#{others[0]}"))


async def test_the_window_lists_all_of_them_page_by_page_and_acts(stage: Stage, mina: Desk) -> None:
    await flood(stage, MOST + 23)
    digest = await sees_digest(stage, mina.person, "23 of them")
    await mina.person.click(CHANNEL, digest["ts"], "digest_list")
    await sees_page(mina.person, "Page 1 of 2")
    assert len(listed(mina.person.view() or {})) == 20
    await mina.person.click_view("digest_page_next")
    view = await sees_page(mina.person, "Page 2 of 2")
    last = listed(view)[-1]
    assert len(listed(view)) == 3
    await mina.person.click_view("digest", value=f"claim:{last}")
    await mina.sees(lambda: f"#{last} is yours." in said(mina.person.view() or {}))
    assert f"<@{MINA}>" in said(await sees_own_card(stage, mina.person, f"matter-{int(last) - 1}"))


async def test_who_may_not_act_is_told_and_nothing_happens(stage: Stage, mina: Desk) -> None:
    await flood(stage, 7)
    digest = await sees_digest(stage, mina.person, "2 of them")
    guest = stage.slack.person(GUEST)
    await guest.choose(CHANNEL, digest["ts"], "digest", f"claim:{listed(digest)[0]}")
    assert await guest.sees(lambda: any("full members" in one["text"] for one in guest.ephemerals(CHANNEL)))
    await guest.click(CHANNEL, digest["ts"], "digest_list")
    assert await guest.sees(lambda: "full members" in said(guest.view() or {}))
    assert len(alone(stage)) == MOST


async def test_a_digest_cleared_away_by_hand_comes_back_while_something_is_in_it(stage: Stage, mina: Desk) -> None:
    await flood(stage, 8)
    digest = await sees_digest(stage, mina.person, "3 of them")
    stage.slack.workspace.delete(CHANNEL, digest["ts"])
    await deliver(stage, "one-more")
    again = await sees_digest(stage, mina.person, "4 of them")
    assert again["ts"] != digest["ts"]


async def test_a_click_waits_neither_for_a_free_hand_nor_for_its_turn_in_the_channel(stage: Stage, mina: Desk) -> None:
    """Every hand of the engine waits for its turn in the channel, and dozens of jobs stand before it: still first."""
    await stage.stop_bridge()
    stage.flood = 0
    await stage.start_bridge()
    await deliver(stage, "the-first")
    card = await sees_own_card(stage, mina.person, "the-first")
    await mina.sees(lambda: mina.line(card, "Please help"))
    stage.slack.faults.slow("chat.postMessage", seconds=0.25, times=None)
    stage.slack.faults.slow("chat.update", seconds=0.25, times=None)
    await flood(stage, 30)
    posted = len(cards(stage))
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    assert len(cards(stage)) - posted <= 6
    assert len(cards(stage)) < 31


async def test_a_closed_matter_that_is_brought_in_later_is_no_flood(stage: Stage, mina: Desk) -> None:
    """What a backfill brings comes at its own pace."""
    store = await Store.open(stage.settings().database_url.get_secret_value())
    try:
        for number in range(MOST + 3):
            async with store.write() as conn:
                made = await conversations.create(
                    conn,
                    mailbox=MailboxName("support"),
                    channel=ChannelId(CHANNEL),
                    subject=f"old-{number}",
                    status=Status.CLOSED,
                    at=now(),
                )
                await conversations.change(conn, made, at=now())
                await show_again(conn, made, version=2)
    finally:
        await store.close()
    await mina.sees(lambda: len(alone(stage)) == MOST + 3)
    assert not digests(stage)


@pytest.mark.storm
@pytest.mark.timeout(300)
async def test_kills_within_a_flood_lose_nothing_and_double_nothing(stage: Stage, service: Service) -> None:
    await stage.stop_bridge()
    with socket.create_server(("127.0.0.1", 0)) as free:
        stage.intake_port = free.getsockname()[1]
    stage.world.intake = ("127.0.0.1", stage.intake_port)
    count = 60
    await service.start()
    await service.ready.wait()

    async def killer() -> None:
        for pause in (0.3, 0.1, 0.6, 0.2, 0.5):
            await asyncio.sleep(pause)
            await service.kill()
            await service.start()
            await service.ready.wait()

    await asyncio.gather(flood(stage, count), killer())
    person = stage.slack.person(MINA)
    digest = await sees_digest(stage, person, f"{count - MOST} of them have no card yet")
    assert len(digests(stage)) == 1
    own = alone(stage)
    assert len(own) == len(set(own)) == MOST
    await person.click(CHANNEL, digest["ts"], "digest_list")
    seen: list[str] = []
    for page in (1, 2, 3):
        view = await sees_page(person, f"Page {page} of 3")
        seen += listed(view)
        if page < 3:
            await person.click_view("digest_page_next")
    assert len(seen) == len(set(seen)) == count - MOST
