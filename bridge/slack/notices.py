"""What the bridge tells a channel by itself: a loop that it stopped. Pure: facts in, Block Kit out."""

from bridge.slack.blocks import FALLBACK_LIMIT, Surface, button, inert, section, shorten


def loop(quiet_id: int, email: str, *, mailbox: str) -> Surface:
    """A sender had as many automatic mails as one may have in a day, and somebody is to decide."""
    text = (
        f":repeat: {inert(email)} has had as many automatic mails from {inert(mailbox)} as one sender may have in a "
        "day, so no more are sent there: it may be a robot that answers ours. Its mail is shown as ever."
    )
    buttons = [
        button("Mute this sender", "mute_sender", str(quiet_id)),
        button("Not a loop, resume", "resume_sender", str(quiet_id)),
    ]
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=[section(text), {"type": "actions", "elements": buttons}])


def decided(said: str, words: str) -> Surface:
    """The same message once somebody has decided: no buttons any more."""
    text = f"{said}\n{words}"
    return Surface(text=shorten(text, FALLBACK_LIMIT), blocks=[section(text)])
