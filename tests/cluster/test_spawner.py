"""What StrataSpawner asks of a real API server: the pod of a choice."""

from collections.abc import Iterator

import pytest
from support import menu_states
from support.kubernetes.api import Document
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.hub import Deployment, deployed

TAG = "w_2026_22"
DIGEST = menu_states.digest_of(TAG)
MORE = """
c.KubeSpawner.extra_labels = {"site": "base"}
c.KubeSpawner.node_selector = {"kubernetes.io/os": "linux"}
c.KubeSpawner.environment = {"STRATA_IMAGE": "forged", "SITE": "base"}
c.KubeSpawner.image = "registry.example.org/stock:1"
c.KubeSpawner.image_pull_secrets = ["chart"]
c.StrataSpawner.pull_secrets = {"registry.example.org": "pull-lab", "other.example.org": "other"}
"""


def environment(pod: Document) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in pod["spec"]["containers"][0]["env"]}


@pytest.fixture(scope="module")
def deployment(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One hub for this module; each test has users of its own."""
    braces = menu_states.entry("exp_braces", display="{username.__class__} {nothing}", note="{}", cycle="{0}")
    first, *rest = menu_states.state().payloads
    payload = first.model_copy(update={"images": (*first.images, braces)})
    state = menu_states.fresh(menu_states.state(payload, *rest))
    with deployed(plane, tmp_path_factory.mktemp("deployment"), state, more=MORE) as deployment:
        yield deployment


def test_the_pod_of_a_choice_has_its_digest_limits_volume_environment_and_provenance(deployment: Deployment) -> None:
    deployment.start("alice", {"image": f"science/{TAG}", "size": "small", "safe_mode": True})
    pod = deployment.pod("alice")
    container = pod["spec"]["containers"][0]
    assert container["image"] == f"{menu_states.SCIENCE}@{DIGEST}"
    assert container["resources"] == {
        "limits": {"cpu": "1", "memory": str(3 * menu_states.GIB)},
        "requests": {"cpu": "250m", "memory": str(menu_states.GIB)},
    }
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    (mount,) = container["volumeMounts"]
    assert (mount["name"], mount["mountPath"]) == ("home", "/home/lab")
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"].startswith("claim-alice")
    variables = environment(pod)
    assert variables["STRATA_CONTRACT"] == "1"
    assert variables["STRATA_IMAGE"] == f"{menu_states.SCIENCE}:{TAG}@{DIGEST}"
    assert variables["STRATA_SAFE_MODE"] == "1"
    assert variables["STRATA_SIZE"] == "small"
    notes = pod["metadata"]["annotations"]
    assert notes["strata.jupyter.org/image"] == f"{menu_states.SCIENCE}:{TAG}@{DIGEST}"
    assert notes["strata.jupyter.org/image-digest"] == DIGEST
    assert notes["strata.jupyter.org/image-stack"] == "lsst_distrib w_2026_22"
    assert pod["metadata"]["labels"]["strata.jupyter.org/tag"] == TAG


def test_what_is_set_on_stock_kubespawner_still_applies(deployment: Deployment) -> None:
    deployment.start("ben", {})
    pod = deployment.pod("ben")
    assert pod["metadata"]["labels"]["site"] == "base"
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert environment(pod)["SITE"] == "base"
    assert {"name": "chart"} in pod["spec"]["imagePullSecrets"]


def test_the_pull_secret_of_the_images_registry_is_given_and_no_other(deployment: Deployment) -> None:
    deployment.start("cora", {})
    names = [secret["name"] for secret in deployment.pod("cora")["spec"]["imagePullSecrets"]]
    assert names == ["chart", "pull-lab"]


def test_braces_in_what_an_image_says_of_itself_are_no_format_strings(deployment: Deployment) -> None:
    deployment.start("dan", {"image": "science/exp_braces"})
    pod = deployment.pod("dan")
    assert pod["metadata"]["annotations"]["strata.jupyter.org/image-title"] == "{username.__class__} {nothing}"
    assert environment(pod)["STRATA_IMAGE_TITLE"] == "{username.__class__} {nothing}"


def test_servers_of_one_user_and_users_of_like_names_never_share_a_pod(deployment: Deployment) -> None:
    deployment.start("eve", {})
    deployment.start("eve", {"image": "science/w_2026_20"}, server="second")
    deployment.start("eve-second", {})
    deployment.start("eve--second", {})
    users = ("eve", "eve-second", "eve--second")
    assert len({pod["metadata"]["name"] for user in users for pod in deployment.pods(user)}) == 4


def test_a_start_after_another_image_leaves_nothing_of_the_first(deployment: Deployment) -> None:
    deployment.start("fay", {"image": f"science/{TAG}", "size": "small", "safe_mode": True, "debug": True})
    deployment.stop("fay")
    deployment.start("fay", {"image": "science/r29_2_0"})
    pod = deployment.pod("fay")
    assert pod["spec"]["containers"][0]["image"].endswith(menu_states.digest_of("r29_2_0"))
    assert environment(pod)["STRATA_SAFE_MODE"] == "0"
    assert "JUPYTERHUB_DEBUG" not in environment(pod)
    assert environment(pod)["STRATA_SIZE"] == "medium"
