"""Starts while the API server stumbles, is slow, refuses, or is away."""

from collections.abc import Iterator

import pytest
from support import menu_states
from support.faulty_api import FaultyApiThread, Rule
from support.hub import TOKEN, eventually
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.hub import Deployment, deployed
from support.kubernetes.process import until
from support.kubernetes.stages import forever_pending, running, status_waiting

MORE = """
c.KubeSpawner.k8s_api_request_retry_timeout = 90
c.Spawner.start_timeout = 120
c.StrataSpawner.trouble_grace = 5
"""


@pytest.fixture(scope="module")
def faulty(plane: ControlPlane) -> Iterator[FaultyApiThread]:
    thread = FaultyApiThread(plane)
    yield thread
    thread.close()


@pytest.fixture(scope="module")
def deployment(
    plane: ControlPlane, faulty: FaultyApiThread, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    state = menu_states.fresh(menu_states.state())
    folder = tmp_path_factory.mktemp("deployment")
    with deployed(plane, folder, state, api_url=faulty.proxy.url, more=MORE) as deployment:
        yield deployment


@pytest.fixture(autouse=True)
def no_rules_left(faulty: FaultyApiThread) -> Iterator[None]:
    yield
    faulty.proxy.rules.clear()


def uid(deployment: Deployment, user: str) -> str:
    return str(deployment.pod(user)["metadata"]["uid"])


@pytest.mark.parametrize("what", ["pods", "persistentvolumeclaims"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_start_outlasts_a_server_that_stumbles(
    deployment: Deployment, faulty: FaultyApiThread, what: str, status: int
) -> None:
    user = f"stumble-{what}-{status}"
    faulty.proxy.rules.append(Rule("POST", f"/{what}", 2, status=status, headers="Retry-After: 1\r\n"))
    deployment.start(user, {})
    assert len(deployment.pods(user)) == 1


def test_a_pod_whose_answer_was_lost_is_not_killed_and_made_again(
    deployment: Deployment, faulty: FaultyApiThread
) -> None:
    faulty.proxy.rules.append(Rule("POST", "/pods", 1, lose_answer=True))
    deletions = faulty.proxy.count("DELETE", "/pods")
    deployment.start("late", {})
    assert len(deployment.pods("late")) == 1
    assert faulty.proxy.count("DELETE", "/pods") == deletions


def test_a_pod_that_was_created_slowly_is_created_once(deployment: Deployment, faulty: FaultyApiThread) -> None:
    faulty.proxy.rules.append(Rule("POST", "/pods", 1, delay=5))
    deployment.start("slow", {})
    assert len(deployment.pods("slow")) == 1


def test_a_pod_of_an_earlier_start_makes_way(deployment: Deployment) -> None:
    deployment.start("old", {})
    pod = deployment.pod("old")
    deployment.stop("old")
    fields = ("name", "namespace", "labels", "annotations")
    pod["metadata"] = {key: value for key, value in pod["metadata"].items() if key in fields}
    pod.pop("status")
    deployment.api.call("POST", f"/api/v1/namespaces/{deployment.namespace}/pods", pod)
    before = uid(deployment, "old")
    deployment.start("old", {})
    assert uid(deployment, "old") != before


def test_a_start_outlasts_an_outage(deployment: Deployment, faulty: FaultyApiThread) -> None:
    faulty.run(faulty.proxy.refuse())
    assert deployment.request("outage", {}).status_code == 202
    until(lambda: "Could not" in deployment.hub.log(), "the hub has met the outage")
    assert not deployment.pods("outage")
    faulty.run(faulty.proxy.start())
    eventually("the start", lambda: deployment.ready("outage"))
    assert len(deployment.pods("outage")) == 1


def test_a_stop_outlasts_a_server_that_stumbles(deployment: Deployment, faulty: FaultyApiThread) -> None:
    deployment.start("stop", {})
    faulty.proxy.rules.append(Rule("DELETE", "/pods", 2, status=500))
    deployment.stop("stop")


def test_a_refusal_for_good_is_told_in_the_words_of_kubernetes(deployment: Deployment) -> None:
    path = f"/api/v1/namespaces/{deployment.namespace}/limitranges"
    limits = [{"type": "Container", "max": {"memory": "4Gi"}}]
    deployment.api.create(path, {"metadata": {"name": "small"}, "spec": {"limits": limits}})
    until(lambda: deployment.api.items(path), "the limit")
    assert deployment.request("big", {"size": "medium"}).status_code == 202
    event = deployment.failure("big")
    assert "Kubernetes refused to create the lab (status 403)" in event["message"]
    assert "maximum memory usage per Container is 4Gi" in event["message"]
    assert not deployment.hub.failures()
    deployment.api.call("DELETE", f"{path}/small")


def test_progress_tells_where_a_start_stands(deployment: Deployment) -> None:
    assert deployment.node
    deployment.node.script = forever_pending
    try:
        assert deployment.request("waits", {}).status_code == 202
        until(lambda: deployment.pods("waits"), "the pod")
        with deployment.hub.client() as client:
            token = {"Authorization": f"token {TOKEN}"}
            with client.stream("GET", "/api/users/waits/server/progress", headers=token) as response:
                lines = (line for line in response.iter_lines() if line.startswith("data:"))
                said = [next(lines) for _ in range(3)]
        assert any("Waiting for a node" in line for line in said)
    finally:
        deployment.node.script = running
    deployment.api.call("DELETE", _pod_path(deployment, "waits"), {"gracePeriodSeconds": 0})
    assert "removed from the cluster" in deployment.failure("waits")["message"]


def test_a_trouble_that_does_not_pass_ends_the_start(deployment: Deployment) -> None:
    assert deployment.node
    deployment.node.script = lambda pod: [status_waiting(pod, "ErrImagePull", "dial tcp: i/o timeout")]
    try:
        assert deployment.request("timeout", {}).status_code == 202
        assert "i/o timeout" in deployment.failure("timeout")["message"]
    finally:
        deployment.node.script = running
    until(lambda: not deployment.pods("timeout"), "no pod is left")


def _pod_path(deployment: Deployment, user: str) -> str:
    name = deployment.pod(user)["metadata"]["name"]
    return f"/api/v1/namespaces/{deployment.namespace}/pods/{name}"
