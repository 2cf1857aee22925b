"""The log is read in its reader's language, whatever it was written in; what comes from others stays as it is."""

import re

import pytest

from bridge.model import Act, Risk, UserId, Where, now
from bridge.sentences import say, speaking
from bridge.slack import deeds, details, setup

MINA = UserId("U0MINA0001")


def act(verb: str, detail: str) -> Act:
    return Act(at=now(), actor=MINA, verb=verb, detail=detail, place=Where.BUTTON)


def of_conversation(verb: str, detail: str, language: str) -> str:
    """Behind the time."""
    with speaking(language):
        return deeds.line(act(verb, detail)).split("  ·  ", 1)[1]


def of_desk(verb: str, detail: str, language: str) -> str:
    with speaking(language):
        return str(setup.log([act(verb, detail)])["blocks"][0]["text"]["text"]).split("  ·  ", 1)[1]


KEPT = [
    (
        "spam",
        "its sender was called spam before, and a filter calls it spam: folder: inbox → junk, status: open → closed",
    ),
    *(("release file", f"file 1 of 2: {risk} → released") for risk in Risk),
    ("undo", "the message was deleted"),
    ("assign", f"owner: none → {MINA}"),
    ("close", "folder: inbox → trash, status: open → closed"),
    ("reword", "the message was edited"),
    ("stop acknowledging", "too many in a day"),
    ("merge", "into #7"),
    ("merge", "#7 came here, 1 mail"),
    ("split", "3 mails to #7"),
    ("nudge", "channel"),
    ("nudge", f"owner: {MINA}"),
    ("not answered", "its sender is forged"),
    ("not passed on", "it would go back to where it comes from"),
]
OF_DESK = [
    ("rule changed", "“규칙”, when: changed, then: changed, on → off, to be tried"),
    ("rule moved", "“규칙”, place: 3 → 2"),
    ("rule switched on", "“규칙”"),
    ("template changed", "“답”, text: changed"),
    ("agents changed", f"may act: {MINA} added, admin: {MINA} removed"),
    ("settings changed", "signature: changed, reminders: yes → no"),
]


@pytest.mark.parametrize(("verb", "detail"), KEPT)
def test_what_was_done_is_told_in_korean(verb: str, detail: str) -> None:
    told = of_conversation(verb, detail, "ko")
    assert not re.search(r"[a-z]{2,}", told), told
    assert of_conversation(verb, detail, "en").endswith(detail.replace(MINA, f"<@{MINA}>"))


@pytest.mark.parametrize(("verb", "detail"), OF_DESK)
def test_what_was_done_to_the_desk_is_told_in_korean(verb: str, detail: str) -> None:
    told = of_desk(verb, detail, "ko")
    assert not re.search(r"[a-z]{2,}", told), told
    assert of_desk(verb, detail, "en").endswith(detail.replace(MINA, f"<@{MINA}>"))


def test_names_stay_as_they_are() -> None:
    assert "Rspamd" in of_conversation("checked", "Rspamd: spam", "ko")
    assert "“on, off”" in of_desk("rule switched on", "“on, off”", "ko")
    assert "{why}" in of_conversation("not done", "{why} %s", "ko")
    assert "open" in of_conversation("propose", "rule: closed, template: open", "ko")


def test_every_sentence_is_found_again() -> None:
    """Of two that look alike, the one that was written."""
    for sentence in (*details.KEPT, *details.OF_DESK):
        words = dict.fromkeys(re.findall(r"{(\w+)}", sentence), "1")
        with speaking("en"):
            kept = say(sentence, **words)
        with speaking("ko"):
            tell = details.of_desk if sentence in details.OF_DESK else details.told
            assert tell(kept, otherwise=str) == say(sentence, **words)
