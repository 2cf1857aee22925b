"""Cards: who wrote to us before, digests in a flood, what a person waits for goes first.

Columns have defaults in the database, so that the version before writes beside this one.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Any = None
depends_on: Any = None

AT_A_TIME = 500  # rows


def upgrade() -> None:
    """Run this revision."""
    op.create_table(
        "digests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("touched", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
    )
    with op.batch_alter_table("digests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_digests_channel"), ["channel"], unique=False)

    op.create_table(
        "posts",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["conversations.number"], name=op.f("fk_posts_number_conversations")),
        sa.PrimaryKeyConstraint("channel", "ts", name=op.f("pk_posts")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("surfaced", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("former_ts", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("bumps", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("carded", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("digest", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.create_index(batch_op.f("ix_conversations_channel_carded"), ["channel", "carded"], unique=False)
        batch_op.create_index(batch_op.f("ix_conversations_digest"), ["digest"], unique=False)
    op.execute("UPDATE conversations SET surfaced = card_ts, carded = created WHERE card_ts IS NOT NULL")

    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rank", sa.Integer(), nullable=False, server_default="1"))
        batch_op.create_index(batch_op.f("ix_jobs_state_rank_due_id"), ["state", "rank", "due", "id"], unique=False)

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("author", sa.Text(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_messages_author"), ["author"], unique=False)
    _fill_in_authors()


def _fill_in_authors() -> None:
    """The mails that are here already: their authors stand in their heads."""
    messages = sa.table("messages", sa.column("id"), sa.column("head", sa.JSON()), sa.column("author"))
    conn, last = op.get_bind(), 0
    page = sa.select(messages.c.id, messages.c.head).order_by(messages.c.id).limit(AT_A_TIME)
    setting = sa.update(messages).where(messages.c.id == sa.bindparam("mail")).values(author=sa.bindparam("address"))
    while rows := conn.execute(page.where(messages.c.id > last)).all():
        authors = [((row.head.get("from_") or [["", ""]])[0][1]).lower() for row in rows]
        conn.execute(setting, [{"mail": row.id, "address": one} for row, one in zip(rows, authors, strict=True)])
        last = rows[-1].id
