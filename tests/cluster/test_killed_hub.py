"""The hub is killed at every point of a spawn; afterwards there is one pod at most, and the user gets a lab."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from support import menu_states
from support.faulty_api import FaultyApiThread, Request, Rule
from support.hub import Hub, eventually
from support.kubernetes.access import hub_kubeconfig
from support.kubernetes.api import Api, Document
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.hub import Deployment, cluster_hub, publish
from support.kubernetes.process import until
from support.kubernetes.stages import ScriptedNode, StubLabs, forever_pending, running, status_running, status_waiting

ROUNDS = int(os.environ.get("STRATA_KILL_ROUNDS", "0"))
pytestmark = pytest.mark.skipif(not ROUNDS, reason="STRATA_KILL_ROUNDS says how often each of the ten points is tried")


@dataclass
class Trap:
    """Kills the hub the first time that something happens."""

    hub: Hub
    sprung: threading.Event = field(default_factory=threading.Event)

    def spring(self) -> None:
        if not self.sprung.is_set():
            self.sprung.set()
            self.hub.process.kill()

    def on(self, method: str, part: str) -> Callable[[Request], None]:
        return lambda request: self.spring() if request.matches(method, part) else None


@dataclass
class Stage:
    """What all rounds share."""

    folder: Path
    plane: ControlPlane
    api: Api
    namespace: str
    faulty: FaultyApiThread
    node: ScriptedNode
    labs: StubLabs

    def hub(self) -> AbstractContextManager[Hub]:
        url = publish(self.folder, menu_states.fresh(menu_states.state()))
        kubeconfig = hub_kubeconfig(
            self.plane, self.api, self.namespace, self.folder / "kubeconfig", url=self.faulty.proxy.url
        )
        return cluster_hub(
            self.folder / "hub", url, kubeconfig=kubeconfig, namespace=self.namespace, port=self.labs.port
        )


@pytest.fixture(scope="module")
def stage(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    api = Api(plane.admin_kubeconfig)
    namespace = api.namespace(f"kill-{os.urandom(4).hex()}")
    faulty, node, labs = FaultyApiThread(plane), ScriptedNode(plane, namespace), StubLabs()
    yield Stage(tmp_path_factory.mktemp("killed"), plane, api, namespace, faulty, node, labs)
    node.close()
    labs.close()
    faulty.close()
    api.close()


def at_request(method: str, part: str) -> Callable[[Stage, Trap], None]:
    def arm(stage: Stage, trap: Trap) -> None:
        stage.faulty.proxy.on_request = trap.on(method, part)

    return arm


def after_request(method: str, part: str) -> Callable[[Stage, Trap], None]:
    """Let the server do it, lose its answer, and kill the hub at its next request."""

    def arm(stage: Stage, trap: Trap) -> None:
        rule = Rule(method, part, 1, lose_answer=True)
        stage.faulty.proxy.rules.append(rule)
        stage.faulty.proxy.on_request = lambda _: trap.spring() if rule.times == 0 else None

    return arm


def in_status(make: Callable[[Document], list[Document]]) -> Callable[[Stage, Trap], None]:
    """Let pods get as far as `make` says, and kill the hub once they are there."""

    def arm(stage: Stage, trap: Trap) -> None:
        def script(pod: Document) -> list[Document]:
            threading.Timer(1.0, trap.spring).start()
            return make(pod)

        stage.node.script = script

    return arm


def when_the_lab_is_asked(stage: Stage, trap: Trap) -> None:
    stage.labs.on_request = trap.spring


POINTS: dict[str, Callable[[Stage, Trap], None]] = {
    "before the volume claim": at_request("POST", "/persistentvolumeclaims"),
    "after the volume claim": after_request("POST", "/persistentvolumeclaims"),
    "before the pod": at_request("POST", "/pods"),
    "after the pod": after_request("POST", "/pods"),
    "while it waits for a node": in_status(forever_pending),
    "while it pulls": in_status(lambda pod: [status_waiting(pod, "ContainerCreating")]),
    "while it starts": in_status(lambda pod: [{**status_running(pod), "podIP": None, "podIPs": None}]),
    "when it runs": in_status(running),
    "when the hub asks the lab": when_the_lab_is_asked,
}
LATE: dict[str, Callable[[Stage, Trap], None]] = {"while it stops the lab": at_request("DELETE", "/pods")}


@pytest.mark.timeout(1800)
def test_a_hub_that_was_killed_at_any_point_leaves_one_pod_at_most_and_the_user_a_lab(stage: Stage) -> None:
    """Each hub finishes what the one before it left, and is killed at the next point."""
    left: tuple[str, str] | None = None
    for point in [*POINTS, *LATE] * ROUNDS:
        with stage.hub() as hub:
            deployment = Deployment(hub, stage.api, stage.namespace)
            if left is not None:
                finish(stage, deployment, *left)
            user = f"user-{os.urandom(4).hex()}"
            hub.api("POST", f"users/{user}")
            trap = Trap(hub)
            # The hub may be gone before it answers.
            with suppress(httpx.HTTPError):
                if point in LATE:
                    deployment.start(user, {})
                    LATE[point](stage, trap)
                    hub.api("DELETE", f"users/{user}/server")
                else:
                    POINTS[point](stage, trap)
                    deployment.request(user, {})
            until(lambda: hub.process.poll() is not None, f"the hub is killed {point}")
        disarm(stage)
        assert len(deployment.pods(user)) <= 1, point
        left = point, user
    with stage.hub() as hub:
        assert left
        finish(stage, Deployment(hub, stage.api, stage.namespace), *left)


def disarm(stage: Stage) -> None:
    stage.faulty.proxy.on_request = None
    stage.faulty.proxy.rules.clear()
    stage.labs.on_request = None
    stage.node.script = running


def finish(stage: Stage, deployment: Deployment, point: str, user: str) -> None:
    """Let the user reach the lab, or start it anew without any help, after a restart."""

    def lab() -> bool:
        server = deployment.server(user)
        if server and server["ready"]:
            return True
        if not server or not server["pending"]:
            deployment.request(user, {})
        # What was on its way when the hub died comes up now, as a node would let it.
        for pod in deployment.pods(user):
            if pod["status"]["phase"] == "Pending" or not pod["status"].get("podIP"):
                stage.node.run(pod)
        return False

    eventually(f"a lab for the user of the hub that was killed {point}", lab)
    assert len(deployment.pods(user)) == 1, point
    deployment.stop(user)
