"""What has no button of its own is done in one window, from the menu of a mail, in the words of `/mail`."""

from typing import Any

from onstage import Desk, ask, said
from test_rule_stories import log

from bridge.demo.stage import CHANNEL, JONAS, MINA, STRANGER, Stage


async def opened(stage: Stage, mina: Desk) -> dict[str, Any]:
    """The window of the first conversation."""
    if not mina.cards():
        await ask(stage)
        await mina.sees_card("Two bags")
    card = mina.cards()[0]
    line = await mina.sees(lambda: mina.line(card, "where are they?"))
    assert line
    await mina.person.choose(CHANNEL, line["ts"], "mail", "labels:1:1")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "labels")
    return mina.person.view() or {}


def told(mina: Desk) -> str:
    return said(mina.person.view() or {})


async def test_owner_tags_and_priority_are_set_at_once_and_each_says_what_it_says_when_typed(
    stage: Stage, mina: Desk
) -> None:
    await opened(stage, mina)
    await mina.person.submit({"owner": JONAS, "tags": "money #late", "priority": "high"})
    await mina.sees(lambda: f"#1 is <@{JONAS}>'s now." in told(mina))
    assert "The tags of #1: `#money` `#late`" in told(mina)
    assert "The priority of #1: high" in told(mina)
    done = {one.verb: (one.actor, one.place) for one in await log(stage, 1)}
    assert done == dict.fromkeys(("assign", "tag", "priority"), (MINA, "modal"))


async def test_it_shows_how_things_stand_and_what_was_done(stage: Stage, mina: Desk) -> None:
    await opened(stage, mina)
    await mina.person.submit({"owner": JONAS, "tags": "money late"})
    await mina.sees(lambda: "is" in told(mina))
    view = await opened(stage, mina)
    assert f"'initial_user': '{JONAS}'" in str(view["blocks"])
    assert "'initial_value': 'money late'" in str(view["blocks"])
    assert "What was done to #1" in said(view)
    assert "assign" in said(view)
    await mina.person.submit({"tags": "late"})
    await mina.sees(lambda: "The tags of #1: `#late`" in told(mina))
    await opened(stage, mina)
    await mina.person.submit()
    await mina.sees(lambda: "Nothing changed." in told(mina))


async def test_what_cannot_be_done_is_told_beside_what_was(stage: Stage, mina: Desk) -> None:
    await opened(stage, mina)
    await mina.person.submit({"owner": STRANGER, "tags": "money"})
    await mina.sees(lambda: "cannot be its owner" in told(mina))
    await mina.person.close_view()
    await mina.person.submit({"tags": "money", "merge": "77", "owner": MINA})
    await mina.sees(lambda: f"#1 is <@{MINA}>'s now." in told(mina))
    assert "`#money`" in told(mina)
    assert "no conversation #77" in told(mina)
