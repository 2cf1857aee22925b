"""Delivery by signed HTTP: what Slack posts to an app's request URL when the app does not use Socket Mode.

Signature: `v0=` and the HMAC-SHA256 of `v0:{timestamp}:{body}` under the signing secret, in X-Slack-Signature, beside
X-Slack-Request-Timestamp. Events travel as JSON, interactions as a form with one field `payload`, commands as a form.
"""

import asyncio
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import aiohttp

from bridge.demo.double.delivery import Answer, Envelope
from bridge.demo.double.refusals import NoAck
from bridge.demo.double.site import Timing
from bridge.demo.double.stored import Json


class SignedHttp:
    """An app that is reached at its request URL, which may become known only when the app has its port."""

    def __init__(self, url: str, *, secret: str, timing: Timing) -> None:
        self._url, self._known = url, asyncio.Event()
        self._secret, self._timing = secret, timing
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where the app takes requests; empty until it is known."""
        return self._url

    @url.setter
    def url(self, url: str) -> None:
        self._url = url
        self._known.set()

    def reachable(self) -> bool:
        """Whether there is an address; whether somebody answers there shows in `deliver`."""
        return bool(self._url)

    async def until_reachable(self) -> None:
        """Wait until the address is known."""
        await self._known.wait()

    async def deliver(self, envelope: Envelope) -> Answer:
        """Post it and answer the body of the app's 200. Raises NoAck."""
        body, content_type = _encoded(envelope)
        headers = {"Content-Type": content_type, **signature(body, secret=self._secret, at=int(time.time()))}
        if envelope.attempt:
            headers |= {"X-Slack-Retry-Num": str(envelope.attempt), "X-Slack-Retry-Reason": envelope.reason}
        try:
            async with (
                asyncio.timeout(self._timing.ack),
                self._client().post(self._url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                text = await response.text()
                if response.status != 200:
                    raise NoAck("http_error")
                return _read(text)
        except TimeoutError:
            raise NoAck("http_timeout") from None
        except (aiohttp.ClientError, ConnectionError):
            raise NoAck("connection_failed") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session


def signature(body: bytes, *, secret: str, at: int) -> dict[str, str]:
    """The two headers that prove to the app that a body came from Slack at that time (Unix seconds)."""
    digest = hmac.new(secret.encode(), b"v0:%d:" % at + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={digest}"}


def _encoded(envelope: Envelope) -> tuple[bytes, str]:
    form = "application/x-www-form-urlencoded"
    if envelope.kind == "events_api":
        return json.dumps(envelope.payload).encode(), "application/json"
    if envelope.kind == "interactive":
        return urlencode({"payload": json.dumps(envelope.payload)}).encode(), form
    return urlencode({key: _plain(value) for key, value in envelope.payload.items()}).encode(), form


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(text: str) -> Json | str | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
