"""What composing and working together need: open modals, whom was written to, mails that leave later."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    op.create_table(
        "correspondents",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_correspondents")),
    )
    with op.batch_alter_table("correspondents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_correspondents_domain"), ["domain"], unique=False)

    op.create_table(
        "template_uses",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_template_uses")),
    )
    op.create_table(
        "forms",
        sa.Column("draft_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "kept",
            sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(["number"], ["conversations.number"], name=op.f("fk_forms_number_conversations")),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_forms")),
    )
    with op.batch_alter_table("forms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_forms_author"), ["author"], unique=False)
        batch_op.create_index(batch_op.f("ix_forms_number"), ["number"], unique=False)

    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("closes", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("later", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("said_channel", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("said_ts", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("note", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_drafts_said_ts"), ["said_ts"], unique=False)

    remember_whom_was_written_to()


def remember_whom_was_written_to() -> None:
    """From what has left already, so that nobody is "written to for the first time" who was not."""
    at = sa.DateTime(timezone=True)
    drafts = sa.table("drafts", sa.column("state", sa.Text), sa.column("recipients", sa.JSON), sa.column("due", at))
    columns = (sa.column("email", sa.Text), sa.column("domain", sa.Text), sa.column("since", at))
    correspondents = sa.table("correspondents", *columns)
    since: dict[str, Any] = {}
    sent = sa.select(drafts.c.recipients, drafts.c.due).where(drafts.c.state == "sent").order_by(drafts.c.due)
    for recipients, due in op.get_bind().execute(sent):
        for one in (address for several in recipients.values() for address in several):
            since.setdefault(one[1].lower(), due)
    rows = [{"email": email, "domain": email.rpartition("@")[2], "since": due} for email, due in since.items()]
    if rows:
        op.bulk_insert(correspondents, rows)
