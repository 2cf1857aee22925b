"""A window that Slack fails to draw is drawn a moment later, or its person is told: nobody looks at an empty promise."""

from collections.abc import Callable

import pytest
from onstage import Desk, ask, rich, said

from bridge.demo.double.faults import Faults
from bridge.demo.stage import CHANNEL, Stage

Break = Callable[[Faults], None]

ONCE: dict[str, Break] = {
    "a failing server": lambda faults: faults.error("views.update", status=500),
    "429 with Retry-After": lambda faults: faults.rate_limited("views.update", retry_after=1),
    "429 without": lambda faults: faults.refuse("views.update", error="ratelimited"),
    "a cut connection": lambda faults: faults.drop_before("views.update"),
    "a lost answer": lambda faults: faults.drop_after_commit("views.update"),
    "internal_error": lambda faults: faults.refuse("views.update", error="internal_error"),
}


@pytest.mark.parametrize("way", ONCE)
async def test_what_fails_once_is_drawn_a_moment_later(stage: Stage, mina: Desk, way: str) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    ONCE[way](stage.slack.faults)
    assert await mina.opens(card)


async def test_a_window_that_slack_lets_nobody_fill_says_so_where_it_was_asked_for(stage: Stage, mina: Desk) -> None:
    """The wait that Slack asks for is longer than anybody looks at an empty window, and holds up nobody else's."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.faults.rate_limited("views.update", retry_after=60, times=2)
    await mina.person.click(CHANNEL, card["ts"], "reply")
    whisper = await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert "could not be shown: please try again" in whisper[-1]["text"]
    while mina.person.view():
        await mina.person.close_view()
    assert await mina.opens(card)


async def test_a_view_that_slack_does_not_take_is_replaced_by_a_sentence(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.faults.refuse("views.update", error="view_too_large")
    await mina.person.click(CHANNEL, card["ts"], "reply")
    assert await mina.sees(lambda: "larger than Slack takes" in said(mina.person.view() or {}))


async def leaving(stage: Stage, mina: Desk) -> dict[str, object]:
    """An answer that is held, and the window that says so."""
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Wrong words")})
    assert await mina.sees(lambda: "Leaves at" in said(mina.person.view() or {}))
    return card


async def test_undo_whose_window_fails_once_has_the_words_again(stage: Stage, mina: Desk) -> None:
    await leaving(stage, mina)
    stage.slack.faults.error("views.update", status=500)
    await mina.person.click_view("cancel_send")
    assert "Wrong words" in str(await mina.sees_compose())


@pytest.mark.parametrize("times", [1, 2])
async def test_undo_whose_window_cannot_be_drawn_is_told_and_keeps_the_words(
    stage: Stage, mina: Desk, times: int
) -> None:
    card = await leaving(stage, mina)
    stage.slack.faults.rate_limited("views.update", retry_after=60, times=times)
    await mina.person.click_view("cancel_send")

    def told() -> bool:
        whispers = [one["text"] for one in mina.person.ephemerals(CHANNEL)]
        return any("It was undone, and nothing was sent" in one for one in (said(mina.person.view() or {}), *whispers))

    assert await mina.sees(told)
    while mina.person.view():
        await mina.person.close_view()
    assert "Wrong words" in str(await mina.opens(card))
    assert stage.world.envelopes == []


async def test_send_now_whose_window_cannot_be_drawn_offers_it_no_more(stage: Stage, mina: Desk) -> None:
    await leaving(stage, mina)
    stage.slack.faults.refuse("views.update", error="view_too_large")
    await mina.person.click_view("send_now")
    assert await mina.sees(lambda: len(stage.world.envelopes) == 1)
    assert await mina.sees(lambda: "Leaves at" not in said(mina.person.view() or {}))


async def test_who_pressed_on_home_is_told_in_the_bots_messages(stage: Stage, mina: Desk) -> None:
    stage.slack.faults.rate_limited("views.update", retry_after=60, times=2)
    await mina.person.open_home()
    await mina.sees(mina.person.home)
    await mina.person.click_view("my_settings")
    direct = stage.slack.workspace.direct(mina.person.id)
    assert await mina.sees(
        lambda: [one for one in stage.slack.workspace.history(direct) if "please try again" in said(one)]
    )
