"""Real registries: plain, with a password file, and with a token server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from strata_hub.registry import Credentials, RegistryClient, RegistrySettings
from support import docker_registry, fault_registry, oci_images, token_server
from support.docker_registry import DockerRegistry
from support.fault_registry import FaultRegistry, StillClock
from support.oci_images import Built
from support.token_server import TokenServer

NAME = "lab/science"
USERNAME, PASSWORD = "robot-canary-name", "canary:pass/word"


@dataclass(frozen=True)
class Site:
    """A registry, and how to get in."""

    registry: DockerRegistry
    settings: RegistrySettings
    credentials: Credentials | None
    tokens: TokenServer | None = None

    def client(self) -> RegistryClient:
        """Return a client with everything it needs."""
        return RegistryClient(self.registry.host, self.settings, self.credentials)


def images() -> dict[str, Built]:
    """Return one image of every form that a registry stores, by tag."""
    amd64, arm64 = oci_images.image(), oci_images.image(platform="linux/arm64/v8")
    tags = {f"w_2026_{week:02}": oci_images.lab_image(f"w_2026_{week:02}", history=8) for week in range(1, 12)}
    return tags | {
        "latest_weekly": tags["w_2026_11"],
        "multi": oci_images.index(("linux/arm64/v8", arm64), ("linux/amd64", amd64), attestation=True),
        "list": oci_images.index(
            ("linux/arm64/v8", oci_images.image(platform="linux/arm64/v8", docker=True)),
            ("linux/amd64", oci_images.image(docker=True)),
            docker=True,
        ),
        "docker": oci_images.image(docker=True, labels={"org.label-schema.name": "old"}),
        "r29_2_0-arm64": arm64,
        "chart": oci_images.image(config_type="application/vnd.cncf.helm.config.v1+json"),
        "Upper.Case-1": oci_images.image(labels={"io.strata.stack": "lsst 29"}),
        "7": oci_images.image(created="1970-01-01T00:00:00Z"),
    }


@pytest.fixture(scope="module")
def stored() -> dict[str, Built]:
    """What every registry of these tests holds under `NAME`."""
    return images()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, stored: dict[str, Built]) -> Iterator[Site]:
    """A registry for everybody."""
    with docker_registry.running(tmp_path_factory.mktemp("plain")) as registry:
        registry.write(NAME, stored)
        yield Site(registry, RegistrySettings(scheme="http"), None)


@pytest.fixture(scope="module")
def htpasswd(tmp_path_factory: pytest.TempPathFactory, stored: dict[str, Built]) -> Iterator[Site]:
    """A registry with a password file."""
    folder = tmp_path_factory.mktemp("htpasswd")
    auth = docker_registry.htpasswd_auth(folder, USERNAME, PASSWORD)
    with docker_registry.running(folder, auth=auth) as registry:
        registry.write(NAME, stored)
        yield Site(registry, RegistrySettings(scheme="http"), Credentials(USERNAME, PASSWORD))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, stored: dict[str, Built]) -> Iterator[Site]:
    """A registry with a token server that knows one user."""
    folder = tmp_path_factory.mktemp("tokens")
    with token_server.running(folder) as server:
        server.username, server.password, server.refresh_token = USERNAME, PASSWORD, "canary-refresh"
        auth = docker_registry.token_auth(server.realm, server.issuer, server.service, server.certificate)
        with docker_registry.running(folder, auth=auth) as registry:
            registry.write(NAME, stored)
            settings = RegistrySettings(scheme="http", allowed_realms=(server.host,))
            yield Site(registry, settings, Credentials(USERNAME, PASSWORD), server)


class Ask:
    """A scripted registry, and clients for it whose waits take no time."""

    def __init__(self, registry: FaultRegistry) -> None:
        self.registry = registry
        self.clock = StillClock()
        self.play = registry.play
        self.count = registry.count

    def client(self, credentials: Credentials | None = None, **settings: object) -> RegistryClient:
        """Return a client with these settings."""
        document = {"scheme": "http", "requests_per_second": None, **settings}
        checked = RegistrySettings.model_validate(document)
        return RegistryClient(self.registry.host, checked, credentials, clock=self.clock)


@pytest.fixture
async def ask(stored: dict[str, Built]) -> AsyncIterator[Ask]:
    """A scripted registry that holds what the real ones hold."""
    async with fault_registry.running({NAME: stored}) as registry:
        yield Ask(registry)


@pytest.fixture(params=["plain", "htpasswd", "tokens"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the three registries."""
    return request.getfixturevalue(request.param)
