"""The demo's page answers only itself, shows foreign mail harmlessly, and does what a person asks."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from standin import Standin

from bridge.demo import mails
from bridge.demo.page import STATIC


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    standin = Standin()
    await standin.start()
    yield standin
    await standin.stop()


class Visitor:
    """A client with the page's token, or with what a test gives it instead."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self.token = ""

    async def load(self) -> str:
        async with self.session.get(self.url) as response:
            html = await response.text()
        found = re.search(r'name="demo-token" content="([^"]+)"', html)
        assert found is not None
        self.token = found[1]
        return html

    async def post(self, path: str, **more: Any) -> tuple[int, Any]:
        headers = {"Origin": self.url.rstrip("/"), "X-Demo-Token": self.token, **more.pop("headers", {})}
        async with self.session.post(self.url + path, headers=headers, **more) as response:
            text = await response.text()
            return response.status, json.loads(text) if "json" in response.content_type else text

    async def act(self, person: str, act: str, **arguments: Any) -> tuple[int, Any]:
        return await self.post("act", json={"person": person, "act": act, "arguments": arguments})

    async def pieces(self) -> dict[str, Any]:
        headers = {"Origin": self.url.rstrip("/")}
        async with self.session.ws_connect(self.url + "live", protocols=[self.token], headers=headers) as socket:
            return dict(await socket.receive_json())


@pytest.fixture
async def visitor(standin: Standin) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        visitor = Visitor(session, standin.page.url)
        await visitor.load()
        yield visitor


# --- who may ask ------------------------------------------------------------------------------------------------------


async def test_another_name_for_this_address_is_refused(visitor: Visitor) -> None:
    """A page elsewhere whose name was pointed at 127.0.0.1 (DNS rebinding) gets nothing, not even the token."""
    async with visitor.session.get(visitor.url, headers={"Host": "evil.example.com"}) as response:
        assert response.status == 403
        assert visitor.token not in await response.text()


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:1"])
async def test_another_page_cannot_act_even_with_the_token(visitor: Visitor, origin: str) -> None:
    status, _ = await visitor.post("act", json={}, headers={"Origin": origin})
    assert status == 403


async def test_without_an_origin_nothing_is_done(visitor: Visitor) -> None:
    async with visitor.session.post(visitor.url + "act", headers={"X-Demo-Token": visitor.token}) as response:
        assert response.status == 403


@pytest.mark.parametrize("token", ["", "guessed"])
async def test_without_the_token_nothing_is_done_or_shown(visitor: Visitor, token: str) -> None:
    visitor.token = token
    assert (await visitor.post("act", json={}))[0] == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await visitor.pieces()


async def test_the_page_is_served_under_a_strict_policy(visitor: Visitor) -> None:
    async with visitor.session.get(visitor.url) as response:
        policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_only_loopback_is_listened_on(standin: Standin) -> None:
    assert standin.page.url.startswith("http://127.0.0.1:")


# --- what is shown ----------------------------------------------------------------------------------------------------


async def letter_of(visitor: Visitor, owner: str) -> dict[str, Any]:
    pieces = await visitor.pieces()
    return next(
        value for name, value in pieces.items() if name.startswith("letter:") and value["owner"] == owner.lower()
    )


async def test_a_letters_html_can_run_and_fetch_nothing(visitor: Visitor) -> None:
    """Served under its own policy, its pictures within it; its address is signed, and another's is not."""
    letter = await letter_of(visitor, mails.TOMAS.email)
    async with visitor.session.get(visitor.url.rstrip("/") + letter["html"]) as response:
        policy = response.headers["Content-Security-Policy"]
        html = await response.text()
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert 'src="data:image/png;base64,' in html
    other = letter["html"].replace(f"/letters/{letter['id']}/", f"/letters/{letter['id'] - 1}/")
    async with visitor.session.get(visitor.url.rstrip("/") + other) as response:
        assert response.status == 403


async def test_a_letters_file_comes_whole_and_only_to_be_saved(visitor: Visitor) -> None:
    letter = await letter_of(visitor, mails.TOMAS.email)
    async with visitor.session.get(visitor.url.rstrip("/") + letter["files"][0]["href"]) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert (await response.read()).startswith(b"%PDF-")


async def test_a_web_page_among_the_files_is_never_shown_in_place(standin: Standin, visitor: Visitor) -> None:
    """An HTML file that somebody uploaded would otherwise run as this page."""
    file = standin.double.workspace.add_file("evil.html", b"<script>1</script>", user=standin.maya)
    standin.double.workspace.share(standin.support, [file.id], {"user": standin.maya, "text": ""})
    shown = (await visitor.pieces())[f"messages:{standin.support}"]["top"][-1]["files"][0]
    async with visitor.session.get(visitor.url.rstrip("/") + shown["href"]) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_a_change_reaches_an_open_page_without_asking(standin: Standin, visitor: Visitor) -> None:
    """Only the pieces that changed come."""
    headers = {"Origin": visitor.url.rstrip("/")}
    async with visitor.session.ws_connect(visitor.url + "live", protocols=[visitor.token], headers=headers) as socket:
        await socket.receive_json()
        await standin.double.person(standin.maya).say(standin.orders, "Hello")
        fresh = await socket.receive_json()
    assert list(fresh) == [f"messages:{standin.orders}"]
    assert fresh[f"messages:{standin.orders}"]["top"][-1]["text"] == "Hello"


def test_every_emoji_that_the_app_names_is_drawn() -> None:
    """Else cards would spell :names: that Slack shows as pictures."""
    drawn = (STATIC / "emoji.js").read_text("utf-8")
    sources = [path.read_text("utf-8") for path in (STATIC.parents[1] / "slack").glob("*.py")]
    named = {name for source in sources for name in re.findall(r":([a-z]+(?:_[a-z]+)*):[ \"]", source)}
    assert {name for name in named if f"{name} " not in drawn} == set()


# --- what is done -----------------------------------------------------------------------------------------------------


async def test_a_person_acts_through_the_page(standin: Standin, visitor: Visitor) -> None:
    status, told = await visitor.act(standin.maya, "say", channel=standin.orders, text="Hello")
    assert (status, standin.double.workspace.history(standin.orders)[-1]["ts"]) == (200, told["result"])


async def test_what_slack_does_not_offer_is_told_in_a_sentence(standin: Standin, visitor: Visitor) -> None:
    status, told = await visitor.act(standin.maya, "command", channel=standin.support, command="/nothing", text="")
    assert (status, told) == (409, {"error": "/nothing is not a valid command."})


@pytest.mark.parametrize("act", ["__init__", "sees", "_interact", "upload"])
async def test_only_what_a_person_does_can_be_asked_for(standin: Standin, visitor: Visitor, act: str) -> None:
    assert (await visitor.act(standin.maya, act))[0] == 400


async def test_a_customer_writes_with_a_file(standin: Standin, visitor: Visitor) -> None:
    form = aiohttp.FormData({"from": mails.DANA.email, "to": str(mails.SHOP), "subject": "Hello", "text": "Text"})
    form.add_field("files", b"%PDF-", filename="a.pdf", content_type="application/pdf")
    status, told = await visitor.post("mail", data=form)
    assert status == 200
    raw = standin.intake.inbox[mails.SHOP.email][-1]
    assert told["result"].encode() in raw
    assert b'filename="a.pdf"' in raw


async def test_time_passes_as_far_as_is_asked(standin: Standin, visitor: Visitor) -> None:
    assert (await visitor.post("later", json={"seconds": 86_400}))[0] == 200
    assert standin.passed == [timedelta(days=1)]


@pytest.mark.parametrize("asked", [{}, [], {"seconds": "soon"}, {"seconds": 0}, {"seconds": -60}, {"seconds": 1e12}])
async def test_time_goes_forward_and_not_for_ever(standin: Standin, visitor: Visitor, asked: Any) -> None:
    assert (await visitor.post("later", json=asked))[0] == 400
    assert standin.passed == []


async def test_nobody_writes_as_somebody_who_is_no_customer(visitor: Visitor) -> None:
    form = aiohttp.FormData({"from": "stranger@example.com", "to": str(mails.SHOP), "subject": "", "text": ""})
    assert (await visitor.post("mail", data=form))[0] == 400
