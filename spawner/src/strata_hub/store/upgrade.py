"""Bringing a database to the newest schema. The only module that loads alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from .schema import MIGRATION_LOCK


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate to `revision` in one transaction; another process doing the same is waited for."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
