"""Which distribution brings which files, read from RECORD: clashes, top-level modules, sizes."""

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from strata_lab.plans import Clash
from strata_lab.probes.inventory import headers
from strata_lab.stack import Stack

# Folders that careless wheels put at the top level; two of them do no harm.
_HARMLESS = frozenset({"tests", "test", "docs", "doc", "examples", "benchmarks", "licenses", "__pycache__"})
_SUFFIXES = (".py", ".so")
_SHOWN = 10
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Contents:
    """One distribution's files, relative to site-packages.

    Attributes
    ----------
    size
        Bytes on disk, in blocks of 4 kB, as RECORD tells: nobody needs to look at each file.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    paths: frozenset[str]
    size: int = 0


@dataclass(frozen=True, slots=True)
class FileClash:
    """Files that two distributions both bring."""

    owners: tuple[str, str]
    paths: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is wrong."""
        return f"{self.owners[0]} and {self.owners[1]} both bring {self.paths[0]} ({len(self.paths)} files in all)."

    def document(self) -> Clash:
        """Return what a plan says about it."""
        return Clash(owners=self.owners, paths=self.paths[:_SHOWN], count=len(self.paths))


def read(site: Path) -> dict[str, Contents]:
    """Return what one site-packages folder holds, by canonical name."""
    found = {}
    for info in sorted(site.glob("*.dist-info")):
        contents = _read_one(info)
        if contents is not None:
            found[contents.name] = contents
    return found


def read_stack(stack: Stack, overlay: Mapping[str, Contents]) -> dict[str, Contents]:
    """Return the files of those distributions of the stack that share a top-level name with an overlay, if any does."""
    tops = {_top(path) for item in overlay.values() for path in item.paths} - _HARMLESS
    found: dict[str, Contents] = {}
    for folder in stack.path:
        try:
            shared = tops & set(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
        except OSError:
            continue
        if any(not name.endswith((".dist-info", ".pth")) for name in shared):
            found = read(Path(folder)) | found
    return {name: item for name, item in found.items() if name not in overlay}


def missing(site: Path, found: Iterable[Contents]) -> list[str]:
    """Return a sentence for each distribution of which a file that its RECORD names is not there."""
    present: set[str] = set()
    for place, _, names in os.walk(site):
        inside = os.path.relpath(place, site)
        prefix = "" if inside == "." else f"{inside}/"
        present.update(prefix + name for name in names)
    sentences = []
    for item in found:
        lost = sorted(path for path in item.paths - present if not path.endswith(".pyc"))
        if lost:
            sentences.append(f"{item.name} lacks its file {lost[0]} ({len(lost)} files in all).")
    return sentences


def clashes(own: Iterable[Contents], others: Mapping[str, Contents]) -> list[FileClash]:
    """Return each pair of distributions of which both bring the same file; `others` are compared with `own` only."""
    owner: dict[str, str] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for item in own:
        for path in item.paths:
            if _counts(path) and (first := owner.setdefault(path, item.name)) != item.name:
                shared.setdefault((first, item.name), []).append(path)
    for item in others.values():
        for path in item.paths & owner.keys():
            shared.setdefault((owner[path], item.name), []).append(path)
    return [FileClash(owners, tuple(sorted(paths))) for owners, paths in sorted(shared.items())]


def modules(contents: Contents) -> list[str]:
    """Return the public top-level modules that a distribution brings, the one of its own name first."""
    found = set()
    for path in contents.paths:
        top, _, rest = path.partition("/")
        if not rest and top.endswith(_SUFFIXES):
            found.add(top.split(".")[0])
        elif rest.startswith("__init__.") and "/" not in rest:
            found.add(top)
    own = contents.name.replace("-", "_")
    names = [name for name in found if name.isidentifier() and not name.startswith("_") and name not in _HARMLESS]
    return sorted(names, key=lambda name: (name.lower() != own, name))


def on_disk(size: int) -> int:
    """Return the bytes that a file takes in blocks of 4 kB."""
    return -(-size // _BLOCK) * _BLOCK


def relevant(names: Iterable[str]) -> frozenset[str]:
    """Return the paths, relative to site-packages, of a wheel's or RECORD's names."""
    found = set()
    for name in names:
        top, _, rest = name.partition("/")
        path = name
        if top.endswith(".data") and rest:
            place, _, path = rest.partition("/")
            if place not in {"purelib", "platlib"}:
                continue
        if path and ".." not in path and not path.startswith("/") and not path.endswith("/"):
            found.add(path)
    return frozenset(found)


def _read_one(info: Path) -> Contents | None:
    try:
        name, version, _python, requires, _extras = headers((info / "METADATA").read_text("utf-8", errors="replace"))
        with (info / "RECORD").open(encoding="utf-8", errors="replace", newline="") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, csv.Error):
        return None
    if not name:
        return None
    size = sum(on_disk(int(row[2])) if row[2:] and row[2].isdecimal() and row[2].isascii() else _BLOCK for row in rows)
    return Contents(canonicalize_name(name), version, tuple(requires), relevant(row[0] for row in rows), size)


def _counts(path: str) -> bool:
    return _top(path) not in _HARMLESS and not path.endswith(".pyc")


def _top(path: str) -> str:
    return path.split("/", 1)[0]
