"""What a database raised, as one sentence."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from strata_hub.errors import StoreError

BUSY = 10.0
"""Seconds to wait for another process that is writing."""


@contextmanager
def sentences(engine: Engine) -> Iterator[None]:
    """Turn whatever a database or its driver raises into one sentence.

    Raises
    ------
    StoreError
        Instead of any database error, which is its cause.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        shown = engine.url.render_as_string(hide_password=True)
        cause = _cause(error)
        raise StoreError(f"The database {shown} {_what(cause)}.", hint=_hint(cause)) from error


def is_corrupt(error: StoreError) -> bool:
    """Return whether `error` says that a SQLite file is not, or no longer, a database."""
    return error.__cause__ is not None and _damaged(_cause(error.__cause__))


def _cause(error: BaseException) -> BaseException:
    original = getattr(error, "orig", None)
    return original if isinstance(original, BaseException) else error


def _damaged(cause: BaseException) -> bool:
    # SQLite raises the plain class for damage, and OperationalError for what may pass: locks, a full disk.
    return type(cause) is sqlite3.DatabaseError


def _what(cause: BaseException) -> str:
    lines = str(cause).strip().splitlines()
    message = lines[0] if lines else type(cause).__name__
    if isinstance(cause, sqlite3.Error) and "locked" in message:
        return f"is locked by another process and stayed so for {BUSY:.0f} s"
    if _damaged(cause):
        return f"is damaged ({message})"
    return f"cannot be used: {message}"


def _hint(cause: BaseException) -> str:
    message = str(cause)
    if isinstance(cause, sqlite3.Error) and "locked" in message:
        return "Stop the other process, or give this one a database of its own."
    if "full" in message or "No space" in message:
        return "Free some disk space; nothing is lost."
    if isinstance(cause, sqlite3.Error | OSError):
        return "Check the path, its permissions and the disk under `database:`."
    return "Check the address, the account and the server under `database:`."
