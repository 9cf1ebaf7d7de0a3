"""Locks of conda environments as ``rattler.lock``: version 6 is written, 5 to 7 are read."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from strata_lab.environments import Locked
from strata_lab.errors import InvalidInput

_FILE = re.compile(r"(?P<name>[^/]+)-(?P<version>[^-/]+)-(?P<build>[^-/]+)(?:\.conda|\.tar\.bz2)", re.ASCII)
_VERSIONS = frozenset({5, 6, 7})
_PLATFORM = "linux-64"


def write_lock(packages: Iterable[Locked]) -> str:
    """Return the text of a lock file that holds these packages, in the environment ``default``."""
    packages = tuple(packages)
    places = {item.name: str(item.build).partition("/")[2] for item in packages}
    platform = next((place for place in places.values() if place not in {"", "noarch"}), _PLATFORM)
    channels = list(dict.fromkeys(item.index for item in packages if item.index))
    document = {
        "version": 6,
        "environments": {
            "default": {
                "channels": [{"url": channel} for channel in channels],
                "packages": {platform: [{"conda": item.url} for item in packages]},
            }
        },
        "packages": [_written(item, places[item.name]) for item in packages],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _written(item: Locked, subdir: str) -> dict[str, object]:
    found: dict[str, object] = {"conda": item.url, "subdir": subdir, "sha256": item.sha256}
    if subdir == "noarch":
        found["noarch"] = "python" if any(text.split()[0] == "python" for text in item.requires if text) else "generic"
    if item.requires:
        found["depends"] = list(item.requires)
    if item.index:
        found["channel"] = item.index
    if item.size is not None:
        found["size"] = item.size
    return found


def read_lock(text: str) -> tuple[Locked, ...]:
    """Return what a lock file locks for this platform.

    Raises
    ------
    InvalidInput
        If it is no lock file of a version that is known here, or locks something without a hash.
    """
    try:
        document = yaml.safe_load(text)
        if document["version"] not in _VERSIONS:
            raise InvalidInput(f"Locks of version {str(document['version'])[:20]} cannot be read here.")
        environments = document["environments"]
        chosen = environments.get("default") or next(iter(environments.values()))
        platforms = chosen["packages"]
        entries = platforms.get(_PLATFORM) or next(iter(platforms.values()))
        facts = {item["conda"]: item for item in document["packages"] if "conda" in item}
        return tuple(_read(entry, facts) for entry in entries)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, StopIteration, ValueError, RecursionError) as error:
        raise InvalidInput("This is not a rattler.lock file.") from error


def _read(entry: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]]) -> Locked:
    if "conda" not in entry:
        raise InvalidInput("The lock file has packages that are not of conda.", hint="Import those into an overlay.")
    url = str(entry["conda"])
    folder, _, name = urlsplit(url).path.rpartition("/")
    found = _FILE.fullmatch(name)
    fact = facts[url]
    if not found or not fact.get("sha256"):
        raise InvalidInput(f"The lock file gives no hash for {name[:80]!r}.")
    subdir = folder.rpartition("/")[2]
    try:
        return Locked(
            name=found["name"],
            version=found["version"],
            build=f"{found['build']}/{subdir}",
            url=url,
            sha256=fact["sha256"],
            size=fact.get("size"),
            index=fact.get("channel"),
            requires=tuple(fact.get("depends", ())),
        )
    except ValidationError as error:
        raise InvalidInput(f"The lock file's entry of {name[:80]!r} is not valid.") from error
