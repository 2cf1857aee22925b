"""Cards: digests in a flood, cards posted anew, what a person waits for goes first.

Columns have defaults in the database, so that the version before writes beside this one.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Any = None
depends_on: Any = None


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
