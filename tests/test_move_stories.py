"""A conversation moves to another channel, by an agent or a rule: all of it goes on there, once, and nowhere else."""

import contextlib
import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from mailroom import until
from onstage import Desk, actions, ask, received, rich, said
from test_rule_stories import BILLING, Staged, log, staged

from bridge.demo.stage import CHANNEL, JONAS, MINA, STRANGER, Stage
from bridge.demo.world import Silence
from bridge.jobs import LANDING
from bridge.model import Attachment

__all__ = ["staged"]

PHOTO = Attachment(filename="bags.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n")


class Room(Desk):
    """An agent who looks at one channel."""

    def __init__(self, stage: Stage, user: str = MINA, *, channel: str = CHANNEL) -> None:
        super().__init__(stage, user)
        self.channel = channel

    def cards(self) -> list[dict[str, Any]]:
        found = self.stage.slack.workspace.history(self.channel)
        return [one for one in found if key_of(one).startswith("card:")]

    def thread(self, card: dict[str, Any]) -> list[dict[str, Any]]:
        replies = self.stage.slack.workspace.replies(self.channel, card["ts"])
        return [one for one in replies if one["ts"] != card["ts"]]

    async def types(self, text: str) -> str:
        """What they are told who type that after `/mail`."""
        before = len(self.told())
        await self.person.command(self.channel, "/mail", text)
        return (await self.sees(lambda: self.told()[before:]))[0]

    def told(self) -> list[str]:
        return [said(one) for one in self.person.ephemerals(self.channel)]


def key_of(message: dict[str, Any]) -> str:
    return str(message.get("metadata", {}).get("event_payload", {}).get("key", ""))


@pytest.fixture
async def stage(staged: Staged) -> Stage:
    """Mina may act in #support and in #billing, Jonas in #support alone."""
    return await staged("")


async def shown(support: Desk, **mail: Any) -> tuple[str, dict[str, Any]]:
    """A mail has come, and all of it stands in its thread: its Message-ID, and the card."""
    sent = await ask(support.stage, **{"text": "Where are my two bags?", **mail})
    card = await support.sees_card(mail.get("subject", "Two bags"))
    await support.sees(lambda: support.line(card, "Where are my two bags?"))
    if mail.get("files"):
        await support.sees(lambda: files_in(support, card))
    return sent, card


def files_in(room: Desk, card: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in room.thread(card) if one.get("files")]


async def log_of(stage: Stage, verb: str = "move") -> list[tuple[str, str, str]]:
    return [(str(one.actor), str(one.place), one.detail) for one in await log(stage, 1) if one.verb == verb]


async def at_rest(stage: Stage) -> None:
    """Nothing that is due now is left to be done."""
    question = (
        "SELECT count(*) FROM jobs WHERE state IN ('ready', 'running') AND kind IN ('show', 'left', 'tell', 'sort')"
    )

    def waiting() -> int:
        with contextlib.closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
            return int(database.execute(question).fetchone()[0])

    await until(lambda: waiting() == 0)


# --- what moves -------------------------------------------------------------------------------------------------------


async def test_the_card_its_mails_and_files_go_on_in_the_other_channel_and_the_old_card_leads_there(
    stage: Stage,
) -> None:
    support, billing = Room(stage), Room(stage, channel=BILLING)
    first, old = await shown(support, files=[PHOTO])
    await support.person.say(CHANNEL, "I have seen these bags", thread_ts=old["ts"])

    assert await support.types("move 1 #billing") == f"#1 shows in <#{BILLING}> now."
    card = await billing.sees_card("Two bags")
    assert {"reply", "claim", "close", "more"} <= set(actions(card))
    assert await billing.sees(lambda: billing.line(card, "Where are my two bags?"))
    assert await billing.sees(lambda: files_in(billing, card))
    line = await billing.sees(lambda: billing.line(card, "moved this here"))
    assert said(line or {}) == f"<@{MINA}> moved this here from <#{CHANNEL}>; what was said there stays there."

    left = await support.sees(lambda: support.card("moved to"))
    assert left
    assert left["ts"] == old["ts"]
    assert not actions(left)
    assert len(left["blocks"]) == 1
    assert f"/archives/{BILLING}/p{card['ts'].replace('.', '')}|goes on here>" in said(left)
    assert support.line(left, "I have seen these bags")

    await ask(stage, subject="Re: Two bags", text="Still nothing!", in_reply_to=first)
    assert await billing.sees(lambda: billing.line(card, "Still nothing!"))
    await at_rest(stage)
    assert not support.line(left, "Still nothing!")
    assert len(support.cards()) == len(billing.cards()) == 1
    assert len(files_in(billing, card)) == 1
    assert len([one for one in billing.thread(card) if "my two bags?" in said(one)]) == 1
    assert await log_of(stage) == [(MINA, "command", f"channel: {CHANNEL} → {BILLING}")]
    assert f"channel: <#{CHANNEL}> → <#{BILLING}>" in await support.types("log 1")


async def test_who_may_not_act_in_the_new_channel_finds_it_no_more(stage: Stage) -> None:
    mina, jonas = Room(stage), Room(stage, JONAS)
    await shown(mina)
    for person in (mina, jonas):
        await person.person.open_home()
        await person.sees(lambda: "Two bags" in said(person.person.home() or {}))  # noqa: B023
    await mina.types("move 1 #billing")
    await Room(stage, channel=BILLING).sees_card("Two bags")
    for typed, found, hidden in (
        ("inbox", "Two bags", "nothing"),
        ("search bags", "Two bags", "Nothing found"),
        ("read 1", "Where are my two bags?", f"Only members of <#{BILLING}>"),
    ):
        assert found in await mina.types(typed)
        assert hidden in await jonas.types(typed)
    await jonas.person.open_home()
    await jonas.sees(lambda: "Two bags" not in said(jonas.person.home() or {}))


async def test_it_is_moved_back_and_to_and_fro_as_often_as_somebody_wants(stage: Stage) -> None:
    support, billing = Room(stage), Room(stage, channel=BILLING)
    first, _ = await shown(support, files=[PHOTO])
    for number, (room, name) in enumerate([(billing, "billing"), (support, "support")] * 2):
        await support.types(f"move 1 #{name}")
        await room.sees(lambda: [one for one in room.cards() if actions(one)])  # noqa: B023
        await ask(stage, subject="Re: Two bags", text=f"Words {number}", in_reply_to=first)
        (card,) = [one for one in room.cards() if actions(one)]
        assert await room.sees(lambda: room.line(card, f"Words {number}"))  # noqa: B023
        await at_rest(stage)
        await room.sees(lambda: len(files_in(room, card)) == 1)  # noqa: B023
        others = [one for one in (*support.cards(), *billing.cards()) if one["ts"] != card["ts"]]
        assert ["goes on here" in said(one) for one in others] == [True] * (number + 1)
        assert not any(actions(one) for one in others)
    (last,) = [one for one in support.cards() if actions(one)]
    await support.person.click(CHANNEL, last["ts"], "claim")
    assert await support.sees(lambda: f"<@{MINA}>" in said(stage.slack.workspace.message(CHANNEL, last["ts"]) or {}))


async def test_an_owner_who_cannot_see_it_there_owns_it_no_more(stage: Stage) -> None:
    mina, jonas = Room(stage), Room(stage, JONAS)
    await shown(mina)
    await jonas.types("claim 1")
    await mina.types("move 1 #billing")
    assert "nobody's yet" in said(await Room(stage, channel=BILLING).sees_card("Two bags"))
    assert await log_of(stage) == [(MINA, "command", f"channel: {CHANNEL} → {BILLING}, owner: {JONAS} → none")]


async def test_a_held_answer_can_be_undone_and_an_undone_one_is_not_brought_along(staged: Staged) -> None:
    stage = await staged("", hold=60)
    support, billing = Room(stage), Room(stage, channel=BILLING)
    _, card = await shown(support)
    await support.opens(card)
    await support.person.submit({"body": rich("Not this one.")})
    await support.person.click_view("cancel_send")
    await support.sees_compose()
    await support.person.submit({"body": rich("They are on their way.")})
    await support.person.close_view()
    await support.sees(lambda: support.line(card, "Leaves at"))
    await support.types("move 1 #billing")
    card = await billing.sees_card("Two bags")
    line = await billing.sees(lambda: billing.line(card, "They are on their way."))
    assert {"cancel_send", "send_now"} <= set(actions(line))
    await billing.person.click(BILLING, (line or {})["ts"], "send_now")
    await received(stage, "dana@example.com")
    assert await billing.sees(lambda: billing.line(card, ":white_check_mark: Sent"))
    await at_rest(stage)
    assert not billing.line(card, "Not this one.")
    assert len(stage.world.envelopes) == 1


async def test_an_uncertain_answer_is_decided_on_in_the_new_place(stage: Stage) -> None:
    support, billing = Room(stage), Room(stage, channel=BILLING)
    _, card = await shown(support)
    stage.world.faults.silences = iter([Silence.LOST])
    await support.opens(card)
    await support.person.submit({"body": rich("They are on their way.")})
    await support.sees(lambda: support.line(card, "Perhaps delivered"))
    await support.types("move 1 #billing")
    card = await billing.sees_card("Two bags")
    line = await billing.sees(lambda: billing.line(card, "Perhaps delivered"))
    await billing.person.click(BILLING, (line or {})["ts"], "resend")
    await received(stage, "dana@example.com")
    assert await billing.sees(lambda: billing.line(card, ":white_check_mark: Sent"))


async def test_nudges_and_a_card_that_is_seen_again_are_in_the_new_channel(staged: Staged) -> None:
    stage = await staged("", source='\nfirst_response = "2h"\nresurface = "bump"')
    support, billing = Room(stage), Room(stage, channel=BILLING)
    first, old = await shown(support)
    await support.types("move 1 #billing")
    card = await billing.sees_card("Two bags")
    await at_rest(stage)
    stage.later(timedelta(hours=2))
    nudge = await billing.sees(lambda: billing.line(card, "an answer was due"))
    assert {"reply", "claim", "snooze"} <= set(actions(nudge))
    stage.later(timedelta(hours=6))
    await ask(stage, subject="Re: Two bags", text="Still nothing!", in_reply_to=first)
    await billing.sees(lambda: len([one for one in billing.cards() if "goes on here" in said(one)]) == 1)
    (newest,) = [one for one in billing.cards() if actions(one)]
    assert await billing.sees(lambda: billing.line(newest, "Still nothing!"))
    await at_rest(stage)
    assert len(support.cards()) == 1
    assert not support.line(old, "an answer")


# --- from where, and where not ----------------------------------------------------------------------------------------


async def ask_where(room: Room, way: str, card: dict[str, Any]) -> None:
    """Open the modal that asks where to."""
    if way == "typed":
        await room.person.command(CHANNEL, "/mail", "move 1")
    else:
        line = room.line(card, "Where are my two bags?") or {}
        await room.person.choose(CHANNEL, line["ts"], "mail", "move:1:1")
    await room.sees(lambda: (room.person.view() or {}).get("callback_id") == "move")


@pytest.mark.parametrize("way", ["typed", "thread"])
async def test_the_modal_moves_it_too_and_says_the_same(stage: Stage, way: str) -> None:
    support = Room(stage)
    _, card = await shown(support)
    await ask_where(support, way, card)
    await support.person.submit({"channel": BILLING})
    assert await support.sees(lambda: f"#1 shows in <#{BILLING}> now." in said(support.person.view() or {}))
    assert await Room(stage, channel=BILLING).sees_card("Two bags")
    assert await log_of(stage) == [(MINA, "modal", f"channel: {CHANNEL} → {BILLING}")]


OTHER = "C0OTHERS01"
AMISS: dict[str, tuple[dict[str, Any], str]] = {
    "archived": ({"is_archived": True}, "#others is archived."),
    "shared": ({"is_ext_shared": True}, "#others is shared with another organisation."),
    "without the bot": ({"members": [MINA]}, "The bridge is not in #others; invite it there."),
    "not theirs": ({"members": ["bot", STRANGER]}, f"Only members of <#{OTHER}> may handle its mail; join the channel"),
}


@pytest.mark.parametrize("trouble", AMISS)
async def test_a_channel_that_is_of_no_use_is_refused_in_the_same_words_and_nothing_happens(
    stage: Stage, trouble: str
) -> None:
    flags, sentence = AMISS[trouble]
    here, support = stage.slack.workspace, Room(stage)
    members = [here.bot_user_id if one == "bot" else one for one in flags.pop("members", [MINA, "bot"])]
    here.add_channel("others", channel_id=OTHER, members=members, **flags)
    _, card = await shown(support)
    before = said(card)
    assert sentence in await support.types("move 1 #others")
    await ask_where(support, "thread", card)
    await support.person.submit({"channel": OTHER})
    assert await support.sees(lambda: sentence in said(support.person.view() or {}))
    await support.person.close_view()
    assert (support.person.view() or {}).get("callback_id") == "move"  # to choose another
    assert [said(one) for one in support.cards()] == [before]
    assert await log_of(stage) == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("move 1 #support", f"#1 is in <#{CHANNEL}> already."),
        ("move 1 billing", "Say where to: `/mail move N #channel`, a channel that Slack knows."),
        ("move 1 #nowhere", "Say where to: `/mail move N #channel`, a channel that Slack knows."),
        ("move 2 #billing", "#2 was merged into #1; use that number."),
        ("move 99 #billing", "There is no conversation #99."),
        ("move", "Say which conversation: `/mail move N #channel`"),
    ],
)
async def test_a_move_that_makes_no_sense_is_refused_with_what_to_do(stage: Stage, typed: str, sentence: str) -> None:
    support = Room(stage)
    await shown(support)
    await shown(support, subject="Again")
    await support.types("merge 2 1")
    assert sentence in await support.types(typed)
    assert await log_of(stage) == []


async def test_whoever_may_not_act_in_the_old_channel_moves_nothing_out_of_it(stage: Stage) -> None:
    await shown(Room(stage))
    olga = Room(stage, STRANGER, channel="C0GENERAL1")
    assert f"Only members of <#{CHANNEL}>" in await olga.types("move 1 #billing")
    assert await log_of(stage) == []


@pytest.mark.parametrize("way", ["claim", "reply", "close", "more"])
async def test_a_button_of_the_old_card_is_answered_with_where_it_is_now(stage: Stage, way: str) -> None:
    """Whoever still sees the old card presses on what is no more."""
    support, jonas = Room(stage), Room(stage, JONAS)
    _, old = await shown(support)
    stage.slack.faults.rate_limited("chat.update", times=None)
    await support.types("move 1 #billing")
    billing = Room(stage, channel=BILLING)
    card = await billing.sees_card("Two bags")
    for room in (support, jonas):
        if way == "more":
            await room.person.choose(CHANNEL, old["ts"], "more", "archive:1")
        else:
            await room.person.click(CHANNEL, old["ts"], way)
        await room.sees(lambda: f"#1 has moved to <#{BILLING}>: it goes on there." in room.told())  # noqa: B023
    assert not support.person.view()
    assert [one.verb for one in await log(stage, 1)] == ["move"]
    stage.slack.faults.clear()
    assert await support.sees(lambda: support.card("moved to"))
    await billing.person.click(BILLING, card["ts"], "claim")
    assert await billing.sees(lambda: f"<@{MINA}>" in said(billing.cards()[0]))


async def test_whoever_reads_korean_is_answered_so_and_the_thread_is_in_the_houses_language(stage: Stage) -> None:
    stage.slack.workspace.change_user(MINA, locale="ko-KR")
    support, billing = Room(stage), Room(stage, channel=BILLING)
    await shown(support)
    assert await support.types("move 1 #support") == f"#1 대화는 이미 <#{CHANNEL}>에 있습니다."
    assert await support.types("move 1 #billing") == f"#1 대화는 이제 <#{BILLING}>에 표시됩니다."
    card = await billing.sees_card("Two bags")
    assert await billing.sees(lambda: billing.line(card, "moved this here from"))


# --- at the worst moment ----------------------------------------------------------------------------------------------


async def test_what_is_being_posted_while_it_moves_ends_as_a_line_that_leads_on(stage: Stage) -> None:
    """The card stands in the old channel, but its answer is on its way still when the conversation moves."""
    support, billing = Room(stage), Room(stage, channel=BILLING)
    stage.slack.faults.slow("chat.postMessage", seconds=1)
    await ask(stage, text="Where are my two bags?")
    await support.sees_card("Two bags")
    await support.types("move 1 #billing")
    card = await billing.sees_card("Two bags")
    assert await billing.sees(lambda: billing.line(card, "Where are my two bags?"))
    await at_rest(stage)
    assert [actions(one) for one in support.cards()] == [[]]
    assert "goes on here" in said(support.cards()[0])
    assert len(billing.cards()) == 1
    await billing.person.click(BILLING, card["ts"], "claim")
    assert await billing.sees(lambda: f"<@{MINA}>" in said(billing.cards()[0]))


async def test_a_notice_that_waits_while_it_moves_is_told_in_the_new_thread(stage: Stage) -> None:
    """It stands in the lane before what posts the new card, and waits for nothing that waits for it."""
    stage.slack.workspace.join(BILLING, JONAS)
    mina, jonas, billing = Room(stage), Room(stage, JONAS), Room(stage, channel=BILLING)
    _, card = await shown(mina)
    await mina.types("claim 1")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    await at_rest(stage)
    stage.slack.faults.slow("chat.update", seconds=1)
    await jonas.person.click(CHANNEL, card["ts"], "claim")
    await jonas.types("move 1 #billing")
    card = await billing.sees_card("Two bags")
    assert await billing.sees(lambda: billing.line(card, "took this over from you"))


async def test_a_lost_answer_and_a_history_that_lags_make_no_second_card(stage: Stage) -> None:
    support, billing = Room(stage), Room(stage, channel=BILLING)
    await shown(support, files=[PHOTO])
    await at_rest(stage)
    stage.slack.faults.lag(LANDING * 0.6)
    stage.slack.faults.drop_after_commit("chat.postMessage", times=2)
    await support.types("move 1 #billing")
    await support.sees(lambda: support.card("goes on here"))
    await at_rest(stage)
    (card,) = billing.cards()
    assert len([one for one in billing.thread(card) if "my two bags?" in said(one)]) == 1
    await billing.sees(lambda: len(files_in(billing, card)) == 1)


async def test_what_cannot_be_shown_there_any_more_is_moved_back(stage: Stage) -> None:
    support, billing = Room(stage), Room(stage, channel=BILLING)
    await shown(support)
    stage.slack.faults.refuse("chat.postMessage", error="is_archived")
    await support.types("move 1 #billing")
    await until(lambda: parked(stage))
    assert billing.cards() == []
    await support.types("move 1 #support")
    card = await support.sees(lambda: next((one for one in support.cards() if actions(one)), None))
    assert card
    assert await support.sees(lambda: support.line(card, "Where are my two bags?"))


def parked(stage: Stage) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{stage.database}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM jobs WHERE state = 'parked'").fetchone()[0])
