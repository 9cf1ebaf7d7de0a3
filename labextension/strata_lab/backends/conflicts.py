"""A resolver's explanation, brought to the few lines that say what does not fit."""

import re

from strata_lab.errors import BackendFailed, NoSpace, StrataError

_MARKS = re.compile(r"[\s×╰─▶│├└]+")  # noqa: RUF001 - uv draws a tree with these
_LIMIT = 1200
_FULL = ("No space left on device", "Disk quota exceeded")


def explained(stderr: str) -> str:
    """Return the explanation without decoration, at most 1200 characters, on one line."""
    lines = []
    for line in stderr.splitlines():
        text = _MARKS.sub("", line, count=1).strip() if _MARKS.match(line) else line.strip()
        if text and not text.startswith(("warning:", "WARNING", "Resolved", "Using ", "hint:")):
            lines.append(text)
    joined = " ".join(lines).removeprefix("error: ").removeprefix("ERROR: ")
    joined = joined.removeprefix("No solution found when resolving dependencies").lstrip(": ").removeprefix("cause: ")
    return joined[:_LIMIT] or "it gave no reason."


def failed(sentence: str, stderr: str) -> StrataError:
    """Return the error that an installer's last words stand for."""
    if any(mark in stderr for mark in _FULL):
        return NoSpace(f"{sentence}: the disk or the quota is full.", hint="Delete an environment, or empty the bin.")
    return BackendFailed(f"{sentence}: {explained(stderr)}")
