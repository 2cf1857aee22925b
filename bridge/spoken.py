"""Words said in a thread that became an answer by the shortcut "Send as email": while it is held, they go together.

Editing the message edits the mail, deleting it undoes the mail. Once the mail has left, or its author has changed its
words in the form, the message is a message again, and the answer's line says so, once.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.answers import Answers
from bridge.desk import redraw, write_down
from bridge.model import ChannelId, Draft, DraftState, Ts, UserId
from bridge.sentences import mark, say, to_everyone
from bridge.slack import richtext
from bridge.store import drafts
from bridge.store.database import Store

STOPPED = frozenset({DraftState.CANCELLED, DraftState.FAILED})
EDITED = mark("The message that this was made of was edited after the mail had left. The mail is as it was.")
DELETED = mark("The message that this was made of was deleted after the mail had left. The mail is as it was.")
APART = mark("The message that this was made of was edited. The mail has other words since the form, and keeps them.")


class Spoken:
    """Follows messages that answers were made of."""

    def __init__(self, store: Store, *, answers: Answers) -> None:
        self._store = store
        self._answers = answers

    async def became_mail(self, channel: ChannelId, ts: Ts) -> bool:
        """Whether an answer was made of that message that has not been stopped."""
        return bool(await self._made_of(channel, ts))

    async def edited(
        self, channel: ChannelId, ts: Ts, *, before: dict[str, Any], after: dict[str, Any], user: UserId
    ) -> None:
        """A person edited their message; `before` and `after` are its rich texts."""
        if before == after or not (made := await self._made_of(channel, ts)):
            return
        was = await self._answers.without_mentions(before)
        words = await self._answers.without_mentions(after)
        for draft in made:
            if richtext.lines(draft.rich_text) == richtext.lines(words):
                continue
            follows = richtext.lines(draft.rich_text) == richtext.lines(was) and not richtext.is_blank(words)
            async with self._store.write() as conn:
                if follows and await drafts.reword(conn, draft.id, words):
                    await redraw(conn, draft.number)
                    await write_down(conn, draft.number, "reword", user=user, detail="the message was edited")
                    continue
                left = draft.state is not DraftState.HELD or follows
                if await _remark(conn, draft, EDITED if left else APART):
                    await redraw(conn, draft.number)

    async def deleted(self, channel: ChannelId, ts: Ts) -> None:
        """A message was deleted."""
        for draft in await self._made_of(channel, ts):
            if await self._answers.take_back(draft):
                continue
            async with self._store.write() as conn:
                if await _remark(conn, draft, DELETED):
                    await redraw(conn, draft.number)

    async def _made_of(self, channel: ChannelId, ts: Ts) -> list[Draft]:
        async with self._store.read() as conn:
            made = await drafts.said_in(conn, channel=channel, ts=ts)
        return [one for one in made if one.state not in STOPPED]


async def _remark(conn: AsyncConnection, draft: Draft, note: str) -> bool:
    """Have its line say so to everybody; False where it does already."""
    with to_everyone():
        return await drafts.remark(conn, draft.id, say(note))
