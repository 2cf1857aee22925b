"""Filing and sign-ins. Columns have defaults in the database, so that the version before writes beside this one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    op.create_table(
        "tokens",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name=op.f("pk_tokens")),
    )
    op.create_table(
        "troubles",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name=op.f("pk_troubles")),
    )
    op.create_table(
        "acts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["conversations.number"], name=op.f("fk_acts_number_conversations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
    )
    with op.batch_alter_table("acts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_acts_number"), ["number"], unique=False)

    op.create_table(
        "places",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("mail_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["messages.id"], name=op.f("fk_places_mail_id_messages"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox", "folder", "uidvalidity", "uid", name=op.f("pk_places")),
    )
    with op.batch_alter_table("places", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_places_mail_id"), ["mail_id"], unique=False)

    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("wakes", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("mailboxes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folder", sa.Text(), nullable=False, server_default="inbox"))
        batch_op.drop_constraint("pk_mailboxes", type_="primary")
        batch_op.create_primary_key("pk_mailboxes", ["name", "folder"])

    # Defaults are written as plain values: for any other, Alembic makes the table anew on SQLite, and dropping the old
    # one fails on the rows that point to it, or takes them along.
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folder", sa.Text(), nullable=False, server_default="inbox"))
        batch_op.add_column(sa.Column("seen", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("flagged", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("answered", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("elsewhere", sa.Boolean(), nullable=False, server_default="0"))

    # The ledger knows where the mails stand that are here already; one read from a file stands nowhere (uidvalidity 0).
    op.execute(
        "INSERT INTO places (mailbox, folder, uidvalidity, uid, mail_id, flags) "
        "SELECT mailbox, 'inbox', uidvalidity, uid, mail_id, '' FROM arrivals "
        "WHERE mail_id IS NOT NULL AND uidvalidity > 0"
    )
