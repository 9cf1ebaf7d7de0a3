"""Start the server of a lab so that nothing in a user's home, environment or working directory can break it.

``PYTHON -I -m strata_lab.launch [ARGUMENTS]`` prepares an environment and replaces itself by the single-user server of
JupyterHub, or by JupyterLab where there is no hub. Arguments are passed on, and win over what is set here.

Notes
-----
What is closed, and by what: the user's site-packages, PYTHONPATH and files in the working directory by ``-I`` and an
absolute interpreter; planted Jupyter configuration, page configuration, kernel specs and lab extensions by service
folders off the home; a full home by the same; PATH by the order of its folders. The user's own settings and workspaces
of JupyterLab stay in the home, except in safe mode, which reads none.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata_lab import commands, private, usersettings, userview

# What these name in the home does not reach the server; what the image or the deployment names does.
_SEARCHED = (
    "GCONV_PATH",
    "JUPYTER_CONFIG_PATH",
    "JUPYTER_PATH",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "TEMP",
    "TMP",
    "TMPDIR",
)
_DROPPED = (
    "JUPYTERLAB_DIR",
    "JUPYTER_ALLOW_INSECURE_WRITES",
    "JUPYTER_NO_CONFIG",
    "JUPYTER_PLATFORM_DIRS",
    "__PYVENV_LAUNCHER__",
)


@dataclass(frozen=True, slots=True)
class Launch:
    """What is executed, with which environment, in which folder."""

    command: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Replace this process by the server; return 1 with a sentence on standard error where that is impossible."""
    environ = dict(os.environ)
    try:
        folder = private.create(environ)
        if environ.get("STRATA_SAFE_MODE") != "1":
            for sentence in _repair_settings(environ):
                print(sentence, file=sys.stderr)  # noqa: T201 - as below
        launch = prepare(environ, sys.argv[1:] if arguments is None else arguments, folder, working=_working_folder())
        os.chdir(launch.folder)
        os.execve(launch.command[0], launch.command, dict(launch.environ))  # noqa: S606 - replaces this process, no shell
    except OSError as error:
        print(f"The lab cannot start: {error}.", file=sys.stderr)  # noqa: T201 - nothing else is there to say it
        return 1


def prepare(environ: Mapping[str, str], arguments: Sequence[str], folder: Path, *, working: Path) -> Launch:
    """Decide how the server is started, and write its configuration into its private folder.

    Parameters
    ----------
    environ
        The environment that the container, the hub and the user's profile made together.
    arguments
        Passed on to the server.
    folder
        The private folder, as `private.create` made it.
    working
        The folder that the file browser shows where neither the hub nor `arguments` name one.

    Raises
    ------
    OSError
        The private folder cannot be written.
    """
    safe = environ.get("STRATA_SAFE_MODE") == "1"
    root = None if environ.get("JUPYTERHUB_ROOT_DIR") else working
    for name, document in configuration(root).items():
        (folder / "config" / name).write_text(json.dumps(document, indent=1), encoding="utf-8")
    commands.write(folder / "bin", sys.executable)
    server = server_environment(environ, folder, safe=safe)
    module = "jupyterhub.singleuser" if environ.get("JUPYTERHUB_SERVICE_URL") else "jupyterlab"
    extra = ["--debug"] if environ.get("STRATA_DEBUG") == "1" and "--debug" not in arguments else []
    if module == "jupyterlab":
        extra.append("--no-browser")
    return Launch((sys.executable, "-I", "-m", module, *extra, *arguments), server, folder / "work")


def configuration(root: Path | None) -> dict[str, dict[str, Any]]:
    """Return the configuration files of the server, by name; command-line arguments win over them."""
    terminal = [sys.executable, "-I", "-m", "strata_lab.terminal"]
    server: dict[str, Any] = {
        "kernel_spec_manager_class": "strata_lab.kernelspecs.StrataKernelSpecManager",
        "terminado_settings": {"shell_command": terminal},
    }
    if root is not None:
        server["root_dir"] = str(root)
    if importlib.util.find_spec("strata_lab.app") is not None:
        server["jpserver_extensions"] = {"strata_lab": True}
    return {
        "jupyter_server_config.json": {"ServerApp": server},
        "jupyter_lab_config.json": {"LabApp": {"extension_manager": "readonly"}},
    }


def server_environment(environ: Mapping[str, str], folder: Path, *, safe: bool) -> dict[str, str]:
    """Return the server's environment, with a note of all that differs from `environ` for `userview.restored`."""
    home = Path(environ.get("HOME") or Path("~").expanduser())
    after = {name: value for name, value in environ.items() if not name.startswith("PYTHON") and name not in _DROPPED}
    for name in _SEARCHED:
        trusted = outside(after.pop(name, ""), home)
        if name == "JUPYTER_CONFIG_PATH":
            trusted = [*outside(environ.get("JUPYTER_CONFIG_DIR", ""), home), *trusted]
        if trusted:
            after[name] = os.pathsep.join(dict.fromkeys(trusted))
    settings = folder / "config" / "lab" if safe else home / ".jupyter" / "lab"
    after |= {
        private.FOLDER_VARIABLE: str(folder),
        "HOME": str(home),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_DEFAULT_PROVISIONER_NAME": "strata-provisioner",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PATH": _server_path(environ.get("PATH", os.defpath), home),
        **userview.USER_DEFENCES,
    }
    if safe:
        after["JUPYTERHUB_DISABLE_USER_CONFIG"] = "1"
    after[userview.CHANGES_VARIABLE] = userview.changes(environ, after)
    return after


def outside(search: str, home: Path) -> list[str]:
    """Return the absolute folders of a search path that do not lie in the home, in their order."""
    real = home.resolve()
    return [
        part
        for part in search.split(os.pathsep)
        if Path(part).is_absolute() and not Path(part).resolve().is_relative_to(real)
    ]


def _server_path(search: str, home: Path) -> str:
    """Return PATH with the machinery's programs first and those of the home last."""
    trusted = outside(search, home)
    rest = [part for part in search.split(os.pathsep) if Path(part).is_absolute() and part not in trusted]
    return os.pathsep.join(dict.fromkeys([str(Path(sys.executable).parent), *trusted, *rest]))


def _repair_settings(environ: Mapping[str, str]) -> list[str]:
    """Move settings aside that JupyterLab could not load with; return what is to be said about them."""
    home = Path(environ.get("HOME") or Path("~").expanduser())
    found = usersettings.unreadable(home / ".jupyter" / "lab")
    if not found:
        return []
    from strata_lab.aside import Asides  # noqa: PLC0415 - pydantic would cost every start a tenth of a second

    return usersettings.repair(found, Asides(home / ".strata" / "aside", home))


def _working_folder() -> Path:
    """Return the working directory, or the home where it has been deleted."""
    try:
        return Path.cwd()
    except OSError:
        return Path("~").expanduser()


if __name__ == "__main__":
    sys.exit(main())
