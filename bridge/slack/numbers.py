"""A mailbox in numbers, in words: for `/mail status`, and beside the weekly picture, which has none. Pure."""

from datetime import timedelta

from bridge.numbers.figures import Figures
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import inert

BLUE, ORANGE = ":large_blue_square:", ":large_orange_square:"
"""What came in and what was sent, as `bridge/numbers/picture.py` colours them."""

AGE_WORDS = (
    mark("{n} for over a week"),
    mark("{n} for 3 to 7 days"),
    mark("{n} for 1 to 3 days"),
    mark("{n} for less than a day"),
)


def told(figures: Figures, *, colours: tuple[str, str] = ("", "")) -> list[str]:
    """The numbers of some days, a line for each of the three things: volume, first answers, what is open.

    `colours`: what came in and what was sent, where a picture beside it has them.
    """
    came, sent = (f"{colour} {n}".strip() for colour, n in zip(colours, (figures.came, figures.sent), strict=True))
    return [say("Mails: {came} came in, {sent} sent", came=came, sent=sent), _answers(figures), _open(figures)]


def line(figures: Figures) -> str:
    """The same as one paragraph of `/mail status`, with each day's mails."""
    days = " ".join(f"{one.came}/{one.sent}" for one in figures.days)
    name = say("*{name}*, the last 7 days", name=inert(figures.mailbox))
    volume, answers, still_open = told(figures)
    return "\n".join([name, f"• {volume}  ({days})", f"• {answers}", f"• {still_open}"])


def weekly(figures: Figures) -> str:
    """What is said with the picture of a week; its three parts are numbered as there."""
    first, last = figures.days[0].date, figures.days[-1].date
    head = say(
        "*{name}*, {first} to {last}", name=inert(figures.mailbox), first=first.isoformat(), last=last.isoformat()
    )
    return "\n".join(
        [head, *(f"*{place}*  {words}" for place, words in enumerate(told(figures, colours=(BLUE, ORANGE)), 1))]
    )


def _answers(figures: Figures) -> str:
    new = plural(figures.begun, "{n} new conversation", "{n} new conversations")
    if figures.median is None or figures.most is None:
        return say("First answer: none yet, to {new}", new=new)
    return say(
        "First answer: half within {median}, nine in ten within {most}; {answered} of {new} answered",
        median=duration(figures.median),
        most=duration(figures.most),
        answered=figures.answered,
        new=new,
    )


def _open(figures: Figures) -> str:
    total = sum(figures.ages)
    if not total:
        return say("Open: nothing")
    parts = [say(words, n=count) for words, count in zip(AGE_WORDS, figures.ages, strict=True) if count]
    return say("Open: {n}, by age {parts}", n=total, parts=", ".join(parts))


def duration(took: timedelta) -> str:
    """How long something took, in its two largest units."""
    minutes = round(took.total_seconds() / 60)
    hours, days = minutes // 60, minutes // 1440
    if days >= 2:
        return say("{days} d {hours} h", days=days, hours=hours % 24)
    if hours:
        return say("{hours} h {minutes} min", hours=hours, minutes=minutes % 60)
    return say("{minutes} min", minutes=minutes)
