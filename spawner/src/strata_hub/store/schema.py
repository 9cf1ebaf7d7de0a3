"""The tables. The migrations under ``migrations/versions`` lead to exactly this."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

HEAD = "0001"
"""The newest migration; a database that names it needs no migration, and alembic is not loaded."""

MIGRATION_LOCK = 0x5742A7A
"""Number of the advisory lock that services starting at once on one PostgreSQL compete for."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept as seconds since 1970: the same on every database, and ordered."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the seconds that are stored for `value`."""
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the time that the stored seconds mean."""
        return None if value is None else datetime.fromtimestamp(value, UTC)


repository = Table(
    "repository",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", String(320), nullable=False, unique=True),
    Column("listed_at", UtcTime),
)
"""Repositories by host and name, and when each was last listed in full."""

tag = Table(
    "tag",
    metadata,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("name", String(128), primary_key=True),
    Column("digest", String(140)),
    Column("checked_at", UtcTime),
)
"""Tags of the last full listing, and what each named when it was last asked about."""

manifest = Table(
    "manifest",
    metadata,
    Column("digest", String(140), primary_key=True),
    Column("platform", String(100), primary_key=True),
    Column("media_type", String(255), nullable=False),
    Column("created", UtcTime),
    Column("labels", JSON, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("architecture", String(64), nullable=False),
    Column("runnable", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("children", JSON, nullable=False),
)
"""What a digest holds, as seen by nodes of one platform. Immutable: kept for ever, never fetched twice."""

repush = Table(
    "repush",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
    Column("tag", String(128), nullable=False),
    Column("before", String(140), nullable=False),
    Column("after", String(140), nullable=False),
    Column("found_at", UtcTime, nullable=False),
    Index("ix_repush_found", "repository_id", "tag", "before", "after", unique=True),
)
"""Tags that should never move and did."""
