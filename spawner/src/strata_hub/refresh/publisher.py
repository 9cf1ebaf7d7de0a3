"""Publishing a menu state: complete, at once, or not at all."""

import asyncio
import hashlib
import logging
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strata_hub.errors import StateError
from strata_hub.state import MenuState, load

log = logging.getLogger(__name__)

_ABANDONED = 3600.0
"""Seconds after which a half-written file is the remains of a process that was killed."""


@dataclass(frozen=True)
class Published:
    """One state as it is served."""

    body: bytes
    etag: str
    """A strong validator, with its quotes."""
    generated_at: datetime
    images: int


class Publisher:
    """Holds the current state and writes it to a file where one is configured.

    Parameters
    ----------
    file
        Path to replace atomically with each state; None: HTTP only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.current: Published | None = None
        self.file_error = ""
        """Why the file could not be written the last time, or empty."""
        self._file = file
        self._writing = asyncio.Lock()

    async def publish(self, state: MenuState) -> Published:
        """Make `state` the current one; readers see the old one or this one, never a part."""
        published = _published(state)
        self.current = published
        if self._file is not None:
            async with self._writing:
                # Of several that waited, only the newest is worth a disk's time.
                if self.current is published:
                    await self._write(self._file, published.body)
        return published

    def resume(self, deployment: str) -> bool:
        """Serve the last state in the file until there is a new one; return whether there was one."""
        if self._file is None or self.current is not None:
            return False
        try:
            state = load(self._file.read_bytes())
        except (OSError, StateError):
            return False
        if state.deployment != deployment:
            return False
        self.current = _published(state)
        return True

    async def _write(self, path: Path, body: bytes) -> None:
        try:
            await asyncio.to_thread(replace_file, path, body)
        except OSError as error:
            self.file_error = f"The menu state cannot be written to {path}: {error.strerror or error}."
            log.warning("%s", self.file_error)
        else:
            self.file_error = ""


def replace_file(path: Path, body: bytes) -> None:
    """Replace `path` by a file with `body`: complete and on the disk before it has the name.

    Raises
    ------
    OSError
        If it cannot be written; the old file is untouched then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for remains in path.parent.glob(f".{path.name}.*.new"):
        with suppress(OSError):
            if time.time() - remains.stat().st_mtime > _ABANDONED:
                remains.unlink()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _published(state: MenuState) -> Published:
    body = state.dump()
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    return Published(body, etag, state.generated_at, sum(len(payload.images) for payload in state.payloads))
