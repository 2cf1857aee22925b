"""What the bridge says to people in Slack, in the language of whoever reads it.

English stands in the code, where it is read with what it is about; `ko.po` beside this file holds every one of these
sentences with its Korean (gettext's format, which translators' tools open). `python -m bridge.sentences` enters what is
new and drops what is no longer said; a test fails while anything lacks its Korean.

    say("Waits since {moment}", moment=...)

The language goes with the task, as `bridge.where` does: whoever takes a click says once who reads the answer. What
everybody reads, cards and threads, is in the house's language; so is everything that the bridge does by itself.
"""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from typing import Literal

Language = Literal["en", "ko"]

CATALOGUE = Path(__file__).with_name("ko.po")

_HOUSE: ContextVar[Language] = ContextVar("house", default="en")
_READER: ContextVar[Language | None] = ContextVar("reader", default=None)


def say(sentence: str, /, **words: object) -> str:
    """A sentence in the reader's language. `sentence`: the English as it stands in the catalogue, a literal; `words`
    stand for its `{names}`.
    """
    return _filled(_korean().get(sentence, sentence) if _language() == "ko" else sentence, words)


def plural(n: int, one: str, many: str, /, **words: object) -> str:
    """As `say`, of a number, which stands for `{n}`; Korean has one form for all."""
    if _language() == "ko":
        return _filled(_korean().get(one, many), {"n": n, **words})
    return _filled(one if n == 1 else many, {"n": n, **words})


def mark(sentence: str, /) -> str:
    """A sentence of the catalogue that is said later: `say(WORDS[state])` of a module's table."""
    return sentence


def house(language: Language) -> None:
    """What the house speaks from here on: this task, and all that it begins."""
    _HOUSE.set(language)


def read_by(locale: str) -> Token[Language | None]:
    """What this task says from here on is read by somebody with that locale, as Slack writes it ("ko-KR"); where the
    catalogue has not their language, or nothing is known, it is the house's.
    """
    spoken: dict[str, Language] = {"en": "en", "ko": "ko"}
    return _READER.set(spoken.get(locale.partition("-")[0].lower()))


@contextlib.contextmanager
def speaking(locale: str) -> Iterator[None]:
    """As `read_by`, for what is said within."""
    token = read_by(locale)
    try:
        yield
    finally:
        _READER.reset(token)


@contextlib.contextmanager
def to_everyone() -> Iterator[None]:
    """What is said within is read by others than whoever acts: in the house's language."""
    with speaking(""):
        yield


def _language() -> Language:
    return _READER.get() or _HOUSE.get()


def _filled(sentence: str, words: Mapping[str, object]) -> str:
    return sentence.format_map(words) if words else sentence


@functools.cache
def _korean() -> dict[str, str]:
    """The catalogue by its English; of a plural, by its first form."""
    from babel.messages.pofile import read_po  # noqa: PLC0415 - a house that speaks English alone needs none of it

    with CATALOGUE.open("rb") as file:
        entries = list(read_po(file, locale="ko"))
    return {_first(entry.id): _first(entry.string) for entry in entries if entry.id and _first(entry.string)}


def _first(forms: str | list[str] | tuple[str, ...] | None) -> str:
    return forms if isinstance(forms, str) else (forms or [""])[0]
