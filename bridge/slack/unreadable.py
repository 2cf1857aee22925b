"""What Slack signs and never sends: a button whose value is none of ours, a window that carries nothing of ours.

It is acknowledged, and one line of the log tells of it: nobody has pressed anything. (bridge/slack/acting.py, and for
listeners that are registered without that, bridge/slack/bolt.py.)
"""

import contextlib
import re
from collections.abc import Iterator

import structlog

log = structlog.get_logger()

_NUMBER = re.compile(r"[0-9]{1,15}")


class Unreadable(Exception):
    """A payload does not hold what the message or window that it is about was given."""


def report(error: Unreadable) -> None:
    """Tell the log."""
    log.warning("what came from Slack cannot be read", reason=str(error))


def number_in(text: str) -> int:
    """A number that a button or an option was given. Raises Unreadable."""
    if not _NUMBER.fullmatch(text):
        raise Unreadable("no number where there is one")
    return int(text)


@contextlib.contextmanager
def expected(what: str) -> Iterator[None]:
    """Have that part of a payload read within the block. Raises Unreadable where it is not there or is another."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"no {what} as it was given") from error
