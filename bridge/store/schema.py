"""The tables, once, for both databases. What they hold is asked and changed only by the modules beside this one."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware datetime, to the microsecond, in UTC. SQLite keeps it as text whose order is the order in time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To UTC; a naive datetime is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone was to be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Always aware, whatever the driver gives back."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
"""A row's own number: only INTEGER counts by itself in SQLite."""

Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

# --- the durable engine ---------------------------------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("since", Utc, nullable=False),  # when it was first due: what its place in the lane goes by
    Column("due", Utc, nullable=False),  # when it is to be tried next
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text),
    Column("owner", Text),
    Column("lease_until", Utc),
    Column("fence", Integer, nullable=False),  # grows with every claim: an owner who lost the job changes nothing
    Column("finished", Utc),
    # A partial index would be smaller, but SQLite uses one only where the state is no parameter.
    Index(None, "state", "due"),
    Index(None, "lane", "state", "id"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("begun", Utc, nullable=False),
    Column("result", Json),
    Column("done", Utc),
)
