"""Whatever the bytes, a mail becomes a Message, quickly."""

import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.parse import parse
from bridge.model import Message

CORPUS = [path.read_bytes() for path in sorted(Path(__file__).with_name("mails").glob("*.eml"))]
NESTED = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
HEAD = b"From: a@b.example\nSubject: x\n"


def flip_bytes(raw: bytes, dice: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(dice.randint(1, 20)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def cut_off(raw: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randrange(len(raw))]


def lose_a_line(raw: bytes, dice: random.Random) -> bytes:
    lines = raw.split(b"\n")
    del lines[dice.randrange(len(lines))]
    return b"\n".join(lines)


def repeat_a_line(raw: bytes, dice: random.Random) -> bytes:
    lines = raw.split(b"\n")
    at = dice.randrange(len(lines))
    lines[at:at] = [dice.choice(lines)] * dice.choice((1, 2, 50))
    return b"\n".join(lines)


def splice(raw: bytes, dice: random.Random) -> bytes:
    other = dice.choice(CORPUS)
    return raw[: dice.randrange(len(raw))] + other[dice.randrange(len(other) + 1) :]


def shuffle_lines(raw: bytes, dice: random.Random) -> bytes:
    lines = raw.split(b"\n")
    dice.shuffle(lines)
    return b"\n".join(lines)


def insert_syntax(raw: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(raw))
    pieces = (
        b"=?",
        b"?=",
        b'"',
        b"<",
        b"(",
        b"\x1b$B",
        b"--",
        b"\r\n\r\n",
        b";",
        b"*0*=",
        b"\xff\xfe",
        b"charset=utf-7",
    )
    return raw[:at] + dice.choice(pieces) + raw[at:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bytes, cut_off, lose_a_line, repeat_a_line, splice, shuffle_lines, insert_syntax,
)  # fmt: skip


def everything_shown(message: Message) -> str:
    """All text of a message, which must be storable as UTF-8."""
    names = [address.name + address.email for address in (*message.from_, *message.to, *message.cc)]
    files = [attachment.filename + attachment.content_type for attachment in message.attachments]
    return "\n".join(
        (message.subject, message.text, message.html or "", *names, *files, *map("".join, message.headers))
    )


@pytest.mark.parametrize("seed", range(10))
def test_no_damage_stops_the_reading(seed: int) -> None:
    """3,500 damaged mails in all: no exception, no half a minute lost on one, nothing that cannot be stored."""
    dice = random.Random(seed)
    originals = [raw for raw in CORPUS if raw]
    for _ in range(350):
        raw = dice.choice(originals)
        for mutate in dice.choices(MUTATIONS, k=dice.randint(1, 4)):
            raw = mutate(raw, dice) if raw else raw
        begun = time.process_time()
        message = parse(raw)
        assert time.process_time() - begun < 1
        everything_shown(message).encode()
        assert not any(set("/\\\r\n\0\u202e") & set(attachment.filename) for attachment in message.attachments)


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    parse(raw)


@given(
    st.lists(st.sampled_from([b"--b", b"--b--", b"\n", b"Content-Type: multipart/mixed; boundary=b\n", b"x\n", b"--"]))
)
def test_any_arrangement_of_boundaries_is_a_mail(pieces: list[bytes]) -> None:
    parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(pieces))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(HEAD + b"".join(NESTED % (level, level) for level in range(5000)), id="nesting"),
        pytest.param(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000, id="parts"),
        pytest.param(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + b"--\n" * 200_000, id="dashes"),
        pytest.param(b"X-A: b\n" * 100_000, id="headers"),
        pytest.param(b"Subject: " + b"=?utf-8?Q?a" * 30_000, id="encoded words without end"),
        pytest.param(b"To: " + b"<" * 200_000, id="brackets"),
        pytest.param(b"Content-Type: text/plain; " + b'a="b' * 100_000, id="quotes in parameters"),
        pytest.param(b"Content-Type: text/plain; name=" + b" " * 400_000 + b"x", id="blanks in parameters"),
        pytest.param(HEAD + b"\n" + b"begin 644 a\n" * 50_000, id="uuencode without end"),
        pytest.param(HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"YQ==\n" * 100_000, id="padding"),
        pytest.param(b"From: mailer-daemon@x.example\nSubject: failed\n\n" + b"550 user " * 50_000, id="bounce"),
    ],
)  # fmt: skip
def test_hostile_mail_takes_linear_time(raw: bytes) -> None:
    begun = time.process_time()
    parse(raw)
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
