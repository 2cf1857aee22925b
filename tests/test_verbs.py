"""A verb does and says the same from each place: buttons, menus, `/mail`, shortcuts, `bridge mail`; on any mailbox."""

import asyncio
import email
import email.policy
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest
from mailroom import (
    Mailroom,
    Stands,
    choose,
    dovecot_fixture,  # noqa: F401 - a fixture
    has_card,
    room_fixture,  # noqa: F401 - a fixture
    stage_fixture,  # noqa: F401 - a fixture
    until,
    written,
)
from onstage import ENOUGH, Desk, initial, received, rich, said

from bridge.cli import main
from bridge.demo.stage import CHANNEL, GUEST, MINA, Stage
from bridge.slack.commands import NUMBERED

SEEN, FLAGGED = "\\Seen", "\\Flagged"
NEW: Stands = ("inbox", frozenset())

Act = Callable[[str], Awaitable[None]]


@pytest.fixture
def act(stage: Stage, mina: Desk, monkeypatch: pytest.MonkeyPatch) -> Act:
    """Does what an agent does, as it is written here, and answers the questions that the bridge asks."""
    for variable, value in stage.environ().items():
        monkeypatch.setenv(variable, value)
    person = mina.person

    async def do(way: str) -> None:
        place, _, rest = way.partition(" ")
        if place == "bridge":
            assert await asyncio.to_thread(main, [*rest.split(), "--config", str(stage.config_file())]) == 0
        elif place == "/mail":
            await person.command(CHANNEL, "/mail", rest)
        elif place == "press":
            await person.click(CHANNEL, mina.cards()[0]["ts"], rest)
        elif place == "choose":
            await choose(mina, f"{rest}:1")
        elif place == "thread":
            line = mina.line(mina.cards()[0], "About Two bags")
            assert line
            await person.choose(CHANNEL, line["ts"], "mail", f"{rest}:1:1")
        if re.search(r"^(/mail|choose) delete|^choose snooze|^/mail snooze 1$", way):
            question = "snooze" if "snooze" in way else "confirm_delete"
            await mina.sees(lambda: (person.view() or {}).get("callback_id") == question)
            await person.submit({"until": "in 3 hours"} if question == "snooze" else {})

    return do


def state(mina: Desk) -> str:
    """All that the card says, but for the times."""
    return re.sub(r"<!date\^[^>]*>|<!date[^>]*>", "then", said(mina.cards()[0]))


# --- what changes something -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """`ways`: each place that it can be done from. Then the mail `stands` so and the card has `words`; `undo` ends it.

    `first`: what has to be done before.
    """

    ways: tuple[str, ...]
    words: str
    undo: str
    stands: Stands = NEW
    first: str = ""
    before: Stands = NEW


VERBS = {
    "mark_read": Verb(
        ways=("choose mark_read", "/mail mark 1 read", "bridge mail mark 1 read"),
        stands=("inbox", {SEEN}),
        words="Mark as unread",
        undo="/mail mark 1 unread",
    ),
    "mark_unread": Verb(
        ways=("choose mark_unread", "/mail mark #1 unread", "bridge mail mark 1 unread"),
        first="/mail mark 1 read",
        before=("inbox", {SEEN}),
        words="1 unread",
        undo="/mail mark 1 read",
    ),
    "flag": Verb(
        ways=("choose flag", "/mail mark 1 flagged", "bridge mail mark 1 flagged"),
        stands=("inbox", {FLAGGED}),
        words="Flagged",
        undo="/mail mark 1 unflagged",
    ),
    "delete": Verb(
        ways=("choose delete", "/mail delete 1", "bridge mail delete 1"),
        stands=("trash", frozenset()),
        words="In the trash",
        undo="/mail restore 1",
    ),
    "restore": Verb(
        ways=("choose restore", "/mail restore 1", "bridge mail restore #1"),
        first="/mail archive 1",
        before=("archive", frozenset()),
        words="Open",
        undo="/mail archive 1",
    ),
    "archive": Verb(
        ways=("choose archive", "/mail archive 1", "bridge mail archive 1"),
        stands=("archive", frozenset()),
        words="Archived",
        undo="/mail restore 1",
    ),
    "spam": Verb(
        ways=("choose spam", "/mail spam 1", "bridge mail spam 1"),
        stands=("junk", frozenset()),
        words="In junk",
        undo="/mail restore 1",
    ),
    "claim": Verb(ways=("press claim", "/mail claim 1"), words=f"<@{MINA}>", undo="/mail assign 1 @jonas"),
    "assign": Verb(
        ways=("/mail assign 1 @mina", "/mail assign #1 @mina"), words=f"<@{MINA}>", undo="/mail assign 1 @jonas"
    ),
    "close": Verb(ways=("press close", "/mail close 1", "bridge mail close 1"), words="Closed", undo="/mail reopen 1"),
    "reopen": Verb(
        ways=("press reopen", "/mail reopen 1", "bridge mail reopen 1"),
        first="/mail close 1",
        words="Open",
        undo="/mail close 1",
    ),
    "snooze": Verb(
        ways=("choose snooze", "/mail snooze 1", "/mail snooze 1 in 3 hours"),
        words="Snoozed until",
        undo="/mail reopen 1",
    ),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_does_and_says_the_same_from_each_place(mina: Desk, room: Mailroom, act: Act, verb: str) -> None:
    it = VERBS[verb]
    await has_card(mina, room)
    if it.first:
        await act(it.first)
    shown = []
    for way in it.ways:
        await until(lambda: room.stands() == {"Two bags": it.before})
        await mina.sees(lambda: it.words not in state(mina))
        await act(way)
        await until(lambda: room.stands() == {"Two bags": it.stands})
        await mina.sees(lambda: it.words in state(mina))
        shown.append(state(mina))
        await act(it.undo)
    assert len(set(shown)) == 1
    assert len(mina.cards()) == 1


async def test_a_customers_mail_reopens_what_was_closed_or_put_aside(mina: Desk, room: Mailroom, act: Act) -> None:
    await has_card(mina, room)
    for number, way in enumerate(("press close", "/mail snooze 1 tomorrow 9am")):
        await act(way)
        await mina.sees(lambda: "Open" not in state(mina))
        room.deliver(written(f"And {number}", in_reply_to="<Two-bags@example.com>"))
        await mina.sees(lambda: "Open" in state(mina))
    assert len(mina.cards()) == 1


# --- what shows something ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        (("choose show_full", "thread show_full", "/mail show 1", "/mail show 1 full"), "About Two bags."),
        (
            ("choose show_original", "thread show_original", "/mail show #1 original"),
            "Two-bags@example.com",
        ),
    ],
)
async def test_a_mail_is_shown_the_same_from_each_place(
    mina: Desk, room: Mailroom, act: Act, ways: tuple[str, ...], words: str
) -> None:
    await has_card(mina, room)
    shown = []
    for way in ways:
        await act(way)
        await mina.sees(lambda: words in said(mina.person.view() or {}))
        shown.append(said(mina.person.view() or {}))
        await mina.person.close_view()
    assert len(set(shown)) == 1
    assert room.stands() == {"Two bags": NEW}  # shown is not read: that is an agent's to say


# --- what writes something --------------------------------------------------------------------------------------------


def essence(mail: EmailMessage) -> dict[str, Any]:
    """What the customer gets, but for what is each mail's own."""
    body = mail.get_body(("plain",))
    assert body
    names = ("From", "To", "Cc", "Subject", "In-Reply-To")
    return {
        **{name: str(mail[name]) for name in names},
        "text": body.get_content().replace("\r\n", "\n").strip(),
        "files": [part.get_filename() for part in mail.iter_attachments()],
    }


def with_a_file(subject: str) -> bytes:
    mail = email.message_from_bytes(written(subject), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    mail["Cc"] = "Ben <ben@example.org>"
    mail.add_attachment(b"%PDF-1.4 a bill", maintype="application", subtype="pdf", filename="bill.pdf")
    return mail.as_bytes()


async def by_shortcut(mina: Desk, *, in_thread: bool) -> None:
    """Words said in the channel or in the card's thread become a mail."""
    thread_ts = mina.cards()[0]["ts"] if in_thread else None
    ts = await mina.person.say(CHANNEL, "Same", thread_ts=thread_ts)
    await mina.person.message_shortcut("send_as_email", CHANNEL, ts)


ANSWERS = {
    "reply": ("press reply", "/mail reply 1", "shortcut", "bridge mail reply 1 --text Same --now --wait"),
    "reply_all": ("choose reply_all", "/mail reply_all 1", "bridge mail reply 1 --all --text Same --now --wait"),
    "forward": ("choose forward", "/mail forward 1"),
}


@pytest.mark.parametrize("verb", ANSWERS)
async def test_an_answer_is_the_same_mail_from_each_place(
    stage: Stage, mina: Desk, room: Mailroom, act: Act, verb: str
) -> None:
    room.deliver(with_a_file("Two bags"))
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "About Two bags"))
    to = "eli@example.net" if verb == "forward" else "dana@example.com"
    got: list[dict[str, Any]] = []
    for way in ANSWERS[verb]:
        if way == "shortcut":
            await by_shortcut(mina, in_thread=True)
        else:
            await act(way)
        if not way.startswith("bridge"):
            await mina.sees_compose()
            await mina.person.submit({"body": rich("Same"), **({"to": to} if verb == "forward" else {})})
        got.append(essence(await received(stage, to, len(got) + 1)))
    assert [one for one in got if one != got[0]] == []
    assert got[0]["files"] == (["bill.pdf"] if verb == "forward" else [])
    assert ("ben@example.org" in got[0]["Cc"]) == (verb == "reply_all")


@pytest.mark.parametrize("room", ["local"], indirect=True)
async def test_the_shortcut_on_a_customers_mail_answers_it_and_puts_no_words_into_the_mouth(
    mina: Desk, room: Mailroom
) -> None:
    card = await has_card(mina, room)
    line = mina.line(card, "About Two bags")
    assert line
    for ts in (card["ts"], line["ts"]):
        await mina.person.message_shortcut("send_as_email", CHANNEL, str(ts))
        view = await mina.sees_compose()
        assert initial(view, "to") == "Dana <dana@example.com>"
        assert not initial(view, "body")
        await mina.person.close_view()


@pytest.mark.parametrize("room", ["local"], indirect=True)
async def test_a_new_mail_is_the_same_from_each_place(stage: Stage, mina: Desk, room: Mailroom, act: Act) -> None:
    await has_card(mina, room)
    await act("/mail new dana@example.com")
    assert initial(await mina.sees_compose(), "to") == "dana@example.com"
    await mina.person.submit({"subject": "News", "body": rich("Same")})
    got = [essence(await received(stage, "dana@example.com", 1))]
    for way in ("global", "message"):
        if way == "global":
            await mina.person.global_shortcut("new_email")
        else:
            await by_shortcut(mina, in_thread=False)
        await mina.sees_compose()
        await mina.person.submit({"to": "dana@example.com", "subject": "News", "body": rich("Same")})
        got.append(essence(await received(stage, "dana@example.com", len(got) + 1)))
    await act("bridge mail send --to dana@example.com --subject News --text Same --now --wait")
    got.append(essence(await received(stage, "dana@example.com", 4)))
    assert [one for one in got if one != got[0]] == []


# --- what cannot be done ----------------------------------------------------------------------------------------------


async def told(desk: Desk, way: Awaitable[None]) -> str:
    """The sentence that a person is told, wherever it is shown: beside the card or in a window."""
    before = len(desk.person.ephemerals(CHANNEL))

    def sentence() -> str:
        if len(beside := desk.person.ephemerals(CHANNEL)) > before:
            return said(beside[-1])
        view = said(desk.person.view() or {})
        return "" if "One moment" in view else view

    await way
    found = await desk.person.sees(sentence, timeout=ENOUGH)
    if desk.person.view():
        await desk.person.close_view()
    return found


def typed_verbs(number: str) -> list[str]:
    """Each verb that wants a number, as it is typed in full."""
    rest = {"mark": "read", "assign": "@mina", "snooze": "in 3 hours", "tag": "money", "priority": "high"}
    rest |= {"merge": "2" if number == "1" else "1", "move": "#general"}
    return [f"{verb} {number} {rest.get(verb, '')}".strip() for verb in sorted(NUMBERED)]


@pytest.mark.parametrize("room", ["local"], indirect=True)
async def test_who_may_not_act_is_told_the_same_everywhere_and_nothing_happens(
    stage: Stage, mina: Desk, room: Mailroom
) -> None:
    card = await has_card(mina, room)
    lee, before = Desk(stage, GUEST), state(mina)
    ts, sentences = str(card["ts"]), {}
    for text in (*typed_verbs("1"), "snooze 1", "inbox", "search bags", "new a@example.com", "status"):
        sentences[text] = await told(lee, lee.person.command(CHANNEL, "/mail", text))
    for button in ("reply", "claim", "close"):
        sentences[button] = await told(lee, lee.person.click(CHANNEL, ts, button))
    for verb in ("forward", "show_full", "show_original", "flag", "mark_read", "snooze", "archive", "spam", "delete"):
        option = f"{verb}:1"
        sentences[option] = await told(lee, lee.person.choose(CHANNEL, ts, "more", option))
    said_by_lee = await lee.person.say(CHANNEL, "Send it", thread_ts=ts)
    sentences["send_as_email"] = await told(lee, lee.person.message_shortcut("send_as_email", CHANNEL, said_by_lee))
    sentences["new_email"] = await told(lee, lee.person.global_shortcut("new_email"))
    assert {place: words for place, words in sentences.items() if "full members" not in words} == {}
    assert state(mina) == before
    assert room.stands() == {"Two bags": NEW}
    assert stage.world.envelopes == []


@pytest.mark.parametrize("room", ["local"], indirect=True)
async def test_an_unknown_number_and_a_missing_one_are_told_for_every_verb(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    for text in typed_verbs("99"):
        words = await told(mina, mina.person.command(CHANNEL, "/mail", text))
        assert words == "There is no conversation #99. `/mail inbox` lists the open ones.", text
    for verb in sorted(NUMBERED):
        for number in ("", "one", "-1", "0", "1042x", "9" * 40):
            words = await told(mina, mina.person.command(CHANNEL, "/mail", f"{verb} {number}"))
            assert words.startswith(f"Say which conversation: `/mail {verb} N"), verb


@pytest.mark.parametrize("room", ["local"], indirect=True)
async def test_nobody_is_made_an_owner_who_may_not_act(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    words = await told(mina, mina.person.command(CHANNEL, "/mail", "assign 1 @lee"))
    assert words == (
        f"<@{GUEST}> cannot be its owner. Only full members of this workspace may handle the mail; ask one of them."
    )
    assert "nobody" in state(mina)
