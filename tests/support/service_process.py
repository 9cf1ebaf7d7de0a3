"""``strata-hub serve`` as a process of the test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from strata_hub.state import MenuState, Payload, load

LIMIT = 120.0
"""Seconds that anything may take on a loaded machine."""
TOKEN = "state-token-of-the-test"
SECRET = "notification-secret-of-the-test"
PREFIX = "/services/strata/"


@dataclass
class Service:
    """A service that runs."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def base(self) -> str:
        """Address of its routes."""
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    def get(self, route: str) -> httpx.Response:
        """Ask with the spawner's token."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.get(self.base + route, headers=headers, timeout=LIMIT, trust_env=False)

    def state(self) -> MenuState | None:
        """Return the published state, or None before the first."""
        answer = self.get("state")
        return load(answer.content) if answer.status_code == 200 else None

    def payload(self, name: str = "lab") -> Payload | None:
        """Return one payload of the state."""
        state = self.state()
        return next(payload for payload in state.payloads if payload.name == name) if state is not None else None

    def startable(self, name: str = "lab") -> set[str]:
        """Return every name of every image that can be started: its digest is known."""
        payload = self.payload(name)
        images = payload.images if payload is not None else ()
        return {tag for image in images if image.digest for tag in (image.tag, *image.names)}

    def logged(self) -> list[dict[str, Any]]:
        """Return every line of its log; a line that is no JSON fails the test."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.strip()]

    def wait_for(self, condition: Callable[[], object], *, within: float = LIMIT) -> None:
        """Return when `condition` is true while the service runs."""
        limit = time.monotonic() + within
        while not condition():
            assert self.process.poll() is None, f"the service ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < limit, f"it did not come true; the log ends:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait(LIMIT)

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)


def write_config(path: Path, document: dict[str, Any]) -> Path:
    """Write a configuration as YAML."""
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def config_for(host: str, folder: Path, **changes: Any) -> dict[str, Any]:  # a site's configuration has this many keys
    """Return a configuration for the repository ``lab/science`` of the registry at `host`."""
    settings = {"scheme": "http", "requests_per_second": None}
    document: dict[str, Any] = {
        "name": "test",
        "title": "Test deployment",
        "database": f"sqlite:///{folder}/catalogue.sqlite",
        "poll_interval": 0.5,
        "registries": {host: settings},
        "payloads": {
            "lab": {
                "title": "Science lab",
                "repository": f"{host}/lab/science",
                "policy": {"recommended": {"first": {"tag": "recommended"}}},
            }
        },
        "sizes": {"small": {"title": "Small", "cpu_limit": 1, "memory_limit": "2G"}},
        "refresh": {"recheck_interval": None, "moving_interval": 0.5},
        "publish": {"file": str(folder / "state.json")},
    }
    document.update(changes)
    return document


def start(config: Path, log: Path, *, port: int = 0) -> subprocess.Popen[bytes]:
    """Start ``strata-hub serve`` with a clean environment."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "STRATA_STATE_TOKEN": TOKEN,
        "STRATA_NOTIFICATION_SECRET": SECRET,
    }
    command = [str(Path(sys.executable).with_name("strata-hub")), "serve", "--config", str(config)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"], stderr=output, stdout=output, env=environment
        )


@contextmanager
def serving(config: Path, log: Path, *, port: int = 0) -> Iterator[Service]:
    """Run the service until the end of the context; it may end before."""
    process = start(config, log, port=port)
    try:
        service = Service(process, 0, log)
        service.wait_for(lambda: _port(service))
        service.port = _port(service)
        yield service
    finally:
        process.kill()
        process.wait(LIMIT)


def _port(service: Service) -> int:
    complete = service.log.read_text().rpartition("\n")[0].splitlines()
    entries = [json.loads(line) for line in complete if line.startswith("{")]
    return next((int(entry["port"]) for entry in entries if entry["message"] == "serving"), 0)
