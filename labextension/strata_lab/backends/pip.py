"""pip as resolver and installer: slower than uv, but it sees the stack by itself."""

import importlib.metadata
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.utils import canonicalize_name

from strata_lab.backends.base import Problem, Resolution, Work
from strata_lab.backends.conflicts import explained, failed
from strata_lab.backends.selection import subtracted
from strata_lab.backends.stubs import is_version, pins
from strata_lab.environments import Locked
from strata_lab.errors import BackendFailed, Refused, Unsatisfiable
from strata_lab.layout import make_private

_IMPOSSIBLE = (
    "ResolutionImpossible",
    "No matching distribution",
    "Could not find a version",
    "conflicting dependencies",
)


class Pip:
    """The installer ``pip``, from the machinery, never from the environment that it changes."""

    name = "pip"

    def tools(self) -> dict[str, str]:
        """Return pip's version."""
        return {"pip": importlib.metadata.version("pip")}

    def resolve(self, problem: Problem, work: Work) -> Resolution:
        """Resolve with every version of the stack held fast; where that fails, without holding it."""
        try:
            return self._report(problem, work, pins(work.stack, problem.shadow), conflict=None)
        except Unsatisfiable as held:
            reason = str(held)
        return self._report(problem, work, [], conflict=reason)

    def install(self, prefix: Path, packages: tuple[Locked, ...], work: Work) -> None:
        """Install exactly these files, hashes checked.

        Raises
        ------
        BackendFailed
            With pip's own last words.
        """
        with TemporaryDirectory(dir=work.home) as scratch:
            lock = Path(scratch, "lock.txt")
            lines = [f"{item.name} @ {item.url} --hash=sha256:{item.sha256}\n" for item in packages]
            lock.write_text("".join(lines), encoding="utf-8")
            words = ["--no-deps", "--require-hashes", "--no-compile", "--no-warn-script-location", "-r", str(lock)]
            finished = self._run(work, prefix / "bin" / "python", words, work.policy.build_timeout, loud=True)
        if finished[0] != 0:
            raise failed("pip could not install", finished[1])

    def _report(self, problem: Problem, work: Work, fixed: list[str], *, conflict: str | None) -> Resolution:
        if problem.build:
            raise Refused("Building from source needs the installer uv.")
        soft = {item.name: item.version for item in problem.preferred if is_version(item.version)}
        kept = [f"{name}=={version}" for name, version in soft.items() if name not in problem.upgrade]
        try:
            return self._ask(problem, work, [*fixed, *kept], conflict)
        except Unsatisfiable:
            if not kept:
                raise
        return self._ask(problem, work, fixed, conflict)

    def _ask(self, problem: Problem, work: Work, constraints: list[str], conflict: str | None) -> Resolution:
        with TemporaryDirectory(dir=work.home) as scratch:
            asked, fixed, out = (Path(scratch, name) for name in ("asked.txt", "fixed.txt", "report.json"))
            asked.write_text("".join(f"{line}\n" for line in problem.requirements), encoding="utf-8")
            fixed.write_text("".join(f"{pin}\n" for pin in dict.fromkeys(constraints)), encoding="utf-8")
            words = ["--dry-run", "--quiet", "--report", str(out), "-c", str(fixed), "-r", str(asked)]
            code, errors = self._run(work, work.stack.executable, words, work.policy.resolve_timeout)
            if code != 0:
                if any(mark in errors for mark in _IMPOSSIBLE):
                    raise Unsatisfiable(explained(errors), hint="Ask for another version, or for fewer packages.")
                raise BackendFailed(f"pip could not resolve: {explained(errors)}")
            found = _locked(json.loads(out.read_text(encoding="utf-8")))
        return subtracted(found, problem, work, conflict)

    def _run(
        self, work: Work, python: Path, words: list[str], timeout: float, *, loud: bool = False
    ) -> tuple[int, str]:
        cache = make_private(make_private(work.cache) / "pip")
        finished = work.run(
            [
                *(sys.executable, "-I", "-m", "pip", "--isolated", "--no-input", "--disable-pip-version-check"),
                *("--no-color", "--keyring-provider", "disabled", "--python", python, "--cache-dir", cache, "install"),
                *("--only-binary", ":all:", "--progress-bar", "off", "--break-system-packages", "--no-user"),
                *_sources(work),
                *words,
            ],
            timeout=timeout,
            environment={"PIP_CONFIG_FILE": "/dev/null"},
            loud=loud,
        )
        return finished.code, finished.stderr


def _sources(work: Work) -> list[str]:
    if not work.indexes:
        return ["--no-index"]
    if len(work.indexes) > 1:
        raise Refused("pip takes the highest version of all indexes, so it may be used with one index only.")
    return ["--index-url", work.indexes[0].url]


def _locked(report: Mapping[str, Any]) -> list[Locked]:
    found = []
    try:
        for item in report["install"]:
            metadata, origin = item["metadata"], item["download_info"]
            found.append(
                Locked(
                    name=canonicalize_name(metadata["name"]),
                    version=str(metadata["version"]),
                    url=origin["url"],
                    sha256=origin.get("archive_info", {}).get("hashes", {}).get("sha256"),
                    requires=tuple(metadata.get("requires_dist") or ()),
                )
            )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BackendFailed("pip's report cannot be read.") from error
    return found
