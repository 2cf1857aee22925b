"""Letters as mail programs make them, in many languages: what stands around the answer is folded, and nothing else.

Each file in `tests/letters` holds pieces of text with a line `%%` between them; in `answers.txt` each is a letter, a line
`=>`, and what is shown of it. A bug adds a piece.
"""

import textwrap
from pathlib import Path

import pytest

from bridge.mail.html import plain_lines
from bridge.mail.quotes import plain_reading

ANSWER = "Yes, that works."


def pieces(name: str) -> list[str]:
    return (Path(__file__).with_name("letters") / name).read_text("utf-8").removesuffix("\n").split("\n%%\n")


def shown(text: str) -> str:
    return " ".join(plain_lines(plain_reading(text).new).split())


@pytest.mark.parametrize("introduction", pieces("introductions.txt") + pieces("introductions_with_signs.txt"))
def test_what_introduces_a_quote_is_folded_with_it(introduction: str) -> None:
    assert shown(f"{ANSWER}\n\n{introduction}\n\n> Can you come?\n> Ann\n") == ANSWER


@pytest.mark.parametrize("introduction", pieces("introductions.txt"))
def test_a_quote_without_signs_is_folded_where_it_is_introduced(introduction: str) -> None:
    """Not "Ann wrote:" alone, which people write too."""
    assert shown(f"{ANSWER}\n\n{introduction}\n\nCan you come?\n\nAnn\n") == ANSWER


@pytest.mark.parametrize("introduction", [one for one in pieces("introductions.txt") if "\n" not in one])
def test_an_introduction_may_be_wrapped(introduction: str) -> None:
    wrapped = textwrap.fill(introduction, width=48, break_long_words=False, break_on_hyphens=False)
    assert shown(f"{ANSWER}\n\n{wrapped}\n\n> Can you come?\n> Ann\n") == ANSWER


@pytest.mark.parametrize("closing", pieces("closings.txt"))
def test_signatures_and_footers_are_folded(closing: str) -> None:
    assert shown(f"{ANSWER}\n\n{closing}\n") == ANSWER


@pytest.mark.parametrize("piece", pieces("answers.txt"))
def test_what_is_new_is_shown(piece: str) -> None:
    letter, wanted = piece.split("\n=>\n")
    assert shown(letter) == " ".join(wanted.split())


@pytest.mark.parametrize("letter", pieces("nothing_to_fold.txt"))
def test_nothing_else_is_folded(letter: str) -> None:
    assert shown(letter) == " ".join(letter.split())
