"""Sorting: what rules do to a conversation whose mail has come in, before it is shown.

    the rulebook's promise -> job "sort", in the conversation's lane -> Slack is asked where it may show and who may act
    -> one change of the store: channel, owner, tags, priority, status, drafts, the job "webhook"

What is shown already moves to another channel as where an agent says so (`bridge/moving.py`). Every act is in the audit
log with its rule's name. What cannot be done is left out, with its reason there and on the card: a rule never loses a
mail, nor holds one up.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.agents import MayAct
from bridge.canned import Template
from bridge.channels import usable
from bridge.desk import Mailbox, changed_by_itself, obey, told, write_down
from bridge.errors import Misconfigured, Permanent, Refused
from bridge.guard import lessons
from bridge.model import (
    BRIDGE,
    Address,
    ChannelId,
    Conversation,
    Direction,
    Folder,
    Job,
    MailboxName,
    MailId,
    Spam,
    Status,
    UserId,
    Where,
    now,
)
from bridge.moving import move_on, shut_out
from bridge.notices import tell
from bridge.routing.matching import On, Rule, Share, unpacked
from bridge.routing.rulebook import Rulebook
from bridge.routing.ruledmail import RuledMail
from bridge.routing.sheet import Sheet, by_rule
from bridge.sentences import say
from bridge.slack.blocks import inert
from bridge.slack.gateway import Gateway
from bridge.store import acts, automatics, cards, conversations, effects, jobs, mails, rulings
from bridge.store.database import Store
from bridge.where import acting

log = structlog.get_logger()

ASKED = 10  # people of a channel who may act: of so many, those whose turn is nearest, one is chosen

PLACED = ("move", "stay")
"""What the log says where somebody has said where a conversation shows."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was asked before anything is changed: where it is to show, and why not where a rule says; its owner, where
    they may not act there; who may be its owner; the template of its answer, or why there is none.
    """

    channel: ChannelId
    trouble: str
    lost: UserId | None
    candidates: Sequence[UserId]
    template: Template | str


class Sorting:
    """Carries rules out; `mail` makes what they send."""

    def __init__(
        self,
        store: Store,
        *,
        gateway: Gateway,
        agents: MayAct,
        mailboxes: Mapping[MailboxName, Mailbox],
        rulebook: Rulebook,
        mail: RuledMail,
        own: Collection[str] = (),
    ) -> None:
        """`own`: our mailboxes' addresses, in lower case."""
        self._store = store
        self._gateway = gateway
        self._agents = agents
        self._mailboxes = mailboxes
        self._rulebook = rulebook
        self._mail = mail
        self._own = own
        self._ids: dict[str, ChannelId] = {}  # of channels by the names in the settings

    async def sort(self, job: Job) -> None:
        """The job "sort". Done once: a second run finds that it was, and changes nothing."""
        found = [unpacked(one) for one in job.payload["rules"]]
        mail_id = MailId(job.payload["mail"])
        await self._rulebook.look_around(self._store)
        async with self._store.read() as conn:
            before = await self._sheet(conn, job, mail_id)
            placing = await self._placing(conn, before, found) if before else None
        if before is None:
            return
        channel, trouble = await self._channel(before.conversation, placing)
        lost = await shut_out(self._agents, before.conversation, channel)
        owner = None if lost else before.conversation.owner
        candidates = await self._candidates(replace(before.conversation, owner=owner), channel, found)
        template = await self._mail.template(found)
        async with self._store.write() as conn:
            if any(rule.then.template or rule.then.forward for rule in found):
                await automatics.hold(conn, before.mailbox.name)
            await conversations.hold(conn, [before.conversation.number])
            sheet = await self._sheet(conn, job, mail_id)
            if sheet is None or not (await effects.begin(conn, job.key)).fresh:
                return
            with acting(Where.RULE):
                if sheet.mail.folder is Folder.JUNK:
                    number = sheet.conversation.number
                    await write_down(conn, number, "not sorted", user=BRIDGE, detail="it went to junk before")
                    await effects.finish(conn, job.key, {})
                    return
                known = _Known(channel=channel, trouble=trouble, lost=lost, candidates=candidates, template=template)
                await self._carry_out(conn, sheet, found, known)
                await self._keep(conn, sheet)
            await effects.finish(conn, job.key, {})

    async def _sheet(self, conn: AsyncConnection, job: Job, mail_id: MailId) -> Sheet | None:
        """The mail and its conversation as they stand; None where either is gone, or its mailbox."""
        mail = await mails.get(conn, mail_id)
        conversation = await conversations.current(conn, mail.number) if mail else None
        mailbox = self._mailboxes.get(conversation.mailbox) if conversation else None
        if mail is None or conversation is None or mailbox is None:
            return None
        by_now = await lessons.why_not_answered(conn, mail, own=self._own)
        spam = by_now if mail.verdict and mail.verdict.level is Spam.SPAM else ""
        why_not = {
            "unanswerable": job.payload["unanswerable"] or by_now, "unsendable": job.payload["unsendable"] or spam
        }  # fmt: skip
        turn = job.payload.get("turn", "")  # not in what the version before promised
        is_shown = await cards.is_begun(conn, conversation.number)
        return Sheet(
            conversation=conversation, mail=mail, mailbox=mailbox, why_not=why_not, turn=turn, is_shown=is_shown
        )

    async def _placing(self, conn: AsyncConnection, sheet: Sheet, found: Sequence[Rule]) -> Rule | None:
        """The rule that says where it shows, if one does: the first that names a channel. Not where an agent has said,
        or a rule before it, of whichever mail: else two rules would have it go to and fro. Of what is shown already,
        only rules for every mail say so.
        """
        rule = next((one for one in found if one.then.channel), None)
        if rule is None or (sheet.is_shown and rule.on is not On.EVERY):
            return None
        names = [one.name for one in self._rulebook.rules]
        before = names[: names.index(rule.name)] if rule.name in names else names
        placed = await acts.of_verbs(conn, sheet.conversation.number, PLACED)
        said = any(one.actor != BRIDGE or any(by_rule(one, name) for name in before) for one in placed)
        return None if said else rule

    # --- what is asked of Slack ---------------------------------------------------------------------------------------

    async def _channel(self, conversation: Conversation, rule: Rule | None) -> tuple[ChannelId, str]:
        """Where it is to show by the rule that says so, and why not there."""
        if rule is None:
            return conversation.channel, ""
        try:
            channel = await self._usable(rule.then.channel)
        except (Refused, Permanent, Misconfigured) as error:
            self._ids.pop(rule.then.channel, None)
            log.warning("a rule's channel cannot be used", rule=rule.name, reason=str(error))
            trouble = say("It belongs into another channel by the rule “{rule}”, which cannot be used: {reason}",
                          rule=rule.name, reason=str(error))  # fmt: skip
            return conversation.channel, trouble
        return channel, ""

    async def _usable(self, name: str) -> ChannelId:
        """The channel of that name, where mail can be shown and handled; else Refused with the reason."""
        if name not in self._ids:
            self._ids[name] = await self._gateway.resolve_channel(name)
        return await usable(self._gateway, self._ids[name])

    async def _candidates(self, conversation: Conversation, channel: ChannelId, found: Sequence[Rule]) -> list[UserId]:
        """Who may become its owner by the first rule that gives it to somebody: those who may act where it will show,
        whose turn is nearest first.
        """
        rule = _first_to_share(conversation, found)
        if rule is None:
            return []
        try:
            people = rule.then.owners or sorted(await self._gateway.members(channel))
        except (Refused, Permanent, Misconfigured) as error:
            log.warning("nobody is known of whom a rule could give a mail to", rule=rule.name, reason=str(error))
            return []
        async with self._store.read() as conn:
            in_turn = await _in_turn(conn, rule, people)
        able: list[UserId] = []
        for one in in_turn:
            try:
                await self._agents.require(one, channel)
            except (Refused, Permanent, Misconfigured):
                continue
            able.append(one)
            if len(able) == ASKED and not rule.then.owners:
                break
        return able

    # --- what is done -------------------------------------------------------------------------------------------------

    async def _carry_out(self, conn: AsyncConnection, sheet: Sheet, found: Sequence[Rule], known: _Known) -> None:
        decides = _Deciding()
        if placing := await self._placing(conn, sheet, found):
            await self._place(conn, sheet, placing, known)
        for rule in found:
            then = rule.then
            if then.share and decides("owner"):
                await self._give(conn, sheet, rule, known)
            if then.tags:
                await sheet.set(conn, rule, "tag", tags=tuple(dict.fromkeys((*sheet.tags, *then.tags))))
            if then.priority is not None and decides("priority"):
                await sheet.set(conn, rule, "priority", priority=then.priority)
            if then.spam and not sheet.spam:
                sheet.spam = True
                sheet.values["status"] = Status.CLOSED
                await sheet.note(conn, rule, "spam", told(sheet.conversation, {"status": Status.CLOSED}))
            elif then.close:
                await sheet.set(conn, rule, "close", status=Status.CLOSED)
            if then.template and decides("template"):
                await self._mail.answer(conn, sheet, rule, known.template)
            for address in then.forward:
                await self._mail.pass_on(conn, sheet, rule, Address(email=address))
            if then.webhook:
                await self._call(conn, sheet, rule)

    async def _place(self, conn: AsyncConnection, sheet: Sheet, rule: Rule, known: _Known) -> None:
        before = sheet.conversation
        if known.trouble:
            await sheet.amiss(conn, rule, known.trouble)
        elif known.channel == before.channel:
            if not any(by_rule(one, rule.name) for one in await acts.of_verbs(conn, before.number, PLACED)):
                await sheet.note(conn, rule, "stay", before.channel)
        elif not sheet.is_shown:
            await sheet.set(conn, rule, "move", channel=known.channel)
        else:
            here = f"<#{before.channel}>"
            sentence = say("The rule “{rule}” moved this here from {channel}; what was said there stays there.",
                           rule=inert(rule.name), channel=here)  # fmt: skip
            values = await move_on(
                conn, before, known.channel, change=changed_by_itself, sentence=sentence, lost=known.lost
            )
            await sheet.note(conn, rule, "move", told(before, values))
            sheet.conversation = await conversations.get(conn, before.number) or before

    async def _give(self, conn: AsyncConnection, sheet: Sheet, rule: Rule, known: _Known) -> None:
        """Its owner is the first of those who may be, as it stands now: others may have been given one meanwhile."""
        if sheet.conversation.owner:
            return
        await rulings.hold_turns(conn, rule.name)
        owner = next(iter(await _in_turn(conn, rule, known.candidates)), None)
        if owner is None:
            await sheet.amiss(conn, rule, say("The rule “{rule}” finds nobody who may be its owner.", rule=rule.name))
            return
        await rulings.give(conn, rule.name, owner, at=now())
        await sheet.set(conn, rule, "assign", owner=owner)
        number, sentence = sheet.conversation.number, say("the rule “{rule}” gave this to you.", rule=inert(rule.name))
        await tell(conn, number, key=f"sort:{sheet.mail.id}:owner", whom=owner, sentence=sentence)

    async def _call(self, conn: AsyncConnection, sheet: Sheet, rule: Rule) -> None:
        """Promise to tell the webhook; it is told how the conversation stands then."""
        name = rule.then.webhook
        payload = {"webhook": name, "rule": rule.name, "number": sheet.conversation.number, "mail": sheet.mail.id}
        key = f"webhook:{sheet.mail.id}:{rule.name}"
        await jobs.add(conn, key=key, kind="webhook", lane=f"webhook:{name}", payload=payload)
        await sheet.note(conn, rule, "call", f"webhook: {name}")

    async def _keep(self, conn: AsyncConnection, sheet: Sheet) -> None:
        """Set what is to be set, and have Slack and the mailbox follow."""
        number = sheet.conversation.number
        if sheet.spam:
            inbound = [one.id for one in await mails.of_conversation(conn, number) if one.direction is Direction.IN]
            await mails.stand(conn, inbound, folder=Folder.JUNK)
        version = await changed_by_itself(conn, number, **sheet.values)
        if sheet.spam:
            await obey(conn, number, version=version)


class _Deciding:
    """Of what there can be only one, the first rule decides."""

    def __init__(self) -> None:
        self._decided: set[str] = set()

    def __call__(self, what: str) -> bool:
        """Whether this is the first to say."""
        first = what not in self._decided
        self._decided.add(what)
        return first


def _first_to_share(conversation: Conversation, found: Iterable[Rule]) -> Rule | None:
    return None if conversation.owner else next((one for one in found if one.then.share), None)


async def _in_turn(conn: AsyncConnection, rule: Rule, people: Sequence[UserId]) -> list[UserId]:
    """These people, whose turn it is first: by how many they have, where that is to count; then by when they were last
    given one by that rule, in the order in which they are named.
    """
    last = await rulings.last_given(conn, rule.name)
    load = await rulings.load(conn, people) if rule.then.share is Share.LOAD else {}
    place: dict[UserId, int] = {one: at for at, one in reversed([*enumerate(people)])}
    return sorted(place, key=lambda one: (load.get(one, 0), last.get(one, _LONG_AGO), place[one]))
