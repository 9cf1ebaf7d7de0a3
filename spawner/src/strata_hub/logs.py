"""Structured logs: one JSON object a line, which no text from outside can break or extend."""

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any, TextIO

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color", "end_color"}
_LIMIT = 4096
"""Characters of one value; a hostile label or error body does not fill a disk."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of ASCII JSON.

    Line ends, control and direction characters of tags, labels and error bodies arrive escaped, so that they can
    neither forge a line nor colour a terminal. Whatever ``extra`` held becomes a key.

    Parameters
    ----------
    secrets
        Values that are replaced wherever they stand, as a second net: nothing logs them on purpose.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True))  # noqa: PLR2004 - shorter ones would blank ordinary words

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`, without its line end."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        for key, value in record.__dict__.items():
            if key not in _STANDARD and key not in entry:
                entry[key] = value if isinstance(value, bool | int | float | None) else self._clean(str(value))
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            entry["error"] = self._clean(f"{type(error).__name__}: {error}")
            entry["traceback"] = [self._clean(line) for line in traceback.format_tb(error.__traceback__)]
        return json.dumps(entry, ensure_ascii=True)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        return text if len(text) <= _LIMIT else f"{text[:_LIMIT]}… ({len(text)} characters)"


def configure(level: str = "info", *, stream: TextIO | None = None, secrets: Iterable[str] = ()) -> None:
    """Send every log record of this process to `stream` (standard error by default) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for noisy in ("aiohttp.access", "asyncio", "sqlalchemy.engine", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
