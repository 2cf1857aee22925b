"""How quickly mail that has piled up is taken in: fetched from an IMAP server, read, threaded, and kept in SQLite."""

import tempfile
import time
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path

from bridge.bench.figures import Figure, Found
from bridge.bench.mailserver import mailserver
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL
from bridge.desk import Mailbox
from bridge.mail.imap import ImapServer, ImapSource
from bridge.metrics import Metrics
from bridge.model import ChannelId, Cursor, MailboxName
from bridge.reception import Reception
from bridge.store.database import Store

RATE, PROCESSOR = 300.0, 3.0
"""Goals: mails a second, and milliseconds of processor time for each."""

_MAX_BYTES = 40 << 20
_BEFORE_ALL = Cursor(uidvalidity=7, uidnext=1)
_BOX = Mailbox(
    name=MailboxName("support"),
    address=SHOP,
    channel=ChannelId(CHANNEL),
    hold=timedelta(0),
    saves_sent=False,
    max_bytes=_MAX_BYTES,
)


async def backlog(*, mails: int) -> Found:
    """The rate, and this process's time for each mail; everything of them is durable when the clock stops."""
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="bridge-bench-")))
        server = await closing.enter_async_context(mailserver(mails=mails))
        store = await Store.open(f"sqlite:///{folder / 'bridge.db'}")
        closing.push_async_callback(store.close)
        reception = Reception(store, keys=[bytes(32)], metrics=Metrics())
        told = ImapServer(host="127.0.0.1", port=server.port, security="none", username=SHOP.email, password="secret")  # noqa: S106 - the double lets anybody in
        source = ImapSource(told, max_bytes=_MAX_BYTES)
        closing.push_async_callback(source.stop)
        begun, used = time.perf_counter(), time.process_time()
        taken = 0
        async with aclosing(source.arrivals(_BEFORE_ALL)) as batches:
            async for batch in batches:
                await reception.receive(_BOX, batch)
                taken += len(batch.arrivals)
                if taken >= mails:
                    break
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
    return Found(
        figures=(
            Figure(
                bench="backlog",
                name="rate",
                value=round(taken / seconds),
                unit="mails/s",
                goal=RATE,
                at_least=True,
            ),
            Figure(
                bench="backlog",
                name="processor time of a mail",
                value=round(1000 * processor / taken, 2),
                unit="ms",
                goal=PROCESSOR,
            ),
        )
    )
