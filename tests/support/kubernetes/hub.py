"""A real JupyterHub with StrataSpawner in front of an API server."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import httpx
from strata_hub.state import MenuState

from support.hub import Hub, eventually, running_hub

from .access import hub_kubeconfig
from .api import Api, Document
from .control_plane import ControlPlane
from .node import Node
from .stages import ScriptedNode, StubLabs

LAB_PORT = 8888
_CONFIG = """
c.JupyterHub.spawner_class = {spawner!r}
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.concurrent_spawn_limit = 0
c.StrataSpawner.state_url = {state_url!r}
c.StrataSpawner.state_interval = 0.5
c.KubeSpawner.namespace = {namespace!r}
c.KubeSpawner.port = {port}
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_capacity = "1Gi"
c.KubeSpawner.volumes = {{"home": {{"name": "home", "persistentVolumeClaim": {{"claimName": "{{pvc_name}}"}}}}}}
c.KubeSpawner.volume_mounts = {{"home": {{"name": "home", "mountPath": "/home/lab"}}}}
{more}
"""


def publish(folder: Path, state: MenuState) -> str:
    """Write a menu state, and return its ``file:`` URL."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "state.json"
    path.write_bytes(state.dump())
    return path.as_uri()


@contextmanager
def cluster_hub(
    folder: Path,
    state_url: str,
    *,
    kubeconfig: Path,
    namespace: str,
    port: int,
    spawner: str = "strata",
    groups: dict[str, dict[str, list[str]]] | None = None,
    more: str = "",
) -> Iterator[Hub]:
    """Run a hub whose labs are pods, for a block.

    Parameters
    ----------
    folder
        Where it keeps everything; started there again, it is the same hub.
    state_url
        Where the menu state is.
    kubeconfig
        How it reaches the API server.
    namespace
        Where its pods are.
    port
        What labs listen on.
    spawner
        ``JupyterHub.spawner_class``.
    groups
        What ``JupyterHub.load_groups`` takes.
    more
        Lines at the end of the configuration.
    """
    settings = _CONFIG.format(state_url=state_url, namespace=namespace, port=port, spawner=spawner, more=more)
    # Read by the client library on import, so before the hub's configuration.
    with (
        patch.dict(os.environ, KUBECONFIG=str(kubeconfig)),
        running_hub(folder, state_url, groups=groups, more=settings) as hub,
    ):
        yield hub


def lab_pods(api: Api, namespace: str) -> list[Document]:
    """Return the pods of labs."""
    pods = api.pods(namespace)
    return [pod for pod in pods if pod["metadata"].get("labels", {}).get("component") == "singleuser-server"]


@dataclass
class Deployment:
    """A hub, its namespace, and the node that is scripted for it."""

    hub: Hub
    api: Api
    namespace: str
    node: ScriptedNode | None = None

    def request(self, user: str, options: object, server: str = "") -> httpx.Response:
        """Ask for a start through the REST API."""
        self.hub.api("POST", f"users/{user}")
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        return self.hub.api("POST", path, {"user_options": options})

    def server(self, user: str, server: str = "") -> Document | None:
        """Return what the hub says of a server, or None where it has none."""
        found: Document | None = self.hub.api("GET", f"users/{user}").json()["servers"].get(server)
        return found

    def ready(self, user: str, server: str = "") -> bool:
        """Tell whether a server is ready."""
        return bool((self.server(user, server) or {}).get("ready"))

    def start(self, user: str, options: object, server: str = "") -> None:
        """Start a server and wait until it is ready."""
        answer = self.request(user, options, server)
        if answer.status_code not in {httpx.codes.CREATED, httpx.codes.ACCEPTED}:
            raise AssertionError(f"{answer.status_code} {answer.text}\n{self.hub.log()[-2000:]}")
        eventually(f"the start of {user} {server}", lambda: self.ready(user, server))

    def stop(self, user: str, server: str = "") -> None:
        """Stop a server and wait until it is gone."""
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        self.hub.api("DELETE", path)
        eventually(f"the stop of {user}", lambda: not self.pods(user, server) and not self.server(user, server))

    def failure(self, user: str, server: str = "") -> Document:
        """Wait until a start failed, and return the last event of its progress."""
        path = f"users/{user}/servers/{server}/progress" if server else f"users/{user}/server/progress"
        events: list[Document] = []

        def failed() -> bool:
            lines = self.hub.api("GET", path).text.splitlines()
            events[:] = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
            return bool(events and events[-1].get("failed"))

        eventually(f"the failure of {user}", failed)
        return events[-1]

    def pods(self, user: str = "", server: str | None = None) -> list[Document]:
        """Return the pods of labs, of one user and server where they are named."""
        prefix = "hub.jupyter.org"
        found = []
        for pod in lab_pods(self.api, self.namespace):
            notes = pod["metadata"]["annotations"]
            of_user = not user or notes[f"{prefix}/username"] == user
            if of_user and (server is None or notes.get(f"{prefix}/servername", "") == server):
                found.append(pod)
        return found

    def pod(self, user: str, server: str = "") -> Document:
        """Return the only pod of a server."""
        (pod,) = self.pods(user, server)
        return pod


@contextmanager
def deployed(
    plane: ControlPlane, folder: Path, state: MenuState, *, api_url: str = "", more: str = ""
) -> Iterator[Deployment]:
    """Run a hub with the narrow role in a namespace of its own, on a scripted node where each lab runs at once.

    Parameters
    ----------
    plane
        The control plane.
    folder
        Where the hub keeps everything.
    state
        What it offers.
    api_url
        Where the hub reaches the API server; by default directly.
    more
        Lines at the end of the hub's configuration.
    """
    api = Api(plane.admin_kubeconfig)
    namespace = api.namespace(f"test-{uuid.uuid4().hex[:10]}")
    labs = StubLabs()
    node = ScriptedNode(plane, namespace)
    try:
        kubeconfig = hub_kubeconfig(plane, api, namespace, folder / "kubeconfig", url=api_url)
        with cluster_hub(
            folder / "hub",
            publish(folder, state),
            kubeconfig=kubeconfig,
            namespace=namespace,
            port=labs.port,
            groups={"gpu": {"users": ["gina"]}, "staff": {"users": ["stan"]}},
            more=more,
        ) as hub:
            yield Deployment(hub, api, namespace, node)
    finally:
        node.close()
        labs.close()
        api.close()


@contextmanager
def deployed_on(node: Node, api: Api, folder: Path, state: MenuState, *, more: str = "") -> Iterator[Deployment]:
    """Run a hub whose labs are real pods of `node`; see `deployed`."""
    namespace = api.namespace(f"test-{uuid.uuid4().hex[:10]}")
    kubeconfig = hub_kubeconfig(node.plane, api, namespace, folder / "kubeconfig")
    with cluster_hub(
        folder / "hub", publish(folder, state), kubeconfig=kubeconfig, namespace=namespace, port=LAB_PORT, more=more
    ) as hub:
        yield Deployment(hub, api, namespace)
