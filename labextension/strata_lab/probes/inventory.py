"""Describe the interpreter that runs this and the distributions that it sees, as JSON on standard output.

Metadata is read by hand, headers only: importlib.metadata's mail parser takes four times as long.
"""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig


def headers(text: str) -> tuple[str, str, str, list[str], list[str]]:
    """Return name, version, required Python, requirements and extras of a METADATA file."""
    single = {"name": "", "version": "", "requires-python": ""}
    requires, extras = [], []
    for line in text.split("\n"):
        if line in ("", "\r"):
            break
        key, colon, value = line.partition(":")
        if not colon or key[:1].isspace():
            continue
        key, value = key.lower(), value.strip()
        if key in single:
            single[key] = value
        elif key == "requires-dist":
            requires.append(value)
        elif key == "provides-extra":
            extras.append(value)
    return single["name"], single["version"], single["requires-python"], requires, extras


def metadata_file(folder: str, entry: str) -> str | None:
    """Return the path of the metadata that a directory entry stands for, or None."""
    if entry.endswith(".dist-info"):
        return os.path.join(folder, entry, "METADATA")
    if entry.endswith(".egg-info"):
        path = os.path.join(folder, entry)
        return os.path.join(path, "PKG-INFO") if os.path.isdir(path) else path
    return None


def distributions(folders: list[str]) -> tuple[list[list[object]], list[str]]:
    """Return what each folder of the path holds, in the path's order."""
    found: list[list[object]] = []
    unreadable: list[str] = []
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            continue
        for entry in entries:
            path = metadata_file(folder, entry)
            if path is None:
                continue
            try:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    text = stream.read()
            except OSError:
                text = ""
            name, version, python, requires, extras = headers(text)
            if not name:
                unreadable.append(os.path.join(folder, entry))
                continue
            found.append([name, version, folder, python, requires, extras])
    return found, unreadable


def main() -> None:
    """Print the description."""
    paths = sysconfig.get_paths()
    own = os.path.dirname(os.path.abspath(__file__))
    standard = {os.path.realpath(paths["stdlib"]), os.path.realpath(paths["platstdlib"])}
    standard |= {os.path.join(folder, "lib-dynload") for folder in standard}
    folders = []
    for folder in sys.path:
        real = os.path.realpath(folder)
        if folder and os.path.isdir(folder) and real not in standard and real != own and folder not in folders:
            folders.append(folder)
    found, unreadable = distributions(folders)
    json.dump(
        {
            "executable": sys.executable,
            "base_executable": getattr(sys, "_base_executable", sys.executable) or sys.executable,
            "prefix": sys.prefix,
            "base_prefix": sys.base_prefix,
            "implementation": sys.implementation.name,
            "version": ".".join(str(part) for part in sys.version_info[:3]),
            "abi": sysconfig.get_config_var("SOABI") or "",
            "path": folders,
            "site_packages": [folder for folder in site.getsitepackages() if folder in folders],
            "distributions": found,
            "unreadable": unreadable,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
