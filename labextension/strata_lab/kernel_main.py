"""The program of a kernel: runs in the stack's interpreter, which may be another Python than the machinery's.

It is executed by path, never imported, needs nothing but the standard library and ipykernel, and keeps to Python 3.8.
"""

import sys

# The folder of this file would shadow modules of the stack; -P, which prevents it, exists since Python 3.11 only.
if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]

import contextlib
import importlib
import json
import os
import shlex
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, FrozenSet, List  # noqa: UP035 - Python 3.8

# As in strata_lab.kernels, which the stack's interpreter cannot import.
FOLDER_VARIABLE = "STRATA_KERNEL_FOLDER"
NOTICE_VARIABLE = "STRATA_KERNEL_NOTICE"
PIP_VARIABLE = "STRATA_PIP"
RESULT_VARIABLE = "STRATA_PIP_RESULT"
STARTING = "starting"
TRIAL = "trial.json"
TRIAL_SECONDS = 30.0
STANDARD_HOOK: Any = sys.path_hooks[-1]


class Listed:
    """Finds modules in a folder that does not change while a kernel starts: it is listed once, never asked again.

    An activated stack has 150 folders in front of the one that holds ipykernel, and a kernel imports 700 modules.
    """

    paths: FrozenSet[str] = frozenset()  # noqa: UP006 - Python 3.8

    def __init__(self, path: str) -> None:
        if path not in self.paths:
            raise ImportError(path)
        self._finder = STANDARD_HOOK(path)
        try:
            self._names = {entry.partition(".")[0] for entry in os.listdir(path)}  # noqa: PTH208 - names are wanted
        except OSError:
            self._names = set()

    def find_spec(self, name: str, target: Any = None) -> Any:  # noqa: ANN401 - the protocol of import
        """Return the module's specification, or None."""
        return self._finder.find_spec(name, target) if name.rpartition(".")[2] in self._names else None

    def invalidate_caches(self) -> None:
        """Do nothing: it lives as long as the start."""

    @classmethod
    def begin(cls) -> None:
        """Use it for the folders of PYTHONPATH."""
        cls.paths = frozenset(part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part)
        sys.path_hooks.insert(0, cls)
        cls._forget()

    @classmethod
    def end(cls) -> None:
        """Leave them to Python's own finder."""
        sys.path_hooks.remove(cls)
        cls._forget()

    @classmethod
    def _forget(cls) -> None:
        for path in cls.paths:
            sys.path_importer_cache.pop(path, None)


def main() -> None:
    """Start ipykernel, after a trial in another process where the user's start-up files could end it."""
    folder = os.environ.pop(FOLDER_VARIABLE, "")
    notice = os.environ.pop(NOTICE_VARIABLE, "")
    said = _tried(Path(folder)) if folder and (Path(folder) / TRIAL).exists() else ""
    Listed.begin()
    app = prepared(folder, sys.argv[1:])
    Listed.end()
    adopt(app.shell, "\n".join(part for part in (notice, said) if part))
    app.start()


def _tried(folder: Path) -> str:
    """Start a kernel that nobody talks to; where it does not get through, leave the user's files out and say so.

    Jupyter asks a new kernel one question and waits for a minute: one that ends while starting would keep it waiting.
    The fork comes before there are threads, so nothing of a kernel has been imported yet.
    """
    plan = json.loads((folder / TRIAL).read_text(encoding="utf-8"))
    child = os.fork()
    if child == 0:
        prepared(str(folder), ["-f", str(folder / "trial-connection.json")])
        os._exit(0)
    if _ended_well(child):
        Path(plan["passed"]).touch()
        (folder / STARTING).touch()
        return ""
    Path(plan["blocked"]).touch()
    for link in plan["links"]:
        Path(link).unlink()
    return str(plan["sentence"])


def _ended_well(child: int) -> bool:
    """Wait for a process, and say whether it ended with 0 in its time."""
    deadline = time.monotonic() + TRIAL_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def prepared(folder: str, arguments: List[str]) -> Any:  # noqa: ANN401, UP006 - untyped there; Python 3.8
    """Return a kernel that has read the user's files: with its folder off the home, then with the user's own again."""
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - starts threads, which a fork would lose
    from traitlets.config import Config  # noqa: PLC0415 - as above

    settings = Config()
    # The working directory comes onto the path when all that starting needs has been imported.
    settings.IPKernelApp.ignore_cwd = True
    own = os.environ.get("IPYTHONDIR")
    if folder:
        os.environ["IPYTHONDIR"] = folder
        # SQLite in a home on a network can hang for ever.
        settings.HistoryManager.hist_file = str(Path(folder) / "history.sqlite")
    app: Any = IPKernelApp.instance(config=settings)
    app.initialize(arguments)
    sys.path.insert(0, "")
    if folder:
        # What the kernel starts is the user's, and so is its folder.
        os.environ.pop("IPYTHONDIR")
        os.environ.update({} if own is None else {"IPYTHONDIR": own})
        with contextlib.suppress(OSError):
            (Path(folder) / STARTING).unlink()
    return app


def adopt(shell: Any, notice: str) -> None:  # noqa: ANN401 - the stack's IPython has no types here
    """Register Strata's ``%pip``, and show a notice with the first cell that runs."""
    command = os.environ.get(PIP_VARIABLE)
    if command:
        shell.register_magic_function(lambda line: pip(shell, command, line), "line", "pip")
    if notice:

        def show(*_: object) -> None:
            shell.events.unregister("pre_run_cell", show)
            sys.stderr.write(notice + "\n")

        shell.events.register("pre_run_cell", show)


def pip(shell: Any, command: str, line: str) -> None:  # noqa: ANN401 - as above
    """Run ``%pip``: the command changes the environment of this kernel, which then finds what is new.

    A module that is already imported stays as it is; the names of such modules are printed.
    """
    handle, result = tempfile.mkstemp(prefix="strata-pip-")
    os.close(handle)
    try:
        shell.system(f"{RESULT_VARIABLE}={shlex.quote(result)} {shlex.quote(command)} {line}")
        changed = json.loads(Path(result).read_text(encoding="utf-8") or "{}")
    except (OSError, ValueError):
        changed = {}
    finally:
        Path(result).unlink()
    importlib.invalidate_caches()
    site = changed.get("site")
    if site and site not in sys.path:
        sys.path.insert(1, site)
        name = changed["environment"]
        sys.stdout.write(f"This kernel now sees the environment {name}; its own kernel has it from the start.\n")
    stale = sorted(set(changed.get("modules", ())) & set(sys.modules))
    if stale:
        sys.stdout.write(f"Restart the kernel to use the new {', '.join(stale)}.\n")


if __name__ == "__main__":
    main()
