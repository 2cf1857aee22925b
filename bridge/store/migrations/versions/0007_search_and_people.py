"""The index of words, what people chose for themselves, and from where an act was done.

The index is empty at first: mails that stand here already are entered by a job, the newest first.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    op.create_table(
        "people",
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("reminders", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_people")),
    )
    with op.batch_alter_table("acts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", sa.Text(), nullable=False, server_default=""))

    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE search_words (mail_id BIGINT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE, "
            "words TSVECTOR NOT NULL)"
        )
        # Without "fastupdate", new words are in the index at once: no search has to go through a list of them.
        op.execute("CREATE INDEX ix_search_words_words ON search_words USING gin (words) WITH (fastupdate = off)")
    else:
        # "ascii" parts at spaces alone: what is entered has been taken apart already, and holds no other sign.
        op.execute(
            "CREATE VIRTUAL TABLE search_words USING fts5 (subject, sender, recipients, text, tokenize = 'ascii')"
        )
        op.execute(
            "CREATE TRIGGER search_words_follows AFTER DELETE ON messages "
            "BEGIN DELETE FROM search_words WHERE rowid = old.id; END"
        )
