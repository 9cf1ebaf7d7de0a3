"""Packages whose import does not end, so that an operation can be met in its middle."""

import os
from pathlib import Path

from support.waiting import eventually
from support.wheels import Wheel, make_wheel

_HANGING = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(3600)"])
with open({marks!r} + ".new", "w") as stream:
    stream.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({marks!r} + ".new", {marks!r})
time.sleep(3600)
"""


class Hanging:
    """A wheel whose import starts a child, says who both are, and sleeps.

    Parameters
    ----------
    marks
        The file that gets the two process ids.
    """

    def __init__(self, marks: Path, name: str = "hanging") -> None:
        self._marks = marks
        self.wheel: Wheel = make_wheel(name, "1.0", files={f"{name}.py": _HANGING.format(marks=str(marks))})

    def wait(self) -> list[int]:
        """Return the process ids when the import hangs."""
        eventually(self._marks.exists)
        return [int(word) for word in self._marks.read_text().split()]


def gone(pids: list[int]) -> bool:
    """Whether none of these processes runs any more."""
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
