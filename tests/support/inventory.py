"""A folder file by file: what proves that nothing in it was changed."""

import hashlib
import os
from pathlib import Path

Inventory = dict[str, tuple[int, int, str]]


def inventory(folder: Path) -> Inventory:
    """Return mode, size and SHA-256 (or a link's target) of each entry under `folder`, by relative path."""
    found: Inventory = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            status = path.lstat()
            if path.is_symlink():
                said = os.fspath(path.readlink())
            elif path.is_file():
                with path.open("rb") as file:
                    said = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                said = "folder"
            found[str(path.relative_to(folder))] = (status.st_mode, 0 if path.is_dir() else status.st_size, said)
    return found


def differences(before: Inventory, after: Inventory) -> list[str]:
    """Return the relative paths of what came, went or changed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
