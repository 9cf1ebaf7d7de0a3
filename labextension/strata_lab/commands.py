"""The commands that come first on PATH in kernels and terminals."""

import shlex
from pathlib import Path

# What is typed, and the module whose `main` answers.
COMMANDS = {"pip": "strata_lab.pip_command", "pip3": "strata_lab.pip_command", "strata": "strata_lab.cli.main"}
_PROGRAM = "import sys; sys.argv[0] = {name!r}; from {module} import main; sys.exit(main())"


def write(folder: Path, python: str) -> None:
    """Write a small program for each command into `folder`.

    Parameters
    ----------
    folder
        The private folder's ``bin``.
    python
        Absolute path of the machinery's interpreter: the stack's cannot import Strata.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    for name, module in COMMANDS.items():
        path = folder / name
        program = shlex.join([python, "-I", "-c", _PROGRAM.format(name=name, module=module)])
        path.write_text(f'#!/bin/sh\nexec {program} "$@"\n', encoding="utf-8")
        path.chmod(0o700)
