"""What a person must mend, as the channel is told of it (pure)."""

from bridge.model import Line, Span
from bridge.sentences import say
from bridge.slack.blocks import FALLBACK_LIMIT, REASON_LIMIT, Surface, inert, section, shorten
from bridge.slack.mrkdwn import sections


def alarm(mailbox: str, *, reason: str) -> Surface:
    """Why a mailbox is not read, which somebody must mend; without a reason, that it is read again."""
    text = say(":white_check_mark: The mailbox {mailbox} is read again.", mailbox=inert(mailbox))
    if reason:
        text = say(
            ":rotating_light: The mailbox {mailbox} is not read until somebody mends it: {reason}\n"
            "New mail waits there, and is shown then. `bridge check` tries every part again.",
            mailbox=inert(mailbox),
            reason=_to_type(reason),
        )
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=[section(text)])


def trouble(sentence: str, *, over: bool) -> Surface:
    """What else somebody must see to, or that it is over."""
    text = f"{':white_check_mark:' if over else ':rotating_light:'} {_to_type(sentence)}"
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=[section(text)])


def _to_type(sentence: str) -> str:
    """A sentence in mrkdwn; between two backticks stands what is to be typed."""
    parts = shorten(sentence, REASON_LIMIT).split("`")
    spans = tuple(Span(text=part, code=place % 2 == 1) for place, part in enumerate(parts))
    told, _ = sections([Line(spans=spans)], limit=2500, total=2500)
    return " ".join(told)
