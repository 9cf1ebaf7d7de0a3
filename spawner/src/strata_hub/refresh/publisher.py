"""Publishing a menu state: complete, at once, or not at all."""

import asyncio
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from strata_hub.errors import StateError
from strata_hub.state import load

log = logging.getLogger(__name__)

_ABANDONED = 3600.0
"""Seconds after which a half-written file is the remains of a process that was killed."""


@dataclass(frozen=True)
class Published:
    """One state as it is served."""

    parts: tuple[bytes, ...]
    """The document when joined; a payload that did not change is not copied."""
    etag: str
    """A strong validator, with its quotes."""
    generated_at: datetime
    images: int

    @classmethod
    def of(cls, parts: tuple[bytes, ...], generated_at: datetime, images: int) -> Self:
        """Return `parts` with their validator."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        return cls(parts, f'"{digest.hexdigest()}"', generated_at, images)

    @property
    def size(self) -> int:
        """Bytes of the document."""
        return sum(map(len, self.parts))


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

    async def publish(self, published: Published) -> None:
        """Make `published` the current state; readers see the old one or this one, never a part."""
        self.current = published
        if self._file is not None:
            async with self._writing:
                # Of several that waited, only the newest is worth a disk's time.
                if self.current is published:
                    await self._write(self._file, published.parts)

    def resume(self, deployment: str) -> bool:
        """Serve the last state in the file until there is a new one; return whether there was one."""
        if self._file is None or self.current is not None:
            return False
        try:
            body = self._file.read_bytes()
            state = load(body)
        except (OSError, StateError):
            return False
        if state.deployment != deployment:
            return False
        images = sum(len(payload.images) for payload in state.payloads)
        self.current = Published.of((body,), state.generated_at, images)
        return True

    async def _write(self, path: Path, parts: Iterable[bytes]) -> None:
        try:
            await asyncio.to_thread(replace_file, path, parts)
        except OSError as error:
            self.file_error = f"The menu state cannot be written to {path}: {error.strerror or error}."
            log.warning("%s", self.file_error)
        else:
            self.file_error = ""


def replace_file(path: Path, parts: Iterable[bytes]) -> None:
    """Replace `path` by a file with `parts`: complete and on the disk before it has the name.

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
            file.writelines(parts)
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
