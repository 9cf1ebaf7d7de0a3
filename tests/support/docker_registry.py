"""Debian's docker-registry as a process of the test, on an ephemeral port of the loopback interface."""

import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from .oci_images import Built, write

LIMIT = 120.0
"""Seconds that a start may take on a loaded machine."""
_LISTENING = re.compile(rb"listening on (127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class DockerRegistry:
    """A running docker-registry."""

    host: str
    """Address and port."""
    storage: Path
    """Its storage folder."""
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}"

    def write(self, name: str, tags: Mapping[str, Built]) -> None:
        """Put images into its storage, behind its back."""
        write(self.storage, name, tags)


def token_auth(realm: str, issuer: str, service: str, certificate: Path) -> dict[str, Any]:
    """Return the ``auth`` section for a token server."""
    return {"token": {"realm": realm, "issuer": issuer, "service": service, "rootcertbundle": str(certificate)}}


def htpasswd_auth(folder: Path, username: str, password: str) -> dict[str, Any]:
    """Return the ``auth`` section for one user, whose password is hashed at the lowest cost."""
    import bcrypt  # noqa: PLC0415  only these tests need it

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "htpasswd"
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=5, prefix=b"2a")).decode()
    path.write_text(f"{username}:{hashed}\n")
    return {"htpasswd": {"realm": "registry of the test", "path": str(path)}}


@contextmanager
def running(
    folder: Path, *, auth: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None
) -> Iterator[DockerRegistry]:
    """Run a registry with its storage in `folder`, and end it afterwards.

    Parameters
    ----------
    auth
        The ``auth`` section of its configuration.
    config
        Further sections, such as ``notifications``.
    """
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (apt-get install docker-registry)")
    storage = folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    document = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {
            "cache": {"blobdescriptor": "inmemory"},
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": "127.0.0.1:0"},
        **({"auth": dict(auth)} if auth else {}),
        **(config or {}),
    }
    path, log = folder / "registry.yml", folder / "registry.log"
    path.write_text(yaml.safe_dump(document))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "serve", str(path)], stdout=output, stderr=output, cwd=folder, env={"PATH": "/usr/bin:/bin"}
        )
    try:
        yield DockerRegistry(_ready(process, log), storage, log, process)
    finally:
        process.kill()
        process.wait(LIMIT)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address once the server answers there."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and process.poll() is None:
        found = _LISTENING.search(log.read_bytes())
        if found is not None and _answers(found[1].decode()):
            return found[1].decode()
        time.sleep(0.02)
    raise RuntimeError(f"docker-registry did not start:\n{log.read_text()[-2000:]}")


def _answers(host: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{host}/v2/", timeout=10).close()
    except urllib.error.HTTPError as error:
        # Without credentials, or without TLS: it answers.
        error.close()
    except OSError:
        return False
    return True
