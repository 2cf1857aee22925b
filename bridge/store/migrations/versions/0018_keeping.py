"""Keeping: ids that are never given twice, on SQLite too; digests that a mail was known by before.

A mail that was erased before left jobs and effects under its id: ids go on behind those.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    op.create_table(
        "last_ids",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_last_ids")),
    )
    op.create_table(
        "former_digests",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("mail_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["messages.id"], name=op.f("fk_former_digests_mail_id_messages"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox", "digest", name=op.f("pk_former_digests")),
    )
    with op.batch_alter_table("former_digests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_former_digests_mail_id"), ["mail_id"], unique=False)

    for table in ("messages", "drafts", "draft_files"):  # whose bytes these are is asked before they are deleted
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(f"ix_{table}_raw_id"), ["raw_id"], unique=False)

    if op.get_bind().dialect.name == "sqlite":
        # A number with anything behind it is cast to that number, and what is no number to 0.
        op.execute(
            "INSERT INTO last_ids (name, id) SELECT 'messages', COALESCE(MAX(id), 0) FROM ("
            "SELECT id FROM messages "
            "UNION ALL SELECT CAST(substr(key, instr(key, ':') + 1) AS INTEGER) FROM effects "
            "WHERE key LIKE 'mail:%' OR key LIKE 'file:%' OR key LIKE 'files:%' "
            "UNION ALL SELECT CAST(substr(key, instr(key, ':') + 1) AS INTEGER) FROM jobs "
            "WHERE kind IN ('sort', 'check', 'show_mail', 'locate', 'learn'))"
        )
