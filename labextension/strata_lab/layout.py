"""Where strata-lab keeps things.

::

    ~/.strata/
        environments/NAME/      one folder per environment
            current             -> ../../generations/ID      the switch, replaced by rename
            history.jsonl       one line per change, appended after the switch
        generations/ID/         a prefix, complete once it holds record.json; never changed by us, never named twice
        bin/NAME.TIME.TAG/      deleted environments, until the sweep
        locks/NAME/             leases

Generations lie beside the environments, not in them: an installed script names its interpreter by an absolute path, so
a generation must never move, while an environment is renamed, binned and restored by one ``rename`` of its folder.

The cache (wheels, stubs, inventories, scratch) is never in the home.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strata_lab.errors import StackUnusable
from strata_lab.image_contract import ImageContract

RECORD = "record.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one user.

    Attributes
    ----------
    root
        Usually ``~/.strata``.
    cache
        A folder off the home; may vanish at any time.
    """

    root: Path
    cache: Path

    @property
    def environments(self) -> Path:
        """The folder of the environments."""
        return self.root / "environments"

    @property
    def generations(self) -> Path:
        """The folder of all generations."""
        return self.root / "generations"

    @property
    def bin(self) -> Path:
        """The folder of deleted environments."""
        return self.root / "bin"

    @property
    def locks(self) -> Path:
        """The folder of the leases."""
        return self.root / "locks"

    def environment(self, name: str) -> Path:
        """Return the folder of one environment, whose name has been checked."""
        return self.environments / name

    def current(self, name: str) -> Path:
        """Return the symlink that an environment is switched by."""
        return self.environments / name / "current"

    def history(self, name: str) -> Path:
        """Return the file of what was done to an environment."""
        return self.environments / name / "history.jsonl"

    def generation(self, identifier: str) -> Path:
        """Return the folder of one generation."""
        return self.generations / identifier

    @classmethod
    def of(cls, contract: ImageContract, environ: Mapping[str, str] | None = None) -> "Layout":
        """Return the layout that an image contract and the environment variables ask for.

        Raises
        ------
        StackUnusable
            If there is no home to keep environments in.
        """
        environ = os.environ if environ is None else environ
        home = environ.get("HOME", "")
        if contract.environments is None and not Path(home).is_absolute():
            raise StackUnusable("HOME is not set, so there is no place for environments.")
        root = contract.environments or Path(home) / ".strata"
        return cls(root=root, cache=contract.cache or default_cache(Path(home), environ))


def default_cache(home: Path, environ: Mapping[str, str]) -> Path:
    """Return XDG_CACHE_HOME's folder if that is off the home, else a private one of this user under TMPDIR."""
    asked = Path(environ.get("XDG_CACHE_HOME", ""))
    if asked.is_absolute() and not asked.resolve().is_relative_to(home.resolve()):
        return asked / "strata"
    temporary = Path(environ.get("TMPDIR", "/tmp"))  # noqa: S108 - the folder below is made with mode 0700 and its owner is checked
    return temporary / f"strata-cache-{os.getuid()}"


def make_private(folder: Path) -> Path:
    """Make a folder that only this user may enter, and return it.

    Raises
    ------
    StackUnusable
        If somebody else owns what lies there: a shared /tmp may be prepared by another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        raise StackUnusable(f"{folder} belongs to somebody else.", hint="Set XDG_CACHE_HOME to a folder of your own.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder
