"""The demo's page in a real browser: what is seen, typed and clicked. Skipped where there is no Chromium."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page as Tab
from playwright.async_api import async_playwright, expect
from standin import Standin

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


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    if not CHROMIUM and os.environ.get("CI") != "true":
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    standin = Standin()
    await standin.start()
    yield standin
    await standin.stop()


@pytest.fixture
async def tab(standin: Standin) -> AsyncIterator[Tab]:
    """The page, loaded; every test also promises that nothing was asked of another host and no script failed."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        tab = await browser.new_page(viewport={"width": 1440, "height": 900})
        asked: list[str] = []
        failed: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: failed.append(str(error)))
        await tab.goto(standin.page.url)
        await tab.locator(".pane .message").first.wait_for()
        yield tab
        await browser.close()
    assert [url for url in asked if not url.startswith((standin.page.url, "data:"))] == []
    assert failed == []


async def open_compose(tab: Tab) -> None:
    await tab.locator(".pane [data-action=reply]").last.click()
    await tab.locator(".editor-area").wait_for()


def text(words: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"style": style} if style else {})}


def section(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(parts)}


def listed(style: str, *items: str, indent: int = 0) -> dict[str, Any]:
    elements = [section(text(item)) for item in items]
    return {"type": "rich_text_list", "style": style, "indent": indent, "border": 0, "elements": elements}


# --- rich text --------------------------------------------------------------------------------------------------------

RICH = [
    [section(text("one line"))],
    [section(text("two\n\nlines, "), text("bold", bold=True), text(" and "), text("both", bold=True, italic=True))],
    [section(text("a "), text("code()", code=True), text(" and "), text("gone", strike=True))],
    [section({"type": "link", "url": "https://example.com/a?b=1&c", "text": "a link"}, text(" after"))],
    [section(text("Hello ")), listed("bullet", "one", "two"), section(text("then")), listed("ordered", "first")],
    [listed("bullet", "outer"), listed("bullet", "inner", "inner too", indent=1), listed("bullet", "outer again")],
    [{"type": "rich_text_quote", "elements": [text("they\nwrote")]}, section(text("we answer"))],
    [{"type": "rich_text_preformatted", "border": 0, "elements": [text("if x < 1:\n    y & z")]}],
    [section(text("Hi "), {"type": "user", "user_id": "U1"}, text(" "), {"type": "emoji", "name": "tada"})],
    [section(text("مرحبا "), text("한국어", bold=True), text(" <b>no markup</b>"))],
]


async def test_rich_text_survives_the_editor_unchanged(tab: Tab) -> None:
    """A draft that is opened again and sent as it is, is the draft."""
    blocks = [{"type": "rich_text", "elements": elements} for elements in RICH]
    read_back = await tab.evaluate(
        """async (blocks) => {
            const { formOf, rich } = await import("/page/convert.js");
            return blocks.map((block) => {
                const area = document.createElement("div");
                area.append(...formOf(block, { emoji: () => "x", nameOf: (id) => id }));
                return rich(area);
            });
        }""",
        blocks,
    )
    assert read_back == blocks


async def test_an_empty_editor_holds_nothing(tab: Tab) -> None:
    """Else a required answer could be sent empty."""
    held = await tab.evaluate(
        """async () => {
            const { rich } = await import("/page/convert.js");
            const area = document.createElement("div");
            area.append(document.createElement("p"), document.createElement("ul"));
            return rich(area);
        }"""
    )
    assert held is None


async def test_what_is_typed_and_formatted_is_what_the_app_gets(standin: Standin, tab: Tab) -> None:
    await open_compose(tab)
    keys = tab.keyboard
    await keys.type("Dear Dana,")
    await keys.press("Enter")
    await keys.type("it is ")
    await keys.press("Control+b")
    await keys.type("on its way")
    await keys.press("Control+b")
    await keys.type(":")
    await keys.press("Enter")
    await keys.type("- House Blend")
    await keys.press("Enter")
    await keys.type("Decaf")
    await keys.press("Enter")
    await keys.press("Enter")
    await keys.type("> six bags")
    await tab.locator(".modal button[type=submit]").click()
    await tab.locator(".modal [data-action=send_now]").wait_for()
    value = standin.submitted[-1]["body"]["value"]["rich_text_value"]
    assert value["elements"] == [
        section(text("Dear Dana,\nit is "), text("on its way", bold=True), text(":")),
        listed("bullet", "House Blend", "Decaf"),
        {"type": "rich_text_quote", "elements": [text("six bags")]},
    ]


async def test_a_link_is_made_with_the_toolbar(standin: Standin, tab: Tab) -> None:
    """An address without a scheme gets one; one that could run code is not taken."""
    await open_compose(tab)
    await tab.get_by_role("button", name="Link").click()
    await tab.get_by_label("Text").fill("our shop")
    await tab.get_by_label("Link", exact=True).last.fill("javascript:alert(1)")
    await tab.get_by_role("button", name="Save").click()
    await expect(tab.locator(".link-form [aria-invalid=true]")).to_be_visible()
    await tab.get_by_label("Link", exact=True).last.fill("fernhill.example.com")
    await tab.get_by_role("button", name="Save").click()
    await tab.locator(".modal button[type=submit]").click()
    await tab.locator(".modal [data-action=send_now]").wait_for()
    value = standin.submitted[-1]["body"]["value"]["rich_text_value"]
    assert value["elements"] == [section({"type": "link", "url": "https://fernhill.example.com", "text": "our shop"})]


# --- mrkdwn -----------------------------------------------------------------------------------------------------------

MRKDWN = [
    ("*bold* _italic_ ~gone~ `a*b*`", "<strong>bold</strong> <em>italic</em> <s>gone</s> <code>a*b*</code>"),
    ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
    ("a &lt;b&gt; &amp;amp;", "a &lt;b&gt; &amp;amp;"),
    ("<https://example.com|an *odd* one>", ">an *odd* one</a>"),
    ("<javascript:alert(1)|click>", "click"),
    ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>"),
    ("```x = 1\n*y*```", "<pre>x = 1\n*y*</pre>"),
    (":tada: :no_such_name: 10:30:00", "🎉</span> :no_such_name: 10:30:00"),
    ("\u200b*\u200bnot bold\u200b*\u200b", "\u200b*\u200bnot bold\u200b*\u200b"),
    ("*_both_*", "<strong><em>both</em></strong>"),
]


async def test_mrkdwn_reads_as_in_slack(tab: Tab) -> None:
    read = await tab.evaluate(
        """async (texts) => {
            const { mrkdwn } = await import("/page/mrkdwn.js");
            return texts.map((text) => {
                const box = document.createElement("div");
                box.append(...mrkdwn(text));
                return box.innerHTML;
            });
        }""",
        [written for written, _ in MRKDWN],
    )
    assert [html for html, (_, shown) in zip(read, MRKDWN, strict=True) if shown not in html] == []
    assert "javascript:" not in "".join(read)


@pytest.mark.parametrize(
    ("locale", "days"),
    [("en-US", ["yesterday", "today", "tomorrow"]), ("ko-KR", ["어제", "오늘", "내일"])],
)
async def test_times_are_in_the_language_of_the_people_and_near_days_have_their_names(
    standin: Standin, tab: Tab, locale: str, days: list[str]
) -> None:
    standin.double.workspace.change_user(standin.maya, locale=locale)
    read = """async (days) => {
        const { mrkdwn } = await import("/page/mrkdwn.js");
        const noon = new Date().setHours(12, 0, 0, 0) / 1000;
        return days.map((day) => mrkdwn(`<!date^${noon + day * 86400}^{date_short_pretty} {time}|-->`)[0].textContent);
    }"""
    asked = [-1, 0, 1, 40]
    await tab.wait_for_function(f"async () => (await ({read})([0]))[0].startsWith('{days[1]}')")
    near, (far,) = (await tab.evaluate(read, asked))[:3], (await tab.evaluate(read, asked))[3:]
    noon = "12:00 PM" if locale == "en-US" else "오후 12:00"
    assert near == [f"{one} {noon}" for one in days]
    assert not any(one in far for one in days)


# --- the workspace ----------------------------------------------------------------------------------------------------


async def test_the_whole_story(standin: Standin, tab: Tab) -> None:
    """Reply, be told of an error beside its input, see who gets it, send; the customer reads it and nothing runs."""
    await open_compose(tab)
    await tab.locator(".editor-area").type("It is on its way.")
    await tab.get_by_label("To", exact=True).fill("nobody")
    await tab.locator(".modal button[type=submit]").click()
    await expect(tab.locator(".input.wrong .error")).to_have_text("This is no mail address.")
    await expect(tab.locator(".editor-area")).to_have_text("It is on its way.")
    await tab.get_by_label("To", exact=True).fill("dana.reyes@example.com")
    await tab.locator(".modal button[type=submit]").click()
    await tab.locator(".modal [data-action=send_now]").click()
    answer = tab.locator(".letter.fresh", has_text="Fernhill Coffee")
    await answer.wait_for()
    await tab.keyboard.press("Escape")
    await expect(tab.locator(".modal")).to_have_count(0)
    await answer.click()
    frame = tab.locator("iframe.letter-html")
    assert "allow-scripts" not in (await frame.get_attribute("sandbox") or "allow-scripts")
    await expect(tab.frame_locator("iframe.letter-html").locator("p")).to_contain_text("on its way")
    assert await tab.title() == "Bridge demo"


async def test_a_card_changes_in_place_and_menus_obey_the_keyboard(standin: Standin, tab: Tab) -> None:
    """And what had the focus keeps it, though the card was drawn anew."""
    claim = tab.locator(".pane [data-action=claim]").last
    await claim.focus()
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".pane .message").last).to_contain_text("@Maya Chen")
    await expect(claim).to_be_focused()
    more = tab.locator(".pane .overflow").last
    await more.focus()
    await tab.keyboard.press("Enter")
    await tab.get_by_role("menu").wait_for()
    await tab.keyboard.press("Escape")
    await expect(more).to_be_focused()
    await tab.keyboard.press("Enter")
    await tab.keyboard.press("ArrowDown")
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".message.ephemeral")).to_contain_text("forward:1042")


async def test_what_one_person_sees_another_does_not(standin: Standin, tab: Tab) -> None:
    """Ephemeral answers are one's own, and a guest sees only the channels they were asked into."""
    await tab.get_by_label("Message #support").fill("/mail search order")
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".message.ephemeral")).to_contain_text("search order")
    await expect(tab.locator(".whisper")).to_have_text("Only visible to you")
    await tab.locator(".switcher").click()
    await tab.get_by_role("menuitem", name="Noor Haddad").click()
    await expect(tab.locator(".message.ephemeral")).to_have_count(0)
    await expect(tab.locator(".sidebar")).not_to_contain_text("orders")


async def test_a_dialog_keeps_the_focus_and_asks_before_it_acts(tab: Tab) -> None:
    await tab.locator(".pane [data-action=close]").last.click()
    await expect(tab.get_by_role("alertdialog")).to_be_visible()
    for _ in range(5):
        await tab.keyboard.press("Tab")
        assert await tab.evaluate("Boolean(document.activeElement.closest('[role=alertdialog]'))")
    await tab.keyboard.press("Escape")
    await expect(tab.get_by_role("alertdialog")).to_have_count(0)


async def test_foreign_words_never_become_markup_nor_break_the_page(standin: Standin, tab: Tab) -> None:
    """Tags stay words, and a word without an end, in either direction of writing, stays in its place."""
    words = "<img src=x onerror=alert(1)> " + "a" * 400 + " " + "مرحبا" * 80
    person = standin.double.person(standin.jonas)
    await person.say(standin.support, words.replace("<", "&lt;").replace(">", "&gt;"))
    await tab.set_viewport_size({"width": 1280, "height": 800})
    last = tab.locator(".pane .message").last
    await expect(last).to_contain_text("onerror=alert(1)")
    assert await last.locator("img[src=x]").count() == 0
    wide = """() => [document.documentElement, ...document.querySelectorAll(".message, .pane, .mail")]
        .filter((box) => box.scrollWidth > box.clientWidth + 1).length"""
    assert await tab.evaluate(wide) == 0


async def test_a_link_to_a_message_leads_to_it_within_the_page(standin: Standin, tab: Tab) -> None:
    """As in Slack: a card in its channel, an answer in its thread."""
    client, place = (
        standin.app.client,
        f"https://{standin.double.workspace.domain}.slack.com/archives/{standin.support}",
    )
    card, reply = standin.card_ts, str(standin.double.workspace.replies(standin.support, standin.card_ts)[-1]["ts"])
    there = f"{place}/p{reply.replace('.', '')}?thread_ts={card}&amp;cid={standin.support}"
    words = f"<{place}/p{card.replace('.', '')}|the card> and <{there}|its answer>"
    await client.chat_postMessage(channel=standin.orders, text=words)
    orders = tab.get_by_role("button", name="orders")
    await orders.click()
    await tab.get_by_role("link", name="the card").click()
    await expect(tab.locator(f'.pane .message.pointed[data-ts="{card}"]')).to_be_in_viewport()
    await expect(tab.locator(".thread")).to_be_hidden()
    await orders.click()
    await tab.get_by_role("link", name="its answer").click()
    await expect(tab.locator(f'.thread .message.pointed[data-ts="{reply}"]')).to_be_in_viewport()


async def test_the_clocks_menu_closes_as_menus_do(tab: Tab) -> None:
    clock, hour = tab.locator(".later summary"), tab.get_by_role("button", name="+ 1 hour")
    await clock.click()
    await expect(hour).to_be_visible()
    await tab.keyboard.press("Escape")
    await expect(hour).to_be_hidden()
    await clock.click()
    await tab.locator(".pane-head").first.click()
    await expect(hour).to_be_hidden()


async def test_an_unread_channel_is_marked_until_it_is_opened(standin: Standin, tab: Tab) -> None:
    place = tab.get_by_role("button", name="orders")
    await expect(place.locator(".count")).to_have_text("1")
    await place.click()
    await expect(place.locator(".count")).to_have_count(0)
    await expect(tab.locator(".pane .message").last).to_contain_text("Good morning ☕")
