"""A registry behind TLS, with an authority that only its own file makes trustworthy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from strata_hub.errors import RegistryError, RegistryUnavailable
from strata_hub.registry import RegistryClient, RegistrySettings
from support import docker_registry, token_server
from support.docker_registry import DockerRegistry

NAME = "lab/science"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and its certificate."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "certificate.pem").write_bytes(token_server.self_signed(key).public_bytes(Encoding.PEM))
    return folder


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, authority: Path, stored: Any) -> Iterator[DockerRegistry]:
    """A registry that speaks TLS."""
    tls = {"certificate": str(authority / "certificate.pem"), "key": str(authority / "key.pem")}
    http = {"addr": "127.0.0.1:0", "tls": tls}
    with docker_registry.running(tmp_path_factory.mktemp("tls"), config={"http": http}) as running:
        running.write(NAME, stored)
        yield running


async def test_is_listed_with_the_authoritys_file(registry: DockerRegistry, authority: Path, stored: Any) -> None:
    settings = RegistrySettings(ca_file=authority / "certificate.pem")
    async with RegistryClient(registry.host, settings) as client:
        assert await client.tags(NAME) == sorted(stored)
        assert (await client.metadata(NAME, "multi"))[0] == stored["multi"].digest


async def test_is_not_trusted_without_it(registry: DockerRegistry) -> None:
    async with RegistryClient(registry.host) as client:
        with pytest.raises(RegistryUnavailable, match="not trusted") as caught:
            await client.tags(NAME)
    assert "ca_file" in caught.value.hint


async def test_is_not_asked_in_clear_where_that_was_not_said(registry: DockerRegistry) -> None:
    async with RegistryClient(registry.host, RegistrySettings(scheme="http")) as client:
        with pytest.raises(RegistryError):
            await client.tags(NAME)
