"""A scripted node: pods get the statuses that a kubelet would write, and a stub answers in place of every lab.

For tests of the hub and of scale, where the API server must be real and the pods need not be.
"""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from jupyterhub import __version__ as hub_version

from .control_plane import ControlPlane

Document = dict[str, Any]
Script = Callable[[Document], list[Document]]
"""From a new pod to the statuses that it goes through."""
LAB_ADDRESS = "127.0.0.1"


def running(pod: Document) -> list[Document]:
    """Let a pod run at once."""
    return [status_running(pod)]


def forever_pending(_pod: Document) -> list[Document]:
    """Let a pod stay as it was created."""
    return []


def status_running(pod: Document) -> Document:
    """Return the status of a pod whose containers all run."""
    now = pod["metadata"]["creationTimestamp"]
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": container["image"],
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": now}},
        }
        for container in pod["spec"]["containers"]
    ]
    ready = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("PodScheduled", "Ready")]
    return {
        "phase": "Running",
        "podIP": LAB_ADDRESS,
        "podIPs": [{"ip": LAB_ADDRESS}],
        "conditions": ready,
        "containerStatuses": containers,
    }


def status_waiting(pod: Document, reason: str, message: str = "") -> Document:
    """Return the status of a pod whose first container waits for `reason`."""
    container = pod["spec"]["containers"][0]
    waiting = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }
    return {"phase": "Pending", "containerStatuses": [waiting]}


class _Lab(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        notice = self.server.labs.on_request  # type: ignore[attr-defined] # set by StubLabs
        if notice is not None:
            notice()
        body = b"{}"
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", hub_version)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Say nothing."""


class StubLabs:
    """One HTTP server that stands in for every lab."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer((LAB_ADDRESS, 0), _Lab)
        self._server.daemon_threads = True
        self._server.labs = self  # type: ignore[attr-defined] # read by the handler
        self.on_request: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class ScriptedNode:
    """Plays a script for each new pod of a namespace, in a thread of its own.

    Parameters
    ----------
    plane
        The control plane, which is talked to directly.
    namespace
        Whose pods are played.
    script
        What happens to a pod; may be replaced between pods.
    """

    def __init__(self, plane: ControlPlane, namespace: str, script: Script = running) -> None:
        self._namespace = namespace
        self.script = script
        self._known: set[str] = set()
        self._stopping = threading.Event()
        trust = ssl.create_default_context(cafile=str(plane.authority.certificate))
        headers = {"Authorization": f"Bearer {plane.tokens['admin']}"}
        self._client = httpx.Client(base_url=plane.url, verify=trust, headers=headers, timeout=60, trust_env=False)
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop playing, at the latest when the present watch ends."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _play(self) -> None:
        while not self._stopping.is_set():
            try:
                self._watch()
            except (httpx.HTTPError, ValueError, KeyError):
                # The tests pause and kill the server behind it.
                self._stopping.wait(0.2)

    def _watch(self) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        document = self._client.get(path).raise_for_status().json()
        for pod in document["items"]:
            self._advance(pod)
        query = {"watch": "1", "resourceVersion": document["metadata"]["resourceVersion"], "timeoutSeconds": "2"}
        with self._client.stream("GET", path, params=query) as response:
            for line in response.iter_lines():
                change = json.loads(line)
                if change["type"] == "ERROR":
                    return
                if change["type"] == "ADDED":
                    self._advance(change["object"])

    def run(self, pod: Document) -> None:
        """Let a pod run that its script left behind."""
        self._write(pod, running(pod))

    def _advance(self, pod: Document) -> None:
        if pod["metadata"]["uid"] not in self._known:
            self._known.add(pod["metadata"]["uid"])
            self._write(pod, self.script(pod))

    def _write(self, pod: Document, statuses: list[Document]) -> None:
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{self._namespace}/pods/{metadata['name']}/status"
        kind = {"Content-Type": "application/merge-patch+json"}
        for status in statuses:
            self._client.patch(path, content=json.dumps({"status": status}), headers=kind)
