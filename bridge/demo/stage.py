"""The stage: a Slack workspace, the world's mail, and the real bridge between them, on this machine.

The demo shows it, the stories are told on it. Nothing of the product is here twice: the bridge is started by the wiring
that `bridge run` uses, from a `bridge.toml` as an operator would write it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from bridge.app import Bridge
from bridge.config import Settings, load
from bridge.demo.double.slack import SlackDouble, Timing
from bridge.demo.mails import SHOP
from bridge.demo.world import World
from bridge.desk import show_again
from bridge.model import CLOCK, ChannelId, now
from bridge.sentences import Language
from bridge.slack import manifest
from bridge.slack.requests import PATH
from bridge.store import conversations
from bridge.store.database import Store

CHANNEL = "C0SUPPORT1"
MINA = "U0MINA0001"
JONAS = "U0JONAS001"
GUEST = "U0GUEST001"
STRANGER = "U0STRANGE1"
"""Not in the channel."""

MOST_KEPT = 10_000
"""Conversations that are shown again on a later stage: more than anybody plays through."""


class Stage:
    """Everything but the page. `data` is the bridge's folder; `hold` its undo time in seconds; `flood` how many new
    cards a minute are too many: none are, as a rule, for whoever counts cards. `source` are the lines
    of `bridge.toml` that say where the mail comes from, `secrets` the variables that they name; `others` are further
    tables: mailboxes, templates; `language` is the house's.

    `way` is how Slack reaches it; `http` its BRIDGE_HTTP: nowhere, unless Slack has to reach it there.
    """

    def __init__(
        self,
        data: Path,
        *,
        hold: float = 10,
        flood: int = 0,
        timing: Timing | None = None,
        way: Literal["socket", "http"] = "socket",
    ) -> None:
        self.data = data
        self.hold = hold
        self.flood = flood
        self.max_bytes = 40 << 20
        self.intake_port = 0
        self.source = 'source = "local"'
        self.secrets: dict[str, str] = {}
        self.others = ""
        self.language: Language = "en"
        self.way = way
        self.http = "" if way == "socket" else "127.0.0.1:0"
        self.slack = SlackDouble(
            manifest=manifest.load(),
            timing=timing,
            request_url=None if way == "socket" else "",
            clock=lambda: now().timestamp(),
        )
        self.world = World()
        self.bridge: Bridge | None = None
        self._moved = timedelta()
        _people_the_workspace(self.slack)

    @property
    def database(self) -> Path:
        """Where the bridge keeps what it knows."""
        return self.data / "bridge.db"

    async def start(self) -> None:
        """Start the two worlds, then the bridge. On data of an earlier stage the workspace shows what was open."""
        await self.slack.start()
        await self.world.start()
        if self.database.exists():
            await self._show_what_was_open()
        await self.start_bridge()

    async def start_bridge(self) -> None:
        """Start the bridge, again after `stop_bridge` on the same data."""
        self.bridge = Bridge(self.settings())
        await self.bridge.start()
        if self.bridge.smtp and self.bridge.smtp.smtp_port:
            self.world.intake = (self.bridge.smtp.host, self.bridge.smtp.smtp_port)
        if self.way == "http":
            self.slack.signed.url = self.url(PATH)

    def url(self, path: str) -> str:
        """A path on the running bridge's own site. Raises RuntimeError where it has none."""
        site = self.bridge.site if self.bridge else None
        if site is None or site.port is None:
            raise RuntimeError("the bridge has no site")
        return f"http://127.0.0.1:{site.port}{path}"

    async def stop_bridge(self) -> None:
        """Stop the bridge as SIGTERM would; the worlds go on."""
        if self.bridge:
            await self.bridge.stop()
            self.bridge = None

    async def stop(self) -> None:
        """Stop everything. The clock goes back to where it was."""
        await self.stop_bridge()
        await self.world.stop()
        await self.slack.stop()
        CLOCK.ahead -= self._moved
        self._moved = timedelta()

    def later(self, by: timedelta) -> None:
        """So much time passes at once, for the bridge, the workspace and the mail: what is due by then happens."""
        CLOCK.ahead += by
        self._moved += by
        if self.bridge:
            self.bridge.wake()

    async def _show_what_was_open(self) -> None:
        """The workspace is new, the database is not: what is not closed is promised to be posted again."""
        store = await Store.open(f"sqlite:///{self.database}")
        try:
            async with store.write() as conn:
                for one in await conversations.unfinished(conn, channels=[ChannelId(CHANNEL)], limit=MOST_KEPT):
                    await conversations.forget_slack(conn, one.number)
                    version = await conversations.change(conn, one.number, at=one.updated)
                    await show_again(conn, one.number, version=version)
        finally:
            await store.close()

    def settings(self) -> Settings:
        """What an operator would have written to join the bridge to these worlds."""
        return load(environ=self.environ(), config_file=self.config_file(), env_file=None)

    def environ(self) -> dict[str, str]:
        """The bridge's environment: where Slack is, and the secrets."""
        way_in = {"SLACK_APP_TOKEN": self.slack.app_token}
        if self.way == "http":
            way_in = {"SLACK_SIGNING_SECRET": self.slack.signing_secret}
        return {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            **way_in,
            "SLACK_API_URL": self.slack.url,
            "BRIDGE_DATA": str(self.data),
            "BRIDGE_HTTP": self.http,
            "BRIDGE_LANGUAGE": self.language,
            **self.secrets,
        }

    def config_file(self) -> Path:
        """The `bridge.toml`, written into the data folder."""
        file = self.data / "bridge.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f"""\
max_bytes = {self.max_bytes}

[[mailbox]]
name = "support"
address = "{SHOP.email}"
display_name = "{SHOP.name}"
channel = "#support"
hold_seconds = {self.hold}
{self.source}
save_sent = "on"
smtp = {{ host = "{self.world.host}", port = {self.world.port}, security = "none" }}

{self.others}
[flood]
cards = {self.flood}

[intake]
smtp = "127.0.0.1:{self.intake_port}"
lmtp = "127.0.0.1:0"
""",
            encoding="utf-8",
        )
        return file


def _people_the_workspace(slack: SlackDouble) -> None:
    here = slack.workspace
    here.team_name = "Fernhill Coffee"
    here.add_user("mina", user_id=MINA, real_name="Mina Park", email="mina@fernhill.example.com")
    here.add_user("jonas", user_id=JONAS, real_name="Jonas Weber", email="jonas@fernhill.example.com")
    here.add_user("lee", user_id=GUEST, real_name="Lee (guest)", email="lee@agency.example", is_restricted=True)
    here.add_user("olga", user_id=STRANGER, real_name="Olga Ferro", email="olga@fernhill.example.com")
    here.add_channel("support", channel_id=CHANNEL, members=[MINA, JONAS, GUEST, here.bot_user_id])
    here.add_channel("general", channel_id="C0GENERAL1", members=[MINA, JONAS, STRANGER])
