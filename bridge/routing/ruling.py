"""What admins do with rules in Slack: made, changed, tried on past mail, switched on and off, put in order, removed.

A rule that is new or was changed does not act until somebody switches it on, having seen what it would have matched.
Those of `bridge.toml` come first and are changed there.

An admin need not be an agent, and then sees no mail. So what a rule would show of it, by passing it on, by showing it
elsewhere or by saying what it would have matched, is for who may act on all the mail that the rule looks at.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.agents import Agents
from bridge.answers import Invalid
from bridge.canned import Templates
from bridge.desk import Mailbox, told, write_down_of_desk
from bridge.errors import Permanent, Refused
from bridge.model import ChannelId, Conversation, MailboxName, Number, UserId, now
from bridge.notices import announce
from bridge.routing.matching import Rule, version
from bridge.routing.rulebook import Rulebook
from bridge.routing.tryout import Tried, try_out
from bridge.sentences import say, to_everyone
from bridge.slack import ruling
from bridge.slack.blocks import Block, inert, person
from bridge.slack.ruling import Shown
from bridge.store import conversations, rulings
from bridge.store.database import Store
from bridge.store.rulings import Ruling

MOST = 40
"""Rules that can be made in Slack: so many fit into the window that lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a rule can name: mailboxes, templates and webhooks, by their names."""

    mailboxes: tuple[str, ...]
    templates: tuple[str, ...]
    webhooks: tuple[str, ...]


class NoAgent(Refused):
    """The admin may not act on the mail that a rule looks at."""


class Rules:
    """The verbs. Each is refused to whoever is no admin."""

    def __init__(
        self,
        store: Store,
        *,
        agents: Agents,
        rulebook: Rulebook,
        mailboxes: Mapping[MailboxName, Mailbox],
        templates: Templates,
        webhooks: Collection[str],
    ) -> None:
        self._store = store
        self._agents = agents
        self._rulebook = rulebook
        self._mailboxes = mailboxes
        self._templates = templates
        self._webhooks = tuple(webhooks)

    async def setup(self, user: UserId) -> list[Block]:
        """Their line on Home, for an admin; else nothing."""
        if not await self._agents.is_admin(user):
            return []
        return ruling.home(await self.listed(user=user))

    async def listed(self, *, user: UserId) -> list[Shown]:
        """All of them in their order: those of `bridge.toml`, then those that were made in Slack."""
        await self._agents.require_admin(user)
        async with self._store.read() as conn:
            made = await rulings.listed(conn)
        of_file = [Shown(rule=one) for one in self._rulebook.from_file]
        return [*of_file, *(Shown(rule=one.rule, id=one.id, is_on=one.is_on) for one in made)]

    async def choices(self, *, user: UserId) -> Choices:
        """What a rule can name."""
        await self._agents.require_admin(user)
        return Choices(
            mailboxes=tuple(self._mailboxes),
            templates=tuple(one.name for one in await self._templates.listed()),
            webhooks=self._webhooks,
        )

    async def get(self, rule_id: int, *, user: UserId) -> Ruling:
        """One that was made in Slack; else Refused."""
        await self._agents.require_admin(user)
        async with self._store.read() as conn:
            found = await rulings.get(conn, rule_id)
        if found is None:
            raise _removed()
        return found

    async def keep(self, rule: Rule, *, rule_id: int | None, user: UserId) -> int:
        """Make a rule, or change one; it does not act until it is switched on. Its id. Raises Invalid where its name is
        another's.
        """
        await self._agents.require_admin(user)
        try:
            await self._require_agent_for(rule, user=user)
        except NoAgent as why:
            raise Invalid({"forward" if rule.then.forward else "channel": str(why)}) from why
        async with self._store.write() as conn:
            await rulings.hold(conn)
            there = await rulings.listed(conn)
            others = [*self._rulebook.from_file, *(one.rule for one in there if one.id != rule_id)]
            if rule.name.casefold() in {one.name.casefold() for one in others}:
                raise Invalid({"name": say("Another rule has this name already: give it one of its own.")})
            before = next((one for one in there if one.id == rule_id), None)
            if rule_id is None:
                if len(there) >= MOST:
                    raise Invalid({"name": say("There are {most} rules already: remove one of them.", most=MOST)})
                rule_id = await rulings.add(conn, rule, by=user, at=now())
                await write_down_of_desk(conn, "rule made", user=user, detail=f"“{rule.name}”")
            elif before is None:
                raise Invalid({"name": say("Somebody removed this rule meanwhile.")})
            elif before.rule != rule or before.is_on:
                await rulings.replace(conn, rule_id, rule, by=user, at=now())
                await write_down_of_desk(conn, "rule changed", user=user, detail=_changes(before, rule))
        self._rulebook.forget()
        return rule_id

    async def switch_on(self, rule_id: int, *, seen: str, user: UserId) -> None:
        """Have a rule act from now on; `seen`: the version that was looked at. Refused where it is another by now."""
        looked_at = (await self.get(rule_id, user=user)).rule
        await self._require_agent_for(looked_at, user=user)
        async with self._store.write() as conn:
            rule = (await self._there(conn, rule_id)).rule
            if rule != looked_at or version(rule) != seen:
                raise Refused(say("Somebody changed this rule meanwhile: try it again, and then switch it on."))
            await rulings.switch(conn, rule_id, is_on=True, by=user, at=now())
            await write_down_of_desk(conn, "rule switched on", user=user, detail=f"“{rule.name}”")
            if rule.then.forward:
                await self._tell_channels(conn, rule, user=user)
        self._rulebook.forget()

    async def switch_off(self, rule_id: int, *, user: UserId) -> None:
        """Have a rule act no more."""
        await self._agents.require_admin(user)
        async with self._store.write() as conn:
            rule = (await self._there(conn, rule_id)).rule
            await rulings.switch(conn, rule_id, is_on=False, by=user, at=now())
            await write_down_of_desk(conn, "rule switched off", user=user, detail=f"“{rule.name}”")
        self._rulebook.forget()

    async def _there(self, conn: AsyncConnection, rule_id: int) -> Ruling:
        """The rule, which nobody else changes until the transaction ends; else Refused."""
        await rulings.hold(conn)
        found = await rulings.get(conn, rule_id)
        if found is None:
            raise _removed()
        return found

    async def _tell_channels(self, conn: AsyncConnection, rule: Rule, *, user: UserId) -> None:
        """Say in the channels whose mail leaves that it does."""
        at = now().isoformat()
        with to_everyone():
            sentence = say(
                ":outbox_tray: {who} switched on the rule “{rule}”: it passes mail on to {people}.",
                who=person(user),
                rule=inert(rule.name),
                people=", ".join(map(inert, rule.then.forward)),
            )
        for channel in dict.fromkeys(box.channel for box in self._covered(rule)):
            await announce(conn, channel, key=f"forward:{channel}:{at}", sentence=sentence)

    def _covered(self, rule: Rule) -> list[Mailbox]:
        """The mailboxes whose mail a rule looks at."""
        named = {one.casefold() for one in rule.when.mailboxes}
        return [box for name, box in self._mailboxes.items() if not named or name.casefold() in named]

    async def _require_agent(self, rule: Rule, *, user: UserId) -> None:
        """Raises NoAgent where the user may not act on the mail of one of the mailboxes that the rule covers."""
        for box in self._covered(rule):
            try:
                await self._agents.require(user, box.channel)
            except (Refused, Permanent) as why:
                sentence = say(
                    "That is for who may handle the mail of every mailbox that this rule looks at, and you may not "
                    "that of {mailbox}. {why}",
                    mailbox=box.name,
                    why=why,
                )
                raise NoAgent(sentence) from why

    async def _require_agent_for(self, rule: Rule, *, user: UserId) -> None:
        """As `_require_agent`, where what the rule does would show its mail to others."""
        if rule.then.forward or rule.then.channel:
            await self._require_agent(rule, user=user)

    async def move(self, rule_id: int, *, by: int, user: UserId) -> None:
        """Bring a rule so many places down, or up where that is negative."""
        await self._agents.require_admin(user)
        async with self._store.write() as conn:
            await rulings.hold(conn)
            there = await rulings.listed(conn)
            ids = [one.id for one in there]
            if rule_id not in ids:
                raise _removed()
            at, name = ids.index(rule_id), there[ids.index(rule_id)].rule.name
            ids.insert(max(0, at + by), ids.pop(at))
            await rulings.put_in_order(conn, ids)
            detail = f"“{name}”, place: {at + 1} → {ids.index(rule_id) + 1}"
            await write_down_of_desk(conn, "rule moved", user=user, detail=detail)
        self._rulebook.forget()

    async def remove(self, rule_id: int, *, user: UserId) -> None:
        """Take a rule away; what it did stays done."""
        await self._agents.require_admin(user)
        async with self._store.write() as conn:
            before = await self._there(conn, rule_id)
            await rulings.remove(conn, rule_id)
            await write_down_of_desk(conn, "rule removed", user=user, detail=f"“{before.rule.name}”")
        self._rulebook.forget()

    async def try_out(self, rule: Rule, *, user: UserId) -> Tried:
        """What a rule would have matched; NoAgent where that is not for this admin to know."""
        await self._agents.require_admin(user)
        await self._require_agent(rule, user=user)
        return await try_out(self._store, rule, mailboxes=self._mailboxes)

    async def seen(self, numbers: Collection[Number], *, user: UserId) -> dict[Number, Conversation]:
        """Those of these conversations that the admin may see: one may have moved to a channel that they are not in."""
        async with self._store.read() as conn:
            found = await conversations.of_numbers(conn, list(dict.fromkeys(numbers))[: ruling.NAMED])
        may = {channel: await self._may(user, channel) for channel in {one.channel for one in found.values()}}
        return {number: one for number, one in found.items() if may[one.channel]}

    async def _may(self, user: UserId, channel: ChannelId) -> bool:
        try:
            await self._agents.require(user, channel)
        except (Refused, Permanent):  # a channel that is gone shows nothing to anybody
            return False
        return True

    async def of_file(self, name: str, *, user: UserId) -> Rule:
        """One of `bridge.toml`, by its name; else Refused."""
        await self._agents.require_admin(user)
        if found := next((one for one in self._rulebook.from_file if one.name == name), None):
            return found
        raise Refused(say("There is no such rule in `bridge.toml` any more."))


def _removed() -> Refused:
    return Refused(say("Somebody removed this rule meanwhile."))


def _changes(before: Ruling, after: Rule) -> str:
    """What became of a rule, in a few words: what it says is too long for the log."""
    parts = [name for name in ("when", "then", "on", "stop") if getattr(before.rule, name) != getattr(after, name)]
    renamed = told(before.rule, {"name": after.name}) if before.rule.name != after.name else ""
    off = "on → off, to be tried" if before.is_on else ""
    return ", ".join(filter(None, (f"“{before.rule.name}”", renamed, *(f"{one}: changed" for one in parts), off)))
