"""What the server changed in its environment, so that kernels and terminals get the user's own back.

Variables set on a server are inherited by everything that it starts: a service path that protects the server would make
``ipykernel install --user`` in a terminal write into it. A launch therefore notes each variable that it changed, with
the value before, in one variable, and whatever starts a process for the user restores them.
"""

import json
import os
from collections.abc import Iterable, Mapping

CHANGES_VARIABLE = "STRATA_USER_ENVIRONMENT"
# Internals of the server, which mean nothing to a user's process.
_INTERNAL = frozenset({CHANGES_VARIABLE, "STRATA_STATE_TOKEN"})
# Both protect kernels as well as the server, and belong to what Strata promises: nothing from ~/.local is imported.
USER_DEFENCES: Mapping[str, str] = {"PYTHONNOUSERSITE": "1", "PIP_USER": "0"}
# What makes Python import something else than the stack and the environment hold, or not start at all.
PYTHON_VARIABLES = frozenset(
    {
        "PYTHONBREAKPOINT",
        "PYTHONEXECUTABLE",
        "PYTHONHOME",
        "PYTHONINSPECT",
        "PYTHONOPTIMIZE",
        "PYTHONPATH",
        "PYTHONPLATLIBDIR",
        "PYTHONPYCACHEPREFIX",
        "PYTHONSAFEPATH",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "PYTHONWARNINGS",
        "__PYVENV_LAUNCHER__",
    }
)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return, as JSON, each variable that differs and its value before (null where it was not set)."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return json.dumps({name: before.get(name) for name in sorted(names - {CHANGES_VARIABLE})})


def restored(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a user's process gets: the user's own, with the two defences against ``~/.local``.

    Parameters
    ----------
    environ
        The server's environment. One that no launch prepared is returned as it is, but for the defences.
    """
    result = {name: value for name, value in environ.items() if name not in _INTERNAL}
    for name, value in _recorded(environ.get(CHANGES_VARIABLE, "")).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return {**result, **USER_DEFENCES}


def for_kernel(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment without the variables that change what Python imports."""
    return {name: value for name, value in restored(environ).items() if name not in PYTHON_VARIABLES}


def with_path(environ: Mapping[str, str], *, first: Iterable[str] = (), without: Iterable[str] = ()) -> dict[str, str]:
    """Return `environ` with folders put first on PATH and others left out of it."""
    leading = [folder for folder in first if folder]
    dropped = {*leading, *without, ""}
    rest = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder not in dropped]
    return {**environ, "PATH": os.pathsep.join([*leading, *rest])}


def _recorded(text: str) -> dict[str, str | None]:
    """Read what `changes` wrote; anything else counts as no changes."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {name: old for name, old in value.items() if isinstance(name, str) and isinstance(old, str | None)}
