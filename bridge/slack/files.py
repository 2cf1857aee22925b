"""Slack's files on the wire: where the token may go, what came back, and where a file is shared.

A file's bytes are fetched with the bot token from Slack's own file host over https and from nowhere else, or from the
Web API's host where that is loopback; redirects are not followed, since they would carry the token along. The bytes of
an upload go to the address that Slack gave for them, without a token.
Source: https://docs.slack.dev/reference/objects/file-object and https://docs.slack.dev/messaging/working-with-files.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bridge.errors import Permanent, Refused, Temporary
from bridge.model import ChannelId, FileId
from bridge.sentences import mark, say
from bridge.settings.near import is_loopback
from bridge.slack import faults

FILE_HOST = "files.slack.com"
"""The host of every `url_private` of a file that Slack itself keeps."""

TRANSFER_SECONDS = 600.0
"""How long one file may take: 40 MiB at 70 kB/s."""

READ_BYTES = 65_536
"""Bytes taken from the wire at a time, and so how far past the limit a download can go."""

_TRANSFER = aiohttp.ClientTimeout(total=TRANSFER_SECONDS, sock_connect=10, sock_read=60)

_SIGN_IN = mark("Slack showed its sign-in page instead of the file: the app lacks files:read, or may not see the file.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackFile:
    """A file in Slack. `size` in bytes; `url` asks for the token; `is_external`: kept elsewhere (a cloud drive)."""

    id: FileId
    name: str
    mimetype: str
    size: int
    url: str = field(repr=False)
    is_external: bool = False


def read_file(body: Mapping[str, Any]) -> SlackFile:
    """A file from Slack's file object, as `files.info` and events give it."""
    return SlackFile(
        id=FileId(body["id"]),
        name=body.get("name") or body.get("title") or body["id"],
        mimetype=(body.get("mimetype") or "application/octet-stream").lower(),
        size=int(body.get("size") or 0),
        url=body.get("url_private_download") or body.get("url_private") or "",
        is_external=bool(body.get("is_external")) or body.get("mode") == "external",
    )


def is_shared(body: Mapping[str, Any], *, channel: ChannelId) -> bool:
    """Whether a file object says that a message in the channel shows the file."""
    shares = body.get("shares") or {}
    return any((shares.get(kind) or {}).get(channel) for kind in ("public", "private"))


def may_carry_token(url: str, *, api_url: str) -> bool:
    """Whether the bot token may be sent to this address."""
    try:
        target, api = urlsplit(url), urlsplit(api_url)
        host, port = target.hostname or "", target.port
    except ValueError:
        return False
    if target.username is not None or target.password is not None:
        return False
    if is_loopback(api.hostname or "") and host == api.hostname:
        return target.scheme in {"http", "https"}
    return target.scheme == "https" and host == FILE_HOST and port in {None, 443}


async def fetch(
    session: aiohttp.ClientSession, file: SlackFile, *, token: str, api_url: str, proxy: str | None, max_bytes: int
) -> bytes:
    """A file's bytes.

    Raises Refused for one kept outside Slack or larger than `max_bytes`, Permanent where Slack does not hand it out,
    Temporary where it may later.
    """
    if file.is_external or not may_carry_token(file.url, api_url=api_url):
        raise Refused(
            say("“{file}” is kept outside Slack: download it there and attach the file itself.", file=file.name)
        )
    if file.size > max_bytes:
        raise _too_large(file, max_bytes)
    # Compressed, a few bytes on the wire could be gigabytes here.
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    try:
        async with session.get(
            file.url, headers=headers, allow_redirects=False, proxy=proxy, timeout=_TRANSFER
        ) as response:
            _check(response, file)
            content = await _read(response, file, max_bytes)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Temporary(say("Slack did not hand the file out."), detail=f"download: {type(error).__name__}") from error
    if response.content_type == "text/html" and len(content) != file.size:
        raise Permanent(say(_SIGN_IN), detail="download: a page of another size than the file")
    return content


async def deposit(session: aiohttp.ClientSession, *, url: str, content: bytes, proxy: str | None) -> None:
    """Bring the bytes of an upload to the address that Slack gave for them. Doing it again changes nothing."""
    try:
        async with session.post(
            url, data=io.BytesIO(content), allow_redirects=False, proxy=proxy, timeout=_TRANSFER
        ) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Temporary(say("Slack did not take the file."), detail=f"upload: {type(error).__name__}") from error
    if status != 200:
        # The address is good for one upload: the next try asks for another.
        raise Temporary(say("Slack did not take the file."), detail=f"upload: status {status}")


def _check(response: aiohttp.ClientResponse, file: SlackFile) -> None:
    status = response.status
    if 300 <= status < 400:
        raise Permanent(say(_SIGN_IN), detail=f"download: status {status}")
    if status == 429:
        raise faults.limited("download", seconds=faults.retry_after("download", response.headers))
    if status >= 500:
        raise Temporary(say("Slack did not hand the file out."), detail=f"download: status {status}")
    if status != 200:
        raise Permanent(
            say("Slack does not hand out “{file}”: was it deleted, or may the bot not see it?", file=file.name),
            detail=f"download: status {status}",
        )
    if response.content_type == "text/html" and file.mimetype != "text/html":
        raise Permanent(say(_SIGN_IN), detail="download: text/html")


async def _read(response: aiohttp.ClientResponse, file: SlackFile, max_bytes: int) -> bytes:
    content = bytearray()
    async for part in response.content.iter_chunked(READ_BYTES):
        content += part
        if len(content) > max_bytes:
            raise _too_large(file, max_bytes)
    return bytes(content)


def _too_large(file: SlackFile, max_bytes: int) -> Refused:
    most = f"{max_bytes / 2**20:.3g}"
    return Refused(say("“{file}” is larger than the {most} MiB that may be attached.", file=file.name, most=most))
