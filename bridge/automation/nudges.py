"""Nudges: who is told that an answer is due, while nobody has given it.

    job "nudge", promised when the customer wrote (`due.py`) -> is it still so? -> the card shows it, and a notice
    in the thread: for the channel to see, for the owner by name, for the desk's admins by name

Each is told once. Who has switched reminders off is not told by name.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import rules
from bridge.automation.due import Step, promise
from bridge.desk import show_again, write_down
from bridge.model import BRIDGE, Automatic, Conversation, Draft, DraftState, Job, Named, Number, Status, UserId, now
from bridge.notices import Button, tell
from bridge.sentences import say
from bridge.slack.blocks import moment, person
from bridge.store import agents, conversations, drafts, mails, people
from bridge.store.database import Store

ON_ITS_WAY = frozenset({DraftState.HELD, DraftState.QUEUED, DraftState.HANDING_OVER})
A_MOMENT = timedelta(minutes=5)
"""How long after an answer was to leave it is asked again whether it has."""


class Nudges:
    """The job "nudge". `operators`: whom the operator named, beside whom admins name."""

    def __init__(self, store: Store, *, operators: Named) -> None:
        self._store = store
        self._operators = operators

    async def nudge(self, job: Job) -> None:
        """Take one step, unless the customer has an answer by now, or the conversation was closed or put aside."""
        number, step = Number(job.payload["number"]), Step(job.payload["step"])
        async with self._store.write() as conn:
            found = await conversations.get(conn, number)
            if found is None or found.due is None or found.due.isoformat() != job.payload["due"]:
                return
            if found.status is not Status.OPEN or rules.waits_since(await mails.of_conversation(conn, number)) is None:
                return
            leaves = [one.due for one in await drafts.of_conversation(conn, number) if _leaves(one)]
            if leaves:
                await promise(conn, number, step, due=found.due, when=max(*leaves, now()) + A_MOMENT)
                return
            await show_again(conn, number, version=await conversations.touch(conn, number))
            if step is not Step.CARD:
                await self._say(conn, found, step)

    async def _say(self, conn: AsyncConnection, conversation: Conversation, step: Step) -> None:
        number, sentence, key = conversation.number, _sentence(conversation), f"nudge:{conversation.due}:{step}"
        buttons = _buttons(conversation)
        if step is Step.CHANNEL:
            await tell(
                conn, number, key=f"{number}:{key}", whom=None, sentence=sentence, buttons=buttons, broadcast=True
            )
            await write_down(conn, number, "nudge", user=BRIDGE, detail=step)
        async for whom in self._whom(conn, conversation, step):
            await tell(conn, number, key=f"{number}:{key}:{whom}", whom=whom, sentence=sentence, buttons=buttons)
            await write_down(conn, number, "nudge", user=BRIDGE, detail=f"{step}: {whom}")

    async def _whom(self, conn: AsyncConnection, conversation: Conversation, step: Step) -> AsyncIterator[UserId]:
        """Who is told by name: the owner, if there is one; the admins, but for the owner, who knows."""
        owner = {conversation.owner} if conversation.owner else set()
        admins = (self._operators | await agents.named(conn)).admins
        asked = {Step.OWNER: owner, Step.ADMINS: admins - owner}
        for one in sorted(asked.get(step, ())):
            if (await people.get(conn, one)).reminders:
                yield one


def _leaves(draft: Draft) -> bool:
    """Whether it is an answer, and on its way."""
    return draft.state in ON_ITS_WAY and draft.automatic is Automatic.NO


def _sentence(conversation: Conversation) -> str:
    """What is due, and whose it is."""
    assert conversation.due  # noqa: S101 - the caller looked
    due = moment(conversation.due)
    if conversation.due > now():
        sentence = say(":alarm_clock: The customer waits, and an answer is due {moment}.", moment=due)
    else:
        sentence = say(":alarm_clock: The customer waits, and an answer was due {moment}.", moment=due)
    if conversation.owner:
        return f"{sentence} {say('It is with {who}.', who=person(conversation.owner))}"
    return f"{sentence} {say('It is with nobody yet.')}"


def _buttons(conversation: Conversation) -> list[Button]:
    number = str(conversation.number)
    claim = [] if conversation.owner else [(say("Claim"), "claim", number)]
    return [(say("Reply"), "reply", number), *claim, (say("Snooze …"), "snooze", number)]
