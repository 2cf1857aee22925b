"""${message.capitalize().rstrip(".")}."""

from typing import Any

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: Any = None
depends_on: Any = None


def upgrade() -> None:
    """Run this revision."""
    ${upgrades if upgrades else "pass"}
