"""Alembic's entry: it runs on the connection that was handed in, within the transaction that is open on it."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from bridge.store.migrations import in_schema
from bridge.store.schema import Json, Utc, metadata


def _rendered(kind: str, obj: Any, autogen: AutogenContext) -> str | Literal[False]:
    """A revision must not change when our types do, so it names SQLAlchemy's own."""
    if kind != "type":
        return False
    if isinstance(obj, Utc):
        return "sa.DateTime(timezone=True)"
    if obj is Json:  # Alembic's own rendering forgets an import
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), 'postgresql')"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=in_schema,
    render_item=_rendered,
    render_as_batch=True,  # SQLite changes a column by making the table anew
    transactional_ddl=True,  # SQLite can, where BEGIN is said by name as our connections do
)
context.run_migrations()
