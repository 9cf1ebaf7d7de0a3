"""The user's own settings and workspaces of JupyterLab, which stay in the home and must not stop it from loading."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata_lab.errors import StrataError

if TYPE_CHECKING:
    from strata_lab.aside import Asides

_REASON = "JupyterLab could not load while these settings were there: they cannot be read."
_SIZE_LIMIT = 2_000_000


def unreadable(folder: Path) -> list[Path]:
    """Return the files below ``~/.jupyter/lab`` that JupyterLab would fail to parse.

    Settings are JSON5, workspaces JSON; a settings file that JSON reads needs no second look.
    """
    settings = sorted(folder.glob("user-settings/**/*.jupyterlab-settings"))
    workspaces = sorted(folder.glob("workspaces/*.jupyterlab-workspace"))
    return [path for path in settings if not _readable(path, empty=True)] + [
        path for path in workspaces if not _readable(path, empty=False)
    ]


def repair(paths: Iterable[Path], asides: "Asides") -> list[str]:
    """Move unreadable settings aside; return a sentence for each, also where that was impossible."""
    said = []
    for path in paths:
        try:
            record = asides.put(path, _REASON)
            said.append(
                f"{path} cannot be read and was moved aside; `strata doctor` restores it ({record.identifier})."
            )
        except StrataError as error:
            said.append(error.sentence())
    return said


def _readable(path: Path, *, empty: bool) -> bool:
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            return False
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if not text:
        return empty
    try:
        found: Any = json.loads(text)
    except ValueError:
        if path.suffix != ".jupyterlab-settings":
            return False
        found = _json5(text)
    return isinstance(found, dict)


def _json5(text: str) -> object:
    """Parse the dialect of JupyterLab's settings; imported only for a file that has comments."""
    import json5  # noqa: PLC0415 - slow to import, and most starts need none of it

    try:
        return json5.loads(text)
    except (ValueError, RecursionError):
        return None
