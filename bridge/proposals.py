"""Proposals: what an assistant writes and no assistant can send.

    an assistant (`bridge/commands/mcp.py`) -> `propose`: a draft in the thread, with its exact text and recipients
    -> a person opens it: `form`, the compose modal filled in with it -> they submit what they see, as an answer of
       their own (`bridge/answers.py`), with its hold and its Undo; `take_up`, in the same transaction
    -> or `discard`

A proposal has no job and a Message-ID that never leaves: there is no way from it to a mail server.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.addressees import participants
from bridge.desk import Desk, redraw, write_down
from bridge.errors import Refused
from bridge.mail.recipients import parse_recipients
from bridge.model import Address, Draft, DraftId, DraftKind, DraftState, MailId, Number, StoredMessage, UserId, now
from bridge.notices import tell
from bridge.sentences import say, to_everyone
from bridge.slack import richtext
from bridge.slack.compose import typed
from bridge.slack.forms import Form
from bridge.store import conversations, drafts, mails
from bridge.store.database import Store, one_at_a_time
from bridge.writing import Writing

LONGEST = 10_000  # characters of a proposal; a person has to read it


class Proposals:
    """Drafts that wait for a person."""

    def __init__(self, store: Store, *, desk: Desk, writing: Writing) -> None:
        self._store = store
        self._desk = desk
        self._writing = writing

    async def propose(
        self,
        number: Number,
        text: str,
        *,
        user: UserId,
        name: str,
        own: Collection[str],
        to: Sequence[str] = (),
        cc: Sequence[str] = (),
    ) -> Draft:
        """Put an answer to a conversation's newest mail before its people; `user` is the assistant, `name` its name.

        It goes to whom Reply would go to, or to those of the conversation's participants that `to` and `cc` name:
        anybody else is refused, and nobody gets a blind copy. `own` are our addresses, in lower case. One proposal of
        an assistant waits in a conversation: a new one takes its place.
        """
        if not text.strip():
            raise Refused("Write something: the text is empty.")
        if len(text) > LONGEST:
            raise Refused(f"The text is longer than {LONGEST} characters; a person has to read it: write less.")
        form = await self._writing.form(DraftKind.REPLY, number, user=user)
        conversation, messages = await self._desk.messages(number, user=user)
        known = participants(messages, own=own)
        chosen = _chosen(to, known) or parse_recipients(form.to)
        draft = Draft(
            id=form.carried.draft,
            kind=DraftKind.REPLY,
            state=DraftState.SUGGESTED,
            mailbox=conversation.mailbox,
            number=number,
            answers=form.carried.answers,
            author=user,
            author_name=name,
            to=chosen,
            cc=tuple(one for one in _chosen(cc, known) if one not in chosen),
            subject=form.subject,
            rich_text=richtext.from_text(text.strip("\n")),
            quote=True,
            message_id=f"<{form.carried.draft}@proposal.invalid>",
            due=now(),
            created=now(),
        )
        return await self._kept(draft)

    async def _kept(self, draft: Draft) -> Draft:
        async with self._store.write() as conn:
            await one_at_a_time(conn, f"proposal:{draft.number}:{draft.author}")
            there = await drafts.of_conversation(conn, draft.number)
            mine = (one for one in there if one.state is DraftState.SUGGESTED and one.author == draft.author)
            before = next(mine, None)
            if before and await drafts.rewrite(conn, before.id, draft):
                draft = replace(draft, id=before.id)
            else:
                before = None
                await drafts.add(conn, draft, view_id="")
                await self._tell_owner(conn, draft)
            await redraw(conn, draft.number)
            detail = f"{before.state if before else 'none'} → {draft.state}"
            await write_down(conn, draft.number, "propose", user=draft.author, detail=detail)
        return draft

    async def _tell_owner(self, conn: AsyncConnection, draft: Draft) -> None:
        conversation = await conversations.get(conn, draft.number)
        if conversation and conversation.owner:
            with to_everyone():
                sentence = say("{who} proposes an answer here. It leaves only if a person sends it.")
            whom = conversation.owner
            await tell(conn, draft.number, key=draft.id, whom=whom, sentence=sentence, about=draft.author)

    async def of(self, number: Number, *, user: UserId) -> list[Draft]:
        """What that assistant has proposed in a conversation, the oldest first, whatever became of it."""
        async with self._store.read() as conn:
            return [one for one in await drafts.of_conversation(conn, number) if one.author == user]

    async def form(self, draft_id: DraftId, *, user: UserId) -> Form:
        """The compose modal filled in with a proposal that waits, for a person who may send it.

        What came since it was proposed is news to them, as if they had begun to write then.
        """
        draft = await self._waiting(draft_id, user=user)
        form = await self._writing.form(draft.kind, draft.number, user=user, answers=draft.answers)
        async with self._store.read() as conn:
            stored = await mails.of_conversation(conn, draft.number)
        return replace(
            form,
            carried=replace(
                form.carried,
                proposal=draft.id,
                opened=draft.created,
                seen=_newest(stored, before=draft) or draft.answers,
            ),
            to=typed(draft.to),
            cc=typed(draft.cc),
            subject=draft.subject,
            rich_text=draft.rich_text,
        )

    async def discard(self, draft_id: DraftId, *, user: UserId) -> None:
        """Nobody sends it."""
        draft = await self._waiting(draft_id, user=user)
        async with self._store.write() as conn:
            await _end(conn, draft_id, DraftState.DISCARDED)
            await redraw(conn, draft.number)
            await write_down(conn, draft.number, "discard", user=user, detail=_told(draft, DraftState.DISCARDED))

    async def _waiting(self, draft_id: DraftId, *, user: UserId) -> Draft:
        async with self._store.read() as conn:
            draft = await drafts.get(conn, draft_id)
        if draft is None:
            raise Refused(say("This draft is not known here any more."))
        await self._desk.conversation(draft.number, user=user)
        if draft.state is not DraftState.SUGGESTED:
            raise _too_late()
        return draft


async def take_up(conn: AsyncConnection, draft_id: DraftId, *, user: UserId) -> None:
    """A person sends an answer of their own instead: once, whoever of several is the first. Else Refused."""
    await _end(conn, draft_id, DraftState.TAKEN_UP)
    draft = await drafts.get(conn, draft_id)
    if draft:
        await write_down(conn, draft.number, "take up", user=user, detail=_told(draft, DraftState.TAKEN_UP))


async def _end(conn: AsyncConnection, draft_id: DraftId, state: DraftState) -> None:
    if not await drafts.move(conn, draft_id, state, out_of={DraftState.SUGGESTED}):
        raise _too_late()


def _too_late() -> Refused:
    return Refused(say("This draft waits no more: somebody has sent or discarded it."))


def _told(draft: Draft, state: DraftState) -> str:
    return f"{draft.author}: {DraftState.SUGGESTED} → {state}"


def _newest(stored: Sequence[StoredMessage], *, before: Draft) -> MailId | None:
    return max((one.id for one in stored if one.received <= before.created), default=None)


def _chosen(typed_in: Sequence[str], known: Mapping[str, Address]) -> tuple[Address, ...]:
    """The participants that were named, each by the conversation's own words for them."""
    named = parse_recipients(", ".join(typed_in)) if any(one.strip() for one in typed_in) else ()
    strangers = [one.email for one in named if one.email.lower() not in known]
    if strangers:
        raise Refused(
            f"Not in this conversation, so a draft cannot go there: {', '.join(strangers)}. "
            "A person can add recipients in Slack."
        )
    return tuple(dict.fromkeys(known[one.email.lower()] for one in named))
