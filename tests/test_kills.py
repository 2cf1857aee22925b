"""Nothing lost, nothing twice: the real service is killed again and again while mail comes in and answers leave.

The mailbox is the embedded one; over IMAP, with everything failing at once, it is `test_storm`. `bridge run` is a process
of its own; Slack and the world's mail server stand in the test's process and outlive it. The
seed is printed; `BRIDGE_SEED` repeats a run.
"""

import asyncio
import contextlib
import os
import random
import socket
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from onstage import cards_alone, said
from services import Service

from bridge.demo.double.faults import Fault
from bridge.demo.double.people import Person
from bridge.demo.double.refusals import NoAck, NotOffered
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Refused

PATIENCE = 120.0  # seconds in which a service that is killed again and again answers a click, or comes to rest


@pytest.fixture
async def service(stage: Stage) -> AsyncIterator[Service]:
    made = Service(stage)
    yield made
    await made.kill()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        made.intake_port = free.getsockname()[1]
    made.world.intake = ("127.0.0.1", made.intake_port)
    await made.slack.start()
    await made.world.start()
    yield made
    await made.stop()


async def deliver(stage: Stage, subject: str) -> None:
    """As a mail server does: hand it over until it is accepted, however often the connection breaks."""
    raw = (
        f"From: Customer <{subject}@example.com>\r\nTo: {SHOP.email}\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject}@example.com>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n\r\n"
        f"Please help with {subject}.\r\n"
    ).encode()
    while True:
        with contextlib.suppress(Refused):
            await stage.world.hand_over(raw, sender=f"{subject}@example.com", recipients=[SHOP.email])
            return
        await asyncio.sleep(0.05)


async def persist(act: Any) -> None:
    """As an agent does: click again where the app did not answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(NoAck, TimeoutError):
                await act()
                return
            await asyncio.sleep(0.1)


def subject_of(card: dict[str, Any]) -> str:
    return str(card["blocks"][0]["text"]["text"])


async def answer(stage: Stage, person: Person, subject: str) -> None:
    """Reply to a card: open the modal, submit; a modal that never filled is closed and opened anew."""

    async def once() -> None:
        card = await person.sees(
            lambda: next((one for one in cards_alone(stage) if subject_of(one) == subject), None), timeout=30
        )
        assert card
        while person.view():
            await person.close_view()
        await person.click(CHANNEL, card["ts"], "reply")
        await person.sees(lambda: (person.view() or {}).get("callback_id") == "compose", timeout=3)

    await persist(once)
    words = {"type": "text", "text": f"Answer to {subject}"}
    body = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [words]}]}
    await persist(lambda: person.submit({"body": body}))


def lines(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    """The lines of outgoing mails: the draft's id and the message."""
    found = []
    for card in cards_alone(stage):
        for one in stage.slack.workspace.replies(CHANNEL, card["ts"]):
            key = one.get("metadata", {}).get("event_payload", {}).get("key", "")
            if key.startswith("draft:"):
                found.append((key.removeprefix("draft:"), one))
    return found


async def decide(stage: Stage, person: Person) -> None:
    """As an agent does: where delivery is uncertain, look whether the customer has it, and press one of the buttons."""
    for draft, line in lines(stage):
        if "mark_delivered" in str(line["blocks"]):
            arrived = any(f".{draft}.".encode() in one.raw for one in stage.world.envelopes)
            button = "mark_delivered" if arrived else "resend"
            with contextlib.suppress(NotOffered):  # the line has moved on since it was looked at
                await persist(lambda line=line, button=button: person.click(CHANNEL, line["ts"], button))


async def storm(stage: Stage, service: Service, *, mails: int, answers: int, kills: int, dice: random.Random) -> None:
    """Mail comes in and answers leave while the service is killed; then it is left alone to finish."""
    subjects = [f"matter-{number}" for number in range(mails)]
    person = stage.slack.person(MINA)

    async def customers() -> None:
        for subject in subjects:
            await deliver(stage, subject)

    async def agent() -> None:
        for subject in subjects[:answers]:
            await answer(stage, person, subject)

    async def killer() -> None:
        for _ in range(kills):
            if dice.random() < 0.8:  # most kills meet a service at work, some meet one that is still starting
                await service.ready.wait()
            await asyncio.sleep(dice.uniform(0.02, 0.7))
            await service.kill()
            await service.start()

    await service.start()
    await asyncio.gather(customers(), agent(), killer())
    await service.ready.wait()

    async def settled() -> None:
        while True:
            await decide(stage, person)
            done = [one for _, one in lines(stage) if ":white_check_mark: Sent" in str(one["blocks"])]
            posted = {
                subject_of(one) for one in cards_alone(stage) if stage.slack.workspace.replies(CHANNEL, one["ts"])
            }
            if len(done) >= answers and len(posted) >= mails:
                return
            await asyncio.sleep(0.1)

    try:
        async with asyncio.timeout(PATIENCE):
            await settled()
    except TimeoutError:
        waiting = [said(one) for _, one in lines(stage) if ":white_check_mark: Sent" not in str(one["blocks"])]
        pytest.fail(f"it never came to rest: {doubled(stage, mails, answers)}, {waiting}")


def doubled(stage: Stage, mails: int, answers: int) -> dict[str, int]:
    """What stands there more or less often than once."""
    shown = Counter(subject_of(one) for one in cards_alone(stage))
    posts = Counter(
        one["metadata"]["event_payload"]["key"]
        for card in cards_alone(stage)
        for one in stage.slack.workspace.replies(CHANNEL, card["ts"])
        if one.get("metadata")
    )
    sent = Counter(one.recipients for one in stage.world.envelopes)
    return {
        "cards lost": mails - len(shown),
        "cards doubled": sum(shown.values()) - len(shown),
        "posts doubled": sum(posts.values()) - len(posts),
        "answers lost": answers - len(sent),
        "answers doubled": sum(sent.values()) - len(sent),
    }


def dice() -> random.Random:
    seed = int(os.environ.get("BRIDGE_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"BRIDGE_SEED={seed}\n")
    return random.Random(seed)


@pytest.mark.storm
@pytest.mark.timeout(400)
async def test_kills_at_random_moments_lose_nothing_and_double_nothing(stage: Stage, service: Service) -> None:
    await storm(stage, service, mails=60, answers=15, kills=8, dice=dice())
    assert service.kills >= 8
    assert set(doubled(stage, 60, 15).values()) == {0}, doubled(stage, 60, 15)


def jobs_in(stage: Stage) -> Counter[str]:
    """How many jobs stand in each state, but for the comparisons that are due later."""
    with contextlib.closing(sqlite3.connect(f"file:{stage.data / 'bridge.db'}?mode=ro", uri=True)) as database:
        return Counter(
            state for (state,) in database.execute("SELECT state FROM jobs WHERE kind NOT IN ('reconcile', 'shares')")
        )


async def test_sigterm_ends_the_service_within_ten_seconds_and_hands_back_what_was_in_hand(
    stage: Stage, service: Service
) -> None:
    """Slack takes its time over a post: the job goes on at the next start, and the card stands once."""
    stage.slack.faults.slow("chat.postMessage", seconds=60)
    await service.start()
    await service.ready.wait()
    await deliver(stage, "matter-0")
    person = stage.slack.person(MINA)
    await person.sees(lambda: cards_alone(stage), timeout=30)
    assert jobs_in(stage)["running"] == 1
    async with asyncio.timeout(10):
        assert await service.stop() == 0
    assert jobs_in(stage) == {"ready": 1}
    await service.start()
    await person.sees(lambda: stage.slack.workspace.replies(CHANNEL, cards_alone(stage)[0]["ts"]), timeout=30)
    assert [subject_of(one) for one in cards_alone(stage)] == ["matter-0"]


WITHOUT_LOOKING = """
import asyncio, sys, pathlib
from bridge.app import Bridge
from bridge.config import load
from bridge.logs import configure

async def run():
    await Bridge(load(config_file=pathlib.Path(sys.argv[1])), look_first=False).start()
    await asyncio.Event().wait()

configure("json")
asyncio.run(run())
"""


@pytest.mark.storm
@pytest.mark.timeout(300)
async def test_without_looking_before_redoing_the_same_storm_shows_doubles(stage: Stage, service: Service) -> None:
    """The control: were finding before redoing worth nothing, or the test blind, nothing would be doubled here."""
    chance = dice()
    lost = Fault(kind="drop_after_commit", method="chat.postMessage")
    stage.slack.faults.storm(share=0.1, seed=chance.randrange(10**6), faults=[lost])
    service.command = [sys.executable, "-c", WITHOUT_LOOKING]
    await storm(stage, service, mails=40, answers=0, kills=4, dice=chance)
    assert doubled(stage, 40, 0)["cards doubled"] + doubled(stage, 40, 0)["posts doubled"] > 0
