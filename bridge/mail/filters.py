"""Spam filters and virus scanners that the bridge itself asks about a mail: Rspamd over HTTP, clamd over its socket.

Talks, keeps nothing. Each `check` gives a verdict, raises Temporary where the filter is away or busy, and Permanent
where it will not take that mail.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from bridge.errors import Permanent, Temporary
from bridge.mail.spam import RSPAMD_ACTIONS
from bridge.model import Spam, Verdict
from bridge.sentences import say

PATIENCE = 20.0
"""Seconds that a filter may take for a mail."""

CHUNK = 1 << 16  # bytes handed to clamd at a time; its own limit for one is far above
LONGEST_ANSWER = 4096  # bytes of clamd's answer that are read

_FOUND = re.compile(rb"stream: (.{1,300}) FOUND")
_KNOWN_ALREADY = 208  # Rspamd's status for a mail that it has learned


class Filter(Protocol):
    """One that can be asked."""

    @property
    def name(self) -> str:
        """What its verdicts are signed with."""

    async def check(self, raw: bytes) -> Verdict:
        """What it says of a mail. Raises Temporary and Permanent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rspamd:
    """Rspamd (https://rspamd.com/doc/architecture/protocol.html). `url` is a worker's that scans; `controller` the one
    that learns, empty where there is none.
    """

    url: str
    controller: str = ""
    password: str = field(default="", repr=False)
    name: str = "Rspamd"

    async def check(self, raw: bytes) -> Verdict:
        """Its action, as a verdict, and its score."""
        async with _posted(f"{self.url}/checkv2", raw, name=self.name) as (status, answer):
            if status != 200 or "action" not in answer:
                raise _away(self.name, detail=f"status {status}: {str(answer)[:200]}")
            level = RSPAMD_ACTIONS.get(str(answer["action"]), Spam.HAM)
            score = answer.get("score")
            return Verdict(level=level, by=self.name, score=float(score) if isinstance(score, int | float) else None)

    async def learn(self, raw: bytes, *, spam: bool) -> None:
        """Have it learn that a mail is spam, or is none. One that it knows as such already is as wanted."""
        path = "learnspam" if spam else "learnham"
        headers = {"Password": self.password} if self.password else {}
        async with _posted(f"{self.controller}/{path}", raw, name=self.name, headers=headers) as (status, answer):
            if status in (200, _KNOWN_ALREADY):
                return
            detail = f"status {status}: {str(answer)[:200]}"
            if status in (401, 403):
                raise Permanent(say("{filter} does not let the bridge teach it: check its password.", filter=self.name))
            if status >= 500:
                raise _away(self.name, detail=detail)
            raise Permanent(say("{filter} does not learn from this mail.", filter=self.name), detail=detail)


@contextlib.asynccontextmanager
async def _posted(
    url: str, raw: bytes, *, name: str, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """The status and the JSON that answer a mail. Raises Temporary where nothing does."""
    limits = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits) as session,
            session.post(url, data=raw, headers=headers, allow_redirects=False) as response,
        ):
            answer = await response.json(content_type=None)
            found = response.status, answer if isinstance(answer, dict) else {}
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _away(name, detail=repr(error)) from error
    yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamd:
    """ClamAV's daemon, on a socket of this machine (`path`), or on a port (clamd(8), INSTREAM)."""

    path: str = ""
    host: str = ""
    port: int = 0
    name: str = "ClamAV"

    async def check(self, raw: bytes) -> Verdict:
        """What it calls the malware in it, or that it found none."""
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._ask(raw)
        except (OSError, TimeoutError) as error:
            raise _away(self.name, detail=repr(error)) from error
        if found := _FOUND.search(answer):
            return Verdict(level=Spam.SPAM, by=self.name, virus=found[1].decode("utf-8", "replace"))
        if answer.startswith(b"stream: OK"):
            return Verdict(level=Spam.HAM, by=self.name)
        if b"size limit exceeded" in answer:
            raise Permanent(say("{filter} takes no mail of this size.", filter=self.name), detail=repr(answer[:200]))
        raise _away(self.name, detail=repr(answer[:200]))

    async def _ask(self, raw: bytes) -> bytes:
        reader, writer = await (
            asyncio.open_unix_connection(self.path) if self.path else asyncio.open_connection(self.host, self.port)
        )
        try:
            with contextlib.suppress(ConnectionError):  # it says why it takes no more, and that is worth reading
                writer.write(b"zINSTREAM\0")
                for start in range(0, len(raw), CHUNK):
                    chunk = raw[start : start + CHUNK]
                    writer.write(len(chunk).to_bytes(4, "big") + chunk)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
            answer = b""
            while len(answer) < LONGEST_ANSWER and (more := await reader.read(LONGEST_ANSWER)):
                answer += more
                if b"\0" in more:
                    break
            return answer
        finally:
            writer.close()


def _away(name: str, *, detail: str) -> Temporary:
    return Temporary(say("{filter} does not answer: check that it runs, and its address.", filter=name), detail=detail)
