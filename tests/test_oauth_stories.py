"""A mailbox that is signed in to by OAuth2, all the way: a real IMAP server that asks the provider for each token."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiosmtpd.smtp import MISSING, SMTP, AuthResult
from dovecot import Dovecot, running_dovecot
from mailroom import user_of, written
from onstage import ENOUGH, Desk, received, rich, said
from provider import SECRET, Provider

from bridge.commands import check
from bridge.commands.login import login
from bridge.demo.stage import CHANNEL, Stage
from bridge.demo.world import World


class TokenWorld(World):
    """A mail server that is signed in to by XOAUTH2 alone, and remembers the tokens that it was shown."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider
        self.shown: list[str] = []

    async def auth_XOAUTH2(self, server: SMTP, arguments: Sequence[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's
        """Google's own description: https://developers.google.com/workspace/gmail/imap/xoauth2-protocol ."""
        user, bearer, *rest = base64.b64decode(arguments[1]).decode().split("\1")
        assert (user[:5], bearer[:12], rest) == ("user=", "auth=Bearer ", ["", ""])
        token = bearer[12:]
        self.shown.append(token)
        if self.provider.good(user[5:], token):
            return AuthResult(success=True)
        assert await server.challenge_auth(json.dumps({"status": "401"})) in (b"", MISSING)
        return AuthResult(success=False, handled=False)


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    made = Provider(account=user_of(tmp_path))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def dovecot(provider: Provider) -> Iterator[Dovecot]:
    with running_dovecot(introspection=f"{provider.url}/introspect") as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, dovecot: Dovecot, provider: Provider) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.world = TokenWorld(provider)
    made.source = (
        f'source = "imap"\n{provider.toml()}\nimap = {{ host = "localhost", port = {dovecot.imaps}, '
        f'username = "{provider.account}", auth = "xoauth2", ca_file = "{dovecot.ca_file}" }}'
    )
    made.secrets = {"OAUTH_SECRET": SECRET}
    made.http = "127.0.0.1:0"
    yield made
    await made.stop()


async def sign_in(stage: Stage, *, device: bool = False) -> tuple[bool, list[str]]:
    """`bridge login`, with somebody who opens the address that it shows; what it says."""
    told: list[str] = []
    visits: list[asyncio.Task[Any]] = []

    async def open_page(address: str) -> None:
        async with aiohttp.ClientSession() as browser, browser.get(address) as page:
            assert page.status == 200

    def say(words: str) -> None:
        told.append(words)
        if "\nhttp" in words:
            visits.append(asyncio.create_task(open_page(words.partition("\n")[2])))

    async with asyncio.timeout(ENOUGH):
        done = await login(stage.settings(), "Support", device=device, browser=False, port=0, say=say)
        await asyncio.gather(*visits)
    return done, told


async def health(stage: Stage) -> dict[str, str]:
    async with aiohttp.ClientSession() as session, session.get(stage.url("/readyz")) as answer:
        [mailbox] = (await answer.json())["mailboxes"]
        found: dict[str, str] = mailbox
        return found


async def worlds(stage: Stage) -> None:
    """All but the bridge."""
    await stage.slack.start()
    await stage.world.start()


@pytest.mark.parametrize("device", [False, True])
async def test_after_a_login_mail_comes_in_and_an_answer_leaves(
    stage: Stage, dovecot: Dovecot, provider: Provider, device: bool
) -> None:
    await worlds(stage)
    done, told = await sign_in(stage, device=device)
    assert (done, told[-1]) == (True, f"Signed in as {provider.account}.")
    await stage.start_bridge()
    mina = Desk(stage)
    dovecot.deliver(provider.account, written("A new matter"))
    card = await mina.sees_card("A new matter")
    await mina.opens(card)
    await mina.person.submit({"body": rich("An answer")})
    await received(stage, "dana@example.com")
    assert provider.refreshes == 0


async def test_tokens_that_ended_are_renewed_before_a_server_sees_them_and_refused_ones_once(
    stage: Stage, dovecot: Dovecot, provider: Provider
) -> None:
    await worlds(stage)
    provider.lasts = 1.0  # less than what is left over for the way
    await sign_in(stage)
    await stage.start_bridge()
    mina = Desk(stage)
    dovecot.deliver(provider.account, written("A new matter"))
    card = await mina.sees_card("A new matter")
    provider.lasts = 3600.0
    provider.access.clear()
    await answer(mina, card, "One")
    await received(stage, "dana@example.com")
    provider.access.clear()  # the provider withdrew it early: only a server's refusal says so
    world = stage.world
    assert isinstance(world, TokenWorld)
    world.shown.clear()
    await answer(mina, card, "Two")
    await received(stage, "dana@example.com", count=2)
    assert len(world.shown) == 2
    assert world.shown[1] in provider.access


async def answer(mina: Desk, card: dict[str, Any], words: str) -> None:
    await mina.opens(card)
    await mina.person.submit({"body": rich(words)})


async def test_a_sign_in_survives_a_restart(stage: Stage, dovecot: Dovecot, provider: Provider) -> None:
    await worlds(stage)
    provider.lasts = 1.0
    await sign_in(stage)
    await stage.start_bridge()
    first = provider.refresh
    await stage.stop_bridge()
    await stage.start_bridge()
    mina = Desk(stage)
    dovecot.deliver(provider.account, written("After the restart"))
    await mina.sees_card("After the restart")
    assert provider.refresh != first


async def test_a_sign_in_that_has_ended_is_told_everywhere_and_a_new_one_mends_it_without_a_restart(
    stage: Stage, dovecot: Dovecot, provider: Provider
) -> None:
    await worlds(stage)
    provider.lasts = 1.0
    await sign_in(stage)
    provider.says = (400, "invalid_grant")
    await stage.start_bridge()
    mina = Desk(stage)
    alarm = await mina.sees(lambda: mina.card("is not read"))
    assert alarm
    assert "bridge login support" in said(alarm)
    told = await health(stage)
    assert told["state"] == "failing"
    assert "bridge login support" in told["reason"]
    findings = await check.check(stage.settings())
    assert check.exit_code(findings) == 1
    failed = {one.part: one.says for one in findings if not one.works}
    assert failed.keys() == {"imap of support", "smtp of support"}
    assert all("bridge login support" in says for says in failed.values())

    provider.says = None
    provider.lasts = 3600.0
    assert (await sign_in(stage))[0]
    await mina.sees(lambda: mina.card("is read again"))
    dovecot.deliver(provider.account, written("At last"))
    await mina.sees_card("At last")
    assert (await health(stage))["state"] == "watching"
    assert len(stage.slack.workspace.history(CHANNEL)) == 3


async def test_a_login_as_somebody_else_says_so(stage: Stage, dovecot: Dovecot, provider: Provider) -> None:
    await worlds(stage)
    provider.account = "somebody-else"
    done, told = await sign_in(stage)
    assert not done
    assert "sign in as the account of this mailbox" in " ".join(told)
