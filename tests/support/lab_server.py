"""A real Jupyter Server with the extension, on a port of its own, with a home of its own."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from support.lab import Lab

WAIT = 90.0


def lab_environment(lab: Lab, folder: Path) -> dict[str, str]:
    """Return the variables that make a process a part of this lab; writes the image contract into `folder`."""
    document = lab.contract.model_dump(mode="json")
    document["cache"] = str(lab.cache)
    path = folder / "image.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return {"STRATA_IMAGE_CONTRACT": str(path)}


@dataclass(frozen=True)
class LabServer:
    """A running server."""

    url: str
    token: str
    home: Path
    log: Path
    process: "subprocess.Popen[bytes]"

    def client(self, **options: Any) -> httpx.Client:
        """Return a client below ``strata/api`` that sends the token."""
        headers = {"Authorization": f"token {self.token}", **options.pop("headers", {})}
        # No TLS is spoken here, and reading the certificates takes longer than a request.
        options |= {"timeout": WAIT, "trust_env": False, "verify": False}
        return httpx.Client(base_url=f"{self.url}strata/api", headers=headers, **options)

    def logged(self) -> str:
        """Return what the server has written."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def _clean_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    tests = Path(__file__).resolve().parents[1]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(tests),
        "JUPYTER_CONFIG_DIR": str(home.parent / "jupyter-config"),
        "JUPYTER_DATA_DIR": str(home.parent / "jupyter-data"),
        "JUPYTER_RUNTIME_DIR": str(home.parent / "jupyter-runtime"),
        "IPYTHONDIR": str(home.parent / "ipython"),
        "XDG_CACHE_HOME": str(home.parent / "cache"),
        **extra,
    }


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a server and what it started, by their ids."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()


def _await_url(process: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> str:
    deadline = time.monotonic() + WAIT
    info = runtime / f"jpserver-{process.pid}.json"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}:\n{log.read_text(encoding='utf-8')}")
        try:
            url: str = json.loads(info.read_text(encoding="utf-8"))["url"]
            httpx.get(f"{url}api", timeout=5, trust_env=False).raise_for_status()
        except (OSError, ValueError, httpx.HTTPError):
            time.sleep(0.05)
        else:
            return url
    stop(process)
    raise RuntimeError(f"the server did not answer in {WAIT} s:\n{log.read_text(encoding='utf-8')}")


@contextmanager
def lab_server(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[LabServer]:
    """Run a server until the block ends; a port that somebody else took meanwhile is tried anew.

    Parameters
    ----------
    folder
        An empty folder for the home, the log and the runtime files.
    options
        Further command-line options.
    environ
        Further environment variables.
    """
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    command = [
        sys.executable, "-s", "-P", "-m", "jupyter_server", "--no-browser", "--allow-root",
        "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={home}", f"--IdentityProvider.token={token}",
        "--ServerApp.jpserver_extensions=strata_lab=True", "--ServerApp.jpserver_extensions=jupyterlab=False",
        "--ServerApp.jpserver_extensions=jupyter_lsp=False", "--ServerApp.jpserver_extensions=notebook_shim=False",
        "--ServerApp.authorizer_class=support.denial.DenyOnRequest", *options,
    ]  # fmt: skip
    process, url = _start(command, folder, _clean_environment(home, environ or {}))
    try:
        yield LabServer(url, token, home, folder / "server.log", process)
    finally:
        stop(process)


def _start(command: list[str], folder: Path, environment: Mapping[str, str]) -> "tuple[subprocess.Popen[bytes], str]":
    log = folder / "server.log"
    for attempt in range(5):
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return process, _await_url(process, folder / "jupyter-runtime", log)
        except RuntimeError as error:
            if attempt == 4 or "already in use" not in str(error):
                raise
    raise AssertionError("unreachable")
