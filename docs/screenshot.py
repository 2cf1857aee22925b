# ruff: noqa: INP001 - a script beside the documentation, no package
"""Take the README's picture of the demo: `python docs/screenshot.py URL out.png`.

Opens the page in headless Chromium, the thread of the newest card beside its channel and the first customer's first
letter on the left, and keeps what it sees. Needs Playwright and a Chromium (Debian's, or `CHROMIUM=/path`).
"""

import os
import shutil
import sys

from playwright.sync_api import Page, ViewportSize, sync_playwright

SIZE: ViewportSize = {"width": 1440, "height": 900}
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main() -> int:
    """Take the picture; 2 where the arguments or a Chromium are missing."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if len(sys.argv) != 3 or chromium is None:
        sys.stderr.write("Usage: python docs/screenshot.py URL out.png (with a Chromium on the path)\n")
        return 2
    url, out = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport=SIZE, device_scale_factor=2)
        page.goto(url)
        compose(page)
        page.screenshot(path=out)
        browser.close()
    return 0


def compose(page: Page) -> None:
    """Bring both sides to where they tell the story."""
    page.locator(".pane .message").first.wait_for()
    page.locator(".letters .letter").first.click()
    page.locator(".pane .thread-footer").last.click()
    page.locator(".thread .message").nth(1).wait_for()
    page.locator(".thread .messages").evaluate("box => { box.scrollTop = 0; document.activeElement.blur(); }")
    page.mouse.move(2, 2)


if __name__ == "__main__":
    sys.exit(main())
