"""What Slack does to a channel, a card, a click or the bridge itself: each a defined behaviour, and a sentence."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from onstage import Desk, actions, ask, received, rich, said

from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.store import jobs
from bridge.store.database import Store


async def parked(stage: Stage, kind: str) -> list[str]:
    """The sentences of what could not be shown."""
    store = await Store.open(stage.settings().database_url.get_secret_value())
    try:
        async with store.read() as conn:
            return [why for job, why in await jobs.parked(conn) if job.kind == kind]
    finally:
        await store.close()


async def is_parked(stage: Stage, words: str, *, kind: str = "show") -> None:
    """Wait until something could not be shown for that reason."""
    async with asyncio.timeout(20):
        while not any(words in why for why in await parked(stage, kind)):  # noqa: ASYNC110 - another connection's rows
            await asyncio.sleep(0.02)


# --- channels ---------------------------------------------------------------------------------------------------------


async def test_a_channel_shared_outside_gets_no_mail_is_told_once_and_catches_up(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.workspace.change_channel(CHANNEL, is_ext_shared=True)
    assert await mina.sees(lambda: mina.card("shared with another organisation now"))
    await ask(stage, subject="For our eyes only", text="A secret.")
    await ask(stage, subject="Another one")
    await is_parked(stage, "shared with another organisation")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    whisper = await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert "customers' mail stays closed here" in whisper[-1]["text"]
    assert not mina.card("eyes only")
    assert len([one for one in mina.cards() if "shared with another" in said(one)]) == 1
    stage.slack.workspace.change_channel(CHANNEL, is_ext_shared=False)
    assert await mina.sees(lambda: mina.card("nobody outside any more"))
    assert await mina.sees_card("For our eyes only")
    assert await mina.sees_card("Another one")


async def test_nothing_that_the_bridge_says_by_itself_stands_where_strangers_read(tmp_path: Path) -> None:
    """Who had too many automatic mails, that an answer is due: it is said once the channel is ours again."""
    stage = Stage(tmp_path / "stage", hold=0)
    stage.source += '\nauto_ack = true\nack = { per_sender = 1 }\nfirst_response = "1h"'
    await stage.start()
    try:
        mina = Desk(stage)
        await ask(stage)
        card = await mina.sees_card("Two bags")
        await received(stage, "dana@example.com")
        stage.slack.workspace.change_channel(CHANNEL, is_ext_shared=True)
        assert await mina.sees(lambda: mina.card("shared with another organisation now"))
        await ask(stage, subject="Another one")
        await is_parked(stage, "shared with another organisation", kind="loop")
        stage.later(timedelta(hours=1))
        await is_parked(stage, "shared with another organisation", kind="tell")
        assert not mina.card("dana@example.com has had")
        assert not mina.line(card, "an answer was due")
        stage.slack.workspace.change_channel(CHANNEL, is_ext_shared=False)
        await mina.sees_card("dana@example.com has had")
        await mina.sees(lambda: mina.line(card, "an answer was due"))
    finally:
        await stage.stop()


@pytest.mark.parametrize("way", ["archived", "without the bot"])
async def test_a_channel_that_is_of_use_again_gets_what_it_missed_without_a_restart(
    stage: Stage, mina: Desk, way: str
) -> None:
    workspace, bot = stage.slack.workspace, stage.slack.workspace.bot_user_id
    await ask(stage)
    await mina.sees_card("Two bags")
    if way == "archived":
        workspace.change_channel(CHANNEL, is_archived=True)
    else:
        workspace.leave(CHANNEL, bot)
    await ask(stage, subject="Meanwhile")
    await is_parked(stage, "archived" if way == "archived" else "/invite @Bridge")
    if way == "archived":
        workspace.change_channel(CHANNEL, is_archived=False)
    else:
        workspace.join(CHANNEL, bot)
    assert await mina.sees_card("Meanwhile")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("channel_not_found", "cannot see the channel"),
        ("is_archived", "archived"),
        ("not_in_channel", "/invite @Bridge"),
        ("restricted_action_read_only_channel", "let the bot not post"),
        ("token_revoked", "SLACK_BOT_TOKEN"),
        ("missing_scope", "scope"),
    ],
)
async def test_what_slack_will_not_take_waits_with_its_sentence_and_stops_nothing_else(
    stage: Stage, mina: Desk, code: str, sentence: str
) -> None:
    """It is tried again at the next start, which is where an operator ends who has mended it."""
    stage.slack.faults.refuse("chat.postMessage", error=code)
    await ask(stage)
    await is_parked(stage, sentence)
    await ask(stage, subject="The next one")
    assert await mina.sees_card("The next one")
    await stage.stop_bridge()
    await stage.start_bridge()
    assert await mina.sees_card("Two bags")


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_a_reply_under_a_deleted_card_still_belongs_to_its_conversation(stage: Stage, mina: Desk) -> None:
    """Slack keeps the thread of a deleted message; who answers from there answers that customer, not nobody."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    words = await mina.person.say(CHANNEL, "They are on their way", thread_ts=card["ts"])
    stage.slack.workspace.delete(CHANNEL, card["ts"])
    await mina.person.message_shortcut("send_as_email", CHANNEL, words)
    view = await mina.sees_compose()
    assert "Dana Reyes" in str(view)


@pytest.mark.parametrize("code", ["msg_too_long", "msg_blocks_too_long", "invalid_blocks"])
async def test_a_message_too_long_for_slack_is_shown_plainly(stage: Stage, mina: Desk, code: str) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    stage.slack.faults.refuse("chat.update", error=code)
    await mina.person.click(CHANNEL, card["ts"], "claim")
    plain = await mina.sees(lambda: next((one for one in mina.cards() if len(one["blocks"]) < 4), None))
    assert plain
    assert "reply" in actions(plain)


@pytest.mark.parametrize("knob", ["rate_limited", "error", "drop_after_commit"])
async def test_a_card_follows_whatever_slack_answers_on_the_way(stage: Stage, mina: Desk, knob: str) -> None:
    knobs: dict[str, Callable[..., None]] = {
        "rate_limited": lambda: stage.slack.faults.rate_limited("chat.update", retry_after=1),
        "error": lambda: stage.slack.faults.error("chat.update"),
        "drop_after_commit": lambda: stage.slack.faults.drop_after_commit("chat.update"),
    }
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    knobs[knob]()
    await mina.person.click(CHANNEL, card["ts"], "claim")
    assert await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))


async def test_the_line_of_an_answer_that_was_deleted_is_posted_again_when_it_moves_on(
    stage: Stage, mina: Desk
) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here they are")})
    line = await mina.sees(lambda: mina.line(card, "Leaves at"))
    assert line
    stage.slack.workspace.delete(CHANNEL, line["ts"])
    await mina.person.click_view("send_now")
    assert await mina.sees(lambda: mina.line(card, "Sent"))


# --- clicks and windows -----------------------------------------------------------------------------------------------


async def test_a_click_whose_time_is_over_is_told_in_a_sentence(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.faults.refuse("views.open", error="expired_trigger_id")
    await mina.person.click(CHANNEL, card["ts"], "reply")
    whisper = await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert "please try again" in whisper[-1]["text"]
    await mina.opens(card)


@pytest.mark.parametrize("code", ["hash_conflict", "not_found"])
async def test_a_window_that_is_stale_or_closed_breaks_nothing(stage: Stage, mina: Desk, code: str) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.faults.refuse("views.update", error=code)
    await mina.person.click(CHANNEL, card["ts"], "reply")
    async with asyncio.timeout(20):
        while stage.slack.faults.calls["views.update"] < 1:  # noqa: ASYNC110 - a refusal changes nothing to wait for
            await asyncio.sleep(0.02)
    while mina.person.view():
        await mina.person.close_view()
    await mina.opens(card)


async def test_undo_from_the_line_whose_window_cannot_open_says_that_nothing_was_sent(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Wrong words")})
    line = await mina.sees(lambda: mina.line(card, "Wrong words"))
    assert line
    stage.slack.faults.refuse("views.open", error="expired_trigger_id")
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    whisper = await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert "It was undone, and nothing was sent" in whisper[-1]["text"]
    assert await mina.sees(lambda: mina.line(card, "Undone"))
    assert stage.world.envelopes == []


async def test_who_cannot_be_told_any_more_costs_nobody_else_anything(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.faults.refuse("views.open", error="expired_trigger_id")
    stage.slack.faults.refuse("chat.postEphemeral", error="user_not_in_channel")
    await mina.person.click(CHANNEL, card["ts"], "reply")
    await mina.opens(card)
