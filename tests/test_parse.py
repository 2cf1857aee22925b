"""Whatever the bytes, a mail becomes a Message, quickly."""

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail import samples
from bridge.mail.bench import LIMIT
from bridge.mail.mutations import mutated
from bridge.mail.parse import parse
from bridge.mail.quotes import read
from bridge.mail.samples import HEAD
from bridge.model import Message

CORPUS = [path.read_bytes() for path in sorted(Path(__file__).with_name("mails").glob("*.eml"))]


def everything_shown(message: Message) -> str:
    """All text of a message, which must be storable as UTF-8."""
    names = [address.name + address.email for address in (*message.from_, *message.to, *message.cc)]
    files = [attachment.filename + attachment.content_type for attachment in message.attachments]
    return "\n".join(
        (message.subject, message.text, message.html or "", *names, *files, *map("".join, message.headers))
    )


def check_damaged(count: int, *, seed: int) -> None:
    """No exception, no second lost on one, nothing that cannot be stored."""
    for raw in mutated([raw for raw in CORPUS if raw], count=count, seed=seed):
        begun = time.process_time()
        message = parse(raw)
        read(message)
        assert time.process_time() - begun < LIMIT
        everything_shown(message).encode()
        assert not any(set("/\\\r\n\0\u202e") & set(attachment.filename) for attachment in message.attachments)


@pytest.mark.parametrize("seed", range(10))
def test_no_damage_stops_the_reading(seed: int) -> None:
    """3,000 damaged mails in all."""
    check_damaged(300, seed=seed)


@pytest.mark.storm
@pytest.mark.parametrize("seed", range(100, 120))
def test_no_damage_of_twenty_thousand_stops_the_reading(seed: int) -> None:
    check_damaged(1_000, seed=seed)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    parse(raw)


@given(
    st.lists(st.sampled_from([b"--b", b"--b--", b"\n", b"Content-Type: multipart/mixed; boundary=b\n", b"x\n", b"--"]))
)
def test_any_arrangement_of_boundaries_is_a_mail(pieces: list[bytes]) -> None:
    parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(pieces))


@pytest.mark.parametrize("name", sorted(samples.hostile()))
def test_hostile_mail_takes_linear_time(name: str) -> None:
    """Some of a second each; the margin is for a busy machine."""
    raw = samples.hostile()[name]
    begun = time.process_time()
    read(parse(raw))
    assert time.process_time() - begun < 5


def test_parts_beyond_a_thousand_are_not_shown_and_it_is_said() -> None:
    part = b"--b\nContent-Type: text/csv; name=a.csv\n\nx\n"
    message = parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 1500)
    assert len(message.attachments) < 1001
    assert any("more than 1000 parts" in note for note in message.notes)


def test_a_large_attachment_costs_little_more_than_itself() -> None:
    """Peak memory stays below twice the mail: no second copy of the raw bytes, no text of them."""
    line = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg==\r\n".replace(b"==", b"AA")
    raw = (
        HEAD + b"Content-Type: application/octet-stream; name=a\nContent-Transfer-Encoding: base64\n\n" + line * 100_000
    )
    tracemalloc.start()
    message = parse(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.attachments[0].size == 100_000 * 54
    assert peak < 2 * len(raw)


def test_an_attached_mail_keeps_its_bytes() -> None:
    """What was forwarded can be opened, and its signature verified, as it was sent."""
    inner = b"Subject: Inner\r\nX-Odd:  two  spaces\r\n\r\nbody \r\n\r\n"
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        + inner
        + b"\r\n--b--"
    )
    (attachment,) = parse(raw).attachments
    assert (attachment.filename, attachment.content) == ("Inner.eml", inner)


def test_headers_keep_their_order_and_spelling() -> None:
    message = parse(b"X-B: 1\nx-a: =?utf-8?Q?=C3=A9?=\nX-B: 2\n\n")
    assert message.headers == (("X-B", "1"), ("x-a", "é"), ("X-B", "2"))
    assert message.header("X-A") == "é"
