"""What admins do on Home: canned answers are made and changed, agents are named. All of it is written down.

What stands in `bridge.toml` is the operator's: it counts beside what is chosen here, and is shown, but not changed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import canned, templates
from bridge.agents import Agents
from bridge.answers import Invalid
from bridge.automation.hours import Hours
from bridge.canned import Template, Templates
from bridge.desk import told, write_down_of_desk
from bridge.errors import Refused
from bridge.model import Act, Address, Named, Number, UserId
from bridge.sentences import say
from bridge.slack import setup
from bridge.slack.blocks import Block
from bridge.slack.gateway import Gateway
from bridge.slack.markdown import literal
from bridge.store import acts, agents, correspondents
from bridge.store import templates as made
from bridge.store.database import Store
from bridge.templates import Values

MOST_TEMPLATES = 300
"""How many can be made in Slack: so many fit into the menu of the compose modal."""

LOGGED = 30  # acts that are shown

_SHORT = ("name", "folder", "language", "subject")  # what the log tells of a template; its text is too long


async def all_templates(store: Store, operators: Sequence[Template]) -> list[Template]:
    """Those that admins made, then the operator's, which they cover by their names; each with how often it was sent."""
    async with store.read() as conn:
        found = [*await made.every(conn), *operators]
        uses = await correspondents.uses(conn)
    return [replace(one, uses=uses.get(one.name, 0)) for one in found]


async def all_named(store: Store, operators: Named) -> Named:
    """Whom the operator and the admins have named."""
    async with store.read() as conn:
        return operators | await agents.named(conn)


class Admins:
    """Every verb is refused to whoever is no admin, with the sentence."""

    def __init__(
        self,
        store: Store,
        *,
        agents: Agents,
        gateway: Gateway,
        templates: Templates,
        operators: Named,
        mailbox: Address,
        hours: Hours,
    ) -> None:
        """`operators`: whom bridge.toml names. `mailbox`: the one that a preview is written from, and its `hours`."""
        self._store = store
        self._agents = agents
        self._gateway = gateway
        self._templates = templates
        self._operators = operators
        self._mailbox = mailbox
        self._hours = hours

    async def setup(self, user: UserId, *, rules: Sequence[Block]) -> list[Block]:
        """Their part of Home, the line about rules in it; nothing for whoever is no admin."""
        if not await self._agents.is_admin(user):
            return []
        named = await all_named(self._store, self._operators)
        return setup.home(await self._templates.every(), named, rules=rules)

    async def log(self, *, user: UserId) -> list[Act]:
        """What was done to the desk, the newest first."""
        await self._agents.require_admin(user)
        async with self._store.read() as conn:
            return await acts.of_desk(conn, limit=LOGGED)

    # --- canned answers -----------------------------------------------------------------------------------------------

    async def templates(self, *, user: UserId) -> list[Template]:
        """All of them, by folder and name."""
        await self._agents.require_admin(user)
        return await self._templates.every()

    async def preview(self, template: Template, *, user: UserId) -> tuple[Template, Values]:
        """A template filled in with made-up facts, and these. Raises Invalid where it is none."""
        person = await self._agents.require_admin(user)
        if wrong := _wrong_with(replace(template, name=template.name or "-")):  # it may be named later
            raise Invalid(wrong)
        values = Values(
            number=Number(1042),
            subject=say("Where is my order?"),
            sender=Address(name="Dana Reyes", email="dana@example.com"),
            mailbox=self._mailbox,
            agent=Address(name=person.full_name or person.name, email=person.email),
            hours=self._hours,
        )
        return canned.filled(template, values, literal=literal), values

    async def keep(self, template: Template, *, user: UserId) -> None:
        """Make a template, or change the one of that id. Raises Invalid with what is wrong at which input."""
        await self._agents.require_admin(user)
        if wrong := _wrong_with(template):
            raise Invalid(wrong)
        async with self._store.write() as conn:
            await made.one_by_one(conn)
            if await made.called(conn, template.name) not in (None, template.id):
                raise Invalid({"name": say("Another template has this name already: give it one of its own.")})
            if template.id is None:
                await self._make(conn, template, user=user)
            else:
                await self._change(conn, template, user=user)

    async def remove(self, template: Template, *, user: UserId) -> None:
        """Take a template away. What was written from it stays as it is."""
        await self._agents.require_admin(user)
        if template.id is None:
            raise Refused(say("This template stands in `bridge.toml`, where only the operator changes it."))
        async with self._store.write() as conn:
            if await made.remove(conn, template.id):
                await write_down_of_desk(conn, "template removed", user=user, detail=f"“{template.name}”")

    async def _make(self, conn: AsyncConnection, template: Template, *, user: UserId) -> None:
        if await made.count(conn) >= MOST_TEMPLATES:
            full = say("There are {most} templates already: remove one that nobody uses.", most=MOST_TEMPLATES)
            raise Invalid({"name": full})
        await made.add(conn, template)
        await write_down_of_desk(conn, "template made", user=user, detail=f"“{template.name}”")

    async def _change(self, conn: AsyncConnection, template: Template, *, user: UserId) -> None:
        before = await made.get(conn, template.id) if template.id else None
        if before is None:
            gone = say("Somebody removed this template meanwhile: copy its text into a new one.")
            raise Invalid({"text": gone})
        if not await made.change(conn, template):
            newer = say("Somebody changed this template meanwhile: copy your text, close this, and open it again.")
            raise Invalid({"text": newer})
        if before.name != template.name:
            await made.rename_uses(conn, before.name, template.name)
        if changes := _changes(before, template):
            detail = f"“{before.name}”, {changes}"
            await write_down_of_desk(conn, "template changed", user=user, detail=detail)

    # --- agents -------------------------------------------------------------------------------------------------------

    async def named(self, *, user: UserId) -> tuple[Named, Named]:
        """Whom the admins have named, and whom the operator has."""
        await self._agents.require_admin(user)
        async with self._store.read() as conn:
            return await agents.named(conn), self._operators

    async def name(self, *, add: Named, remove: Named, user: UserId) -> None:
        """Name people, or name them no more. Raises Invalid where one of them could never be let in."""
        await self._agents.require_admin(user)
        wrong = {"users": await self._never(add.users), "admins": await self._never(add.admins)}
        if told_wrong := {block: sentence for block, sentence in wrong.items() if sentence}:
            raise Invalid(told_wrong)
        async with self._store.write() as conn:
            before, after = await agents.change(conn, add=add, remove=remove)
            detail = [*_moved("may act", before.users, after.users), *_moved("admin", before.admins, after.admins)]
            if detail:
                await write_down_of_desk(conn, "agents changed", user=user, detail=", ".join(detail))
        self._agents.renamed()

    async def _never(self, users: Iterable[UserId]) -> str:
        """Who among them could never be let in, as a sentence; empty where everybody could."""
        people = sorted(users)
        barred = await asyncio.gather(*(self._barred(one) for one in people))
        names = [(await self._gateway.user(one)).name for one, never in zip(people, barred, strict=True) if never]
        if not names:
            return ""
        return say("Only full members of this workspace can be named: not {names}.", names=", ".join(names))

    async def _barred(self, user: UserId) -> bool:
        try:
            await self._agents.member(user)
        except Refused:
            return True
        return False


def _wrong_with(template: Template) -> dict[str, str]:
    """What is wrong with a template, by the input that it was typed into."""
    wrong = {}
    if not template.name:
        wrong["name"] = say("Give the template a name to find it by.")
    if not template.text:
        wrong["text"] = say("Write what the template is to say.")
    for block in ("subject", "text"):
        try:
            templates.check(getattr(template, block))
        except Refused as refused:
            reason = str(refused)  # it begins in the middle of a sentence, after the name of what is wrong
            wrong[block] = reason[:1].upper() + reason[1:]
    return wrong


def _changes(before: Template, after: Template) -> str:
    short = {name: getattr(after, name) for name in _SHORT if getattr(after, name) != getattr(before, name)}
    text = ["text: changed"] if before.text != after.text else []
    return ", ".join([told(before, {name: value}) for name, value in short.items()] + text)


def _moved(what: str, before: frozenset[UserId], after: frozenset[UserId]) -> list[str]:
    moved = [("added", after - before), ("removed", before - after)]
    return [f"{what}: {' '.join(sorted(who))} {how}" for how, who in moved if who]
