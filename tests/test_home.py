"""The app's Home: what waits for a person, done from there with the verbs of the cards, and search on top of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mailroom import LocalRoom, written
from onstage import Desk, actions, ask, nodes, rich, said

from bridge.demo.stage import CHANNEL, GUEST, JONAS, MINA, STRANGER, Stage
from bridge.model import Number, Where
from bridge.store import acts
from bridge.store.database import Store


@pytest.fixture
def room(tmp_path: Path) -> LocalRoom:
    return LocalRoom(tmp_path / "mail" / "support")


async def home(desk: Desk, *words: str) -> dict[str, Any]:
    """The Home, once it says all of that."""

    def look() -> dict[str, Any] | None:
        view = desk.person.home()
        return view if view and all(one in said(view) for one in words) else None

    shown = await desk.sees(look)
    assert shown
    return shown


def part(view: dict[str, Any], title: str) -> str:
    """The words under a header, to the next."""
    words: list[str] = []
    within = False
    for block in view["blocks"]:
        if block["type"] == "header":
            within = block["text"]["text"].startswith(title)
        elif within:
            words.append(said({"blocks": [block]}))
    return "\n".join(words)


async def test_mine_and_nobodys_are_apart_and_each_is_one_click_from_its_card(mina: Desk, room: LocalRoom) -> None:
    room.deliver(written("Two bags"), written("Another matter"))
    await mina.sees_card("Two bags")
    await mina.sees_card("Another matter")
    await mina.person.command(CHANNEL, "/mail", "claim 1")
    await mina.person.open_home()
    shown = await home(mina, "Mine (1)", "Nobody's yet (1)", "Waiting longest", "support")
    assert "Two bags" in part(shown, "Mine")
    assert "Another matter" in part(shown, "Nobody's yet")
    assert "waits since" in part(shown, "Nobody's yet")
    card = mina.card("Two bags")
    assert card
    assert f"/archives/{CHANNEL}/p{card['ts'].replace('.', '')}|#1>" in part(shown, "Mine")
    assert "large_green_circle: *support*" in part(shown, "Mailboxes")
    assert "1 conversation open" not in part(shown, "Mailboxes")


async def test_what_is_done_on_home_shows_there_and_on_the_card_and_is_in_the_log(
    stage: Stage, mina: Desk, room: LocalRoom
) -> None:
    room.deliver(written("Two bags"))
    await mina.sees_card("Two bags")
    await mina.person.open_home()
    await home(mina, "Nobody's yet (1)")
    await mina.person.click_view("claim", value="1")
    await home(mina, "Mine (1)")
    await mina.sees(lambda: MINA in said(mina.cards()[0]))
    await mina.person.click_view("reply", value="1")
    assert "Reply" in (await mina.sees_compose())["title"]["text"]
    await mina.person.close_view()
    await mina.person.click_view("more", value="delete:1")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "confirm_delete")
    await mina.person.submit({})
    await home(mina, "Nothing waits for you")
    store = await Store.open(f"sqlite:///{stage.database}")
    async with store.read() as conn:
        done = await acts.of_conversation(conn, Number(1), limit=9)
    await store.close()
    assert [(one.verb, one.place) for one in done] == [("delete", Where.MODAL), ("claim", Where.HOME)]


async def test_an_answer_that_failed_is_decided_about_on_home(stage: Stage, mina: Desk) -> None:
    stage.world.faults.recipients["dana@example.com"] = "550 5.1.1 No such person"
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here you are")})
    await mina.sees(lambda: mina.line(card, "Not sent"))
    await mina.person.close_view()
    await mina.person.open_home()
    shown = await home(mina, "Somebody must decide", "No such person")
    draft = next(node["value"] for node in nodes(shown) if node.get("action_id") == "cancel_send")
    await mina.person.click_view("cancel_send", value=draft)
    assert "Here you are" in str(await mina.sees_compose())


async def test_the_search_box_opens_what_is_found_and_its_pages_turn(stage: Stage, mina: Desk, room: LocalRoom) -> None:
    room.deliver(*(written(f"Matter {place}") for place in range(12)))
    await mina.sees(lambda: len(mina.cards()) == 12)
    await mina.person.open_home()
    await home(mina, "Nobody's yet (12)", "and 4 more")
    await mina.person.click_view("search", value="from:dana matter")
    await mina.sees(lambda: "12 conversations" in said(mina.person.view() or {}))
    await mina.person.click_view("search_next")
    await mina.sees(lambda: "page 2 of 2" in said(mina.person.view() or {}))
    shown = mina.person.view() or {}
    assert actions(shown).count("show_mail") == 2
    await mina.person.click_view(
        "show_mail", value=next(node["value"] for node in nodes(shown) if node.get("action_id") == "show_mail")
    )
    await mina.sees(lambda: "About Matter" in said(mina.person.view() or {}))
    await mina.person.close_view()
    assert "page 2 of 2" in said(mina.person.view() or {})


async def test_a_search_by_command_turns_its_pages_in_place(mina: Desk, room: LocalRoom) -> None:
    room.deliver(*(written(f"Matter {place}") for place in range(12)))
    await mina.sees(lambda: len(mina.cards()) == 12)
    await mina.person.command(CHANNEL, "/mail", "search matter is:open")
    first = await mina.sees(lambda: next(iter(mina.person.ephemerals(CHANNEL)), None))
    assert first
    assert actions(first).count("show_mail") == 10
    await mina.person.click(CHANNEL, first["ts"], "search_next")
    await mina.sees(lambda: any("page 2 of 2" in said(one) for one in mina.person.ephemerals(CHANNEL)))
    assert len(mina.person.ephemerals(CHANNEL)) == 1
    await mina.person.command(CHANNEL, "/mail", "search is:purple")
    await mina.sees(lambda: any("is:open" in said(one) for one in mina.person.ephemerals(CHANNEL)[1:]))


@pytest.mark.parametrize(("who", "words"), [(GUEST, "Only full members"), (STRANGER, "join the channel")])
async def test_others_get_a_sentence_and_no_mail(stage: Stage, mina: Desk, who: str, words: str) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    other = Desk(stage, who)
    await other.person.open_home()
    shown = await home(other, words)
    assert len(shown["blocks"]) == 1


async def test_my_settings_are_kept_and_are_mine(stage: Stage, mina: Desk) -> None:
    jonas = Desk(stage, JONAS)
    for one in (mina, jonas):
        await one.person.open_home()
        await home(one, "none of your own", "Reminders: on")
    await mina.person.click_view("my_settings")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "my_settings")
    await mina.person.submit({"signature": "Mina\nFernhill <b>", "reminders": []})
    await home(mina, "Mina Fernhill", "Reminders: off")
    await mina.person.click_view("my_settings")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "my_settings")
    assert "Mina\\nFernhill <b>" in str(mina.person.view())
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    await jonas.person.open_home()
    await home(jonas, "none of your own", "Reminders: on", "Agents")
    await jonas.person.click_view("desk_log")
    await jonas.sees(lambda: "signature: changed, reminders: yes → no" in said(jonas.person.view() or {}))
    assert "Fernhill <b>" not in said(jonas.person.view() or {})


async def test_only_an_admin_sees_how_the_desk_is_set_up(stage: Stage, mina: Desk) -> None:
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    jonas = Desk(stage, JONAS)
    await jonas.person.open_home()
    await home(jonas, "Agents", "the workspace's admins")
    await mina.person.open_home()
    assert "Agents" not in said(await home(mina, "My settings"))


async def test_many_acts_in_a_moment_are_one_publication(stage: Stage, mina: Desk, room: LocalRoom) -> None:
    room.deliver(*(written(f"Matter {place}") for place in range(6)))
    await mina.sees(lambda: len(mina.cards()) == 6)
    await mina.person.open_home()
    await home(mina, "Nobody's yet (6)")
    published: list[Any] = []
    changes = stage.slack.workspace.subscribe()
    await asyncio.gather(*(mina.person.command(CHANNEL, "/mail", f"claim {number}") for number in range(1, 7)))
    await home(mina, "Mine (6)")
    while not changes.empty():
        published.append(changes.get_nowait())
    stage.slack.workspace.unsubscribe(changes)
    assert sum(one["type"] == "home" for one in published) <= 2
