"""Opening a database: connection, settings, migration."""

import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url

from strata_hub.errors import StoreError

from .catalogue_store import CatalogueStore
from .failures import BUSY, is_corrupt, sentences
from .schema import HEAD, MIGRATION_LOCK, metadata

log = logging.getLogger(__name__)


def open_store(url: str, password: SecretStr | None = None) -> CatalogueStore:
    """Return the store at `url`, created or migrated as needed.

    A SQLite file that is no database any more is set aside under a new name and begun afresh: everything in it can be
    read from the registries again.

    Raises
    ------
    StoreError
        If the database cannot be opened, is locked, or was made by a newer version.
    """
    address = _address(url, password)
    try:
        return CatalogueStore(_ready(address))
    except StoreError as error:
        path = _sqlite_file(address)
        if path is None or not is_corrupt(error):
            raise
        aside = _set_aside(path)
        log.warning("the database was damaged; it is set aside and begun afresh", extra={"aside": str(aside)})
        return CatalogueStore(_ready(address))


def _address(url: str, password: SecretStr | None) -> URL:
    address = make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    return address if password is None else address.set(password=password.get_secret_value())


def _sqlite_file(address: URL) -> Path | None:
    if address.get_backend_name() != "sqlite" or address.database in {None, "", ":memory:"}:
        return None
    return Path(str(address.database))


def _ready(address: URL) -> Engine:
    path = _sqlite_file(address)
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, connect_args={"timeout": BUSY, "check_same_thread": False})
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        settings = {"connect_timeout": 10, "options": "-c lock_timeout=20000 -c statement_timeout=60000"}
        engine = create_engine(address, pool_pre_ping=True, pool_size=2, connect_args=settings)
    try:
        with sentences(engine):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _sqlite_settings(connection: sqlite3.Connection, _record: object) -> None:
    # Transactions are begun by _sqlite_begin alone, so that schema changes belong to them too.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _sqlite_begin(connection: Connection) -> None:
    # Taking the write lock at once: two services wait for each other instead of failing half-way.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    version = _version(engine)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise StoreError(
            f"The database {engine.url.render_as_string()} was made by a newer strata-hub (schema {version}).",
            hint="Run that version, or give this one a database of its own.",
        )
    if version is None:
        _create(engine)
        return
    from .upgrade import upgrade  # noqa: PLC0415 - alembic costs memory that only a migration should

    upgrade(engine)


def _create(engine: Engine) -> None:
    """Create the tables of a new database as the migrations would, and note that none is needed."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        if inspect(connection).has_table("alembic_version"):
            return
        metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": HEAD})


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    path.rename(aside)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    return aside
