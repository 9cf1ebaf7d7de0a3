"""What somebody changed by hand in a generation since it was made."""

from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidName, canonicalize_name

from strata_lab import adopt
from strata_lab.environments import Locked, Record


@dataclass(frozen=True, slots=True)
class Drift:
    """Differences to the record, as ``name version`` or, for what is gone, names."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is something to adopt."""
        return bool(self.added or self.changed or self.gone)


def drift(record: Record, prefix: Path) -> Drift:
    """Return what has changed in an overlay, told from the names of its metadata folders: one listing, nothing read.

    Parameters
    ----------
    prefix
        The generation's folder.
    """
    found = []
    for info in prefix.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        try:
            found.append(Locked(name=canonicalize_name(name, validate=True), version=version))
        except InvalidName:
            continue
    added, changed, gone = adopt.drifted(record, found)
    return Drift(
        added=tuple(f"{item.name} {item.version}" for item in added),
        changed=tuple(f"{item.name} {item.version}" for item in changed),
        gone=tuple(gone),
    )
