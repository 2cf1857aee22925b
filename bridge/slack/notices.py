"""What the bridge tells by itself: a channel of a loop that it stopped, a person of what others did. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.model import UserId
from bridge.sentences import say
from bridge.slack.blocks import FALLBACK_LIMIT, NAME_LIMIT, Surface, button, inert, person, section, shorten


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What somebody decided, in a sentence; `undo`: the button that takes it back (words, action_id, value)."""

    words: str
    undo: tuple[str, str, str] | None = None


def loop(sender: str, email: str, *, mailbox: str) -> Surface:
    """A sender had as many automatic mails as one may have in a day, and somebody is to decide. `sender`: what the
    buttons call them by.
    """
    text = say(
        ":repeat: {email} has had as many automatic mails from {mailbox} as one sender may have in a "
        "day, so no more are sent there: it may be a robot that answers ours. Its mail is shown as ever.",
        email=inert(shorten(email, NAME_LIMIT)),
        mailbox=inert(mailbox),
    )
    buttons = [
        button(say("Mute this sender"), "mute_sender", sender),
        button(say("Not a loop, resume"), "resume_sender", sender),
    ]
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=[section(text), {"type": "actions", "elements": buttons}])


def decided(said: str, by: Decided) -> Surface:
    """The same message once somebody has decided: of its buttons is left what takes that back."""
    text = f"{said}\n{by.words}"
    undo = [{"type": "actions", "elements": [button(*by.undo)]}] if by.undo else []
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=[section(text), *undo])


def notice(whom: UserId | None, sentence: str, *, about: UserId | None, buttons: Iterable[Sequence[str]]) -> Surface:
    """A sentence of ours in a thread, for one person or for all; `{who}` in it stands for `about`."""
    told = sentence.replace("{who}", person(about) if about else say("somebody"))
    text = f"{person(whom)}: {told}" if whom else told
    blocks = [section(text)]
    if made := [button(words, action_id, value) for words, action_id, value in buttons]:
        blocks.append({"type": "actions", "elements": made})
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=blocks)
