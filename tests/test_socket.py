"""Slack reaches the app whatever happens to its sockets, and closing leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from scripted import scripted
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from workplace import Workplace, workplace

from bridge.demo.double.refusals import NoAck
from bridge.errors import Misconfigured
from bridge.slack.socket import CLOSE_SECONDS, Connection
from bridge.slack.web import client

PING = 0.2  # seconds; Slack's sockets have ten


@pytest.fixture
async def place() -> AsyncIterator[Workplace]:
    async with workplace() as made:
        yield made


def bolt(place: Workplace, answer: Callable[[], Awaitable[None]]) -> AsyncApp:
    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id=place.double.workspace.team_id, bot_token=place.double.bot_token
        )

    app = AsyncApp(client=client(token=None, api_url=place.double.url, session=None), authorize=authorize)

    @app.command("/mail")
    async def mail(ack: Callable[[], Awaitable[None]]) -> None:
        await answer()
        await ack()

    return app


async def at_once() -> None:
    return


@asynccontextmanager
async def connected(
    place: Workplace, *, sockets: int = 2, answer: Callable[[], Awaitable[None]] = at_once
) -> AsyncIterator[Connection]:
    app = bolt(place, answer)
    connection = Connection(app, token=place.double.app_token, sockets=sockets, ping=PING)
    await connection.start()
    try:
        yield connection
    finally:
        await connection.stop()


async def asked(place: Workplace) -> None:
    """A person's command; NoAck where the app cannot be reached or does not answer in three seconds."""
    await place.double.person(place.dana).command(place.support, "/mail", "status")


async def until_answered(place: Workplace) -> None:
    """Ask until the app answers, as a person would; the test's own time limit ends it."""
    while True:
        try:
            await asked(place)
        except NoAck:
            await asyncio.sleep(0)
        else:
            return


def is_up(connection: Connection) -> bool:
    return connection.connected


async def sockets(place: Workplace, count: int) -> None:
    held = place.double.sockets
    await held.until(lambda: held.count == count)


async def test_after_start_slack_reaches_the_app_and_after_stop_no_more(place: Workplace) -> None:
    async with connected(place) as connection:
        assert is_up(connection)
        await asked(place)
        await sockets(place, 2)
    assert not is_up(connection)
    await sockets(place, 0)


def tasks_of_sockets() -> set[asyncio.Task[Any]]:
    names = ("SocketModeClient.", "Connection.", "async_dispatch")
    return {task for task in asyncio.all_tasks() if any(name in str(task.get_coro()) for name in names)}


async def test_stopping_leaves_no_task_behind(place: Workplace) -> None:
    async with connected(place):
        await asked(place)
        await sockets(place, 2)
        assert tasks_of_sockets()
    assert not tasks_of_sockets()


async def test_stopping_while_slack_lets_nobody_in_leaves_no_task_behind(place: Workplace) -> None:
    async with connected(place):
        place.double.sockets.refuse_handshakes(1000)
        await place.double.sockets.disconnect()
        await sockets(place, 0)
    assert not tasks_of_sockets()


@pytest.mark.parametrize("token", ["xapp-revoked", "xoxb-demo-bot"])
async def test_a_token_that_slack_refuses_is_told_with_its_setting(place: Workplace, token: str) -> None:
    connection = Connection(bolt(place, at_once), token=token, ping=PING)
    with pytest.raises(Misconfigured, match="SLACK_APP_TOKEN"):
        await connection.start()
    await connection.stop()


async def test_a_start_while_slack_is_away_goes_on_when_it_is_back(place: Workplace) -> None:
    place.double.faults.error("apps.connections.open", status=503)
    async with connected(place) as connection:
        assert is_up(connection)
    assert place.double.faults.calls["apps.connections.open"] >= 2


async def test_refused_handshakes_are_tried_again_with_fresh_tickets(
    place: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    """A ticket is good for one handshake: trying the same one again would never end. And no log shows one."""
    place.double.sockets.refuse_handshakes(3)
    async with connected(place):
        await asked(place)
    assert place.double.sockets.handshakes_refused >= 3
    assert "ticket=" not in caplog.text


async def test_a_proxy_of_the_environment_does_not_stand_before_loopback(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    async with connected(place):
        await asked(place)


async def test_a_refused_handshake_on_the_way_back_recovers_too(place: Workplace) -> None:
    async with connected(place, sockets=1):
        place.double.sockets.refuse_handshakes(2)
        await place.double.sockets.disconnect()
        await until_answered(place)
    assert place.double.sockets.handshakes_refused >= 2


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_socket_that_slack_renews_is_replaced(place: Workplace, reason: Any) -> None:
    held, calls = place.double.sockets, place.double.faults.calls
    async with connected(place):
        await sockets(place, 2)
        tickets = calls["apps.connections.open"]
        await held.disconnect(reason)
        await held.until(lambda: calls["apps.connections.open"] >= tickets + 2 and held.count == 2)
        await until_answered(place)


async def test_sockets_that_break_are_replaced(place: Workplace) -> None:
    async with connected(place):
        await sockets(place, 2)
        place.double.sockets.cut()
        await sockets(place, 0)
        await sockets(place, 2)
        await asked(place)


async def test_half_open_sockets_are_noticed_and_replaced(place: Workplace) -> None:
    """A peer that answers no ping is dead, though the socket looks open."""
    async with connected(place) as connection:
        await sockets(place, 2)
        place.double.sockets.stall()
        await sockets(place, 0)
        assert not is_up(connection)
        place.double.sockets.revive()
        await sockets(place, 2)
        await asked(place)


async def test_what_is_in_hand_is_answered_before_the_sockets_close(place: Workplace) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        begun.set()
        await may_end.wait()

    async with connected(place, answer=answer) as connection:
        asking = asyncio.create_task(asked(place))
        await begun.wait()
        stopping = asyncio.create_task(connection.stop())
        await asyncio.sleep(0)
        may_end.set()
        await asking
        await stopping


class Slack:
    """Gives tickets; lets the first `hanging` handshakes hang; a socket that opens never says or hears anything."""

    def __init__(self, *, hanging: int) -> None:
        self._hanging = hanging

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if "apps.connections.open" in request.path:
            return web.json_response({"ok": True, "url": f"ws://{request.host}/link/"})
        socket = web.WebSocketResponse()
        self._hanging -= 1
        if self._hanging < 0:
            await socket.prepare(request)
        await asyncio.Event().wait()
        return socket


@asynccontextmanager
async def connected_to(script: Slack, *, grace: float) -> AsyncIterator[Connection]:
    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=None)

    async with scripted(script) as server:
        app = AsyncApp(client=client(token=None, api_url=server.api_url, session=None), authorize=authorize)
        connection = Connection(app, token="xapp-1", sockets=1, ping=PING, grace=grace)
        await connection.start()
        try:
            yield connection
        finally:
            await connection.stop()


async def test_a_handshake_that_hangs_is_given_up_after_the_grace() -> None:
    """The SDK alone would wait for five minutes."""
    async with connected_to(Slack(hanging=1), grace=0.3) as connection:
        assert is_up(connection)
    assert not tasks_of_sockets()


async def test_a_peer_that_never_closes_does_not_hold_up_stopping() -> None:
    async with connected_to(Slack(hanging=0), grace=60) as connection, asyncio.timeout(2 * CLOSE_SECONDS):
        await connection.stop()
    assert not tasks_of_sockets()
