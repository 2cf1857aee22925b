"""A mail as it came: from the store while its bytes are kept there, afterwards from its mailbox."""

from collections.abc import Mapping

from bridge.errors import BridgeError
from bridge.filing import ROLES
from bridge.model import DraftId, MailboxName, Number, StoredMessage
from bridge.post import Post
from bridge.store import drafts, places, raws
from bridge.store.database import Store


class Originals:
    """Finds them. `posts`: the mailboxes that may be asked."""

    def __init__(self, store: Store, *, posts: Mapping[MailboxName, Post]) -> None:
        self._store = store
        self._posts = posts

    async def of(self, stored: StoredMessage) -> bytes | None:
        """Its bytes, or None where they are nowhere to be had now: too large, taken away, the server out of reach."""
        async with self._store.read() as conn:
            if stored.raw_id:
                return await raws.load(conn, stored.raw_id)
            located = await places.of(conn, [stored.id])
        post = self._posts.get(stored.mailbox)
        if post is None:
            return None
        try:
            source = post.reached()
            names = await source.folders()
            for one in located:
                folder = names.get(ROLES[one.folder])
                found = await source.fetch(one.uid, uidvalidity=one.uidvalidity, folder=folder) if folder else None
                if found and found.raw:
                    return found.raw
        except BridgeError:
            return None
        return None

    async def sent(self, number: Number, draft_id: DraftId) -> bytes | None:
        """An answer of that conversation exactly as it left, or None where its bytes are no longer kept."""
        async with self._store.read() as conn:
            draft = await drafts.get(conn, draft_id)
            if draft is None or draft.number != number:
                return None
            raw_id = await drafts.raw_id(conn, draft.id)
            return await raws.load(conn, raw_id) if raw_id else None
