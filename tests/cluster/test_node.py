"""Labs on a real kubelet: what becomes of those that cannot start, and the harness's own promises."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from strata_hub.state import ImageEntry, MenuState, Size
from support import menu_states
from support.kubernetes import remains as leftovers
from support.kubernetes.api import Api, Document
from support.kubernetes.build import ClusterUnavailable
from support.kubernetes.hub import Deployment, deployed_on
from support.kubernetes.node import Node, running_node
from support.kubernetes.process import until

GIB = menu_states.GIB
SERVE = ("/bin/busybox", "httpd", "-f", "-p", "8888")
CRASH = ("/bin/busybox", "sh", "-c", "echo ImportError: No module named jupyterlab >&2; exit 3")
HUNGRY = ("/bin/busybox", "tail", "/dev/zero")
"""It looks for the last line of a file without lines, and keeps everything in memory."""


def limit() -> float:
    """Seconds within which a hopeless start fails: thirty, where the machine is not busy."""
    return 180.0 if os.getloadavg()[0] > 0.75 * (os.cpu_count() or 1) else 30.0


def size(name: str, cpu: float, memory: int) -> Size:
    return Size(
        name=name, title=name, cpu_limit=cpu, cpu_request=cpu / 10, memory_limit=memory, memory_request=memory // 10
    )


SIZES = (
    size("small", 1, GIB).model_copy(update={"default": True}),
    size("tiny", 1, 20 << 20),
    Size(name="huge", title="Huge", cpu_limit=4000, cpu_request=4000, memory_limit=GIB, memory_request=GIB),
)


def entry(tag: str, digest: str) -> ImageEntry:
    return menu_states.entry(tag, digest=digest, section="weekly")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Api]]:
    try:
        with running_node(tmp_path_factory.mktemp("node") / "run") as cluster:
            yield cluster
    except ClusterUnavailable as missing:
        pytest.skip(str(missing))


def menu(node: Node) -> MenuState:
    registry = node.registry
    good = registry.push_busybox("labs/science:w_2026_22", SERVE)
    images = (
        menu_states.entry(
            "w_2026_22", digest=good, section="recommended", recommendation=menu_states.recommended()[0].recommendation
        ),
        entry("crash", registry.push_busybox("labs/science:crash", CRASH)),
        entry("hungry", registry.push_busybox("labs/science:hungry", HUNGRY)),
        entry("gone", menu_states.digest_of("nothing that was ever pushed")),
    )
    science = menu_states.science(images).model_copy(update={"repository": f"{registry.host}/labs/science"})
    elsewhere = science.model_copy(
        update={"name": "elsewhere", "repository": "127.0.0.1:1/labs/science", "images": (entry("away", good),)}
    )
    state = menu_states.state(science, elsewhere)
    return menu_states.fresh(state.model_copy(update={"sizes": SIZES}))


@pytest.fixture(scope="module")
def deployment(
    cluster: tuple[Node, Api], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:  # fmt: skip
    node, api = cluster
    for number in range(8):
        node.volume(api, f"home-{number}")
    with deployed_on(node, api, tmp_path_factory.mktemp("deployment"), menu(node)) as deployment:
        yield deployment


def refused(deployment: Deployment, user: str, options: Document) -> Document:
    """Start what cannot start; return the last event of its progress, once no pod is left."""
    began = time.monotonic()
    answer = deployment.request(user, options)
    assert answer.status_code == 202, answer.text
    event = deployment.failure(user)
    assert time.monotonic() - began < limit()
    until(lambda: not deployment.pods(user), "no pod is left")
    assert "Choose another image</a>" in event["html_message"]
    assert f"/hub/spawn/{user}" in event["html_message"]
    assert not deployment.hub.failures()
    return event


def test_a_lab_runs_on_the_node_with_its_volume_limits_and_environment(deployment: Deployment) -> None:
    deployment.start("alice", {})
    pod = deployment.pod("alice")
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["containerStatuses"][0]["imageID"].endswith(pod["spec"]["containers"][0]["image"][-64:])
    claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    path = f"/api/v1/namespaces/{deployment.namespace}/persistentvolumeclaims/{claim}"
    assert deployment.api.call("GET", path)["status"]["phase"] == "Bound"
    deployment.stop("alice")


def test_an_image_that_is_gone_fails_in_words(deployment: Deployment) -> None:
    event = refused(deployment, "ben", {"image": "science/gone"})
    assert "The image could not be downloaded" in event["message"]
    assert "not found" in event["message"]


def test_a_registry_that_is_away_fails_in_words(deployment: Deployment) -> None:
    event = refused(deployment, "cora", {"image": "elsewhere/away"})
    assert "The image could not be downloaded" in event["message"]


def test_a_lab_that_crashes_fails_with_its_last_words(deployment: Deployment) -> None:
    event = refused(deployment, "dan", {"image": "science/crash"})
    assert "exit status 3" in event["message"]
    assert "No module named jupyterlab" in event["message"]


def test_a_lab_that_needs_more_memory_than_its_size_fails_in_words(deployment: Deployment) -> None:
    event = refused(deployment, "eve", {"image": "science/hungry", "size": "tiny"})
    assert "more memory than its size allows" in event["message"]


def test_a_size_that_no_node_has_room_for_fails_in_words(deployment: Deployment) -> None:
    event = refused(deployment, "fay", {"size": "huge"})
    assert "No node of the cluster has room" in event["message"]
    assert "Insufficient cpu" in event["message"]


def test_a_start_after_a_failure_succeeds(deployment: Deployment) -> None:
    refused(deployment, "gus", {"image": "science/crash"})
    deployment.start("gus", {})
    deployment.stop("gus")


def test_what_a_crashed_run_left_is_swept_by_the_next(tmp_path: Path, cluster: tuple[Node, Api]) -> None:
    program = (
        "import sys, os; from pathlib import Path; from support.kubernetes import remains\n"
        f"print(remains.claim(Path({str(tmp_path / 'crashed')!r})).bridge, flush=True)\nos._exit(9)"
    )
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tests, env={"PYTHONPATH": tests, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    bridge = done.stdout.strip()
    assert (Path("/sys/class/net") / bridge).exists(), done.stderr
    leftovers.sweep()
    assert not (Path("/sys/class/net") / bridge).exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/{bridge}"))
    assert (Path("/sys/class/net") / cluster[0].remains.bridge).exists()
