"""Release: a file that is held, since it can do harm, is let into its thread because an agent asked for it.

    the button, asked once more by Slack -> `release`: who it was is committed and logged, with a job "show_mail"
    "show_mail" -> the file comes into the thread, and the mail's message there shows no button for it any more

The mail itself was never changed: whoever does not want the file in Slack finds it in the mailbox.
"""

from bridge.desk import Desk, changed, write_down
from bridge.errors import Refused
from bridge.model import MailId, StoredFile, StoredMessage, UserId
from bridge.sentences import say
from bridge.store import files, jobs, mails
from bridge.store.database import Store


class Release:
    """The verb; `bridge/show.py` carries it out."""

    def __init__(self, store: Store, *, desk: Desk) -> None:
        self._store = store
        self._desk = desk

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
            payload = {"mail": mail_id, "released": position}
            key = f"show_mail:{mail_id}:released-{position}"
            await jobs.add(conn, key=key, kind="show_mail", lane=lane, payload=payload, urgent=True)
            await changed(conn, conversation.number)
            detail = f"file {position + 1} of {len(stored.files)}: {file.held} → released"
            await write_down(conn, conversation.number, "release file", user=user, detail=detail)


def _file(stored: StoredMessage, position: int) -> StoredFile | None:
    return next((one for one in stored.files if one.position == position and one.held), None)
