"""How long people wait: for a new mail's card, and for the answer to a click while mail streams in."""

import asyncio
import contextlib
import time
from itertools import count

from bridge.bench.figures import Found, latencies
from bridge.bench.letters import note
from bridge.bench.office import Json, Office, office
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, JONAS, MINA

INTAKE = {50: 25.0, 95: 60.0}
CLICK = {99: 100.0}
"""Goals in milliseconds, by which of a hundred they are."""

WARM = 5  # mails before those that are measured: the first ones find nothing prepared
CARDS = 20  # that are clicked on in turn


async def intake(*, mails: int) -> Found:
    """From the line by which a scripted server pushes a mail to the card received by Slack, one mail after another."""
    async with office() as at_work:
        seconds = [await _mail(at_work, f"intake-{number}") for number in range(mails + WARM)][WARM:]
    return Found(figures=latencies("intake", seconds, INTAKE))


async def click(*, clicks: int, rate: float) -> Found:
    """From an agent's click to its acknowledgement over Socket Mode, while so many mails a second come in.

    Every other click claims a conversation, which is committed before it is acknowledged; the others open an answer.
    """
    seconds: dict[str, list[float]] = {"claim": [], "reply": []}
    async with office() as at_work:
        for number in range(CARDS):
            await _mail(at_work, f"clicked-{number}")
        streaming = asyncio.create_task(_stream(at_work, rate))
        try:
            for number in range(clicks + 2 * WARM):
                card = at_work.card(f"clicked-{number // 2 % CARDS}") or {}
                verb = "reply" if number % 2 else "claim"
                took = await _click(at_work, card, verb, by=(MINA, JONAS)[number // 2 // CARDS % 2])
                if number >= 2 * WARM:
                    seconds[verb].append(took)
        finally:
            streaming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await streaming
    measured = [(verb, taken) for verb, taken in seconds.items() if taken]
    return Found(figures=tuple(one for verb, taken in measured for one in latencies("click", taken, CLICK, what=verb)))


async def _mail(at_work: Office, subject: str) -> float:
    return await at_work.receives(subject, note(subject, to=SHOP.email))


async def _click(at_work: Office, card: Json, verb: str, *, by: str) -> float:
    """The seconds until the click is acknowledged; what it opens is waited for and closed."""
    person = at_work.stage.slack.person(by)
    begun = time.perf_counter()
    await person.click(CHANNEL, card["ts"], verb)
    taken = time.perf_counter() - begun
    if verb == "reply":
        await at_work.sees(lambda: (person.view() or {}).get("callback_id") == "compose")
        await person.close_view()
    return taken


async def _stream(at_work: Office, rate: float) -> None:
    begun = time.perf_counter()
    for number in count():
        await at_work.mail.deliver(note(f"streamed-{number}", to=SHOP.email))
        await asyncio.sleep(max(0.0, begun + (number + 1) / rate - time.perf_counter()))
