"""`/mail` in words: what was typed, done, and what its sender is told of it. Nobody else is."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from bridge.canned import Templates
from bridge.desk import Desk
from bridge.filing import Filing
from bridge.model import ChannelId, Conversation, Mark, Number, UserId, now
from bridge.moving import Moving
from bridge.numbers.figures import Figures
from bridge.regroup import Regroup
from bridge.sentences import mark, say
from bridge.slack import numbers, reading
from bridge.slack.blocks import moment, person
from bridge.slack.commands import Command, help_text
from bridge.slack.gateway import Gateway
from bridge.slack.ruling import PRIORITIES
from bridge.slack.searching import Searching
from bridge.slack.when import when

Said = dict[str, Any]

MARKED = {
    Mark.READ: mark("#{number} is marked as read."),
    Mark.UNREAD: mark("#{number} is marked as unread."),
    Mark.FLAGGED: mark("#{number} is marked as flagged."),
    Mark.UNFLAGGED: mark("#{number} is marked as unflagged."),
}
DONE = {
    "restore": mark("#{number} is on its way back into the inbox."),
    "archive": mark("#{number} is on its way into the archive."),
    "spam": mark("#{number} is on its way into junk."),
    "release": mark("#{number} is nobody's now."),
    "close": mark("#{number} is closed."),
    "reopen": mark("#{number} is open again."),
}


class Typed:
    """The verbs that are answered in words; those that open a modal are `Listeners`'."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        desk: Desk,
        filing: Filing,
        searching: Searching,
        regroup: Regroup,
        moving: Moving,
        templates: Templates,
        status: Callable[[Collection[ChannelId]], Awaitable[Mapping[str, Any]]],
        quieted: Callable[[Collection[ChannelId]], Awaitable[Sequence[reading.Muted]]],
        numbers: Callable[[Collection[ChannelId]], Awaitable[Sequence[Figures]]],
    ) -> None:
        """`status`: what `reading.status` shows, and `numbers`, of the mailboxes that show in these channels."""
        self._numbers = numbers
        self._templates = templates
        self._gateway = gateway
        self._desk = desk
        self._filing = filing
        self._searching = searching
        self._regroup = regroup
        self._moving = moving
        self._status = status
        self._quieted = quieted

    async def say(self, command: Command, *, user: UserId) -> Said:
        """Do what was typed. Raises Refused with the sentence where it cannot be done."""
        match command.verb:
            case "inbox":
                said = reading.listing(say("Open conversations"), await self._desk.inbox(user=user), at=now())
            case "search":
                said = await self._searching.answer(command.sought, user=user)
            case "templates":
                await self._desk.inbox(user=user, limit=1)  # whoever may not see the mail learns nothing of its answers
                said = reading.templates(await self._templates.listed())
            case "status":
                channels = await self._desk.channels(user)  # who may not see the mail learns nothing of the mailboxes
                told = [numbers.line(one) for one in await self._numbers(channels)]
                said = reading.status(**await self._status(channels), numbers=told, muted=await self._quieted(channels))
            case "read":
                said = reading.newest((await self._desk.messages(command.number, user=user))[1])
            case "log":
                said = reading.log(*await self._desk.log(command.number, user=user))
            case "help":
                said = reading.sentence(help_text())
            case "move":
                found = await self._moving.move(command.number, command.channel, user=user)
                said = reading.sentence(reading.moved(found))
            case "tag" | "priority":
                said = reading.sentence(await self._label(command, user=user))
            case _:
                said = reading.sentence(await self._change(command, user=user))
        return said

    async def snooze(self, number: Number, typed: str, *, user: UserId) -> Conversation:
        """Put a conversation aside until a time in the person's own words, and in their own zone."""
        person = await self._gateway.user(user)
        # in a thread: what knows the words of a language takes half a second to come to mind the first time
        until = await asyncio.to_thread(when, typed, at=now(), zone=person.tz)
        return await self._desk.snooze(number, user=user, until=until)

    async def _label(self, command: Command, *, user: UserId) -> str:
        """Say under what a conversation is sorted; the sentence that says it."""
        number = command.number
        if command.verb == "priority":
            await self._desk.prioritise(number, user=user, priority=command.priority)
            priority = say(PRIORITIES[command.priority])
            return say("The priority of #{number}: {priority}", number=number, priority=priority)
        add, remove = command.tags
        found = await self._desk.tag(number, user=user, add=add, remove=remove)
        tags = " ".join(f"`#{one}`" for one in found.tags) or say("none")
        return say("The tags of #{number}: {tags}", number=number, tags=tags)

    async def _change(self, command: Command, *, user: UserId) -> str:
        """Change a conversation; the sentence that says how it stands then."""
        number = command.number
        match command.verb:
            case "mark":
                await self._filing.mark(number, command.mark, user=user)
                return say(MARKED[command.mark], number=number)
            case "claim":
                before = await self._desk.conversation(number, user=user)
                await self._desk.claim(number, user=user)
                return reading.claimed(before, user=user)
            case "assign":
                await self._desk.assign(number, user=user, to=command.user)
                return say("#{number} is {who}'s now.", number=number, who=person(command.user))
            case "merge":
                found = await self._regroup.merge(number, command.other, user=user)
                return say("#{number} is part of #{other} now.", number=number, other=found.number)
            case "snooze":
                found = await self.snooze(number, command.rest, user=user)
                until = moment(found.wakes or now())
                return say("#{number} is put aside until {moment}.", number=number, moment=until)
        verbs = {
            "restore": self._filing.restore,
            "archive": self._filing.archive,
            "spam": self._filing.spam,
            "release": self._desk.release,
            "close": self._desk.close,
            "reopen": self._desk.reopen,
        }
        await verbs[command.verb](number, user=user)
        return say(DONE[command.verb], number=number)
