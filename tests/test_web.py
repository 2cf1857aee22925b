"""One call is one request, whatever happens; and how it failed is told by type, without tokens or mail."""

import asyncio
import logging
import socket
from collections import Counter

import pytest
from aiohttp import web
from scripted import Script, cut, scripted
from workplace import BLOCKS

from bridge.errors import BridgeError, Permanent, Temporary, Uncertain
from bridge.model import ChannelId, Number, UserId
from bridge.slack.faults import DEFAULT_RETRY_AFTER
from bridge.slack.gateway import Gateway
from bridge.slack.web import client

TOKEN = "xoxb-very-secret"
SUPPORT = ChannelId("C0SUPPORT1")


async def post(gateway: Gateway, text: str = "Dear customer") -> None:
    await gateway.post(SUPPORT, text=text, blocks=BLOCKS, key="k", number=Number(1))


async def unavailable(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="<html>503 Service Unavailable</html>", content_type="text/html")


async def fatal(_: web.Request) -> web.StreamResponse:
    return web.json_response({"ok": False, "error": "fatal_error"})


async def plain(_: web.Request) -> web.StreamResponse:
    return web.Response(text="Welcome to the hotel's network")


async def broken(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"ok": tr', content_type="application/json")


async def bytes_of_no_charset(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"ok": "\xff"}', content_type="application/json")


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


@pytest.mark.parametrize("script", [unavailable, fatal, plain, broken, bytes_of_no_charset, cut, silent])
async def test_a_lost_answer_is_uncertain_for_a_post_and_temporary_for_a_question(script: Script) -> None:
    """And it was posted exactly once."""
    async with (
        scripted(script) as server,
        Gateway.open(token=TOKEN, api_url=server.api_url, answer_seconds=0.3) as gateway,
    ):
        with pytest.raises(Uncertain):
            await post(gateway)
        assert len(server.requests) == 1
        with pytest.raises(Temporary):
            await gateway.user(UserId("U1"))


async def test_a_post_that_never_left_may_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api/"
        async with Gateway.open(token=TOKEN, api_url=url) as gateway:
            with pytest.raises(Temporary, match="cannot be reached"):
                await post(gateway)


async def test_a_429_without_a_readable_wait_gets_a_cautious_one() -> None:
    async def limited(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429)

    async with scripted(limited) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
        with pytest.raises(Temporary) as caught:
            await gateway.user(UserId("U1"))
    assert caught.value.retry_after == DEFAULT_RETRY_AFTER


async def test_a_limited_question_is_not_asked_again_while_its_wait_runs() -> None:
    async def limited(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "20"})

    async with scripted(limited) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
        for _ in range(3):
            with pytest.raises(Temporary) as caught:
                await gateway.user(UserId("U1"))
            assert 19 < (caught.value.retry_after or 0) <= 20
        assert len(server.requests) == 1


async def test_a_missing_scope_is_named() -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": "missing_scope", "needed": "users:read", "provided": "x"})

    async with scripted(refuse) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
        with pytest.raises(Permanent, match="users:read"):
            await gateway.user(UserId("U1"))


async def test_an_error_slack_invents_tomorrow_is_temporary() -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": "mercury_in_retrograde"})

    async with scripted(refuse) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
        with pytest.raises(Temporary) as caught:
            await post(gateway)
    assert "mercury_in_retrograde" in caught.value.detail


async def test_neither_token_nor_mail_is_in_an_error_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": "invalid_blocks"})

    caplog.set_level(logging.DEBUG)
    for script in (refuse, cut):
        async with scripted(script) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
            with pytest.raises(BridgeError) as caught:
                await post(gateway)
        told = f"{caught.value} {caught.value.detail} {caught.value.__cause__} {caplog.text}"
        assert TOKEN not in told
        assert "Dear customer" not in told


async def test_calls_one_after_another_share_one_connection() -> None:
    async def ok(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "ts": "1.000001"})

    async with scripted(ok) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
        for _ in range(10):
            await post(gateway)
        assert (len(server.requests), len(server.peers)) == (10, 1)


async def test_every_call_is_counted_with_its_outcome() -> None:
    async def by_method(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("chat.postMessage"):
            return web.json_response({"ok": True, "ts": "1.000001"})
        return web.json_response({"ok": False, "error": "user_not_visible"})

    seen: Counter[tuple[str, str]] = Counter()
    async with (
        scripted(by_method) as server,
        Gateway.open(
            token=TOKEN, api_url=server.api_url, observe=lambda method, outcome: seen.update([(method, outcome)])
        ) as gateway,
    ):
        await post(gateway)
        with pytest.raises(Permanent):
            await gateway.user(UserId("U1"))
    assert seen == {("chat.postMessage", "ok"): 1, ("users.info", "permanent"): 1}


async def test_a_proxy_of_the_environment_serves_slack_and_not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo works behind a company's proxy, which knows nothing of this machine's loopback."""

    async def ok(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "ts": "1.000001"})

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert client(token=TOKEN, api_url="https://slack.com/api/", session=None).proxy == "http://proxy.example:3128"
    async with scripted(ok) as server, Gateway.open(token=TOKEN, api_url=server.api_url) as gateway:
        await post(gateway)
