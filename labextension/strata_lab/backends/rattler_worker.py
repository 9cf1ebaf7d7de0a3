"""The child process in which py-rattler runs: its solver takes a gigabyte, and it may crash when Python exits.

Started as ``python -I -m strata_lab.backends.rattler_worker REQUEST RESULT``; both are JSON files. The result is what
counts, never the exit code. Lines ``{"done": n, "total": n}`` on standard error tell progress in bytes.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from strata_lab.backends import conda_install, conda_solve

Json = dict[str, Any]
TASKS: dict[str, Callable[[Json], Coroutine[Any, Any, Json]]] = {
    "solve": conda_solve.solve,
    "install": conda_install.install,
    "installed": conda_install.installed,
}


def main() -> None:
    """Do what the request says, write the result, and leave without Python's own exit."""
    request_file, result_file = (Path(argument) for argument in sys.argv[1:3])
    result: Json
    try:
        request = json.loads(request_file.read_bytes())
        result = {"ok": asyncio.run(TASKS[request["task"]](request))}
    except conda_solve.Problem as problem:
        result = {"problem": problem.kind, "message": str(problem)}
    except BaseException as error:  # noqa: BLE001 (whatever it is, the parent learns it from the result)
        result = {"problem": "failed", "message": f"{type(error).__name__}: {error}"[:2000]}
    unfinished = result_file.with_suffix(".new")
    unfinished.write_text(json.dumps(result), encoding="utf-8")
    unfinished.replace(result_file)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
