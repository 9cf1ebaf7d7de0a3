"""A real JupyterHub on loopback, with Strata's spawner for one machine and users who log in by name."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from strata_hub.state import MenuState

PATIENCE = 120.0
"""Seconds after which something that should happen counts as not happening."""
ADMIN = "admin"
TOKEN = "0123456789abcdef0123456789abcdef"
_TRIES = 5
_CONFIG = """
import os
from jupyterhub.proxy import Proxy

class Unproxied(Proxy):
    '''Tests talk to the hub and to labs at their own ports.'''
    should_start = False
    routes = {{}}
    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {{"routespec": routespec, "target": target, "data": data}}
    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)
    async def get_all_routes(self):
        return dict(self.routes)

c.JupyterHub.proxy_class = Unproxied
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.cleanup_servers = True
c.JupyterHub.allow_named_servers = {named}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"{admin}"}}
c.JupyterHub.load_groups = {groups!r}
c.JupyterHub.services = [{{"name": "tests", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{
    "name": "tests",
    "scopes": ["admin:users", "admin:servers", "access:servers", "read:hub", "read:metrics", "tokens"],
    "services": ["tests"],
}}]
c.JupyterHub.spawner_class = "strata-local"
c.Spawner.consecutive_failure_limit = 5
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
c.LocalStrataSpawner.machinery_python = {python!r}
c.LocalStrataSpawner.home_template = "{folder}/homes/{{username}}"
c.LocalStrataSpawner.log_folder = "{folder}/labs"
c.LocalStrataSpawner.state_interval = 0.5
{more}
"""


@dataclass
class Place:
    """Where a hub of these tests lives, and what it reads."""

    folder: Path

    @property
    def path(self) -> Path:
        """The menu state."""
        return self.folder / "state.json"

    @property
    def url(self) -> str:
        """What `state_url` takes."""
        return self.path.as_uri()

    @property
    def settings(self) -> str:
        """The lines of a configuration that say where the stacks are."""
        return f"c.LocalStrataSpawner.stacks = {str(self.folder / 'stacks')!r}\n"

    def publish(self, document: MenuState) -> None:
        """Replace the state, as the service does it."""
        new = self.folder / "new.json"
        new.write_bytes(document.dump())
        new.replace(self.path)


@dataclass
class Hub:
    """A running hub."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the hub's pages are, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}/hub"

    def log(self) -> str:
        """Return what the hub wrote until now."""
        return (self.folder / "hub.log").read_text(errors="replace")

    def client(self) -> httpx.Client:
        """Return a client without cookies; it is closed with the hub."""
        client = httpx.Client(base_url=self.url, timeout=PATIENCE)
        self.clients.append(client)
        return client

    def api(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the REST API at `path`, such as ``users/alice``, as a service that may do everything."""
        headers = {"Authorization": f"token {TOKEN}"}
        with httpx.Client(timeout=PATIENCE) as client:
            return client.request(method, f"{self.url}/api/{path}", json=body, headers=headers)

    def login(self, name: str) -> httpx.Client:
        """Return a client that is logged in as `name`."""
        client = self.client()
        client.get("/login").raise_for_status()
        answer = client.post("/login", data={"username": name, "password": "x", "_xsrf": client.cookies["_xsrf"]})
        if answer.status_code != httpx.codes.FOUND:
            raise AssertionError(f"{name} cannot log in: {answer.status_code} {answer.text}")
        return client

    def failures(self) -> bool:
        """Say whether the hub counted a failed spawn."""
        return "consecutive spawns failed" in self.log() or "consecutive spawn failures" in self.log()

    def stop(self) -> None:
        """End the hub and its labs."""
        for client in self.clients:
            client.close()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()
        self.process.wait()


@contextmanager
def running_hub(
    folder: Path,
    state_url: str,
    *,
    named: bool = True,
    groups: dict[str, dict[str, list[str]]] | None = None,
    more: str = "",
) -> Iterator[Hub]:
    """Run a hub for a block.

    Parameters
    ----------
    folder
        Where it keeps everything; a hub that is started there again has the same users and stored options.
    state_url
        Where the menu state is.
    named
        Whether users may have named servers.
    groups
        What ``JupyterHub.load_groups`` takes.
    more
        Lines at the end of the configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = f"c.LocalStrataSpawner.state_url = {state_url!r}\n{more}"
    hub = _start(folder, named=named, groups=groups or {}, more=settings)
    try:
        yield hub
    finally:
        hub.stop()


def eventually(what: str, happens: Callable[[], object]) -> None:
    """Wait until `happens` returns something true."""
    deadline = time.monotonic() + PATIENCE
    while not happens():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s")
        time.sleep(0.05)


def _start(folder: Path, *, named: bool, groups: dict[str, dict[str, list[str]]], more: str) -> Hub:
    said = ""
    for _ in range(_TRIES):
        port = _free_port()
        text = _CONFIG.format(
            port=port,
            folder=folder,
            named=named,
            admin=ADMIN,
            groups=groups,
            token=TOKEN,
            python=sys.executable,
            more=more,
        )
        (folder / "jupyterhub_config.py").write_text(text)
        with (folder / "hub.log").open("wb") as log:
            command = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")]
            environ = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTEST"))}
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environ)
        hub = Hub(folder, port, process)
        try:
            if _ready(hub):
                return hub
        except BaseException:
            hub.stop()
            raise
        said = hub.log()
        if "Address already in use" not in said and "address already in use" not in said:
            break
    raise AssertionError(f"The hub does not start:\n{said[-4000:]}")


def _ready(hub: Hub) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if hub.process.poll() is not None:
            return False
        with suppress(httpx.TransportError), httpx.Client(timeout=5) as client:
            if client.get(f"{hub.url}/health").is_success:
                return True
        time.sleep(0.1)
    raise AssertionError(f"The hub does not answer:\n{hub.log()[-4000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
