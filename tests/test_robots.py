"""Robots: whatever a machine writes, by whatever headers and address, nothing that the bridge does by itself answers it;
and two bridges that answer each other come to rest.
"""

import asyncio
import contextlib
import email
import email.policy
import random
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mailroom import LocalRoom, until
from onstage import Desk, ask, rich

from bridge import rules
from bridge.demo.mails import SHOP
from bridge.demo.stage import Stage
from bridge.mail.parse import parse
from bridge.model import Automatic
from bridge.routing import matching

OWN = {SHOP.email}
DAY = timedelta(days=1)

# --- what machines write ----------------------------------------------------------------------------------------------

DECLARED = [
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-generated",
    'Auto-Submitted: auto-notified; owner-email="a@example.com"',
    "Auto-Submitted: (by a rule) auto-replied",
    "Precedence: bulk",
    "Precedence: junk",
    "Precedence: list",
    "Precedence: auto_reply",
    "List-Id: Bags <bags.example.com>",
    "List-Unsubscribe: <mailto:leave@example.com>",
    "X-Autoreply: yes",
    "X-Autorespond: Away",
    "X-Vacation: yes",
    "X-Cron-Env: <SHELL=/bin/sh>",
    "X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated",
]
"""Header fields in which a machine says that it is one."""

HARMLESS = [
    "X-Auto-Response-Suppress: OOF",
    "Auto-Submitted: no",
    "X-Mailer: Letters 3.1",
    "X-Priority: 3",
    "Importance: normal",
    "Organization: Example",
    "Reply-To: dana@example.com",
    "Sender: dana@example.com",
]
NEVER = ["no", "do not", "dont", "never", "nao", "não", "ne pas", "nicht", "keine"]
ANSWER = ["reply", "respond", "response", "answer", "responda", "repondre", "répondre", "antwort", "antworten"]
NOBODY = ["mailer daemon", "bounce", "bounces", "notification", "notifications", "alerts", "auto confirm", "automated"]
AROUND = ["", "shop", "jobs", "google.alerts", "forms-receipts", "drive", "de", "eu-west", "7", "2026"]


@st.composite
def nobodys(draw: st.DrawFn) -> str:
    """A local part behind which nobody reads, as machines have them: words around it, joined in some way, in some case."""
    words = draw(
        st.one_of(st.tuples(st.sampled_from(NEVER), st.sampled_from(ANSWER)).map(" ".join), st.sampled_from(NOBODY))
    )
    local = words.replace(" ", draw(st.sampled_from(["", "-", "_", "."])))
    before, after = draw(st.sampled_from(AROUND)), draw(st.sampled_from(AROUND))
    local = f"{before}{before and draw(st.sampled_from('-_.+'))}{local}{after and draw(st.sampled_from('-_.+'))}{after}"
    return draw(st.sampled_from([local, local.upper(), local.title()]))


@st.composite
def cased(draw: st.DrawFn, lines: str) -> str:
    """Header fields as mailers write them: names in any case, values folded."""
    found = []
    for line in lines.split("\n"):
        name, _, value = line.partition(":")
        name = draw(st.sampled_from([name, name.upper(), name.lower()]))
        found.append(f"{name}:{draw(st.sampled_from([' ', '  ', chr(10) + chr(9)]))}{value.strip()}")
    return "\n".join(found)


def raw(sender: str, *lines: str, subject: str = "Your order") -> bytes:
    body = "Words.\n"
    head = [
        f"From: {sender}",
        *lines,
        f"To: {SHOP.email}",
        f"Subject: {subject}",
        f"Message-ID: <{hash((sender, lines))}@x>",
    ]
    return ("\n".join(head) + f"\n\n{body}").encode()


@given(
    sign=st.sampled_from(DECLARED).flatmap(cased),
    around=st.lists(st.sampled_from(HARMLESS), max_size=4, unique=True),
    place=st.integers(0, 4),
    sender=st.emails(),
    subject=st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40),
)
@example(sign="Auto-Submitted: (by a rule) auto-replied", around=[], place=0, sender="a@example.com", subject="")
def test_who_says_to_be_a_machine_is_neither_answered_nor_passed_on(
    sign: str, around: list[str], place: int, sender: str, subject: str
) -> None:
    lines = [one for one in around if one != "Auto-Submitted: no"]
    message = parse(raw(sender, *lines[:place], sign, *lines[place:], subject=subject))
    assert message.automatic is not Automatic.NO
    assert rules.unanswerable(message, own=OWN)
    assert matching.unsendable(message, spam=False)


@given(local=nobodys(), around=st.lists(st.sampled_from(HARMLESS[:-2]), max_size=3, unique=True))
def test_where_nobody_reads_nothing_is_answered(local: str, around: list[str]) -> None:
    assert rules.unanswerable(parse(raw(f"The shop <{local}@example.com>", *around)), own=OWN)
    message = parse(raw("The shop <shop@example.com>", *around, f"Reply-To: {local}@example.com"))
    assert rules.unanswerable(message, own=OWN)


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=12), st.sampled_from(HARMLESS))
def test_a_word_of_letters_alone_is_a_person(local: str, line: str) -> None:
    """But for those words themselves, and names of accounts that are nobody's on every machine."""
    words = {"".join(one.split()) for one in (*NOBODY, *(f"{a} {b}" for a in NEVER for b in ANSWER))}
    machines = {"postmaster", "daemon", "root", "nobody", "alert", "listserv", "majordomo", "prvs", "automailer"}
    if local in words | machines or re.match(
        "autore|autoco|non?re|kein|dontre|donotre|neverre|naore|nichtre|nepasre", local
    ):
        return
    assert rules.unanswerable(parse(raw(f"{local}@example.com", line)), own=OWN) == ""


# --- at the real desk -------------------------------------------------------------------------------------------------

ACTS = """
[[template]]
name = "Hours"
text = "We are open from nine."

[[rule]]
name = "Answers"
when = { subject = "hours" }
then = { template = "Hours", send = true }
"""


async def test_no_automatic_act_answers_what_machines_write(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage", hold=0, flood=500)
    stage.source += '\nauto_ack = true\nsilence = { close_after = "7d", last_mail = true }'
    stage.others = ACTS
    await stage.start()
    try:
        dice = random.Random(7)
        written = []
        for place in range(40):
            subject = dice.choice(["Our hours", "Your order"]) + f" {place}"
            sign, around = dice.choice(DECLARED), dice.sample(HARMLESS[2:6], k=2)
            if dice.random() < 0.5:
                never, answer = dice.choice(NEVER), dice.choice(ANSWER)
                local = f"{dice.choice(AROUND[1:])}-{never.replace(' ', '-')}-{answer}"
                written.append(raw(f"Machine <{local}@example{place}.com>", *around, subject=subject))
            else:
                written.append(raw(f"Machine <machine@example{place}.com>", *around, sign, subject=subject))
        LocalRoom(stage.data / "mail" / "support").deliver(*written)
        mina = Desk(stage)
        await mina.sees_card(subject)
        await ask(stage, from_="Ben <ben@example.org>", subject="A person")
        await until(lambda: stage.world.inbox["ben@example.org"])
        stage.later(8 * DAY)
        await ask(stage, from_="Eve <eve@example.net>", subject="Another person")
        await until(lambda: stage.world.inbox["eve@example.net"])
        assert {address for address, got in stage.world.inbox.items() if got} == {"ben@example.org", "eve@example.net"}
    finally:
        await stage.stop()


# --- two bridges ------------------------------------------------------------------------------------------------------

NORTH, SOUTH = "hello@north.example.org", "hello@south.example.net"
MOST = 2


class Branch(Stage):
    """A bridge whose mailbox has another address."""

    def __init__(self, data: Path, *, address: str) -> None:
        super().__init__(data, hold=0)
        self.address = address
        self.source += f"\nauto_ack = true\nack = {{ per_sender = {MOST} }}"
        self.source += '\nsilence = { close_after = "7d", last_mail = true }'

    def config_file(self) -> Path:
        file = super().config_file()
        file.write_text(file.read_text("utf-8").replace(SHOP.email, self.address), encoding="utf-8")
        return file


def as_forgetful(mail: bytes) -> bytes:
    """As a server passes it on that knows nothing of machines: each looks like a person's new mail."""
    parsed = email.message_from_bytes(mail, policy=email.policy.SMTP)
    for name in ("Auto-Submitted", "X-Auto-Response-Suppress", "Precedence", "In-Reply-To", "References"):
        del parsed[name]
    subject = re.sub(r"\[#\d+\]|Re: ", "", str(parsed["Subject"]))
    del parsed["Subject"], parsed["Message-ID"]
    parsed["Subject"], parsed["Message-ID"] = subject, f"<{abs(hash(mail))}@relay.example>"
    return parsed.as_bytes()


@contextlib.asynccontextmanager
async def joined(north: Branch, south: Branch, *, forgetful: bool) -> AsyncIterator[None]:
    """What each sends to the other's address arrives there."""

    async def carry(here: Branch, there: Branch) -> None:
        room, carried = LocalRoom(there.data / "mail" / "support"), 0
        while True:
            for one in here.world.inbox[there.address][carried:]:
                room.deliver(as_forgetful(one) if forgetful else one)
                carried += 1
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(carry(*pair)) for pair in ((north, south), (south, north))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def by_itself(here: Branch, there: Branch) -> list[EmailMessage]:
    parsed = [email.message_from_bytes(one, policy=email.policy.default) for one in here.world.inbox[there.address]]
    return [one for one in parsed if isinstance(one, EmailMessage) and one["Auto-Submitted"]]


async def comes_to_rest(here: Branch) -> None:
    """What was due by now has had its turn: a person who writes after it is acknowledged."""
    if here.bridge:
        here.bridge.wake()
    reader = f"ben{len(here.world.inbox)}@example.com"
    await ask(here, from_=f"Ben <{reader}>", to=here.address, subject="A person")
    await until(lambda: here.world.inbox[reader])


@pytest.mark.parametrize("forgetful", [False, True], ids=["as they are", "on a forgetful way"])
async def test_two_bridges_that_answer_each_other_come_to_rest(tmp_path: Path, forgetful: bool) -> None:
    """Acknowledgements and last mails on both sides."""
    north, south = Branch(tmp_path / "north", address=NORTH), Branch(tmp_path / "south", address=SOUTH)
    async with contextlib.AsyncExitStack() as closing:
        for one in (north, south):
            await one.start()
            closing.push_async_callback(one.stop)
        async with joined(north, south, forgetful=forgetful):
            await ask(north, from_=f"South <{SOUTH}>", to=NORTH, subject="About the bags")
            mina = Desk(north)
            card = await mina.sees_card("About the bags")
            await mina.opens(card)
            await mina.person.submit({"body": rich("Here they are")})
            await until(lambda: len(north.world.inbox[SOUTH]) - len(by_itself(north, south)) == 1)
            if forgetful:
                await until(lambda: Desk(north).card("no more are sent there"))
                await until(lambda: Desk(south).card("no more are sent there"))
            for _ in range(2):
                north.later(8 * DAY)
                for one in (north, south):
                    await comes_to_rest(one)
        assert len(by_itself(north, south)) <= MOST
        assert len(by_itself(south, north)) <= MOST
