"""Filing: what agents do to the mails themselves. Marks, and the folders they are put into.

    verb -> how the mails are to stand, the card and a job "apply", in one change of the store
    "apply" -> compares how they are to stand with how they do, and has the mail server do what is missing

The mailbox is the truth: where the server refuses for good, the store goes back to what is so, and the card says why.
Only a conversation's inbound mails are touched. Nothing is told apart by the order of commands: whatever was done
before a crash is found done.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.as_read import as_read
from bridge.desk import Desk, changed, changed_by_itself, obey, told, write_down
from bridge.errors import BridgeError, Misconfigured, Permanent, Refused, Temporary
from bridge.guard import lessons
from bridge.mail.parse import parse
from bridge.mail.source import Place, Renumbered, Role, Source
from bridge.model import (
    BRIDGE,
    ELSEWHERE,
    Batch,
    Conversation,
    Direction,
    Folder,
    Job,
    Located,
    MailboxName,
    MailId,
    Mark,
    Number,
    Status,
    StoredMessage,
    UserId,
)
from bridge.post import Post
from bridge.sentences import mark, say
from bridge.store import conversations, mails, places
from bridge.store.database import Store

log = structlog.get_logger()

SEEN, FLAGGED, ANSWERED, DELETED = "\\Seen", "\\Flagged", "\\Answered", "\\Deleted"
KEPT_IN_STEP = {"seen": SEEN, "flagged": FLAGGED, "answered": ANSWERED}
"""How a stored mail's marks are called in IMAP (RFC 3501 section 2.3.2)."""

MARKS: dict[Mark, dict[str, bool]] = {
    Mark.READ: {"seen": True},
    Mark.UNREAD: {"seen": False},
    Mark.FLAGGED: {"flagged": True},
    Mark.UNFLAGGED: {"flagged": False},
}
ROLES = {
    Folder.INBOX: Role.INBOX,
    Folder.TRASH: Role.TRASH,
    Folder.ARCHIVE: Role.ARCHIVE,
    Folder.JUNK: Role.JUNK,
}
ELSEWHERE_VERBS: dict[tuple[str, object], str] = {
    ("seen", True): "mark read",
    ("seen", False): "mark unread",
    ("flagged", True): "mark flagged",
    ("flagged", False): "mark unflagged",
    ("answered", True): "answer",
    ("folder", Folder.INBOX): "restore",
    ("folder", Folder.ARCHIVE): "archive",
    ("folder", Folder.TRASH): "delete",
    ("folder", Folder.JUNK): "spam",
    ("folder", Folder.GONE): "remove",
}
"""What the audit log calls what another mail client did to a mail."""

LEFT_BEHIND = mark(
    "This mail server cannot take away single mails: they were copied, and stand marked as deleted in their old "
    "folder until a mail client cleans it up."
)
NOWHERE = mark("Some mails are no longer in the mailbox: another mail client took them away.")
LOST = mark(
    "The mails of #{number} are no longer in the mailbox: another mail client took them away. They are looked for anew."
)
AWAY = mark("The mail server does not answer now; it is done as soon as it does.")
ROUNDS = 4  # looks at what is still to be done: flags, moves, and what had been moved by somebody else


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command to the mail server: flags to set or, where `to` is given, mails to move."""

    folder: Folder
    uidvalidity: int
    mails: tuple[Located, ...]
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    to: Folder | None = None

    @property
    def uids(self) -> list[int]:
        """The mails' uids."""
        return [one.uid for one in self.mails]


class Filing:
    """The verbs that reach into the mailbox, and the job that carries them out."""

    def __init__(self, store: Store, *, desk: Desk, posts: Mapping[MailboxName, Post]) -> None:
        self._store = store
        self._desk = desk
        self._posts = posts

    # --- what agents ask for ------------------------------------------------------------------------------------------

    async def mark(self, number: Number, mark: Mark, *, user: UserId) -> Conversation:
        """Mark its mails as read, unread, flagged or unflagged; from now on every mail client shows them so."""
        return await self._stand(number, f"mark {mark}", user=user, stand=MARKS[mark])

    async def delete(self, number: Number, *, user: UserId) -> Conversation:
        """Move its mails to the trash; the matter is closed."""
        return await self._stand(
            number, "delete", user=user, stand={"folder": Folder.TRASH}, change={"status": Status.CLOSED}
        )

    async def archive(self, number: Number, *, user: UserId) -> Conversation:
        """Move its mails to the archive; the matter is closed."""
        return await self._stand(
            number, "archive", user=user, stand={"folder": Folder.ARCHIVE}, change={"status": Status.CLOSED}
        )

    async def spam(self, number: Number, *, user: UserId) -> Conversation:
        """Move its mails to where the server keeps junk, and learns from it; the matter is closed."""
        return await self._stand(
            number, "spam", user=user, stand={"folder": Folder.JUNK}, change={"status": Status.CLOSED}
        )

    async def restore(self, number: Number, *, user: UserId) -> Conversation:
        """Bring its mails back into the inbox; the matter is open again."""
        return await self._stand(
            number, "restore", user=user, stand={"folder": Folder.INBOX}, change={"status": Status.OPEN}
        )

    async def _stand(
        self,
        number: Number,
        verb: str,
        *,
        user: UserId,
        stand: Mapping[str, object],
        change: Mapping[str, object] | None = None,
    ) -> Conversation:
        conversation = await self._desk.conversation(number, user=user)
        async with self._store.write() as conn:
            before = [one for one in await mails.of_conversation(conn, number) if one.direction is Direction.IN]
            if not before:
                raise Refused(say("#{number} has no mail of a customer yet.", number=number))
            gone = all(one.folder is Folder.GONE for one in before)
            lost = gone and not await places.of(conn, [one.id for one in before])
            if any(getattr(one, name) != value for one in before for name, value in stand.items()):
                await mails.stand(conn, [one.id for one in before], **stand)
                if (folder := stand.get("folder")) is Folder.JUNK:
                    fresh = [one for one in before if one.folder is not Folder.JUNK]
                    await lessons.learn(conn, fresh, spam=True, by=user)
                elif folder is Folder.INBOX:
                    wrongly = [one for one in before if one.folder is Folder.JUNK]
                    await lessons.learn(conn, wrongly, spam=False, by=user)
                version = await changed(conn, number, trouble="", **(change or {}))
                await self._desk.due_from_now(conn, conversation)
                await obey(conn, number, version=version)
                detail = _told(before, stand, conversation=conversation, change=change or {})
                await write_down(conn, number, verb, user=user, detail=detail)
        if lost:
            raise Refused(say(LOST, number=number))
        return await self._desk.conversation(number, user=user)

    # --- and what becomes of it ---------------------------------------------------------------------------------------

    async def apply(self, job: Job) -> None:
        """The job "apply": bring the mailbox to where the store says it is to be, or the store back to what is so."""
        number = Number(job.payload["number"])
        try:
            trouble = await self._carry_out(number)
        except (Permanent, Refused, Misconfigured) as error:
            await self.give_up(job, error)
            return
        except Temporary:
            if job.attempts == 1:  # not at the first: most connections are back before anybody looks
                await self._say(number, say(AWAY))
            raise
        await self._say(number, trouble)

    async def give_up(self, job: Job, error: BridgeError) -> None:
        """It cannot be done: the conversation shows what is so, and why."""
        number = Number(job.payload["number"])
        async with self._store.write() as conn:
            status: dict[str, object] = {}
            for one in await mails.of_conversation(conn, number):
                if there := await places.of(conn, [one.id]):
                    really = as_it_is(one, there)
                    await mails.stand(conn, [one.id], **really)
                    if really["folder"] is Folder.INBOX is not one.folder:  # it is on the table again
                        status = {"status": Status.OPEN}
            await changed(conn, number, trouble=str(error), **status)
            await write_down(conn, number, "not done", user=BRIDGE, detail=str(error))
        log.warning("a mailbox did not do what was asked", number=number, reason=str(error), detail=error.detail)

    async def _carry_out(self, number: Number) -> str:
        """Do what is missing, until nothing is; what the card is to say of it, or nothing."""
        said = ""
        for _ in range(ROUNDS):
            async with self._store.read() as conn:
                conversation = await conversations.get(conn, number)
                stored = [one for one in await mails.of_conversation(conn, number) if one.direction is Direction.IN]
                there = await places.of(conn, [one.id for one in stored])
            if conversation is None or conversation.mailbox not in self._posts:
                return said
            post = self._posts[conversation.mailbox]
            strays = [one for one in stored if one.folder is not Folder.GONE and not _of(one, there)]
            todo = plan(stored, there)
            if not strays and not todo:
                return said
            for one in strays:
                said = said if await self._trace(post, one) else say(NOWHERE)
            for step in todo:
                try:
                    said = await self._do(post, step) or said
                except Renumbered:
                    if step.folder is Folder.INBOX:
                        raise  # it is being read anew, and its mails are known again by their content
                    await self._lose_sight(post, step)
        raise Temporary(say("The mailbox changes faster than it can be followed."))

    async def _do(self, post: Post, step: Step) -> str:
        source = post.reached()
        folder = await folder_name(source, step.folder)
        if step.to is not None:
            return await self._move(post, step, folder=folder, to=step.to)
        await source.set_flags(step.uids, uidvalidity=step.uidvalidity, add=step.add, remove=step.remove, folder=folder)
        async with self._store.write() as conn:
            for one in step.mails:
                now_there = await places.at(conn, post.name, one.folder, (one.uidvalidity, one.uid))
                if now_there:
                    flags = (now_there.flags | step.add) - step.remove
                    await places.put(conn, post.name, replace(now_there, flags=flags))
        return ""

    async def _move(self, post: Post, step: Step, *, folder: str, to: Folder) -> str:
        source, target = post.source, await folder_name(post.source, to)
        before = (await source.since(None, folder=target)).cursor
        moved = await source.move(step.uids, uidvalidity=step.uidvalidity, to=target, folder=folder)
        places_now = dict(moved.places)
        if untold := [one for one in step.mails if one.uid not in {*places_now, *moved.missing}]:
            places_now |= await self._recognised(post, untold, await source.since(before, folder=target))
        async with self._store.write() as conn:
            for one in step.mails:
                if moved.only_flagged and one.uid not in moved.missing:
                    await places.put(conn, post.name, replace(one, flags=one.flags | {DELETED}))
                else:
                    await places.drop(conn, post.name, one)
                if place := places_now.get(one.uid):
                    uidvalidity, uid = place
                    at = replace(one, folder=to, uidvalidity=uidvalidity, uid=uid)
                    await places.put(conn, post.name, at)
        return say(LEFT_BEHIND) if moved.only_flagged else ""

    async def _recognised(self, post: Post, moved: Sequence[Located], batch: Batch) -> dict[int, Place]:
        """The new places of mails that neither COPYUID nor a Message-ID tells, known again by their content."""
        found: dict[MailId, Place] = {}
        for one in batch.arrivals:
            digest = (await asyncio.to_thread(as_read, one, parse)).digest
            async with self._store.read() as conn:
                if mail_id := await mails.known(conn, post.name, digest):
                    found[mail_id] = (one.uidvalidity, one.uid)
        return {one.uid: found[one.mail_id] for one in moved if one.mail_id in found}

    async def _lose_sight(self, post: Post, step: Step) -> None:
        async with self._store.write() as conn:
            for one in step.mails:
                await places.drop(conn, post.name, one)

    async def _trace(self, post: Post, stored: StoredMessage) -> bool:
        """Find out where a mail is that nobody knows the place of; where it is nowhere, it counts as gone."""
        found = await locate(post.reached(), stored)
        async with self._store.write() as conn:
            if found is None:
                await mails.stand(conn, [stored.id], folder=Folder.GONE)
                await changed_by_itself(conn, stored.number)
                await write_down_elsewhere(conn, stored, {"folder": Folder.GONE})
            else:
                await places.put(conn, post.name, found)
        return found is not None

    async def _say(self, number: Number, trouble: str) -> None:
        async with self._store.write() as conn:
            conversation = await conversations.get(conn, number)
            if conversation and conversation.trouble != trouble:
                await changed_by_itself(conn, number, trouble=trouble)


async def write_down_elsewhere(conn: AsyncConnection, stored: StoredMessage, values: Mapping[str, object]) -> None:
    """Enter into the audit log what another mail client did to a mail, a line for each thing."""
    for name, value in values.items():
        if getattr(stored, name) != value and (verb := ELSEWHERE_VERBS.get((name, value))):
            await write_down(conn, stored.number, verb, user=ELSEWHERE, detail=told(stored, {name: value}))


def _told(
    mails_before: Sequence[StoredMessage],
    stand: Mapping[str, object],
    *,
    conversation: Conversation,
    change: Mapping[str, object],
) -> str:
    """From what to what, of the mails that were not so already, and of their conversation."""
    differs = {name: value for name, value in change.items() if getattr(conversation, name) != value}
    moved = [one for one in mails_before if any(getattr(one, name) != value for name, value in stand.items())]
    parts = [*dict.fromkeys(told(one, stand) for one in moved), told(conversation, differs)]
    return ", ".join(filter(None, parts))


# --- decisions --------------------------------------------------------------------------------------------------------


def plan(stored: Iterable[StoredMessage], there: Sequence[Located]) -> list[Step]:
    """What is missing for the mails to stand as they are to: flags first, then moves, each for as many as go in one."""
    flags: dict[tuple[Folder, int, frozenset[str], frozenset[str]], list[Located]] = {}
    moves: dict[tuple[Folder, int, Folder], list[Located]] = {}
    for one in stored:
        if one.folder is Folder.GONE:
            continue
        wanted = {flag for name, flag in KEPT_IN_STEP.items() if getattr(one, name)}
        for place in _of(one, there):
            back = {DELETED} if place.folder is one.folder else set()
            add = frozenset(wanted - place.flags)
            remove = frozenset(place.flags & ({*KEPT_IN_STEP.values()} - wanted | back))
            if add or remove:
                flags.setdefault((place.folder, place.uidvalidity, add, remove), []).append(place)
        for place in _to_move(one, _of(one, there)):
            moves.setdefault((place.folder, place.uidvalidity, one.folder), []).append(place)
    steps = [
        Step(folder=folder, uidvalidity=uidvalidity, mails=tuple(mails_there), add=add, remove=remove)
        for (folder, uidvalidity, add, remove), mails_there in flags.items()
    ]
    return steps + [
        Step(folder=folder, uidvalidity=uidvalidity, mails=tuple(mails_there), to=to)
        for (folder, uidvalidity, to), mails_there in moves.items()
    ]


def _to_move(one: StoredMessage, there: Sequence[Located]) -> Sequence[Located]:
    """Every copy leaves the inbox; from elsewhere a mail is brought only where there is none yet."""
    whole = [place for place in there if DELETED not in place.flags]
    in_inbox = [place for place in whole if place.folder is Folder.INBOX]
    if one.folder is not Folder.INBOX and in_inbox:
        return in_inbox
    return () if any(place.folder is one.folder for place in there) else whole


def as_it_is(stored: StoredMessage, there: Sequence[Located]) -> dict[str, object]:
    """How a mail stands, by where it is: the folder it was to be in, else the first it is in."""
    place = next((one for one in there if one.folder is stored.folder), there[0])
    return {"folder": place.folder, **{name: flag in place.flags for name, flag in KEPT_IN_STEP.items()}}


def _of(one: StoredMessage, there: Iterable[Located]) -> list[Located]:
    return [place for place in there if place.mail_id == one.id]


# --- folders ----------------------------------------------------------------------------------------------------------


async def folder_name(source: Source, folder: Folder) -> str:
    """What the server calls that folder. Raises Permanent where it has none."""
    role = ROLES[folder]
    name = (await source.folders()).get(role)
    if name is None:
        raise Permanent(
            say(
                "The mailbox has no {name} folder: name one in bridge.toml (folders.{role}).",
                name=role.title(),
                role=role,
            )
        )
    return name


async def locate(source: Source, stored: StoredMessage) -> Located | None:
    """Where a mail is, found by its Message-ID: where it is to be, else anywhere it may have been put."""
    message_id = stored.message.message_id
    if not message_id:
        return None
    names = await source.folders()
    for folder in dict.fromkeys((stored.folder, *ROLES)):
        name = names.get(ROLES[folder]) if folder in ROLES else None
        if name and (found := await source.find(message_id, folder=name)):
            uidvalidity, uid = found[-1]
            return Located(mail_id=MailId(stored.id), folder=folder, uidvalidity=uidvalidity, uid=uid)
    return None
