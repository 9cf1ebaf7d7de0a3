"""The harness itself: what other tests rely on."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from support.faulty_api import FaultyApi, Rule
from support.kubernetes import build
from support.kubernetes.api import Api
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.process import ReservedPort, until

POD = {
    "metadata": {"name": "one"},
    "spec": {"containers": [{"name": "main", "image": "registry.example.org/x:1"}]},
}


def test_the_api_server_is_the_pinned_version(some_cluster: Path) -> None:
    api = Api(some_cluster)
    assert api.call("GET", "/version")["gitVersion"] == build.KUBERNETES
    api.close()


def test_a_pod_can_be_made_at_once_in_a_new_namespace(api: Api, namespace: str) -> None:
    api.call("POST", f"/api/v1/namespaces/{namespace}/pods", POD)
    assert [pod["metadata"]["name"] for pod in api.pods(namespace)] == ["one"]


def test_nobody_is_let_in_without_a_token(plane: ControlPlane) -> None:
    trust = ssl.create_default_context(cafile=str(plane.authority.certificate))
    with httpx.Client(verify=trust, trust_env=False) as client:
        assert client.get(f"{plane.url}/api/v1/pods").status_code == httpx.codes.FORBIDDEN
        bad = client.get(f"{plane.url}/api/v1/pods", headers={"Authorization": "Bearer none"})
        assert bad.status_code == httpx.codes.UNAUTHORIZED


def test_a_paused_api_server_answers_again(plane: ControlPlane) -> None:
    plane.pause()
    plane.resume()
    assert plane.answers()


def test_a_killed_api_server_comes_back_on_its_port_with_what_it_held(
    plane: ControlPlane, api: Api, namespace: str
) -> None:
    api.call("POST", f"/api/v1/namespaces/{namespace}/pods", POD)
    url = plane.url
    plane.kill_server()
    assert not plane.answers()
    plane.restart_server()
    assert plane.url == url
    fresh = Api(plane.admin_kubeconfig)
    assert [pod["metadata"]["name"] for pod in fresh.pods(namespace)] == ["one"]
    fresh.close()


def test_a_reserved_port_refuses_connections_and_is_nobody_elses() -> None:
    port = ReservedPort()
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(asyncio.open_connection("127.0.0.1", port.number))
    port.release()


def test_a_binary_is_rebuilt_only_when_its_pins_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRATA_CLUSTER_BIN", str(tmp_path))
    assert build.outdated(["etcd"]) == ["etcd"]
    (tmp_path / "etcd").touch()
    (tmp_path / ".etcd.stamp").write_text(build.stamp(build.BINARIES["etcd"]), "ascii")
    assert build.outdated(["etcd"]) == []
    (tmp_path / ".etcd.stamp").write_text("of other pins", "ascii")
    assert build.outdated(["etcd"]) == ["etcd"]


def test_a_missing_binary_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRATA_CLUSTER_BIN", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(build.ClusterUnavailable, match=r"etcd is not in .* `make cluster-bin`"):
        build.binary("etcd")


def test_the_folder_of_envtest_is_honoured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "etcd").touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert build.binary("etcd") == tmp_path / "etcd"


class Client:
    """A plain client of the proxy."""

    def __init__(self, faulty: FaultyApi, plane: ControlPlane) -> None:
        trust = ssl.create_default_context(cafile=str(plane.authority.certificate))
        headers = {"Authorization": f"Bearer {plane.tokens['admin']}"}
        self.session = aiohttp.ClientSession(
            faulty.url, headers=headers, connector=aiohttp.TCPConnector(ssl=trust), trust_env=False
        )

    async def status(self, path: str, *, method: str = "GET", patience: float = 60, body: object = None) -> int:
        timeout = aiohttp.ClientTimeout(total=patience)
        async with self.session.request(method, path, timeout=timeout, json=body) as response:
            await response.read()
            return response.status

    async def close(self) -> None:
        await self.session.close()


@pytest.fixture
async def client(faulty: FaultyApi, plane: ControlPlane) -> AsyncIterator[Client]:
    client = Client(faulty, plane)
    yield client
    await client.close()


async def test_the_proxy_passes_requests_on_and_counts_them(faulty: FaultyApi, client: Client) -> None:
    assert await client.status("/api/v1/pods") == 200
    assert faulty.count("GET", "/api/v1/pods") == 1


async def test_the_proxy_refuses_and_takes_connections_again(faulty: FaultyApi, client: Client) -> None:
    assert await client.status("/version") == 200
    await faulty.refuse()
    with pytest.raises(aiohttp.ClientError):
        await client.status("/version")
    await faulty.start()
    assert await client.status("/version") == 200


async def test_a_silent_connection_stays_silent_and_a_new_one_works(faulty: FaultyApi, client: Client) -> None:
    assert await client.status("/version") == 200
    faulty.stall()
    with pytest.raises(TimeoutError):
        await client.status("/version", patience=1)
    faulty.recover()
    assert await client.status("/version") == 200


async def test_the_proxy_answers_in_the_servers_place(faulty: FaultyApi, client: Client) -> None:
    faulty.rules.append(Rule("GET", "/version", 1, status=429, headers="Retry-After: 1\r\n"))
    assert await client.status("/version") == 429
    assert await client.status("/version") == 200


async def test_a_lost_answer_means_that_the_server_did_it(
    faulty: FaultyApi, client: Client, api: Api, namespace: str
) -> None:
    faulty.rules.append(Rule("POST", "/pods", 1, lose_answer=True))
    with pytest.raises(aiohttp.ClientError):
        await client.status(f"/api/v1/namespaces/{namespace}/pods", method="POST", body=POD)
    until(lambda: api.pods(namespace), "the pod whose answer was lost")
