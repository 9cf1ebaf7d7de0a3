"""Generations on disk: made under a fresh name, completed by their record, switched in by one ``rename``."""

import contextlib
import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from strata_lab.environments import Event, Record, checked_identifier, checked_name
from strata_lab.errors import BackendFailed, Conflict, InvalidInput, NoSpace, NotFound, StrataError
from strata_lab.layout import RECORD, Layout
from strata_lab.lease import Lease

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Store:
    """The environments and generations of one user."""

    layout: Layout

    def names(self) -> list[str]:
        """Return the names of all environments, sorted."""
        return sorted(entry for entry in _entries(self.layout.environments) if _is_name(entry))

    def current(self, name: str) -> str:
        """Return the generation that an environment's pointer names.

        Raises
        ------
        NotFound
            If there is no such environment.
        """
        try:
            target = self.layout.current(checked_name(name)).readlink()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"There is no environment called {name}.") from error
        except OSError as error:
            raise _translated(error, f"The pointer of {name} cannot be read") from error
        return checked_identifier(target.name)

    def exists(self, name: str) -> bool:
        """Whether there is an environment of this name."""
        return self.layout.current(checked_name(name)).is_symlink()

    def record(self, identifier: str) -> Record:
        """Return the record of one complete generation.

        Raises
        ------
        NotFound
            If it is not complete, or its record cannot be read.
        """
        path = self.layout.generation(checked_identifier(identifier)) / RECORD
        try:
            return Record.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise NotFound(f"The record of generation {identifier} cannot be read.") from error

    def known(self, name: str) -> list[Record]:
        """Return the records of the generations that an environment has had and that are still there, newest first."""
        identifiers = dict.fromkeys(event.generation for event in reversed(self.history(name)))
        with contextlib.suppress(NotFound, InvalidInput):
            identifiers = {self.current(name): None} | identifiers
        records = []
        for identifier in identifiers:
            with contextlib.suppress(NotFound, InvalidInput):
                records.append(self.record(identifier))
        return sorted(records, key=lambda record: (record.serial, record.created), reverse=True)

    def begin(self, lease: Lease) -> Path:
        """Return a new, empty generation folder, named after this moment and this lease."""
        identifier = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{lease.tag}"
        folder = self.layout.generation(identifier)
        with translated("The generation cannot be begun"):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        return folder

    def complete(self, record: Record) -> None:
        """Write a generation's record, which makes it complete."""
        folder = self.layout.generation(record.generation)
        with translated("The record cannot be written"):
            write_durably(folder / RECORD, record.model_dump_json(indent=1) + "\n")

    def switch(self, name: str, identifier: str, lease: Lease) -> None:
        """Point an environment at a complete generation: the one instant at which it changes.

        Raises
        ------
        Busy
            If the lease was lost meanwhile.
        """
        folder = self.layout.environment(checked_name(name))
        target = Path("..") / ".." / "generations" / checked_identifier(identifier)
        with translated(f"{name} cannot be switched"):
            if folder.is_dir():
                pointer = folder / f".current.{lease.tag}"
                pointer.symlink_to(target)
                lease.renew()
                pointer.replace(folder / "current")
                sync(folder)
            else:
                fresh = folder.with_name(f".new.{lease.tag}")
                fresh.mkdir(mode=0o700, parents=True)
                (fresh / "current").symlink_to(target)
                sync(fresh)
                lease.renew()
                fresh.rename(folder)
                sync(folder.parent)

    def move(self, source: Path, target: Path, lease: Lease) -> None:
        """Move an environment's folder by one rename.

        Raises
        ------
        Conflict
            If something lies at the target.
        """
        with translated(f"{source.name} cannot be moved"):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lease.renew()
            if target.exists() or target.is_symlink():
                raise Conflict(f"There is already something called {target.name}.")
            source.rename(target)
            sync(target.parent)
            if source.parent != target.parent:
                sync(source.parent)

    def history(self, name: str) -> list[Event]:
        """Return what was done to an environment, oldest first; a torn last line is left out."""
        return read_history(self.layout.history(checked_name(name)))

    def note(self, name: str, event: Event) -> None:
        """Append a line to the history; a full disk does not undo the change that the line tells of."""
        path = self.layout.history(checked_name(name))
        line = event.model_dump_json() + "\n"
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                end = os.lseek(descriptor, 0, os.SEEK_END)
                if end and os.pread(descriptor, 1, end - 1) != b"\n":
                    line = "\n" + line
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def read_history(path: Path) -> list[Event]:
    """Return the readable lines of a history file."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        with contextlib.suppress(ValidationError, json.JSONDecodeError):
            events.append(Event.model_validate_json(line))
    return events


def write_durably(path: Path, text: str) -> None:
    """Replace a file by one rename, after its contents have reached the disk."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> bool:
    """Remove a folder without following links, and say whether it is gone.

    The record goes first, so that a removal which is interrupted leaves an incomplete generation, never a torn one.
    """
    with contextlib.suppress(OSError):
        (folder / RECORD).unlink(missing_ok=True)
    if folder.is_symlink() or folder.is_file():
        with contextlib.suppress(OSError):
            folder.unlink()
        return not folder.is_symlink() and not folder.exists()
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
        for place, _folders, _files in os.walk(folder):
            with contextlib.suppress(OSError):
                Path(place).chmod(stat.S_IRWXU)
    return False


@contextlib.contextmanager
def translated(sentence: str) -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        raise _translated(error, sentence) from error


def _translated(error: OSError, sentence: str) -> StrataError:
    if error.errno in _FULL:
        return NoSpace(f"{sentence}: the disk or the quota is full.", hint="Delete an environment, or empty the bin.")
    return BackendFailed(f"{sentence}: {error.strerror or error}.")


def _entries(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _translated(error, f"{folder} cannot be read") from error


def _is_name(entry: str) -> bool:
    try:
        return checked_name(entry) == entry
    except InvalidInput:
        return False
