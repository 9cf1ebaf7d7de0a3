"""Overlays: a venv on the stack's interpreter that sees the stack's packages and holds only what the stack lacks."""

import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from strata_lab.backends import files, importing, proofs
from strata_lab.backends.base import Problem, Proof, Resolution, Work
from strata_lab.backends.files import Contents
from strata_lab.environments import Kind, Locked
from strata_lab.stack import Stack, interpreter_options
from strata_lab.store import translated

BRIDGE = "_strata_stack.pth"
_OWN_SCRIPTS = frozenset({"python", "python3", "pip", "pip3"})
_LAID_OUT = 12


class Installer(Protocol):
    """A program that resolves and installs wheels."""

    name: str

    def tools(self) -> dict[str, str]:
        """Return its version."""

    def resolve(self, problem: Problem, work: Work) -> Resolution:
        """Find what must be installed beside the stack."""

    def install(self, prefix: Path, packages: tuple[Locked, ...], work: Work) -> None:
        """Install exactly these files, hashes checked."""


class Overlay:
    """The kind ``overlay``."""

    kind = Kind.OVERLAY

    def __init__(self, installer: Installer) -> None:
        self._installer = installer

    def tools(self) -> dict[str, str]:
        """Return the installer's version."""
        return self._installer.tools()

    def resolve(self, problem: Problem, work: Work) -> Resolution:
        """Find what must be installed beside the stack."""
        if not problem.requirements:
            return Resolution(())
        return self._installer.resolve(problem, work)

    def build(self, prefix: Path, packages: tuple[Locked, ...], work: Work) -> None:
        """Lay the venv out, and install."""
        with translated("The environment cannot be laid out"):
            lay_out(prefix, work.stack)
        if packages:
            self._installer.install(prefix, packages, work)
            with translated("The environment cannot be finished"):
                if prefix.stat().st_dev == work.cache.stat().st_dev:
                    protect(site_packages(prefix, work.stack))

    def verify(self, prefix: Path, packages: tuple[Locked, ...], changed: frozenset[str], work: Work) -> Proof:
        """Check contents, files and imports, through the overlay's own interpreter."""
        site = site_packages(prefix, work.stack)
        found = files.read(site)
        problems = _differences(packages, found)
        problems += files.missing(site, found.values())
        problems += [clash.sentence for clash in files.clashes(found.values(), files.read_stack(work.stack, found))]
        problems += _strange_scripts(prefix, work.stack)
        if problems:
            return Proof(problems=tuple(problems))
        locked = tuple(item.model_copy(update={"requires": found[item.name].requires}) for item in packages)
        imports = {item.name: list(files.modules(found[item.name])) for item in packages if item.name in changed}
        proof = proofs.recall(work, locked, imports) or proofs.keep(
            work, locked, imports, _imported(prefix, imports, locked, work)
        )
        count = sum(len(item.paths) for item in found.values()) + _LAID_OUT
        return replace(proof, locked=locked, size=sum(item.size for item in found.values()), files=count)

    def installed(self, prefix: Path, work: Work) -> tuple[Locked, ...]:
        """Return what lies in the overlay now."""
        found = files.read(site_packages(prefix, work.stack))
        return tuple(
            Locked(name=item.name, version=item.version, requires=item.requires)
            for item in sorted(found.values(), key=lambda item: item.name)
        )

    def python(self, prefix: Path) -> Path:
        """Return the interpreter of an overlay."""
        return prefix / "bin" / "python"


def site_packages(prefix: Path, stack: Stack) -> Path:
    """Return where an overlay keeps its own packages."""
    return prefix / "lib" / f"python{stack.minor}" / "site-packages"


def lay_out(prefix: Path, stack: Stack) -> None:
    """Write the 8 entries that make a folder a venv of the stack.

    The venv does not include system packages: that would give the packages of the Python *behind* a stack that is
    itself a venv, and would let ``~/.local`` in again. One line of a path file adds the stack's own folders instead.
    """
    site = site_packages(prefix, stack)
    site.mkdir(parents=True)
    scripts = prefix / "bin"
    scripts.mkdir()
    for name, target in (
        ("python", str(stack.base_executable)),
        ("python3", "python"),
        (f"python{stack.minor}", "python"),
    ):
        (scripts / name).symlink_to(target)
    home = stack.base_executable.parent
    (prefix / "pyvenv.cfg").write_text(
        f"home = {home}\ninclude-system-site-packages = false\nversion = {stack.version}\n", encoding="utf-8"
    )
    if stack.site_packages:
        calls = "; ".join(f"site.addsitedir({folder!r})" for folder in stack.site_packages)
        (site / BRIDGE).write_text(f"import site; {calls}\n", encoding="utf-8")
    if "pip" in stack.by_name:
        for name in ("pip", "pip3"):
            _write_pip(scripts / name)


def protect(site: Path) -> None:
    """Forbid writing to files that share their inode with the cache: an edit would reach every environment."""
    waiting = [os.fspath(site)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_nlink > 1 and found.st_mode & 0o222:
                    os.chmod(entry.path, stat.S_IMODE(found.st_mode) & ~0o222)  # noqa: PTH101 - thousands of files


def _write_pip(path: Path) -> None:
    path.write_text('#!/bin/sh\nexec "$(dirname -- "$0")/python" -m pip "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def _differences(packages: Iterable[Locked], found: dict[str, Contents]) -> list[str]:
    wanted = {item.name: item.version for item in packages}
    problems = [f"{name} is missing after the installation." for name in sorted(wanted.keys() - found.keys())]
    problems += [f"{name} was installed without having been planned." for name in sorted(found.keys() - wanted.keys())]
    return problems


def _strange_scripts(prefix: Path, stack: Stack) -> list[str]:
    """Say where a package put a script in place of the interpreter or of the lab's own programs."""
    problems = []
    scripts = prefix / "bin"
    if not (scripts / "python").is_symlink() or (scripts / "python").readlink() != stack.base_executable:
        problems.append("A package replaces the interpreter.")
    for entry in scripts.iterdir():
        name = entry.name
        if name in _OWN_SCRIPTS or name.startswith("python"):
            continue
        if name.startswith(("jupyter-lab", "jupyterhub", "jupyter-server")) or name in {"strata", "sh", "bash"}:
            problems.append(f"A package brings the program {name}, which belongs to the lab.")
    return problems


def _imported(prefix: Path, imports: dict[str, list[str]], locked: tuple[Locked, ...], work: Work) -> Proof:
    options = interpreter_options(work.stack.version, activated=work.stack.activated)
    python: list[str | Path] = [prefix / "bin" / "python", *options]
    first = site_packages(prefix, work.stack) if work.stack.activated else None
    return importing.proof(python, imports, locked, work, first=first, environment=work.stack.environ)
