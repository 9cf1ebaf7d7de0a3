"""A real lab image on a real node: built, pushed, listed, started from the menu, looked into, stopped, replaced."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from strata_hub.state import load
from support.hub import eventually
from support.kubernetes.api import Api
from support.kubernetes.build import ROOT, ClusterUnavailable, binary
from support.kubernetes.hub import Deployment, deployed_on
from support.kubernetes.node import Node, running_node
from support.kubernetes.process import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
REPOSITORY = "labs/science"
SERVE = ("/bin/busybox", "httpd", "-f", "-p", "8888")


@pytest.fixture(scope="module")
def image() -> Path:
    """The OCI layout of the lab image, where it has been built."""
    found = [path for path in (ROOT / ".strata/images").glob("lab-*/oci") if "next" not in path.parent.name]
    if not found:
        pytest.skip("the lab image has not been built here: `make lab-image` builds it in some minutes")
    return max(found, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="module")
def cluster(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Api]]:
    try:
        with running_node(tmp_path_factory.mktemp("node") / "run") as cluster:
            yield cluster
    except ClusterUnavailable as missing:
        pytest.skip(str(missing))


@contextmanager
def forwarded(address: str, port_of: list[int]) -> Iterator[int]:
    """Pass connections to the node's address on to a port on loopback, so that pods reach a hub that listens there."""
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port_of[0])
        for source, target in ((reader, outer), (inner, writer)):
            task = loop.create_task(pump(source, target))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def close() -> None:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.1)

    server = loop.run_until_complete(asyncio.start_server(accept, address, 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def listed(node: Node, folder: Path) -> Path:
    """Let the service read the registry once, and return the menu state that it wrote."""
    host = node.registry.host
    deployment = {
        "name": "science",
        "title": "Science",
        "database": f"sqlite:///{folder}/strata.sqlite",
        "registries": {host: {"scheme": "http"}},
        "payloads": {
            "science": {
                "title": "Science",
                "repository": f"{host}/{REPOSITORY}",
                "policy": {"recommended": {"recommended": {"tag": "recommended", "title": "Recommended", "rank": 1}}},
            }
        },
        "sizes": {"small": {"title": "Small", "cpu_limit": 1, "memory_limit": "2Gi", "default": True}},
    }
    (folder / "deployment.yaml").write_text(yaml.safe_dump(deployment), "utf-8")
    command = [Path(sys.executable).with_name("strata-hub"), "state", "--config", folder / "deployment.yaml"]

    def complete() -> bool:
        # Each reading examines a batch of images; some take more than one.
        subprocess.run([*command, "--output", folder / "state.json"], check=True, capture_output=True)
        (payload,) = load((folder / "state.json").read_bytes()).payloads
        return len(payload.images) == 2 and all(entry.digest for entry in payload.images)

    until(complete, "both images are listed")
    return folder / "state.json"


def test_the_path_of_a_lab_from_its_image_to_the_next_one(
    image: Path, cluster: tuple[Node, Api], tmp_path: Path
) -> None:
    node, api = cluster
    for tag in ("w_2026_22", "recommended"):
        target = f"docker://{node.registry.host}/{REPOSITORY}:{tag}"
        copy = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{image}", target]
        subprocess.run(copy, check=True, capture_output=True)
    other = node.registry.push_busybox(f"{REPOSITORY}:w_2026_23", SERVE)
    state = load(listed(node, tmp_path).read_bytes())
    node.volume(api, "home-0")
    port: list[int] = []
    (tmp_path / "deployment").mkdir()
    with forwarded(node.address, port) as outside:
        more = f'c.JupyterHub.hub_connect_url = "http://{node.address}:{outside}"\nc.KubeSpawner.fs_gid = 1000\n'
        with deployed_on(node, api, tmp_path / "deployment", state, more=more) as deployment:
            port.append(deployment.hub.port)
            deployment.start("alice", {})
            look_into(deployment, node)
            deployment.stop("alice")
            deployment.start("alice", {"image": "science/w_2026_23"})
            assert deployment.pod("alice")["spec"]["containers"][0]["image"].endswith(other)
            deployment.stop("alice")


def look_into(deployment: Deployment, node: Node) -> None:
    """See from inside that the lab is what was chosen."""
    pod = deployment.pod("alice")
    assert "STRATA_IMAGE_TAG=w_2026_22" in inside(deployment, node, "env").split()
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == str(2 << 30)
    assert "/home/lab" in inside(deployment, node, "mount")
    said = inside(deployment, node, "/opt/strata/machinery/bin/strata", "list")
    assert "Traceback" not in said
    eventually("the lab's server", lambda: deployment.ready("alice"))


def inside(deployment: Deployment, node: Node, *command: str) -> str:
    """Run a command in the lab, and return what it says."""
    name = deployment.pod("alice")["metadata"]["name"]
    kubectl = [binary("kubectl"), "--kubeconfig", node.plane.admin_kubeconfig, "-n", deployment.namespace]
    done = subprocess.run(
        [*kubectl, "exec", name, "--", *command], capture_output=True, text=True, check=False, timeout=300
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
