"""Old and new side by side: a database of the first version is brought up with all it holds, and both versions work."""

import ast
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import DraftId, DraftState, Folder, MailboxName, MailId, Number, Status
from bridge.store import conversations, drafts, effects, jobs, mails, migrations, places, raws
from bridge.store.database import Store

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
SUPPORT = MailboxName("support")
DANA = [["Dana", "dana@example.com"]]
HEAD = {
    **{name: [] for name in ("sender", "reply_to", "to", "cc", "bcc", "in_reply_to", "references", "notes")},
    "from_": DANA, "date": None, "automatic": "no",
}  # fmt: skip

NAMES = ("conversations", "raw_mails", "raw_chunks", "messages", "arrivals", "attachments", "message_refs", "mailboxes",
         "drafts", "draft_files", "jobs", "effects")  # fmt: skip
"""The first version's tables, each after those that it points to."""


def rows(number: int) -> dict[str, dict[str, Any]]:
    """What the first version wrote for a conversation with one mail and one answer: its columns, and no others."""
    n = number
    return {
        "conversations": {
            "number": n, "mailbox": SUPPORT, "channel": "C1", "subject": f"Matter {n}", "status": "open", "owner": None,
            "card_ts": f"{n}.1", "version": 2, "shown": 1, "created": AT, "updated": AT,
        },
        "raw_mails": {"id": n, "size": 5, "stored": AT},
        "raw_chunks": {"raw_id": n, "position": 0, "data": b"bytes"},
        "messages": {
            "id": n, "mailbox": SUPPORT, "number": n, "direction": "in", "digest": f"d{n}", "message_id": f"<{n}@x>",
            "subject": f"Matter {n}", "people": "Dana", "head": HEAD, "text": "Hello", "raw_id": n, "received": AT,
            "reading": {"new": [], "folded": []}, "thread_ts": None, "shared": True, "quarantined": False, "readings": 1,
        },
        "arrivals": {
            "mailbox": SUPPORT, "uidvalidity": 7, "uid": n, "state": "taken", "reason": "", "mail_id": n, "seen": AT,
        },
        "attachments": {
            "mail_id": n, "position": 0, "filename": "a.pdf", "content_type": "application/pdf", "size": 3,
            "inline": False,
        },
        "message_refs": {"mailbox": SUPPORT, "message_id": f"<{n}@x>", "number": n},
        "mailboxes": {"name": SUPPORT if n == 1 else f"other-{n}", "uidvalidity": 7, "uidnext": n + 1},
        "drafts": {
            "id": f"draft{n}", "kind": "reply", "state": "held", "mailbox": SUPPORT, "number": n, "answers": n,
            "author": "U1", "author_name": "Mina", "recipients": {"to": DANA, "cc": [], "bcc": []}, "subject": "Re",
            "rich_text": {}, "quote": False, "message_id": f"<{n}@us>", "due": AT, "created": AT, "line_ts": None,
            "revision": 1, "shown": 0, "view_id": "", "reason": "", "outcome": [], "raw_id": None,
        },
        "draft_files": {
            "draft_id": f"draft{n}", "position": 0, "filename": "b.txt", "content_type": "text/plain", "size": 1,
            "slack_id": "F1", "mail_id": None, "mail_position": 0, "raw_id": None,
        },
        "jobs": {
            "key": f"show:{n}:2", "kind": "show", "lane": f"conversation:{n}", "payload": {"number": n}, "since": AT,
            "due": AT, "attempts": 0, "state": "ready", "error": None, "owner": None, "lease_until": None, "fence": 0,
            "finished": None,
        },
        "effects": {"key": f"card:{n}", "begun": AT, "result": {"ts": f"{n}.1"}, "done": AT},
    }  # fmt: skip


def write_as_the_first_version(conn: Connection, number: int) -> None:
    written = rows(number)
    for name in NAMES:
        conn.execute(Table(name, MetaData(), autoload_with=conn).insert(), written[name])


def back_to_the_first_version(conn: Connection) -> None:
    """Its tables as its own revision made them, with a conversation."""
    from alembic import command  # noqa: PLC0415

    found = MetaData()
    found.reflect(conn)
    found.drop_all(conn)
    command.upgrade(migrations.config(conn), "0001")
    write_as_the_first_version(conn, 1)


@pytest.fixture
async def upgraded(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    async with store.write() as conn:
        await conn.run_sync(back_to_the_first_version)
    await store.close()
    store = await Store.open(database_url)
    yield store
    await store.close()


async def reads_well(conn: AsyncConnection, number: int) -> None:
    """By the questions that the bridge asks."""
    conversation = await conversations.get(conn, Number(number))
    assert conversation
    assert (conversation.subject, conversation.status, conversation.trouble) == (f"Matter {number}", Status.OPEN, "")
    [mail] = await mails.of_conversation(conn, Number(number))
    assert (mail.folder, mail.seen, mail.elsewhere, mail.files[0].filename) == (Folder.INBOX, False, False, "a.pdf")
    assert mail.message.author.email == "dana@example.com"
    assert await raws.load(conn, number) == b"bytes"
    assert await mails.seen_places(conn, SUPPORT, uidvalidity=7, uids=[number]) == {number}
    assert await mails.referred(conn, mailbox=SUPPORT, ids=[f"<{number}@x>"]) == {f"<{number}@x>": number}
    draft = await drafts.get(conn, DraftId(f"draft{number}"))
    assert draft
    assert (draft.state, draft.files[0].filename, draft.html) == (DraftState.HELD, "b.txt", "")
    assert (await jobs.find(conn, f"show:{number}:2") or [None, None])[1] == jobs.State.READY
    effect = await effects.begin(conn, f"card:{number}")
    assert effect.result == {"ts": f"{number}.1"}


async def test_what_the_first_version_kept_is_there_after_the_upgrade(upgraded: Store) -> None:
    async with upgraded.write() as conn:
        await reads_well(conn, 1)
        cursor = await mails.cursor(conn, SUPPORT)
        assert cursor
        assert (cursor.uidvalidity, cursor.uidnext) == (7, 2)
        assert [one.uid for one in await places.of(conn, [MailId(1)])] == [1]


async def test_what_the_first_version_goes_on_to_write_is_read_by_this_one(upgraded: Store) -> None:
    async with upgraded.write() as conn:
        await conn.run_sync(write_as_the_first_version, 2)
        await reads_well(conn, 2)


async def test_this_version_goes_on_where_a_newer_one_has_brought_the_tables_further(
    store: Store, database_url: str
) -> None:
    async with store.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9001'"))
        await conn.execute(text("ALTER TABLE mailboxes ADD COLUMN novelty TEXT NOT NULL DEFAULT 'new'"))
    beside = await Store.open(database_url)
    async with beside.write() as conn:
        await jobs.add(conn, key="a job", kind="show")
        assert (await conn.execute(text("SELECT version_num FROM alembic_version"))).scalar() == "9001"
    await beside.close()


def test_revisions_only_add() -> None:
    """What a revision takes away, the version before would miss; what it adds without a default, it could not write."""
    for file in sorted((migrations.FOLDER / "versions").glob("[0-9]*.py"))[1:]:
        for call in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            assert call.func.attr not in {"drop_table", "drop_column", "rename_table", "alter_column"}, file.name
            if call.func.attr == "add_column":
                column = ast.unparse(call.args[-1])
                assert "nullable=True" in column or "server_default" in column, column
                assert "server_default=sa." not in column, (
                    "SQLite would have the table made anew, and lose what points to it"
                )
