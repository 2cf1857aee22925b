"""What the service takes of memory: at the most, with large files, and for each of many watched mailboxes."""

import asyncio
import email.message
import email.policy
import random
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bridge.bench import certificate as certificates
from bridge.bench.figures import Figure, Found
from bridge.bench.mailserver import mailserver
from bridge.bench.office import Office, doubles, imap_source, office, service
from bridge.bench.process import memory, peak_memory, processor
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL
from bridge.errors import Refused
from bridge.limits import allow_files
from bridge.mailboxes import FILES_EACH

PEAK = 350.0
"""Goal for the service's process, in MB."""

THOUSAND, IDLE = 200.0, 3.0
"""Goals: MB that 1,000 mailboxes take, and the share of one processor, in percent, while nothing happens."""


async def files(*, megabytes_in: float, megabytes_out: float) -> Found:
    """The most memory that the service holds while a mail with such a file comes in, and an answer with one leaves."""
    async with office() as at_work:
        base = memory(at_work.pid)
        content = random.Random(1).randbytes(int(megabytes_in * 1_000_000))  # noqa: S311 - a file like any other
        raw = await asyncio.to_thread(_with_file, content)
        await at_work.receives("large", raw)
        card = at_work.card("large") or {}
        await at_work.sees(lambda: any(one.get("files") for one in at_work.thread(card)))
        came_in = peak_memory(at_work.pid)
        await _answer(at_work, card["ts"], size=int(megabytes_out * 1_000_000))
        peak = peak_memory(at_work.pid)
    return Found(
        figures=(
            Figure(bench="memory", name="at rest", value=round(base, 1), unit="MB"),
            Figure(bench="memory", name=f"peak, {megabytes_in:g} MB in", value=round(came_in, 1), unit="MB"),
            Figure(
                bench="memory",
                name=f"peak, and {megabytes_out:g} MB out",
                value=round(peak, 1),
                unit="MB",
                goal=PEAK,
            ),
        )
    )


async def mailboxes(*, count: int, seconds: float) -> Found:
    """What `count` watched mailboxes take, over TLS, beside a service with one; then its work while nothing happens."""
    if not allow_files(FILES_EACH * count):
        raise Refused(f"{count:,} mailboxes need more open files than this machine lets a process have (ulimit -Hn).")
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        shown = certificates.write(folder)
        server = await closing.enter_async_context(mailserver(mails=0, certificate=shown))
        stage = await closing.enter_async_context(doubles(folder))
        stage.source = imap_source(server.port, security="tls", certificate=shown.file)
        async with service(stage) as pid:
            await server.resting(1)
            base = memory(pid)
        stage.others = "".join(
            f'[[mailbox]]\nname = "box{number}"\naddress = "box{number}@fernhill.example.com"\n'
            f'channel = "{CHANNEL}"\nsave_sent = "on"\n{stage.source}\n'
            f'smtp = {{ host = "{stage.world.host}", port = {stage.world.port}, security = "none" }}\n\n'
            for number in range(1, count)
        )
        async with service(stage) as pid:
            await server.resting(count)
            held, used = memory(pid), processor(pid)
            await asyncio.sleep(seconds)
            idle = processor(pid) - used
            held = max(held, memory(pid))
    return Found(
        figures=(
            Figure(bench="mailboxes", name="a service with one", value=round(base, 1), unit="MB"),
            Figure(
                bench="mailboxes",
                name=f"above it, 1,000 (by {count:,})",
                value=round((held - base) * 1000 / count, 1),
                unit="MB",
                goal=THOUSAND,
            ),
            Figure(
                bench="mailboxes",
                name=f"at rest, {count:,}, {seconds:g} s",
                value=round(100 * idle / seconds, 2),
                unit="% of a core",
                goal=IDLE,
            ),
        )
    )


def _with_file(content: bytes) -> bytes:
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Dana Reyes <dana@example.com>", str(SHOP), "large"
    mail["Message-ID"] = "<large@example.com>"
    mail.set_content("Hello,\n\nthe recording is attached.\n")
    mail.add_attachment(content, maintype="video", subtype="mp4", filename="recording.mp4")
    return mail.as_bytes()


async def _answer(at_work: Office, ts: str, *, size: int) -> None:
    """Answer a card with a file of that size, and wait until the customer has it and the Sent folder too."""
    agent, world, sent = at_work.agent, at_work.stage.world, at_work.mail.boxes["Sent"]
    await agent.click(CHANNEL, ts, "reply")
    await at_work.sees(lambda: (agent.view() or {}).get("callback_id") == "compose")
    file = await agent.upload("catalogue.bin", random.Random(2).randbytes(size))  # noqa: S311
    words = {"type": "text", "text": "Here it is."}
    body = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [words]}]}
    await agent.submit({"body": body, "files": [file]})
    await at_work.sees(lambda: world.envelopes and ":white_check_mark: Sent" in str(at_work.thread({"ts": ts})))
    await at_work.mail.heard("APPEND")
    while not sent.mails:  # noqa: ASYNC110 - the folder tells nobody
        await asyncio.sleep(0.05)
