"""The demo's registry: Debian's docker-registry where it is installed, otherwise a small read-only one."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from . import images
from .images import build, demo_images
from .layout import push_layout, write_layout
from .processes import Child, NotStarted, kept_port

REPOSITORY = "demo/science-lab"
_READY_WITHIN = 30.0


def repository_folder(state: Path) -> Path:
    """Return where the demo repository of this version of the demonstration lies; that of another one is removed."""
    version = hashlib.sha256(Path(images.__file__).read_bytes()).hexdigest()[:12]
    folder = state / f"repository-{version}"
    for other in state.glob("repository-*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(exist_ok=True)
    return folder


def make_layout(folder: Path) -> int:
    """Write the demo repository as an OCI layout, unless it is there, and return the number of its tags."""
    index = folder / "index.json"
    if not index.exists():
        write_layout((build(image) for image in demo_images(datetime.now(UTC))), folder)
    return len(json.loads(index.read_text())["manifests"])


def start_registry(state: Path, layout: Path, *, notify: str = "", secret: str = "") -> tuple[Child, str]:
    """Start a registry on loopback that holds the layout, and return it with its ``host:port``.

    Parameters
    ----------
    state
        Folder for configuration and log.
    layout
        The OCI layout to serve; what the registry stores lies beside it.
    notify
        URL to which docker-registry sends its events; none where empty.
    secret
        Bearer token for these events.

    Raises
    ------
    NotStarted
        If it does not answer.
    """
    # The registry's name is part of every image's: what a user chose last time is to be found again.
    host = f"127.0.0.1:{kept_port(state / 'registry.port')}"
    program = shutil.which("docker-registry")
    if program is None:
        served = Path(__file__).parents[3] / "tests/support/layout_registry.py"
        child = Child.start("registry", [sys.executable, str(served), str(layout), REPOSITORY, host], state)
        _wait(child, host)
        return child, host
    configuration = state / "registry.json"
    configuration.write_text(json.dumps(_configuration(layout.with_name("registry"), host, notify, secret)))
    configuration.chmod(0o600)
    child = Child.start("registry", [program, "serve", str(configuration)], state)
    _wait(child, host)
    pushed = layout.with_name("pushed")
    if not pushed.exists():
        try:
            push_layout(layout, host, REPOSITORY)
        except OSError as error:
            child.stop()
            raise NotStarted(f"The demo images could not be pushed to the registry: {error}") from error
        pushed.touch()
    return child, host


def _configuration(storage: Path, host: str, notify: str, secret: str) -> dict[str, object]:
    configuration: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": host},
    }
    if notify:
        configuration["notifications"] = {
            "endpoints": [
                {
                    "name": "strata",
                    "url": notify,
                    "headers": {"Authorization": [f"Bearer {secret}"]},
                    "timeout": "5s",
                    "threshold": 5,
                    "backoff": "1s",
                    # A pull event for each request of the service's own scan would stand in the queue before a push.
                    "ignore": {"actions": ["pull"]},
                }
            ]
        }
    return configuration


def _wait(child: Child, host: str) -> None:
    limit = time.monotonic() + _READY_WITHIN
    while time.monotonic() < limit:
        child.check()
        try:
            with urllib.request.urlopen(f"http://{host}/v2/", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    child.stop()
    raise NotStarted(f"The registry did not answer on {host} within {_READY_WITHIN:.0f} seconds; see {child.log}.")


def docker_registry() -> str:
    """Return one line that says which registry serves the demo."""
    program = shutil.which("docker-registry")
    if program is None:
        return "the small read-only registry (docker-registry is not installed)"
    version = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)
    return " ".join(version.stdout.split()[:1] + version.stdout.split()[-1:]) or "docker-registry"
