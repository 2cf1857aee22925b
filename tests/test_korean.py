"""A Korean desk is Korean through and through: every surface, its labels within Slack's limits, and each agent in theirs."""

import ast
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from onstage import Desk, ask, nodes, rich, said
from surfaces import messages, views

import bridge
from bridge.demo.double.blockkit import check_message_blocks, check_view
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Refused
from bridge.sentences import CATALOGUE, say, speaking
from bridge.sentences.__main__ import KEYWORDS
from bridge.slack.when import when

SEED = 20260301
CONVERSATIONS = 60  # of which all surfaces are made in Korean: the limits themselves are tested with many more
LABELS = {"title": 24, "submit": 24, "close": 24}  # characters of a modal's
SUBJECT = "A torn parcel"  # no sentence of the catalogue, whose examples speak of mails too
HANGUL = re.compile("[가-힣]")
CAUGHT = re.compile(r"\*\w[^*\n]*[\w.>]\*[가-힣]")
"""A name in bold with a particle on it: Slack would show the marks."""
BETWEEN = re.compile(r"\{\w*\}|:[a-z_]+:|`[^`]*`|<[^>]*>")
"""What parts a sentence's own words: names to be filled in, emoji, what is typed, links."""

with CATALOGUE.open("rb") as file:
    FOUND = [(entry.id, entry.string) for entry in read_po(file, locale="ko") if entry.id and entry.string]
ENTRIES = {
    english if isinstance(english, str) else english[0]: korean if isinstance(korean, str) else korean[0]
    for english, korean in FOUND
}
"""Each sentence's Korean; of a plural by its first form."""


def bold(sentence: str) -> int:
    """How many stretches Slack would set in bold, whatever the words that are filled in."""
    return len(re.findall(r"(?<!\w)\*(?=\S)[^*\n]*(?<=\S)\*(?!\w)", re.sub(r"\{\w+\}", "x", sentence)))


@pytest.mark.parametrize("english", [one for one in ENTRIES if "*" in one], ids=lambda english: english[:50])
def test_what_is_bold_in_english_is_bold_in_korean(english: str) -> None:
    """Slack takes a mark for a style only where no letter stands beside it, and Korean hangs its particles on."""
    assert bold(ENTRIES[english]) == bold(english), ENTRIES[english]


# --- nothing is said past the catalogue -------------------------------------------------------------------------------

WORDS = re.compile(r"[^\W\d_]{2,}\S*\s|\s\S*[^\W\d_]{2,}|^[A-Z][a-z]+( …)?$")
"""Text that a person might read: words with a space beside them, or a label."""

MARKS = re.compile(r":[a-z_]+:|&[a-z]+;|`/mail|\^\{\w+\} \{\w+\}\||\b(UTC|MB|kB)\b")
"""What is the same in every language: emoji, escapes, what is typed, Slack's dates, units."""

NO_SENTENCES = {
    "bolt.py": {"Failed to run listener function": "a line of the log"},
    "canned.py": {"Hi {{ sender.name }},": "a template as it is typed"},
    "compose.py": {"dana@example.com, Ben <ben@example.org>": "addresses as they are typed"},
    "directory.py": {"Key": "a type variable", "Value": "a type variable"},
    "faults.py": {
        "Slack does not accept SLACK_APP_TOKEN": "ends the start, or a check: read on the command line",
        "Socket Mode is off for this app": "ends the start, or a check: read on the command line",
    },
    "files.py": {"Authorization": "a header", "Bearer ": "a header's value"},
    "gateway.py": {
        "The bot sees no channel #": "ends the start, or a check: read on the command line",
        **dict.fromkeys((": correct ", "MAIL_CHANNEL (or ", ", or type /invite @Bridge"), "the same"),
        **dict.fromkeys(("Channel", "Gateway", "Identity", "Member"), "a name of the module"),
    },
    "home.py": {
        "refund from:dana is:open": "a search as it is typed",
        "is:mine -is:closed": "a search as it is typed",
        "is:unowned is:open": "a search as it is typed",
    },
    "inert.py": {"Mn": "a category of Unicode", "Me": "a category of Unicode"},
    "reading.py": {"watched elsewhere": "a state's name, as /readyz has it"},
    "unreadable.py": {
        "no ": "a line of the log",
        " as it was given": "a line of the log",
    },
    "web.py": {"Json": "a type"},
    "when.py": {
        "다음 주": "what people type",
        "next week": "what the library reads",
        "in 2 days": "what the library reads",
    },
}
"""Texts of `bridge/slack` that are no sentences for people in Slack, by how they begin, each with the reason."""


def unsaid(tree: ast.Module) -> Iterator[ast.Constant]:
    """Texts that are neither said, nor documentation, nor a line of the log."""
    passed: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant() as text):
                passed.add(text)
            case ast.Call(func=ast.Name(id=name), args=args) if name in KEYWORDS:
                passed |= {one for argument in args for one in ast.walk(argument)}
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "_LOG" | "re")), args=args):
                passed |= {one for argument in args for one in ast.walk(argument)}
            case ast.keyword(arg="detail", value=value):
                passed |= set(ast.walk(value))
            case ast.arg(annotation=ast.expr() as hint) | ast.FunctionDef(returns=ast.expr() as hint):
                passed |= set(ast.walk(hint))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in passed:
            yield node


SLACK = Path(bridge.__file__).parent / "slack"
READS_ALONE = SLACK / "korean.py"  # what people type, never what they read


@pytest.mark.parametrize("file", sorted(set(SLACK.glob("*.py")) - {READS_ALONE}), ids=lambda one: one.name)
def test_nothing_is_said_in_slack_past_the_catalogue(file: Path) -> None:
    allowed = NO_SENTENCES.get(file.name, {})
    found = [
        f"{file.name}:{one.lineno}: {one.value!r}"
        for one in unsaid(ast.parse(file.read_text("utf-8")))
        if WORDS.search(MARKS.sub("", str(one.value))) and not str(one.value).startswith(tuple(allowed))
    ]
    assert found == []


# --- all of it in Korean ----------------------------------------------------------------------------------------------

PIECES = {
    piece: english
    for english, korean in ENTRIES.items()
    if korean != english
    for piece in (one.strip(" *_:.,()") for one in BETWEEN.split(english))
    if len(piece) >= 10 and " " in piece
}
"""Stretches of English long enough to be known again within other words."""


def english_in(tree: Any) -> set[str]:
    """Sentences of the catalogue that stand in English in a message or a view."""
    texts = [node["text"] for node in nodes(tree) if isinstance(node.get("text"), str)]
    facts = {fact.strip() for text in texts for line in text.splitlines() for fact in line.split("  ·  ")}
    whole = {one for one in facts if ENTRIES.get(one, one) != one}
    return whole | {english for piece, english in PIECES.items() if any(piece in text for text in texts)}


def test_every_surface_is_korean_through_and_through_and_within_slacks_limits() -> None:
    """A label that grows by its translation is cut nowhere."""
    for one in range(CONVERSATIONS):
        dice = random.Random(f"{SEED}:{one}")
        with speaking("ko-KR"):
            made = [*messages(dice), *views(dice)]
        for name, shown in made:
            told = f"conversation {one}: {name}"
            assert english_in(shown) == set(), told
            texts = [node["text"] for node in nodes(shown) if isinstance(node.get("text"), str)]
            assert not any(CAUGHT.search(one) for one in texts), told
            assert (check_view(shown) if "type" in shown else check_message_blocks(shown.get("blocks", []))) == [], told
            for label, most in LABELS.items():
                assert len(shown.get(label, {}).get("text", "")) <= most, told
            if name in {
                "card",
                "compose",
                "leaving",
                "delete",
                "snooze",
                "move",
                "labels",
                "split",
                "settings",
                "home",
                "help",
            }:
                assert HANGUL.search(str(shown)), told


@pytest.mark.parametrize("locale", ["en", "ko"])
def test_the_times_that_are_named_as_examples_are_understood(locale: str) -> None:
    at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    with speaking(locale):
        with pytest.raises(Refused) as refusal:
            when("when pigs fly", at=at, zone="Asia/Seoul")
        typed, *examples = re.findall("“([^”]+)”", str(refusal.value))
        assert typed == "when pigs fly"
        assert len(examples) == 4
        for example in (*examples, say("tomorrow 9am")):
            assert when(example, at=at, zone="Asia/Seoul") > at


def answered(desk: Desk) -> dict[str, Any]:
    """What the agent was told last in the channel, by nobody else seen."""
    return desk.person.ephemerals(CHANNEL)[-1]


async def korean(stage: Stage) -> None:
    """Mina's Slack is in Korean."""
    stage.slack.workspace.change_user(MINA, locale="ko-KR")
    await stage.slack.delivery.settled()


async def test_a_korean_agent_writes_in_korean_windows_on_an_english_desk(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await korean(stage)
    first = await ask(stage, subject=SUBJECT)
    card = await mina.sees_card(SUBJECT)
    view = await mina.opens(card)
    assert (view["title"]["text"], view["submit"]["text"], view["close"]["text"]) == ("답장 #1", "보내기", "취소")
    assert english_in(view) == set()
    await ask(stage, subject=f"Re: {SUBJECT}", text="One more thing.", in_reply_to=first)
    await mina.sees_card("2 mails")
    await mina.person.submit({"body": rich("안녕하세요")})
    asked = mina.person.view() or {}
    assert asked["submit"]["text"] == "그래도 보내기"
    assert "작성하는 동안 바뀐 내용입니다" in said(asked)
    assert english_in(asked) == set()
    await mina.person.submit({"body": rich("안녕하세요")})
    leaving = mina.person.view() or {}
    assert leaving["callback_id"] == "leaving"
    assert "그때까지 취소할 수 있습니다" in said(leaving)
    assert english_in(leaving) == set()
    line = await mina.sees(lambda: mina.line(card, "Leaves at"))
    assert line
    assert not HANGUL.search(said(line).replace("안녕하세요", "")), "the thread is everybody's"
    await mina.person.click_view("send_now")
    await mina.sees(lambda: "전송했습니다" in said(mina.person.view() or {}))
    assert english_in(mina.person.view()) == set()
    assert not HANGUL.search(said(mina.card(SUBJECT) or {}))


async def test_a_korean_agent_is_answered_in_korean(stage: Stage, mina: Desk) -> None:
    await korean(stage)
    await ask(stage, subject=SUBJECT)
    card = await mina.sees_card(SUBJECT)
    await mina.person.click(CHANNEL, card["ts"], "claim")
    for typed, words in (
        ("help", "`/mail assign N @사용자` — 담당자 지정"),
        ("inbox", "열린 대화"),
        ("log 1", f"(버튼)  ·  *담당*  담당자: 없음 → <@{MINA}>"),
        ("close 1", "#1 대화를 닫았습니다."),
        ("mark 1 sideways", "어떻게 표시할지 입력하세요: `/mail mark N read"),
        ("snooze 1 sometime", "“sometime”은(는) 시간이 아닙니다"),
        ("fetch 1", "명령이 없습니다"),
    ):
        await mina.person.command(CHANNEL, "/mail", typed)
        assert words in said(answered(mina)), typed
        assert english_in({"text": said(answered(mina))}) == set(), typed
    await mina.person.choose(CHANNEL, card["ts"], "more", "delete:1")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "confirm_delete")
    view = mina.person.view() or {}
    assert view["submit"]["text"] == "휴지통으로 이동"
    assert english_in(view) == set()


async def test_a_korean_agents_home_is_korean_and_follows_in_korean(stage: Stage, mina: Desk) -> None:
    await korean(stage)
    await ask(stage, subject=SUBJECT)
    await mina.sees_card(SUBJECT)
    await mina.person.open_home()
    await mina.sees(lambda: "담당자 없는 대화 (1)" in said(mina.person.home() or {}))
    assert english_in(mina.person.home()) == set()
    await mina.person.click_view("claim", value="1")
    await mina.sees(lambda: "내 대화 (1)" in said(mina.person.home() or {}))
    assert english_in(mina.person.home()) == set()


async def test_a_korean_house_has_korean_cards_and_answers_each_person_in_theirs(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.hold, stage.language = 60, "ko"
    await stage.start_bridge()
    await ask(stage, subject=SUBJECT, text="Hello,\n\nwhere are they?\n\n-- \nDana\n")
    card = await mina.sees_card(SUBJECT)
    assert "담당자 없음" in said(card)
    assert english_in(card) == set()
    view = await mina.opens(card)
    assert view["submit"]["text"] == "Send", "her own Slack is in English"
    assert english_in(view), "the control: English is noticed"
    await mina.person.submit({"body": rich("Words")})
    assert "Until then it can be undone" in said(mina.person.view() or {})
    assert await mina.sees(lambda: mina.line(card, "에 전송"))
    assert [english_in(one) for one in mina.thread(card)] == [set(), set()]
