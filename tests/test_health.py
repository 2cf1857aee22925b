"""How a running bridge says that it fares, and what dashboards may rely on."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
from onstage import Desk, ask

from bridge.config import Listen
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Misconfigured, Temporary
from bridge.health import Health, Site
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.metrics import Metrics
from bridge.model import MailboxName, now
from bridge.slack.requests import PATH
from bridge.store.database import Store

ENOUGH = 20.0  # seconds a condition may take on a slow machine


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.http = "127.0.0.1:0"
    await made.start()
    yield made
    await made.stop()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def get_json(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


async def samples(stage: Stage) -> dict[str, float]:
    """What `/metrics` says, by name and labels as written."""
    _, text = await get(stage.url("/metrics"))
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


async def test_a_running_bridge_is_alive_and_ready_and_tells_how_each_mailbox_fares(stage: Stage) -> None:
    assert (await get(stage.url("/healthz")))[0] == 200
    status, body = await get_json(stage.url("/readyz"))
    assert status == 200
    (mailbox,) = body.pop("mailboxes")
    assert body == {"ready": True, "slack": "connected", "database": "answers", "filters": []}
    assert (mailbox["name"], mailbox["state"], mailbox["reason"]) == ("support", "watching", "")


async def test_the_contracts_names_count_a_mail_in_and_an_answer_out(stage: Stage) -> None:
    before = await samples(stage)
    assert before['bridge_mail_received_total{mailbox="support"}'] == 0
    person = stage.slack.person(MINA)
    mail = f"From: dana@example.com\r\nTo: {SHOP.email}\r\nSubject: Two bags\r\n\r\nwhere?\r\n".encode()
    await stage.world.hand_over(mail, sender="dana@example.com", recipients=[SHOP.email])
    cards = await person.sees(lambda: stage.slack.workspace.history(CHANNEL), timeout=ENOUGH)
    await person.click(CHANNEL, cards[0]["ts"], "reply")
    await person.sees(lambda: (person.view() or {}).get("callback_id") == "compose", timeout=ENOUGH)
    words = {"type": "rich_text_section", "elements": [{"type": "text", "text": "Here"}]}
    await person.submit({"body": {"type": "rich_text", "elements": [words]}})
    await person.sees(lambda: "Sent" in str(stage.slack.workspace.replies(CHANNEL, cards[0]["ts"])), timeout=ENOUGH)
    after = await samples(stage)
    assert after['bridge_mail_received_total{mailbox="support"}'] == 1
    assert after['bridge_mail_sent_total{mailbox="support",outcome="sent"}'] == 1
    assert after['bridge_jobs{state="done"}'] >= 2
    assert after['bridge_jobs{state="parked"}'] == 0
    assert after["bridge_job_lag_seconds"] >= 0
    assert after["bridge_intake_latency_seconds_count"] == 1
    assert after['bridge_intake_latency_seconds_bucket{le="300.0"}'] == 1
    assert after['bridge_slack_requests_total{method="chat.postMessage",outcome="ok"}'] >= 2
    assert 0 <= after['bridge_mailbox_last_heard_seconds{mailbox="support"}'] < 60


async def test_without_slack_the_replica_is_alive_but_not_ready(stage: Stage) -> None:
    stage.slack.faults.error("apps.connections.open", times=None)
    await stage.slack.sockets.close()
    async with asyncio.timeout(ENOUGH):
        while (await get_json(stage.url("/readyz")))[0] == 200:
            pass
    assert (await get_json(stage.url("/readyz")))[1]["slack"] == "not connected"
    assert (await get(stage.url("/healthz")))[0] == 200


async def test_status_counts_what_is_behind_and_not_what_has_time(stage: Stage) -> None:
    """A modal that is open, a snooze, tomorrow's housekeeping: each has a time of its own."""
    mina = Desk(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.command(CHANNEL, "/mail", "snooze 1 in 3 hours")
    async with asyncio.timeout(ENOUGH):
        while await behind(mina) != "0 things still to be done":
            pass
    stage.slack.faults.error("chat.update", times=None)
    await mina.person.command(CHANNEL, "/mail", "claim 1")
    assert await behind(mina) == "1 thing still to be done"


async def behind(mina: Desk) -> str:
    """What `/mail status` says is still to be done."""
    before = len(mina.person.ephemerals(CHANNEL))
    await mina.person.command(CHANNEL, "/mail", "status")
    await mina.sees(lambda: len(mina.person.ephemerals(CHANNEL)) > before)
    told = str(mina.person.ephemerals(CHANNEL)[-1]["text"])
    return next(line for line in told.splitlines() if "still to be done" in line)


@pytest.mark.parametrize("way", ["socket", "http"])
@pytest.mark.parametrize("method", ["auth.test", "conversations.list"])
async def test_a_bridge_that_waits_for_slack_is_alive_and_not_ready(
    stage: Stage, way: Literal["socket", "http"], method: str
) -> None:
    """Whoever watches the process does not end it for an outage of Slack's; what Slack sends it is to send again."""
    await stage.stop_bridge()
    stage.way, stage.http = way, "127.0.0.1:0"
    stage.slack.faults.error(method, times=None)
    starting = asyncio.create_task(stage.start_bridge())
    async with asyncio.timeout(ENOUGH):
        while not (stage.bridge and stage.bridge.site and stage.bridge.site.port):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    assert (await get(stage.url("/healthz")))[0] == 200
    status, body = await get_json(stage.url("/readyz"))
    assert (status, body["slack"], body["database"]) == (503, "not connected", "answers")
    assert (await get(stage.url("/metrics")))[0] == 200
    async with aiohttp.ClientSession() as session, session.post(stage.url(PATH), data=b"x") as response:
        assert response.status == (404 if way == "socket" else 503)
    assert not starting.done()
    stage.slack.faults.clear()
    await starting
    assert (await get(stage.url("/readyz")))[0] == 200


async def test_an_app_that_was_uninstalled_is_not_ready(stage: Stage) -> None:
    stage.slack.uninstall()
    await stage.slack.delivery.settled()
    async with asyncio.timeout(ENOUGH):
        while (await get_json(stage.url("/readyz")))[0] == 200:
            pass


class Source:
    """A source as a test says."""

    failure = None
    last_heard = None


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    """A site over a database, with one mailbox that failed."""
    health = Health(name=MailboxName("sales"), source=Source())
    health.fails(Temporary("The folder cannot be read."))
    made = Site(Listen(port=0), store=store, metrics=Metrics(), mailboxes=[health], connected=lambda: True)
    await made.start()
    yield made
    await made.stop()


async def test_a_failing_mailbox_is_told_and_unloads_nothing(site: Site) -> None:
    status, body = await get_json(f"http://127.0.0.1:{site.port}/readyz")
    assert status == 200
    assert body["mailboxes"] == [
        {"name": "sales", "state": "failing", "reason": "The folder cannot be read.", "last_heard": None}
    ]


async def test_a_database_that_does_not_answer_unloads_the_replica(tmp_path: Path) -> None:
    """Its jobs are no longer shown: what was true some time ago is no answer."""
    store = await Store.open(f"sqlite:///{tmp_path / 'data' / 'bridge.db'}")
    made = Site(Listen(port=0), store=store, metrics=Metrics(), mailboxes=[], connected=lambda: True)
    await made.start()
    assert "bridge_jobs{" in (await get(f"http://127.0.0.1:{made.port}/metrics"))[1]
    await store.close()
    shutil.rmtree(tmp_path / "data")
    status, body = await get_json(f"http://127.0.0.1:{made.port}/readyz")
    assert (status, body["database"]) == (503, "does not answer")
    assert "bridge_jobs{" not in (await get(f"http://127.0.0.1:{made.port}/metrics"))[1]
    await made.stop()


async def test_a_port_that_is_taken_is_said_with_the_key(site: Site, store: Store) -> None:
    second = Site(Listen(port=site.port), store=store, metrics=Metrics(), mailboxes=[], connected=lambda: True)
    with pytest.raises(Misconfigured, match="BRIDGE_HTTP"):
        await second.start()
    await second.stop()


async def test_off_means_that_nothing_listens(store: Store) -> None:
    off = Site(Listen(), store=store, metrics=Metrics(), mailboxes=[], connected=lambda: True)
    await off.start()
    assert off.port is None
    await off.stop()


async def test_a_sign_of_life_after_a_failure_ends_it(tmp_path: Path) -> None:
    source = LocalSource(Maildir(tmp_path), max_bytes=1000)
    health = Health(name=MailboxName("sales"), source=source)
    source.last_heard = now()
    health.fails(Temporary("The folder cannot be read."))
    assert health.told()["state"] == "failing"
    source.last_heard = now() + timedelta(seconds=1)
    assert health.told()["state"] == "watching"
