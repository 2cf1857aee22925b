"""What the store keeps of a conversation that moves to another channel, on both databases; and what is left behind."""

from dataclasses import replace
from datetime import timedelta

import pytest
from test_regroup import begun
from test_store import a_draft
from workplace import BLOCKS, Workplace, workplace

from bridge.agents import Operator
from bridge.channels import Channels
from bridge.desk import Desk, changed_by_itself
from bridge.jobs import Engine
from bridge.model import ChannelId, Conversation, DraftId, DraftState, Job, Number, Ts, now
from bridge.moving import Moving, move_on
from bridge.store import cards, conversations, drafts, effects, jobs, mails
from bridge.store.database import Store

BILLING = ChannelId("C0BILLING1")


async def a_conversation(store: Store, *, card: Ts | None = None, channel: str = "C1") -> Conversation:
    """One with a mail, and with a card where its ts is given."""
    number, _ = await begun(store, "<1@x>")
    async with store.write() as conn:
        await conversations.change(conn, number, at=now(), channel=channel)
        if card:
            await conversations.card_posted(conn, number, ts=card, bumps=0)
        found = await conversations.get(conn, number)
    assert found
    return found


async def moved(store: Store, conversation: Conversation) -> Conversation:
    async with store.write() as conn:
        await move_on(conn, conversation, BILLING, change=changed_by_itself, sentence="It moved.")
        found = await conversations.get(conn, conversation.number)
    assert found
    return found


async def in_lane(store: Store, number: Number) -> list[Job]:
    """The jobs of its lane, in the order in which they are run."""
    done: list[Job] = []
    async with store.write() as conn:
        while claimed := await jobs.claim(conn, limit=50, owner="o", lease=timedelta(1)):
            for job in claimed:
                await jobs.finish(conn, job)
            done += [job for job in claimed if job.lane == f"conversation:{number}"]
    return done


async def test_whoever_is_still_showing_it_in_the_old_place_writes_nothing_down(store: Store) -> None:
    before = await a_conversation(store, card=Ts("1.1"))
    held = replace(a_draft(before.number), id=DraftId("held"), message_id="<h@x>")
    undone = replace(held, id=DraftId("undone"), message_id="<u@x>", state=DraftState.CANCELLED)
    async with store.write() as conn:
        for one in (held, undone):
            await drafts.add(conn, one, view_id="")
            await drafts.line_posted(conn, one, ts=Ts("1.3"), revision=1)
        (stored,) = await mails.of_conversation(conn, before.number)
        await mails.posted(conn, stored, ts=Ts("1.2"), shared=True)
    now_there = await moved(store, before)
    assert (now_there.channel, now_there.card_ts) == (BILLING, None)
    async with store.write() as conn:
        await conversations.card_posted(conn, before.number, ts=Ts("9.1"), bumps=0)
        await mails.posted(conn, stored, ts=Ts("9.2"), shared=True)
        await drafts.line_posted(conn, held, ts=Ts("9.3"), revision=1)
        assert not await cards.bump(conn, before)
        assert await conversations.get(conn, before.number) == now_there
        (mail,) = await mails.of_conversation(conn, before.number)
        assert (mail.thread_ts, mail.shared, mail.shown_as) == (None, False, f"{mail.id}.1")
        assert [(one.shown_as, one.line_ts) for one, _, _ in await drafts.unshown(conn, before.number)] == [
            ("held.1", None)
        ]
        await conversations.card_posted(conn, before.number, ts=Ts("2.1"), bumps=1)
        found = await conversations.by_card(conn, channel=BILLING, ts=Ts("2.1"))
    assert found
    assert found.number == before.number
    assert [job.kind for job in await in_lane(store, before.number)] == ["show", "left", "tell"]


async def test_a_card_that_was_being_posted_anew_leaves_two_behind(store: Store) -> None:
    before = await a_conversation(store, card=Ts("1.1"))
    async with store.write() as conn:
        assert await cards.bump(conn, before)
    await moved(store, before)
    left = [job for job in await in_lane(store, before.number) if job.kind == "left"]
    key = f"card:{before.number}"
    assert [(job.payload["key"], job.payload["ts"]) for job in left] == [(f"{key}:1", None), (key, "1.1")]


def moving(store: Store, place: Workplace) -> Moving:
    desk = Desk(store, agents=Operator(), mailboxes={})
    engine = Engine(store, kinds={}, landing=0.05)
    channels = Channels(store, engine=engine, gateway=place.gateway)
    return Moving(store, engine=engine, gateway=place.gateway, channels=channels, desk=desk, agents=Operator())


@pytest.mark.parametrize("of_card", ["known", "posted, and nobody came to say so", "never posted", "deleted"])
async def test_whatever_card_is_left_behind_leads_on(store: Store, of_card: str) -> None:
    async with workplace() as place:
        ts = None
        if of_card != "never posted":
            ts = await place.gateway.post(place.support, text="A card", blocks=BLOCKS, key="card:1", number=Number(1))
        if of_card == "deleted":
            place.double.workspace.delete(place.support, str(ts))
        known = ts if of_card in {"known", "deleted"} else None
        before = await a_conversation(store, card=known, channel=place.support)
        async with store.write() as conn:
            await effects.begin(conn, "card:1")
        await moved(store, before)
        (job,) = [one for one in await in_lane(store, before.number) if one.kind == "left"]
        async with store.write() as conn:
            await conversations.card_posted(conn, before.number, ts=Ts("1772442000.000100"), bumps=1)
        await moving(store, place).leave(job)
        leads = [] if of_card in {"never posted", "deleted"} else ["#1 goes on in another channel"]
        assert place.texts() == leads
        async with store.read() as conn:
            assert await effects.is_known(conn, "card:1")  # so that nobody posts it from here on


async def test_what_waits_for_a_card_holds_up_nothing(store: Store) -> None:
    before = await a_conversation(store, card=Ts("1.1"))
    await moved(store, before)
    (job,) = [one for one in await in_lane(store, before.number) if one.kind == "left"]
    async with workplace() as place:
        await moving(store, place).leave(job)
    async with store.read() as conn:
        waiting = await jobs.find(conn, f"{job.key}:beside")
    assert waiting
    assert waiting[0].lane == ""
    assert waiting[0].payload == job.payload
