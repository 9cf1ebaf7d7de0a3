"""What a plan weighs, and which files would lie on top of each other, before anything is fetched."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strata_lab.backends import files
from strata_lab.backends.base import Work
from strata_lab.backends.files import Contents
from strata_lab.backends.wheels import Listing, listings
from strata_lab.environments import Locked
from strata_lab.plans import Clash, Sizes

_USUAL_EXPANSION = 3.5


@dataclass(frozen=True, slots=True)
class Look:
    """What looking at the wheels' tables of contents gave."""

    packages: tuple[Locked, ...]
    sizes: Sizes
    clashes: tuple[Clash, ...]


def look(after: Sequence[Locked], fresh: Sequence[Locked], work: Work, root: Path) -> Look:
    """Read the table of contents of each wheel that would be installed: a range of its last bytes, kept in the cache.

    What an index does not let us read is estimated, and its clashes are found after the installation instead.
    """
    wheels = [item for item in after if not item.from_source and item.build is None]
    listed = listings(wheels, work)
    packages = tuple(_sized(item, listed.get(item.sha256 or "")) for item in after)
    contents = {
        item.name: Contents(item.name, item.version, item.requires, listing.paths)
        for item in wheels
        if (listing := listed.get(item.sha256 or "")) is not None
    }
    found = files.clashes(contents.values(), files.read_stack(work.stack, contents)) if contents else []
    exact = len(contents) == len(after)
    known = [item.size for item in packages if item in _same(packages, fresh)]
    download = None if any(size is None for size in known) else sum(size or 0 for size in known)
    disk = sum(_on_disk(item, listed) for item in packages)
    total = Sizes(download=download, disk=disk, exact=exact, free=free_bytes(root, work.policy.quota))
    return Look(packages, total, tuple(clash.document() for clash in found))


def free_bytes(root: Path, quota: int | None = None) -> int | None:
    """Return how many bytes this user can still write where the environments are; the quota if that is less."""
    place = root
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        found = os.statvfs(place)
    except OSError:
        return quota
    free = found.f_bavail * found.f_frsize
    return free if quota is None else min(free, quota)


def _same(packages: Sequence[Locked], fresh: Sequence[Locked]) -> list[Locked]:
    names = {item.name for item in fresh}
    return [item for item in packages if item.name in names]


def _sized(item: Locked, listing: Listing | None) -> Locked:
    return item if listing is None or item.size is not None else item.model_copy(update={"size": listing.download})


def _on_disk(item: Locked, listed: dict[str, Listing]) -> int:
    listing = listed.get(item.sha256 or "")
    return listing.disk if listing else int((item.size or 0) * _USUAL_EXPANSION)
