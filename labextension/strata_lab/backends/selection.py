"""What of a resolver's answer an overlay must hold itself."""

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from strata_lab.backends.base import Problem, Resolution, Work
from strata_lab.backends.stubs import is_version
from strata_lab.environments import Locked
from strata_lab.errors import BackendFailed


def subtracted(found: Iterable[Locked], problem: Problem, work: Work, conflict: str | None) -> Resolution:
    """Leave out what the stack has already, and say which of the asked names it satisfies.

    Raises
    ------
    BackendFailed
        If something that must be fetched has no address or no hash.
    """
    packages = []
    for item in found:
        there = work.stack.by_name.get(canonicalize_name(item.name))
        if there is not None and _same(there.version, item.version):
            continue
        if not item.url or not item.sha256:
            raise BackendFailed(f"The index gives no hash for {item.pin}, so it cannot be checked.")
        if not item.url.startswith(("https://", "http://")):
            raise BackendFailed(f"The index sends {item.pin} to {item.url[:80]}, which is no web address.")
        packages.append(item)
    own = {item.name for item in packages}
    asked = dict.fromkeys(canonicalize_name(Requirement(line).name) for line in problem.requirements)
    satisfied = tuple(
        f"{name} {work.stack.by_name[name].version}" for name in asked if name not in own and name in work.stack.by_name
    )
    return Resolution(tuple(sorted(packages, key=lambda item: item.name)), satisfied, conflict)


def _same(one: str, other: str) -> bool:
    return one == other or (is_version(one) and is_version(other) and Version(one) == Version(other))
