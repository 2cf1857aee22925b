"""Merge, split, and why a mail joined: told on the stage, where mails and their posts follow for real."""

from typing import Any

import pytest
from onstage import Desk, actions, ask, received, rich, said

from bridge.demo.stage import CHANNEL, Stage
from bridge.model import Attachment, Number
from bridge.store import acts, mails
from bridge.store.database import Store


async def two_cards(stage: Stage, mina: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two conversations, #1 and #2, each with a mail in its thread."""
    await ask(stage, subject="Two bags are missing", text="Where are my two bags?")
    first = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(first, "Where are my two bags?"))
    await ask(stage, subject="Missing bags, again", text="I wrote about this before.")
    second = await mina.sees_card("again")
    await mina.sees(lambda: mina.line(second, "I wrote about this before."))
    return first, second


async def log_of(stage: Stage, number: int) -> list[tuple[str, str]]:
    store = await Store.open(stage.settings().database_url.get_secret_value())
    try:
        async with store.read() as conn:
            found = await acts.of_conversation(conn, Number(number), limit=9)
            return [(one.verb, one.detail) for one in found]
    finally:
        await store.close()


def told(mina: Desk, words: str) -> bool:
    return any(words in said(one) for one in mina.person.ephemerals(CHANNEL))


async def test_a_merged_conversations_mails_and_later_answers_are_in_the_other_thread(stage: Stage, mina: Desk) -> None:
    first, second = await two_cards(stage, mina)
    photo = Attachment(filename="bags.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n")
    again = await ask(stage, subject="Missing bags, again: a third time", text="With a photo.", files=[photo])
    third = await mina.sees_card("third time")
    await mina.sees(lambda: mina.line(third, "With a photo."))

    await mina.person.command(CHANNEL, "/mail", "merge 3 #1")
    await mina.sees(lambda: told(mina, "#3 is part of #1 now."))
    assert await mina.sees(lambda: mina.line(first, "With a photo."))
    assert await mina.sees(lambda: next((one for one in mina.thread(first) if one.get("files")), None))
    merged = await mina.sees(lambda: mina.card("Merged into *#1*"))
    assert merged
    assert merged["ts"] == third["ts"]
    assert not {"reply", "claim", "close", "reopen"} & set(actions(merged))

    await ask(stage, subject="whatever", text="And a fourth time!", in_reply_to=again)
    assert await mina.sees(lambda: mina.line(first, "And a fourth time!"))
    assert len(mina.cards()) == 3
    assert not mina.line(second, "fourth time")
    assert ("merge", "into #1") in await log_of(stage, 3)
    assert ("merge", "#3 came here, 1 mail") in await log_of(stage, 1)


async def test_our_own_answer_moves_along_and_what_answers_it_comes_to_the_other_thread(
    stage: Stage, mina: Desk
) -> None:
    first, second = await two_cards(stage, mina)
    await mina.opens(second)
    await mina.person.submit({"body": rich("We look for them.")})
    ours = await received(stage, "dana@example.com")
    await mina.sees(lambda: mina.line(second, "Sent"))
    await mina.person.command(CHANNEL, "/mail", "merge 2 1")
    line = await mina.sees(lambda: mina.line(first, "We look for them."))
    assert line
    assert "Sent" in said(line)
    await ask(stage, subject="Re: x", text="Thank you for looking.", in_reply_to=str(ours["Message-ID"]))
    assert await mina.sees(lambda: mina.line(first, "Thank you for looking."))
    texts = [said(one) for one in mina.thread(first)]
    words = ["two bags?", "wrote about this", "We look for", "Thank you for"]
    assert [next(place for place, text in enumerate(texts) if one in text) for one in words] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("merge 1 1", "cannot be merged into itself"),
        ("merge 1", "Say which"),
        ("merge 1 99", "There is no conversation #99"),
        ("merge", "Say which conversation"),
    ],
)
async def test_a_merge_that_makes_no_sense_is_refused_with_what_to_do(
    stage: Stage, mina: Desk, typed: str, sentence: str
) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", typed)
    assert await mina.sees(lambda: told(mina, sentence))


async def test_what_was_merged_takes_no_verb_but_says_where_it_is(stage: Stage, mina: Desk) -> None:
    _, second = await two_cards(stage, mina)
    await mina.person.command(CHANNEL, "/mail", "merge 2 1")
    await mina.sees(lambda: mina.card("Merged into"))
    for typed in ("reopen 2", "merge 1 2", "claim 2"):
        await mina.person.command(CHANNEL, "/mail", typed)
        assert await mina.sees(lambda: told(mina, "#2 was merged into #1"))
    talk = await mina.person.say(CHANNEL, "Tell them it is found", thread_ts=second["ts"])
    await mina.person.message_shortcut("send_as_email", CHANNEL, talk)
    view = await mina.sees_compose()
    assert "#1" in view["title"]["text"]


async def test_a_mail_is_split_off_with_those_after_it_and_keeps_its_own_answers(stage: Stage, mina: Desk) -> None:
    begun = await ask(stage, text="Where are my two bags?")
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("They are on their way.")})
    ours = str((await received(stage, "dana@example.com"))["Message-ID"])
    other = await ask(
        stage,
        subject="Re: Two bags are missing",
        text="By the way, do you sell tea?",
        in_reply_to=ours,
        references=[begun],
    )
    line = await mina.sees(lambda: mina.line(card, "do you sell tea?"))
    assert line

    value = next(one for one in _options(line) if one.startswith("split:"))
    await mina.person.choose(CHANNEL, line["ts"], "mail", value)
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "split")
    await mina.person.submit()
    assert await mina.sees(lambda: "It goes on as *#2*" in said(mina.person.view() or {}))
    new = await mina.sees(lambda: next((one for one in mina.cards() if one["ts"] != card["ts"]), None))
    assert new
    assert await mina.sees(lambda: mina.line(new, "do you sell tea?"))
    await ask(stage, subject="x", text="Green tea, I mean.", in_reply_to=other, references=[begun, ours])
    assert await mina.sees(lambda: mina.line(new, "Green tea, I mean."))
    await ask(stage, subject="x", text="The bags have come.", in_reply_to=ours, references=[begun])
    assert await mina.sees(lambda: mina.line(card, "The bags have come."))
    assert not mina.line(card, "Green tea")
    assert ("split", "1 mail to #2") in await log_of(stage, 1)


async def test_a_conversation_of_one_mail_cannot_be_split_and_the_modal_says_so(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "split 1")
    assert await mina.sees(lambda: "only one mail" in said(mina.person.view() or {}))


async def test_an_answer_that_was_being_written_joins_what_its_mail_was_merged_into(stage: Stage, mina: Desk) -> None:
    first, second = await two_cards(stage, mina)
    await mina.opens(second)
    await mina.person.command(CHANNEL, "/mail", "merge 2 1")
    await mina.sees(lambda: mina.card("Merged into"))
    await mina.person.submit({"body": rich("Here they come.")})
    assert await mina.sees(lambda: mina.line(first, "Here they come."))
    assert not mina.line(second, "Here they come.")


# --- why a mail is here -----------------------------------------------------------------------------------------------


async def test_a_mail_that_joined_by_what_nobody_sees_says_why(stage: Stage, mina: Desk) -> None:
    first = await ask(stage, text="Where are my two bags?")
    card = await mina.sees_card("Two bags")
    await ask(stage, subject="About [Shop #1]", text="They came today.")
    line = await mina.sees(lambda: mina.line(card, "They came today."))
    assert "because its subject names this number" in said(line or {})
    await ask(stage, subject="Re: Two bags", text="All of them.", in_reply_to=first)
    line = await mina.sees(lambda: mina.line(card, "All of them."))
    assert "because" not in said(line or {})


async def test_two_mails_that_answer_one_that_never_came_here_join_and_say_so(stage: Stage, mina: Desk) -> None:
    """zammad#5716: a colleague wrote to the customer from elsewhere."""
    await ask(stage, subject="Re: Offer", text="I take it.", in_reply_to="<offer@elsewhere.example>")
    card = await mina.sees_card("Offer")
    await ask(stage, subject="Re: Offer", text="Two of them.", in_reply_to="<offer@elsewhere.example>")
    line = await mina.sees(lambda: mina.line(card, "Two of them."))
    assert "never came to this mailbox" in said(line or {})
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.read() as conn:
        stored = await mails.of_conversation(conn, Number(1))
    await store.close()
    assert [str(one.joined) for one in stored] == ["", "never_seen"]


def _options(message: dict[str, Any]) -> list[str]:
    blocks = [one.get("accessory") or {} for one in message["blocks"]]
    return [option["value"] for one in blocks for option in one.get("options", ())]
