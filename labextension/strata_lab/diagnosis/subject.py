"""What a probe looks at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strata_lab.image_contract import ImageContract
from strata_lab.kernels import Kernel


@dataclass(frozen=True, slots=True)
class Subject:
    """One user's home, in one lab.

    Attributes
    ----------
    home
        The user's home.
    environ
        The user's own environment, as kernels and terminals get it.
    contract
        The image's; None where it has none that can be read.
    kernels
        The kernels of this lab, by name.
    names
        Names that can be imported from the stack; files of these names shadow them.
    folders
        Where notebooks are run, besides the home.
    """

    home: Path
    environ: Mapping[str, str]
    contract: ImageContract | None = None
    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()

    @property
    def protected(self) -> bool:
        """Whether the machinery is kept apart, so that what lies in the home cannot reach it."""
        return self.contract is not None and not self.contract.one_python


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def some(names: Iterable[str], limit: int = 5) -> str:
    """Return a few names for a sentence."""
    known = list(names)
    rest = len(known) - limit
    return ", ".join(known[:limit]) + (f" and {rest} more" if rest > 0 else "")
