"""A customer's new mail in a conversation that has scrolled away is seen in the channel again; reactions as verbs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from onstage import Desk, actions, ask, said

from bridge.demo.stage import CHANNEL, GUEST, JONAS, MINA, Stage

AT_ONCE = 'source = "local"\nresurface_minutes = 0'


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.2)
    made.source = AT_ONCE
    await made.start()
    yield made
    await made.stop()


async def again(stage: Stage, **changes: str) -> None:
    """The bridge starts anew with other lines in its mailbox's table."""
    await stage.stop_bridge()
    stage.source = AT_ONCE + "".join(f'\n{name} = "{value}"' for name, value in changes.items())
    await stage.start_bridge()


async def scrolled_away(stage: Stage, mina: Desk) -> tuple[str, dict[str, Any]]:
    """A conversation with three newer ones below it: its mail's Message-ID and its card."""
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    for number in range(3):
        await ask(stage, subject=f"Another {number}")
        await mina.sees_card(f"Another {number}")
    return first, card


def in_channel(mina: Desk, words: str) -> list[dict[str, Any]]:
    return [one for one in mina.cards() if words in said(one)]


async def test_a_mail_in_a_conversation_that_scrolled_away_shows_in_the_channel_too(stage: Stage, mina: Desk) -> None:
    first, card = await scrolled_away(stage, mina)
    await ask(stage, text="Still nothing!", in_reply_to=first)
    shown = (await mina.sees(lambda: in_channel(mina, "Still nothing!") and mina.cards()))[-1]
    assert (shown["subtype"], shown["thread_ts"]) == ("thread_broadcast", card["ts"])
    await ask(stage, text="Hello?", in_reply_to=first)  # the channel saw it a moment ago
    assert await mina.sees(lambda: mina.line(card, "Hello?"))
    shown_for_hello = [one for one in in_channel(mina, "Hello?") if one.get("thread_ts")]
    assert not shown_for_hello


async def test_a_mail_in_a_conversation_that_is_in_sight_calls_nobody_twice(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await ask(stage, text="Still nothing!", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, "Still nothing!"))
    assert len(mina.cards()) == 1


async def test_within_the_hour_the_team_has_it_in_mind(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.source = 'source = "local"'
    await stage.start_bridge()
    first, card = await scrolled_away(stage, mina)
    await ask(stage, text="Still nothing!", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, "Still nothing!"))
    assert len(mina.cards()) == 4


async def test_an_automatic_answer_calls_nobody(stage: Stage, mina: Desk) -> None:
    first, card = await scrolled_away(stage, mina)
    raw = (
        "From: dana@example.com\r\nTo: hello@fernhill.example.com\r\nSubject: Away\r\nMessage-ID: <away@example.com>\r\n"
        f"Auto-Submitted: auto-replied\r\nIn-Reply-To: {first}\r\n\r\nI am away.\r\n"
    ).encode()
    await stage.world.hand_over(raw, sender="dana@example.com", recipients=["hello@fernhill.example.com"])
    assert await mina.sees(lambda: mina.line(card, "I am away."))
    assert [one.get("subtype") for one in mina.cards()] == [None] * 4


async def test_bump_posts_the_card_anew_and_the_old_one_points_to_it(stage: Stage, mina: Desk) -> None:
    await again(stage, resurface="bump")
    first, card = await scrolled_away(stage, mina)
    await ask(stage, text="Still nothing!", in_reply_to=first)
    newest = await mina.sees(lambda: next((one for one in in_channel(mina, "Still nothing!") if actions(one)), None))
    assert newest
    assert newest["ts"] > card["ts"]
    assert await mina.sees(lambda: mina.line(newest, "The mails before"))
    assert await mina.sees(lambda: mina.line(newest, "Still nothing!"))
    old = await mina.sees(lambda: next((one for one in in_channel(mina, "goes on here")), None))
    assert old
    assert old["ts"] == card["ts"]
    assert not actions(old)
    assert mina.line(old, "where are they?")
    await mina.person.click(CHANNEL, newest["ts"], "claim")
    assert await mina.sees(lambda: f"<@{MINA}>" in said(stage.slack.workspace.message(CHANNEL, newest["ts"]) or {}))


async def test_off_leaves_the_channel_alone(stage: Stage, mina: Desk) -> None:
    await again(stage, resurface="off")
    first, card = await scrolled_away(stage, mina)
    await ask(stage, text="Still nothing!", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, "Still nothing!"))
    assert len(mina.cards()) == 4


# --- reactions --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def reacting(stage: Stage) -> Stage:
    await stage.stop_bridge()
    stage.others = '[reactions]\neyes = "claim"\nwhite_check_mark = "close"\n'
    await stage.start_bridge()
    return stage


def react(stage: Stage, ts: str, name: str, *, user: str = MINA) -> None:
    stage.slack.workspace.react(CHANNEL, ts, user=user, name=name)


async def test_a_reaction_on_a_card_claims_it_and_another_closes_it(reacting: Stage, mina: Desk) -> None:
    await ask(reacting)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    react(reacting, card["ts"], "eyes")
    assert await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    react(reacting, card["ts"], "white_check_mark", user=JONAS)
    assert await mina.sees(lambda: "Closed" in said(mina.cards()[0]))
    reacting.slack.workspace.unreact(CHANNEL, card["ts"], user=JONAS, name="white_check_mark")
    await ask(reacting, subject="The next one")
    await mina.sees_card("The next one")
    assert "Closed" in said(mina.cards()[0])


@pytest.mark.parametrize("whose", ["the mail's", "a teammate's"])
async def test_a_reaction_on_any_message_of_the_thread_is_the_conversations(
    reacting: Stage, mina: Desk, whose: str
) -> None:
    await ask(reacting)
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: mina.line(card, "where are they?"))
    assert line
    words = await reacting.slack.person(JONAS).say(CHANNEL, "Who takes this?", thread_ts=card["ts"])
    react(reacting, line["ts"] if whose == "the mail's" else words, "eyes")
    assert await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))


async def test_who_may_not_act_is_told_and_reactions_elsewhere_mean_nothing(reacting: Stage, mina: Desk) -> None:
    words = await reacting.slack.person(JONAS).say(CHANNEL, "Good morning")
    await ask(reacting)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    react(reacting, words, "eyes")
    guest = reacting.slack.person(GUEST)
    react(reacting, card["ts"], "eyes", user=GUEST)
    assert await guest.sees(lambda: any("full members" in one["text"] for one in guest.ephemerals(CHANNEL)))
    assert "nobody's yet" in said(mina.cards()[0])


async def test_reactions_mean_nothing_unless_the_settings_say_so(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    react(stage, card["ts"], "eyes")
    await ask(stage, subject="The next one")
    await mina.sees_card("The next one")
    assert "nobody's yet" in said(mina.cards()[0])
