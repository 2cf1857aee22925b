"""What the mail server's filter says of a mail is read from its headers; what others say is not taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.parse import parse
from bridge.mail.spam import verdict
from bridge.model import Spam, Verdict

OURS = "Received: from mail.example.net by mx.shop.test with ESMTPS"
INSIDE = "Received: from mx.shop.test by store.shop.test with LMTP"
THEIRS = "Received: from laptop by mail.example.net with ESMTPSA"

SAYINGS = {
    "X-Spam-Flag: YES": Spam.SPAM,
    "X-Spam-Flag: NO": Spam.HAM,
    "X-Spam-Status: Yes, score=9.1 required=5.0 tests=BAYES_99": Spam.SPAM,
    "X-Spam-Status: No, score=-1.9 required=5.0": Spam.HAM,
    "X-Spam: Yes": Spam.SPAM,
    "X-Rspamd-Action: add header": Spam.SPAM,
    "X-Rspamd-Action: greylist": Spam.HAM,
    "X-Spamd-Result: default: True [16.20 / 15.00]; GTUBE(0.00)[]": Spam.SPAM,
    "X-Bogosity: Unsure, tests=bogofilter, spamicity=0.500000": Spam.SUSPICIOUS,
    "X-MS-Exchange-Organization-SCL: 6": Spam.SPAM,
    "X-MS-Exchange-Organization-SCL: -1": Spam.HAM,
    "X-Forefront-Antispam-Report: CIP:192.0.2.7;CTRY:KR;LANG:en;SCL:1;SFV:NSPM;CAT:NONE": Spam.HAM,
    "X-Forefront-Antispam-Report: CIP:192.0.2.7;SCL:8;SFV:SPM;CAT:HPHISH": Spam.SPAM,
    "X-Forefront-Antispam-Report: CIP:192.0.2.7;SCL:1;CAT:UIMP": Spam.SUSPICIOUS,
}


def read(*fields: str) -> Verdict | None:
    """The verdict of a mail with these header fields, in their order."""
    return parse("\r\n".join([*fields, "From: dana@example.net", "Subject: Bags", "", "Hello"]).encode()).verdict


@pytest.mark.parametrize("field", SAYINGS)
def test_each_filters_own_words_are_understood(field: str) -> None:
    found = read(field, OURS, THEIRS)
    assert found is not None
    assert found.level is SAYINGS[field]


def test_the_score_and_the_filter_are_told_with_it() -> None:
    found = read("X-Spam-Status: Yes, score=9.1 required=5.0", OURS)
    assert found == Verdict(level=Spam.SPAM, by="SpamAssassin", score=9.1)
    found = read("X-Spamd-Result: default: True [16.20 / 15.00]", OURS)
    assert found == Verdict(level=Spam.SPAM, by="Rspamd", score=16.2)


def test_what_the_sender_wrote_does_not_make_a_mail_harmless() -> None:
    assert read(OURS, THEIRS, "X-Spam-Flag: NO", "X-Rspamd-Action: no action") is None


def test_another_servers_verdict_is_a_suspicion() -> None:
    found = read(OURS, THEIRS, "X-Spam-Flag: YES")
    assert found is not None
    assert found.level is Spam.SUSPICIOUS


def test_a_verdict_between_our_own_servers_is_ours() -> None:
    found = read(INSIDE, OURS, "X-Spam-Flag: YES", THEIRS)
    assert found is not None
    assert found.level is Spam.SPAM


def test_ours_stands_above_what_the_sender_wrote_under_the_same_name() -> None:
    found = read("X-Spam-Flag: YES", OURS, THEIRS, "X-Spam-Flag: NO")
    assert found is not None
    assert found.level is Spam.SPAM


def test_a_virus_weighs_more_than_any_verdict_and_has_its_name() -> None:
    found = read("X-Spam-Flag: YES", "X-Amavis-Alert: INFECTED, message contains virus: Eicar-Test-Signature", OURS)
    assert found is not None
    assert found.virus == "Eicar-Test-Signature"
    assert read("X-Virus-Scanned: Debian amavis at shop.test", OURS) is None


def test_a_mail_of_which_nothing_is_said_has_no_verdict() -> None:
    assert read(OURS, THEIRS) is None


@given(st.lists(st.tuples(st.sampled_from([field.partition(":")[0] for field in SAYINGS] + ["Received"]), st.text())))
def test_whatever_stands_there_is_read_without_an_error(headers: list[tuple[str, str]]) -> None:
    found = verdict(headers)
    assert found is None or found.level in Spam
