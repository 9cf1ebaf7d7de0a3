"""uv as resolver and installer: the calls that work against a stack that uv itself does not see."""

import functools
import importlib.metadata
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from uv import find_uv_bin

from strata_lab.backends.base import Problem, Resolution, Work
from strata_lab.backends.conflicts import explained, failed
from strata_lab.backends.process import Finished
from strata_lab.backends.pylock import HEAD, lock_text, read_lock
from strata_lab.backends.selection import subtracted
from strata_lab.backends.stubs import is_version, pins, stub_folder
from strata_lab.environments import Locked
from strata_lab.errors import BackendFailed, Unsatisfiable
from strata_lab.layout import make_private


class Uv:
    """The installer ``uv``."""

    name = "uv"

    def tools(self) -> dict[str, str]:
        """Return uv's version."""
        return {"uv": _version()}

    def resolve(self, problem: Problem, work: Work) -> Resolution:
        """Resolve with every version of the stack held fast; where that fails, with the stack's versions preferred."""
        try:
            return self._compile(problem, work, free=problem.shadow, conflict=None)
        except Unsatisfiable as held:
            reason = str(held)
        return self._compile(problem, work, free=frozenset(work.stack.by_name), conflict=reason)

    def install(self, prefix: Path, packages: tuple[Locked, ...], work: Work) -> None:
        """Install exactly these files into a prefix, each checked against its hash.

        The bytes are fixed by their hashes, so a cache that has them all need not ask whether they are still the same.

        Raises
        ------
        BackendFailed
            With uv's own last words.
        """
        with TemporaryDirectory(dir=work.home) as scratch:
            lock = Path(scratch, "pylock.toml")
            lock.write_text(lock_text(packages), encoding="utf-8")
            before = _entries(prefix)
            finished = self._install(prefix, packages, lock, work, "--offline")
            # uv takes a half-installed package for an installed one: no second attempt where the first wrote anything.
            if finished.code != 0 and _entries(prefix) == before:
                finished = self._install(prefix, packages, lock, work)
        (prefix / ".lock").unlink(missing_ok=True)
        if finished.code != 0:
            raise failed("uv could not install", finished.stderr)

    def _install(self, prefix: Path, packages: tuple[Locked, ...], lock: Path, work: Work, *more: str) -> Finished:
        sources = frozenset(item.name for item in packages if item.from_source)
        link = "hardlink" if _same_device(prefix, work.cache) else "copy"
        fixed = ["--no-deps", "--link-mode", link, *_wheels_but_for(sources), *more]
        command = [*self._command(work, "install"), *fixed, "--python", prefix / "bin" / "python", "-r", lock]
        return work.run(command, timeout=work.policy.build_timeout, loud=not more)

    def _command(self, work: Work, verb: str) -> list[str | Path]:
        cache = make_private(make_private(work.cache) / "uv")
        options = [
            "--no-config",
            "--system-certs",
            "--color",
            "never",
            "--no-progress",
            "--no-python-downloads",
            "--cache-dir",
        ]
        return [find_uv_bin(), *options, cache, "pip", verb, "--keyring-provider", "disabled"]

    def _compile(self, problem: Problem, work: Work, *, free: frozenset[str], conflict: str | None) -> Resolution:
        stack = work.stack
        upgrade = {name for name in problem.upgrade if name not in stack.by_name}
        preferred = {item.name: item.version for item in problem.preferred if is_version(item.version)}
        if conflict is not None:
            preferred = {item.name: item.version for item in stack.by_name.values()} | preferred
        with TemporaryDirectory(dir=work.home) as scratch:
            asked, fixed, out = (Path(scratch, name) for name in ("asked.in", "fixed.txt", "pylock.toml"))
            asked.write_text("".join(f"{line}\n" for line in problem.requirements), encoding="utf-8")
            fixed.write_text("".join(f"{pin}\n" for pin in pins(stack, free)), encoding="utf-8")
            if preferred:
                out.write_text(_preferences(preferred), encoding="utf-8")
            finished = work.run(
                [
                    *self._command(work, "compile"),
                    *_sources(work, stub_folder(stack, work.cache)),
                    *_wheels_but_for(problem.build),
                    *(word for name in sorted(upgrade) for word in ("--upgrade-package", name)),
                    "--quiet",
                    "--no-sources",
                    "--format",
                    "pylock.toml",
                    "--python",
                    stack.base_executable,
                    "-c",
                    fixed,
                    "-o",
                    out,
                    asked,
                ],
                timeout=work.policy.resolve_timeout,
            )
            if finished.code != 0:
                raise _failure(finished.stderr)
            document = tomllib.loads(out.read_text(encoding="utf-8"))
        return subtracted(read_lock(document), problem, work, conflict)


def _entries(prefix: Path) -> set[str]:
    """Return the paths of what lies in a prefix, as far as an installer that began would have added to it."""
    places = [prefix, prefix / "bin", *prefix.glob("lib/*/site-packages")]
    return {entry.path for place in places for entry in os.scandir(place) if entry.name != ".lock"}


def _sources(work: Work, stubs: Path) -> list[str | Path]:
    words: list[str | Path] = ["--find-links", stubs, "--index-strategy", "first-index"]
    if not work.indexes:
        return [*words, "--no-index"]
    *first, last = work.indexes
    for index in first:
        words += ["--index", index.url]
    return [*words, "--default-index", last.url]


def _wheels_but_for(names: frozenset[str]) -> list[str]:
    """Return the options that let only these packages be built from source."""
    return ["--only-binary", ":all:", *(word for name in sorted(names) for word in ("--no-binary", name))]


def _preferences(versions: Mapping[str, str]) -> str:
    rows = (f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in sorted(versions.items()))
    return HEAD + "\n" + "\n".join(rows)


def _failure(stderr: str) -> Unsatisfiable | BackendFailed:
    text = explained(stderr)
    if "No solution found" in stderr or "unsatisfiable" in stderr:
        return Unsatisfiable(text, hint="Ask for another version, or for fewer packages.")
    return BackendFailed(f"uv could not resolve: {text}", hint="If the index cannot be reached, try again later.")


def _same_device(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


@functools.cache
def _version() -> str:
    return importlib.metadata.version("uv")
