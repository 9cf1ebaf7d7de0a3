"""Conda environments by py-rattler: a prefix of its own, solved and linked without a conda program."""

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from strata_lab import matchspecs
from strata_lab.backends import importing
from strata_lab.backends.base import Problem, Proof, Resolution, Work
from strata_lab.backends.process import clean_environment, run
from strata_lab.environments import Kind, Locked
from strata_lab.errors import BackendFailed, InvalidInput, Refused, StrataError, Unsatisfiable
from strata_lab.layout import make_private
from strata_lab.progress import Amount, Line, Phase, Report

_WORKER = "strata_lab.backends.rattler_worker"
# What makes a prefix usable from a notebook; left out where no channel has it.
_FOR_A_KERNEL = ("python", "ipykernel")
_SITE = r"lib/python[0-9.]+/site-packages/"
_TOP_LEVEL = re.compile(
    _SITE + r"(?:(?P<package>[A-Za-z_]\w*)/__init__\.py|(?P<module>[A-Za-z_]\w*)(?:\.py|\.[\w-]+\.so|\.so))", re.ASCII
)


class Rattler:
    """Makes conda prefixes; one whole prefix for each generation."""

    kind = Kind.CONDA

    def tools(self) -> dict[str, str]:
        """Return the version of py-rattler."""
        return {"py-rattler": version("py-rattler")}

    def python(self, prefix: Path) -> Path:
        """Return the prefix's own interpreter."""
        return prefix / "bin/python"

    def resolve(self, problem: Problem, work: Work) -> Resolution:
        """Solve the whole intent, keeping what is locked where it fits.

        Raises
        ------
        Unsatisfiable
            With the solver's explanation.
        """
        specs = [str(matchspecs.parse(text)) for text in problem.requirements]
        if problem.python:
            specs.insert(0, f"python {problem.python}.*")
        request = {
            "task": "solve",
            "specs": specs,
            "optional": list(_FOR_A_KERNEL),
            "locked": [_asked(package) for package in problem.preferred if package.name not in problem.upgrade],
            "timeout": work.policy.resolve_timeout,
        }
        return Resolution(_packages(self._ask(request, work, work.policy.resolve_timeout)))

    def build(self, prefix: Path, packages: tuple[Locked, ...], work: Work) -> None:
        """Link the packages into the empty prefix; the channels must hold them with the recorded hashes."""
        unhashed = [package.name for package in packages if not package.sha256]
        if unhashed:
            raise Refused(f"These packages have no recorded hash: {', '.join(unhashed)}.")
        request = {
            "task": "install",
            "prefix": str(prefix),
            "packages": [_asked(package) for package in packages],
            "specs": [f"{package.name} =={package.version}" for package in packages],
            "link_scripts": work.policy.allow_link_scripts,
        }
        self._ask(request, work, work.policy.build_timeout)

    def installed(self, prefix: Path, work: Work) -> tuple[Locked, ...]:
        """Return what the prefix's own records say."""
        return _packages(self._ask({"task": "installed", "prefix": str(prefix)}, work, work.policy.resolve_timeout))

    def verify(self, prefix: Path, packages: tuple[Locked, ...], changed: frozenset[str], work: Work) -> Proof:
        """Compare the prefix with the plan: every package there, every file there, nothing outside."""
        present = {(item.name, item.version, item.build) for item in self.installed(prefix, work)}
        problems = [
            f"{item.name} {item.version} is not there."
            for item in packages
            if (item.name, item.version, item.build) not in present
        ]
        root = prefix.resolve()
        for record in sorted((prefix / "conda-meta").glob("*.json")):
            document = json.loads(record.read_text())
            if document["name"] in changed or not changed:
                problems += _file_problems(root, document)
        notes = _notes(prefix, work)
        if problems or not self.python(prefix).exists():
            return Proof(problems=tuple(problems), notes=notes, locked=packages)
        imports = {name: modules for name, modules in _modules(prefix).items() if name in changed}
        # Not every conda package is a distribution to Python, so the records above speak for the versions.
        found = importing.proof([self.python(prefix), "-I", "-B"], imports, (), work)
        return replace(found, notes=(*notes, *found.notes), locked=packages)

    def _ask(self, request: dict[str, Any], work: Work, timeout: float) -> dict[str, Any]:
        cache = make_private(make_private(work.cache) / "conda")
        if not work.channels and request["task"] != "installed":
            raise Refused("No conda channel is configured for this image.", hint="Ask the administrators for one.")
        with _scratch(cache) as folder:
            asked = {**request, "channels": list(work.channels), "cache": str(cache)}
            (folder / "request.json").write_text(json.dumps(asked))
            argv: list[str | Path] = [
                sys.executable,
                "-I",
                "-m",
                _WORKER,
                folder / "request.json",
                folder / "result.json",
            ]
            home = work.home
            done = run(
                argv,
                environment=clean_environment(home),
                cwd=home,
                timeout=timeout,
                cancelled=work.cancelled,
                on_line=lambda line: _tell(line, work.report),
            )
            try:
                answer: dict[str, Any] = json.loads((folder / "result.json").read_text())
            except (OSError, ValueError) as error:
                told = done.stderr.strip().splitlines()[-1:]
                raise BackendFailed(f"The conda installer ended without a result. {' '.join(told)}".strip()) from error
        if "problem" in answer:
            raise _translated(answer)
        result: dict[str, Any] = answer["ok"]
        return result


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="task-", dir=cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _translated(answer: dict[str, Any]) -> StrataError:
    message = " ".join(str(answer["message"]).split())
    match answer["problem"]:
        case "unsatisfiable":
            return Unsatisfiable(
                f"These packages do not go together: {message}", hint="Loosen a version, or leave a package out."
            )
        case "input":
            return InvalidInput(message, hint="Write it like 'gdal' or 'gdal>=3,<4'.")
        case "refused":
            return Refused(message, hint="Tell the keepers of the channel.")
        case "channel":
            return BackendFailed(f"A conda channel cannot be read: {message}", hint="Try again later.")
    return BackendFailed(f"The conda installer failed: {message}", hint="Try again; if it stays so, ask for help.")


def _tell(line: str, report: Report) -> None:
    try:
        told = json.loads(line)
        report(Amount(Phase.BUILDING, int(told["done"]), int(told["total"]) or None))
    except (ValueError, TypeError, KeyError):
        report(Line(line))


def _asked(package: Locked) -> dict[str, Any]:
    return package.model_dump(include={"name", "version", "build", "url", "sha256", "size", "index", "requires"})


def _packages(answer: dict[str, Any]) -> tuple[Locked, ...]:
    return tuple(sorted((Locked.model_validate(item) for item in answer["packages"]), key=lambda item: item.name))


def _modules(prefix: Path) -> dict[str, list[str]]:
    """Return the top-level modules that each package brings."""
    found: dict[str, set[str]] = {}
    for record in (prefix / "conda-meta").glob("*.json"):
        document = json.loads(record.read_bytes())
        for path in document.get("files", ()):
            module = _TOP_LEVEL.fullmatch(path)
            if module:
                found.setdefault(document["name"], set()).add(module["package"] or module["module"])
    return {name: sorted(modules) for name, modules in found.items()}


def _notes(prefix: Path, work: Work) -> tuple[str, ...]:
    scripts = sorted(path.name for path in prefix.glob("bin/.*-link.sh"))
    if not scripts or work.policy.allow_link_scripts:
        return ()
    return (f"Not run, since this lab does not allow link scripts: {', '.join(scripts[:10])}.",)


def _file_problems(root: Path, document: dict[str, Any]) -> list[str]:
    problems = []
    for name in document.get("files", ()):
        path = root / name
        if not path.parent.resolve().is_relative_to(root):
            problems.append(f"{document['name']} has a file outside its environment: {name}.")
        elif not path.exists() and not path.is_symlink():
            problems.append(f"{document['name']} lacks its file {name}.")
        elif path.is_symlink() and not path.resolve().is_relative_to(root):
            problems.append(f"{document['name']} has a link that leads out of its environment: {name}.")
    return problems
