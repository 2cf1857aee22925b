"""A storm: mail comes in and answers leave while everything fails and whoever works is killed or frozen.

Slack, the customers' mail server and the team's mailbox stand outside and outlive it all. `Storm.run` ends when nothing
is left to do; `Storm.counted` says what stands there more or less often than once.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from onstage import cards_alone, rich, said
from services import Service
from sqlalchemy import select

from bridge.demo.double.faults import Fault
from bridge.demo.double.people import Person
from bridge.demo.double.refusals import NoAck, NotOffered
from bridge.demo.stage import CHANNEL, MINA
from bridge.demo.stage import Stage as OnStage
from bridge.demo.world import Silence, Stage
from bridge.model import DraftId
from bridge.store import acts, drafts
from bridge.store.database import Store
from bridge.store.jobs import unfinished
from bridge.store.schema import jobs

PATIENCE = 240.0  # seconds in which a service that is killed again and again answers a click
REST = 600.0  # seconds in which it comes to rest: what failed often is tried once a minute, and fails one time in five
AGENTS = 12
LOOK = 4.0  # seconds that an agent looks at an empty modal before trying again
SECOND_THOUGHTS = 3.0  # seconds that an agent waits, after a replica woke up, before deciding what is uncertain
SLOWEST = 6.0  # seconds that the customers' server thinks about a mail at the most
LAGGING = 120.0  # seconds after which a line that says something else than the truth no longer only lags behind
PAUSE = SLOWEST + 2.0  # seconds that a line has asked before an agent decides: what is still on its way arrives first
SENT = ":white_check_mark: Sent"
MARKS = {"subject": "marmalade", "name": "Quimby", "body": "heliotrope", "answer": "persimmon"}
"""Words that stand in each mail and answer, and in no sentence of ours: no log may hold one."""
ADDRESS, IDS = re.compile(r"[\w.+-]@[\w-]+\.\w"), re.compile(r"<[^<>\s]+@[^<>\s]+>")
"""Message-IDs look like addresses, and are needed to follow a mail."""


def dice() -> random.Random:
    """Seeded by BRIDGE_SEED, or anew; the seed is printed either way."""
    seed = int(os.environ.get("BRIDGE_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"BRIDGE_SEED={seed}\n")
    return random.Random(seed)


def mail(matter: int, part: int) -> bytes:
    """A customer's mail: the first of a matter, or one that answers it."""
    follows = f"In-Reply-To: <{matter}.1@example.com>\r\n" if part > 1 else ""
    return (
        f"From: {MARKS['name']} {matter} <customer-{matter}@example.com>\r\nTo: hello@fernhill.example.com\r\n"
        f"Subject: {'Re: ' if part > 1 else ''}matter-{matter} {MARKS['subject']}\r\n"
        f"Message-ID: <{matter}.{part}@example.com>\r\n{follows}"
        f"Date: Mon, 2 Mar 2026 10:00:00 +0000\r\n\r\nThis is part-{matter}.{part}, {MARKS['body']}\r\n"
    ).encode()


class Storm:
    """`deliver` puts a mail into the team's mailbox. Of `matters` matters each has `parts` mails; agents write `answers`
    answers, in turn to each matter.
    """

    def __init__(
        self,
        stage: OnStage,
        services: Sequence[Service],
        *,
        deliver: Callable[[bytes], None],
        chance: random.Random,
        matters: int,
        parts: int = 1,
        answers: int = 0,
    ) -> None:
        self.stage, self.services, self.chance = stage, services, chance
        self._deliver = deliver
        self.matters, self.parts, self.answers = matters, parts, answers
        self._database_url = stage.settings().database_url.get_secret_value()
        self._settled_at = 0.0
        self._asked: dict[str, float] = {}
        self.belied: set[str] = set()
        """Drafts whose line says that they were not sent, though they have arrived."""
        here = stage.slack.workspace
        more = [
            str(here.add_user(f"agent{one}", email=f"agent{one}@fernhill.example.com")["id"])
            for one in range(1, AGENTS)
        ]
        for one in more:
            here.join(CHANNEL, one)
        self.people = [stage.slack.person(one) for one in (MINA, *more)]

    # --- the weather --------------------------------------------------------------------------------------------------

    def slack_fails(self, share: float, *faults: Fault) -> None:
        ways = faults or (Fault(kind="drop_before"), Fault(kind="drop_after_commit"), Fault(kind="error"))
        self.stage.slack.faults.storm(share=share, seed=self.chance.randrange(10**6), faults=ways)

    def smtp_fails(self) -> None:
        def sometimes(*replies: tuple[str, float]) -> Iterator[str | None]:
            while True:
                yield next((reply for reply, share in replies if self.chance.random() < share), None)

        def silences() -> Iterator[Silence | None]:
            while True:
                yield self.chance.choices([None, Silence.TAKEN, Silence.LOST], weights=[92, 4, 4])[0]

        faults = self.stage.world.faults
        faults.replies = {
            Stage.MAIL: sometimes(("451 4.3.0 Busy", 0.05)),
            Stage.RCPT: sometimes(("450 4.2.0 Try later", 0.05), ("550 5.7.1 Not today", 0.02)),
            Stage.DATA: sometimes(("452 4.3.1 Full", 0.05), ("554 5.6.0 Not liked", 0.02)),
        }
        faults.silences = silences()
        faults.delays = iter(lambda: self.chance.choice((0.0,) * 9 + (self.chance.uniform(0, SLOWEST),)), None)

    # --- what happens -------------------------------------------------------------------------------------------------

    async def run(self, *, kills: int, freezes: int = 0, freeze: float = 0.0) -> None:
        """Until everything has come to rest. `freeze`: seconds, at the least, that a frozen replica stays so."""
        for service in self.services:
            await service.start()
        for service in self.services:
            await service.ready.wait()
        blows = [self._kill] * kills + [self._freeze] * freezes
        self.chance.shuffle(blows)

        async def strike() -> None:
            for blow in blows:
                await asyncio.sleep(self.chance.uniform(0.2, 1.5))
                await blow(self.chance.choice(self.services), freeze)

        agents = [self._agent(person, share) for share, person in enumerate(self.people)]
        try:
            await asyncio.gather(self._customers(), strike(), *agents)
            await self._come_to_rest()
        except TimeoutError:
            pytest.fail("\n".join([f"it never came to rest: {self.counted()}", *await self._unfinished()]))

    async def _kill(self, service: Service, freeze: float) -> None:  # noqa: ARG002 - as `_freeze`
        if self.chance.random() < 0.8:  # most kills meet a service at work, some meet one that is still starting
            await service.ready.wait()
        await service.kill()
        await service.start()

    async def _freeze(self, service: Service, freeze: float) -> None:
        await service.ready.wait()
        service.freeze()
        await asyncio.sleep(freeze * self.chance.uniform(0.5, 1.5))
        self._settled_at = time.monotonic() + SECOND_THOUGHTS
        service.thaw()

    async def _customers(self) -> None:
        for part in range(1, self.parts + 1):
            for matter in range(self.matters):
                await asyncio.to_thread(self._deliver, mail(matter, part))
                await asyncio.sleep(self.chance.uniform(0, 0.1))

    async def _agent(self, person: Person, share: int) -> None:
        for number in range(share, self.answers, len(self.people)):
            await self._answer(person, number)

    async def _answer(self, person: Person, number: int) -> None:
        """Open the modal, submit; a modal that never filled is closed and opened anew."""
        subject = f"matter-{number % self.matters}"

        async def opened() -> None:
            card = await person.sees(lambda: self._cards().get(subject), timeout=PATIENCE)
            assert card
            while person.view():
                await person.close_view()
            await person.click(CHANNEL, card["ts"], "reply")
            await person.sees(lambda: (person.view() or {}).get("callback_id") == "compose", timeout=LOOK)

        async def submitted() -> None:
            try:
                answer = await person.submit({"body": rich(f"This is answer-{number}, {MARKS['answer']}.")}) or {}
            except NotOffered:  # the app had taken it after all, and shows what leaves
                return
            asked_again = (answer.get("view") or {}).get("callback_id") == "compose"  # newer mail came: send anyway
            if answer.get("response_action") == "errors" or asked_again:  # "Slack does not answer": it is still there
                raise TimeoutError

        await persist(opened)
        await persist(submitted)

    async def _decide(self) -> None:
        """As an agent does: where delivery failed or is uncertain, look whether the customer has it, and press."""
        if any(one.frozen for one in self.services) or time.monotonic() < self._settled_at:
            return
        asking = {draft: line for draft, line in self._lines() if "resend" in str(line["blocks"])}
        self._asked = {one: self._asked.get(one, time.monotonic()) for one in asking}
        for draft, line in asking.items():
            if time.monotonic() < self._asked[draft] + PAUSE:
                continue
            offered = str(line["blocks"])
            arrived = any(f".{draft}.".encode() in one.raw for one in self.stage.world.envelopes)
            if arrived and "mark_delivered" not in offered:
                if time.monotonic() > self._asked[draft] + LAGGING:
                    self.belied.add(draft)
                continue
            button = "mark_delivered" if arrived else "resend"
            with contextlib.suppress(NotOffered, NoAck, TimeoutError):  # the line has moved on, or it is pressed again
                await self.people[0].click(CHANNEL, line["ts"], button)

    async def _come_to_rest(self) -> None:
        async with asyncio.timeout(REST):
            while not self._at_rest():
                await self._decide()
                await asyncio.sleep(0.2)
            store = await Store.open(self._database_url)
            leaving = 1
            while leaving:  # a replica that woke up late may still have one in hand
                async with store.read() as conn:
                    leaving = await unfinished(conn, "send")
                await asyncio.sleep(0.2)
            await store.close()

    def _at_rest(self) -> bool:
        if self.belied:
            return True
        sent = [one for _, one in self._lines() if SENT in said(one)]
        posts = sum(len(parts) for parts in self._threads().values())
        return len(sent) >= self.answers and posts >= self.matters * self.parts

    # --- what stands there --------------------------------------------------------------------------------------------

    def _cards(self) -> dict[str, dict[str, Any]]:
        return {subject_of(one): one for one in self._all_cards()}

    def _all_cards(self) -> list[dict[str, Any]]:
        return cards_alone(self.stage)

    def _threads(self) -> dict[str, list[str]]:
        """Of each card's thread the customer's mails, in their order."""
        replies = self.stage.slack.workspace.replies
        return {
            one["ts"]: [
                found[0]
                for post in replies(CHANNEL, one["ts"])
                if post["ts"] != one["ts"] and (found := re.findall(r"part-(\d+\.\d+)", said(post)))
            ]
            for one in self._all_cards()
        }

    def _lines(self) -> list[tuple[str, dict[str, Any]]]:
        """The lines of outgoing mails: the draft's id and the message."""
        found = []
        for card in self._all_cards():
            for one in self.stage.slack.workspace.replies(CHANNEL, card["ts"]):
                key = one.get("metadata", {}).get("event_payload", {}).get("key", "")
                if key.startswith("draft:"):
                    found.append((key.removeprefix("draft:").partition(":")[0], one))
        return found

    def told_too_much(self) -> list[str]:
        """The logs' lines that hold a word of a mail, an address, or anything secret."""
        slack, secrets = self.stage.slack, self.stage.secrets
        words = [*MARKS.values(), "customer-", "hello@", slack.bot_token, slack.app_token, "ticket="]
        words += [secrets[name] for name in ("BRIDGE_SECRET_KEY", "MAILBOX_PASSWORD") if name in secrets]
        lines = [_unescaped(line) for service in self.services for line in service.logged]
        return [one for one in lines if any(word in one for word in words) or ADDRESS.search(IDS.sub("", one))]

    def counted(self) -> dict[str, int]:
        """What stands there more or less often than once, and mails that stand in another order than they came."""
        shown = Counter(subject_of(one) for one in self._all_cards())
        threads = list(self._threads().values())
        posts = Counter(part for parts in threads for part in parts)
        drafts = Counter(draft for draft, _ in self._lines())
        sent = Counter(re.findall(rb"answer-(\d+)", one.raw)[0] for one in self.stage.world.envelopes)
        return {
            "cards lost": self.matters - len(shown),
            "cards doubled": sum(shown.values()) - len(shown),
            "mails lost": self.matters * self.parts - len(posts),
            "mails doubled": sum(posts.values()) - len(posts),
            "mails out of order": sum(parts != sorted(parts) for parts in threads),
            "lines doubled": sum(drafts.values()) - len(drafts),
            "answers lost": self.answers - len(sent),
            "answers doubled": sum(sent.values()) - len(sent),
            "answers belied": len(self.belied),
        }

    async def _unfinished(self) -> list[str]:
        """What is still to be done: the lines that wait, the jobs, and what the services said last."""
        waiting = [said(one) for _, one in self._lines() if SENT not in said(one)]
        store = await Store.open(self._database_url)
        async with store.read() as conn:
            rows = await conn.execute(select(jobs).where(jobs.c.state != "done").order_by(jobs.c.id))
            left = [
                f"{one.key} in {one.lane}: {one.state}, {one.attempts} attempts, due {one.due}, {one.error or ''}"
                for one in rows
            ]
        await store.close()
        return [*waiting, *left, *(line for one in self.services for line in one.logged[-20:])]

    async def history(self) -> list[str]:
        """Of each answer that left more than once, or whose line says that it did not: what arrived, and what the logs
        say of its conversation.
        """
        sent: dict[bytes, list[str]] = {}
        for one in self.stage.world.envelopes:
            message_id = re.findall(rb"(?im)^message-id: *(\S+)", one.raw)[0].decode()
            sent.setdefault(re.findall(rb"answer-(\d+)", one.raw)[0], []).append(message_id)
        doubled = [message_id for ids in sent.values() if len(ids) > 1 for message_id in ids]
        store, told = await Store.open(self._database_url), [f"arrived: {one}" for one in doubled]
        async with store.read() as conn:
            ids = {found for one in doubled for found in re.findall(r"\.([0-9a-f]{16})\.", one)} | self.belied
            told += [line for draft in ids for one in self.services for line in one.logged if draft in line]
            for number in {found.number for one in ids if (found := await drafts.get(conn, DraftId(one)))}:
                done = await acts.of_conversation(conn, number, limit=100)
                told += [f"#{number} {one.at:%H:%M:%S.%f} {one.actor} {one.verb} {one.detail}" for one in done]
        await store.close()
        return told


def _unescaped(line: str) -> str:
    """A line of the log as it reads: its JSON's values."""
    with contextlib.suppress(ValueError):
        return " ".join(str(value) for value in json.loads(line).values())
    return line


def subject_of(card: dict[str, Any]) -> str:
    return str(card["blocks"][0]["text"]["text"]).removeprefix("Re: ").partition(" ")[0]


async def persist(act: Callable[[], Any]) -> None:
    """As an agent does: click again where the app did not answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(NoAck, TimeoutError):
                await act()
                return
            await asyncio.sleep(0.1)
