"""An access token whenever one is needed: renewed in one flight, kept at once, read by nobody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from provider import CLIENT, SECRET, Provider
from pydantic import SecretStr

from bridge.accounts import Accounts
from bridge.errors import Permanent, Temporary
from bridge.mail.oauth import Grant
from bridge.model import MailboxName, now
from bridge.settings.models import OAuthSettings
from bridge.store.database import Store

BOX = MailboxName("support")
KEY = b"a key of enough length"


async def refreshing(provider: Provider) -> None:
    """Until the provider has been asked."""
    async with asyncio.timeout(20):
        while not provider.refreshes:  # noqa: ASYNC110 - another's counter
            await asyncio.sleep(0.01)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    await made.start()
    yield made
    await made.stop()


def accounts(store: Store, provider: Provider, *, keys: tuple[bytes, ...] = (KEY,)) -> Accounts:
    known = OAuthSettings(client_id=CLIENT, client_secret=SecretStr(SECRET), token_url=f"{provider.url}/token")
    return Accounts(store, clients={BOX: known}, keys=keys)


def grant(provider: Provider, *, lasts: float = 3600) -> Grant:
    given = provider.give()
    expires = now() + timedelta(seconds=lasts)
    return Grant(access_token=given["access_token"], refresh_token=given["refresh_token"], expires=expires)


async def test_a_token_that_lasts_is_used_again(store: Store, provider: Provider) -> None:
    kept = grant(provider)
    await accounts(store, provider).keep(BOX, kept)
    after_a_restart = accounts(store, provider)
    assert {await after_a_restart.token(BOX) for _ in range(3)} == {kept.access_token}
    assert provider.refreshes == 0


async def test_fifty_who_ask_at_once_share_one_refresh(store: Store, provider: Provider) -> None:
    made = accounts(store, provider)
    await made.keep(BOX, grant(provider, lasts=5))
    in_threads = made.asked_from_a_thread(BOX)
    asking = [made.token(BOX) for _ in range(25)] + [asyncio.to_thread(in_threads, "") for _ in range(25)]
    assert len(set(await asyncio.gather(*asking))) == 1
    assert provider.refreshes == 1


async def test_fifty_whom_a_server_refused_share_one_refresh(store: Store, provider: Provider) -> None:
    made = accounts(store, provider)
    kept = grant(provider)
    await made.keep(BOX, kept)
    tokens = await asyncio.gather(*(made.token(BOX, kept.access_token) for _ in range(50)))
    assert kept.access_token not in tokens
    assert (len(set(tokens)), provider.refreshes) == (1, 1)
    assert await made.token(BOX, kept.access_token) == tokens[0]  # whoever comes late needs no other
    assert provider.refreshes == 1


async def test_a_rotated_token_is_kept_even_if_whoever_asked_has_left(store: Store, provider: Provider) -> None:
    made = accounts(store, provider)
    await made.keep(BOX, grant(provider, lasts=5))
    provider.gate.clear()
    asking = asyncio.create_task(made.token(BOX))
    await refreshing(provider)
    asking.cancel()
    provider.gate.set()
    await made.close()
    assert await accounts(store, provider).token(BOX) in provider.access
    assert provider.refreshes == 1


async def test_a_replica_uses_what_another_has_renewed(store: Store, provider: Provider) -> None:
    one, other = accounts(store, provider), accounts(store, provider)
    await one.keep(BOX, grant(provider, lasts=5))
    token = await one.token(BOX)
    assert await other.token(BOX) == token
    assert provider.refreshes == 1


async def test_a_replica_that_came_too_late_uses_what_the_first_has_got(store: Store, provider: Provider) -> None:
    """Both send the same refresh token, which counts once; the one that is refused looks again."""
    one, other = accounts(store, provider), accounts(store, provider)
    await one.keep(BOX, grant(provider, lasts=5))
    provider.gate.clear()
    late = asyncio.create_task(other.token(BOX))
    await refreshing(provider)
    renewed = grant(provider)
    await one.keep(BOX, renewed)
    provider.gate.set()
    assert await late == renewed.access_token


async def test_a_sign_in_during_a_refresh_is_not_overwritten(store: Store, provider: Provider) -> None:
    one, other = accounts(store, provider), accounts(store, provider)
    await one.keep(BOX, grant(provider, lasts=5))
    provider.gate.clear()
    renewing = asyncio.create_task(one.token(BOX))
    await refreshing(provider)
    anew = Grant(access_token="anew", refresh_token="anew", expires=now() + timedelta(hours=1))
    await other.keep(BOX, anew)
    provider.gate.set()
    assert await renewing == "anew"
    assert await accounts(store, provider).token(BOX) == "anew"


async def test_what_only_a_person_can_mend_names_the_command(store: Store, provider: Provider) -> None:
    made = accounts(store, provider)
    with pytest.raises(Permanent, match="bridge login support"):
        await made.token(BOX)
    await made.keep(BOX, grant(provider, lasts=5))
    provider.says = (400, "invalid_grant")
    with pytest.raises(Permanent, match="has ended: run `bridge login support`"):
        await made.token(BOX)
    provider.says = (503, "down")
    with pytest.raises(Temporary):
        await made.token(BOX)
    provider.says = None
    assert await made.token(BOX) in provider.access


async def test_every_key_opens_and_the_first_seals(store: Store, provider: Provider) -> None:
    kept, new_key = grant(provider), b"a new key of enough length"
    await accounts(store, provider).keep(BOX, kept)
    assert await accounts(store, provider, keys=(new_key, KEY)).token(BOX) == kept.access_token
    with pytest.raises(Permanent, match="BRIDGE_SECRET_KEY"):
        await accounts(store, provider, keys=(new_key,)).token(BOX)
    await accounts(store, provider, keys=(new_key, KEY)).keep(BOX, kept)
    assert await accounts(store, provider, keys=(new_key,)).token(BOX) == kept.access_token


async def test_no_token_can_be_read_in_the_database(tmp_path: Path, provider: Provider) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'bridge.db'}")
    made = accounts(store, provider)
    await made.keep(BOX, grant(provider, lasts=5))
    await made.token(BOX)
    await store.close()
    files = kept_in(tmp_path)
    assert b"support" in files
    assert b"of-the-account" not in files


def kept_in(folder: Path) -> bytes:
    """All that its files hold."""
    return b"".join(one.read_bytes() for one in folder.iterdir())


async def test_a_stop_keeps_nobody_waiting_for_a_provider_that_hangs(store: Store, provider: Provider) -> None:
    made = accounts(store, provider)
    await made.keep(BOX, grant(provider, lasts=5))
    provider.gate.clear()
    in_thread = asyncio.create_task(asyncio.to_thread(made.asked_from_a_thread(BOX), ""))
    await refreshing(provider)
    async with asyncio.timeout(20):
        await made.close()
        with pytest.raises(Temporary):
            await in_thread
        with pytest.raises(Temporary, match="stopping"):
            await made.token(BOX)
