"""`bridge demo`: everything on this machine, with no account. The page shows the stage, and people play on it."""

import asyncio
import tempfile
import webbrowser
from contextlib import AsyncExitStack
from pathlib import Path

from bridge.demo.mails import CANNED, CUSTOMERS, SHOP, samples
from bridge.demo.page import Page
from bridge.demo.stage import JONAS, MINA, Stage
from bridge.model import now
from bridge.sentences import Language
from bridge.slack import manifest

BY_ITSELF = """
auto_ack = true
first_response = "4h"
next_response = "2h"
silence = { close_after = "14d", last_mail = true }
"""
"""Lines of `bridge.toml` for what the demo's mailbox does by itself, which is seen when its clock is set ahead."""

LOCALES: dict[Language, str] = {"en": "en-US", "ko": "ko-KR"}
"""What Slack calls them."""


async def demo(*, port: int, open_browser: bool, data: Path | None, language: Language = "en") -> None:
    """Run the demo until cancelled. `port`: the page's, 0 for any free one; `data`: kept, else a temporary folder;
    `language`: the house's, and of the agents' Slack.

    Prints `demo ready: URL` once the page can be used. Raises Misconfigured where the port is taken.
    """
    async with AsyncExitStack() as closing:
        folder = data or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="bridge-demo-")))
        stage = Stage(folder, flood=20)
        stage.others, stage.language = CANNED, language
        stage.source += BY_ITSELF
        for agent in (MINA, JONAS):
            stage.slack.workspace.change_user(agent, locale=LOCALES[language])
        stage.slack.workspace.change_user(MINA, is_admin=True)  # so that whoever plays sees all that there is
        page = Page(
            stage.slack,
            stage.world,
            customers=CUSTOMERS,
            mailboxes=[SHOP],
            manifest=manifest.load(),
            later=stage.later,
            port=port,
        )
        closing.push_async_callback(page.stop)
        await page.start()
        is_new = not stage.database.exists()
        closing.push_async_callback(stage.stop)
        await stage.start()
        if is_new:
            for mail in samples(SHOP, at=now()):
                await stage.world.hand_over(mail.raw, sender=mail.sender, recipients=mail.recipients)
        print(f"demo ready: {page.url}", flush=True)  # noqa: T201 - the contract's line
        if open_browser:
            await asyncio.to_thread(webbrowser.open, page.url)
        await asyncio.Event().wait()
