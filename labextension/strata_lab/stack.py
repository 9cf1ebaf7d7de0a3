"""What the image's stack holds, asked of the stack's own interpreter."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from packaging.utils import canonicalize_name

from strata_lab import probes
from strata_lab.backends.process import clean_environment, run
from strata_lab.environments import StackIdentity
from strata_lab.errors import StackUnusable
from strata_lab.image_contract import ImageContract, StackKind
from strata_lab.layout import make_private

_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of the stack.

    Attributes
    ----------
    name
        Canonical.
    location
        The folder of the path that holds it: decides whether an overlay can shadow it.
    requires
        PEP 508 requirements, markers included.
    """

    name: str
    version: str
    location: str
    requires_python: str = ""
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """The stack at hand.

    Attributes
    ----------
    title
        For people.
    executable
        The interpreter that the image names.
    base_executable
        The interpreter behind it, where the stack is itself a venv; else the same.
    version
        ``3.11.7``.
    abi
        CPython's SOABI, such as ``cpython-311-x86_64-linux-gnu``.
    path
        Every folder that distributions are found in, in the order of the interpreter's path.
    site_packages
        Those that an overlay must add for itself; the rest come from activation.
    environ
        What activation makes of the environment; empty for a plain stack.
    unreadable
        Metadata that says no name.
    contract
        What the image says; null for a stack that was described without one.
    """

    kind: StackKind
    title: str
    executable: Path
    base_executable: Path
    prefix: Path
    implementation: str
    version: str
    abi: str
    path: tuple[str, ...]
    site_packages: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    contract: ImageContract | None = None

    @cached_property
    def by_name(self) -> dict[str, Distribution]:
        """The distribution that wins for each name: the first on the path."""
        found: dict[str, Distribution] = {}
        for distribution in self.distributions:
            found.setdefault(distribution.name, distribution)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """A name for interpreter and contents: equal exactly when a realisation needs no second look."""
        contents = sorted(f"{item.name}=={item.version}" for item in self.by_name.values())
        described = [self.implementation, self.version, self.abi, str(self.prefix), str(self.base_executable), contents]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:24]

    @property
    def activated(self) -> bool:
        """Whether an interpreter of this stack must run inside a captured activation."""
        return bool(self.environ)

    @property
    def minor(self) -> str:
        """``3.11``."""
        return ".".join(self.version.split(".")[:2])

    def identity(self) -> StackIdentity:
        """Return what a record says about the stack."""
        return StackIdentity(
            fingerprint=self.fingerprint, title=self.title, python=self.version, prefix=str(self.prefix), abi=self.abi
        )


def describe(contract: ImageContract, cache: Path, *, environ: Mapping[str, str] | None = None) -> Stack:
    """Return the stack of an image; from the cache when no folder of its path has changed since.

    Parameters
    ----------
    cache
        The layout's cache folder.
    environ
        The environment that activation leaves, for stacks that have one.

    Raises
    ------
    StackUnusable
        If the interpreter is missing or does not answer.
    """
    asked = contract.stack
    key = hashlib.sha256(json.dumps([asked.model_dump(mode="json"), sorted((environ or {}).items())]).encode())
    try:
        kept: Path | None = make_private(make_private(cache) / "stacks") / f"{key.hexdigest()[:24]}.json"
    except OSError:
        kept = None
    document = _kept(kept, asked.python)
    if document is None:
        document = _ask(asked.python, cache, environ or {})
        _keep(kept, asked.python, document)
    return _stack(contract, document, environ or {})


def interpreter_options(version: str, *, activated: bool) -> tuple[str, ...]:
    """Return the options that keep the user's site, folder and variables out of an interpreter.

    An activated stack lives on PYTHONPATH, so ``-I`` would lose it.
    """
    if not activated:
        return ("-I", "-B")
    safe_path = tuple(int(part) for part in version.split(".")[:2]) >= (3, 11)
    return ("-s", "-P", "-B") if safe_path else ("-s", "-B")


def _ask(python: Path, cache: Path, environ: Mapping[str, str]) -> dict[str, object]:
    if not os.access(python, os.X_OK):
        raise StackUnusable(f"The stack's interpreter {python} is not there.")
    home = make_private(make_private(cache) / "home") if cache.parent.exists() else Path("/")
    options = ("-s", "-B") if environ else ("-I", "-B")
    finished = run(
        [python, *options, probes.INVENTORY],
        environment=clean_environment(home, environ),
        cwd=home,
        timeout=_TIMEOUT,
    )
    if finished.code != 0:
        last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackUnusable(f"The stack's interpreter {python} cannot describe itself: {last[:300]}.")
    try:
        answer = json.loads(finished.stdout[finished.stdout.index("{") :])
    except ValueError as error:
        raise StackUnusable(f"The stack's interpreter {python} answers with something else than JSON.") from error
    if not isinstance(answer, dict):
        raise StackUnusable(f"The stack's interpreter {python} answers with something else than a description.")
    return answer


def _witness(python: Path, folders: list[str]) -> list[list[object]]:
    seen: list[list[object]] = []
    for place in [str(python), *folders]:
        found = os.stat(place)  # noqa: PTH116 - follows the interpreter's link, and folders are strings
        seen.append([place, found.st_mtime_ns, found.st_ino, found.st_size])
    return seen


def _kept(path: Path | None, python: Path) -> dict[str, object] | None:
    if path is None:
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        answer: dict[str, object] = document["answer"]
        if document["by"] == _program() and document["witness"] == _witness(python, list(answer["path"])):  # type: ignore[call-overload]
            return answer
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _keep(path: Path | None, python: Path, document: dict[str, object]) -> None:
    if path is None:
        return
    try:
        witness = _witness(python, list(document["path"]))  # type: ignore[call-overload]
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"by": _program(), "witness": witness, "answer": document}), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        return


def _program() -> list[object]:
    found = probes.INVENTORY.stat()
    return [sys.version, found.st_size, found.st_mtime_ns]


def _stack(contract: ImageContract, answer: Mapping[str, object], environ: Mapping[str, str]) -> Stack:
    try:
        rows: list[list[object]] = answer["distributions"]  # type: ignore[assignment]
        return Stack(
            kind=contract.stack.kind,
            title=contract.stack.title,
            executable=contract.stack.python,
            base_executable=Path(str(answer["base_executable"])),
            prefix=Path(str(answer["prefix"])),
            implementation=str(answer["implementation"]),
            version=str(answer["version"]),
            abi=str(answer["abi"]),
            path=tuple(answer["path"]),  # type: ignore[arg-type]
            site_packages=tuple(answer["site_packages"]),  # type: ignore[arg-type]
            distributions=tuple(_distribution(row) for row in rows),
            environ=dict(environ),
            unreadable=tuple(answer["unreadable"]),  # type: ignore[arg-type]
            contract=contract,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StackUnusable("The stack's interpreter describes itself incompletely.") from error


def _distribution(row: list[object]) -> Distribution:
    name, version, location, python, requires, extras = row
    return Distribution(
        name=canonicalize_name(str(name)),
        version=str(version),
        location=str(location),
        requires_python=str(python),
        requires=tuple(requires),  # type: ignore[arg-type]
        extras=tuple(extras),  # type: ignore[arg-type]
    )
