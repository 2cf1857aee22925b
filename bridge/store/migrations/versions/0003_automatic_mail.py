"""Automatic mail."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    op.create_table(
        "quiet",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiet")),
        sa.UniqueConstraint("mailbox", "email", name=op.f("uq_quiet_mailbox_email")),
    )
    op.create_table(
        "automatic_answers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["conversations.number"], name=op.f("fk_automatic_answers_number_conversations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automatic_answers")),
    )
    with op.batch_alter_table("automatic_answers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_automatic_answers_mailbox_email_at"), ["mailbox", "email", "at"], unique=False
        )

    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("automatic", sa.Text(), server_default="no", nullable=False))
