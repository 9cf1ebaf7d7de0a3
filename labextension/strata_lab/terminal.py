"""The shell of a terminal: the user's own environment, with Strata's commands and the stack first on PATH.

The server starts ``PYTHON -I -m strata_lab.terminal``, which replaces itself by the user's shell. Login files such as
``/etc/profile`` set PATH afresh, so bash is given a start-up file that reads them and then puts the folders back.
"""

import contextlib
import os
import pwd
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from strata_lab import private, userview
from strata_lab.errors import StackUnusable
from strata_lab.image_contract import StackKind, contract_path, load
from strata_lab.kernels import DEFAULT_ENVIRONMENT
from strata_lab.layout import Layout

_POSIX_SHELLS = ("sh", "dash", "ash", "ksh")
_LOGIN_FILES = ("~/.bash_profile", "~/.bash_login", "~/.profile")


def main() -> int:
    """Replace this process by the user's shell, or by /bin/sh where that cannot be started."""
    environ = dict(os.environ)
    shell = shell_of(environ)
    try:
        command, after = prepare(environ, shell)
        _leave_private_folder(after)
        os.execve(command[0], command, after)  # noqa: S606 - replaces this process by the user's shell
    except OSError as error:
        print(f"Starting /bin/sh, because {shell} cannot be started: {error}.", file=sys.stderr)  # noqa: T201 - a terminal
        os.execve("/bin/sh", ["/bin/sh", "-i"], userview.restored(environ))  # noqa: S606 - as above
    return 1


def shell_of(environ: Mapping[str, str]) -> str:
    """Return the absolute path of the user's shell: SHELL, or the password database, or bash, or sh."""
    candidates = [environ.get("SHELL", "")]
    with contextlib.suppress(KeyError):  # a container may run as a number that has no entry
        candidates.append(pwd.getpwuid(os.getuid()).pw_shell)
    refused = ("nologin", "false")
    for candidate in [*candidates, "/bin/bash"]:
        if Path(candidate).is_absolute() and Path(candidate).name not in refused and os.access(candidate, os.X_OK):
            return candidate
    return "/bin/sh"


def prepare(environ: Mapping[str, str], shell: str) -> tuple[list[str], dict[str, str]]:
    """Return the command of the shell and its environment.

    Parameters
    ----------
    environ
        The server's environment.
    shell
        Absolute path of the user's shell.
    """
    folder = private.of(environ)
    first, hidden = _first_folders(environ, folder)
    after = userview.with_path(userview.restored(environ), first=first, without=hidden)
    safe = environ.get("STRATA_SAFE_MODE") == "1"
    name = Path(shell).name
    if name == "bash":
        if safe:
            return [shell, "--noprofile", "--norc", "-i"], after
        if folder is not None:
            start = folder / "work" / "bashrc"
            start.write_text(_bash_start(first), encoding="utf-8")
            return [shell, "--rcfile", str(start), "-i"], after
    if name in _POSIX_SHELLS and not safe and folder is not None:
        # Read by an interactive shell after /etc/profile, which sets PATH anew.
        start = folder / "work" / "shrc"
        start.write_text(_posix_start(first, after.get("ENV", "")), encoding="utf-8")
        return [shell, "-l", "-i"], {**after, "ENV": str(start)}
    return [shell] if safe else [shell, "-l"], after


def _first_folders(environ: Mapping[str, str], folder: Path | None) -> tuple[list[str], list[str]]:
    """Return the folders that come first on PATH, and those that are left out of it.

    First come Strata's commands, then the programs of the environment that ``pip install`` changes, then the stack's.
    A stack that a script sets up has neither: its programs are of no use before the user has run the script.
    """
    first = [str(folder / "bin")] if folder is not None else []
    try:
        contract = load(contract_path(environ))
        layout = Layout.of(contract, environ)
    except StackUnusable:
        return first, []
    hidden = [] if contract.one_python else [str(contract.machinery.prefix / "bin")]
    if contract.stack.kind is StackKind.SCRIPT:
        return first, hidden
    current = layout.current(DEFAULT_ENVIRONMENT) / "bin"
    if environ.get("STRATA_SAFE_MODE") != "1" and (current / "python").exists():
        first.append(str(current))
    first.append(str(contract.stack.python.parent))
    return first, hidden


def _leave_private_folder(environ: Mapping[str, str]) -> None:
    """Go to the folder that the file browser shows: the server itself works in its private one."""
    for place in (environ.get("JUPYTER_SERVER_ROOT", ""), environ.get("HOME", "")):
        with contextlib.suppress(OSError):
            inside = private.FOLDER_VARIABLE in os.environ and Path.cwd().is_relative_to(
                os.environ[private.FOLDER_VARIABLE]
            )
            if place and inside:
                os.chdir(place)


def _posix_start(first: Sequence[str], own: str) -> str:
    """Return a file for ENV that reads the user's own, then puts `first` in front of PATH."""
    again = f"export PATH={shlex.quote(os.pathsep.join(first))}${{PATH:+:$PATH}}\n" if first else ""
    restore = f"ENV={shlex.quote(own)}\n[ -r {shlex.quote(own)} ] && . {shlex.quote(own)}\n" if own else "unset ENV\n"
    return restore + again


def _bash_start(first: Sequence[str]) -> str:
    """Return a start-up file that does what a login shell does, then puts `first` in front of PATH."""
    chain = "\n".join(
        f"{'if' if index == 0 else 'elif'} [ -r {name} ]; then . {name}" for index, name in enumerate(_LOGIN_FILES)
    )
    again = f"export PATH={shlex.quote(os.pathsep.join(first))}${{PATH:+:$PATH}}\n" if first else ""
    return f"[ -r /etc/profile ] && . /etc/profile\n{chain}\nelif [ -r ~/.bashrc ]; then . ~/.bashrc\nfi\n{again}"


if __name__ == "__main__":
    sys.exit(main())
