"""Numbers: mails by mailbox and time."""

from typing import Any

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_messages_mailbox_received_direction_number"),
            ["mailbox", "received", "direction", "number"],
            unique=False,
        )
