"""What an installer did by hand in an environment, read as an intent."""

from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from strata_lab.environments import Intent, Kind, Locked, Record
from strata_lab.intents import Aim, requirement_name


def drifted(record: Record, found: Iterable[Locked]) -> tuple[list[Locked], list[Locked], list[str]]:
    """Return what was added, what has another version, and which names are gone since a generation was made."""
    old = {item.name: item.version for item in record.locked}
    now = {item.name: item for item in found}
    added = [item for name, item in now.items() if name not in old]
    changed = [item for name, item in now.items() if name in old and old[name] != item.version]
    return added, changed, sorted(old.keys() - now.keys())


def adopted(record: Record, found: Iterable[Locked], by_name: frozenset[str]) -> Aim:
    """Return the aim that makes what lies there the intent.

    Parameters
    ----------
    by_name
        Names that the installer was asked for, as opposed to what they needed.
    """
    found = list(found)
    kind = record.intent.kind
    added, changed, gone = drifted(record, found)
    wanted = {requirement_name(text, kind): text for text in record.intent.requirements}
    for name in gone:
        wanted.pop(name, None)
    versions = {item.name: item.version for item in added + changed}
    for name, version in versions.items():
        exact = f"{name}=={version}" if kind is Kind.OVERLAY else f"{name} =={version}"
        if (name in wanted and not _allows(wanted[name], version)) or (name not in wanted and name in by_name):
            wanted[name] = exact
    locked = {item.name: item for item in record.locked}
    preferred = tuple(
        locked[item.name] if item.name in locked and locked[item.name].version == item.version else item
        for item in found
    )
    intent = Intent.model_validate(record.intent.model_dump() | {"requirements": tuple(wanted.values())})
    return Aim(intent, preferred)


def asked_by_name(prefix: Path) -> frozenset[str]:
    """Return the names that an installer notes as asked for (PEP 376's REQUESTED)."""
    found = set()
    for mark in prefix.glob("lib/python*/site-packages/*.dist-info/REQUESTED"):
        found.add(str(canonicalize_name(mark.parent.name.removesuffix(".dist-info").rpartition("-")[0])))
    return frozenset(found)


def _allows(requirement: str, version: str) -> bool:
    try:
        return Requirement(requirement).specifier.contains(version, prereleases=True)
    except InvalidRequirement:
        return False
