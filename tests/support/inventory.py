"""A folder file by file: what proves that nothing in it was changed."""

import hashlib
import os
from pathlib import Path


def inventory(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and SHA-256 (or a link's target) of everything below `folder`, by relative path."""
    found: dict[str, tuple[int, str]] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_dir():
                content = ""
            else:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
            found[str(path.relative_to(folder))] = (mode, content)
    return found


def differences(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> list[str]:
    """Return the relative paths of what came, went or changed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
