"""The token goes to Slack's file host and nowhere else, and what comes back is the file or a sentence."""

import gzip

import aiohttp
import pytest
from aiohttp import web
from scripted import Script, Scripted, cut, scripted
from workplace import workplace

from bridge.errors import Permanent, Refused, Temporary
from bridge.model import ChannelId, FileId
from bridge.slack.files import SlackFile, fetch, is_shared, may_carry_token, read_file

TOKEN = "xoxb-very-secret"
SLACK = "https://slack.com/api/"
LOOPBACK = "http://127.0.0.1:4000/api/"


@pytest.mark.parametrize(
    ("url", "api_url", "may"),
    [
        ("https://files.slack.com/files-pri/T1-F1/a.pdf", SLACK, True),
        ("https://files.slack.com:443/files-pri/T1-F1/a.pdf", SLACK, True),
        ("https://FILES.SLACK.COM/files-pri/T1-F1/a.pdf", SLACK, True),
        ("http://files.slack.com/files-pri/T1-F1/a.pdf", SLACK, False),
        ("https://files.slack.com:8443/files-pri/T1-F1/a.pdf", SLACK, False),
        ("https://files.slack.com.evil.example/a.pdf", SLACK, False),
        ("https://evil-files.slack.com/a.pdf", SLACK, False),
        ("https://files.slack.com@evil.example/a.pdf", SLACK, False),
        ("https://user@files.slack.com/a.pdf", SLACK, False),
        ("https://evil.example/files.slack.com/a.pdf", SLACK, False),
        ("https://drive.google.com/a.pdf", SLACK, False),
        ("http://127.0.0.1:4000/files-pri/T1-F1/a.pdf", SLACK, False),
        ("file:///etc/passwd", SLACK, False),
        ("", SLACK, False),
        ("https://[bad/a.pdf", SLACK, False),
        ("http://127.0.0.1:4000/files-pri/T1-F1/a.pdf", LOOPBACK, True),
        ("http://localhost:4000/files-pri/T1-F1/a.pdf", LOOPBACK, False),
        ("http://10.0.0.1:4000/files-pri/T1-F1/a.pdf", LOOPBACK, False),
        ("https://files.slack.com/files-pri/T1-F1/a.pdf", "https://gateway.example/api/", True),
        ("https://gateway.example/files-pri/T1-F1/a.pdf", "https://gateway.example/api/", False),
    ],
)
def test_where_the_token_may_go(url: str, api_url: str, may: bool) -> None:
    assert may_carry_token(url, api_url=api_url) is may


def made(url: str, *, size: int = 4, mimetype: str = "application/pdf", is_external: bool = False) -> SlackFile:
    return SlackFile(id=FileId("F1"), name="a.pdf", mimetype=mimetype, size=size, url=url, is_external=is_external)


async def fetched(server: Scripted, file: SlackFile, *, max_bytes: int = 1000) -> bytes:
    async with aiohttp.ClientSession() as session:
        return await fetch(session, file, token=TOKEN, api_url=server.api_url, proxy=None, max_bytes=max_bytes)


def served(body: bytes, **more: str) -> Script:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=more)

    return serve


async def test_the_token_reaches_slack_alone() -> None:
    async with scripted(served(b"%PDF")) as slack:
        assert await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf")) == b"%PDF"
        assert [request.headers["Authorization"] for request in slack.requests] == [f"Bearer {TOKEN}"]


async def test_a_file_on_another_host_is_refused_and_that_host_hears_nothing() -> None:
    async with scripted(served(b"%PDF")) as slack, scripted(served(b"%PDF")) as elsewhere:
        with pytest.raises(Refused, match="outside Slack"):
            await fetched(slack, made(f"http://localhost:{elsewhere.port}/a.pdf"))
        assert elsewhere.requests == []


async def test_a_file_that_slack_marks_as_external_is_refused_wherever_it_says_it_is() -> None:
    async with scripted(served(b"%PDF")) as slack:
        with pytest.raises(Refused, match="outside Slack"):
            await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf", is_external=True))
        assert slack.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_token_does_not_leak(status: int) -> None:
    async with scripted(served(b"%PDF")) as elsewhere:

        async def redirect(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": f"http://localhost:{elsewhere.port}/a.pdf"})

        async with scripted(redirect) as slack:
            with pytest.raises(Permanent, match="files:read"):
                await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf"))
        assert elsewhere.requests == []


async def test_slacks_sign_in_page_is_not_taken_for_the_file() -> None:
    """Slack answers 200 with a page where the app may not read files."""
    async with workplace(without=frozenset({"files:read"})) as place:
        stored = place.double.workspace.add_file("a.pdf", b"%PDF", user=place.dana)
        file = read_file(place.double.workspace.describe(stored))
        with pytest.raises(Permanent, match="files:read"):
            await place.gateway.download(file, max_bytes=1000)


async def test_a_page_that_somebody_sent_as_a_file_is_taken_and_a_sign_in_page_in_its_place_is_not() -> None:
    page = b"<html>An offer</html>"
    async with scripted(served(page, **{"Content-Type": "text/html"})) as slack:
        url = f"http://127.0.0.1:{slack.port}/offer.html"
        assert await fetched(slack, made(url, size=len(page), mimetype="text/html")) == page
        with pytest.raises(Permanent, match="files:read"):
            await fetched(slack, made(url, size=7, mimetype="text/html"))


async def test_a_file_that_is_too_large_is_refused_before_it_is_fetched() -> None:
    async with scripted(served(b"%PDF")) as slack:
        with pytest.raises(Refused, match="larger than"):
            await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf", size=1001))
        assert slack.requests == []


async def test_a_file_that_is_larger_than_it_says_is_cut_off_while_it_is_read() -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 2**30:
            await response.write(bytes(2**16))
            sent += 2**16
        return response

    async with scripted(flood) as slack:
        with pytest.raises(Refused, match="larger than"):
            await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf"))
    assert sent < 2**26


async def test_a_compressed_flood_is_cut_off_too() -> None:
    body = gzip.compress(bytes(2**26))
    async with scripted(served(body, **{"Content-Encoding": "gzip"})) as slack:
        with pytest.raises(Refused, match="larger than"):
            await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf"))
        assert slack.requests[0].headers["Accept-Encoding"] == "identity"


async def answer_404(_: web.Request) -> web.StreamResponse:
    return web.Response(status=404)


async def answer_503(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def answer_429(_: web.Request) -> web.StreamResponse:
    return web.Response(status=429, headers={"Retry-After": "7"})


@pytest.mark.parametrize(
    ("script", "kind"), [(answer_404, Permanent), (answer_503, Temporary), (answer_429, Temporary), (cut, Temporary)]
)
async def test_a_download_that_fails_says_whether_it_is_worth_another_try(
    script: Script, kind: type[Exception]
) -> None:
    async with scripted(script) as slack:
        with pytest.raises(kind) as caught:
            await fetched(slack, made(f"http://127.0.0.1:{slack.port}/a.pdf"))
    if script is answer_429:
        assert getattr(caught.value, "retry_after", None) == 7


def test_the_address_of_a_file_is_not_printed() -> None:
    assert "files.slack.com" not in repr(made("https://files.slack.com/files-pri/T1-F1/a.pdf"))


@pytest.mark.parametrize(
    ("shares", "shared"),
    [
        ({}, False),
        ({"public": {"C0000001": [{"ts": "1.1"}]}}, True),
        ({"private": {"C0000001": [{"ts": "1.1"}]}}, True),
        ({"public": {"C0000001": []}}, False),
        ({"public": {"C0000002": [{"ts": "1.1"}]}}, False),
    ],
)
def test_a_file_is_shared_where_a_message_shows_it(shares: dict[str, object], shared: bool) -> None:
    assert is_shared({"shares": shares}, channel=ChannelId("C0000001")) is shared
