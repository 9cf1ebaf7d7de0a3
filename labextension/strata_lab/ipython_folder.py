"""The folder of a kernel's IPython: off the home, with the user's start-up files in it while they do no harm.

A start-up file can end the kernel, or hang it. Files that no kernel has read yet are tried by the kernel's program in
another process first (see ``kernel_main``). A marker lies in the folder while a kernel starts; one that is found there
again means that the last start did not get through, and this one leaves the user's files out, and says so.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from strata_lab.kernels import STARTING, TRIAL

_CONFIGURATION = ("ipython_config.py", "ipython_config.json", "ipython_kernel_config.py", "ipython_kernel_config.json")
_LEFT_OUT = (
    "Your IPython start-up files were left out, because the kernel did not start with them: {}. "
    "They are untouched; `strata doctor` says more."
)


def prepare(folder: Path, environ: Mapping[str, str], *, safe: bool) -> list[str]:
    """Make the folder, and link the user's start-up files into it unless they stopped a kernel before.

    Parameters
    ----------
    folder
        Of one kernel; its parent keeps what was learnt.
    environ
        The user's environment, which names the home.
    safe
        Whether nothing of the user's is read.

    Returns
    -------
    list of str
        Sentences for the user.

    Raises
    ------
    OSError
        The private folder cannot be written.
    """
    profile = folder / "profile_default"
    (profile / "startup").mkdir(parents=True, exist_ok=True, mode=0o700)
    marker = folder / STARTING
    files = user_files(environ)
    blocked = folder.parent / f"left-out-{_signature(files)}"
    if marker.exists() and files:
        blocked.touch()
    _unlink_all(profile)
    (folder / TRIAL).unlink(missing_ok=True)
    marker.touch()
    if safe or not files:
        return []
    sentence = _LEFT_OUT.format(", ".join(str(path) for path in files))
    if blocked.exists():
        return [sentence]
    links = [(profile if path.name in _CONFIGURATION else profile / "startup") / path.name for path in files]
    for link, path in zip(links, files, strict=True):
        link.symlink_to(path)
    passed = folder.parent / f"passed-{_signature(files)}"
    if not passed.exists():
        plan = {"links": list(map(str, links)), "blocked": str(blocked), "passed": str(passed), "sentence": sentence}
        (folder / TRIAL).write_text(json.dumps(plan), encoding="utf-8")
    return []


def user_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the user's IPython configuration and start-up files."""
    home = environ.get("HOME", "")
    own = Path(environ.get("IPYTHONDIR") or Path(home, ".ipython")) / "profile_default"
    found = [own / name for name in _CONFIGURATION if (own / name).is_file()]
    try:
        startup = sorted((own / "startup").iterdir())
    except OSError:
        startup = []
    return found + [path for path in startup if path.suffix in {".py", ".ipy"}]


def _signature(files: list[Path]) -> str:
    stamps = []
    for path in files:
        try:
            state = path.stat()
        except OSError:
            continue
        stamps.append((str(path), state.st_size, state.st_mtime_ns))
    return hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]


def _unlink_all(profile: Path) -> None:
    for folder in (profile, profile / "startup"):
        for entry in folder.iterdir():
            if entry.is_symlink():
                entry.unlink()
