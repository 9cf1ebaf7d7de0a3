"""What a full home stops."""

import os
from collections.abc import Iterator
from pathlib import Path

from strata_lab.diagnosis.subject import Subject
from strata_lab.findings import Finding, Severity

_LITTLE_BYTES = 50_000_000
_LITTLE_FILES = 200
_LARGE_BYTES = 100_000_000
_FILES_LIMIT = 20_000
# Folders that programs fill again by themselves.
_REFILLED = (
    (".cache", "caches of programs, which they make again"),
    (".local/share/Trash", "what you deleted in the file browser"),
    (".conda/pkgs", "packages that conda keeps"),
    (".npm", "packages that npm keeps"),
)


def full(subject: Subject) -> Iterator[Finding]:
    """Find a home in which little can be written."""
    try:
        state = os.statvfs(subject.home)
    except OSError as error:
        yield Finding("home", Severity.HARM, "The home cannot be read", f"{error.strerror}. Ask your administrators.")
        return
    free = state.f_bavail * state.f_frsize
    if free < _LITTLE_BYTES:
        yield Finding(
            "full",
            Severity.HARM if free < _LITTLE_BYTES // 50 else Severity.RISK,
            f"The home is nearly full: {free / 1e6:.1f} MB are left",
            "Notebooks cannot be saved when nothing is left. Delete what you no longer need.",
        )
    if state.f_files and state.f_favail < _LITTLE_FILES:
        yield Finding(
            "full-files",
            Severity.HARM,
            f"The home may hold only {state.f_favail} more files",
            "Delete folders with many small files, such as old environments.",
        )


def refilled(subject: Subject) -> Iterator[Finding]:
    """Find large folders that can be emptied without loss."""
    for name, what in _REFILLED:
        folder = subject.home / name
        size, complete = size_of(folder)
        if size >= _LARGE_BYTES or not complete:
            yield Finding(
                "space",
                Severity.NOTE,
                f"~/{name} holds {'' if complete else 'more than '}{size / 1e6:.0f} MB",
                f"It holds {what}. Deleting it frees the space; moving it aside does not.",
            )


def size_of(folder: Path) -> tuple[int, bool]:
    """Return the bytes on disk below a folder, and whether all was counted: at most 20,000 entries are looked at."""
    total, seen, waiting = 0, 0, [folder]
    while waiting:
        try:
            found = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in found:
            seen += 1
            if seen > _FILES_LIMIT:
                return total, False
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
    return total, True
