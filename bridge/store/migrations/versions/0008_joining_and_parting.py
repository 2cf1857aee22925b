"""Why mails joined, whose they are, merges and splits. Mails that stand are given their authors."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Any = None
depends_on: Any = None

_FIRST_AUTHOR = {  # pairs of name and address, packed in the column `head`
    "sqlite": "json_extract(head, '$.from_[0][1]')",
    "postgresql": "head->'from_'->0->>1",
}


def upgrade() -> None:
    """Run this revision."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("merged_into", number, nullable=True))
        batch_op.add_column(sa.Column("split_from", number, nullable=True))

    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("moved", sa.Integer(), nullable=False, server_default="0"))

    packed = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("author", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("written_by", packed, nullable=True))
        batch_op.add_column(sa.Column("joined", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("moved", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index(batch_op.f("ix_messages_author"), ["author"], unique=False)

    first_author = _FIRST_AUTHOR[op.get_bind().dialect.name]
    op.execute(f"UPDATE messages SET author = coalesce(lower({first_author}), '')")  # noqa: S608 - our own words
