"""One call of Slack's Web API: sent once, answered or failed by type, and paced.

This is where Slack's answers and silences become errors of bridge/errors.py; nothing above it catches an error of
aiohttp's or the SDK's. It never repeats a write: the SDK's own retry posts twice when an answer is lost. Writes to one
channel go one at a time, each waiting for the last one's answer, in the order of asking, but `turns.hurried` ones
first; everything else goes at once.
Source: https://docs.slack.dev/apis/web-api/ and its guide to rate limits.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bridge.errors import BridgeError, Temporary
from bridge.model import ChannelId
from bridge.settings.near import is_loopback
from bridge.slack import faults
from bridge.slack.pacing import Pacing
from bridge.slack.turns import Turns

Json = dict[str, Any]
Observe = Callable[[str, str], None]
"""Told of every call: the method's name, and "ok" or the failure's kind in lower case."""

ANSWER_SECONDS = 30.0
"""How long one call may take in all, from the first byte sent to the last one read: the SDK's own figure."""

CONNECT_SECONDS = 10.0
"""How long a TCP connection may take. Running into it is known to have done nothing."""

PATIENCE = 2.0
"""Seconds that a write waits for its channel by itself; a longer wait is the caller's to spend on other work."""

DETAIL_MOST = 500
"""Characters of Slack's own explanation that go to the log."""

_LOG = logging.getLogger("bridge.slack.sdk")
# At DEBUG the SDK logs bodies, which hold mail.
_LOG.setLevel(logging.INFO)

_NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
# The SDK reads `.get` of whatever the body was, so text/plain ends in AttributeError and bad UTF-8 in ValueError.
_UNREADABLE = (AttributeError, LookupError, ValueError)


def client(*, token: str | None, api_url: str, session: aiohttp.ClientSession | None) -> AsyncWebClient:
    """The SDK's client as the bridge uses it: no retries, no bodies in logs, and no proxy on the way to loopback.

    Elsewhere the proxy is the environment's (HTTPS_PROXY, HTTP_PROXY), as the SDK reads it.
    """
    made = AsyncWebClient(token=token, base_url=api_url, session=session, logger=_LOG, retry_handlers=[])
    if is_loopback(urlsplit(api_url).hostname or ""):
        made.proxy = None
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Slack said: the JSON object, `ok` and all, and the scopes of the token that asked."""

    body: Json
    scopes: frozenset[str]


class Web:
    """The Web API for one bot token, over one shared session. Made by `open`."""

    def __init__(
        self,
        *,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        observe: Observe,
        clock: Callable[[], float],
        before_writing: Callable[[], None],
    ) -> None:
        self._client = client
        self._observe = observe
        self._before_writing = before_writing
        self._pacing = Pacing(clock=clock)
        self._turns: defaultdict[str, Turns] = defaultdict(Turns)
        self.session = session
        self.proxy = client.proxy

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        *,
        token: str,
        api_url: str,
        answer_seconds: float,
        observe: Observe,
        clock: Callable[[], float],
        before_writing: Callable[[], None],
    ) -> AsyncIterator[Self]:
        """Share TCP connections until the block ends, then close them. `answer_seconds`: as ANSWER_SECONDS."""
        limits = aiohttp.ClientTimeout(total=answer_seconds, sock_connect=CONNECT_SECONDS)
        async with aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar()) as session:
            sdk = client(token=token, api_url=api_url, session=session)
            yield cls(client=sdk, session=session, observe=observe, clock=clock, before_writing=before_writing)

    async def get(self, method: str, **query: str | int | bool | None) -> Json:
        """Ask a question at once; arguments that are None are left out. Errors as of `call`."""
        return (await self._unqueued(method, {"http_verb": "GET", "params": query})).body

    async def call(self, method: str, **arguments: Any) -> Answer:
        """Have something done at once; arguments that are None are left out.

        Raises Temporary, also without asking while the Retry-After of an earlier 429 runs, windows excepted; Permanent,
        Refused or Gone where Slack says no; Uncertain where a method of `faults.ONCE` may have worked.
        """
        return await self._unqueued(method, _json(arguments))

    async def write(self, turn: ChannelId, method: str, **arguments: Any) -> Answer:
        """Change a channel once every earlier change there was answered; errors as of `call`.

        Where Slack wants the channel left alone for longer than PATIENCE: Temporary, and nothing is sent.
        """
        async with self._turns[turn].mine():
            hold = self._pacing.hold(turn, method)
            if hold > PATIENCE:
                raise faults.limited(method, seconds=hold)
            await asyncio.sleep(hold)
            self._before_writing()  # after the wait for its turn, which may have been long
            try:
                return await self._send(turn, method, _json(arguments))
            finally:
                self._pacing.wrote(turn)

    async def _unqueued(self, method: str, request: Json) -> Answer:
        closed = self._pacing.closed("", method)
        if closed > 0:
            raise faults.limited(method, seconds=closed)
        return await self._send("", method, request)

    async def _send(self, channel: str, method: str, request: Json) -> Answer:
        try:
            answer = await _ask(self._client, method, request)
        except BridgeError as error:
            self._observe(method, type(error).__name__.lower())
            if isinstance(error, Temporary) and error.retry_after is not None and method not in faults.WINDOWS:
                self._pacing.limited(channel, method, seconds=error.retry_after)
            raise
        self._observe(method, "ok")
        return answer


def _json(arguments: Json) -> Json:
    return {"json": {name: value for name, value in arguments.items() if value is not None}}


async def ticket(client: AsyncWebClient, *, app_token: str) -> str:
    """A WebSocket URL for one handshake of Socket Mode. Raises Misconfigured where Slack refuses the app token."""
    answer = await _ask(client, "apps.connections.open", {"params": {"token": app_token}})
    return str(answer.body["url"])


async def _ask(client: AsyncWebClient, method: str, request: Json) -> Answer:
    try:
        answer = await client.api_call(method, **request)
    except SlackApiError as error:
        # Not chained: the SDK's error carries the request, and with it the token.
        raise _refused(method, error.response) from None
    except _NEVER_LEFT as error:
        raise faults.unreached(method, detail=repr(error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError, *_UNREADABLE) as error:
        raise faults.silence(method, detail=repr(error)) from error
    scopes = answer.headers.get("x-oauth-scopes", "").split(",")
    return Answer(body=cast("Json", answer.data), scopes=frozenset(scope.strip() for scope in scopes if scope.strip()))


def _refused(method: str, response: Any) -> BridgeError:
    """The error for an answer that the SDK takes for a failure."""
    if not isinstance(response, AsyncSlackResponse):
        return faults.silence(method, detail=f"{method}: the answer is no JSON")
    body = response.data if isinstance(response.data, dict) else {}
    code = str(body.get("error") or "")
    if response.status_code == 429 or code in {"ratelimited", "rate_limited"}:
        return faults.limited(method, seconds=faults.retry_after(method, response.headers))
    if response.status_code >= 500 or not code:
        return faults.silence(method, detail=f"{method}: status {response.status_code} {code}".rstrip())
    # For invalid blocks these say which block breaks which rule, by its place and without its text.
    rules = " ".join(map(str, (body.get("response_metadata") or {}).get("messages", ())))
    return faults.refusal(method, code, needed=str(body.get("needed") or ""), detail=rules[:DETAIL_MOST])
