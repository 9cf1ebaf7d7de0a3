"""What changes the imports and programs of a Python: user site, start-up hooks, variables, shadowing files."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from strata_lab.diagnosis.subject import Subject, entries, some
from strata_lab.findings import Finding, Severity

_PROGRAM = re.compile(r"(?:python|pip|ipython|jupyter|conda|mamba|strata)[0-9.a-z_-]*", re.ASCII)
_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "LD_LIBRARY_PATH", "LD_PRELOAD")
_LOGIN_FILES = (".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshrc", ".zprofile", ".zshenv")
_INSTALLER_FILES = (
    (".pip/pip.conf", "pip"),
    (".config/pip/pip.conf", "pip"),
    (".pydistutils.cfg", "pip"),
    (".config/uv/uv.toml", "uv"),
    (".condarc", "conda"),
    (".mambarc", "mamba"),
)
_READ_LIMIT = 200_000


def user_site(subject: Subject) -> Iterator[Finding]:
    """Find packages in ``~/.local``, one finding for each Python version."""
    for site in sorted(subject.home.glob(".local/lib/python3*/site-packages")):
        names = [path.name for path in entries(site) if not path.name.endswith((".dist-info", ".egg-info", ".pth"))]
        modules = [name.removesuffix(".py") for name in names if name != "__pycache__"]
        if not modules:
            continue
        shadowing = sorted(subject.names.intersection(modules))
        what = f"It holds {some(modules)}."
        if shadowing:
            what += f" A Python that reads it gets its own {some(shadowing)} instead of the stack's."
        kept_out = "The lab and its kernels do not read it; programs started in other ways do."
        yield Finding(
            "user-site",
            Severity.RISK,
            f"Packages in {site.relative_to(subject.home)}",
            f"{what} {kept_out if subject.protected else 'It is read before the packages of the image.'}"
            " Install what you need into an environment, then move this aside.",
            site,
        )


def start_up_hooks(subject: Subject) -> Iterator[Finding]:
    """Find code that each Python of this user would run as it starts."""
    for site in sorted(subject.home.glob(".local/lib/python3*/site-packages")):
        for path in entries(site):
            if path.name in {"usercustomize.py", "sitecustomize.py"} or path.suffix == ".pth":
                yield Finding(
                    "start-up-hook",
                    Severity.RISK,
                    f"Code that runs whenever Python starts: {path.name}",
                    "It can stop every Python that reads ~/.local. The lab and its kernels do not.",
                    path,
                )


def programs(subject: Subject) -> Iterator[Finding]:
    """Find programs in the home that take the place of those of the image."""
    for path in entries(subject.home / ".local" / "bin"):
        if _PROGRAM.fullmatch(path.name):
            yield Finding(
                "program",
                Severity.RISK,
                f"{path.name} in ~/.local/bin",
                f"Where ~/.local/bin comes first on PATH, this is started instead of the image's {path.name}.",
                path,
            )


def variables(subject: Subject) -> Iterator[Finding]:
    """Find variables that change what is imported, and say which file sets them."""
    for name in _VARIABLES:
        value = subject.environ.get(name)
        if not value:
            continue
        where = some(_lines_that_set(subject.home, name)) or "no file of yours; the image or the hub may set it"
        yield Finding(
            "variable",
            Severity.RISK,
            f"{name} is set",
            f"Its value is {value[:200]!r}. The lab and its kernels ignore it; terminals do not. Set in: {where}.",
        )


def _lines_that_set(home: Path, name: str) -> list[str]:
    found = []
    for file in _LOGIN_FILES:
        try:
            with (home / file).open(encoding="utf-8", errors="replace") as stream:
                lines = stream.read(_READ_LIMIT).splitlines()
        except OSError:
            continue
        found += [f"~/{file}, line {number}" for number, line in enumerate(lines, 1) if f"{name}=" in line]
    return found


def shadowing_files(subject: Subject) -> Iterator[Finding]:
    """Find files beside notebooks that have the name of a module, so that ``import`` takes them."""
    known = subject.names | sys.stdlib_module_names
    for folder in dict.fromkeys((subject.home, *subject.folders)):
        for path in entries(folder):
            module = path.stem if path.suffix == ".py" else path.name if (path / "__init__.py").is_file() else ""
            if module in known:
                yield Finding(
                    "shadowing-file",
                    Severity.HARM,
                    f"{path.name} hides the module {module}",
                    f"A notebook in {folder} that imports {module} gets this instead. Rename it.",
                    path,
                )


def installer_configuration(subject: Subject) -> Iterator[Finding]:
    """Find configuration of installers."""
    for name, tool in _INSTALLER_FILES:
        path = subject.home / name
        if os.path.lexists(path):
            yield Finding(
                "installer-configuration",
                Severity.NOTE,
                f"~/{name} configures {tool}",
                f"Strata ignores it; {tool} started by hand follows it, and may install elsewhere than you expect.",
                path,
            )


def set_up_script(subject: Subject) -> Iterator[Finding]:
    """Find the user's set-up script of an activated stack."""
    activation = subject.contract.stack.activation if subject.contract is not None else None
    if activation is None or not activation.user_setup:
        return
    path = subject.home / activation.user_setup.removeprefix("~/")
    if path.is_file() and path.stat().st_size:
        yield Finding(
            "set-up-script",
            Severity.NOTE,
            f"{activation.user_setup} runs before each kernel",
            "It makes kernels start later, and changes what they import. What it prints on standard error is shown"
            " with the first cell. Safe mode leaves it out.",
            path,
        )
