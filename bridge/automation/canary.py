"""The canary: the bridge mails itself and measures the round trip; and it looks whether anything else stands still.

    job "canary", one at a time for all replicas -> the next is promised -> what became of the last one is judged,
        Slack's tokens are proven, jobs that do not get done are looked for -> a mail to ourselves leaves, once
    reception knows it again -> `returned`: it is noted, and in trouble no more; it becomes nobody's mail
    job "canary_away" -> it is taken out of the inbox, and out of Sent where the provider has filed it

What is wrong is told once, by `alarms.py`, with what to do, and once more when it is over. A service that was stopped
judges nothing of that time.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.automation import alarms
from bridge.desk import Mailbox
from bridge.errors import BridgeError, Misconfigured, Permanent, Temporary, Uncertain
from bridge.mail import canary as mail
from bridge.mail.smtp import send
from bridge.mail.source import Role
from bridge.model import Job, MailboxName, Message, now
from bridge.post import Post
from bridge.sentences import plural, say
from bridge.store import canaries, jobs, troubles
from bridge.store.canaries import Canary as Sent
from bridge.store.database import Store, one_at_a_time
from bridge.store.stuck import in_hand, stuck

log = structlog.get_logger()

SEND = 60.0  # seconds in which it is to have left: a mail to ourselves is small
MINUTES = timedelta(minutes=3)  # that a job may be due before it counts as one that does not get done
KEPT = timedelta(days=7)  # that a canary is known again

CANARY, BOT_TOKEN, APP_TOKEN, JOBS = alarms.WATCHED


class Canary:
    """`mailbox`: from and to which it goes, or empty: then nothing is done. `every`: between two of them. `proofs`:
    asks Slack whether a token is any good, by the trouble's name.
    """

    def __init__(
        self,
        store: Store,
        *,
        mailbox: MailboxName,
        every: timedelta,
        mailboxes: Mapping[MailboxName, Mailbox],
        posts: Mapping[MailboxName, Post],
        keys: Sequence[bytes],
        proofs: Mapping[str, Callable[[], Awaitable[None]]],
    ) -> None:
        self._store = store
        self._mailbox = mailbox
        self._every = every
        self._mailboxes = mailboxes
        self._posts = posts
        self._keys = keys
        self._proofs = proofs

    async def begin(self) -> None:
        """Promise the first one, unless one is promised already; switched off, what was in trouble is no more."""
        async with self._store.write() as conn:
            await one_at_a_time(conn, "canary")
            if not self._mailbox:
                for name in alarms.WATCHED:
                    await troubles.end(conn, MailboxName(name))
            elif not await jobs.unfinished(conn, "canary"):
                await self._promise(conn, at=now(), seen={})

    async def fly(self, job: Job) -> None:
        """The job "canary"."""
        if not self._mailbox:
            return
        at = now()
        async with self._store.write() as conn:
            await self._promise(conn, at=at, seen=await in_hand(conn), after=job)
            await canaries.forget(conn, before=at - KEPT)
            last = await canaries.last(conn, self._mailbox)
        if at - job.due < self._every / 2:  # else the service was not there to hear of it
            await self._judge(last, at=at)
            await self._look_at_jobs(job.payload["seen"], at=at)
        for name, prove in self._proofs.items():
            await self._prove(name, prove)
        await self._send()

    async def _promise(
        self, conn: AsyncConnection, *, at: datetime, seen: Mapping[str, int], after: Job | None = None
    ) -> None:
        """The next one. Its key follows from the one before, so that a clock that is set back ends nothing."""
        chain, turn = (after.payload["chain"], after.payload["turn"] + 1) if after else (secrets.token_hex(4), 0)
        await jobs.add(
            conn,
            key=f"canary:{chain}:{turn}",
            kind="canary",
            payload={"chain": chain, "turn": turn, "seen": dict(seen)},
            due=at + self._every if after else at,
            urgent=True,  # it has a hand even where all are held up
        )

    # --- the mail -----------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        box, post, canary_id = self._mailboxes[self._mailbox], self._posts[self._mailbox], secrets.token_hex(8)
        address = box.address
        message_id = mail.message_id_of(canary_id, domain=address.email.rpartition("@")[2], key=self._keys[0])
        async with self._store.write() as conn:
            await canaries.leaves(conn, canary_id, mailbox=self._mailbox, at=now())
        raw = mail.written(message_id, address=address, at=now())
        try:
            async with asyncio.timeout(SEND):
                await send(post.smtp, raw=raw, sender=address.email, recipients=[address.email])
        except TimeoutError:
            await self._could_not_leave(canary_id, Temporary(say("The mail server did not take it in time.")))
        except Uncertain:
            log.warning("nobody knows whether the canary has left")
        except BridgeError as error:
            await self._could_not_leave(canary_id, error)

    async def _could_not_leave(self, canary_id: str, error: BridgeError) -> None:
        """A failure that passes is told when the next one is due, if it has not passed by then."""
        log.warning("the canary could not leave", reason=str(error), detail=error.detail)
        async with self._store.write() as conn:
            await canaries.failed(conn, canary_id, why=str(error))
            if isinstance(error, Permanent | Misconfigured):
                await self._begins(conn, CANARY, _cannot_leave(self._mailbox, str(error)))

    async def _judge(self, last: Sent | None, *, at: datetime) -> None:
        if last is None or last.came:
            return
        minutes = max(1, round((at - last.sent) / timedelta(minutes=1)))
        sentence = _cannot_leave(last.mailbox, last.failure) if last.failure else _is_lost(last.mailbox, minutes)
        async with self._store.write() as conn:
            await self._begins(conn, CANARY, sentence)

    async def returned(
        self, conn: AsyncConnection, mailbox: MailboxName, message: Message, place: tuple[int, int]
    ) -> bool:
        """Whether a mail that came in is a canary, or a robot's answer to one. Then it is nobody's, and is taken away;
        one that comes back itself ends the trouble.
        """
        canary_id = mail.of(message, keys=self._keys)
        if canary_id is None or not await canaries.known(conn, canary_id, mailbox=mailbox):
            return False
        if message.bounce:
            await canaries.failed(conn, canary_id, why=message.bounce.reason or message.bounce.status)
        elif message.author.email.lower() == self._mailboxes[mailbox].address.email.lower():
            await canaries.came(conn, canary_id, at=now())
            await self._ends(
                conn, CANARY, say("Mail goes round again: what {mailbox} sends comes in.", mailbox=mailbox)
            )
        uidvalidity, uid = place
        payload = {"mailbox": mailbox, "uidvalidity": uidvalidity, "uid": uid, "message_id": message.message_id}
        await jobs.add(conn, key=f"canary_away:{mailbox}:{uidvalidity}:{uid}", kind="canary_away", payload=payload)
        return True

    async def take_away(self, job: Job) -> None:
        """The job "canary_away"."""
        mailbox, uidvalidity, uid = MailboxName(job.payload["mailbox"]), job.payload["uidvalidity"], job.payload["uid"]
        if mailbox not in self._posts:
            return
        source = self._posts[mailbox].reached()
        if await source.remove([uid], uidvalidity=uidvalidity):
            async with self._store.write() as conn:
                await canaries.went_away(conn, mailbox, uidvalidity=uidvalidity, uid=uid)
        sent = (await source.folders()).get(Role.SENT)
        filed = await source.find(job.payload["message_id"], folder=sent) if sent else []
        for validity, copy in filed:
            await source.remove([copy], uidvalidity=validity, folder=sent)

    # --- what else may stand still ------------------------------------------------------------------------------------

    async def _prove(self, name: str, prove: Callable[[], Awaitable[None]]) -> None:
        try:
            await prove()
        except (Permanent, Misconfigured) as error:
            log.warning("Slack does not take a token", reason=str(error), detail=error.detail)
            async with self._store.write() as conn:  # without the bot's, nobody in Slack can be told
                await self._begins(conn, name, str(error), silently=name == BOT_TOKEN)
        except BridgeError as error:
            log.warning("Slack does not say whether a token is good", reason=str(error), detail=error.detail)
        else:
            async with self._store.write() as conn:
                await self._ends(conn, name, say("Slack takes the bridge's tokens again."))

    async def _look_at_jobs(self, seen: Mapping[str, int], *, at: datetime) -> None:
        async with self._store.write() as conn:
            found = await stuck(conn, before=at - MINUTES, held=seen)
            if found.count:
                sentence = plural(
                    found.count,
                    "{n} task has not got done for minutes. {why} It goes on by itself once that is mended; "
                    "`bridge check` tries every part and says what to do.",
                    "{n} tasks have not got done for minutes. {why} They go on by themselves once that is mended; "
                    "`bridge check` tries every part and says what to do.",
                    why=found.why,
                )
                await self._begins(conn, JOBS, " ".join(sentence.split()))
            else:
                await self._ends(conn, JOBS, say("Everything gets done again."))

    async def _begins(self, conn: AsyncConnection, name: str, sentence: str, *, silently: bool = False) -> None:
        await alarms.begin(conn, name, mailbox=self._mailbox, sentence=sentence, at=now(), silently=silently)

    async def _ends(self, conn: AsyncConnection, name: str, sentence: str) -> None:
        await alarms.end(conn, name, mailbox=self._mailbox, sentence=sentence)


def _cannot_leave(mailbox: MailboxName, why: str) -> str:
    return say(
        "{mailbox} cannot send mail, not even to itself: {why} `bridge check` tries every part and says what to do.",
        mailbox=mailbox,
        why=why,
    )


def _is_lost(mailbox: MailboxName, minutes: int) -> str:
    return plural(
        minutes,
        "What {mailbox} sends to itself has not come in for {n} minute: new mail may be missing. See whether its "
        "server delivers, or a filter puts mail elsewhere; `bridge check` tries every part.",
        "What {mailbox} sends to itself has not come in for {n} minutes: new mail may be missing. See whether its "
        "server delivers, or a filter puts mail elsewhere; `bridge check` tries every part.",
        mailbox=mailbox,
    )
