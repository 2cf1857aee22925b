"""What the audit log says beside its verbs, in its reader's words. Pure.

The log keeps one language, whichever it is read in later: what is kept is one of these sentences filled in, or from
what to what. What is neither stands as it was kept.
"""

import functools
import re
from collections.abc import Callable

from bridge.sentences import mark, say

KEPT = (
    mark("the message was deleted"),
    mark("the message was edited"),
    mark("too many in a day"),
    mark("into #{number}"),
    mark("from #{number}"),
    mark("{n} mail to #{number}"),
    mark("{n} mails to #{number}"),
    mark("#{number} came here, {n} mail"),
    mark("#{number} came here, {n} mails"),
    mark("file {n} of {of}: {risk} → released"),
    mark("its sender was called spam before, and {why}: {change}"),
    mark("a filter calls it spam"),
    mark("its sender cannot be proven"),
    mark("{filter}: spam"),
    mark("{filter}: suspicious"),
    mark("owner: {who}"),
    mark("admins: {who}"),
    mark("template: {name}"),
    mark("webhook: {name}"),
    mark("webhook: {name}, {why}"),
    mark("it is automatic mail ({kind})"),
    mark("it has no sender"),
    mark("answers go to our own mailbox"),
    mark("nobody reads answers there"),
    mark("the mail server calls it spam"),
    mark("its sender is forged"),
    mark("it would go back to where it comes from"),
    mark("too many automatic mails went to that address"),
)
OF_DESK = (
    mark("when: changed"),
    mark("then: changed"),
    mark("on: changed"),
    mark("stop: changed"),
    mark("text: changed"),
    mark("signature: changed"),
    mark("on → off"),
    mark("to be tried"),
    mark("place: {before} → {after}"),
    mark("name: {before} → {after}"),
    mark("folder: {before} → {after}"),
    mark("language: {before} → {after}"),
    mark("subject: {before} → {after}"),
    mark("reminders: {before} → {after}"),
    mark("may act: {people} added"),
    mark("may act: {people} removed"),
    mark("admin: {people} added"),
    mark("admin: {people} removed"),
)
_SHAPES = {"n": r"[0-9]+", "of": r"[0-9]+", "number": r"[0-9]+", "who": r"\S+"}
"""Of what can be told apart from words."""

_IN_WORDS = frozenset({"risk", "why", "change", "kind", "before", "after"})
"""What is filled in there is ours too; names and addresses are not."""

_BLANK = re.compile(r"\\\{(\w+)\\\}")
_OF_ONE = re.compile(r"(“.*?”)(?:, (.*))?", re.DOTALL)


def told(detail: str, *, otherwise: Callable[[str], str]) -> str:
    """A detail of a conversation's log; `otherwise` tells what is none of the sentences."""
    return _told(detail, KEPT, otherwise)


def of_desk(detail: str, *, otherwise: Callable[[str], str]) -> str:
    """A detail of the desk's log: what it is about, and what became of it, piece by piece."""
    about, rest = "", detail
    if found := _OF_ONE.fullmatch(detail):
        about, rest = found[1], found[2] or ""
    pieces = [_told(piece, OF_DESK, otherwise) for piece in rest.split(", ") if piece]
    return ", ".join(filter(None, (about, *pieces)))


def _told(detail: str, sentences: tuple[str, ...], otherwise: Callable[[str], str]) -> str:
    for sentence in sentences:
        if found := _form(sentence).fullmatch(detail):
            filled = found.groupdict()
            return say(
                sentence,
                **filled | {name: _told(filled[name], sentences, otherwise) for name in filled.keys() & _IN_WORDS},
            )
    return otherwise(detail)


@functools.cache
def _form(sentence: str) -> re.Pattern[str]:
    """What the sentence filled in looks like."""
    pattern = _BLANK.sub(lambda blank: f"(?P<{blank[1]}>{_SHAPES.get(blank[1], '.+?')})", re.escape(sentence))
    return re.compile(pattern, re.DOTALL)
