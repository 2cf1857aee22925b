"""How the Slack double delivers: once or again, to one socket or by signed HTTP, under Slack's clock."""

from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from office import (
    BUTTONS,
    MANIFEST,
    QUICK,
    Office,
    OpenOffice,
    office_fixture,  # noqa: F401 - a fixture
    open_office_fixture,  # noqa: F401 - a fixture
)
from slack_sdk.signature import SignatureVerifier

from bridge.demo.double.refusals import NoAck, NotOffered


async def test_a_ticket_opens_one_socket_and_no_second(office: Office) -> None:
    url = (await office.web.apps_connections_open(app_token=office.double.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            assert (await ws.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
    assert office.double.sockets.handshakes_refused == 1


async def test_an_event_comes_again_on_another_socket_until_it_is_acknowledged(open_office: OpenOffice) -> None:
    office = await open_office(timing=replace(QUICK, ack=0.5))
    one, two = await office.dial(), await office.dial()
    await office.double.person(office.dana).say(office.support, "hello")
    first, again = await one.next(), await two.next()
    await two.ack(again)
    await office.double.delivery.settled()
    assert [sent["retry_attempt"] for sent in office.double.sockets.envelopes] == [0, 1]
    assert again["retry_reason"] == "timeout"
    assert again["payload"]["event_id"] == first["payload"]["event_id"]
    assert again["envelope_id"] != first["envelope_id"]
    assert office.double.delivery.lost == []


async def test_an_event_that_is_never_acknowledged_is_lost_after_three_retries(open_office: OpenOffice) -> None:
    office = await open_office(timing=replace(QUICK, ack=0.05))
    socket = await office.dial()
    await office.double.person(office.dana).say(office.support, "hello")
    await office.double.delivery.settled()
    assert [(await socket.next())["retry_attempt"] for _ in range(4)] == [0, 1, 2, 3]
    assert [payload["event"]["text"] for payload in office.double.delivery.lost] == ["hello"]


async def test_an_event_waits_for_a_socket_and_comes_as_a_retry(office: Office) -> None:
    await office.double.person(office.dana).say(office.support, "is anybody there?")
    socket = await office.dial()
    envelope = await socket.next()
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (1, "connection_failed")
    await socket.ack(envelope)


async def test_a_click_that_nobody_acknowledges_fails_and_is_not_repeated(open_office: OpenOffice) -> None:
    office = await open_office(timing=replace(QUICK, ack=0.05))
    ts = (await office.web.chat_postMessage(channel=office.support, text="x", blocks=BUTTONS))["ts"]
    dana = office.double.person(office.dana)
    with pytest.raises(NoAck):
        await dana.click(office.support, ts, "claim")
    await office.dial()
    for act in (dana.click(office.support, ts, "claim"), dana.command(office.support, "/mail", "inbox")):
        with pytest.raises(NoAck, match="timeout"):
            await act
    kinds = [envelope["type"] for envelope in office.double.sockets.envelopes]
    assert [kind for kind in kinds if kind != "events_api"] == ["interactive", "slash_commands"]


async def test_slack_ends_sockets_with_a_word_or_without_and_the_app_comes_back(office: Office) -> None:
    await office.connect()
    sockets, calls = office.double.sockets, office.double.faults.calls
    opened = calls["apps.connections.open"]
    await sockets.disconnect("refresh_requested")
    await sockets.until(lambda: calls["apps.connections.open"] > opened and sockets.count == 1)
    opened = calls["apps.connections.open"]
    sockets.cut()
    await sockets.until(lambda: calls["apps.connections.open"] > opened and sockets.count == 1)
    await office.double.person(office.dana).say(office.support, "still there?")
    await office.double.delivery.settled()
    assert office.double.delivery.lost == []


async def test_pings_are_answered_until_the_connection_is_half_open(office: Office) -> None:
    url = (await office.web.apps_connections_open(app_token=office.double.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url, autoping=False) as ws:
        await ws.receive_json(timeout=5)
        await ws.ping(b"one")
        assert (await ws.receive(timeout=5)).data == b"one"
        office.double.sockets.stall()
        await ws.ping(b"two")
        with pytest.raises(TimeoutError):
            await ws.receive(timeout=0.1)


async def test_more_than_ten_sockets_are_turned_away(office: Office) -> None:
    for _ in range(10):
        await office.dial()
    async with aiohttp.ClientSession() as session:
        url = (await office.web.apps_connections_open(app_token=office.double.app_token))["url"]
        async with session.ws_connect(url) as ws:
            assert (await ws.receive_json())["reason"] == "too_many_websockets"


async def test_the_app_hears_of_its_own_messages_but_not_of_channels_it_is_not_in(office: Office) -> None:
    socket = await office.dial()
    elsewhere = str(office.workspace.add_channel("elsewhere", members=[office.dana])["id"])
    await office.double.person(office.dana).say(elsewhere, "not yours")
    metadata = {"event_type": "mail_bridge", "event_payload": {}}
    await office.web.chat_postMessage(channel=office.support, text="mine", metadata=metadata)
    event = (await socket.next())["payload"]["event"]
    assert (event["text"], event["bot_id"], event["channel_type"]) == ("mine", office.workspace.bot_id, "channel")
    assert "metadata" not in event


async def test_only_what_the_manifest_names_is_offered_or_heard(open_office: OpenOffice) -> None:
    bare = {"oauth_config": MANIFEST["oauth_config"]}
    office = await open_office(manifest=bare)
    await office.connect()
    dana = office.double.person(office.dana)
    ts = await dana.say(office.support, "hello")
    for act in (
        dana.command(office.support, "/mail", ""),
        dana.global_shortcut("new_email"),
        dana.message_shortcut("send_as_email", office.support, ts),
        dana.open_home(),
    ):
        with pytest.raises(NotOffered):
            await act
    assert office.double.sockets.envelopes == []


async def test_signed_http_delivers_events_clicks_and_commands(open_office: OpenOffice) -> None:
    office = await open_office(request_url="")
    verifier = SignatureVerifier(office.double.signing_secret)
    heard: list[tuple[str, str]] = []
    failures = [503]

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        assert verifier.is_valid_request(body, dict(request.headers))
        heard.append((request.content_type, request.headers.get("X-Slack-Retry-Num", "")))
        if failures:
            return web.Response(status=failures.pop())
        if b"command=%2Fmail" in body:
            return web.json_response({"text": "Nothing new"})
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/slack/events", receive)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    office.double.signed.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    dana = office.double.person(office.dana)
    try:
        await dana.say(office.support, "hello")
        await office.double.delivery.settled()
        assert heard == [("application/json", ""), ("application/json", "1")]
        await dana.command(office.support, "/mail", "inbox")
        assert [m["text"] for m in dana.ephemerals(office.support)] == ["Nothing new"]
        await dana.global_shortcut("new_email")
        assert heard[-1] == ("application/x-www-form-urlencoded", "")
        failures.append(500)
        with pytest.raises(NoAck, match="http_error"):
            await dana.global_shortcut("new_email")
    finally:
        await runner.cleanup()
