"""Move things of the user's out of the way, one by one, so that each can be put back where it was.

::

    ~/.strata/aside/ID/record.json      where it was, why and when it was moved
    ~/.strata/aside/ID/item             the file, folder or link itself

A move is one ``rename`` in the home, after the record: a crash leaves the thing in one of the two places.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from strata_lab.errors import Conflict, InvalidInput, NoSpace, NotFound, Refused, StrataError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_RECORD, _ITEM = "record.json", "item"


class Aside(BaseModel):
    """One thing that was moved aside.

    Attributes
    ----------
    identifier
        Names it for `Asides.restore`.
    original
        Where it was.
    reason
        One sentence: what it did there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    identifier: str
    original: Path
    reason: str
    moved: datetime


class Asides:
    """What was moved aside in one home.

    Parameters
    ----------
    root
        Usually ``~/.strata/aside``.
    home
        Only what lies in it is moved.
    clock
        Tells the time.
    """

    def __init__(self, root: Path, home: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._root = root
        self._home = home
        self._clock = clock

    def put(self, path: Path, reason: str) -> Aside:
        """Move one file, folder or link aside.

        Raises
        ------
        NotFound
            There is nothing at `path`.
        Refused
            It does not lie in the home, or it is the home or Strata's own folder.
        NoSpace
            The home has no room for a record.
        """
        place = self._checked(path)
        now = self._clock()
        record = Aside(
            identifier=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", original=place, reason=reason, moved=now
        )
        folder = self._root / record.identifier
        try:
            folder.mkdir(parents=True, mode=0o700)
            (folder / _RECORD).write_text(record.model_dump_json(), encoding="utf-8")
            place.rename(folder / _ITEM)
        except OSError as error:
            self._forget(folder)
            raise _translated(error, f"{place} cannot be moved aside") from error
        return record

    def all(self) -> list[Aside]:
        """Return what was moved aside and not put back, the newest first."""
        try:
            folders = sorted(self._root.iterdir(), reverse=True)
        except OSError:
            return []
        found = (self._read(folder) for folder in folders)
        return [record for record in found if record is not None]

    def restore(self, identifier: str) -> Aside:
        """Put one thing back.

        Raises
        ------
        NotFound
            Nothing of this name was moved aside.
        Conflict
            Something else is there now.
        """
        known = {record.identifier: record for record in self.all()}
        if identifier not in known:
            raise NotFound(f"Nothing called {identifier[:60]!r} was moved aside.")
        record = known[identifier]
        folder = self._root / identifier
        place = self._checked(record.original, exists=False)
        if os.path.lexists(place):
            raise Conflict(f"{place} is there again.", hint="Move or rename it first.")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            (folder / _ITEM).rename(place)
        except OSError as error:
            raise _translated(error, f"{place} cannot be put back") from error
        self._forget(folder)
        return record

    def _checked(self, path: Path, *, exists: bool = True) -> Path:
        """Return `path` with its parent resolved, so that no link leads out of the home; a link itself is moved."""
        if "\0" in str(path) or not path.name or path.name == "..":
            raise InvalidInput(f"{str(path)[:100]!r} is not a path.")
        place = path.parent.resolve() / path.name
        home, root = self._home.resolve(), self._root.resolve()
        if not place.is_relative_to(home) or place == home:
            raise Refused(f"{place} does not lie in the home, so it stays.")
        if place.is_relative_to(root) or root.is_relative_to(place):
            raise Refused(f"{place} holds what Strata keeps, so it stays.")
        if exists and not os.path.lexists(place):
            raise NotFound(f"{place} is not there.")
        return place

    def _read(self, folder: Path) -> Aside | None:
        try:
            record = Aside.model_validate_json((folder / _RECORD).read_bytes())
        except (OSError, ValidationError):
            return None
        return record if record.identifier == folder.name and os.path.lexists(folder / _ITEM) else None

    @staticmethod
    def _forget(folder: Path) -> None:
        """Remove an entry that holds nothing; one that holds something stays, as ``rmdir`` refuses."""
        if os.path.lexists(folder / _ITEM):
            return
        with contextlib.suppress(OSError):
            (folder / _RECORD).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _translated(error: OSError, sentence: str) -> StrataError:
    if error.errno in _FULL:
        return NoSpace(f"{sentence}: the home is full.", hint="Delete something first.")
    return Refused(f"{sentence}: {error.strerror or error}.")
