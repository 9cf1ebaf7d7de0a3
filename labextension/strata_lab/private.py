"""A private folder on local disk for all that a lab's server writes for itself.

A server that keeps its runtime files, its signatures and its configuration in the home does not start when the home is
full, and reads what was planted there. So each start gets a new folder, mode 0700, under a local temporary folder; what
earlier starts of the same user left is swept.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER_VARIABLE = "STRATA_PRIVATE"
PARENT_VARIABLE = "STRATA_PRIVATE_PARENT"
# TMPDIR is not asked, as it may lie in the home.
_LOCAL = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - mkdtemp makes the names, mode 0700
_ROOM = 256 * 1024
_NAME = re.compile(r"strata-lab-(?P<uid>\d{1,10})-(?P<pid>\d{1,10})-\w+", re.ASCII)
SUBFOLDERS = ("bin", "config", "data", "ipython", "runtime", "work")


def create(environ: Mapping[str, str], *, pid: int | None = None) -> Path:
    """Make the private folder of one start, with its subfolders.

    Parameters
    ----------
    environ
        Names the parent folder in ``STRATA_PRIVATE_PARENT``; where it does not, the first local temporary folder that
        has room is taken.
    pid
        The process whose end makes the folder rubbish; by default this one, which a launch keeps by ``exec``.

    Raises
    ------
    OSError
        No parent folder is writable, or all are full.
    """
    owner = os.getpid() if pid is None else pid
    chosen = environ.get(PARENT_VARIABLE)
    failure = OSError(f"no local temporary folder among {', '.join(_LOCAL)}")
    for parent in [Path(chosen)] if chosen else [Path(name) for name in _LOCAL]:
        for stale in left_over(parent):
            shutil.rmtree(stale, ignore_errors=True)
        try:
            return _make(parent, owner)
        except OSError as error:
            failure = error
    raise failure


def _make(parent: Path, owner: int) -> Path:
    """Make one folder under `parent`, and find out that it can hold something."""
    folder = Path(tempfile.mkdtemp(prefix=f"strata-lab-{os.getuid()}-{owner}-", dir=parent))
    try:
        for name in SUBFOLDERS:
            (folder / name).mkdir(mode=0o700)
        probe = folder / "work" / "room"
        probe.write_bytes(bytes(_ROOM))
        probe.unlink()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def left_over(parent: Path) -> Iterator[Path]:
    """Yield the private folders of this user under `parent` whose process has ended."""
    try:
        entries = list(os.scandir(parent))
    except OSError:
        return
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is None or int(match["uid"]) != os.getuid() or _alive(int(match["pid"])):
            continue
        try:
            state = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid():
            yield Path(entry.path)


def of(environ: Mapping[str, str]) -> Path | None:
    """Return the private folder that a launch made, or None where the lab was started another way."""
    value = environ.get(FOLDER_VARIABLE)
    if not value:
        return None
    folder = Path(value)
    return folder if folder.is_dir() else None


def _alive(pid: int) -> bool:
    """Say whether a process exists; a recycled number only delays a sweep."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
