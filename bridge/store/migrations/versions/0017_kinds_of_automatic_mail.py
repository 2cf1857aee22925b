"""Automatic mail is counted by its kind, and by the hour.

The column has a default in the database, so that the version before writes beside this one.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    with op.batch_alter_table("automatic_answers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="answer"))
        batch_op.create_index(batch_op.f("ix_automatic_answers_mailbox_at"), ["mailbox", "at"], unique=False)
