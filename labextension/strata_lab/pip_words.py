"""What the words of a ``pip install`` or ``pip uninstall`` ask for."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from strata_lab.changes import ChangeRequest, Create, Install, Remove, Upgrade
from strata_lab.errors import InvalidInput, NotFound, Refused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
# They would change where or what is installed behind the plan's back; each has its reason.
_REFUSED = {
    "--target": "packages are installed into environments only",
    "-t": "packages are installed into environments only",
    "--prefix": "packages are installed into environments only",
    "--root": "packages are installed into environments only",
    "-e": "a folder cannot be installed; add it to the path of your notebook, or build a wheel",
    "--editable": "a folder cannot be installed; add it to the path of your notebook, or build a wheel",
    "--index-url": "the indexes are those of the image",
    "-i": "the indexes are those of the image",
    "--extra-index-url": "the indexes are those of the image",
    "--find-links": "the indexes are those of the image",
    "-f": "the indexes are those of the image",
    "--no-deps": "what a package needs is installed with it",
    "--break-system-packages": "the stack of the image stays as it is",
}


class _Parser(argparse.ArgumentParser):
    """Options of pip that mean something here; any other is an error in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"pip: {message}.", hint="`strata install --help` lists what can be asked for.")


def change(words: Sequence[str], command: str, name: str, *, exists: bool) -> ChangeRequest:
    """Return the change that a pip command asks for.

    Parameters
    ----------
    words
        What follows the command.
    command
        ``install`` or ``uninstall``.
    name
        Of the environment.
    exists
        Whether there is such an environment; installing makes the default one.

    Raises
    ------
    InvalidInput
        The words are none that pip takes, or a requirements file cannot be read.
    Refused
        An option would install elsewhere, or from elsewhere.
    NotFound
        Something is to be removed from an environment that does not exist.
    """
    _refuse_options(words)
    asked = _parser().parse_args(list(words))
    wanted = (*asked.requirements, *(line for path in asked.requirement for line in _lines(Path(path))))
    if not wanted:
        raise InvalidInput(f"pip {command} needs the name of a package.")
    if command == "uninstall":
        if not exists:
            raise NotFound(f"There is no environment {name}, so nothing can be removed from it.")
        return Remove(environment=name, names=wanted)
    if not exists:
        return Create(environment=name, requirements=wanted)
    if asked.upgrade and all(_NAME.fullmatch(word) for word in wanted):
        return Upgrade(environment=name, names=wanted)
    return Install(environment=name, requirements=wanted)


def _refuse_options(words: Sequence[str]) -> None:
    for word in words:
        option = word.partition("=")[0]
        if option in _REFUSED:
            raise Refused(f"pip's {option} has no place here: {_REFUSED[option]}.")


def _parser() -> _Parser:
    parser = _Parser(prog="pip", add_help=False, allow_abbrev=False)
    parser.add_argument("requirements", nargs="*")
    parser.add_argument("-r", "--requirement", action="append", default=[])
    parser.add_argument("-U", "--upgrade", action="store_true")
    for flags in (("-q", "--quiet"), ("-v", "--verbose"), ("-y", "--yes")):
        parser.add_argument(*flags, action="count")
    for flag in ("--user", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--no-warn-script-location"):
        parser.add_argument(flag, action="store_true")
    for flag in ("--only-binary", "--progress-bar", "--upgrade-strategy"):
        parser.add_argument(flag)
    return parser


def _lines(path: Path) -> list[str]:
    """Return the requirements that a file lists."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    if any(line.startswith("-") for line in kept):
        raise InvalidInput(f"{path} holds options of pip, which have no place here.", hint="List packages only.")
    return kept
