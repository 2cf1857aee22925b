"""What Slack tells of is done before it is acknowledged, and done once, however often it is sent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from onstage import Desk, actions, ask, said
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest

from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Temporary
from bridge.jobs import Engine
from bridge.slack.heard import Body, Heard
from bridge.store.database import Store


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=60)
    made.others = '[reactions]\neyes = "claim"\n'
    await made.start()
    yield made
    await made.stop()


async def test_a_reaction_that_is_sent_again_does_not_undo_what_came_after_it(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.workspace.react(CHANNEL, card["ts"], user=MINA, name="eyes")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    [reaction] = [
        one["payload"]
        for one in stage.slack.sockets.envelopes
        if one["payload"].get("event", {}).get("type") == "reaction_added"
    ]
    await mina.person.command(CHANNEL, "/mail", "release 1")
    await mina.sees(lambda: "claim" in actions(mina.cards()[0]))
    stage.slack.delivery.event(reaction)
    await stage.slack.delivery.settled()
    await mina.person.command(CHANNEL, "/mail", "close 1")
    await mina.sees(lambda: "reopen" in actions(mina.cards()[0]))
    assert f"<@{MINA}>" not in said(mina.cards()[0])
    assert stage.slack.delivery.lost == []


def told(event_id: str) -> AsyncBoltRequest:
    event = {"type": "reaction_added", "user": "U1", "reaction": "eyes"}
    body = {"type": "event_callback", "team_id": "T1", "event_id": event_id, "event": event}
    return AsyncBoltRequest(mode="socket_mode", body=body)


@pytest.fixture
def app() -> AsyncApp:
    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1")

    return AsyncApp(authorize=authorize, signing_secret="a secret")


async def test_what_is_sent_again_while_it_is_in_hand_waits_and_is_done_once(app: AsyncApp, store: Store) -> None:
    heard, begun, may_end, done = Heard(app, engine=Engine(store, kinds={})), asyncio.Event(), asyncio.Event(), []

    async def follow(body: Body) -> None:
        async def act() -> None:
            begun.set()
            await may_end.wait()
            done.append(body["event_id"])

        await heard.once(body, act)

    heard.event("reaction_added", follow)
    answers = [asyncio.create_task(app.async_dispatch(told("Ev1"))) for _ in range(2)]
    await begun.wait()
    assert not any(one.done() for one in answers)  # nothing is acknowledged that is not done
    may_end.set()
    assert [one.status for one in await asyncio.gather(*answers)] == [200, 200]
    assert (await app.async_dispatch(told("Ev1"))).status == 200
    assert (await app.async_dispatch(told("Ev2"))).status == 200
    assert done == ["Ev1", "Ev2"]


async def test_what_fails_is_not_acknowledged_and_done_when_it_is_sent_again(app: AsyncApp, store: Store) -> None:
    heard, tries = Heard(app, engine=Engine(store, kinds={})), iter([Temporary("away"), None])
    done = []

    async def follow(body: Body) -> None:
        async def act() -> None:
            if failure := next(tries):
                raise failure
            done.append(body["event_id"])

        await heard.once(body, act)

    heard.event("reaction_added", follow)
    assert (await app.async_dispatch(told("Ev1"))).status != 200
    assert (await app.async_dispatch(told("Ev1"))).status == 200
    assert done == ["Ev1"]
