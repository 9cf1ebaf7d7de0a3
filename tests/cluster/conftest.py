"""Fixtures on a real API server; each says what is missing where it cannot be had."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.faulty_api import FaultyApi
from support.kubernetes.api import Api
from support.kubernetes.build import ClusterUnavailable
from support.kubernetes.control_plane import ControlPlane
from support.kubernetes.stages import ScriptedNode, StubLabs


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of our own, which tests may pause, kill and restart."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start().close()
        yield plane
    except ClusterUnavailable as missing:
        pytest.skip(str(missing))
    finally:
        plane.stop()


@pytest.fixture
def api(plane: ControlPlane) -> Iterator[Api]:
    """What is really there, as an admin sees it."""
    api = Api(plane.admin_kubeconfig)
    yield api
    api.close()


@pytest.fixture(scope="session")
def some_cluster(request: pytest.FixtureRequest) -> Path:
    """A kubeconfig: that of ``KUBECONFIG``, for people with a cluster, else that of our own control plane."""
    named = os.environ.get("KUBECONFIG")
    if named:
        return Path(named)
    plane: ControlPlane = request.getfixturevalue("plane")
    return plane.admin_kubeconfig


@pytest.fixture
def namespace(api: Api) -> str:
    """A namespace that only this test uses."""
    return api.namespace(f"test-{uuid.uuid4().hex[:10]}")


@pytest.fixture
async def faulty(plane: ControlPlane) -> AsyncIterator[FaultyApi]:
    """A way to the API server that misbehaves as told."""
    proxy = FaultyApi(plane)
    await proxy.start()
    yield proxy
    await proxy.close()


@pytest.fixture
def labs() -> Iterator[StubLabs]:
    """What answers in place of labs on a scripted node."""
    labs = StubLabs()
    yield labs
    labs.close()


@pytest.fixture
def node(plane: ControlPlane, namespace: str) -> Iterator[ScriptedNode]:
    """A scripted node, on which every pod runs at once unless told otherwise."""
    node = ScriptedNode(plane, namespace)
    yield node
    node.close()
