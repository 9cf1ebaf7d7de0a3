"""What is planted or broken in the folders of Jupyter and IPython."""

import json
from collections.abc import Iterator

from strata_lab import ipython_folder, usersettings
from strata_lab.diagnosis.subject import Subject, entries
from strata_lab.findings import Finding, Severity
from strata_lab.kernelspecs import startable

_CONFIGURATION = (
    ".jupyter/jupyter_*config.json",
    ".jupyter/jupyter_*config.py",
    ".jupyter/jupyter_*config.d",
    ".jupyter/labconfig",
    ".local/etc/jupyter",
    "jupyter_*config.json",
    "jupyter_*config.py",
)


def configuration(subject: Subject) -> Iterator[Finding]:
    """Find configuration of servers in the home."""
    for pattern in _CONFIGURATION:
        for path in sorted(subject.home.glob(pattern)):
            yield Finding(
                "configuration",
                Severity.RISK,
                f"Server configuration in ~/{path.relative_to(subject.home)}",
                "A setting in it can stop a server from starting, or switch off parts of JupyterLab."
                f" {'This lab does not read it.' if subject.protected else 'A server of this home reads it.'}",
                path,
            )


def extensions(subject: Subject) -> Iterator[Finding]:
    """Find lab extensions in the home: broken ones stop JupyterLab's page, others change it."""
    root = subject.home / ".local/share/jupyter/labextensions"
    folders = [place for path in entries(root) for place in (entries(path) if path.name.startswith("@") else [path])]
    for folder in folders:
        try:
            package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
            broken = not isinstance(package, dict) or not isinstance(package.get("name"), str)
        except (OSError, ValueError):
            broken = True
        effect = (
            "It is corrupt, and stops the page of a JupyterLab that reads it." if broken else "It changes JupyterLab."
        )
        yield Finding(
            "extension",
            Severity.RISK if broken else Severity.NOTE,
            f"{'Corrupt lab' if broken else 'Lab'} extension {folder.name}",
            f"{effect} This lab takes extensions from the image only.",
            folder,
        )


def dead_kernels(subject: Subject) -> Iterator[Finding]:
    """Find kernel specifications that cannot start anything."""
    for folder in entries(subject.home / ".local/share/jupyter/kernels"):
        if not startable(folder):
            yield Finding(
                "dead-kernel",
                Severity.RISK,
                f"The kernel {folder.name} cannot start",
                "Its specification cannot be read, or its program is gone, as after its environment was deleted.",
                folder,
            )


def settings(subject: Subject) -> Iterator[Finding]:
    """Find settings and workspaces of JupyterLab that cannot be read."""
    for path in usersettings.unreadable(subject.home / ".jupyter" / "lab"):
        yield Finding(
            "settings",
            Severity.HARM,
            f"The settings in {path.name} cannot be read",
            "JupyterLab cannot load its settings while this is there.",
            path,
        )


def ipython_files(subject: Subject) -> Iterator[Finding]:
    """Find start-up files of IPython."""
    for path in ipython_folder.user_files(subject.environ):
        yield Finding(
            "ipython-start-up",
            Severity.NOTE,
            f"{path.name} runs in each new kernel",
            "A kernel that does not get through it is started again without.",
            path if path.is_relative_to(subject.home) else None,
        )
