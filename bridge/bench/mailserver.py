"""The scripted IMAP server in a process of its own, so that its work is not counted with what is measured.

    python -m bridge.bench.mailserver MAILS [CERTIFICATE KEY]

It tells its port in a line. A number on its input is answered once so many connections are in IDLE. It ends with its
input.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bridge.bench.certificate import Certificate
from bridge.bench.letters import letters
from bridge.demo.imapserver import Double, running
from bridge.errors import Refused
from bridge.limits import allow_files

_MOST_CONNECTIONS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """One that runs. Its inbox, which every user sees, has the uidvalidity 7."""

    port: int
    process: asyncio.subprocess.Process

    async def resting(self, connections: int) -> None:
        """Wait until so many are in IDLE. Raises Refused where the server has ended."""
        await _ask(self.process, connections)


@contextlib.asynccontextmanager
async def mailserver(*, mails: int, certificate: Certificate | None = None) -> AsyncIterator[MailServer]:
    """One whose inbox has so many mails; over TLS where there is a certificate."""
    shown = [str(certificate.file), str(certificate.key)] if certificate else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.bench.mailserver", str(mails), *shown),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield MailServer(port=await _ask(process), process=process)
    finally:
        if process.stdin:
            process.stdin.close()
        await process.wait()


async def _ask(process: asyncio.subprocess.Process, number: int | None = None) -> int:
    assert process.stdin  # noqa: S101 - both are pipes
    assert process.stdout  # noqa: S101
    if number is not None:
        process.stdin.write(b"%d\n" % number)
        await process.stdin.drain()
    if not (answer := await process.stdout.readline()):
        raise Refused("The mail server of the benchmark has ended.")
    return int(answer)


async def _serve(mails: int, certificate: Certificate | None) -> None:
    async with running(tls=certificate.context() if certificate else None) as double:
        for raw in letters(mails):
            double.inbox.add(raw)
        _tell(double.port)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await _resting(double, int(line))
            _tell(int(line))


async def _resting(double: Double, connections: int) -> None:
    async with double.changed:
        await double.changed.wait_for(lambda: sum(one.idling for one in double.connections) >= connections)


def _tell(number: int) -> None:
    print(number, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    allow_files(_MOST_CONNECTIONS)
    paths = [Path(one) for one in sys.argv[2:]]
    asyncio.run(_serve(int(sys.argv[1]), Certificate(file=paths[0], key=paths[1]) if paths else None))
