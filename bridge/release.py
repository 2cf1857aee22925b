"""Release: a file that is held, since it can do harm, is let into its thread because an agent asked for it.

    the button, asked once more by Slack -> `release`: who it was is committed and logged, with a job "release"
    "release" -> the file comes into the thread, and the mail's message there shows no button for it any more

The mail itself was never changed: whoever does not want the file in Slack finds it in the mailbox.
"""

import contextlib

from bridge.channels import Channels
from bridge.desk import Desk, changed, write_down
from bridge.errors import Permanent, Refused
from bridge.model import ChannelId, Job, MailId, Number, StoredFile, StoredMessage, UserId
from bridge.sentences import say
from bridge.sharing import Sharing
from bridge.slack import blocks
from bridge.slack.about import about
from bridge.slack.faults import Gone
from bridge.slack.gateway import Gateway
from bridge.store import conversations, files, jobs, mails
from bridge.store.database import Store


class Release:
    """The verb, and the job that carries it out."""

    def __init__(self, store: Store, *, desk: Desk, sharing: Sharing, gateway: Gateway, channels: Channels) -> None:
        self._store = store
        self._desk = desk
        self._sharing = sharing
        self._gateway = gateway
        self._channels = channels

    async def release(self, mail_id: MailId, position: int, *, user: UserId) -> None:
        """Let that file of a mail in. Raises Refused where there is no such file; one that is in already stays so."""
        async with self._store.read() as conn:
            stored = await mails.get(conn, mail_id)
        file = _file(stored, position) if stored and stored.raw_id else None
        if stored is None or file is None:
            raise Refused(say("This file is not kept here any more; look for it in the mailbox."))
        conversation = await self._desk.conversation(stored.number, user=user)
        async with self._store.write() as conn:
            if not await files.release(conn, mail_id, position, by=user):
                return
            lane = f"conversation:{conversation.number}"
            payload = {"mail": mail_id, "position": position}
            key = f"release:{mail_id}:{position}"
            await jobs.add(conn, key=key, kind="release", lane=lane, payload=payload, urgent=True)
            await changed(conn, conversation.number)
            detail = f"file {position + 1} of {len(stored.files)}: {file.held} → released"
            await write_down(conn, conversation.number, "release file", user=user, detail=detail)

    async def carry_out(self, job: Job) -> None:
        """The job "release"."""
        async with self._store.read() as conn:
            stored = await mails.get(conn, MailId(job.payload["mail"]))
            conversation = await conversations.get(conn, stored.number) if stored else None
        if stored is None or conversation is None or conversation.card_ts is None:
            return  # nothing shows it yet: it will be shown as it is
        await self._channels.require_ours(conversation.channel)
        for one in await self._sharing.released(stored):
            if one[0] == job.payload["position"]:
                with contextlib.suppress(Gone):  # somebody deleted the card: it is posted again with everything
                    await self._sharing.let_in(conversation.channel, conversation.card_ts, stored, one)
        await self._show(stored, number=conversation.number, channel=conversation.channel)

    async def _show(self, stored: StoredMessage, *, number: Number, channel: ChannelId) -> None:
        """The mail's message in the thread, as it is now."""
        if stored.thread_ts is None:
            return
        surface, key = blocks.mail(stored, about=about(stored)), f"mail:{stored.shown_as}"
        with contextlib.suppress(Gone, Permanent):
            await self._gateway.update(
                channel, stored.thread_ts, text=surface.text, blocks=surface.blocks, key=key, number=number
            )


def _file(stored: StoredMessage, position: int) -> StoredFile | None:
    return next((one for one in stored.files if one.position == position and one.held), None)
