"""From where the desk's verbs are called just now: what the audit log notes beside who and what.

It goes with the task, not through every signature: whoever takes a click or a command says it once, and everything that
is done because of it, however deep, is written down so. Nobody said anything: the bridge acts by itself.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from bridge.model import Where

_WHERE: ContextVar[Where] = ContextVar("where", default=Where.BRIDGE)


@contextlib.contextmanager
def acting(where: Where) -> Iterator[None]:
    """What is done within is done from there."""
    token = _WHERE.set(where)
    try:
        yield
    finally:
        _WHERE.reset(token)


def here() -> Where:
    """From where things are done now."""
    return _WHERE.get()
