"""A provider of mail accounts on loopback: people sign in to it, and it gives tokens (RFC 6749, 7636, 8628, 7662).

Mail servers ask it whether a token is good: Dovecot at `/introspect`, the others `good`. It has one account, and
remembers what it was asked.
"""

import asyncio
import base64
import hashlib
import itertools
from typing import Any

from aiohttp import web

CLIENT = "bridge-client"
SECRET = "bridge-client-secret"


class Provider:
    """Its knobs: `lasts`: seconds that access tokens do; `says`: an error (status, code) that every refresh meets;
    `gate`: refreshes wait for it; `consents`: what the person says; `typed_in`: whether the device's code has been.
    """

    def __init__(self, *, account: str = "") -> None:
        self.account = account
        self.lasts = 3600.0
        self.says: tuple[int, str] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.consents = True
        self.typed_in = asyncio.Event()
        self.refreshes = 0
        self.access: set[str] = set()
        self.refresh = ""
        self._numbers = itertools.count(1)
        self._asked: dict[str, str] = {}
        app = web.Application()
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_post("/device", self._device)
        app.router.add_post("/introspect", self._introspect)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.gate.set()
        await self._runner.cleanup()

    def toml(self) -> str:
        """The mailbox's table in bridge.toml; the secret is in the variable OAUTH_SECRET."""
        return (
            f'oauth = {{ client_id = "{CLIENT}", client_secret_env = "OAUTH_SECRET", scopes = ["mail", "offline"], '
            f'authorize_url = "{self.url}/authorize?x=1", token_url = "{self.url}/token", '
            f'device_url = "{self.url}/device" }}'
        )

    def good(self, account: str, token: str) -> bool:
        return token in self.access and account in {self.account, ""}

    def give(self) -> dict[str, Any]:
        """Tokens for the account; the refresh token before is worth nothing from now on."""
        number = next(self._numbers)
        self.refresh = f"refresh-{number}-of-the-account"
        token = f"access-{number}-of-the-account"
        self.access.add(token)
        given = {"access_token": token, "refresh_token": self.refresh, "expires_in": self.lasts}
        return given | {"token_type": "Bearer"}

    async def _authorize(self, request: web.Request) -> web.Response:
        """A person's browser: signs in at once, and is sent back."""
        asked = dict(request.query)
        assert (asked["response_type"], asked["code_challenge_method"], asked["x"]) == ("code", "S256", "1")
        assert (asked["client_id"], asked["scope"]) == (CLIENT, "mail offline")
        back = {"state": asked["state"]}
        if self.consents:
            back["code"] = code = f"code-{next(self._numbers)}"
            self._asked[code] = asked["code_challenge"]
        else:
            back["error"] = "access_denied"
        words = "&".join(f"{key}={value}" for key, value in back.items())
        raise web.HTTPFound(f"{asked['redirect_uri']}/?{words}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return _error(401, "invalid_client")
        match form["grant_type"]:
            case "refresh_token":
                return await self._refresh(form["refresh_token"])
            case "authorization_code":
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                if self._asked.pop(form["code"], "") != challenge:
                    return _error(400, "invalid_grant")
            case "urn:ietf:params:oauth:grant-type:device_code":
                if not self.consents:
                    return _error(400, "access_denied")
                if not self.typed_in.is_set():
                    self.typed_in.set()  # the person does so after the first look
                    return _error(400, "authorization_pending")
        return web.json_response(self.give())

    async def _refresh(self, token: str) -> web.Response:
        self.refreshes += 1
        await self.gate.wait()
        if self.says:
            return _error(*self.says)
        if token != self.refresh:
            return _error(400, "invalid_grant")
        return web.json_response(self.give())

    async def _device(self, request: web.Request) -> web.Response:
        assert (await request.post())["client_id"] == CLIENT
        told = {"user_code": "ABCD-EFGH", "device_code": "d", "verification_uri": f"{self.url}/type"}
        return web.json_response(told | {"interval": 0.01, "expires_in": 600})

    async def _introspect(self, request: web.Request) -> web.Response:
        token = str((await request.post()).get("token", ""))
        return web.json_response({"active": token in self.access, "username": self.account})


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": code, "error_description": "for somebody@example.com"}, status=status)
