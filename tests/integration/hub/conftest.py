"""A registry and a folder for each test."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import docker_registry
from support.service_process import SECRET
from support.sites import NAME, Site, weeklies


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A registry with 40 weeklies."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    endpoint = {
        "name": "strata",
        "url": f"http://127.0.0.1:{port}/services/strata/notifications/distribution",
        "headers": {"Authorization": [f"Bearer {SECRET}"]},
        "timeout": "5s",
        "threshold": 5,
        "backoff": "1s",
        "ignore": {"actions": ["pull"]},
    }
    (tmp_path / "registry").mkdir()
    (tmp_path / "service").mkdir()
    with docker_registry.running(
        tmp_path / "registry", config={"notifications": {"endpoints": [endpoint]}}
    ) as registry:
        tags = weeklies(40)
        registry.write(NAME, tags)
        yield Site(registry, tmp_path / "service", port, tags)
