"""What conda packages may do to a prefix, judged from their metadata before anything is linked.

The installer trusts ``info/paths.json``, links through symbolic links, lets the last of two packages win, and takes an
archive from a ``file:`` channel whatever its hash is; so each of these is judged here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]{0,127}", re.ASCII)
_COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MODULE = re.compile(r"lib/python[0-9.]+/site-packages/(?P<inside>.+)", re.ASCII | re.DOTALL)
# Folders at the top of site-packages that many packages bring by mistake, with no module that anybody imports.
_COMMON = frozenset({"tests", "test", "docs", "doc", "examples", "benchmarks", "scripts"})


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive says of itself.

    ``files`` are paths with the SHA-256 of their content (empty where the archive does not say), ``links`` symbolic
    links with their targets, ``commands`` the names of entry points.
    """

    name: str
    version: str
    build: str
    noarch_python: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    def placed(self, site_packages: str) -> dict[str, str]:
        """Return where each path lies in a prefix, with its content's hash."""
        found = {}
        for path, digest in [*self.files.items(), *((link, f"-> {target}") for link, target in self.links.items())]:
            head, _, rest = path.partition("/")
            if self.noarch_python and head == "site-packages":
                found[f"{site_packages}/{rest}"] = digest
            elif self.noarch_python and head == "python-scripts":
                found[f"bin/{rest}"] = digest
            else:
                found[path] = digest
        return found | {f"bin/{command}": f"command of {self.name}" for command in self.commands}


def record_problem(record: Mapping[str, str], channels: Iterable[str], subdirs: Iterable[str]) -> str | None:
    """Return what is wrong with a record of a channel, which is anybody's text, or None.

    Parameters
    ----------
    record
        ``name``, ``version``, ``build``, ``subdir``, ``url`` and ``sha256``, as text.
    channels
        Addresses of the configured channels.
    subdirs
        The platforms that packages may come from.
    """
    for key in ("name", "version", "build"):
        if not _WORD.fullmatch(record[key]) or ".." in record[key]:
            return f"the {key} {record[key][:60]!r} is not one"
    if record["subdir"] not in subdirs:
        return f"{record['subdir'][:60]!r} is no platform of this machine"
    if not _SHA256.fullmatch(record["sha256"]):
        return "the channel gives no SHA-256 for it"
    stem = f"{record['name']}-{record['version']}-{record['build']}"
    wanted = [
        f"{channel.rstrip('/')}/{record['subdir']}/{stem}{end}"
        for channel in channels
        for end in (".conda", ".tar.bz2")
    ]
    if record["url"] not in wanted:
        return "its address is not in a configured channel"
    return None


def _clean(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and "\0" not in path and "\\" not in path and not {"", ".", ".."} & set(parts)


def _link_stays(path: str, target: str) -> bool:
    steps = target.split("/")
    up = 0
    while steps and steps[0] == "..":
        steps.pop(0)
        up += 1
    inside = up < len(PurePosixPath(path).parts)
    return bool(target) and "\0" not in target and not target.startswith("/") and inside and ".." not in steps


def archive_problem(archive: Archive) -> str | None:
    """Return how one archive would reach out of a prefix, or None."""
    for path in [*archive.files, *archive.links]:
        if not _clean(path):
            return f"its path {path[:80]!r} leads out of the environment"
    for path, target in archive.links.items():
        if not _link_stays(path, target):
            return f"its link {path[:80]!r} to {target[:80]!r} leads out of the environment"
    for command in archive.commands:
        if not _COMMAND.fullmatch(command):
            return f"its command {command[:60]!r} is not a name"
    return None


def clashes(archives: Iterable[Archive], site_packages: str) -> tuple[list[str], list[str]]:
    """Return which archives are in each other's way, and which only share what nobody misses.

    Returns
    -------
    tuple
        Sentences that forbid the installation, and notes.
    """
    owners: dict[str, tuple[str, str]] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    links: dict[str, str] = {}
    for archive in archives:
        links.update(dict.fromkeys(archive.links, archive.name))
        for path, digest in archive.placed(site_packages).items():
            owner, content = owners.setdefault(path, (archive.name, digest))
            if owner != archive.name and (content != digest or not digest):
                shared.setdefault((owner, archive.name), []).append(path)
    bad, notes = [], []
    for (first, second), paths in shared.items():
        serious = [path for path in paths if _matters(path)]
        if serious:
            bad.append(f"{first} and {second} both bring {serious[0]} ({len(serious)} files in all).")
        else:
            notes.append(
                f"{first} and {second} both bring {paths[0]} ({len(paths)} files); the one of {second} is kept."
            )
    for path, (owner, _) in owners.items():
        through = next((str(parent) for parent in PurePosixPath(path).parents if str(parent) in links), None)
        if through:
            bad.append(f"{owner} would write {path} through the link {through} of {links[through]}.")
    return bad, notes


def _matters(path: str) -> bool:
    if path.startswith("bin/"):
        return True
    module = _MODULE.fullmatch(path)
    if not module:
        return False
    head, _, rest = module["inside"].partition("/")
    return head not in _COMMON if rest else head.endswith((".py", ".so", ".pth"))
