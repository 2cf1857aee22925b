"""Spam filters and virus scanners that the bridge itself asks about a mail: Rspamd over HTTP, clamd over its socket.

Talks, keeps nothing. Each `check` gives a verdict, raises Temporary where the filter is away or busy, and Permanent
where it will not take that mail.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from bridge.errors import Permanent, Temporary
from bridge.mail.spam import RSPAMD_ACTIONS
from bridge.model import Spam, Verdict
from bridge.sentences import say

PATIENCE = 20.0
"""Seconds that a filter may take for a mail."""

CHUNK = 1 << 16  # bytes handed to clamd at a time; its own limit for one is far above
LONGEST_ANSWER = 4096  # bytes of clamd's answer that are read, and of Rspamd's to a lesson

_FOUND = re.compile(rb"stream: (.{1,300}) FOUND")
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_NOTHING_TO_LEARN = 204  # Rspamd's own decision: the mail is too short for it, or what it would say anyway
_KNOWN_ALREADY = 208  # where Redis keeps what it has learned; elsewhere it is a 404, and only its words tell it apart


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
        """Have it learn that a mail is spam, or is none. One that it knows as such already is as wanted, and so is
        whatever it finds nothing in to learn from.
        """
        path, known = ("learnspam", "learned as spam") if spam else ("learnham", "learned as ham")
        secret = {"Password": self.password} if self.password else {}
        try:
            async with asyncio.timeout(PATIENCE):
                status, answer = await _taught(f"{self.controller}/{path}", raw, headers=secret)
        except (OSError, TimeoutError, ValueError) as error:
            raise _away(self.name, detail=repr(error)) from error
        if status in (200, _NOTHING_TO_LEARN, _KNOWN_ALREADY):
            return
        if status == 404 and known in str(answer.get("error")):
            return
        detail = f"status {status}: {str(answer)[:200]}"
        if status in (401, 403):
            raise Permanent(say("{filter} does not let the bridge teach it: check its password.", filter=self.name))
        if status >= 500:
            raise _away(self.name, detail=detail)
        raise Permanent(say("{filter} does not learn from this mail.", filter=self.name), detail=detail)


async def _taught(url: str, raw: bytes, *, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """The status and the JSON that answer a lesson. Raises OSError, and ValueError for what is no answer.

    Not by aiohttp: where a mail holds nothing to learn, Rspamd answers 204 with a body all the same, and aiohttp
    refuses such an answer. HTTP/1.0 (RFC 1945), which has no chunks.
    """
    at = urlsplit(url)
    safely = at.scheme == "https"
    fields = {"Host": at.netloc, "Content-Length": str(len(raw)), **headers}
    head = [f"POST {at.path} HTTP/1.0", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    reader, writer = await asyncio.open_connection(at.hostname, at.port or (443 if safely else 80), ssl=safely or None)
    try:
        with contextlib.suppress(ConnectionError):  # it says why it takes no more, and that is worth reading
            writer.write("\r\n".join(head).encode() + raw)
            await writer.drain()
        answer = b""
        while len(answer) < LONGEST_ANSWER and (more := await reader.read(LONGEST_ANSWER)):
            answer += more
    finally:
        writer.close()
    if not (status := _STATUS.match(answer)):
        raise ValueError(answer[:200])
    told = json.loads(answer.partition(b"\r\n\r\n")[2] or b"{}")
    return int(status[1]), told if isinstance(told, dict) else {}


@contextlib.asynccontextmanager
async def _posted(url: str, raw: bytes, *, name: str) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """The status and the JSON that answer a mail. Raises Temporary where nothing does."""
    limits = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits) as session,
            session.post(url, data=raw, allow_redirects=False) as response,
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
