"""Any text as mrkdwn that shows as it was written: it pings nobody, links to nothing and styles nothing.

Slack escapes only `&`, `<` and `>` (https://docs.slack.dev/messaging/formatting-message-text). For its marks `*`, `_`,
`~`, backtick and a line's first `>` there is no escape. Where Slack would act on one, and there alone, a zero-width
space (U+200B) is put on both sides of it: nothing else keeps the character and takes its effect. It stays out of words,
addresses and numbers (`snake_case`, `2*3`), and away from a mark that has no partner on its line, so what is copied
from a mail is what was in it. Text inside a code block needs none, but between three backticks.

Bidirectional overrides, which show text in another order than it has, and control characters are removed; of marks
that stack on one letter a few stay.
"""

import re
import unicodedata

GUARD = "\u200b"
MARKS = "*_~`"

_MAX_STACKED = 4  # combining marks on one letter: what Vietnamese, pointed Hebrew and Thai need, and one more
_HARMFUL = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufff9-\ufffb\ud800-\udfff]+")
_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_MARK_RUN = re.compile(r"\*+|_+|~+|`+")
_FENCE = re.compile("`(?=``)|(?<=`)`(?=`)")


def escape(text: str) -> str:
    """Text of any origin for any place in mrkdwn, also between marks of the caller's own. Line breaks stay."""
    return "\n".join(line_start(escape_line(line, guarded=MARKS)) for line in clean(text).split("\n"))


def clean(text: str) -> str:
    """The text without what harms wherever it is shown; line breaks as line feeds."""
    text = _HARMFUL.sub("", _BREAKS.sub("\n", text))
    return text if text.isascii() else _unstacked(text)


def entities(text: str) -> str:
    """The three characters that Slack escapes, escaped; enough inside a code block or a link's address."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_line(text: str, *, guarded: str, before: str = "", after: str = "") -> str:
    """One clean line, or a part of one between `before` and `after`; `guarded`: the marks that must take no effect."""
    if not any(mark in text for mark in MARKS):
        return entities(text)
    out: list[str] = []
    end = 0
    for run in _MARK_RUN.finditer(text):
        mark = run[0][0]
        if (mark in guarded and _is_live(text, run, before=before, after=after)) or run[0].startswith("```"):
            marks = GUARD.join(run[0]) if mark == "`" else run[0]
            out += (entities(text[end : run.start()]), GUARD, marks, GUARD)
            end = run.end()
    out.append(entities(text[end:]))
    return "".join(out)


def paired_marks(text: str) -> str:
    """The marks of a clean line that would style some of it."""
    runs = list(_MARK_RUN.finditer(text))
    return "".join(mark for mark in MARKS if _has_pair(text, [run for run in runs if run[0][0] == mark]))


def escape_fenced(text: str) -> str:
    """One clean line for the inside of a code block."""
    return _FENCE.sub("`" + GUARD, entities(text))


def line_start(text: str) -> str:
    """An escaped line that Slack does not take for a quote."""
    return GUARD + text if text.lstrip().startswith("&gt;") else text


def is_edge(neighbour: str) -> bool:
    """Whether Slack begins or ends a style beside this character (none: the line's end)."""
    return not neighbour or not (neighbour[0].isalnum() or neighbour[0] in MARKS or unicodedata.combining(neighbour[0]))


def _is_live(text: str, run: re.Match[str], *, before: str, after: str) -> bool:
    """Whether a run of marks could begin or end a style."""
    previous = text[run.start() - 1] if run.start() else before[-1:]
    following = text[run.end()] if run.end() < len(text) else after[:1]
    if run[0][0] == "`":
        return True
    if previous.isalnum() and following.isalnum():
        return False
    return not (previous.isspace() or not previous) or not (following.isspace() or not following)


def _has_pair(text: str, runs: list[re.Match[str]]) -> bool:
    """Whether a run of one mark that may begin a style is followed by one that may end it."""
    opened = False
    for run in runs:
        if opened and (run[0][0] == "`" or not text[run.start() - 1].isspace()):
            return True
        following = text[run.end() : run.end() + 1]
        begins = not following.isspace() and not text[max(run.start() - 1, 0) : run.start()].isalnum()
        opened = opened or run[0][0] == "`" or (bool(following) and begins)
    return False


def _unstacked(text: str) -> str:
    """At most a few combining marks after each other."""
    out = []
    stacked = 0
    for char in text:
        stacked = stacked + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if stacked <= _MAX_STACKED:
            out.append(char)
    return "".join(out)
