"""What an installer must be able to do, and what it is given to do it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from strata_lab.backends.process import Finished, clean_environment, run
from strata_lab.environments import Kind, Locked
from strata_lab.guard import Policy
from strata_lab.image_contract import Index
from strata_lab.layout import make_private
from strata_lab.progress import CancelledCheck, Line, Report, ignore, never
from strata_lab.stack import Stack


@dataclass(frozen=True, slots=True)
class Work:
    """The surroundings of one operation.

    Attributes
    ----------
    stack
        The stack at hand.
    cache
        A private folder off the home, which may be empty.
    indexes, channels
        The only places that packages may come from, first one first.
    """

    stack: Stack
    policy: Policy
    cache: Path
    indexes: tuple[Index, ...] = ()
    channels: tuple[str, ...] = ()
    report: Report = ignore
    cancelled: CancelledCheck = never

    @property
    def home(self) -> Path:
        """An empty private folder that children are given as HOME and working directory."""
        return make_private(make_private(self.cache) / "home")

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        timeout: float,
        environment: Mapping[str, str] | None = None,
        loud: bool = False,
    ) -> Finished:
        """Run a child in a clean environment; ``loud`` reports its standard error line by line."""
        home = self.home
        return run(
            argv,
            environment=clean_environment(home, environment),
            cwd=home,
            timeout=timeout,
            cancelled=self.cancelled,
            on_line=(lambda text: self.report(Line(text))) if loud else None,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be resolved.

    Attributes
    ----------
    requirements
        The whole intent's requirements, not only what is new.
    preferred
        What is installed or locked already: kept where it fits.
    upgrade
        Names that shall move to the newest version that fits.
    build
        Names that may be built from source.
    shadow
        Names of the stack that may be replaced without asking again.
    python
        The Python that a conda environment asks for.
    """

    requirements: tuple[str, ...]
    preferred: tuple[Locked, ...] = ()
    upgrade: frozenset[str] = frozenset()
    build: frozenset[str] = frozenset()
    shadow: frozenset[str] = frozenset()
    python: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the resolver found.

    Attributes
    ----------
    packages
        All that the environment must hold itself, sorted by name; what the stack has is left out.
    satisfied
        Requirements' names that the stack satisfies, with the version: ``numpy 2.2.6``.
    conflict
        The resolver's explanation, if the stack's own versions could not all be kept.
    """

    packages: tuple[Locked, ...]
    satisfied: tuple[str, ...] = ()
    conflict: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What verification found.

    Attributes
    ----------
    imports
        Modules that were imported.
    problems
        Sentences; empty when the generation works.
    notes
        Sentences about what is not as it should be, but does no harm.
    locked
        The packages with what their installed metadata says; empty where that adds nothing.
    size, files
        Bytes and entries that the prefix takes.
    """

    imports: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    locked: tuple[Locked, ...] = ()
    size: int = 0
    files: int = 0


class Backend(Protocol):
    """One kind of environment."""

    kind: Kind

    def tools(self) -> dict[str, str]:
        """Return the versions of the programs that make a generation."""

    def resolve(self, problem: Problem, work: Work) -> Resolution:
        """Find what must be installed.

        Raises
        ------
        Unsatisfiable
            With the resolver's own short explanation.
        """

    def build(self, prefix: Path, packages: tuple[Locked, ...], work: Work) -> None:
        """Fill an empty folder with a prefix that holds these packages, hashes checked."""

    def verify(self, prefix: Path, packages: tuple[Locked, ...], changed: frozenset[str], work: Work) -> Proof:
        """Look at the prefix through its own interpreter, importing what belongs to the changed names."""

    def installed(self, prefix: Path, work: Work) -> tuple[Locked, ...]:
        """Return what the prefix holds now, whoever put it there (no URLs where the installer does not keep them)."""

    def python(self, prefix: Path) -> Path:
        """Return the interpreter of a prefix."""
