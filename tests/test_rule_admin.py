"""An admin writes rules in Slack: listed in order, tried on past mail before they are switched on, and nobody else may."""

import os
from typing import Any

import pytest
from mailroom import LocalRoom
from onstage import Desk, actions, ask, initial, nodes, said

from bridge.demo.double.blockkit import check_view
from bridge.demo.double.inputs import first_value, holding
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, JONAS, MINA, Stage
from bridge.model import Priority, UserId
from bridge.routing.matching import On, Rule, Share, Then, When
from bridge.slack import ruleform, ruling
from bridge.slack.ruling import Shown

IN_FILE = '\n[[rule]]\nname = "Thanks"\nwhen = { subject = "thank you" }\nthen = { close = true }\n'


@pytest.fixture
async def jonas(stage: Stage) -> Desk:
    """An admin of the workspace."""
    stage.slack.workspace.change_user(JONAS, is_admin=True)
    return Desk(stage, JONAS)


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


async def rules(desk: Desk, *words: str) -> dict[str, Any]:
    """From Home, the window that lists them."""
    await desk.person.open_home()
    await desk.sees(lambda: "rules" in actions(desk.person.home() or {}))
    await desk.person.click_view("rules")
    return await window(desk, "Rules", *words)


async def write(desk: Desk, name: str, **values: Any) -> dict[str, Any]:
    """A new rule, saved; what it would have matched."""
    await desk.person.click_view("new_rule")
    await window(desk, "New rule")
    await desk.person.submit({"name": name, **values})
    return await window(desk, "Try it", name)


async def choose(desk: Desk, verb: str, name: str) -> None:
    """From a rule's menu in the window."""
    row = next(one for one in view(desk)["blocks"] if one["type"] == "section" and name in said({"blocks": [one]}))
    value = next(node["value"] for node in nodes(row) if str(node.get("value", "")).startswith(f"{verb}:"))
    await desk.person.click_view("rule_menu", value=value)


def order(shown: dict[str, Any]) -> list[str]:
    return [said({"blocks": [one]}).split("*")[1] for one in shown["blocks"] if one.get("accessory")]


async def test_a_rule_is_tried_on_past_mail_and_acts_once_it_is_switched_on(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    for subject in ("A refund, please", "Two bags", "My refund"):
        await ask(stage, subject=subject)
        await mina.sees_card(subject)
    await rules(jonas, "There are none yet")
    tried = await write(jonas, "Refunds", subject="refund", tag="money, vip", priority="urgent")
    assert "Would have matched *2* of the last 3 mails." in said(tried)
    card = mina.card("My refund") or {}
    newest, oldest = said(tried).split("mails.\n")[1].splitlines()[:2]
    assert newest.endswith(f"/archives/{CHANNEL}/p{card['ts'].replace('.', '')}|#3>*  My refund")
    assert oldest.endswith("|#1>*  A refund, please")
    await ask(stage, subject="Refund me")
    assert "#money" not in said(await mina.sees_card("Refund me"))
    await jonas.person.click_view("switch_rule_on")
    await window(jonas, "Try it", "It is on")
    await ask(stage, subject="Refund me again")
    card = await mina.sees_card("Refund me again")
    assert "#money #vip" in said(card)
    assert "Urgent" in said(card)
    await jonas.person.close_view()
    shown = await window(jonas, "Rules", ":large_green_circle: on")
    assert "subject: refund" in said(shown)
    await jonas.person.close_view()
    await jonas.person.click_view("desk_log")
    log = said(await window(jonas, "Log"))
    assert "rule made" in log
    assert "rule switched on" in log


async def test_what_shows_where_an_admin_is_not_is_named_by_its_number_alone(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    here = stage.slack.workspace
    here.add_channel("billing", channel_id="C0BILLING1", members=[MINA, here.bot_user_id])
    await ask(stage, subject="A refund, please")
    await mina.sees_card("A refund, please")
    await mina.person.command(CHANNEL, "/mail", "move 1 #billing")
    await mina.sees(lambda: any(one.get("bot_id") for one in here.history("C0BILLING1")))
    await rules(jonas)
    tried = said(await write(jonas, "Refunds", subject="refund", tag="money"))
    assert "Would have matched *1* of the last 1 mails.\n*#1*" in tried
    assert "please" not in tried


async def test_what_is_switched_on_is_what_was_looked_at(stage: Stage, jonas: Desk, mina: Desk) -> None:
    """Another admin saves the rule anew while it is looked at, then takes it away."""
    stage.slack.workspace.change_user(MINA, is_admin=True)
    await rules(jonas)
    await write(jonas, "One", tag="first")
    await rules(mina, "One")
    await choose(mina, "edit", "One")
    await window(mina, "Edit rule")
    await mina.person.submit({"tag": "second"})
    await window(mina, "Try it", "#second")
    await jonas.person.click_view("switch_rule_on")
    await window(jonas, "Try it", "Somebody changed this rule meanwhile")
    await jonas.person.close_view()
    await window(jonas, "Rules", ":white_circle: off", "#second")
    await choose(jonas, "edit", "One")
    await window(jonas, "Edit rule")
    await jonas.person.click_view("remove_rule")
    await window(jonas, "Edit rule", "is removed")
    await mina.person.click_view("switch_rule_on")
    await window(mina, "Try it", "Somebody removed this rule meanwhile")


async def test_an_admin_who_is_no_agent_lets_no_mail_out_by_a_rule(stage: Stage, mina: Desk, jonas: Desk) -> None:
    """They see no mail: neither by passing it on, nor in another channel, nor by what a rule would have matched."""
    await ask(stage, subject="A refund, please")
    await mina.sees_card("A refund, please")
    await rules(jonas)
    await write(jonas, "Out", forward="jonas@elsewhere.example")
    stage.slack.workspace.leave(CHANNEL, JONAS)
    await jonas.person.click_view("switch_rule_on")
    await window(jonas, "Try it", "every mailbox that this rule looks at")
    await jonas.person.close_view()
    await window(jonas, "Rules", ":white_circle: off")
    for block, value in (("forward", "jonas@elsewhere.example"), ("channel", CHANNEL)):
        await jonas.person.click_view("new_rule")
        await window(jonas, "New rule")
        answer = await jonas.person.submit({"name": f"By {block}", block: value})
        assert list((answer or {})["errors"]) == [block]
        await jonas.person.close_view()
    tried = await write(jonas, "Refunds", subject="refund", tag="money")
    assert "Would have matched" not in said(tried)
    assert "#1" not in said(tried)
    await jonas.person.click_view("switch_rule_on")  # it shows nobody anything
    await window(jonas, "Try it", "It is on")


async def test_a_channel_is_told_that_its_mail_is_passed_on(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await rules(jonas)
    await write(jonas, "Books", forward="books@elsewhere.example")
    assert not mina.card("books@elsewhere.example")
    await jonas.person.click_view("switch_rule_on")
    await window(jonas, "Try it", "It is on")
    told = said(await mina.sees_card("books@elsewhere.example"))
    assert f"<@{JONAS}>" in told
    assert "“Books”" in told


async def test_rules_of_the_file_come_first_and_are_not_changed_here(stage: Stage, jonas: Desk) -> None:
    await stage.stop_bridge()
    stage.others = IN_FILE
    await stage.start_bridge()
    shown = await rules(jonas, "in `bridge.toml`")
    assert "edit:" not in str(shown)
    await choose(jonas, "try", "Thanks")
    assert "of the last 0" in said(await window(jonas, "Try it"))
    assert "switch_rule_on" not in actions(view(jonas))
    await jonas.person.close_view()
    await jonas.person.click_view("new_rule")
    await window(jonas, "New rule")
    answer = await jonas.person.submit({"name": "THANKS", "tag": "x"})
    assert "another" in str(answer).lower()


async def test_order_is_changed_and_a_rule_is_edited_switched_off_and_removed(jonas: Desk) -> None:
    await rules(jonas)
    for name in ("One", "Two", "Three"):
        await write(jonas, name, tag=name)
        await jonas.person.click_view("switch_rule_on")
        await window(jonas, "Try it", "It is on")
        await jonas.person.close_view()
        await window(jonas, "Rules", name)
    await choose(jonas, "up", "Three")
    await jonas.sees(lambda: order(view(jonas)) == ["1. One", "2. Three", "3. Two"])
    await choose(jonas, "off", "Three")
    await window(jonas, "Rules", ":white_circle: off")
    await choose(jonas, "edit", "One")
    form = await window(jonas, "Edit rule")
    assert initial(form, "tag") == "one"
    await jonas.person.submit({"tag": "uno"})
    assert "switch_rule_on" in actions(await window(jonas, "Try it", "#uno"))
    await jonas.person.close_view()
    await window(jonas, "Rules", "#uno")
    await choose(jonas, "edit", "Two")
    await window(jonas, "Edit rule")
    await jonas.person.click_view("remove_rule")
    await window(jonas, "Edit rule", "is removed")
    await jonas.person.close_view()
    await jonas.sees(lambda: order(view(jonas)) == ["1. One", "2. Three"])


@pytest.mark.parametrize(
    ("block", "values"),
    [
        ("acts", {}),
        ("tag", {"tag": "a+b!"}),
        ("forward", {"forward": "not an address"}),
        ("header", {"header": "X-Shop", "tag": "a"}),
        ("share", {"owners": [JONAS]}),
        ("signs", {"signs": ["first_time", "known"], "tag": "a"}),
    ],
)
async def test_what_is_wrong_is_said_at_its_input(jonas: Desk, block: str, values: dict[str, Any]) -> None:
    await rules(jonas)
    await jonas.person.click_view("new_rule")
    await window(jonas, "New rule")
    answer = await jonas.person.submit({"name": "R", **values})
    assert list((answer or {})["errors"]) == [block]


async def test_headers_of_past_mail_are_looked_for_in_the_mails_as_they_came(stage: Stage, jonas: Desk) -> None:
    room, desk = LocalRoom(stage.data / "mail" / "support"), Desk(stage)
    for subject, extra in (("Cheap", "X-Spam-Flag: YES\r\nX-Shop: 1"), ("Dear", "X-Shop: 2")):
        head = f"From: <eve@example.net>\r\nTo: {SHOP.email}\r\nMessage-ID: <{os.urandom(4).hex()}@x>\r\n{extra}\r\n"
        room.deliver(f"{head}Subject: {subject}\r\n\r\nWords.\r\n".encode())
        await desk.sees_card(subject)
    await rules(jonas)
    tried = await write(jonas, "Shops", header="X-Shop: *", tag="shop")
    assert "*2* of the last 2" in said(tried)
    await jonas.person.close_view()
    tried = await write(jonas, "Spam", signs=["spam"], acts=["spam"])
    assert "*1* of the last 2" in said(tried)


async def test_who_is_no_admin_is_shown_none_and_refused(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await mina.person.open_home()
    await mina.sees(lambda: "Nothing waits for you" in said(mina.person.home() or {}))
    assert "rules" not in actions(mina.person.home() or {})
    await rules(jonas)
    stage.slack.workspace.change_user(JONAS, is_admin=False)
    await jonas.sees(lambda: True)
    await jonas.person.click_view("new_rule")
    await window(jonas, "New rule", "Only admins")


def test_a_rule_is_the_same_after_it_was_opened_and_saved() -> None:
    rule = Rule(
        name="All",
        on=On.EVERY,
        stop=True,
        when=When(
            mailboxes=("sales",), from_=("*@example.com", "dana"), to=("a@example.com",), subject=("x",), text=("y",),
            headers=(("X-A", ("1", "2")), ("X-B", ("*",))), attachments=("*.pdf",), first_time=True, spam=False,
        ),
        then=Then(
            channel="C0BILLING1", share=Share.LOAD, owners=(UserId("U0MINA0001"),), tags=("a", "b"),
            priority=Priority.LOW, template="Hours", sends=True, close=True, forward=("b@example.com",), webhook="crm",
        ),
    )  # fmt: skip
    form = ruleform.form(rule, rule_id=7, mailboxes=["support", "sales"], templates=["Hours"], webhooks=["crm"])
    values = {block["block_id"]: {"value": first_value(one)} for block, one in holding(form["blocks"])}
    assert ruleform.typed({**form, "state": {"values": values}}) == rule
    assert ruleform.rule_id_of(form) == 7


def saved(rule: Rule, **there: list[str]) -> Rule:
    """The rule as it is once the form was opened and saved, with nothing changed."""
    form = ruleform.form(rule, rule_id=7, **({"mailboxes": ["support"], "templates": [], "webhooks": []} | there))
    assert check_view(form) == []
    values = {block["block_id"]: {"value": first_value(one)} for block, one in holding(form["blocks"])}
    return ruleform.typed({**form, "state": {"values": values}})


@pytest.mark.parametrize("others", [True, False])
def test_what_a_rule_names_that_is_gone_stays_named(others: bool) -> None:
    """Without its mailbox it would look at all mail."""
    then = Then(template="Hours", sends=True, webhook="crm", tags=("a",))
    rule = Rule(name="R", when=When(mailboxes=("sales",), subject=("x",)), then=then)
    there = {"mailboxes": ["support", "shop"], "templates": ["Other"], "webhooks": ["erp"]} if others else {}
    assert saved(rule, **there) == rule


def test_every_template_that_there_may_be_can_be_chosen() -> None:
    names = [f"{'가' * 70} {number}" for number in range(300)]
    rule = Rule(name="R", then=Then(template=names[299]))
    assert saved(rule, templates=names) == rule
    form = str(ruleform.form(None, rule_id=None, mailboxes=["support"], templates=names, webhooks=[]))
    assert all(name in form for name in names)


def test_the_window_holds_as_many_rules_as_there_may_be() -> None:
    long = Rule(name="N" * 60, when=When(subject=("환불" * 100,) * 20), then=Then(tags=("t",), close=True))
    shown = [Shown(rule=long) for _ in range(100)] + [Shown(rule=long, id=at) for at in range(40)]
    assert check_view(ruling.window(shown)) == []
    assert check_view(ruleform.form(long, rule_id=1, mailboxes=["a", "b"], templates=["t"], webhooks=["w"])) == []
