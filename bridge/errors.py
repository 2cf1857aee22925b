"""What can go wrong, by kind. A failure's kind is decided once, where it happens, by type; unknown means temporary.

BridgeError
├── Temporary       try again later: a server is away, a limit is reached
├── Permanent       trying again changes nothing: a person must act
├── Uncertain       it may have happened: look before doing it again
├── Refused         a person asked for what cannot be done: the sentence is the answer
└── Misconfigured   a setting is missing or wrong: the sentence names the key and the fix

`str(error)` is the one sentence a person may read: what happened and what to do. It never holds secrets, addresses or
bodies of mail; what only an operator needs stands in `detail`, which goes to the log.
"""


class BridgeError(Exception):
    """Something went wrong that the bridge knows how to name."""

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


class Temporary(BridgeError):
    """It did not work now and may work later.

    `retry_after`: seconds that the other side asked us to wait, where it said so.
    """

    def __init__(self, sentence: str, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after


class Permanent(BridgeError):
    """It will not work, however often it is tried."""


class Uncertain(BridgeError):
    """The answer was lost: the effect may stand outside already."""


class Refused(BridgeError):
    """A person asked for something that cannot be done, or that they may not do."""


class Misconfigured(BridgeError):
    """A setting is missing or wrong."""
