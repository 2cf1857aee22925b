"""Where the footers of a letter begin: its signature, a program's own line, a legal notice, a mailing list's footer.

Pure, over the lines of one stretch of the author's own text, in linear time. What is to become of them is not decided
here, see `quotes`.
"""

import re
from collections.abc import Sequence

from bridge.mail import phrases

_MAX_FOOTER = 40  # lines of a legal notice, its signature included; a longer text is none
_MAX_DASHED = 20  # lines below a mere "--", which may also part a text's chapters
_MAX_SIGNED = 5  # lines below a short rule, by which people sign who do not know of "-- "
_MAX_SIGNED_LINE = 60  # characters of such a line
_MAX_LIST_FOOTER = 8  # lines below a rule of underscores, by which a mailing list signs

_LIST_RULE = re.compile(r"_{5,}|-{8,}|={8,}")
_DASHED_NAME = re.compile(r"[-–—]{1,2}\s?([^\W\d_])[\w.']*(?: [^\W\d_][\w.']*){0,2}")
_BULLET = re.compile(r"[-*•–—+]|\d{1,2}[.)]")
_SHORT_RULE = re.compile(r"[-–—~*]{2,}")
_CONTACT = re.compile(r"https?://|www\.|[^\s@]@[^\s@]")


def begin(texts: Sequence[str], *, signed: Sequence[bool]) -> int:
    """Where the footers of a stretch of lines begin (its length: there are none), of which `signed` are marked as such.

    `texts` are the lines as `phrases.normal` makes them.
    """
    end = len(texts)
    footer = next((i for i in range(end) if _begins(texts, i)), end)
    while footer > 0:
        last = next((i for i in range(footer - 1, -1, -1) if texts[i]), None)
        if last is None:
            break
        first = last
        while first > 0 and last - first < 2 and texts[first - 1] and not phrases.is_sent_from(texts[first]):
            first -= 1
        if phrases.is_sent_from(texts[first]):
            footer = first
        elif footer == end and _is_dashed_name(texts, last):
            return last
        elif signed[last]:
            footer = last
        else:
            break
    return footer


def _begins(texts: Sequence[str], position: int) -> bool:
    """Whether all from this line to the end is a footer."""
    text, rest = texts[position], len(texts) - position
    if text in ("--", "—", "- --", "–"):
        return rest <= _MAX_DASHED
    if text == "---":
        return rest <= _MAX_LIST_FOOTER
    paragraph = not position or not texts[position - 1]
    if text in ("__", "___") or (position and paragraph and _SHORT_RULE.fullmatch(text)):
        return _is_signed(texts[position + 1 : position + 2 + 2 * _MAX_SIGNED]) and rest <= 2 * _MAX_SIGNED
    if _LIST_RULE.fullmatch(text) and rest <= _MAX_LIST_FOOTER:
        return any(_CONTACT.search(one) for one in texts[position + 1 :])
    return paragraph and rest <= _MAX_FOOTER and phrases.is_legal(text)


def _is_signed(texts: Sequence[str]) -> bool:
    """Whether these are a few short lines, and nothing else."""
    end = len(texts)
    while end and not texts[end - 1]:
        end -= 1
    return 0 < end <= _MAX_SIGNED and all(0 < len(text) <= _MAX_SIGNED_LINE for text in texts[:end])


def _is_dashed_name(texts: Sequence[str], position: int) -> bool:
    """Whether somebody signed here, "- Bob", and it is not the last item of a list."""
    found = _DASHED_NAME.fullmatch(texts[position])
    if found is None or position == 0 or not found[1].isupper():
        return False
    above = next((texts[i] for i in range(position - 1, -1, -1) if texts[i]), "")
    return not (_BULLET.match(above) or above.endswith((":", "：")))
