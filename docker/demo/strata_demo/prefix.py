"""A Python prefix of its own, made from the running interpreter's: what a stack in an image looks like."""

import json
import os
import shutil
import subprocess
from pathlib import Path

_FACTS = """
import json, sys, sysconfig
print(json.dumps({
    "binary": sys._base_executable,
    "stdlib": sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}),
    "version": sysconfig.get_python_version(),
    "library": sysconfig.get_config_var("LDLIBRARY") if sysconfig.get_config_var("Py_ENABLE_SHARED") else None,
    "libraries": sysconfig.get_config_var("LIBDIR"),
}))
"""
# The standard library's parts that no stack needs; site-packages belongs to whoever installed it.
_LEFT_OUT = ("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip")


def make_prefix(source: Path, target: Path) -> Path:
    """Copy the interpreter at `source` to the new prefix `target` and return the new interpreter's path.

    The prefix shares nothing with the one it was copied from and holds no third-party distribution.

    Raises
    ------
    FileExistsError
        If `target` exists.
    subprocess.CalledProcessError
        If `source` is not a working Python.
    """
    facts = json.loads(subprocess.run([source, "-I", "-c", _FACTS], check=True, capture_output=True, text=True).stdout)
    version = facts["version"]
    stdlib = target / "lib" / f"python{version}"
    target.mkdir(parents=True)
    shutil.copytree(facts["stdlib"], stdlib, symlinks=False, ignore=_ignored, ignore_dangling_symlinks=True)
    (stdlib / "site-packages").mkdir()
    # Debian's interpreter looks in dist-packages only.
    (stdlib.parent / "python3").mkdir()
    (stdlib.parent / "python3/dist-packages").symlink_to(f"../python{version}/site-packages")
    (target / "bin").mkdir()
    python = target / "bin" / f"python{version}"
    shutil.copy2(os.path.realpath(facts["binary"]), python)
    for name in ("python3", "python"):
        (target / "bin" / name).symlink_to(python.name)
    if facts["library"]:
        for library in Path(facts["libraries"]).glob(f"libpython{version}*.so*"):
            shutil.copy2(library, target / "lib" / library.name)
    return python


def _ignored(_folder: str, names: list[str]) -> set[str]:
    left_out = {name for name in names if name.startswith(("config-", "EXTERNALLY-MANAGED"))}
    return left_out | {name for name in names if name in _LEFT_OUT}
