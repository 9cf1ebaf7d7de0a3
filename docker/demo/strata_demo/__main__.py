"""``python -m strata_demo``: start the demonstration, and end it at Ctrl-C."""

import argparse
import fcntl
import json
import os
import secrets
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from . import USERS
from .deployment import write_deployment
from .installs import Installed, Installer
from .processes import Child, NotStarted, free_port, port_is_free
from .registry import docker_registry, make_layout, repository_folder, start_registry

ROOT = Path(__file__).parents[3]
_READY_WITHIN = 120.0


def main() -> int:
    """Run the demonstration until it is interrupted."""
    options = _options()
    # A shell without job control starts programs in the background with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    started = time.monotonic()

    def say(message: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {message}", flush=True)

    try:
        with _alone(options.state), ExitStack() as running:
            settings, children = _start(options, running, say)
            print(
                f"\nStrata is ready at http://127.0.0.1:{options.port}/ — log in as {' or '.join(USERS)}, "
                f"password {settings['password']}\nCtrl-C ends it; its state stays in {options.state}.",
                flush=True,
            )
            _watch(children)
    except NotStarted as error:
        print(f"\nStrata did not start. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. `make run` starts it again, `make clean` removes its state.", flush=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="strata_demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="port of loopback for the browser (default: 8000)")
    parser.add_argument("--state", type=Path, default=ROOT / ".strata/run", help="folder that keeps everything")
    parser.add_argument("--uv", type=Path, default=ROOT / ".strata/tools/bin/uv", help="the uv that installs")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="Python 3.11 or newer for all parts")
    options = parser.parse_args()
    options.state = options.state.absolute()
    return options


def _start(
    options: argparse.Namespace, running: ExitStack, say: Callable[[str], None]
) -> tuple[dict[str, object], list[Child]]:
    if not port_is_free(options.port):
        raise NotStarted(
            f"Port {options.port} of 127.0.0.1 is in use. Stop what listens there, or choose another port: "
            f"make run PORT={options.port + 1}"
        )
    state: Path = options.state
    parts = Installer(ROOT, state, options.uv.absolute(), options.python.absolute(), say).everything()
    layout = repository_folder(state) / "layout"
    if not (layout / "index.json").exists():
        say("Making the demo repository")
    tags = make_layout(layout)
    settings = _settings(options, parts)
    notify = f"http://127.0.0.1:{settings['service_port']}/services/strata/notifications/distribution"
    registry, host = start_registry(state, layout, notify=notify, secret=str(settings["notification_secret"]))
    running.callback(registry.stop)
    say(f"The registry is at {host}: {docker_registry()}, {tags} tags")
    write_deployment(Path(str(settings["deployment"])), host, state / "catalogue.sqlite")
    hub = _start_hub(state, parts)
    running.callback(hub.stop)
    say("JupyterHub and the Strata service are starting")
    base = f"http://127.0.0.1:{options.port}"
    _wait(f"{base}/hub/login", hub)
    _wait(f"{base}/services/strata/health", hub)
    return settings, [registry, hub]


def _settings(options: argparse.Namespace, parts: Installed) -> dict[str, object]:
    """Return the settings of this start; the password and the tokens stay those of the first."""
    kept = options.state / "secrets.json"
    if not kept.exists():
        names = ("password", "state_token", "notification_secret", "proxy_token")
        words = {name: secrets.token_urlsafe(6 if name == "password" else 32) for name in names}
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(words, file)
    settings: dict[str, object] = {
        **json.loads(kept.read_text()),
        "state": str(options.state),
        "port": options.port,
        "hub_port": free_port(),
        "proxy_port": free_port(),
        "service_port": free_port(),
        "node": str(parts.node),
        "proxy": str(parts.proxy),
        "strata_hub": str(parts.hub / "bin/strata-hub"),
        "deployment": str(options.state / "deployment.yaml"),
        "machinery_python": str(parts.machinery / "bin/python"),
        "stacks": str(parts.stacks),
    }
    path = options.state / "settings.json"
    path.touch(0o600)
    path.write_text(json.dumps(settings, indent=2))
    return settings


def _start_hub(state: Path, parts: Installed) -> Child:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER"))},
        "STRATA_DEMO_SETTINGS": str(state / "settings.json"),
        "PATH": f"{parts.hub / 'bin'}{os.pathsep}{parts.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    config = ROOT / "docker/demo/jupyterhub_config.py"
    return Child.start("hub", [str(parts.hub / "bin/jupyterhub"), "--config", str(config)], state, environment)


def _wait(url: str, hub: Child) -> None:
    limit = time.monotonic() + _READY_WITHIN
    while time.monotonic() < limit:
        hub.check()
        try:
            with urllib.request.urlopen(url, timeout=10):  # noqa: S310 -- loopback, our own server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise NotStarted(f"{url} did not answer within {_READY_WITHIN:.0f} seconds; see {hub.log}.")


def _watch(children: list[Child]) -> NoReturn:
    while True:
        for child in children:
            child.check()
        time.sleep(0.5)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the state folder for one demonstration."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "lock").open("a")
    except OSError as error:
        raise NotStarted(f"The state folder {state} cannot be written: {error}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotStarted(f"Strata already runs from {state}. Stop it first, or give another --state.") from error
        yield


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
