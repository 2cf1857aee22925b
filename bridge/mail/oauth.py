"""OAuth2 sign-in for a mailbox: codes and refresh tokens become access tokens (talks, keeps nothing).

Two ways to sign in: a browser on this machine that comes back to a loopback address (RFC 8252, with PKCE, RFC 7636),
and a code that is typed in on any other (RFC 8628). Plain HTTP for every provider: three small forms need no library of
each one's own. Tokens go into no log, no repr and no error's sentence.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
from aiohttp import web

from bridge.errors import BridgeError, Misconfigured, Permanent, Refused, Temporary
from bridge.model import now
from bridge.sentences import mark, say
from bridge.settings.models import OAuthSettings
from bridge.settings.near import is_loopback

PATIENCE = 20.0
"""Seconds that a provider may take for an answer."""

SHORTEST = timedelta(minutes=10)
"""How long an access token is taken to last where the provider does not say (RFC 6749 section 5.1: it should)."""

_ENDED = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_DENIED = frozenset({"access_denied", "authorization_declined"})
_UNKNOWN_INTERVAL = 5.0  # seconds between questions for a device's code, where not told (RFC 8628 section 3.2)
_SLOW_DOWN = 5.0  # seconds more between them, each time the provider says so (section 3.5)

_TOO_LATE = mark("The code was not typed in in time: run `bridge login` again.")


class SignInEnded(Permanent):
    """The provider takes the sign-in no more: it was withdrawn, ran out, or the account's password was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a sign-in gives: an access token until `expires`, and the refresh token for the next one."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a person types in, and where, until `expires`. `interval`: seconds between questions whether they did."""

    user_code: str
    address: str
    device_code: str = field(repr=False)
    interval: float
    expires: datetime


async def refresh(client: OAuthSettings, refresh_token: str) -> Grant:
    """A new access token, and the refresh token that counts from now on, which may be another.

    Raises SignInEnded, Misconfigured where the provider does not know the bridge, Temporary.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _granted(await _ask(client.token_url, form | _who(client)), refresh_token=refresh_token)


# --- in a browser -----------------------------------------------------------------------------------------------------


class Visit:
    """One sign-in in a browser, which comes back to `redirect`. Made by `visiting`."""

    def __init__(self, client: OAuthSettings, *, hint: str) -> None:
        self.redirect = ""
        self._client = client
        self._hint = hint
        self._verifier = secrets.token_urlsafe(64)
        self._state = secrets.token_urlsafe(24)
        self._back: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def address(self) -> str:
        """What is to be opened in the browser."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self.redirect,
            "scope": " ".join(self._client.scopes),
            "state": self._state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "login_hint": self._hint,
        }
        url = urlsplit(self._client.authorize_url)
        return urlunsplit(url._replace(query=urlencode([*parse_qsl(url.query), *asked.items()])))

    async def grant(self) -> Grant:
        """Wait for the browser, for as long as it takes. Raises Refused where the person said no."""
        form = {
            "grant_type": "authorization_code",
            "code": await self._back,
            "redirect_uri": self.redirect,
            "code_verifier": self._verifier,
        }
        return _granted(await _ask(self._client.token_url, form | _who(self._client)))

    async def come_back(self, request: web.Request) -> web.Response:
        """The browser is here again. Who does not bring our state was not sent by us, and changes nothing."""
        if not secrets.compare_digest(request.query.get("state", "").encode(), self._state.encode()):
            return web.Response(status=400, text="This is not the answer that is being waited for.")
        code = request.query.get("code", "")
        if not self._back.done():
            if code:
                self._back.set_result(code)
            else:
                self._back.set_exception(_failure(request.query.get("error", "")))
        said = "Done. You can close this window." if code else "That did not work; the terminal says why."
        return web.Response(text=said, headers={"Cache-Control": "no-store"})


@contextlib.asynccontextmanager
async def visiting(client: OAuthSettings, *, hint: str, port: int = 0) -> AsyncIterator[Visit]:
    """Listen on loopback for a browser that is sent to the provider; `hint` is the account that is meant.

    `port` 0 is any free one. Raises Misconfigured where it is taken, or where the provider has no such way.
    """
    if not client.authorize_url:
        raise Misconfigured("No address is known to sign in at by browser: use `bridge login --device`.")
    visit = Visit(client, hint=hint)
    app = web.Application()
    app.router.add_get("/", visit.come_back)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise Misconfigured(
                f"The browser cannot come back to that port ({error.strerror}): choose another --port."
            ) from error
        visit.redirect = f"http://localhost:{runner.addresses[0][1]}"  # by this name Microsoft takes any port
        yield visit
    finally:
        await runner.cleanup()


# --- by a code, typed in elsewhere ------------------------------------------------------------------------------------


async def begin_device(client: OAuthSettings) -> Device:
    """A code for a person to type in. Raises Misconfigured where the provider has no such way."""
    if not client.device_url:
        raise Misconfigured("This provider gives no access to mail by a device's code: leave --device out.")
    form = {"client_id": client.client_id, "scope": " ".join(client.scopes)}
    body = await _ask(client.device_url, form)
    try:
        return Device(
            user_code=str(body["user_code"]),
            address=str(body.get("verification_uri") or body["verification_url"]),  # Google's name is an older one
            device_code=str(body["device_code"]),
            interval=float(body.get("interval", _UNKNOWN_INTERVAL)),
            expires=now() + timedelta(seconds=float(body["expires_in"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _odd(body) from error


async def await_device(client: OAuthSettings, device: Device) -> Grant:
    """Wait until the code has been typed in. Raises Refused where the person said no, or did not in time."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device.device_code}
    interval = device.interval
    while now() < device.expires:
        await asyncio.sleep(interval)
        try:
            return _granted(await _ask(client.token_url, form | _who(client), waiting=True))
        except _NotYet as error:
            interval += error.retry_after or 0.0
        except Temporary:
            interval += _SLOW_DOWN
    raise Refused(say(_TOO_LATE))


# --- the provider's answers -------------------------------------------------------------------------------------------


class _NotYet(Temporary):
    """The person has not typed the code in. `retry_after`: seconds to wait longer from now on."""


def _who(client: OAuthSettings) -> dict[str, str]:
    """The bridge, as the provider registered it."""
    secret = client.client_secret.get_secret_value()
    return {"client_id": client.client_id} | ({"client_secret": secret} if secret else {})


async def _ask(url: str, form: Mapping[str, str], *, waiting: bool = False) -> dict[str, Any]:
    """Post a form, and read the JSON that comes back. No redirect is followed: the form holds secrets."""
    limits = aiohttp.ClientTimeout(total=PATIENCE)
    elsewhere = not is_loopback(urlsplit(url).hostname or "")  # no proxy on the way to this very machine
    try:
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=elsewhere) as session,
            session.post(url, data=form, headers={"Accept": "application/json"}, allow_redirects=False) as answer,
        ):
            status = answer.status
            body = json.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Temporary(
            say("The provider's sign-in service cannot be reached: check the network."), detail=type(error).__name__
        ) from error
    except ValueError as error:  # no JSON
        raise _unwell(status) from error
    if status == 200 and isinstance(body, dict):
        return body
    told = body.get("error") if isinstance(body, dict) else None
    if waiting and told in {"authorization_pending", "slow_down"}:
        raise _NotYet("The code has not been typed in.", retry_after=_SLOW_DOWN if told == "slow_down" else None)
    if status >= 500 or status == 429 or not isinstance(told, str):
        raise _unwell(status)
    raise _failure(told)


def _granted(body: Mapping[str, Any], *, refresh_token: str = "") -> Grant:
    """A token answer (RFC 6749 section 5.1). `refresh_token` goes on where there is no new one."""
    access, lasts = body.get("access_token"), body.get("expires_in", SHORTEST.total_seconds())
    refresh_token = str(body.get("refresh_token") or refresh_token)
    if not isinstance(access, str) or not access:
        raise _odd(body)
    if not refresh_token:
        raise Permanent(
            say(
                "The provider gave no refresh token, so the sign-in would end within the hour: its scopes must allow "
                "offline access."
            )
        )
    try:
        expires = now() + timedelta(seconds=float(lasts))
    except (TypeError, ValueError, OverflowError) as error:
        raise _odd(body) from error
    return Grant(access_token=access, refresh_token=refresh_token, expires=expires)


def _failure(told: str) -> BridgeError:
    """What an error code means (RFC 6749 section 5.2, RFC 8628 section 3.5). Its descriptions are not repeated: they
    name accounts.
    """
    shown = told[:60] if told.isascii() and told.replace("_", "").isalnum() else say("an unknown error")
    if told in _ENDED:
        return SignInEnded(say("The provider takes the sign-in no more ({why}): sign in again.", why=shown))
    if told in _DENIED:
        return Refused(say("The sign-in was refused at the provider ({why}).", why=shown))
    if told == "expired_token":
        return Refused(say(_TOO_LATE))
    if told in _PASSING:
        return Temporary(say("The provider's sign-in service is busy ({why}).", why=shown))
    return Misconfigured(
        say(
            "The provider does not let the bridge sign in ({why}): check MAIL_OAUTH_CLIENT_ID, "
            "MAIL_OAUTH_CLIENT_SECRET and MAIL_OAUTH_TENANT, and how it is registered there (docs/oauth.md).",
            why=shown,
        )
    )


def _unwell(status: int) -> Temporary:
    return Temporary(say("The provider's sign-in service is in trouble."), detail=f"HTTP {status}")


def _odd(body: Mapping[str, Any]) -> Temporary:
    names = ", ".join(sorted(map(str, body)))  # never the values
    return Temporary(say("The provider's sign-in service gave an answer that is none."), detail=f"with {names}"[:200])
