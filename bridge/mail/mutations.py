"""Damage done to mails at random, as networks, programs and attackers do it: what the reader is tried against.

Pure but for the dice that are handed in: the same seed gives the same mails. The result may be any bytes.
"""

import random
from collections.abc import Callable, Iterator, Sequence

_SYNTAX = (
    b"=?", b"?=", b'"', b"<", b"(", b"\x1b$B", b"--", b"\r\n\r\n", b";", b"*0*=", b"\xff\xfe", b"charset=utf-7",
)  # fmt: skip
"""Pieces that mean something to a reader of mail."""
_MOST = 4  # kinds of damage to one mail; more of them leave nothing that looks like a mail


def mutated(mails: Sequence[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged mails, each made from one of `mails` (none of them empty)."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(count):
        raw = dice.choice(mails)
        for damage in dice.choices(_DAMAGES, k=dice.randint(1, _MOST)):
            raw = damage(raw, dice, mails) if raw else raw
        yield raw


_Damage = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def _flip_bytes(raw: bytes, dice: random.Random, _others: Sequence[bytes]) -> bytes:
    changed = bytearray(raw)
    for _ in range(dice.randint(1, 20)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _cut_off(raw: bytes, dice: random.Random, _others: Sequence[bytes]) -> bytes:
    return raw[: dice.randrange(len(raw))]


def _lose_a_line(raw: bytes, dice: random.Random, _others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    del lines[dice.randrange(len(lines))]
    return b"\n".join(lines)


def _repeat_a_line(raw: bytes, dice: random.Random, _others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    at = dice.randrange(len(lines))
    lines[at:at] = [dice.choice(lines)] * dice.choice((1, 2, 50))
    return b"\n".join(lines)


def _splice(raw: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    other = dice.choice(others)
    return raw[: dice.randrange(len(raw))] + other[dice.randrange(len(other) + 1) :]


def _shuffle_lines(raw: bytes, dice: random.Random, _others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\n")
    dice.shuffle(lines)
    return b"\n".join(lines)


def _insert_syntax(raw: bytes, dice: random.Random, _others: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw))
    return raw[:at] + dice.choice(_SYNTAX) + raw[at:]


_DAMAGES: tuple[_Damage, ...] = (
    _flip_bytes, _cut_off, _lose_a_line, _repeat_a_line, _splice, _shuffle_lines, _insert_syntax,
)  # fmt: skip
