"""A sender who was called spam is not silenced by that alone: addresses are forged, and theirs may be a customer's."""

import pytest

from bridge.guard.lessons import against
from bridge.model import Authenticity, Message, Spam, Verdict


@pytest.mark.parametrize(
    ("message", "verdict", "why"),
    [
        (Message(), None, ""),
        (Message(), Verdict(level=Spam.HAM), ""),
        (Message(), Verdict(level=Spam.SUSPICIOUS), ""),
        (Message(), Verdict(level=Spam.SPAM), "a filter calls it spam"),
        (Message(authenticity=Authenticity(dmarc="pass")), None, ""),
        (Message(authenticity=Authenticity(dmarc="fail")), None, "its sender cannot be proven"),
        (Message(authenticity=Authenticity(spf="fail")), None, ""),
    ],
)
def test_their_mail_goes_to_junk_by_itself_only_with_a_second_sign(
    message: Message, verdict: Verdict | None, why: str
) -> None:
    assert against(message, verdict) == why
