"""One Slack workspace on loopback: Web API, sockets, uploads, and the people in it. Wiring only.

It is as strict as Slack: it refuses what Slack refuses, with Slack's codes, and forgets what Slack forgets. It serves
the demo and stands at the other end of every test.
"""

import asyncio
import time
from collections.abc import Callable, Collection

from aiohttp import web

from bridge.demo.double.delivery import Delivery
from bridge.demo.double.events import Events
from bridge.demo.double.faults import Faults
from bridge.demo.double.people import Person
from bridge.demo.double.signed import SignedHttp
from bridge.demo.double.site import Site, Timing, scopes_of
from bridge.demo.double.socketmode import Sockets
from bridge.demo.double.stored import Json
from bridge.demo.double.webapi import BODY_MOST, WebApi
from bridge.demo.double.workspace import Workspace

__all__ = ["SlackDouble", "Timing", "scopes_of"]


class SlackDouble:
    """A workspace with one app installed.

    `manifest` is the app's: commands, shortcuts and events that it does not name do not exist. `scopes` are those
    granted (by default the manifest's). With `request_url` the app is reached by signed HTTP, else by Socket Mode;
    `signed.url` may be set later, when the app knows its port.
    """

    def __init__(
        self,
        *,
        manifest: Json,
        scopes: Collection[str] | None = None,
        request_url: str | None = None,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.bot_token = "xoxb-demo-bot"  # noqa: S105 - a double's
        self.app_token = "xapp-demo-app"  # noqa: S105
        self.signing_secret = "demo-signing-secret"  # noqa: S105
        self.url = ""
        self.faults = Faults()
        self.timing = timing or Timing()
        bot = manifest.get("features", {}).get("bot_user", {}).get("display_name", "bridge")
        self.workspace = Workspace(clock=clock, bot_name=bot)
        self.workspace.screens.trigger_seconds = self.timing.trigger
        self.sockets = Sockets(app_id=self.workspace.app_id, timing=self.timing)
        self.signed = SignedHttp(request_url or "", secret=self.signing_secret, timing=self.timing)
        self.delivery = Delivery(self.sockets if request_url is None else self.signed, timing=self.timing)
        self.site = Site(
            workspace=self.workspace,
            faults=self.faults,
            timing=self.timing,
            manifest=manifest,
            scopes=scopes_of(manifest) if scopes is None else frozenset(scopes),
            open_socket_url=self._socket_url,
        )
        self._events = Events(self.site, self.delivery)
        self._api = WebApi(self.site, bot_token=self.bot_token, app_token=self.app_token)
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0) -> None:
        """Listen on loopback, on this port or any free one."""
        app = web.Application(client_max_size=BODY_MOST)
        app.add_routes([*self._api.routes(), web.get("/link/", self.sockets.serve)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        host, bound = self._runner.addresses[0][:2]
        self.workspace.url = f"http://{host}:{bound}"
        self.url = f"{self.workspace.url}/api/"
        self.workspace.listeners.append(self._events.heard)

    async def stop(self) -> None:
        """Close every socket and stop listening; what is under way is given up."""
        await self.delivery.stop()
        for task in list(self.site.tasks):
            task.cancel()
        await asyncio.gather(*self.site.tasks, return_exceptions=True)
        await self.sockets.close()
        await self.signed.close()
        if self._runner:
            await self._runner.cleanup()

    def person(self, user_id: str) -> Person:
        """Somebody in the workspace. Raises KeyError for nobody."""
        return Person(user_id, site=self.site, delivery=self.delivery, events=self._events)

    def uninstall(self) -> None:
        """Remove the app from the workspace: it hears of it."""
        self._events.uninstalled()

    def _socket_url(self) -> str:
        return self.workspace.url.replace("http:", "ws:", 1) + self.sockets.ticket()
