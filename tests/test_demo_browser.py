"""The real demo as a newcomer meets it: `bridge demo` as a process, its page in a browser, a mail there and back."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Locator, async_playwright, expect
from playwright.async_api import Page as Tab

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or ""
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 15_000  # milliseconds a condition may take on a slow machine
STOPPING = 20  # seconds
PHOTO = b"\x89PNG\r\n\x1a\n" + b"a photo" * 20
LABEL = b"%PDF-1.4\n" + bytes(range(256))


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """The page's address. Ctrl-C at the end stops the demo cleanly."""
    if not CHROMIUM and os.environ.get("CI") != "true":
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    command = [sys.executable, "-m", "bridge", "demo", "--port", "0", "--no-browser", "--data", str(tmp_path / "demo")]
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout
        said = next((line for line in process.stdout if line.startswith("demo ready: ")), "")
        assert said, (tmp_path / "errors").read_text()
        yield said.removeprefix("demo ready: ").strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPING) == 0, (tmp_path / "errors").read_text()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def tab(demo: str) -> AsyncIterator[Tab]:
    """The page; no script of it may fail."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        tab = await browser.new_page(viewport={"width": 1440, "height": 900})
        tab.set_default_timeout(PATIENCE)
        failed: list[str] = []
        tab.on("pageerror", lambda error: failed.append(str(error)))
        await tab.goto(demo)
        yield tab
        await browser.close()
    assert failed == []


def card(tab: Tab, words: str) -> Locator:
    return tab.locator(".pane article.message:not(.ephemeral)", has_text=words)


async def become(tab: Tab, name: str) -> None:
    await tab.locator(".switcher").click()
    await tab.get_by_role("menuitem", name=name).click()


async def say(tab: Tab, words: str) -> None:
    box = tab.get_by_label("Message #support")
    await box.fill(words)
    await box.press("Enter")


async def test_a_mail_comes_in_and_a_formatted_answer_with_a_file_goes_out(tab: Tab) -> None:
    """What the README promises of the demo, from the sample cards to the answer in the customer's mail program."""
    for words in ("compostable bags", "원두", "Undelivered Mail", "Charged twice", "two bags missing"):
        await expect(card(tab, words)).to_have_count(1)
    await write_as_dana(tab)
    await expect(card(tab, "Which grind")).to_contain_text("for my *old* moka pot?")
    await card(tab, "Which grind").locator(".thread-footer").click()
    await expect(tab.locator(".thread .file-image")).to_contain_text("moka.png")

    await card(tab, "Which grind").locator("[data-action=reply]").click()
    await type_an_answer(tab)
    await tab.locator(".modal button[type=submit]").click()
    leaving = tab.locator(".modal")
    for words in ("Fernhill Coffee <hello@fernhill.example.com>", "Dana Reyes <dana.reyes@example.com>", "label.pdf"):
        await expect(leaving).to_contain_text(words)
    await leaving.locator("[data-action=cancel_send]").click()

    await expect(leaving.get_by_label("To", exact=True)).to_have_value("Dana Reyes <dana.reyes@example.com>")
    await expect(tab.locator(".editor-area :is(b, strong)")).to_have_text("one step")
    await expect(leaving.get_by_label("label.pdf")).to_be_checked()
    await tab.locator(".editor-area").press("Control+End")
    await tab.keyboard.type(" Enjoy!")
    await leaving.locator("button[type=submit]").click()
    await leaving.locator("[data-action=send_now]").click()
    await expect(leaving).to_contain_text("Sent.")
    await leaving.get_by_role("button", name="Close").last.click()
    line = tab.locator(".thread article.message", has_text="Enjoy!")
    await expect(line).to_contain_text("Sent")
    await expect(line).to_contain_text("dana.reyes@example.com")
    await expect(card(tab, "Which grind")).to_contain_text("Waiting for the customer")
    await read_the_answer(tab)


async def write_as_dana(tab: Tab) -> None:
    await tab.get_by_role("button", name="New mail").click()
    await tab.locator(".letter-form input[name=subject]").fill("Which grind?")
    await tab.get_by_label("Text").fill("Hello,\n\nwhich one for my *old* moka pot?\n\nDana\n")
    photo: FilePayload = {"name": "moka.png", "mimeType": "image/png", "buffer": PHOTO}
    await tab.locator(".letter-form input[type=file]").set_input_files([photo])
    await tab.locator(".letter-form button[type=submit]").click()


async def type_an_answer(tab: Tab) -> None:
    area = tab.locator(".editor-area")
    await area.click()
    await tab.keyboard.type("Grind it ")
    await tab.keyboard.press("Control+b")
    await tab.keyboard.type("one step")
    await tab.keyboard.press("Control+b")
    await tab.keyboard.type(" coarser than espresso.")
    label: FilePayload = {"name": "label.pdf", "mimeType": "application/pdf", "buffer": LABEL}
    await tab.locator(".modal input[type=file]").set_input_files([label])
    await expect(tab.locator(".modal .file-row:not(.busy)")).to_contain_text("label.pdf")


async def read_the_answer(tab: Tab) -> None:
    await tab.locator(".letter.fresh", has_text="Grind it").click()
    words = tab.frame_locator("iframe.letter-html").locator("body")
    await expect(words).to_contain_text("Grind it one step coarser than espresso. Enjoy!")
    await expect(words.locator("b, strong")).to_have_text("one step")
    async with tab.expect_download() as saving:
        await tab.locator(".reading .file-tile", has_text="label.pdf").click()
    saved = Path(await (await saving.value).path())
    assert await asyncio.to_thread(saved.read_bytes) == LABEL


async def test_an_answer_is_due_and_what_is_put_aside_until_monday_comes_back_when_monday_does(tab: Tab) -> None:
    mine = card(tab, "two bags missing").first  # the nudge shows in the channel too
    await expect(mine).to_contain_text("an answer is due")
    for _ in range(4):
        await tab.locator(".later summary").click()
        await tab.get_by_role("button", name="+ 1 hour").click()
    await expect(mine).to_contain_text("an answer was due")
    number = re.findall(r"#(\d+)", await mine.inner_text())[0]
    await say(tab, f"/mail snooze {number} next Monday 9am")
    await expect(mine).to_contain_text("Snoozed until")
    await tab.locator(".later summary").click()
    await tab.get_by_role("button", name="Next Monday, 9:00").click()
    await expect(tab.locator(".later summary")).to_contain_text("Mon 9:0")
    await tab.locator(".later summary").click()
    await tab.get_by_role("button", name="+ 1 day").click()  # whatever zone this browser and Mina are in
    await expect(mine).to_contain_text("Open")


async def test_who_may_act_is_told_and_what_members_do_shows(tab: Tab) -> None:
    """A guest hears why not, and nobody else does; commands, a claim and the Home work for a member."""
    mine = card(tab, "two bags missing")
    await become(tab, "Lee")
    await mine.locator("[data-action=claim]").click()
    refusal = tab.locator(".pane .message.ephemeral")
    await expect(refusal).to_contain_text("Only full members of this workspace may handle the mail")
    await become(tab, "Mina Park")
    await expect(refusal).to_have_count(0)

    await say(tab, "/mail help")
    await expect(refusal).to_contain_text("/mail search WORDS")
    await mine.locator("[data-action=claim]").click()
    await expect(mine).to_contain_text("@Mina Park")
    await say(tab, "/mail inbox")
    await expect(refusal.last).to_contain_text(re.compile(r"two bags missing.*@Mina Park.*today \d"))
    await tab.locator(".sidebar").get_by_role("button", name="Bridge").click()
    home = tab.locator(".home-blocks")
    await expect(home).to_contain_text("Mine (1)")
    await expect(home).to_contain_text("Nobody's yet (4)")
