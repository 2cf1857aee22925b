"""What an admin does on Home: canned answers made and changed, agents named, all of it written down; and nobody else."""

from typing import Any

import pytest
from onstage import Desk, actions, ask, initial, nodes, received, said

from bridge.canned import Template
from bridge.demo.stage import CHANNEL, GUEST, JONAS, MINA, STRANGER, Stage
from bridge.model import Named, TemplateId
from bridge.slack import canned, setup

IN_FILE = """
[[template]]
name = "Sorry"
folder = "Care"
text = "We are sorry, {{ sender.name }}."
"""


@pytest.fixture
async def jonas(stage: Stage) -> Desk:
    """An admin of the workspace, at Home."""
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    desk = Desk(stage, JONAS)
    await at_home(desk, "This desk")
    return desk


async def at_home(desk: Desk, *words: str) -> None:
    """Open Home, and wait until it says all of that."""
    await desk.person.open_home()
    await desk.sees(lambda: all(one in said(desk.person.home() or {}) for one in words))


def view(desk: Desk) -> dict[str, Any]:
    return desk.person.view() or {}


async def window(desk: Desk, title: str, *words: str) -> dict[str, Any]:
    """The modal on top, once it is that one and says all of that."""

    def there() -> bool:
        shown = view(desk)
        named = (shown.get("title") or {}).get("text") == title
        return named and "One moment" not in said(shown) and all(one in said(shown) for one in words)

    await desk.sees(there)
    return view(desk)


def body(desk: Desk) -> str:
    """What stands in the compose modal's text, which is away for a moment while it is filled in."""
    return next((str(one["element"]) for one in view(desk)["blocks"] if one.get("block_id") == "body"), "")


async def templates(desk: Desk, *words: str) -> dict[str, Any]:
    await desk.person.click_view("templates")
    return await window(desk, "Templates", *words)


async def new_template(desk: Desk) -> None:
    await desk.person.click_view("new_template")
    await desk.sees(lambda: view(desk).get("callback_id") == "template")


async def choose(desk: Desk, verb: str, name: str) -> None:
    """From a template's menu."""
    row = next(
        one for one in view(desk)["blocks"] if one["type"] == "section" and f"*{name}*" in said({"blocks": [one]})
    )
    value = next(node["value"] for node in nodes(row) if str(node.get("value", "")).startswith(f"{verb}:"))
    await desk.person.click_view("template_menu", value=value)


async def make(desk: Desk, name: str, text: str, **more: str) -> None:
    await new_template(desk)
    assert await desk.person.submit({"name": name, "text": text, **more}) is None


# --- templates --------------------------------------------------------------------------------------------------------


async def test_a_template_made_on_home_answers_a_mail_and_is_counted(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await templates(jonas, "There are none yet")
    await make(jonas, "Late", "Dear {{ sender.name }},\n\nit is **late**.", folder="Shipping", language="en")
    await window(jonas, "Templates", "Shipping", "*Late*  ·  English")
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.click_view("value", value="Late")
    await mina.sees(lambda: "Dear Dana Reyes" in body(mina))
    await mina.person.submit()
    mail = await received(stage, "dana@example.com")
    words = mail.get_body(("plain",))
    assert words
    assert "Dear Dana Reyes," in words.get_content()
    await mina.person.command(CHANNEL, "/mail", "templates")
    assert "*Late* (English)  ·  sent 1 time" in said(mina.person.ephemerals(CHANNEL)[-1])
    await jonas.person.close_view()
    await templates(jonas, "*Late*  ·  English  ·  sent 1 time")


async def test_what_is_wrong_is_said_at_its_input_and_nothing_typed_is_lost(jonas: Desk) -> None:
    await templates(jonas)
    await make(jonas, "Late", "It is late.")
    await window(jonas, "Templates", "*Late*")
    await new_template(jonas)
    wrong = {"name": "Bad", "subject": "{{ nobody }}", "text": "Dear {{ sender.name"}
    answer = await jonas.person.submit(wrong)
    assert answer
    assert set(answer["errors"]) == {"subject", "text"}
    assert answer["errors"]["subject"].startswith("There is no nobody")
    assert answer["errors"]["text"].startswith("Line 1: ")
    answer = await jonas.person.submit({"name": "LATE", "subject": "", "text": "Dear {{ sender.name }}"})
    assert answer
    assert "has this name already" in answer["errors"]["name"]
    assert view(jonas)["state"]["values"]["text"]["value"]["value"] == "Dear {{ sender.name }}"
    assert await jonas.person.submit({"name": "Later"}) is None
    await window(jonas, "Templates", "*Late*", "*Later*")


async def test_a_preview_shows_what_a_customer_would_get(jonas: Desk) -> None:
    await jonas.person.click_view("templates")
    await window(jonas, "Templates")
    await new_template(jonas)
    text = "Hi {{ sender.name }},\nit is **late**. {{ agent.name }}"
    await jonas.person.click_view("preview_template", values={"text": text, "subject": "To {{ sender.email }}"})
    shown = await window(jonas, "Preview", "Hi Dana Reyes,", "To dana@example.com")
    assert any(node.get("style") == {"bold": True} and node["text"] == "late" for node in nodes(shown))
    await jonas.person.close_view()
    await jonas.person.click_view("preview_template", values={"text": "{{ secret }}"})
    await window(jonas, "Preview", "There is no secret")
    await jonas.person.close_view()
    assert view(jonas)["state"]["values"]["text"]["value"]["value"] == "{{ secret }}"


async def test_a_template_is_changed_renamed_and_removed_after_a_question(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    await templates(jonas)
    await make(jonas, "Late", "It is late.", folder="Shipping")
    await window(jonas, "Templates", "*Late*")
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.click_view("value", value="Late")
    await mina.sees(lambda: "It is late" in body(mina))
    await mina.person.submit()
    await choose(jonas, "edit", "Late")
    await window(jonas, "Edit template")
    assert initial(view(jonas), "text") == "It is late."
    assert await jonas.person.submit({"name": "Delayed", "folder": "Care"}) is None
    await window(jonas, "Templates", "Care", "*Delayed*  ·  sent 1 time")
    await choose(jonas, "remove", "Delayed")
    await window(jonas, "Remove template", "Remove *Delayed*?")
    await jonas.person.close_view()
    await window(jonas, "Templates", "*Delayed*")
    await choose(jonas, "remove", "Delayed")
    await window(jonas, "Remove template")
    assert await jonas.person.submit() is None
    await window(jonas, "Templates", "There are none yet")
    await jonas.person.close_view()
    await jonas.person.click_view("desk_log")
    lines = said(await window(jonas, "Log", "template removed")).split("\n")
    assert [line.partition("*")[2] for line in lines] == [
        "template removed*  “Delayed”",
        "template changed*  “Late”, name: Late → Delayed, folder: Shipping → Care",
        "template made*  “Late”",
    ]
    assert all(f"<@{JONAS}>" in line for line in lines)


async def test_those_of_the_file_are_shown_covered_by_name_and_never_changed(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.others = IN_FILE
    await stage.start_bridge()
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    jonas = Desk(stage, JONAS)
    await at_home(jonas, "1 template", "0 made here, 1 in `bridge.toml`")
    await templates(jonas, "*Sorry*  ·  in `bridge.toml`")
    values = [node["value"] for node in nodes(view(jonas)) if ":" in str(node.get("value", ""))]
    assert values == ["preview:file:Sorry"]
    await make(jonas, "sorry", "So sorry.", folder="Care")
    await window(jonas, "Templates", "*sorry*", "*Sorry*  ·  in `bridge.toml`  ·  covered by")
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    offered = [node["value"] for node in nodes(view(mina)) if str(node.get("value")).lower() == "sorry"]
    assert offered == ["sorry"]
    await choose(jonas, "remove", "sorry")
    await window(jonas, "Remove template")
    await jonas.person.submit()
    await window(jonas, "Templates", "*Sorry*  ·  in `bridge.toml`")
    assert "covered" not in said(view(jonas))


async def test_two_admins_do_not_write_over_each_other(stage: Stage, jonas: Desk, mina: Desk) -> None:
    stage.slack.workspace.change_user(MINA, is_admin=True)
    await templates(jonas)
    await make(jonas, "Late", "It is late.")
    await window(jonas, "Templates", "*Late*")
    await at_home(mina, "This desk")
    await templates(mina, "*Late*")
    for one in (jonas, mina):
        await choose(one, "edit", "Late")
        await window(one, "Edit template")
    assert await jonas.person.submit({"text": "Jonas says so."}) is None
    answer = await mina.person.submit({"text": "Mina says so."})
    assert answer
    assert "Somebody changed this template meanwhile" in answer["errors"]["text"]
    assert view(mina)["state"]["values"]["text"]["value"]["value"] == "Mina says so."
    await window(jonas, "Templates", "Jonas says so.")
    await choose(jonas, "remove", "Late")
    await window(jonas, "Remove template")
    await jonas.person.submit()
    answer = await mina.person.submit()
    assert answer
    assert "Somebody removed this template meanwhile" in answer["errors"]["text"]


async def test_many_templates_turn_in_pages_and_all_can_be_chosen(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.others = "".join(
        f'[[template]]\nname = "Answer {number:03}"\nfolder = "{"Care" if number < 130 else "Shipping"}"\ntext = "Answer number {number}"\n'
        for number in range(150)
    )
    await stage.start_bridge()
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    jonas = Desk(stage, JONAS)
    await at_home(jonas, "150 templates")
    await templates(jonas, "Answer 000")
    for page in range(5):
        await jonas.person.click_view("templates_next")
        await window(jonas, "Templates", f"*Answer {25 * (page + 1):03}*")
    assert "templates_next" not in actions(view(jonas))
    assert "Shipping" in said(view(jonas))
    await jonas.person.click_view("templates_previous")
    await window(jonas, "Templates", "*Answer 100*")
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    element = next(one["element"] for one in view(mina)["blocks"] if one.get("block_id") == "template")
    labels = [(group["label"]["text"], len(group["options"])) for group in element["option_groups"]]
    assert labels == [("Care", 100), ("Care (2)", 30), ("Shipping", 20)]
    await mina.person.click_view("value", value="Answer 149")
    await mina.sees(lambda: "149" in body(mina))
    await mina.person.command(CHANNEL, "/mail", "templates")
    listed = said(mina.person.ephemerals(CHANNEL)[-1])
    assert listed.endswith("\n… and more, in the compose modal")
    assert listed.splitlines()[-2].startswith("• *Answer ")


KOREAN = "안녕하세요. 지난주에 주문한 Fernhill 원두 두 봉지가 아직 도착하지 않았습니다."


async def test_templates_of_the_customers_language_come_first(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.others = "".join(
        f'[[template]]\nname = "{name}"\nlanguage = "{language}"\nfolder = "{folder}"\ntext = "x"\n'
        for name, language, folder in (
            ("Sorry", "English", "Care"), ("죄송합니다", "ko-KR", "Care"), ("배송", "Korean", ""), ("Late", "", "Shipping"),
        )
    )  # fmt: skip
    await stage.start_bridge()
    await ask(stage, subject="Two bags", text=KOREAN)
    await ask(stage, subject="Hello there", text="Where are they?")

    async def offered(subject: str) -> list[tuple[str, list[str]]]:
        await mina.opens(await mina.sees_card(subject))
        element = next(one["element"] for one in view(mina)["blocks"] if one.get("block_id") == "template")
        await mina.person.close_view()
        return [
            (group["label"]["text"], [one["text"]["text"] for one in group["options"]])
            for group in element["option_groups"]
        ]

    assert await offered("Two bags") == [
        ("한국어", ["배송 (한국어)"]),
        ("Care · 한국어", ["죄송합니다 (한국어)"]),
        ("Care", ["Sorry (English)"]),
        ("Shipping", ["Late"]),
    ]
    assert await offered("Hello there") == [
        ("Others", ["배송 (한국어)"]),
        ("Care", ["Sorry (English)", "죄송합니다 (한국어)"]),
        ("Shipping", ["Late"]),
    ]


# --- agents -----------------------------------------------------------------------------------------------------------


async def agents(desk: Desk) -> None:
    await desk.person.click_view("agents")
    await desk.sees(lambda: view(desk).get("callback_id") == "agents")


async def refused(desk: Desk, card: dict[str, Any], words: str) -> None:
    """Claim, and wait to be told that."""
    before = len(desk.person.ephemerals(CHANNEL))
    await desk.person.click(CHANNEL, card["ts"], "claim")
    await desk.sees(lambda: any(words in said(one) for one in desk.person.ephemerals(CHANNEL)[before:]))


async def test_only_those_whom_an_admin_names_may_act_and_it_is_written_down(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await agents(jonas)
    assert "never let in" in said(view(jonas))
    assert await jonas.person.submit({"users": [JONAS]}) is None
    await refused(mina, card, "not among the agents")
    await at_home(mina, "not among the agents")
    await agents(jonas)
    assert await jonas.person.submit({"users": [], "admins": [MINA]}) is None
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    await at_home(mina, "This desk", f"the workspace's admins, <@{MINA}>")
    await mina.person.click_view("desk_log")
    shown = said(await window(mina, "Log", "agents changed")).split("\n")
    assert [line.partition("*")[2] for line in shown] == [
        f"agents changed*  may act: <@{JONAS}> removed, admin: <@{MINA}> added",
        f"agents changed*  may act: <@{JONAS}> added",
    ]


async def test_an_admin_who_locked_themselves_out_still_comes_in_to_mend_it(stage: Stage, jonas: Desk) -> None:
    await ask(stage)
    await jonas.sees_card("Two bags")
    await agents(jonas)
    await jonas.person.submit({"users": [MINA]})
    await at_home(jonas, "not among the agents", "This desk", f"Who may act: <@{MINA}>")
    assert "Two bags" not in said(jonas.person.home() or {})
    await agents(jonas)
    await jonas.person.submit({"users": []})
    await at_home(jonas, "Two bags", "the full members of each mailbox's channel")


async def test_guests_and_others_cannot_be_named_and_would_not_be_let_in(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await agents(jonas)
    bot = stage.slack.workspace.bot_user_id
    for block, who in (("users", GUEST), ("admins", GUEST), ("users", bot)):
        answer = await jonas.person.submit({"users": [], "admins": [], block: [MINA, who]})
        assert answer
        assert "Only full members" in answer["errors"][block]
        assert view(jonas)["state"]["values"][block]["value"]["selected_users"] == [MINA, who]
    await jonas.person.submit({"users": [MINA, STRANGER], "admins": [STRANGER]})
    stage.slack.workspace.change_user(STRANGER, is_restricted=True)
    await stage.slack.delivery.settled()
    stranger = Desk(stage, STRANGER)
    await at_home(stranger, "Only full members")
    assert "This desk" not in said(stranger.person.home() or {})
    await refused(Desk(stage, GUEST), card, "Only full members")
    stage.slack.workspace.change_channel(CHANNEL, is_ext_shared=True)
    await mina.sees(lambda: mina.card("shared with another organisation now"))
    await refused(mina, card, "customers' mail stays closed here")


async def test_the_operators_agents_stay_beside_those_of_the_admins(stage: Stage) -> None:
    await stage.stop_bridge()
    stage.others = f'[agents]\nusers = ["{MINA}"]\nadmins = ["{MINA}"]\n'
    await stage.start_bridge()
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    jonas, mina = Desk(stage, JONAS), Desk(stage, MINA)
    await ask(stage)
    await mina.sees_card("Two bags")
    await at_home(mina, "Two bags", "This desk")
    await at_home(jonas, "not among the agents", "This desk")
    await agents(jonas)
    assert f"`bridge.toml` also names <@{MINA}>." in said(view(jonas))
    assert await jonas.person.submit({"users": [JONAS]}) is None
    await at_home(jonas, "Two bags")
    await at_home(mina, "Two bags", "This desk")


async def test_two_admins_who_name_people_at_once_both_have_their_way(stage: Stage, jonas: Desk, mina: Desk) -> None:
    stage.slack.workspace.change_user(MINA, is_admin=True)
    await at_home(mina, "This desk")
    await agents(jonas)
    await agents(mina)
    await jonas.person.submit({"users": [JONAS]})
    await mina.person.submit({"users": [MINA]})
    await at_home(jonas, f"Who may act: <@{JONAS}>, <@{MINA}>")


# --- and nobody else --------------------------------------------------------------------------------------------------


async def test_whoever_is_no_admin_sees_none_of_it(stage: Stage, mina: Desk) -> None:
    await at_home(mina, "My settings")
    assert {"templates", "agents", "desk_log"}.isdisjoint(actions(mina.person.home()))


@pytest.mark.parametrize("action", ["templates", "agents", "desk_log"])
async def test_whoever_is_no_admin_is_refused_a_button_they_should_not_have(
    stage: Stage, mina: Desk, action: str
) -> None:
    forged = {"type": "home", "blocks": setup.home([], Named())}
    stage.slack.workspace.screens.publish(MINA, forged)
    await mina.person.click_view(action)
    await mina.sees(lambda: "Only admins of this desk" in said(view(mina)))


async def test_whoever_is_no_admin_is_refused_a_modal_they_should_not_have(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    await templates(jonas)
    await make(jonas, "Late", "It is late.")
    shown = await window(jonas, "Templates", "*Late*")
    screens = stage.slack.workspace.screens
    theirs = Template(name="Late", text="Pwned", id=TemplateId(1), revision=1)
    screens.open(MINA, canned.form(theirs))
    answer = await mina.person.submit()
    assert answer
    assert "Only admins" in answer["errors"]["name"]
    screens.open(MINA, setup.agents(Named(), operators=Named()))
    answer = await mina.person.submit({"admins": [MINA]})
    assert answer
    assert "Only admins" in answer["errors"]["users"]
    screens.open(MINA, canned.confirm_remove(theirs))
    await mina.person.submit()
    assert "Only admins" in said(view(mina))
    definition = {key: shown[key] for key in ("type", "title", "close", "blocks")}
    for action, value in (("new_template", "new"), ("template_menu", "edit:1"), ("template_menu", "preview:1")):
        screens.open(MINA, definition)
        await mina.person.click_view(action, value=value)
        await mina.sees(lambda: "Only admins" in said(view(mina)))
    screens.open(MINA, canned.form(theirs))
    await mina.person.click_view("preview_template")
    await mina.sees(lambda: "Only admins" in said(view(mina)))
    await jonas.person.close_view()
    await templates(jonas, "It is late.")
