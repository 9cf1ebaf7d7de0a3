"""Locks as ``pylock.toml`` (PEP 751): read, and written with exactly one file per package."""

from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from strata_lab.environments import Locked
from strata_lab.errors import BackendFailed

HEAD = 'lock-version = "1.0"\ncreated-by = "strata"\n'


def read_lock(document: Mapping[str, Any]) -> list[Locked]:
    """Return what a ``pylock.toml`` locks, the first file of each package that it lists.

    Raises
    ------
    BackendFailed
        If it is not what the specification says.
    """
    found = []
    try:
        for package in document["packages"]:
            wheels = package.get("wheels") or []
            file: Mapping[str, Any] = wheels[0] if wheels else package.get("sdist") or package.get("archive") or {}
            found.append(
                Locked(
                    name=canonicalize_name(package["name"]),
                    version=str(package.get("version", "")),
                    url=file.get("url"),
                    sha256=file.get("hashes", {}).get("sha256"),
                    size=file.get("size"),
                    index=package.get("index"),
                    from_source=not wheels,
                )
            )
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise BackendFailed("The lock cannot be read.") from error
    return found


def lock_text(packages: Iterable[Locked]) -> str:
    """Return a ``pylock.toml`` that names exactly one file per package."""
    lines = [HEAD]
    for item in packages:
        lines.append(f'[[packages]]\nname = "{item.name}"\nversion = "{item.version}"')
        file = f'{{ url = "{_quoted(item.url or "")}", hashes = {{ sha256 = "{item.sha256}" }} }}'
        lines.append(f"sdist = {file}\n" if item.from_source else f"wheels = [{file}]\n")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
