"""The catalogue holds every sentence that somebody reads in Slack, in English and Korean; each person is told in theirs."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from onstage import Desk, ask, said

import bridge
from bridge.demo.stage import CHANNEL, GUEST, MINA, Stage
from bridge.sentences import CATALOGUE, house, plural, say, speaking, to_everyone
from bridge.sentences.__main__ import KEYWORDS
from bridge.sentences.__main__ import said as said_in_code

KEPT = re.compile(r"\{\w*\}|:[a-z_]+:|`[^`]*`|<[^>]*>|/mail\b")
"""What stands in both languages alike: names to be filled in, emoji, what is typed, links and people."""

TREES = {
    file: ast.parse(text)
    for file in sorted(Path(bridge.__file__).parent.rglob("*.py"))
    if "from bridge.sentences import" in (text := file.read_text("utf-8"))
}


def one(forms: str | list[str] | tuple[str, ...] | None) -> str:
    return forms if isinstance(forms, str) else (forms or [""])[0]


with CATALOGUE.open("rb") as file:
    ENTRIES = {one(entry.id): one(entry.string) for entry in read_po(file, locale="ko") if entry.id}


def test_the_catalogue_holds_what_the_code_says_and_nothing_else() -> None:
    """`python -m bridge.sentences` brings it up to date."""
    in_code = {one(entry.id) for entry in said_in_code() if entry.id}
    assert in_code - set(ENTRIES) == set(), "not in the catalogue"
    assert set(ENTRIES) - in_code == set(), "said no more"


def test_every_sentence_has_its_korean() -> None:
    assert [english for english, korean in ENTRIES.items() if not korean.strip()] == []


@pytest.mark.parametrize("english", ENTRIES, ids=lambda english: english[:50])
def test_the_korean_keeps_what_is_filled_in_and_what_is_typed(english: str) -> None:
    kept = sorted(KEPT.findall(ENTRIES[english]))
    assert set(kept) == set(KEPT.findall(english)), ENTRIES[english]


def test_sentences_are_literals() -> None:
    """A sentence that is put together while running cannot be in a catalogue."""
    for path, tree in TREES.items():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KEYWORDS:
                for argument in call.args:
                    assert not isinstance(argument, ast.JoinedStr | ast.BinOp), f"{path.name}:{call.lineno}"


def test_the_house_speaks_its_language_and_each_reader_theirs() -> None:
    sentence = "Only people may handle the mail."
    assert say(sentence) == sentence
    with speaking("ko-KR"):
        assert say(sentence) == ENTRIES[sentence]
        with to_everyone():
            assert say(sentence) == sentence
    house("ko")
    assert say(sentence) == ENTRIES[sentence]
    with speaking("en-GB"):
        assert say(sentence) == sentence
    with speaking("de-DE"):
        assert say(sentence) == ENTRIES[sentence]
    house("en")


def test_words_are_filled_in_but_never_read_as_a_sentence() -> None:
    assert say("{who} waits", who="{mean}") == "{mean} waits"
    assert plural(1, "{n} mail", "{n} mails") == "1 mail"
    assert plural(2, "{n} mail", "{n} mails") == "2 mails"


async def test_a_person_is_told_in_their_own_language(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.workspace.change_user(GUEST, locale="ko-KR")
    stage.slack.workspace.change_user(MINA, is_restricted=True)
    await stage.slack.delivery.settled()
    guest = Desk(stage, GUEST)
    refusal = "Only full members of this workspace may handle the mail; ask one of them."
    for desk, words in ((guest, ENTRIES[refusal]), (mina, refusal)):
        await desk.person.click(CHANNEL, card["ts"], "claim")
        await stage.slack.delivery.settled()
        assert words in said(desk.person.ephemerals(CHANNEL)[-1])
