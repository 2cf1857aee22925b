"""What search takes a text apart into: the one tokenizer, for what is kept and for what is looked for. Pure.

Words of scripts that put spaces between them stand as they are, folded: no case, no accents, full-width as half. Runs
of scripts that do not (Chinese, Japanese, Thai and their like), and of Korean, whose words grow together, become pairs
of neighbours and their last character alone: each character begins a token, so that a word of two is found wherever it
stands, and one of one too. A longer word is a phrase of its pairs.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 64
"""Characters of a word; what goes on is cut, here and where it is looked for."""

_RUN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"  # Korean
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"  # kana, Bopomofo, repetition
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
_PIECE = re.compile(rf"([{_RUN}]+)|[^\W_{_RUN}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ACCENTS = re.compile(r"[\u0300-\u036f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A word or phrase as it is looked for: tokens that follow each other. `begins`: the last may go on."""

    tokens: tuple[str, ...]
    begins: bool


def fold(text: str) -> str:
    """The text without what readers do not search by: case, accents, widths."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", bare).casefold()


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order."""
    if text.isascii():
        return [word[:LONGEST] for word in _ASCII_WORD.findall(text.lower())]
    found: list[str] = []
    for piece in _PIECE.finditer(fold(text)):
        if run := piece[1]:
            found += [run[place : place + 2] for place in range(len(run))]
        else:
            found.append(piece[0][:LONGEST])
    return found


def sought(text: str, *, whole: bool) -> Sought | None:
    """What to look for where this was typed; None where it holds no word. `whole`: its last word does not go on."""
    found = tokens(text)
    if not found:
        return None
    in_run = bool(re.fullmatch(rf"[{_RUN}]+", found[-1]))
    if in_run and len(found) > 1 and len(found[-1]) == 1 and found[-2].endswith(found[-1]) and len(found[-2]) == 2:
        found.pop()  # the end of a run ends it only in the text that was typed
    begins = len(found[-1]) == 1 if in_run else not whole
    return Sought(tokens=tuple(found), begins=begins)


def spots(text: str, wanted: Sought) -> Iterator[tuple[int, int]]:
    """Where in a text the first token of what is looked for stands: begin and end of the word it is in."""
    first = wanted.tokens[0]
    loose = wanted.begins and len(wanted.tokens) == 1
    whole = first + "".join(one[-1] for one in wanted.tokens[1:])  # pairs of one run, put together again
    for piece in _PIECE.finditer(text):
        folded = fold(piece[0])
        if piece[1]:
            word = whole if whole in folded else first
            place = folded.find(word)
            if place >= 0 and len(folded) == len(piece[0]):
                yield piece.start() + place, piece.start() + place + len(word)
        elif folded.startswith(first) if loose else folded[:LONGEST] == first:
            yield piece.span()
