"""Rules that look at every mail move what is shown already, as an agent would: once, and never against one."""

from typing import Any

from onstage import actions, ask, said
from test_move_stories import Room, at_rest, log_of, shown
from test_rule_stories import BILLING, Staged, rule, staged

from bridge.demo.stage import CHANNEL, JONAS, MINA, Stage

__all__ = ["staged"]

VIP, VIPS = "C0VIPS0001", "#vips"


async def more_channels(staged: Staged, tables: str) -> tuple[Stage, Room, Room, Room]:
    """#support, #billing and #vips."""
    stage = await staged(tables)
    here = stage.slack.workspace
    here.add_channel("vips", channel_id=VIP, members=[MINA, JONAS, here.bot_user_id])
    return stage, Room(stage), Room(stage, channel=BILLING), Room(stage, channel=VIP)


async def alone_in(room: Room, others: list[Room], words: str) -> None:
    """Those words stand under the room's card, the only one with buttons."""

    def there() -> dict[str, Any] | None:
        return next((one for one in room.cards() if actions(one) and room.line(one, words)), None)

    assert await room.sees(there)
    await at_rest(room.stage)
    assert [actions(one) for other in others for one in other.cards() if actions(one)] == []


async def test_a_rule_for_every_mail_moves_what_has_a_card_and_is_named_in_log_and_thread(staged: Staged) -> None:
    tables = rule("Money", 'text = "invoice"', 'channel = "#billing", tag = "money"', 'on = "every"')
    stage, support, billing, _ = await more_channels(staged, tables)
    first, _ = await shown(support)
    await Room(stage, JONAS).types("claim 1")
    await ask(stage, subject="Re: Two bags", text="And the invoice?", in_reply_to=first)
    await alone_in(billing, [support], "And the invoice?")
    (card,) = billing.cards()
    assert "#money" in said(card)
    assert billing.line(card, "Where are my two bags?")
    assert billing.line(card, f"The rule “Money” moved this here from <#{CHANNEL}>")
    detail = f"rule: Money, channel: {CHANNEL} → {BILLING}, owner: {JONAS} → none"
    assert await log_of(stage) == [("bridge", "rule", detail)]
    await ask(stage, subject="Re: Two bags", text="That invoice I mean.", in_reply_to=first)
    await alone_in(billing, [support], "That invoice I mean.")
    assert len(await log_of(stage)) == 1


async def test_two_rules_never_have_it_go_to_and_fro(staged: Staged) -> None:
    """A rule moves it no more once one that stands before it has said where it belongs, of whichever mail."""
    tables = rule("Money", 'text = "invoice"', 'channel = "#billing"', 'on = "every"') + rule(
        "Good", 'text = "gold"', f'channel = "{VIPS}"', 'on = "every"'
    )
    stage, support, billing, vips = await more_channels(staged, tables)
    first, _ = await shown(support)
    for words, room in (("I have gold", vips), ("The invoice", billing), ("More gold", billing), ("gold", billing)):
        await ask(stage, subject="Re: Two bags", text=f"{words}!", in_reply_to=first)
        await alone_in(room, [one for one in (support, billing, vips) if one is not room], f"{words}!")
    assert [detail for _, _, detail in await log_of(stage)] == [
        f"rule: Good, channel: {CHANNEL} → {VIP}",
        f"rule: Money, channel: {VIP} → {BILLING}",
    ]


async def test_a_rule_that_has_it_stay_is_the_first_to_say_too(staged: Staged) -> None:
    tables = rule("Here", 'text = "bags"', 'channel = "#support"') + rule(
        "Money", 'text = "invoice"', 'channel = "#billing"', 'on = "every"'
    )
    stage, support, billing, _ = await more_channels(staged, tables)
    first, _ = await shown(support)
    await ask(stage, subject="Re: Two bags", text="And the invoice?", in_reply_to=first)
    await alone_in(support, [billing], "And the invoice?")
    assert await log_of(stage, "stay") == [("bridge", "rule", f"rule: Here, {CHANNEL}")]
    assert await log_of(stage) == []


async def test_what_an_agent_has_decided_stands(staged: Staged) -> None:
    tables = rule("Money", 'text = "invoice"', 'channel = "#billing"', 'on = "every"')
    stage, support, billing, _ = await more_channels(staged, tables)
    first = await ask(stage, text="The invoice, please.")
    await alone_in(billing, [support], "The invoice, please.")
    await billing.types("move 1 #support")
    await alone_in(support, [billing], "The invoice, please.")
    await ask(stage, subject="Re: Two bags", text="The invoice!", in_reply_to=first)
    await alone_in(support, [billing], "The invoice!")
    assert [actor for actor, _, _ in await log_of(stage)] == ["bridge", MINA]


async def test_a_rule_for_new_conversations_moves_nothing_that_has_a_card(staged: Staged) -> None:
    stage, support, billing, _ = await more_channels(staged, rule("Money", 'text = "invoice"', 'channel = "#billing"'))
    first, _ = await shown(support)
    await ask(stage, subject="Re: Two bags", text="And the invoice?", in_reply_to=first)
    await alone_in(support, [billing], "And the invoice?")


async def test_a_channel_that_cannot_be_used_leaves_it_where_it_is_and_the_card_says_why(staged: Staged) -> None:
    tables = rule("Money", 'text = "invoice"', 'channel = "#billing"', 'on = "every"')
    stage, support, _, _ = await more_channels(staged, tables)
    stage.slack.workspace.channels[BILLING]["is_archived"] = True
    first, _ = await shown(support)
    await ask(stage, subject="Re: Two bags", text="And the invoice?", in_reply_to=first)
    await alone_in(support, [], "And the invoice?")
    await support.sees(lambda: "by the rule “Money”, which cannot be used" in said(support.cards()[0]))
