"""How quickly search answers in a store of many mails: `bridge bench search`, on a database made for it.

It fills the database that it is given with made-up mails, in the words' natural proportions, and asks what people ask.
"""

import itertools
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from bridge.lookup import Query, parse_query
from bridge.model import (
    Address,
    Attachment,
    ChannelId,
    Direction,
    Folder,
    Line,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Status,
    UserId,
    now,
)
from bridge.store import rows, search, wordindex
from bridge.store.database import Store
from bridge.store.schema import attachments, conversations, messages

LIMIT = 0.3
"""Seconds that a question may take among 100,000 mails."""

CHANNEL = ChannelId("C0BENCH001")
USER = UserId("U0BENCH001")
PER_CONVERSATION = 4  # mails
IN_ONE = 2_000  # mails that are written in one transaction

ASKED = {
    "a rare word": "zyx4711",
    "a common word": "order",
    "a word in nearly every mail": "hello",
    "two words": "refund order",
    "the beginning of a word": "re",
    "a phrase": '"two bags"',
    "two words, not a third": "order refund -invoice",
    "two Korean letters": "배송",
    "two Chinese letters": "退款",
    "one Korean letter": "환",
    "from and words": "from:dana order",
    "to and a file": "to:sales has:attachment invoice",
    "what is open and unread": "is:open is:unread",
    "nobody's, of a time": "is:unowned after:2024-01-01 before:2030-01-01 refund",
    "what is nowhere": "unicornonly",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One kind of question. Seconds: the quickest, the median and the longest; `found`: conversations."""

    name: str
    quickest: float
    median: float
    longest: float
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured: mails a second that were entered into the index, and how long each question took."""

    mails: int
    indexed: float
    asked: tuple[Timing, ...]


async def bench(store: Store, *, mails_kept: int, rounds: int = 5) -> Measured:
    """Fill an empty store with so many mails, enter them into the index, and ask each question `rounds` times."""
    await fill(store, mails_kept)
    begun, below = time.perf_counter(), mails_kept + 1
    while below:
        async with store.write() as conn:
            found = await wordindex.unindexed(conn, below=below)
            await wordindex.index_missing(conn, wordindex.words_of(found))
            below = min((one.id for one in found), default=MailId(0))
    spent = time.perf_counter() - begun
    async with store.write() as conn:
        if conn.dialect.name == "postgresql":  # as it does by itself, a minute after so much was written
            await conn.execute(text("ANALYZE"))
    timings = [await _ask(store, name, typed, rounds) for name, typed in ASKED.items()]
    return Measured(mails=mails_kept, indexed=round(mails_kept / spent, 1), asked=tuple(timings))


async def _ask(store: Store, name: str, typed: str, rounds: int) -> Timing:
    query: Query = parse_query(typed, at=now())
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        async with store.read() as conn:
            found = await search.find(conn, query, channels=[CHANNEL], user=USER)
        taken.append(time.perf_counter() - begun)
    return Timing(
        name=name,
        quickest=round(min(taken), 4),
        median=round(statistics.median(taken), 4),
        longest=round(max(taken), 4),
        found=found.total,
    )


# --- made-up mails ----------------------------------------------------------------------------------------------------


async def fill(store: Store, count: int) -> None:
    """Keep so many mails, four to a conversation, without the index's knowledge: as an older version left them."""
    chance = random.Random(1)  # noqa: S311 - the same mails each time
    write = _writer(chance)
    for start in range(0, count, IN_ONE):
        numbers = range(start, min(start + IN_ONE, count))
        made = [write(number) for number in numbers]
        first = [number for number in numbers if number % PER_CONVERSATION == 0]
        files = [
            {"mail_id": number + 1, "position": 0, "filename": one.attachments[0].filename}
            | {"content_type": "application/pdf", "size": 4, "inline": False}
            for number, one in zip(numbers, made, strict=True)
            if one.attachments
        ]
        async with store.write() as conn:
            await conn.execute(insert(conversations), [_conversation(number, chance) for number in first])
            await conn.execute(
                insert(messages), [_row(number, one, chance) for number, one in zip(numbers, made, strict=True)]
            )
            if files:
                await conn.execute(insert(attachments), files)


_COMMON = (
    *("hello", "order", "thanks", "please", "refund", "invoice", "delivery", "bag"),
    *("address", "question", "payment", "card", "account"),
)
_NEIGHBOURS = (
    "배송 문의 드립니다",
    "환불 요청합니다",
    "주문번호를 확인해 주세요",
    "我想退款",
    "订单还没有到",
    "発送はいつですか",
)


def _writer(chance: random.Random) -> Callable[[int], Message]:
    """Mails of about a hundred words, a few of which are in nearly all of them and most in hardly any."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    rare = ["".join(chance.choices(letters, k=chance.randint(4, 11))) for _ in range(20_000)]
    words = [*_COMMON, *rare]
    odds = [*itertools.accumulate(1 / place for place in range(1, len(words) + 1))]
    names = [("Dana Reyes", "dana"), ("Ben Ito", "ben"), ("김민지", "minji"), ("Zoë Berg", "zoe")]
    names += [(f"{word.title()} {word[::-1].title()}", word) for word in rare[:2_000]]

    def write(number: int) -> Message:
        said = chance.choices(words, cum_weights=odds, k=chance.randint(60, 140))
        if number % 10 == 0:
            said.insert(10, chance.choice(_NEIGHBOURS))
        if number % 50 == 0:
            said.insert(20, "two bags")
        if number % 5000 == 0:
            said.append("zyx4711")
        name, local = chance.choice(names)
        file = Attachment(filename=f"invoice-{number}.pdf", content_type="application/pdf", content=b"%PDF")
        return Message(
            message_id=f"<{number}@example.com>",
            from_=(Address(name=name, email=f"{local}@example.com"),),
            to=(Address(name="Sales", email="sales@fernhill.example.com"),),
            subject=" ".join(chance.choices(words, cum_weights=odds, k=5)),
            text=f"Hello,\n{' '.join(said)}\n",
            attachments=(file,) if number % 7 == 0 else (),
        )

    return write


def _conversation(number: int, chance: random.Random) -> dict[str, Any]:
    at = _at(number)
    return {
        "number": number // PER_CONVERSATION + 1,
        "mailbox": MailboxName("support"),
        "channel": CHANNEL,
        "subject": f"Matter {number}",
        "status": chance.choice([Status.OPEN, Status.WAITING, Status.CLOSED, Status.CLOSED, Status.CLOSED]),
        "owner": chance.choice([None, USER, UserId("U0BENCH002")]),
        "version": 1,
        "created": at,
        "updated": at,
    }


def _row(number: int, message: Message, chance: random.Random) -> dict[str, Any]:
    return {
        "id": MailId(number + 1),
        "mailbox": MailboxName("support"),
        "number": Number(number // PER_CONVERSATION + 1),
        "direction": Direction.IN,
        "digest": f"bench {number}",
        "received": _at(number),
        "folder": Folder.INBOX,
        "seen": chance.random() < 0.9,
        **rows.columns(replace(message, attachments=()), Reading(new=(Line.of(message.text),))),
    }


def _at(number: int) -> datetime:
    """One every ten minutes, the newest now: a hundred thousand are two years."""
    return now() - timedelta(minutes=10 * (100_000 - number))
