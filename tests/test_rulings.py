"""What is kept of rules, on both databases: their order, whose turn it is, what past mail they are tried on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from workplace import workplace

from bridge.agents import Operator
from bridge.canned import Template, Templates
from bridge.desk import Mailbox
from bridge.metrics import Metrics
from bridge.model import (
    Address,
    Arrival,
    Batch,
    ChannelId,
    Cursor,
    Job,
    MailboxName,
    Number,
    Status,
    UserId,
    Where,
    now,
)
from bridge.reception import Reception
from bridge.routing.matching import On, Rule, Share, Then, When
from bridge.routing.rulebook import Rulebook
from bridge.routing.ruledmail import RuledMail
from bridge.routing.sorting import Sorting
from bridge.routing.tryout import Tried, try_out
from bridge.store import acts, conversations, drafts, jobs, past, raws, rulings
from bridge.store.database import Store

MINA = UserId("U0MINA0001")
BOX = Mailbox(
    name=MailboxName("support"),
    address=Address(email="help@acme.example"),
    channel=ChannelId("C0SUPPORT1"),
    hold=timedelta(0),
    saves_sent=False,
    max_bytes=1 << 20,
)
ACT = Then(tags=("x",))


def mail(name: str, *, author: str = "dana@example.com", head: str = "") -> bytes:
    return f"From: {author}\r\nMessage-ID: <{name}@x>\r\nSubject: {name}\r\n{head}\r\nAbout {name}.\r\n".encode()


async def takes(store: Store, rules: Sequence[Rule], *came: bytes, first: int = 1) -> None:
    """A reception with these rules takes mails in."""
    reception = Reception(store, keys=[b"k" * 32], metrics=Metrics(), rulebook=Rulebook(rules))
    arrivals = tuple(Arrival(uidvalidity=7, uid=uid, size=len(raw), raw=raw) for uid, raw in enumerate(came, first))
    await reception.receive(BOX, Batch(cursor=Cursor(uidvalidity=7, uidnext=first + len(came)), arrivals=arrivals))


async def sorted_by(store: Store) -> dict[str, list[str]]:
    """The jobs "sort" as they are promised: lane, and the rules' names; each before what shows its conversation."""
    async with store.write() as conn:
        claimed = [job for _ in range(3) for job in await jobs.claim(conn, limit=50, owner="o", lease=timedelta(1))]
    return {job.lane: [one["name"] for one in job.payload["rules"]] for job in claimed if job.kind == "sort"}


# --- as they are kept -------------------------------------------------------------------------------------------------


async def test_a_rule_is_off_until_it_is_switched_on_and_off_again_once_it_was_changed(store: Store) -> None:
    async with store.write() as conn:
        one = await rulings.add(conn, Rule(name="One", then=ACT), by=MINA, at=now())
        await rulings.add(conn, Rule(name="Two", then=ACT), by=MINA, at=now())
        await rulings.switch(conn, one, is_on=True, by=MINA, at=now())
        assert [(ruling.rule.name, ruling.is_on) for ruling in await rulings.listed(conn)] == [
            ("One", True), ("Two", False),
        ]  # fmt: skip
        await rulings.replace(conn, one, Rule(name="Uno", then=ACT), by=MINA, at=now())
        assert [(ruling.rule.name, ruling.is_on) for ruling in await rulings.listed(conn)] == [
            ("Uno", False), ("Two", False),
        ]  # fmt: skip


async def test_they_stand_in_the_order_they_are_put_in_and_a_new_one_last(store: Store) -> None:
    async with store.write() as conn:
        ids = [await rulings.add(conn, Rule(name=name, then=ACT), by=MINA, at=now()) for name in ("a", "b", "c")]
        await rulings.put_in_order(conn, [ids[2], ids[0], ids[1]])
        await rulings.add(conn, Rule(name="d", then=ACT), by=MINA, at=now())
        assert [one.rule.name for one in await rulings.listed(conn)] == ["c", "a", "b", "d"]
        await rulings.remove(conn, ids[0])
        assert [one.rule.name for one in await rulings.listed(conn)] == ["c", "b", "d"]


async def test_what_an_admin_switches_on_acts_behind_the_operators(store: Store) -> None:
    async with store.write() as conn:
        made = await rulings.add(conn, Rule(name="Made", then=ACT), by=MINA, at=now())
        await rulings.add(conn, Rule(name="Off", then=ACT), by=MINA, at=now())
        await rulings.switch(conn, made, is_on=True, by=MINA, at=now())
    await takes(store, [Rule(name="File", then=ACT)], mail("one"))
    assert await sorted_by(store) == {"conversation:1": ["File", "Made"]}


# --- what is promised -------------------------------------------------------------------------------------------------


async def test_a_mail_is_sorted_before_it_is_shown_and_nothing_is_promised_without_a_rule(store: Store) -> None:
    rules = [Rule(name="R", when=When(subject=("two",)), then=ACT)]
    await takes(store, rules, mail("one"), mail("two"))
    async with store.write() as conn:
        first = await jobs.claim(conn, limit=50, owner="o", lease=timedelta(1))
    assert {job.lane: job.kind for job in first} == {"conversation:1": "show", "conversation:2": "sort"}


async def test_of_several_mails_of_a_new_sender_that_come_together_one_is_the_first(store: Store) -> None:
    rules = [
        Rule(name="New", when=When(first_time=True), then=ACT),
        Rule(name="Old", when=When(first_time=False), then=ACT),
    ]
    await takes(store, rules, mail("one"), mail("two"), mail("three", author="ben@example.org"))
    assert await sorted_by(store) == {"conversation:1": ["New"], "conversation:2": ["Old"], "conversation:3": ["New"]}
    await takes(store, rules, mail("four", author="BEN@example.org"), first=4)
    assert await sorted_by(store) == {"conversation:4": ["Old"]}


# --- whose turn it is -------------------------------------------------------------------------------------------------


async def test_the_turn_is_kept_for_each_rule(store: Store) -> None:
    async with store.write() as conn:
        await rulings.give(conn, "A", MINA, at=now())
        await rulings.give(conn, "A", MINA, at=now())
        assert list(await rulings.last_given(conn, "A")) == [MINA]
        assert await rulings.last_given(conn, "B") == {}


async def test_two_who_give_at_once_wait_for_each_other(store: Store) -> None:
    """So that two replicas never take the same turn."""
    order: list[str] = []

    async def give(who: str) -> None:
        async with store.write() as conn:
            await rulings.hold_turns(conn, "A")
            order.append(f"{who} sees {len(await rulings.last_given(conn, 'A'))}")
            await rulings.give(conn, "A", UserId(who), at=now())

    await asyncio.gather(give("U1"), give("U2"))
    assert sorted(one.partition(" ")[2] for one in order) == ["sees 0", "sees 1"]


async def test_load_counts_what_is_not_closed(store: Store) -> None:
    async with store.write() as conn:
        for status in (Status.OPEN, Status.WAITING, Status.CLOSED):
            made = await conversations.create(
                conn, mailbox=BOX.name, channel=BOX.channel, subject="", status=status, at=now()
            )
            await conversations.change(conn, made, at=now(), owner=MINA)
        assert await rulings.load(conn, [MINA, UserId("U2")]) == {MINA: 2, UserId("U2"): 0}


# --- carried out ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def sorting(store: Store) -> AsyncIterator[Sorting]:
    """What carries rules out, for an operator who may do everything, with one template."""

    async def templates() -> list[Template]:
        return [Template(name="Hours", text="We open at nine.")]

    async with workplace() as place:
        yield Sorting(
            store,
            gateway=place.gateway,
            agents=Operator(),
            mailboxes={BOX.name: BOX},
            rulebook=Rulebook(),
            mail=RuledMail(templates=Templates(templates), own=[], key=b"k" * 32),
        )


async def claimed(store: Store, kind: str) -> list[Job]:
    async with store.write() as conn:
        return [job for job in await jobs.claim(conn, limit=50, owner="o", lease=timedelta(1)) if job.kind == kind]


async def test_what_was_sorted_before_a_crash_is_not_sorted_again(store: Store) -> None:
    then = Then(tags=("x",), share=Share.TURN, owners=(MINA,), template="Hours", sends=True, forward=("b@example.org",))
    await takes(store, [Rule(name="R", then=then)], mail("one"))
    (job,) = await claimed(store, "sort")
    async with sorting(store) as made:
        await made.sort(job)
        async with store.read() as conn:
            before = await acts.of_conversation(conn, Number(1), limit=50)
        await made.sort(job)
    async with store.read() as conn:
        assert await acts.of_conversation(conn, Number(1), limit=50) == before
        assert [one.verb for one in reversed(before)] == ["assign", "tag", "answer", "forward"]
        assert {(one.place, one.detail.partition(",")[0]) for one in before} == {(Where.RULE, "rule: R")}
        assert len(await drafts.of_conversation(conn, Number(1))) == 2
        found = await conversations.get(conn, Number(1))
    assert found
    assert (found.owner, found.tags, found.status) == (MINA, ("x",), Status.OPEN)


async def test_conversations_that_are_given_at_once_go_to_each_in_turn(store: Store) -> None:
    people = tuple(UserId(f"U{number}") for number in range(3))
    await takes(
        store, [Rule(name="R", then=Then(share=Share.TURN, owners=people))], *(mail(str(at)) for at in range(6))
    )
    async with sorting(store) as made:
        await asyncio.gather(*(made.sort(job) for job in await claimed(store, "sort")))
    async with store.read() as conn:
        owners = [one.owner for one in (await conversations.of_numbers(conn, list(map(Number, range(1, 7))))).values()]
    assert sorted(Counter(owners).values()) == [2, 2, 2]


# --- where conversations show -----------------------------------------------------------------------------------------


async def test_every_channel_that_a_conversation_shows_in_is_found(store: Store) -> None:
    async with store.write() as conn:
        assert await conversations.channels(conn) == []
        for channel in ("C2", "C1", "C3", "C1"):
            await conversations.create(
                conn, mailbox=BOX.name, channel=ChannelId(channel), subject="", status=Status.OPEN, at=now()
            )
        assert await conversations.channels(conn) == ["C1", "C2", "C3"]


# --- tried on the past ------------------------------------------------------------------------------------------------


@pytest.fixture
async def full(store: Store) -> Store:
    """Three conversations, one of them with an answer of its customer's."""
    answer = "In-Reply-To: <one@x>\r\n"
    await takes(
        store, [], mail("one"), mail("two", head="X-Shop: 7\r\nX-Spam-Flag: YES\r\n"), mail("again", head=answer)
    )
    await takes(store, [], mail("three", author="ben@example.org"), first=4)
    return store


@pytest.mark.parametrize(
    ("rule", "matched", "of"),
    [
        (Rule(name="R"), (3, 2, 1), 3),
        (Rule(name="R", on=On.EVERY), (3, 1, 2, 1), 4),
        (Rule(name="R", when=When(subject=("t",))), (3, 2), 3),
        (Rule(name="R", when=When(first_time=True)), (3, 1), 3),
        (Rule(name="R", when=When(open=False)), (), 3),
        (Rule(name="R", when=When(headers=(("x-shop", ("7",)),))), (2,), 3),
        (Rule(name="R", when=When(spam=False, subject=("t",))), (3,), 3),
        (Rule(name="R", when=When(mailboxes=("Support",), from_=("ben",))), (3,), 3),
        (Rule(name="R", when=When(mailboxes=("sales",))), (), 0),
    ],
)
async def test_a_rule_is_tried_on_the_mails_that_it_looks_at(
    full: Store, rule: Rule, matched: tuple[int, ...], of: int
) -> None:
    assert await try_out(full, rule, mailboxes={BOX.name: BOX}) == Tried(
        matched=tuple(map(Number, matched)), of=of, unknown=0
    )


async def test_where_the_mail_is_kept_no_more_its_headers_cannot_be_told(full: Store) -> None:
    async with full.write() as conn:
        await raws.forget(conn, before=now() + timedelta(days=1))
        found = await past.newest(conn, mailboxes=(), on=On.NEW, limit=10)
    assert [one.raw_id for one in found] == [None] * 3
    tried = await try_out(full, Rule(name="R", when=When(subject=("t",), headers=(("X-Shop", ("*",)),))), mailboxes={})
    assert tried == Tried(matched=(), of=3, unknown=2)
