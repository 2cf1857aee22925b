"""Signing in by OAuth2: each way to a token, each way it fails, and nothing of it in a repr."""

from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from provider import CLIENT, SECRET, Provider
from pydantic import SecretStr

from bridge.errors import BridgeError, Misconfigured, Refused, Temporary
from bridge.mail import oauth
from bridge.mail.oauth import SignInEnded
from bridge.model import now
from bridge.settings.models import OAuthSettings


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    await made.start()
    yield made
    await made.stop()


def client(provider: Provider, *, secret: str = SECRET) -> OAuthSettings:
    return OAuthSettings(
        client_id=CLIENT,
        client_secret=SecretStr(secret),
        authorize_url=f"{provider.url}/authorize?x=1",
        token_url=f"{provider.url}/token",
        device_url=f"{provider.url}/device",
        scopes=("mail", "offline"),
    )


async def browse(address: str) -> int:
    """A browser, through every redirect; the last page's status."""
    async with aiohttp.ClientSession() as browser, browser.get(address) as page:
        return page.status


async def test_a_browser_comes_back_with_a_sign_in(provider: Provider) -> None:
    async with oauth.visiting(client(provider), hint="support@example.com") as visit:
        assert "login_hint=support%40example.com" in visit.address
        assert await browse(visit.address) == 200
        grant = await visit.grant()
    assert (grant.access_token in provider.access, grant.refresh_token) == (True, provider.refresh)
    assert now() + timedelta(minutes=59) < grant.expires < now() + timedelta(minutes=61)
    assert "of-the-account" not in repr(grant)


async def test_a_visitor_that_we_did_not_send_changes_nothing(provider: Provider) -> None:
    async with oauth.visiting(client(provider), hint="") as visit:
        for query in ("?code=stolen", "?code=stolen&state=guessed", "?error=access_denied"):
            assert await browse(f"{visit.redirect}/{query}") == 400
        await browse(visit.address)
        assert (await visit.grant()).refresh_token == provider.refresh


async def test_whoever_says_no_is_believed(provider: Provider) -> None:
    provider.consents = False
    async with oauth.visiting(client(provider), hint="") as visit:
        await browse(visit.address)
        with pytest.raises(Refused, match="access_denied"):
            await visit.grant()
    device = await oauth.begin_device(client(provider))
    with pytest.raises(Refused, match="access_denied"):
        await oauth.await_device(client(provider), device)


async def test_a_port_that_is_taken_is_told(provider: Provider) -> None:
    port = int(provider.url.rpartition(":")[2])
    with pytest.raises(Misconfigured, match="--port"):
        async with oauth.visiting(client(provider), hint="", port=port):
            pass


async def test_a_code_is_typed_in_elsewhere(provider: Provider) -> None:
    device = await oauth.begin_device(client(provider))
    assert (device.user_code, device.address) == ("ABCD-EFGH", f"{provider.url}/type")
    grant = await oauth.await_device(client(provider), device)
    assert grant.refresh_token == provider.refresh


async def test_a_way_that_the_provider_does_not_have_is_told(provider: Provider) -> None:
    bare = client(provider).model_copy(update={"authorize_url": "", "device_url": ""})
    with pytest.raises(Misconfigured, match="leave --device out"):
        await oauth.begin_device(bare)
    with pytest.raises(Misconfigured, match="--device"):
        async with oauth.visiting(bare, hint=""):
            pass


async def test_a_refresh_gives_both_tokens_anew(provider: Provider) -> None:
    old = provider.give()["refresh_token"]
    grant = await oauth.refresh(client(provider), old)
    assert grant.refresh_token == provider.refresh != old


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ((400, "invalid_grant"), SignInEnded),
        ((400, "interaction_required"), SignInEnded),
        ((400, "invalid_scope"), Misconfigured),
        ((401, "unauthorized_client"), Misconfigured),
        ((400, "temporarily_unavailable"), Temporary),
        ((429, "slow_down"), Temporary),
        ((503, "down"), Temporary),
        ((500, "invalid_grant"), Temporary),
    ],
)
async def test_a_refusal_is_named_by_its_kind_and_repeats_no_address(
    provider: Provider, says: tuple[int, str], kind: type[BridgeError]
) -> None:
    provider.says = says
    with pytest.raises(kind) as caught:
        await oauth.refresh(client(provider), "r")
    assert "somebody@example.com" not in f"{caught.value} {caught.value.detail}"


async def test_a_wrong_secret_names_the_settings(provider: Provider) -> None:
    with pytest.raises(Misconfigured, match="MAIL_OAUTH_CLIENT_SECRET"):
        await oauth.refresh(client(provider, secret="wrong"), provider.give()["refresh_token"])


async def test_a_provider_that_is_away_is_temporary(provider: Provider) -> None:
    known = client(provider)
    await provider.stop()
    with pytest.raises(Temporary, match="cannot be reached"):
        await oauth.refresh(known, "r")
