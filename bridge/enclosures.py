"""Enclosures: the files that can go along without being uploaded again.

The attachments of a conversation's mails, the files of its drafts, those of forms that their author has put down, and
those of the message in Slack that an answer is made of.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import DraftFile, FileId, MailId, Number, StoredMessage, UserId
from bridge.slack.forms import Kept
from bridge.store import drafts, forms, mails


def attachments_of(mail: StoredMessage, *, checked: bool) -> tuple[Kept, ...]:
    """A mail's attachments; what its HTML shows where it stands, and what is held, is not checked beforehand."""
    return tuple(
        Kept(
            file=DraftFile(
                filename=one.filename,
                content_type=one.content_type,
                size=one.size,
                mail_id=mail.id,
                position=one.position,
            ),
            checked=checked and not one.inline and not one.kept_out,
        )
        for one in mail.files
    )


async def at_hand(
    conn: AsyncConnection, number: Number | None, *, author: UserId, said: Sequence[DraftFile]
) -> dict[str, DraftFile]:
    """What that person may choose from, by the options' values. `said`: the files of the message it is made of."""
    kept = await forms.kept(conn, number=number, author=author)
    files = [*said, *(unpacked(one) for one in kept[0]["files"])] if kept else [*said]
    if number:
        stored = await mails.of_conversation(conn, number)
        files += [kept.file for mail in stored for kept in attachments_of(mail, checked=False)]
        files += [one for draft in await drafts.of_conversation(conn, number) for one in draft.files]
    return {Kept(file=one, checked=True).value: one for one in files if one.slack_id or one.mail_id}


def packed(file: DraftFile) -> list[object]:
    """A file as a form that was put down remembers it."""
    return [file.slack_id, file.mail_id, file.position, file.filename, file.content_type, file.size]


def unpacked(row: list[object]) -> DraftFile:
    """The file that `packed` packed."""
    slack_id, mail_id, position, filename, content_type, size = row
    return DraftFile(
        slack_id=FileId(str(slack_id)) if slack_id else None,
        mail_id=MailId(int(str(mail_id))) if mail_id else None,
        position=int(str(position)),
        filename=str(filename),
        content_type=str(content_type),
        size=int(str(size)),
    )
