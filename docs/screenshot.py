# ruff: noqa: INP001 - a script beside the documentation, no package
"""Take the pictures of the demo: `python docs/screenshot.py URL docs`, on a demo started afresh.

Plays the story through the page in headless Chromium: Dana writes with a photo, Mina claims it and answers with a file,
Dana reads the answer; Mina, an admin, writes a template and two rules; four hours pass, and a rule proposes an answer;
Mina writes again, by a template, and Dana is quicker; thirty people write at once. Needs Playwright and a
Chromium (Debian's, or `CHROMIUM=/path`). Each picture is of one surface: demo, card, thread, compose, leaving, search,
template, trial, rules, home, writing, digest. With `korean` as a third argument, on `bridge demo --language ko`: of the
card and its thread in Korean alone.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, ViewportSize, expect, sync_playwright

from bridge.demo.attachments import Colour, pdf, png

SIZE: ViewportSize = {"width": 1440, "height": 900}
TALL = 1018  # pixels: Home down to what is not overdue
SCALE = 1.5  # sharp on a README's page, and under half a megabyte
PATIENCE = 20_000  # milliseconds
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SUBJECT = "A torn bag in order 10514"
QUESTION = """Hi Fernhill team,

one bag of the House Blend came open, see the photo. Could you send another before Friday?

Dana
"""


def main() -> int:
    """Take the pictures; 2 where the arguments or a Chromium are missing."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if sys.argv[3:] not in ([], ["korean"]) or len(sys.argv) < 3 or chromium is None:
        sys.stderr.write("Usage: python docs/screenshot.py URL FOLDER [korean] (with a Chromium on the path)\n")
        return 2
    url, folder, korean = sys.argv[1], Path(sys.argv[2]), bool(sys.argv[3:])
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE)
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        ask(page)
        if korean:
            page.locator(".thread .messages").evaluate("box => { box.scrollTop = 0; }")
            shoot(page.locator(".thread"), folder / "korean.png")
            return 0
        shoot(card(page), folder / "card.png")
        write(page)
        shoot(page.locator(".modal"), folder / "compose.png")
        send(page, folder)
        read(page)
        compose(page)
        page.screenshot(path=folder / "demo.png")
        shoot(page.locator(".thread"), folder / "thread.png")
        search(page, folder)
        home(page, folder)
        write_again(page)
        shoot(page.locator(".modal"), folder / "writing.png")
        page.keyboard.press("Escape")
        flood(page, folder)
        browser.close()
    return 0


def shoot(what: Locator, path: Path, *, height: int = SIZE["height"]) -> None:
    """One surface, as it stands in a window of that height."""
    what.page.set_viewport_size({"width": SIZE["width"], "height": height})
    what.page.mouse.move(2, 2)
    what.screenshot(path=path, animations="disabled")
    what.page.set_viewport_size(SIZE)


def card(page: Page) -> Locator:
    """Dana's conversation in the channel."""
    return page.locator(".pane article.message", has=page.locator("[data-action=reply]"), has_text=SUBJECT)


def ask(page: Page) -> None:
    """Dana writes, and the card comes."""
    page.get_by_role("button", name="New mail").click()
    page.locator(".letter-form input[name=subject]").fill(SUBJECT)
    page.get_by_label("Text").fill(QUESTION)
    photo: FilePayload = {"name": "torn-bag.png", "mimeType": "image/png", "buffer": png(300, 110, torn_bag)}
    page.locator(".letter-form input[type=file]").set_input_files([photo])
    page.locator(".letter-form button[type=submit]").click()
    card(page).locator("[data-action=claim]").click()
    expect(card(page)).to_contain_text("@Mina Park")
    card(page).locator(".thread-footer").click()
    expect(page.locator(".thread .file-image")).to_have_count(1)


def write(page: Page) -> None:
    """Mina writes an answer, with a word in bold and a file."""
    card(page).locator("[data-action=reply]").click()
    page.locator(".editor-area").click()
    page.keyboard.type("Hi Dana, I am sorry! A new bag leaves today and is with you ")
    page.keyboard.press("Control+b")
    page.keyboard.type("on Thursday")
    page.keyboard.press("Control+b")
    page.keyboard.type(". The label is attached.")
    label = pdf(("Shipping label", "Order 10514", "House Blend, 250 g"))
    note: FilePayload = {"name": "label-10514.pdf", "mimeType": "application/pdf", "buffer": label}
    page.locator(".modal input[type=file]").set_input_files([note])
    expect(page.locator(".modal .file-row:not(.busy)")).to_have_count(1)


def send(page: Page, folder: Path) -> None:
    """She sends it."""
    page.locator(".modal button[type=submit]").click()
    expect(page.locator(".modal [data-action=send_now]")).to_be_visible()
    shoot(page.locator(".modal"), folder / "leaving.png")
    page.locator(".modal [data-action=send_now]").click()
    expect(page.locator(".modal")).to_contain_text("Sent.")
    page.locator(".modal footer button").first.click()


def read(page: Page) -> None:
    """Dana reads it."""
    page.locator(".letter.fresh", has_text="A new bag leaves").click()
    page.frame_locator("iframe.letter-html").get_by_text("on Thursday").wait_for()
    expect(page.locator(".thread article.message").filter(has_text="A new bag").filter(has_text="Sent")).to_be_visible()


def compose(page: Page) -> None:
    """Both sides where they tell the story."""
    page.locator(".thread .messages").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    page.locator(".pane .messages").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(2, 2)


def search(page: Page, folder: Path) -> None:
    """What `/mail search` finds; without the thread beside it there is room for all of it."""
    page.get_by_label("Close the thread").click()
    box = page.get_by_label("Message #support")
    box.fill("/mail search order")
    box.press("Enter")
    found = page.locator(".pane article.message.ephemeral").last
    expect(found).to_contain_text("Order 10482")
    shoot(found, folder / "search.png")


def home(page: Page, folder: Path) -> None:
    """The app's Home: what Mina sets up there, and what it shows when four hours have passed."""
    page.get_by_role("button", name="Bridge").last.click()
    expect(page.locator(".home-blocks")).to_contain_text(SUBJECT)
    template(page, folder)
    rules(page, folder)
    page.get_by_role("button", name="support").click()
    for _ in range(4):
        page.locator(".later summary").click()
        page.get_by_role("button", name="+ 1 hour").click()
    expect(page.locator(".pane .messages")).to_contain_text("an answer was due")
    words = "Hi,\n\nyour invoice FH-2040 has somebody else's name on it. Whose is it?\n\nDana"
    mail(page, "Which invoice is this?", words)
    expect(page.locator(".pane .messages")).to_contain_text("FH-2040")
    page.get_by_role("button", name="Bridge").last.click()
    expect(page.locator(".home-blocks")).to_contain_text("Proposed, and waits for a person")
    page.locator(".home").evaluate("box => { box.scrollTop = 0; }")
    shoot(page.locator(".pane"), folder / "home.png", height=TALL)
    page.get_by_role("button", name="support").click()


def mail(page: Page, subject: str, text: str) -> None:
    """Dana writes a mail."""
    page.get_by_role("button", name="New mail").click()
    page.locator(".letter-form input[name=subject]").fill(subject)
    page.get_by_label("Text").fill(text)
    page.locator(".letter-form button[type=submit]").click()
    expect(page.locator(".letter-form")).to_be_hidden()


def rules(page: Page, folder: Path) -> None:
    """Mina writes two rules; one is tried on past mail before it is switched on."""
    page.locator("[data-action=rules]").click()
    rule(page, "Invoices and orders")
    fill(page, "subject", "textarea", "invoice\norder")
    fill(page, "tag", "input", "money")
    for block, label in (("priority", "high"), ("template", "Where is my order?")):
        page.locator(f".modal:visible [data-block={block}] select").select_option(label=label)
    tried = try_out(page)
    shoot(tried, folder / "trial.png")
    tried.locator("[data-action=switch_rule_on]").click()
    expect(tried).to_contain_text("It is on")
    close(page)
    rule(page, "Newsletters")
    page.locator(".modal:visible").get_by_label("a machine wrote it").check()
    page.locator(".modal:visible").get_by_label("Close it").check()
    try_out(page)
    close(page)
    expect(page.locator(".modal:visible")).to_contain_text("Newsletters")
    shoot(page.locator(".modal:visible"), folder / "rules.png")
    close(page)


def rule(page: Page, name: str) -> None:
    """A new rule's form."""
    page.locator(".modal:visible [data-action=new_rule]").click()
    fill(page, "name", "input", name)


def fill(page: Page, block: str, element: str, words: str) -> None:
    """An input of the modal on top."""
    page.locator(f".modal:visible [data-block={block}] {element}").fill(words)


def try_out(page: Page) -> Locator:
    """Save and try: the modal that says what it would have matched."""
    page.locator(".modal:visible button[type=submit]").click()
    tried = page.locator(".modal:visible")
    expect(tried).to_contain_text("Would have matched")
    page.evaluate("document.activeElement.blur()")
    return tried


def close(page: Page) -> None:
    """Close the modal on top."""
    page.locator(".modal:visible footer button").first.click()


def template(page: Page, folder: Path) -> None:
    """Mina, an admin, writes a template."""
    page.locator("[data-action=templates]").click()
    page.locator("[data-action=new_template]").click()
    page.locator("[data-block=name] input").fill("Your parcel is late")
    page.locator("[data-block=folder] input").fill("Shipping")
    words = "Hi {{ sender.name }},\n\nyour parcel is **late**. It is with you by tomorrow noon.\n{{ agent.name }}"
    page.locator("[data-block=text] textarea").fill(words)
    page.evaluate("document.activeElement.blur()")
    shoot(page.locator(".modal:visible"), folder / "template.png", height=TALL)
    for _ in range(2):  # the form, then the list beneath it
        close(page)


def flood(page: Page, folder: Path) -> None:
    """Thirty mails within seconds: the first have cards, the rest stand in a digest."""
    for number in range(30):
        words = "Hello, the link in today's newsletter leads nowhere."
        mail(page, f"Your newsletter links to a dead page ({number + 1})", words)
    digest = page.locator(".pane article.message", has=page.locator("[data-action=digest_list]"))
    expect(digest).to_contain_text("(30)")
    shoot(digest, folder / "digest.png")


def write_again(page: Page) -> None:
    """Mina begins another answer by a template; Dana writes meanwhile; Send asks."""
    page.locator(".pane article.message", has_text=SUBJECT).locator("[data-action=reply]").click()
    page.locator("[data-block=template] select").select_option(label="Where is my order?")
    expect(page.locator(".editor-area")).to_contain_text("Hi Dana Reyes")
    page.locator(".letter", has_text="A new bag leaves").click()
    page.get_by_role("button", name="Answer").click()
    page.get_by_label("Text").fill("No hurry at all, by the way: we still have one bag.\n\nDana")
    page.locator(".letter-form button[type=submit]").click()
    expect(page.locator(".pane article.message", has_text="No hurry at all").first).to_be_attached()
    page.locator(".modal button[type=submit]").click()
    expect(page.locator(".modal")).to_contain_text("This has changed while you were writing")
    page.locator(".dialog-body").evaluate("box => { box.scrollTop = 0; }")
    page.evaluate("document.activeElement.blur()")


def torn_bag(x: int, y: int) -> Colour:
    """A paper bag on a table, its corner open and beans beside it."""
    bean = ((x + y // 9 * 5) % 15 - 7) ** 2 / 25 + (y % 9 - 4) ** 2 / 9 < 1
    if bean and 182 < x + (y - 80) // 2 < 238 and 82 < y < 107:
        return (84, 52, 34)
    if y > 88:
        return (206, 190, 168)
    if 110 < x < 178 and y > 14:
        if x + y > 240 and (x * 7 + y * 3) % 11 < 7:
            return (84, 52, 34)
        label = 124 < x < 164 and 44 < y < 70
        return (250, 246, 238) if label else (150, 108, 68) if y < 24 else (176, 134, 88)
    return (236, 232, 224)


if __name__ == "__main__":
    sys.exit(main())
